"""Increments that wait to be fetched, in order, under a byte cap; what the cap takes is counted as lost."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from nb2prod.records.base import Record
from nb2prod.records.monitoring import Increment
from nb2prod.runtime.side import Side

CAP = 64 * 2**20
PAGE = 500
_decoder = msgspec.json.Decoder(Increment)


class Page(Record, frozen=True, kw_only=True):
    """What `/monitoring/panes?after=SEQ` answers.

    `last` is what to ask for next; it holds for this `outbox` alone. `lost` counts rows that the cap took unfetched.
    """

    outbox: str
    last: int
    more: bool
    lost: int
    unmatched: int
    held: int
    increments: tuple[Increment, ...]


class Outbox:
    """The outbox in a side file."""

    def __init__(self, side: Side, cap: int = CAP) -> None:
        self._side = side
        self._cap = cap

    def put(self, increments: Iterable[Increment]) -> None:
        """Add, inside the caller's transaction; the oldest go when the cap is passed."""
        db = self._side.db
        db.executemany(
            "INSERT INTO outbox (rows, body) VALUES (?, ?)",
            [(one.rows, msgspec.json.encode(one)) for one in increments],
        )
        size = db.execute("SELECT coalesce(sum(length(body)), 0) FROM outbox").fetchone()[0]
        while size > self._cap:
            seq, rows, length = db.execute("SELECT seq, rows, length(body) FROM outbox ORDER BY seq LIMIT 1").fetchone()
            db.execute("DELETE FROM outbox WHERE seq=?", (seq,))
            self._side.add("outbox_lost", rows)
            size -= length

    def page(self, after: int = 0, limit: int = PAGE) -> Page:
        """Increments after a place, at most `limit`."""
        db = self._side.db
        found = db.execute(
            "SELECT seq, body FROM outbox WHERE seq>? ORDER BY seq LIMIT ?", (after, limit + 1)
        ).fetchall()
        shown = found[:limit]
        return Page(
            outbox=self._side.uuid,
            last=shown[-1][0] if shown else after,
            more=len(found) > limit,
            lost=self._side.total("outbox_lost"),
            unmatched=self._side.total("unmatched"),
            held=db.execute("SELECT count(*) FROM held").fetchone()[0],
            increments=tuple(_decoder.decode(body) for _, body in shown),
        )

    def fetched(self, upto: int) -> None:
        """The collector has these in its store."""
        with self._side.transaction():
            self._side.db.execute("DELETE FROM outbox WHERE seq<=?", (upto,))
