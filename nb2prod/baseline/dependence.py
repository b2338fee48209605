"""Do the training rows hang together? By how much their pane means scatter more than those of independent rows would."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from nb2prod.baseline import counting
from nb2prod.baseline.columns import Coded, Column, values_of
from nb2prod.baseline.feature import BODY, Feature, Floats, Ints
from nb2prod.baseline.words import level

PANE = 100
LEAST_PANES = 8
ROWS = 400_000


def factor(feature: Feature, column: Column, order: Ints | None = None) -> float:
    """Variance of successive pane means over what independent rows give; 1 where rows are too few to tell.

    f̂ = mean((mᵢ − mᵢ₋₁)² / (1/nᵢ + 1/nᵢ₋₁)) of a score of mean 0 and variance 1; successive differences leave a slow
    trend out. The larger of location and spread for a number, the mean over the levels for a category.
    """
    codes = places(feature, column)
    if len(codes) < PANE * LEAST_PANES:
        return 1.0
    if order is not None:
        codes = codes[order]
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
