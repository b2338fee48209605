"""The terminal's voice: lines that name the magic say what is typed here instead, with the notebook that was named.

Rooms below write their fixes for a notebook (`%deploy model --env KEY`). This is the one place that knows that a terminal
asks, which verb and which notebook; cards and documents pass through it on their way out.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nb2prod.sdk.flags import BY_NAME, mended, under_its_name

if TYPE_CHECKING:
    from nb2prod.errors import Nb2prodError
    from nb2prod.sdk.card import Card, Row

_LINES = ("fix", "where", "why", "reason", "title")
_CELL = re.compile(r"%%deploy(?P<flags>[^\n]*)\n(?P<body>.*)", re.DOTALL)
_OF_THE_COMMAND = {"--cell-timeout": 1}
"""Flags of the commands alone, with how many words each takes."""
_UNSET = re.compile(r"%env (\w+)=(?=\s|$)")
_SET = re.compile(r"import os; os\.environ\['(\w+)'\] = …")
_PLACEHOLDER = re.compile(r"nb2prod (?:verify|deploy) (?:NOTEBOOK|notebook)\.ipynb --model (?:NAME|model)\b")
_RUN_AGAIN = re.compile(r"run (?P<cells>cells? \d[^%]*?),?(?: again)? and %deploy again\b")
_CANARY = re.compile(r'nb2prod\.get\("([^"]+)"\)\.canary\((\d+), percent=([\d.]+)\)')
_BELOW = "# in a cell of its own below cell"
_NAME = re.compile(r"[A-Za-z_]\w*(?![\w(.\[])")


@dataclass(frozen=True)
class Door:
    """What was typed: the verb that runs a notebook, the notebook, and the variable that holds its model."""

    verb: str = "deploy"
    notebook: str = "notebook.ipynb"
    model: str = "model"
    deploys: bool = False
    flags: Mapping[str, Sequence[tuple[str, ...]]] = field(default_factory=dict)

    def fix(self, text: str, error: Nb2prodError) -> str:
        """A fix as a whole line for this terminal, with the flags that were typed."""
        if text.startswith("--") and not self.deploys:
            return text
        missing = error.code == "no-such-variable" and error.where == f"%deploy {self.model}" and " --" not in text
        wrong = missing or error.code == "not-a-model"
        if wrong:  # what was typed is none: the fix names one that is
            named = re.match(r"%deploy ([A-Za-z_]\w*)", text)
            return replace(self, model=named[1] if named else Door.model)._whole(text, error.where)
        return self._whole(text, error.where)

    def mend(self, text: str) -> str:
        """The fix of a finding, as of an error."""
        if _BELOW in text:
            return text
        whole = self.deploys and (
            text.startswith(("--", "%deploy")) or _PLACEHOLDER.match(text) or _RUN_AGAIN.match(text)
        )
        return self._whole(text, "") if whole else self.line(text)

    def _below(self, text: str) -> str | None:
        """A command runs a notebook from its first cell, so that running a cell again is no help: it ends before what spoils."""
        found = _RUN_AGAIN.match(text) if self.deploys else None
        if found is None:
            return None
        command = f"nb2prod {self.verb} {self.notebook} --model {self.model}"
        cell = re.findall(r"\d+", found["cells"])[-1]
        then = mended(command, command, self.flags)
        load = "" if self._loads() else "%load_ext nb2prod\n"
        return f"{load}%deploy {self.model}\n{_BELOW} {cell}: the cells after it are not run. Then\n{then}"

    def _loads(self) -> bool:
        """Whether a cell of the notebook makes the line known."""
        (path,) = shlex.split(self.notebook)
        return Path(path).is_file() and "load_ext nb2prod" in Path(path).read_text("utf-8", errors="replace")

    def _whole(self, text: str, where: str) -> str:
        if _BELOW in text:
            return text
        if ended := self._below(text):
            return ended
        line = self.line(under_its_name(text, self.flags, where))
        command = f"nb2prod {self.verb} {self.notebook} --model "
        named = re.match(rf"{re.escape(command)}(\S+)", line)
        return mended(line, command + (named[1] if named else self.model), self.flags, where)

    def line(self, text: str) -> str:
        """`text` with each magic as the command that does the same.

        Examples
        --------
        >>> Door(notebook="delays.ipynb").line("%deploy clf --data X_train")
        'nb2prod deploy delays.ipynb --model clf --data X_train'
        """
        text = _SET.sub(r"export \1=…", _UNSET.sub(r"unset \1", text))
        text = _CANARY.sub(r"nb2prod canary \1 \2 --percent \3", text)
        if self.deploys:
            text = _PLACEHOLDER.sub(f"nb2prod {self.verb} {self.notebook} --model {self.model}", text)
        if "%deploy" not in text:
            return text
        text = text.replace("%deployments", "nb2prod list").replace("%deploy?", f"nb2prod {self.verb} --help")
        text = _CELL.sub(self._cell, text)
        before, *rest = text.split("%deploy")
        return before + "".join(map(self._command, rest))

    def _command(self, rest: str) -> str:
        """What follows one `%deploy`: a model, a registered version, or flags alone."""
        given = rest.lstrip(" …")
        if given.startswith("models:/"):
            return f"nb2prod deploy {given}"
        command = f"nb2prod {self.verb} {self.notebook} --model"
        if given.startswith("again"):
            whole = f"{command} {self.model}"
            return mended(whole, whole, self.flags) + given.removeprefix("again")
        if given.startswith(("-", "#", "\n")) or not given:
            return f"{command} {self.model} {given}".rstrip(" ")
        name = _NAME.match(given)
        if name:
            chosen = self.model if name[0] == Door.model else name[0]
            return f"{command} {chosen}{given[name.end() :]}"
        return self._expression(given, command)

    def _expression(self, given: str, command: str) -> str:
        """A command names a variable: an expression gets one in the notebook first."""
        made, flag, flags = given.partition(" --")
        return f"deployed = {made.strip()}      # a last cell of {self.notebook}, then\n{command} deployed{flag}{flags}"

    def _cell(self, found: re.Match[str]) -> str:
        """A `%%deploy` cell: its function in a cell, then the command that names it."""
        command = f"nb2prod {self.verb} {self.notebook} --model predict{found['flags'].rstrip()}"
        return f"{found['body']}\n# in a cell of {self.notebook}, then\n{command}"


_NOTHING_SAID = Door()
_ASKED: ContextVar[Door] = ContextVar("asked", default=_NOTHING_SAID)


@contextmanager
def asking(words: Sequence[str]) -> Iterator[None]:
    """While the block runs, what is shown answers this command."""
    notebook = next(map(_there, (word for word in words if word.endswith(".ipynb"))), Door.notebook)
    notebook = shlex.quote(notebook)
    verb = "verify" if words and words[0] == "verify" else "deploy"
    deploys = bool(words) and words[0] in ("deploy", "verify")
    flags = _flags(words) if deploys else {}
    before = _ASKED.set(Door(verb, notebook, _after(words, "--model") or Door.model, deploys, flags))
    try:
        yield
    finally:
        _ASKED.reset(before)


def about(model: str) -> None:
    """The model that the command turned out to be about."""
    _ASKED.set(replace(_ASKED.get(), model=model))


def line(text: str) -> str:
    """A line of text for this terminal."""
    return _ASKED.get().line(text)


def problem(error: Nb2prodError) -> Nb2prodError:
    """The error with its lines for this terminal; the same object."""
    error.fix = _ASKED.get().fix(error.fix, error)
    error.where, error.why = line(error.where), line(error.why)
    error.title = line(error.title)
    return error


def card(shown: Card) -> Card:
    """The card with its lines for this terminal."""
    return dataclasses.replace(shown, rows=tuple(map(_row, shown.rows)))


def document(content: Any) -> Any:
    """A JSON document whose fixes are for this terminal."""
    if isinstance(content, dict):
        return {key: _field(key, value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [document(one) for one in content]
    return content


def _there(notebook: str) -> str:
    """The notebook, or the one beside it whose name is nearest."""
    return notebook if Path(notebook).is_file() else near(notebook) or Door.notebook


def near(notebook: str) -> str | None:
    """The notebook beside one that is not there whose name is nearly the same."""
    path = Path(notebook)
    beside = {file.stem: str(file) for file in sorted(path.parent.glob("*.ipynb"))}
    found = difflib.get_close_matches(path.stem, beside, n=1)
    return beside[found[0]] if found else None


def _flags(words: Sequence[str]) -> dict[str, list[tuple[str, ...]]]:
    """The words behind each flag of a deploy, quoted as a shell needs them."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for n, word in enumerate(words):
        name, joined, value = word.partition("=")
        takes = len(BY_NAME[name].takes) if name in BY_NAME else _OF_THE_COMMAND.get(name)
        if takes is not None:
            behind = (value,) if joined else words[n + 1 : n + 1 + takes]
            found.setdefault(name, []).append(tuple(map(shlex.quote, behind)))
    return found


def _after(words: Sequence[str], flag: str) -> str:
    """The value of a flag, `--model clf` or `--model=clf`."""
    for n, word in enumerate(words):
        if word == flag:
            return "".join(words[n + 1 : n + 2])
        if word.startswith(f"{flag}="):
            return word.partition("=")[2]
    return ""


def _field(key: str, value: Any) -> Any:
    if key == "fix" and isinstance(value, str):
        return _ASKED.get().mend(value)
    return line(value) if key in _LINES and isinstance(value, str) else document(value)


def _row(row: Row) -> Row:
    mend = _ASKED.get().mend
    items = [line(one) if isinstance(one, str) else dataclasses.replace(one, text=mend(one.text)) for one in row.items]
    return dataclasses.replace(row, items=tuple(items))
