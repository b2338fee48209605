"""The models that counts stand against: baseline and signature under the key that increments carry."""

from __future__ import annotations

from typing import ClassVar

import msgspec
import sqlalchemy as sa

from nb2prod.store.engine import Section

metadata = sa.MetaData()
baselines = sa.Table(
    "baselines",
    metadata,
    sa.Column("model", sa.String(32), primary_key=True),
    sa.Column("name", sa.String(255), nullable=False, index=True),
    sa.Column("files", sa.LargeBinary, nullable=False),
)


class Baselines(Section):
    """A model's few small files, so that any client of the store can read its counts."""

    name = "baselines"
    schema: ClassVar[int] = 1
    metadata = metadata

    def has(self, connection: sa.Connection, model: str) -> bool:
        return connection.execute(sa.select(baselines.c.model).where(baselines.c.model == model)).first() is not None

    def keep(self, connection: sa.Connection, name: str, model: str, files: dict[str, bytes]) -> None:
        if not self.has(connection, model):
            packed = msgspec.msgpack.encode(files)
            connection.execute(sa.insert(baselines).values(model=model, name=name, files=packed))

    def files(self, model: str) -> dict[str, bytes] | None:
        """File name → bytes, as they lie in the model's folder; None where the store has none."""
        with self.database.read() as connection:
            packed = connection.scalar(sa.select(baselines.c.files).where(baselines.c.model == model))
        return None if packed is None else msgspec.msgpack.decode(packed, type=dict[str, bytes])

    def forget(self, connection: sa.Connection, name: str) -> None:
        connection.execute(sa.delete(baselines).where(baselines.c.name == name))
