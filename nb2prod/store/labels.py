"""What each outbox of counts last told: how far it was read, and how its label join stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import sqlalchemy as sa

from nb2prod.records.base import Record
from nb2prod.store.engine import Migration, Section

metadata = sa.MetaData()
outboxes = sa.Table(
    "label_outboxes",
    metadata,
    sa.Column("outbox", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(255), nullable=False, index=True),
    sa.Column("last", sa.BigInteger, nullable=False),
    sa.Column("collected", sa.Float, nullable=False),
    sa.Column("lost", sa.BigInteger, nullable=False),
    sa.Column("held", sa.BigInteger, nullable=False),
    sa.Column("unmatched", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False, server_default="0"),
)


class Told(Record, frozen=True, kw_only=True):
    """An outbox, how far the store has read it (`last`) and when (epoch seconds).

    `held` labels wait for their prediction, `unmatched` ones waited in vain; `lost` rows were counted but not fetched in time;
    `rows` came from it.
    """

    outbox: str
    name: str
    last: int
    collected: float
    lost: int = 0
    held: int = 0
    unmatched: int = 0
    rows: int = 0


def _add_rows(connection: sa.Connection) -> None:
    connection.execute(sa.text("ALTER TABLE label_outboxes ADD COLUMN rows BIGINT NOT NULL DEFAULT 0"))


class Labels(Section):
    """Where each collector stands, and what joined to nothing."""

    name = "labels"
    schema: ClassVar[int] = 2
    metadata = metadata
    migrations: ClassVar[Mapping[int, Migration]] = {1: _add_rows}

    def tell(self, connection: sa.Connection, told: Told) -> None:
        """Keep what an outbox said, in the transaction that keeps its increments."""
        values: dict[str, Any] = {field: getattr(told, field) for field in told.__struct_fields__}
        here = outboxes.c.outbox == told.outbox
        if not connection.execute(sa.update(outboxes).where(here).values(values)).rowcount:
            connection.execute(sa.insert(outboxes).values(values))

    def outbox(self, outbox: str) -> Told | None:
        with self.database.read() as connection:
            row = connection.execute(sa.select(outboxes).where(outboxes.c.outbox == outbox)).mappings().first()
        return Told(**row) if row else None

    def of(self, name: str) -> list[Told]:
        """Every outbox of a deployment."""
        with self.database.read() as connection:
            rows = connection.execute(sa.select(outboxes).where(outboxes.c.name == name)).mappings()
            return [Told(**row) for row in rows]

    def unjoined(self, name: str) -> tuple[int, int]:
        """How many labels of a deployment wait for their prediction, and how many waited in vain."""
        told = self.of(name)
        return sum(one.held for one in told), sum(one.unmatched for one in told)

    def forget(self, connection: sa.Connection, name: str) -> None:
        connection.execute(sa.delete(outboxes).where(outboxes.c.name == name))
