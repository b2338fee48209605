"""The rules of capture as a table."""

from __future__ import annotations

from collections.abc import Sequence

from nb2prod.records.capture import RuleRecord
from nb2prod.sdk.card.shape import Card, Row, Table

_WORDS = {"refuse": "refused", "warn": "warning", "note": "note"}


def rules(found: Sequence[RuleRecord]) -> Card:
    """One line a rule; how to accept is said once."""
    lines = tuple(
        (one.code, _WORDS[one.severity] + ("*" if one.strict else ""), "yes" if one.accept else "", one.about)
        for one in found
    )
    fixes = tuple((one.code, one.fix) for one in found)
    return Card(
        head=f"{len(found)} rules",
        tables=(Table(("code", "", "may be accepted", "what it finds"), lines), Table(("code", "fix"), fixes)),
        rows=(
            Row("Accept", ("in a cell, with a reason: `# nb2prod: accept CODE: the reason`",)),
            Row("Strict", ("what has a * is refused with --strict",)),
        ),
    )
