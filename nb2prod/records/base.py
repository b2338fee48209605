"""What every record shares: frozen, JSON both ways, unknown schemas refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import msgspec

from nb2prod.errors import Conflict, Failed

R = TypeVar("R", bound="Record")


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """A frozen record; two with equal fields are equal. Change one with `msgspec.structs.replace`."""


def to_json(record: Any) -> bytes:
    """Readable JSON with sorted keys: the same record gives the same bytes."""
    return msgspec.json.format(msgspec.json.encode(record, order="sorted"), indent=1) + b"\n"


def from_json(data: bytes, kind: type[R], *, where: str = "") -> R:
    """Read a record, refusing one that a newer nb2prod wrote.

    Raises
    ------
    Conflict
        The ``schema`` in the data is newer than this code's.
    Failed
        The data is no such record.
    """
    known = getattr(kind, "SCHEMA", None)
    if known is not None:
        found = _schema(data)
        if found > known:
            raise Conflict(
                f"{where or kind.__name__} was written by a newer nb2prod",
                code="newer-schema",
                where=where,
                why=f"It has schema {found}; this nb2prod reads up to {known}.",
                fix="pip install --upgrade nb2prod",
                kept="nothing was changed",
            )
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as error:
        raise Failed(
            f"{where or kind.__name__} cannot be read",
            code="unreadable-record",
            where=where,
            why=str(error),
            fix="nb2prod doctor --fix",
        ) from error


def read(path: Path, kind: type[R]) -> R:
    """`from_json` of a file; a missing file raises `FileNotFoundError`."""
    return from_json(path.read_bytes(), kind, where=str(path))


def _schema(data: bytes) -> int:
    try:
        return msgspec.json.decode(data, type=_Versioned).schema
    except msgspec.DecodeError:
        return 0


class _Versioned(msgspec.Struct):
    schema: int = 0
