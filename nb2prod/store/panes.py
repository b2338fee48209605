"""Panes: counts by event period. Minutes become hours after 2 hours, hours days after 14 days; exact, stored sparse."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import msgspec
import sqlalchemy as sa

from nb2prod.baseline import ORDER
from nb2prod.records.base import Record
from nb2prod.records.monitoring import Grain, Increment
from nb2prod.store.engine import Section

metadata = sa.MetaData()
panes = sa.Table(
    "panes",
    metadata,
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("model", sa.String(32), primary_key=True),
    sa.Column("grain", sa.String(8), primary_key=True),
    sa.Column("period", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("counts", sa.LargeBinary, nullable=False),
)

Sparse = dict[str, list[tuple[int, int]]]
Key = tuple[str, int, str, str, int]
SECONDS: dict[Grain, int] = {"minute": 60, "hour": 3600, "day": 86400}
MINUTES_KEPT = 2 * 3600
HOURS_KEPT = 14 * 86400
_COLUMNS = (panes.c.name, panes.c.version, panes.c.model, panes.c.grain, panes.c.period)


class Pane(Record, frozen=True, kw_only=True):
    """Counts of one event period; `period` is its start in epoch seconds (UTC)."""

    grain: Grain
    period: int
    rows: int
    counts: Sparse


class Panes(Section):
    """Every pane of every version of every deployment."""

    name = "panes"
    schema: ClassVar[int] = 1
    metadata = metadata

    def add(self, connection: sa.Connection, increments: Iterable[Increment]) -> None:
        """Add increments that are new to their panes, inside the transaction that keeps them; how rows followed each other is
        of their batches and no pane's."""
        gathered: dict[Key, list[tuple[int, Sparse]]] = defaultdict(list)
        for one in increments:
            counts = {name: pairs for name, pairs in one.counts.items() if name != ORDER}
            gathered[one.name, one.version, one.model, one.grain, one.period].append((one.rows, counts))
        for key, parts in sorted(gathered.items()):
            _merge(connection, key, parts)

    def of(self, name: str, version: int, model: str) -> list[Pane]:
        """Panes of a version in the order of their periods."""
        query = (
            sa.select(panes.c.grain, panes.c.period, panes.c.rows, panes.c.counts)
            .where(panes.c.name == name, panes.c.version == version, panes.c.model == model)
            .order_by(panes.c.period)
        )
        with self.database.read() as connection:
            return [
                Pane(grain=grain, period=period, rows=rows, counts=_unpack(counts))
                for grain, period, rows, counts in connection.execute(query)
            ]

    def versions(self, name: str) -> list[tuple[int, str, int]]:
        """Version, model and rows of everything that was counted under a name."""
        query = (
            sa.select(panes.c.version, panes.c.model, sa.func.sum(panes.c.rows))
            .where(panes.c.name == name)
            .group_by(panes.c.version, panes.c.model)
            .order_by(panes.c.version)
        )
        with self.database.read() as connection:
            return [(version, model, int(rows)) for version, model, rows in connection.execute(query)]

    def roll_up(self, now: float) -> int:
        """Add panes that are past their grain's time to the next coarser one; how many."""
        return self._roll("minute", "hour", now - MINUTES_KEPT) + self._roll("hour", "day", now - HOURS_KEPT)

    def forget(self, connection: sa.Connection, name: str) -> None:
        connection.execute(sa.delete(panes).where(panes.c.name == name))

    def _roll(self, fine: Grain, coarse: Grain, before: float) -> int:
        """Whole coarse periods only: what belongs together moves together."""
        unit = SECONDS[coarse]
        old = (panes.c.grain == fine) & (panes.c.period < int(before // unit * unit))
        with self.database.read() as connection:
            if connection.execute(sa.select(panes.c.period).where(old).limit(1)).first() is None:
                return 0
        with self.database.write() as connection:
            gathered: dict[Key, list[tuple[int, Sparse]]] = defaultdict(list)
            found = connection.execute(sa.select(panes).where(old)).mappings().all()
            for row in found:
                key: Key = (row["name"], row["version"], row["model"], coarse, row["period"] // unit * unit)
                gathered[key].append((row["rows"], _unpack(row["counts"])))
            for key, parts in sorted(gathered.items()):
                _merge(connection, key, parts)
            connection.execute(sa.delete(panes).where(old))
        return len(found)


def add_sparse(parts: Iterable[Mapping[str, Iterable[tuple[int, int]]]]) -> Sparse:
    """Add sparse counts; buckets that come to nothing are left out."""
    total: dict[str, dict[int, int]] = {}
    for part in parts:
        for name, pairs in part.items():
            held = total.setdefault(name, {})
            for place, count in pairs:
                held[place] = held.get(place, 0) + count
    return {name: sorted((place, count) for place, count in held.items() if count) for name, held in total.items()}


def _merge(connection: sa.Connection, key: Key, parts: list[tuple[int, Sparse]]) -> None:
    here = sa.tuple_(*_COLUMNS) == sa.tuple_(*(sa.literal(value) for value in key))
    found = connection.execute(sa.select(panes.c.rows, panes.c.counts).where(here).with_for_update()).first()
    if found is not None:
        parts = [*parts, (found[0], _unpack(found[1]))]
    rows = sum(part[0] for part in parts)
    values: dict[str, Any] = {"rows": rows, "counts": msgspec.msgpack.encode(add_sparse(part[1] for part in parts))}
    if found is not None:
        connection.execute(sa.update(panes).where(here).values(values))
    else:
        names = ("name", "version", "model", "grain", "period")
        connection.execute(sa.insert(panes).values(dict(zip(names, key, strict=True)) | values))


def _unpack(counts: bytes) -> Sparse:
    return msgspec.msgpack.decode(counts, type=Sparse)
