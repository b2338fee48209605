"""Do the training rows hang together? By how much their pane means scatter more than those of independent rows would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from nb2prod.baseline import counting
from nb2prod.baseline.columns import Coded, Column, values_of
from nb2prod.baseline.feature import BODY, Feature, Floats, Ints
from nb2prod.baseline.words import level

PANE = 100
LEAST_PANES = 8
ROWS = 400_000
_LOOKED, _FEW, _ALL = 8, 20, 0.95
_PLAIN = 4.0  # scatters by which a factor is past doubt among many


def factor(feature: Feature, column: Column, order: Ints | None = None) -> float:
    """Variance of successive pane means over what independent rows give; 1 where rows are too few to tell.

    f̂ = mean((mᵢ − mᵢ₋₁)² / (1/nᵢ + 1/nᵢ₋₁)) of a score of mean 0 and variance 1; successive differences leave a slow
    trend out. The larger of location and spread for a number, the mean over the levels for a category.
    """
    codes = places(feature, column)
    return of_places(feature, codes if order is None or not len(codes) else codes[order])


def of_places(feature: Feature, codes: Ints) -> float:
    """f̂ from the body bucket of each row, in order."""
    if len(codes) < PANE * LEAST_PANES:
        return 1.0
    panes = min(len(codes), ROWS) // PANE
    width = feature.size - BODY
    codes = codes[: panes * PANE]
    shared = np.repeat(np.arange(panes), PANE)
    inside = codes >= 0
    table = np.bincount((shared * width + codes)[inside], minlength=panes * width).reshape(panes, width)
    return successive(feature, table.astype(np.float64))


def successive(feature: Feature, table: Floats) -> float:
    """f̂ from counts, panes × body buckets."""
    rows = table.sum(axis=1)
    table, rows = table[rows > 0], rows[rows > 0]
    if len(rows) < LEAST_PANES:
        return 1.0
    share = table.sum(axis=0) / table.sum()
    steps = np.diff(table / rows[:, None], axis=0) / np.sqrt(1 / rows[1:] + 1 / rows[:-1])[:, None]
    if feature.numeric:
        return float(max((np.mean((steps @ score) ** 2) for score in scores(share)), default=1.0))
    used = share > 0
    return float(np.mean(np.sum(steps[:, used] ** 2 / share[used], axis=1)) / max(int(used.sum()) - 1, 1))


def parted(
    half: NDArray[np.bool_], columns: Mapping[str, Column], order: Ints | None, found: Mapping[str, float]
) -> tuple[NDArray[np.bool_], float]:
    """`half` of the rows, so that what hangs together lies on one side, and by how much repeated rows alone are fewer.

    Repeated rows stay together, else runs of rows in order where any counter's `found` says so. Of each two neighbouring runs
    one lies on each side, so that both have all of a slow trend.
    """
    group = _repeats(columns, len(half))
    if group is not None:
        held = np.bincount(group).astype(np.float64)
        return np.asarray(half[np.unique(group, return_index=True)[1]][group], np.bool_), float(
            held @ held / held.sum()
        )
    runs = len(half) // PANE
    if max(found.values(), default=1.0) <= 1 + _PLAIN * np.sqrt(3 / max(runs, 1)):
        return half, 1.0
    run = np.arange(len(half)) // PANE
    sides = np.empty(len(half), np.bool_)
    sides[slice(None) if order is None else order] = half[run // 2] ^ (run % 2 == 1)
    return sides, 1.0


def paid(found: float, panes: int) -> float:
    """What a factor found over panes costs: nothing within its own scatter, which those past doubt pay on top."""
    scatter = float(np.sqrt(3 / max(panes, 1)))
    if found <= 1 + 2 * scatter:
        return 1.0
    return found * (1 + scatter) if found > 1 + 3 * scatter else found


def _repeats(columns: Mapping[str, Column], rows: int) -> Ints | None:
    """The group of each row where training has most rows several times, whatever their order; None where it has not.

    Told from values that are few by nature in that one column gives away another: two have as many values as there are
    different rows.
    """
    numbers = [values for values in columns.values() if isinstance(values, np.ndarray) and values.dtype.kind in "fiu"]
    numbers = [values for values in numbers if len(values) == rows][:_LOOKED]
    if len(numbers) < 2 or rows < PANE * LEAST_PANES:
        return None
    found = [np.unique(values, return_inverse=True)[1] for values in numbers]
    kinds = sorted(int(codes.max()) + 1 for codes in found)
    if not _FEW <= kinds[-2] <= rows / 2:
        return None
    together = found[0].astype(np.int64)
    for codes in found[1:]:
        together = np.unique(together * (int(codes.max()) + 1) + codes, return_inverse=True)[1]
    return together if (together.max() + 1) * _ALL <= kinds[-2] else None


def scores(share: Floats) -> list[Floats]:
    """Normal scores of the buckets' mid-ranks and their orthogonalised square, each of mean 0 and variance 1."""
    law = NormalDist()
    middle = np.clip(np.cumsum(share) - share / 2, 1e-9, 1 - 1e-9)
    place = _standard(np.array([law.inv_cdf(value) for value in middle.tolist()]), share)
    square = place**2 - (share @ place**3) * place
    return [score for score in (place, _standard(square, share)) if score.any()]


def _standard(values: Floats, share: Floats) -> Floats:
    centred = values - share @ values
    size = float(np.sqrt(share @ centred**2))
    return centred / size if size > 1e-6 else np.zeros_like(values)


def places(feature: Feature, column: Column) -> Ints:
    """Body bucket of each row, -1 for null and such; empty for counters that have none."""
    if feature.numeric:
        return places_of(feature, counting.values(feature, column)[0])
    if feature.kind == "other" or feature.part:
        return np.empty(0, np.int64)
    if isinstance(column, Coded):
        table = np.array([_code(feature, level(value)) for value in column.levels] + [-1], dtype=np.int64)
        return np.asarray(table[column.codes], dtype=np.int64)
    return _coded(feature, values_of(column))


def places_of(feature: Feature, values: Floats) -> Ints:
    """Body bucket of each value of a number."""
    return np.asarray(np.where(np.isfinite(values), feature.edges.searchsorted(values, side="right"), -1), np.int64)


def _coded(feature: Feature, values: Sequence[object]) -> Ints:
    known: dict[object, int] = {}
    return np.array([known.setdefault(text, _code(feature, text)) for text in map(level, values)], dtype=np.int64)


def _code(feature: Feature, text: object) -> int:
    return feature.index.get(text, feature.other) - BODY if isinstance(text, str) else -1
