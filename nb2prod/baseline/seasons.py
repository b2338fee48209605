"""Do training's rows come in seasons? Which hours of the week are alike, and how each column's rows lie in each of them.

A season is what comes back: the same hours are high in even and in odd weeks (in even and odd days, where training spans
less than two weeks). Rows that merely hang together do not do that, so they are taken for none. Of the ways to cut the week,
from the coarsest on, the first is taken inside which no column's hours differ any more. Once a column has seasons all of them
are compared by season: a season too faint to be seen in training is none the less one, and own hours are fair either way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nb2prod.baseline import freezing, numbers
from nb2prod.baseline.columns import columns_of
from nb2prod.baseline.dependence import LEAST_PANES, PANE, scores
from nb2prod.baseline.feature import BODY, NULL, Feature, Floats, Ints
from nb2prod.errors import UsageError

HOURS = 168
HOUR, DAY = 3600.0, 86400.0
_MONDAY = 4 * DAY  # 1970-01-05
_HOUR_OF_WEEK = np.arange(HOURS)
_WEEKEND = (_HOUR_OF_WEEK >= 120).astype(np.int64)
_CUTS = (
    np.zeros(HOURS, np.int64),
    _WEEKEND,
    _HOUR_OF_WEEK // 24,
    _HOUR_OF_WEEK % 24,
    _HOUR_OF_WEEK % 24 + 24 * _WEEKEND,
    _HOUR_OF_WEEK,
)
_DAILY = (_CUTS[0], _CUTS[3])
_FOLDS = (_HOUR_OF_WEEK, _HOUR_OF_WEEK % 24, _HOUR_OF_WEEK // 24)
_LEAST = 12
"""Rows that a season has at least, on average."""
_SURE = 3.0
_PANE = 25
_LEVELS = 8
Timed = Mapping[str, tuple[Feature, Ints, Floats]]
"""Of each counter the body bucket of every training row, -1 for none, and when the row happened."""


@dataclass(frozen=True, eq=False)
class Seasons:
    """The seasons of a baseline: which hours of the week are alike, and the training rows in each.

    `cells` has the season of each hour of the week (UTC). `counts` has the training rows of each counter, seasons × buckets,
    where any column follows the seasons; rows without a value stand in the bucket of nulls. `swings` is by how much a
    column's own hours differ from one time to the next, as a share of the variance inside an hour; `hanging` how much its
    rows hang together inside an hour. `known` is false where training's times are missing, are dates alone, or span less
    than two days, `weekly` where they span less than two weeks: then such a season cannot be told from drift.
    """

    known: bool = False
    weekly: bool = False
    cells: Ints = field(default_factory=lambda: np.zeros(HOURS, np.int64))
    counts: dict[str, Ints] = field(default_factory=dict)
    swings: dict[str, float] = field(default_factory=dict)
    hanging: dict[str, float] = field(default_factory=dict)

    @property
    def number(self) -> int:
        """How many seasons there are."""
        return int(self.cells.max()) + 1

    def of(self, hour: int) -> int:
        """The season of an hour since the epoch."""
        return int(self.cells[(hour - int(_MONDAY // HOUR)) % HOURS])


def hours(moments: Floats) -> Ints:
    """Hour of the week (0 to 167, UTC) of epoch seconds."""
    return np.asarray(np.floor(np.mod(moments - _MONDAY, HOURS * HOUR) / HOUR), dtype=np.int64) % HOURS


def learn(features: Timed) -> Seasons:
    """Seasons of counters."""
    spans = [moments[np.isfinite(moments)] for _, _, moments in features.values()]
    days = max((float(np.ptp(one)) / DAY for one in spans if len(one)), default=0.0)
    if days < 2 or not any(np.mod(one, DAY).any() for one in spans):
        return Seasons()
    weekly = days >= 14
    rows = max(map(len, spans))
    cuts = [cut for cut in (_CUTS if weekly else _DAILY) if rows / (cut.max() + 1) >= _LEAST]
    every = [mean for one in features.values() for mean in _means(*one, weekly)]
    cells = next((cut for cut in cuts if not any(_returns(one, cut) for one in every)), cuts[-1] if cuts else _CUTS[0])
    if not cells.any():
        return Seasons(True, weekly)
    return with_columns(Seasons(True, weekly, cells), features)


def with_columns(seasons: Seasons, features: Timed) -> Seasons:
    """Seasons that know these counters too; those without a value or a time are left out."""
    counts, swings, hanging = dict(seasons.counts), dict(seasons.swings), dict(seasons.hanging)
    for name, (feature, places, moments) in features.items():
        used = np.isfinite(moments) if len(places) == len(moments) else np.zeros(0, np.bool_)
        if used.any():
            held = places[used], moments[used]
            counts[name] = _counted(feature, *held, seasons)
            swings[name], hanging[name] = _scatter(feature, *held, seasons)
    return Seasons(seasons.known, seasons.weekly, seasons.cells, counts, swings, hanging)


def _counted(feature: Feature, places: Ints, moments: Floats, seasons: Seasons) -> Ints:
    bucket = np.where(places >= 0, places + BODY, NULL)
    return _table(seasons.cells[hours(moments)], bucket, seasons.number, feature.size)


def _table(rows: Ints, columns: Ints, height: int, width: int) -> Ints:
    return np.bincount(rows * width + columns, minlength=height * width).reshape(height, width).astype(np.int64)


def _means(feature: Feature, places: Ints, moments: Floats, weekly: bool) -> list[tuple[Floats, Floats]]:
    """Of each score: rows and means by half (even and odd weeks or days) and hour of the week."""
    used = np.isfinite(moments) if len(places) == len(moments) else np.zeros(0, np.bool_)
    if not (used.any() and (places[used] >= 0).any()):
        return []
    when, width = moments[used], feature.size - BODY + 1
    half = np.mod(np.floor((when - _MONDAY) / (7 * DAY if weekly else DAY)), 2).astype(np.int64)
    hour = hours(when) if weekly else hours(when) % 24
    place = np.where(places[used] >= 0, places[used], width - 1)  # the last is for no value
    table = _table(half * HOURS + hour, place, 2 * HOURS, width)
    share = table[:, :-1].sum(axis=0) / table[:, :-1].sum()
    measures = [np.append(one, 0.0) for one in _measures(feature, share)]
    absent = table[:, -1].sum() / table.sum()
    if absent:
        measures.append(((np.arange(width) == width - 1) - absent) / np.sqrt(absent * (1 - absent)))
    rows = table.sum(axis=1).astype(np.float64)
    return [(rows.reshape(2, HOURS), (table @ one / np.maximum(rows, 1)).reshape(2, HOURS)) for one in measures]


def _measures(feature: Feature, share: Floats) -> list[Floats]:
    """Scores of mean 0 and variance 1 over the body: place and spread of a number, each of the most frequent levels."""
    if feature.numeric:
        return scores(share)
    often = [place for place in np.argsort(-share)[:_LEVELS] if 0 < share[place] < 1]
    return [
        (np.arange(len(share)) == place) / np.sqrt(share[place] * (1 - share[place]))
        - np.sqrt(share[place] / (1 - share[place]))
        for place in often
    ]


def _returns(found: tuple[Floats, Floats], cells: Ints) -> bool:
    """Do the hours inside the seasons differ in the same way in both halves: hours of the week, of the day, or days?"""
    rows, means = found
    both = (rows > 0).all(axis=0)
    rest = []
    for n, mean in zip(rows * both, means, strict=True):
        level = np.bincount(cells, weights=n * mean) / np.maximum(np.bincount(cells, weights=n), 1e-9)
        rest.append((n.astype(np.float64), np.asarray(n * (mean - level[cells]), dtype=np.float64)))
    return any(_agree(_folded(rest[0], fold), _folded(rest[1], fold)) for fold in _FOLDS)


def _folded(half: tuple[Floats, Floats], fold: Ints) -> tuple[Floats, Floats]:
    rows, sums = (np.bincount(fold, weights=one).astype(np.float64) for one in half)
    return rows, sums


def _agree(even: tuple[Floats, Floats], odd: tuple[Floats, Floats]) -> bool:
    """Do sums over slots lie on the same side in both halves? Their products, against their own scatter."""
    both = (even[0] > 0) & (odd[0] > 0)
    products = np.asarray(even[1] * odd[1] / np.sqrt(np.maximum(even[0] * odd[0], 1e-9)), dtype=np.float64)[both]
    # without a season the products have mean 0, whichever way rows hang together, and variance 1 where they do not
    scatter = _SURE * np.sqrt(max(float(products @ products), float(len(products))))
    return bool(len(products) >= 6 and products.sum() > scatter)


def _scatter(feature: Feature, places: Ints, moments: Floats, seasons: Seasons) -> tuple[float, float]:
    """How much a column's hours swing from one time to the next, and how much its rows hang together inside an hour."""
    inside = places >= 0
    places, moments = places[inside], moments[inside]
    if len(places) < PANE * LEAST_PANES:
        return 0.0, 1.0
    cell, hour = seasons.cells[hours(moments)], np.floor(moments / HOUR)
    order = np.lexsort((moments, hour, cell))
    cell, hour, places = cell[order], hour[order], places[order]
    visit = np.cumsum(np.concatenate(([0], (np.diff(hour) != 0) | (np.diff(cell) != 0))))
    first = np.searchsorted(visit, visit)
    pane = np.cumsum(np.concatenate(([0], np.diff(visit * len(visit) + (np.arange(len(visit)) - first) // _PANE) != 0)))
    share = np.bincount(places, minlength=feature.size - BODY) / len(places)
    swing, factor = 0.0, 1.0
    for score in _measures(feature, share):
        values = _own(score[places], cell)
        factor = max(factor, _hanging(*_steps(values, pane, visit)))
        swing = max(swing, _swing(*_steps(values, visit, cell), factor))
    return round(swing, 6), round(factor, 4)


def _own(values: Floats, cell: Ints) -> Floats:
    """Values with mean 0 and variance 1 inside each season."""
    held = np.maximum(np.bincount(cell), 1)
    centred = values - (np.bincount(cell, weights=values) / held)[cell]
    free = np.maximum(held - 1, 1)
    return np.asarray(centred / np.sqrt(np.maximum(np.bincount(cell, weights=centred**2) / free, 1e-4))[cell])


def _hanging(squares: Floats, noise: Floats) -> float:
    """f̂ from steps between panes of one hour; 1 where it is within its own scatter."""
    if len(squares) < LEAST_PANES:
        return 1.0
    found, doubt = float(np.mean(squares / noise)), float(np.sqrt(3 / len(squares)))
    return found * (1 + doubt) if found > 1 + 2 * doubt else 1.0


def _swing(squares: Floats, noise: Floats, factor: float) -> float:
    """τ² from steps between the same hour's means: E(step² / noise) = f + 2 τ² / noise, by least squares."""
    if len(squares) < LEAST_PANES:
        return 0.0
    weight = 2 / noise
    whole = float(weight @ weight)
    found, doubt = float(weight @ (squares / noise - factor)) / whole, factor * float(np.sqrt(3 / whole))
    return found + doubt if found > 2 * doubt else 0.0


def _steps(values: Floats, group: Ints, within: Ints) -> tuple[Floats, Floats]:
    """Squared steps between the means of successive groups, and the variance that independent rows would give them."""
    held = np.bincount(group)
    means = np.bincount(group, weights=values) / held
    first = np.searchsorted(group, np.arange(len(held)))
    same = within[first][1:] == within[first][:-1]
    return np.diff(means)[same] ** 2, (1 / held[1:] + 1 / held[:-1])[same]


def moments(times: Any, rows: int) -> Floats:
    """Epoch seconds of each row, NaN for those without; empty where no row has one.

    Raises
    ------
    UsageError
        They are not one a row.
    """
    if times is None:
        return np.empty(0)
    column = next(iter(columns_of({"times": times})[0].values()))
    if len(column) != rows:
        raise UsageError(
            f"There are {len(column):,} times for {rows:,} rows",
            code="other-length",
            where="times",
            why="Times are one for each row, in their order; None stands for one that is not known.",
            fix=f"give the times of all {rows:,} rows",
            kept="nothing was counted",
        )
    read = numbers.numbers(column)[0] / 1e3 if freezing.kind_of(column) == "number" else numbers.instants(column)[0]
    return read if np.isfinite(read).any() else np.empty(0)


def times_of(frame: Any) -> Any:
    """The times that a frame carries by itself: its index of date-times; None for none."""
    index = getattr(frame, "index", None)
    return index if getattr(getattr(index, "dtype", None), "kind", "") == "M" else None
