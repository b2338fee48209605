"""One value against one column: what passes, in which form, and how a refusal reads. No message holds a value."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import numpy as np

from nb2prod.errors import InputError
from nb2prod.records.capture import Column, Signature

NOUNS: Final = {
    "number": "numbers",
    "integer": "integers",
    "boolean": "booleans",
    "category": "categories, sent as text",
    "text": "text",
    "datetime": "date-times, sent as ISO 8601 text or epoch milliseconds",
    "other": "objects",
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FRACTION: Final = re.compile(r"[.,]\d{6}(\d{1,3})")
_INT_BOUNDS: Final = (-(2**63), 2**64 - 1)


class Misfit(Exception):
    """A value does not fit its column; the text says what it is instead (``text``, ``null``)."""


Check = Callable[[Any], Any]


def check(column: Column) -> Check:
    """The function that checks and converts one non-null value of the column; raises `Misfit`."""
    match column.kind:
        case "number":
            return _decimal if column.dtype == "object" else _number(column.dtype)
        case "integer":
            return _integer(column.dtype)
        case "boolean":
            return _boolean
        case "category":
            return _category
        case "text":
            return _text
        case "datetime":
            return nanoseconds
    return _anything


def bounds(dtype: str) -> tuple[int, int]:
    """Smallest and largest integer of a numpy or pandas dtype name; 64 bits where it has none."""
    plain = dtype.lower().split("[")[0]
    if not re.fullmatch(r"u?int(8|16|32|64)", plain):
        return _INT_BOUNDS
    info = np.iinfo(plain)
    return int(info.min), int(info.max)


def largest(dtype: str) -> float | None:
    """The largest finite value of a float dtype narrower than 64 bits, else None."""
    plain = dtype.lower().split("[")[0]
    return float(np.finfo(plain).max) if plain in ("float16", "float32") else None


def nanoseconds(value: Any) -> int:
    """ISO 8601 text or epoch milliseconds as epoch nanoseconds; a text without an offset is UTC."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            raise Misfit("text that is no ISO 8601 date-time") from None
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        past = moment - _EPOCH
        finer = _FRACTION.search(value)
        rest = int(finer[1].ljust(3, "0")) if finer else 0
        return (past.days * 86_400 + past.seconds) * 10**9 + past.microseconds * 1000 + rest
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Misfit(found(value))
    if not math.isfinite(value) or abs(value) > 2.6e14:
        raise Misfit("a number outside the years 1 to 9999")
    return value * 10**6 if isinstance(value, int) else round(value * 1e6)


def found(value: Any) -> str:
    """What a JSON value is, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, float) and not math.isfinite(value):
        return "not finite"
    names: tuple[tuple[type, str], ...] = (
        (str, "text"),
        (int, "an integer"),
        (float, "a number"),
        (dict, "an object"),
        (list, "a list"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), "of a type that JSON does not have")


def _number(dtype: str) -> Check:
    most = largest(dtype)

    def number(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Misfit(found(value))
        try:
            value = float(value)
        except OverflowError:
            raise Misfit("too large a number") from None
        if not math.isfinite(value):
            raise Misfit("not finite")
        if most is not None and abs(value) > most:
            raise Misfit(f"too large for {dtype}")
        return value

    return number


def _decimal(value: Any) -> Any:
    if isinstance(value, str):
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise Misfit("text that is no number") from None
        if not number.is_finite():
            raise Misfit("not finite")
        return number
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Misfit(found(value))
    if not math.isfinite(value):
        raise Misfit("not finite")
    return value


def _integer(dtype: str) -> Check:
    low, high = bounds(dtype)

    def integer(value: Any) -> Any:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise Misfit("a fraction" if isinstance(value, float) and math.isfinite(value) else found(value))
        if not low <= value <= high:
            raise Misfit(f"out of the range of {dtype}")
        return value

    return integer


def _boolean(value: Any) -> Any:
    if not isinstance(value, bool):
        raise Misfit(found(value))
    return value


def _text(value: Any) -> Any:
    if not isinstance(value, str):
        raise Misfit(found(value))
    return value


def _category(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float) and not (isinstance(value, float) and not math.isfinite(value)):
        return str(value)
    raise Misfit(found(value))


def _anything(value: Any) -> Any:
    return value


# What a refusal says.


def pointer(*parts: str | int) -> str:
    """A JSON Pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def misfit(column: Column, row: int, what: str, at: str) -> InputError:
    """A value of the wrong type or range."""
    name = column.name
    if what == "null":
        return InputError(
            f"Column {name!r} is null in row {row}",
            code="null",
            where=f"row {row}, column {name!r}",
            why="No row that the model was trained on lacks it, so the model has never answered without it.",
            fix=f"frame[{name!r}] = frame[{name!r}].fillna(…)      or deploy with --nullable {name}",
            pointer=at,
            column=name,
        )
    return InputError(
        f"Column {name!r} is {what} in row {row}; the model was trained on {NOUNS[column.kind]}",
        code="wrong-type",
        where=f"row {row}, column {name!r}",
        why=f"The model was trained on {NOUNS[column.kind]} ({column.dtype}) there; this is {what}.",
        fix=_repair(column),
        pointer=at,
        column=name,
    )


def _repair(column: Column) -> str:
    it = f"frame[{column.name!r}]"
    match column.kind:
        case "number":
            return f"{it} = pd.to_numeric({it})"
        case "integer":
            return f"{it} = pd.to_numeric({it}).round().astype({column.dtype!r})"
        case "boolean":
            return f"{it} = {it}.astype(bool)"
        case "datetime":
            return f"{it} = pd.to_datetime({it})"
    return f"{it} = {it}.astype(str)"


def unknown_column(name: str, row: int, signature: Signature, at: str) -> InputError:
    """A column that the model does not have."""
    name = name[:80]
    near = difflib.get_close_matches(name, signature.names, n=1)
    fix = f"frame = frame.drop(columns=[{name!r}])      or deploy with --extra-columns ignore"
    if near:
        fix = f"frame = frame.rename(columns={{{name!r}: {near[0]!r}}})"
    return InputError(
        f"The model has no column {name!r}",
        code="unknown-column",
        where=f"row {row}",
        why=f"It was trained on {listed(signature.names)}.",
        fix=fix,
        pointer=at,
    )


def missing_column(name: str, row: int, at: str) -> InputError:
    """A column that a row lacks."""
    return InputError(
        f"Row {row} has no column {name!r}",
        code="missing-column",
        where=f"row {row}",
        why="Every row names every column of the model; a missing value is written null.",
        fix=f"frame[{name!r}] = …      (GET /schema lists the columns)",
        pointer=at,
        column=name,
    )


def wrong_shape(expected: str, what: str, row: int | None, at: str, fix: str) -> InputError:
    """A row, or the whole of them, of another shape than the model's."""
    place = "the request" if row is None else f"row {row}"
    return InputError(
        f"{place[0].upper()}{place[1:]} is {what}, not {expected}",
        code="wrong-shape",
        where=place,
        why=f"The model takes {expected}.",
        fix=fix,
        pointer=at,
    )


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names in words, the first dozen of them."""
    shown = ", ".join(repr(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
