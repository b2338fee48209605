"""The line behind `%deploy`: a Python expression for the model, and flags. Brackets and quotes hold what belongs together."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from nb2prod.errors import UsageError
from nb2prod.sdk.flags import BY_NAME, FLAGS, Flag

_OPEN, _CLOSE = "([{", ")]}"
_FLAG = re.compile(r"--[A-Za-z]")


@dataclass(frozen=True)
class Line:
    """What was typed: the model's expression (empty: none), the whole line, and the words behind each flag."""

    model: str = ""
    text: str = ""
    words: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)


def parse(line: str) -> Line:
    """Read a line; `UsageError` says what is off in it.

    Examples
    --------
    >>> parse("make_pipeline(scaler, model) --name delays").model
    'make_pipeline(scaler, model)'
    """
    tokens = list(_tokens(line))
    line = line[: tokens[-1][0] + len(tokens[-1][1])] if tokens else ""  # a comment behind it is none of it
    first = next((n for n, (_, word) in enumerate(tokens) if _is_flag(word)), len(tokens))
    model = line[: tokens[first][0]].strip() if first < len(tokens) else line.strip()
    words: dict[str, list[tuple[str, ...]]] = {}
    rest = [word for _, word in tokens[first:]]
    while rest:
        word = rest.pop(0)
        if _is_flag(word):
            flag, values = _taken(word, rest, line)
            words.setdefault(flag.name, []).append(values)
        elif model:
            raise _left_over(word)
        else:
            model = word
    _once(words)
    return Line(model, line.strip(), words)


def help_text() -> str:
    """What `%deploy?` shows: every flag with an example."""
    flags = "\n\n".join(
        f"    {flag.usage}\n        {flag.help}\n        e.g. %deploy model {flag.example}" for flag in FLAGS
    )
    return f"""Deploy a model of this notebook as a verified, monitored service.

    %deploy                                      what can be deployed here, and the line to type
    %deploy model                                name, baseline and labels are found from the notebook
    %deploy make_pipeline(scaler, model)         any Python expression
    %deploy model --name delays --data X_train --labels y_train --holdout X_test y_test
    %deploy model --p99-ms 50 --availability 0.999      service levels: be told when an hour misses them
    %deploy models:/delays/2                     a version that is registered already

    %%deploy --name delays --data X_train        the cell defines predict(frame)
    def predict(frame):
        return model.predict(clean(frame))

Afterwards the variable `deployment` is its handle: deployment.predict(frame), deployment.drift(), deployment.stop().
%deployments lists what is live.

Flags

{flags}
"""


def _tokens(line: str) -> Iterator[tuple[int, str]]:
    """Words at the top level, with where they begin, up to a comment."""
    depth, quote, begin = 0, "", -1
    for n, letter in enumerate(line):
        if begin < 0 and letter == "#" and depth <= 0 and line[n + 1 : n + 2] in ("", " "):
            return
        if begin < 0 and not letter.isspace():
            begin = n
        if quote:
            quote = "" if letter == quote and line[n - 1] != "\\" else quote
        elif letter in "'\"":
            quote = letter
        elif letter in _OPEN:
            depth += 1
        elif letter in _CLOSE:
            depth -= 1
        elif letter.isspace() and depth <= 0 and begin >= 0:
            yield begin, line[begin:n]
            begin = -1
    if quote or depth > 0:
        raise UsageError(
            "The line ends inside a quote or a bracket",
            code="unfinished-line",
            where=f"%deploy {line}",
            why="A quote or bracket that was opened is not closed.",
            fix="%deploy model --name delays",
            kept="nothing was made",
        )
    if begin >= 0:
        yield begin, line[begin:].rstrip()


def _is_flag(word: str) -> bool:
    return bool(_FLAG.match(word))


def _taken(word: str, rest: list[str], line: str) -> tuple[Flag, tuple[str, ...]]:
    """The flag and what follows it; `--name=delays` is the same as `--name delays`."""
    name, joined, value = word.partition("=")
    flag = BY_NAME.get(name)
    if flag is None:
        raise _unknown(name, line, last=not rest)
    if joined:
        rest.insert(0, value)
    values = tuple(rest[: len(flag.takes)])
    if len(values) < len(flag.takes) or any(_is_flag(item) for item in values):
        raise _missing(flag, line, values)
    del rest[: len(flag.takes)]
    if joined and not flag.takes:
        raise _left_over(value)
    return flag, values


def _once(words: dict[str, list[tuple[str, ...]]]) -> None:
    for name, found in words.items():
        if len(found) > 1 and not BY_NAME[name].repeated:
            raise UsageError(
                f"{name} stands twice in the line",
                code="flag-twice",
                where=f"%deploy … {name}",
                why="It takes one value.",
                fix=f"%deploy model {BY_NAME[name].example}",
                kept="nothing was made",
            )


def _unknown(name: str, line: str, *, last: bool) -> UsageError:
    near = difflib.get_close_matches(name, BY_NAME, n=1, cutoff=0.75)
    fix = f"%deploy {line.strip().replace(name, BY_NAME[near[0]].example if last else near[0])}" if near else "%deploy?"
    return UsageError(
        f"%deploy has no flag {name}",
        code="unknown-flag",
        where=f"%deploy … {name}",
        why=f"The nearest flag is {near[0]}." if near else "`%deploy?` lists the flags.",
        fix=fix,
        kept="nothing was made",
    )


def _missing(flag: Flag, line: str, values: tuple[str, ...]) -> UsageError:
    needed = " and ".join(flag.takes)
    given = [flag.name, *(word for word in values if not _is_flag(word))]
    return UsageError(
        f"{flag.name} needs {needed}",
        code="flag-value",
        where=f"%deploy … {flag.name}",
        why=flag.help,
        fix=f"%deploy {line.strip().replace(' '.join(given), flag.example, 1)}",
        kept="nothing was made",
    )


def _left_over(word: str) -> UsageError:
    return UsageError(
        f"`{word}` belongs to no flag",
        code="left-over",
        where=f"%deploy … {word}",
        why="The model comes first, then the flags; each takes as many words as `%deploy?` shows.",
        fix="%deploy model --holdout X_test y_test",
        kept="nothing was made",
    )


def is_name(text: str) -> bool:
    """Whether the expression is nothing but a variable's name."""
    return text.isidentifier()


def unquoted(text: str) -> str:
    """`"delays"` and `delays` are the same name."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return str(ast.literal_eval(text))
    return text
