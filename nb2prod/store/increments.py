"""Increments of counts as they came, each once: what detection reads, in the order of arrival."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import msgspec
import sqlalchemy as sa

from nb2prod.records.monitoring import Increment
from nb2prod.store.engine import Migration, Section

metadata = sa.MetaData()
increments = sa.Table(
    "increments",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("source", sa.String(64), nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("model", sa.String(32), nullable=False),
    sa.Column("grain", sa.String(8), nullable=False),
    sa.Column("period", sa.BigInteger, nullable=False),
    sa.Column("arrived", sa.BigInteger, nullable=False),
    sa.Column("moment", sa.Float),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("counts", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("source", "sequence", "version", "model", "grain", "period"),
    sa.Index("increments_order", "name", "version", "arrived", "period", "source", "sequence"),
)
sources = sa.Table(
    "increment_sources",
    metadata,
    sa.Column("source", sa.String(64), primary_key=True),
    sa.Column("through", sa.BigInteger, nullable=False),
)

Place = tuple[int, int, str, int]
_KEY = ("source", "sequence", "version", "model", "grain", "period")
_WHEN = ("arrived", "moment", "rows")
_CHUNK = 500


class Current(NamedTuple):
    """Whose increments came last."""

    version: int
    model: str
    arrived: int


def _add_moment(connection: sa.Connection) -> None:
    connection.execute(sa.text("ALTER TABLE increments ADD COLUMN moment FLOAT"))


class Increments(Section):
    """Every increment of every deployment, for as long as detection may want it."""

    name = "increments"
    schema: ClassVar[int] = 2
    metadata = metadata
    migrations: ClassVar[Mapping[int, Migration]] = {1: _add_moment}

    def add(self, connection: sa.Connection, given: Iterable[Increment]) -> list[Increment]:
        """Keep increments inside a transaction; returns those that were new."""
        new = []
        statement = (
            self.database.insert(increments)
            .on_conflict_do_nothing(index_elements=list(_KEY))
            .returning(increments.c.id)
        )
        given = list(given)
        through = self._through(connection, {one.source for one in given})
        for one in given:
            if one.sequence <= through.get(one.source, 0):
                continue
            values = {field: getattr(one, field) for field in ("name", *_KEY, *_WHEN)}
            packed = msgspec.msgpack.encode(one.counts)
            if connection.execute(statement, values | {"counts": packed}).first() is not None:
                new.append(one)
        return new

    def after(
        self, name: str, version: int, place: Place | None = None, limit: int = 1000
    ) -> list[tuple[Place, Increment]]:
        """Increments of a version in the order of detection: arrival minute, event period, source, sequence."""
        table = increments.c
        order: Sequence[sa.ColumnElement[Any]] = (table.arrived, table.period, table.source, table.sequence)
        query = sa.select(increments).where(table.name == name, table.version == version).order_by(*order).limit(limit)
        if place is not None:
            query = query.where(sa.tuple_(*order) > sa.tuple_(*(sa.literal(part) for part in place)))
        with self.database.read() as connection:
            return list(_read(connection.execute(query).mappings()))

    def unread(self, name: str, through: int, limit: int = 5000, *, since: float = 0.0) -> list[tuple[int, Increment]]:
        """Increments that came into the store after a place and arrived since a time, with their places, as they came."""
        query = (
            sa.select(increments)
            .where(increments.c.name == name, increments.c.id > through, increments.c.arrived >= int(since))
            .order_by(increments.c.id)
            .limit(limit)
        )
        with self.database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [(row["id"], one) for row, (_, one) in zip(rows, _read(rows), strict=True)]

    def waiting(self, name: str, through: int) -> list[tuple[int, int]]:
        """Places of increments that came into the store after a place, as they came, and when each arrived."""
        query = (
            sa.select(increments.c.id, increments.c.arrived)
            .where(increments.c.name == name, increments.c.id > through)
            .order_by(increments.c.id)
        )
        with self.database.read() as connection:
            return [(row.id, row.arrived) for row in connection.execute(query)]

    def at(self, places: Sequence[int]) -> list[Increment]:
        """The increments at these places."""
        found: list[Increment] = []
        with self.database.read() as connection:
            for start in range(0, len(places), _CHUNK):
                query = sa.select(increments).where(increments.c.id.in_(places[start : start + _CHUNK]))
                found += [one for _, one in _read(connection.execute(query).mappings())]
        return found

    def current(self, name: str, version: int | None = None) -> Current | None:
        """The version and model whose rows came last, or the model of one version; of two in one minute the newer version."""
        table = increments.c
        which = sa.true() if version is None else table.version == version
        query = (
            sa.select(table.version, table.model, table.arrived)
            .where(table.name == name, table.rows > 0, which)
            .order_by(table.arrived.desc(), table.version.desc(), table.id.desc())
            .limit(1)
        )
        with self.database.read() as connection:
            row = connection.execute(query).first()
        return Current(*row) if row else None

    def prune(self, before: float) -> int:
        """Forget increments that arrived before; how many. Their sources' places are kept, so that none is taken twice."""
        old = increments.c.arrived < int(before)
        with self.database.write() as connection:
            last = sa.func.max(increments.c.sequence)
            found = connection.execute(
                sa.select(increments.c.source, last).where(old).group_by(increments.c.source)
            ).all()
            for source, through in found:
                put = self.database.insert(sources).values(source=source, through=through)
                connection.execute(put.on_conflict_do_update(index_elements=["source"], set_={"through": through}))
            return connection.execute(sa.delete(increments).where(old)).rowcount

    def forget(self, connection: sa.Connection, name: str) -> None:
        connection.execute(sa.delete(increments).where(increments.c.name == name))

    def _through(self, connection: sa.Connection, names: set[str]) -> dict[str, int]:
        query = sa.select(sources.c.source, sources.c.through).where(sources.c.source.in_(names))
        return {row.source: row.through for row in connection.execute(query)}


def _read(rows: Iterable[sa.RowMapping]) -> Iterator[tuple[Place, Increment]]:
    for row in rows:
        fields = {field: row[field] for field in ("name", *_KEY, *_WHEN)}
        counts = msgspec.msgpack.decode(row["counts"], type=dict[str, list[tuple[int, int]]])
        place = (row["arrived"], row["period"], row["source"], row["sequence"])
        yield place, msgspec.convert({**fields, "counts": counts}, Increment)
