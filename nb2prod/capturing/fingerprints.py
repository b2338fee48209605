"""What rows hold, in few bytes: taken at a fit, compared at a deploy, for one process (texts are told by Python's own hash).

Only plain rows are looked at (pandas, numpy, lists of texts and numbers, sparse matrices), at fixed positions where they are
many. No object of the user's own is asked anything.
"""

from __future__ import annotations

import datetime
import decimal
import hashlib
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Verdict = Literal["same", "other", "unknown"]
Hashes = np.ndarray[Any, np.dtype[np.uint64]]

CELLS = 100_000
SECONDS = 0.04
_WIDEST = 128
_KEPT = 10_000  # hashes of rows: 80 kB a table
_TEXT = 4  # a text takes as long as so many numbers
_PLAIN = frozenset({str, bytes, int, float, bool, type(None), datetime.date, datetime.datetime, decimal.Decimal})
_SALT = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Fingerprint:
    """A table's shape, a digest of each column that could be read (None: it could not), hashes of some of its rows.

    `whole` says whether every cell was looked at: only then are two alike for certain.
    """

    shape: tuple[int, ...]
    columns: Mapping[str, bytes | None]
    rows: Hashes
    whole: bool


def of(value: Any, until: float = math.inf, cells: int = CELLS) -> Fingerprint | None:
    """The fingerprint of rows or labels; None for what is neither. Columns that are not reached `until` then are unknown.

    Examples
    --------
    >>> of(np.arange(6).reshape(3, 2)).shape
    (3, 2)
    """
    if type(value).__module__.startswith("scipy.sparse"):
        return _sparse(value)
    columns = _columns(value)
    if columns is None:
        return None
    shape = tuple(int(n) for n in getattr(value, "shape", (len(value),)))
    positions = _positions(shape[0], cells // max(1, sum(_weight(one) for _, one in columns)))
    if len(positions) < shape[0]:
        columns = _taken(value, columns, positions)
    digests: dict[str, bytes | None] = {}
    rows = np.zeros(len(positions), np.uint64)
    for number, (name, column) in enumerate(columns):
        found = hashes(column) if time.perf_counter() < until else None
        digests[name] = None if found is None else hashlib.blake2b(found.tobytes(), digest_size=8).digest()
        if found is not None:
            rows += _mixed(found + _salt(number))
    read = len(columns) == math.prod(shape[1:]) and None not in digests.values()
    return Fingerprint(shape, digests, rows[_positions(len(rows), _KEPT)], read and len(positions) == shape[0])


def compared(before: Fingerprint, now: Fingerprint, read: set[str] | None = None) -> Verdict:
    """Whether two fingerprints are of the same rows, as far as the columns in `read` go (None: all)."""
    known = before.columns.keys() | now.columns.keys()
    asked = known if read is None or not read & known else read & known
    if before.shape[:1] != now.shape[:1] or (asked == known and before.shape != now.shape):
        return "other"
    pairs = [(before.columns.get(name, b""), now.columns.get(name, b"")) for name in asked]
    if any(None not in pair and pair[0] != pair[1] for pair in pairs):
        return "other"
    return "same" if before.whole and now.whole else "unknown"


def hashes(values: Any) -> Hashes | None:
    """One hash a value; a number is the same as an integer and as a float. None for what holds other things."""
    moments = getattr(getattr(values, "array", None), "asi8", None)
    try:
        plain = np.asarray(values if moments is None else moments)
    except Exception:  # a column type of somebody's own
        return None
    if plain.dtype.kind in "biuf":
        number = plain.astype(np.float64) + 0.0
        number[np.isnan(number)] = np.nan
        return _mixed(number.view(np.uint64))
    if plain.dtype.kind in "mM":
        return _mixed(plain.view(np.int64).astype(np.uint64))
    if plain.dtype.kind not in "OUS":
        return None
    every = plain.tolist()
    if not all(kind in _PLAIN or kind.__name__ in ("NAType", "NaTType") for kind in set(map(type, every))):
        return None
    told = (hash(one) if type(one) in _PLAIN and one == one else 0 for one in every)
    return _mixed(np.fromiter(told, np.int64, len(every)).view(np.uint64))


def rows_of(value: Any, cells: int) -> Hashes | None:
    """The hashes of rows, of all or of some at fixed positions; None where a column cannot be read."""
    columns = _columns(value)
    if not columns:
        return None
    count = int(value.shape[0]) if hasattr(value, "shape") else len(value)
    positions = _positions(count, cells // sum(_weight(one) for _, one in columns))
    if len(positions) < count:
        columns = _taken(value, columns, positions)
    rows = np.zeros(len(positions), np.uint64)
    for number, (_, column) in enumerate(columns):
        found = hashes(column)
        if found is None:
            return None
        rows += _mixed(found + _salt(number))
    return rows


def _columns(value: Any) -> list[tuple[str, Any]] | None:
    """The columns of a table, evenly chosen where they are very many."""
    kind = f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}"
    if kind == "pandas.DataFrame":
        return [(str(value.columns[j]), value.iloc[:, j]) for j in _positions(value.shape[1], _WIDEST)]
    if kind == "pandas.Series":
        return [("", value)]
    if type(value) is np.ndarray and value.ndim:
        flat = (
            value.reshape(len(value), math.prod(value.shape[1:]))
            if value.flags.c_contiguous or value.ndim < 3
            else None
        )
        return None if flat is None else [(str(j), flat[:, j]) for j in _positions(flat.shape[1], _WIDEST)]
    if type(value) is list and value and type(value[0]) in _PLAIN:
        return [("", value)]
    return None


def _weight(column: Any) -> int:
    dtype = getattr(column, "dtype", None)
    return 1 if getattr(dtype, "kind", "O") in "biufmM" else _TEXT


def _positions(count: int, most: int) -> Sequence[int] | np.ndarray[Any, np.dtype[np.int64]]:
    return range(count) if count <= max(1, most) else np.linspace(0, count - 1, max(1, most)).astype(np.int64)


def _taken(value: Any, columns: list[tuple[str, Any]], positions: Any) -> list[tuple[str, Any]]:
    """The columns at some of the rows; of a frame these are taken first, at once."""
    if hasattr(value, "iloc") and len(value.shape) == 2:
        value = value.iloc[positions, _positions(value.shape[1], _WIDEST)]
        return [(name, value.iloc[:, j]) for j, (name, _) in enumerate(columns)]
    return [(name, _at(column, positions)) for name, column in columns]


def _at(column: Any, positions: Any) -> Any:
    if isinstance(column, list):
        return [column[i] for i in positions]
    return column.iloc[positions] if hasattr(column, "iloc") else column[positions]


def _sparse(value: Any) -> Fingerprint | None:
    """The entries as they are stored; their order may differ in matrices that are equal, and then nothing is said."""
    parts: list[Any] = [getattr(value, name, None) for name in ("data", "indices", "indptr")]
    if not all(type(part) is np.ndarray and part.ndim == 1 for part in parts):
        return None
    whole = all(part.size <= CELLS for part in parts)
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        found = hashes(part[_positions(part.size, CELLS)])
        digest.update(b"" if found is None else found.tobytes())
    return Fingerprint(
        tuple(map(int, value.shape)), {"": digest.digest(), "entries": b"%d" % value.nnz}, np.zeros(0, np.uint64), whole
    )


def _salt(number: int) -> np.uint64:
    return np.uint64((number + 1) * int(_SALT) % 2**64)


def _mixed(values: Hashes) -> Hashes:
    """The finaliser of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014)."""
    mixed: Hashes = values ^ (values >> np.uint64(30))
    mixed = mixed * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed
