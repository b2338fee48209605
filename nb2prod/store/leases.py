"""Leases: of several agents on one store, one at a time evaluates and acts for a deployment."""

from __future__ import annotations

import time
from typing import ClassVar

import sqlalchemy as sa

from nb2prod.store.engine import Section

metadata = sa.MetaData()
leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("holder", sa.String(255), nullable=False),
    sa.Column("until", sa.Float, nullable=False),
)


class Leases(Section):
    """Who speaks for a deployment, and until when, by the database's own clock."""

    name = "leases"
    schema: ClassVar[int] = 1
    metadata = metadata

    def take(self, name: str, holder: str, seconds: float) -> bool:
        """Take or renew a lease; False while another one holds it."""
        with self.database.write() as connection:
            if not self.database.sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(f"lease:{name}"))))
            now = self._now(connection)
            held = connection.execute(sa.select(leases).where(leases.c.name == name)).mappings().first()
            if held is not None and held["holder"] != holder and held["until"] > now:
                return False
            values = {"holder": holder, "until": now + seconds}
            if held is None:
                connection.execute(sa.insert(leases).values(name=name, **values))
            else:
                connection.execute(sa.update(leases).where(leases.c.name == name).values(**values))
            return True

    def holder(self, name: str) -> str | None:
        """Who holds it now; None where nobody does."""
        with self.database.read() as connection:
            row = connection.execute(sa.select(leases).where(leases.c.name == name)).mappings().first()
            return row["holder"] if row and row["until"] > self._now(connection) else None

    def release(self, holder: str) -> None:
        """Let go of everything that somebody holds."""
        with self.database.write() as connection:
            connection.execute(sa.delete(leases).where(leases.c.holder == holder))

    def inherit(self, place: str) -> None:
        """Let go of what anybody in a place held: whoever calls knows that they have died."""
        with self.database.write() as connection:
            connection.execute(sa.delete(leases).where(leases.c.holder.startswith(place, autoescape=True)))

    def forget(self, connection: sa.Connection, name: str) -> None:
        connection.execute(sa.delete(leases).where(leases.c.name == name))

    def _now(self, connection: sa.Connection) -> float:
        if self.database.sqlite:
            return time.time()
        return float(connection.scalar(sa.select(sa.extract("epoch", sa.func.clock_timestamp()))) or 0.0)
