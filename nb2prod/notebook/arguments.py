"""From the words of a line to the SDK's arguments: Python is evaluated in the user's namespace, numbers are read."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

from nb2prod.errors import UsageError
from nb2prod.notebook.line import Line, is_name, unquoted
from nb2prod.sdk.flags import BY_NAME, Flag, given


def arguments(line: Line, namespace: Mapping[str, Any]) -> dict[str, Any]:
    """The keyword arguments that the flags of `line` stand for."""
    return given(
        {
            BY_NAME[name].keyword: _value(BY_NAME[name], found, namespace, line.text)
            for name, found in line.words.items()
        }
    )


def model(expression: str, namespace: Mapping[str, Any], typed: str = "") -> Any:
    """What the SDK is given: a name as it is, so that it can say more of it; a URI as it is; else the expression's value."""
    text = unquoted(expression)
    if is_name(text) or text.startswith(("models:/", "runs:/")):
        return text
    return evaluated(expression, namespace, typed or expression)


def evaluated(expression: str, namespace: Mapping[str, Any], typed: str = "") -> Any:
    """The value of a Python expression of the user's; a name that is not there is a `UsageError`.

    `typed` is the line that it stands in: the fix is that line, mended.
    """
    where = f"%deploy … {expression}"
    known = dict(namespace)
    if "make_pipeline(" in expression and "make_pipeline" not in known:  # cards offer such lines
        from sklearn.pipeline import make_pipeline

        known["make_pipeline"] = make_pipeline
    try:
        return eval(expression, known)
    except NameError as error:
        missing = error.name or expression
        near = difflib.get_close_matches(missing, [name for name in namespace if not name.startswith("_")], n=1)
        raise UsageError(
            f"There is no variable `{missing}` in this notebook",
            code="no-such-variable",
            where=where,
            why=f"The nearest name is `{near[0]}`." if near else "No executed cell has made it.",
            fix=f"%deploy {_renamed(typed or expression, missing, near[0])}" if near else f"{missing} = …",
            kept="nothing was made",
        ) from error
    except Exception as error:
        if not isinstance(error, SyntaxError):
            raise UsageError(
                f"`{expression}` cannot be evaluated",
                code="bad-expression",
                where=where,
                why=f"{type(error).__name__}: {error}".splitlines()[0][:300],
                fix="%deploy model --data DATA --labels LABELS",
                kept="nothing was made",
            ) from error
        raise UsageError(
            f"`{expression}` is not a Python expression",
            code="not-an-expression",
            where=where,
            why=f"Python says: {error.msg}.",
            fix="%deploy model --name delays",
            kept="nothing was made",
        ) from error


def _renamed(line: str, name: str, other: str) -> str:
    return re.sub(rf"\b{re.escape(name)}\b", other, line)


def _value(flag: Flag, found: list[tuple[str, ...]], namespace: Mapping[str, Any], typed: str) -> Any:
    if flag.kind == "switch":
        return True
    if flag.kind == "values":
        return tuple(_named_or_made(word, namespace, typed) for word in found[0])
    if flag.kind == "value":
        return _named_or_made(found[0][0], namespace, typed)
    if flag.kind in ("number", "integer"):
        return _number(flag, found[0][0])
    words = tuple(_chosen(flag, unquoted(word)) for (word,) in found)
    return words if flag.repeated else words[0]


def _named_or_made(word: str, namespace: Mapping[str, Any], typed: str) -> Any:
    """A name stays one, so that the capture knows what the data is called."""
    return word if is_name(word) and word in namespace else evaluated(word, namespace, typed)


def _number(flag: Flag, word: str) -> float | int:
    try:
        return int(word) if flag.kind == "integer" else float(word)
    except ValueError as error:
        raise _bad(flag, word, "a whole number" if flag.kind == "integer" else "a number") from error


def _chosen(flag: Flag, word: str) -> str:
    if flag.choices and word not in flag.choices:
        raise _bad(flag, word, "one of " + ", ".join(flag.choices))
    return word


def _bad(flag: Flag, word: str, needed: str) -> UsageError:
    return UsageError(
        f"{flag.name} needs {needed}",
        code="flag-value",
        where=f"%deploy … {flag.name} {word}",
        why=flag.help,
        fix=f"%deploy model {flag.example}",
        kept="nothing was made",
    )
