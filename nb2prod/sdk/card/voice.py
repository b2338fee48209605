"""A cell's voice: the terminal's lines as they are typed in a notebook."""

from __future__ import annotations

import dataclasses
import re

from nb2prod.sdk.card.shape import Card, Code, Item, Row

_VERB = re.compile(r"^nb2prod (?=[a-z])", re.MULTILINE)


def line(text: str) -> str:
    """A line to type, in a cell.

    Examples
    --------
    >>> line("nb2prod start delays")
    '!nb2prod start delays'
    """
    return "%deployments" if text == "nb2prod list" else _VERB.sub("!nb2prod ", text)


def in_cell(card: Card) -> Card:
    """The card with its lines for a notebook."""
    return dataclasses.replace(card, rows=tuple(map(_row, card.rows)))


def _row(row: Row) -> Row:
    return dataclasses.replace(row, items=tuple(map(_item, row.items)))


def _item(item: Item) -> Item:
    return dataclasses.replace(item, text=line(item.text)) if isinstance(item, Code) else item
