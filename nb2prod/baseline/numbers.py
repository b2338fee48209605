"""Numbers and date-times: reading them, cutting them at order statistics, counting them."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import numpy as np

from nb2prod.baseline.columns import Coded, Column, values_of
from nb2prod.baseline.feature import BODY, INFINITE, NULL, TYPE, Feature, Floats, Ints

BLOCKS = 64
ROWS_A_BLOCK = 25
TAILS = (0.001, 0.004, 0.996, 0.999)
ATOM_ROWS, ATOM_SHARE = 20, 0.004
MOST = 104
"""Edges of a number at most: counts of a pane then take less than a kilobyte, those of the order of its rows included."""
YEAR = 365.25 * 86400
_MANY = 2000  # so few are sorted as fast
_PLAIN = frozenset((float, int, type(None)))


def numbers(column: Column, precision: str = "float64") -> tuple[Floats, int]:
    """A column as floats with NaN for null and for what is no number, and how many values were none."""
    values, wrong = _read(column)
    if precision == "float32":
        # the service reads 0.1 as a double; training had the nearest float32: both must fall on the same atom
        with np.errstate(over="ignore", invalid="ignore"):
            values = values.astype(np.float32).astype(np.float64)
    return values, wrong


def _read(column: Column) -> tuple[Floats, int]:
    if isinstance(column, np.ndarray) and column.dtype.kind in "fiub":
        return column.astype(np.float64, copy=False), 0
    if isinstance(column, Coded):
        return _decoded(column)
    values = column if isinstance(column, list) else values_of(column)
    if _PLAIN.issuperset(map(type, values)):
        try:
            return np.array(values, dtype=np.float64), 0
        except OverflowError:
            pass
    return _aligned([_number(value) for value in values])


def _aligned(kept: list[float | None]) -> tuple[Floats, int]:
    wrong = kept.count(None)
    return np.array(kept, dtype=np.float64), wrong


def _decoded(column: Coded) -> tuple[Floats, int]:
    """Read each level once."""
    levels = [_number(level) for level in column.levels]
    table = np.array([math.nan if level is None else level for level in levels] + [math.nan])
    bad = np.array([level is None for level in levels] + [False])
    return table[column.codes], int(bad[column.codes].sum())


def _number(value: Any) -> float | None:
    """A float, NaN for null, None for what is no number."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return math.nan
    if isinstance(value, (float, int, Decimal, np.number, np.bool_)):
        try:
            return float(value)
        except (OverflowError, TypeError):
            return math.inf
        except ValueError:  # a NaN of Decimal that signals
            return math.nan
    return None


def instants(column: Column) -> tuple[Floats, int]:
    """A column of date-times as epoch seconds with NaN for null, and how many values were none."""
    if isinstance(column, np.ndarray) and column.dtype.kind == "M":
        whole = column.astype("datetime64[us]").astype(np.int64)
        return np.where(np.isnat(column), np.nan, whole / 1e6), 0
    return _aligned([instant(value) for value in values_of(column)])


