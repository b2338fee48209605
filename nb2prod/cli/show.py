"""What goes to the screen: cards for people, one JSON document with `--json`, plain text when piped, progress on stderr."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nb2prod.cli import spoken
from nb2prod.errors import OURS, REPORT, Failed, Nb2prodError, Refused, UsageError

if TYPE_CHECKING:
    from nb2prod.records.lifecycle import Progress, Step
    from nb2prod.sdk.card import Card, Table

_TONES = {"done": "green", "decide": "yellow", "wrong": "red", "calm": ""}
_STATES = {"●": "green", "◐": "cyan", "◑": "yellow", "○": "bright_black", "×": "red", "▲": "yellow"}
_LABEL = re.compile(r"^( {0,2}[A-Za-z][A-Za-z ]{0,9}?) {2,}")


def document(content: Any) -> None:
    """One JSON document on stdout; records become objects."""
    import msgspec

    print(json.dumps(spoken.document(msgspec.to_builtins(content)), indent=2, ensure_ascii=False, default=str))


def card(shown: Card, *, err: bool = False) -> None:
    """A card: styled on a terminal, else its plain text."""
    stream = sys.stderr if err else sys.stdout
    shown = spoken.card(shown)
    if not stream.isatty():
        print(shown.text(), file=stream)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=err, highlight=False)
    text = Text(
        dataclasses.replace(shown, tables=(), foot="" if shown.tables else shown.foot).text(min(console.width, 120))
    )
    _style(text, shown)
    if text.plain:
        console.print(text, soft_wrap=True)
    for table in shown.tables:
        console.print(_table(table))
    if shown.tables and shown.foot:
        console.print(shown.foot, style="dim")


@contextmanager
def warned() -> Iterator[None]:
    """While the block runs, a warning is a line on standard error, without the place in the code that it came from."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: print(f"warning: {message}", file=sys.stderr)
        yield


@contextmanager
def progress(as_json: bool = False) -> Iterator[tuple[Progress, Progress]]:
    """The SDK's progress as lines on stderr, the running one with its spinner; quiet where stderr is no terminal."""
    from nb2prod.records.lifecycle import silent

    if as_json or not sys.stderr.isatty():
        yield silent, silent
        return
    from rich.console import Console
    from rich.status import Status

    console = Console(stderr=True, highlight=False)
    with Status("", console=console) as status:
        yield _lines(console, status), silent


def _lines(console: Any, status: Any) -> Progress:
    from nb2prod.sdk.card.shape import step_text

    def told(step: Step) -> None:
        if step.state == "running":
            status.update(f"{step.name:<10} {step.text}")
        else:
            status.update("")
            console.print(step_text(step, min(console.width, 120)), style="red" if step.state == "failed" else None)

    return told


def finished(shown: Card) -> None:
    """The card at the end; its steps were shown as they came where stderr is a terminal."""
    card(dataclasses.replace(shown, steps=()) if sys.stderr.isatty() else shown)


def say(text: str) -> None:
    """A line about what happens, on stderr; quiet when piped."""
    if sys.stderr.isatty():
        print(text, file=sys.stderr)


def error(problem: Nb2prodError, *, as_json: bool, words: Sequence[str] = ()) -> None:
    """The four lines on stderr; with `--json` the seven keys on stdout. What a process wrote last stands at the end."""
    spoken.problem(problem.whole(typed(words)))
    if as_json:
        document(_told(problem, words))
        return
    from nb2prod.sdk import card as cards

    card(cards.error(problem, verb=words[0] if words else ""), err=True)
    for line in problem.log:
        print(line, file=sys.stderr)
    if isinstance(problem, Failed) and problem.__cause__ is not None:
        import traceback

        print("".join(traceback.format_exception(problem.__cause__)), file=sys.stderr)


def _told(problem: Nb2prodError, words: Sequence[str]) -> dict[str, Any]:
    """An error's document; that of `verify` has the fields of every verification beside it."""
    told: dict[str, Any] = {"error": problem.as_dict()}
    if not words or words[0] != "verify":
        return told
    import msgspec

    from nb2prod.records.proof import Verification

    proof = Verification(
        capture="",
        status="refused" if isinstance(problem, UsageError | Refused) else "unverified",
        title=problem.title,
        reason=problem.why,
        fix=problem.fix,
        kept=problem.kept,
        where=problem.where,
        code=problem.code,
    )
    return {**msgspec.to_builtins(proof), **told}


def typed(words: Sequence[str]) -> str:
    """The command as it was typed."""
    return shlex.join(["nb2prod", *words])


def interrupted(*, as_json: bool, words: Sequence[str] = (), kept: str = "") -> None:
    """One line, with what stays where that is known; with `--json` the seven keys."""
    if as_json:
        why = "It was interrupted from the keyboard."
        stopped = Failed("interrupted", code="interrupted", why=why, fix=typed(words), kept=kept)
        document(_told(stopped.whole(typed(words)), words))
    else:
        print(f"\ninterrupted{kept and f': {kept}'}", file=sys.stderr)


def unknown(problem: Exception, trace: str, *, as_json: bool, words: Sequence[str] = ()) -> None:
    """An error that is none of ours: its name and its traceback."""
    failed = Failed(
        f"nb2prod broke: {type(problem).__name__}",
        code="unknown",
        why=f"{problem}. {OURS}" if str(problem) else OURS,
        fix=REPORT,
    )
    error(failed, as_json=as_json, words=words)
    print(trace, file=sys.stderr)


def _style(text: Any, shown: Card) -> None:
    at = 0
    for line in text.plain.split("\n"):
        label = _LABEL.match(line)
        if shown.head and line.startswith(shown.head):
            text.stylize(f"bold {_TONES[shown.tone]}", at, at + len(shown.head))
        elif label:
            text.stylize("dim", at, at + label.end())
        at += len(line) + 1
    for shape, colour in _STATES.items():
        text.highlight_words([shape], style=colour)


def _table(table: Table) -> Any:
    from rich import box
    from rich.table import Table as Rich
    from rich.text import Text

    made = Rich(box=box.SIMPLE_HEAD, title=table.title or None, title_justify="left", pad_edge=False)
    for n, name in enumerate(table.head):
        made.add_column(name, justify="right" if table.align[n : n + 1] == "r" else "left", header_style="dim")
    for row in table.rows:
        made.add_row(*(Text(cell, style=_STATES.get(cell, "")) for cell in row))
    return made


def done(head: str, said: Sequence[str], then: str) -> None:
    """What was done, and what to type next."""
    from nb2prod.sdk.card import Card, Code, Row

    rows = [Row("", tuple(said))] if said else []
    rows += [Row("Next", (Code(then),))] if then else []
    card(Card(head=head, rows=tuple(rows)))
