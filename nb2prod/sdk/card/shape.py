"""A card: a headline, steps, labelled rows, a table, folds. Pure data; it reads as plain text and as HTML.

Prose may hold `code` between backticks. What can be pasted is a `Code`, never cut or wrapped.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any, Literal

from nb2prod.records.lifecycle import Step

LABEL = 11
WIDTH = 120
Tone = Literal["calm", "done", "decide", "wrong"]


@dataclass(frozen=True)
class Code:
    """A line, or lines, to paste; `note` says in a word what it does."""

    text: str
    note: str = ""


Item = str | Code


@dataclass(frozen=True)
class Row:
    """A label and what stands beside it. `beside` puts the items into one line where they fit."""

    label: str
    items: tuple[Item, ...]
    beside: bool = False
    tone: Tone = "calm"


@dataclass(frozen=True)
class Table:
    """Cells of text; a column whose letter in `align` is `r` is set to the right."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    align: str = ""
    title: str = ""


@dataclass(frozen=True)
class Fold:
    """Details behind a summary: shown in HTML, left out of the text."""

    summary: str
    rows: tuple[Row, ...] = ()
    table: Table | None = None
    text: str = ""


@dataclass(frozen=True)
class Card:
    """What a person sees of one thing; `text()` first, `html()` from the same parts.

    Examples
    --------
    >>> print(Card(head="delays 3 is live", rows=(Row("Next", (Code("deployment.stop()"),)),)).text())
    delays 3 is live
    <BLANKLINE>
    Next       deployment.stop()
    """

    head: str = ""
    aside: str = ""
    link: str = ""
    steps: tuple[Step, ...] = ()
    rows: tuple[Row, ...] = ()
    tables: tuple[Table, ...] = ()
    folds: tuple[Fold, ...] = ()
    foot: str = ""
    tone: Tone = "calm"
    indent: int = 0

    def text(self, width: int = WIDTH) -> str:
        """The card as plain text, wrapped to `width`; lines to paste are never wrapped."""
        blocks = [
            "\n".join(step_text(step, width) for step in self.steps),
            _head_text(self, width),
            "\n".join(row_text(row, width, self.indent) for row in self.rows),
            *(table_text(table) for table in self.tables),
            self.foot,
        ]
        if self.indent:  # the four lines of an error stand close under their headline
            blocks[1:3] = ["\n".join(part for part in blocks[1:3] if part)]
        return "\n\n".join(block for block in blocks if block)

    def html(self) -> str:
        """The card as HTML that stands alone: works in light and dark, without a kernel and without scripts."""
        from nb2prod.sdk.card.html import card_html

        return card_html(self)

    def bundle(self) -> dict[str, str]:
        """The card as a MIME bundle: HTML with its plain-text twin."""
        return {"text/plain": self.text(), "text/html": self.html()}

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return self.bundle()

    def __str__(self) -> str:
        return self.text()


def step_text(step: Step, width: int = WIDTH) -> str:
    """One line of progress: `Capture    0.9 s   what was found`."""
    lead = f"{step.name:<{LABEL}}{took(step):>5}   "
    return _hang(lead, step.text, width)


def took(step: Step) -> str:
    """A step's time as shown: seconds, `…` while it runs, `–` where it was not needed."""
    if step.state == "running":
        return "…"
    return "–" if step.seconds is None else f"{step.seconds:.1f} s"


def row_text(row: Row, width: int = WIDTH, indent: int = 0) -> str:
    label = " " * indent + f"{row.label:<{LABEL - indent}}"
    if row.beside:
        line = "   ".join(_item_text(item) for item in row.items)
        if LABEL + len(line) <= width:
            return label + line
    lines: list[str] = []
    for item in row.items:
        lead = label if not lines else " " * LABEL
        if isinstance(item, Code):
            lines.append(lead + _item_text(item).replace("\n", "\n" + " " * LABEL))
        else:
            lines.append("\n".join(_hang(lead if n == 0 else " " * LABEL, part, width) for n, part in _numbered(item)))
    return "\n".join(lines)


def table_text(table: Table) -> str:
    rows = [table.head, *table.rows]
    widths = [max(len(row[n]) for row in rows) for n in range(len(table.head))]
    lines = ["   ".join(_pad(cell, widths[n], _side(table, n)) for n, cell in enumerate(row)).rstrip() for row in rows]
    return "\n".join([table.title, *lines] if table.title else lines)


def _head_text(card: Card, width: int) -> str:
    if not card.aside:
        return card.head
    gap = width - len(card.head) - len(card.aside)
    return card.head + (" " * gap if gap >= 3 else "\n") + card.aside


def _item_text(item: Item) -> str:
    if isinstance(item, str):
        return item
    return f"{item.note}: {item.text}" if item.note else item.text


def _hang(lead: str, text: str, width: int) -> str:
    """`text` after `lead`, its further lines under its first."""
    room = max(width - len(lead), 40)
    lines = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]
    return (lead + ("\n" + " " * len(lead)).join(lines)).rstrip()


def _numbered(text: str) -> list[tuple[int, str]]:
    return list(enumerate(text.split("\n")))


def _side(table: Table, n: int) -> str:
    return table.align[n] if n < len(table.align) else "l"


def _pad(cell: str, width: int, side: str) -> str:
    return cell.rjust(width) if side == "r" else cell.ljust(width)