def instant(value: Any) -> float | None:
    """Epoch seconds of a date-time, ISO 8601 text or epoch milliseconds; NaN for null, None for what is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return _parsed(value)
    if isinstance(value, np.datetime64):
        return math.nan if np.isnat(value) else float(value.astype("datetime64[us]").astype(np.int64)) / 1e6
    if isinstance(value, dt.datetime):
        return _seconds(value)
    if isinstance(value, dt.date):
        return _seconds(dt.datetime(value.year, value.month, value.day))
    number = _number(value)
    return None if number is None else number / 1e3


def _parsed(text: str) -> float | None:
    try:
        return _seconds(dt.datetime.fromisoformat(text))
    except ValueError:
        return None


def _seconds(moment: dt.datetime) -> float:
    if moment != moment:  # pandas' NaT is a datetime
        return math.nan
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()


def cut(
    values: Floats, blocks: int = BLOCKS, *, most: int = MOST, also: Iterable[float] = (), between: bool = False
) -> Floats:
    """Edges at order statistics of finite `values`, with a bucket of its own for every atom.

    For any continuous law the masses of the blocks are then Dirichlet with the rows of each block as parameters
    (statistically equivalent blocks: Wald 1943, Tukey 1947). `between` puts the cuts halfway to the next value, for
    values that another machine computes with another last bit. Where edges would be more than `most`, atoms share a bucket
    with the empty gap above them, and lighter ones fall in with the blocks. A limit on their share decides, and not their
    order: the heaviest of many like ones would be those that luck made heavy.
    """
    if not len(values):
        return np.empty(0)
    ordered = np.sort(values)
    levels, held = np.unique(ordered, return_counts=True)
    inside = [edge for edge in also if ordered[0] < edge <= ordered[-1]]
    least = max(ATOM_ROWS, ATOM_SHARE * len(values))
    while True:
        edges = np.concatenate((_closed(ordered, levels, levels[held >= least], blocks, between), inside))
        edges = np.unique(edges[np.isfinite(edges)])
        if len(edges) > most:
            edges = _without_gaps(edges, levels, inside)
        if len(edges) <= most or least > len(values):
            return edges
        least *= 2


def _closed(ordered: Floats, levels: Floats, atoms: Floats, blocks: int, between: bool) -> Floats:
    """The ends of all values, of the atoms and of the blocks."""
    rest = ordered[~np.isin(ordered, atoms)] if len(atoms) else ordered
    ends = _ends(rest, len(ordered), blocks)
    edges = _after(ends, levels) if between else np.nextafter(ends, np.inf)
    return np.concatenate((ordered[:1], atoms, np.nextafter(atoms, np.inf), edges, np.nextafter(ordered[-1:], np.inf)))


def _without_gaps(edges: Floats, levels: Floats, kept: list[float]) -> Floats:
    """Edges without those that close a bucket before one that is empty."""
    place = levels.searchsorted(edges)
    empty = np.append(np.diff(place) == 0, False)
    return edges[~empty | np.isin(edges, kept)]


def _ends(rest: Floats, rows: int, blocks: int) -> Floats:
    """The last value of each block of what is no atom."""
    if not len(rest):
        return rest
    wanted = max(1, min(round(blocks * len(rest) / rows), len(rest) // ROWS_A_BLOCK))
    ranks = {round(len(rest) * step / wanted) for step in range(1, wanted)}
    ranks |= {round(len(rest) * share) for share in TAILS} if len(rest) >= 1000 else set()
    return rest[[rank - 1 for rank in sorted(ranks) if 0 < rank < len(rest)]]


def _after(ends: Floats, levels: Floats) -> Floats:
    """Halfway from each end to the next value."""
    place = np.minimum(np.searchsorted(levels, ends, side="right"), len(levels) - 1)
    return np.asarray((ends + levels[place]) / 2, dtype=np.float64)


def tally(feature: Feature, values: Floats, wrong: int = 0, absent: int = 0) -> Ints:
    """Counts of `values` in a number's buckets: look the edges up among the sorted values."""
    grid = feature.grid if len(values) >= _MANY else None
    found = np.sort(values).searchsorted(feature.cuts) if grid is None else grid.before(values)
    counts = np.empty(feature.size, np.int64)
    # `wrong` values stand as NaN among `values`
    counts[NULL] = len(values) - found[-1] - wrong + absent
    counts[INFINITE] = found[0] + found[-1] - found[-2]
    counts[TYPE] = wrong
    counts[BODY:] = found[1:-1] - found[:-2]
    return counts


def centres(edges: Floats, values: Floats) -> Floats:
    """Mean of the finite `values` in each bucket of the body; an empty bucket lies at its nearest edge."""
    if not len(edges):
        return np.zeros(1)
    place = edges.searchsorted(values, side="right")
    held = np.bincount(place, minlength=len(edges) + 1)
    with np.errstate(over="ignore", invalid="ignore"):
        sums = np.bincount(place, weights=values, minlength=len(edges) + 1)
        means = sums / np.maximum(held, 1)
    padded = np.concatenate((edges[:1], edges))
    return np.where((held > 0) & np.isfinite(means), means, padded)
