"""How many rows are to be expected at levels that training never had, where rows hang together and where they do not.

Of independent rows, levels that come once have the share of those still unseen (Good 1953, Biometrika 40). Rows that come in
bursts of f equal ones are worth a draw a burst: a level is to be counted where it came in one burst, however many rows that
was. Shuffled training hides its bursts, so they are not looked for there: whatever says by how much rows hang together (their
order in training, or that of live rows) says how long bursts are, and a level that training has in at most 1.5 f rows may
have come in one. Where training's rows were independent and live ones are not, that expects too many, which
makes a bet that is won by more than is expected the harder to win, and never unfair.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from nb2prod.baseline.feature import BODY, Feature, Floats, Ints

MOST = 125
"""Rows of the most frequent levels that are kept count of: two and a half bursts of 50."""
_ONE, _TWO = 1.5, 2.5
_LEAST_WORTH = 0.05


def times(found: Counter[Any]) -> list[list[int]]:
    """How many levels come once, twice and so on, as [rows, levels]."""
    held = Counter(rows for text, rows in found.items() if isinstance(text, str) and rows <= MOST)
    return [[rows, held[rows]] for rows in sorted(held)]


def worth(one: float, two: float, draws: float, counted: float) -> float:
    """What a row of levels that came in one draw is worth, beside one of a level of its own.

    The estimate's variance is that of so many draws and twice the number of levels that came in two (Esty 1983): it is worth
    fewer than it was made of, and fewer still where more came in two than in one: then few levels are left, and
    their number is a matter of luck. `counted` is the share of training that it stands for in the reference.
    """
    if not two:
        return 1.0
    alone = one * (1 - one / draws) + 0.5
    found = alone / (alone + 2 * two) * min(1.0, one / two) / counted
    return min(max(found, _LEAST_WORTH), 1.0)


class Unseen:
    """Of many counters: rows to be expected at new levels on top of the reference's own, as bursts get longer."""

    def __init__(self, features: Sequence[Feature]) -> None:
        shape = (len(features), MOST + 1)
        levels, self._plain, self._part = np.zeros(shape), np.ones(len(features)), np.ones(len(features))
        self._held = np.zeros(len(features))
        for row, feature in enumerate(features):
            self._plain[row] = feature.options.get("unseen_worth", 1.0)
            for rows, held in feature.options.get("times", []):
                levels[row, rows] = held
            if levels[row].any():
                self._part[row] = feature.reference[BODY:].sum()
                self._held[row] = feature.reference[-1]
        self._whole = np.array([max(int(feature.counts[BODY:].sum()), 1) for feature in features], dtype=np.float64)
        self._levels = np.cumsum(levels, axis=1)
        self._rows = np.cumsum(levels * np.arange(MOST + 1), axis=1)

    def at(self, factor: Floats) -> tuple[Floats, Floats, Floats]:
        """By counter: rows more, the same as a share of the reference's rows, and what a row of the estimate is worth."""
        every = np.arange(len(factor))
        one, two = (np.minimum(times * factor, MOST).astype(np.int64) for times in (_ONE, _TWO))
        wanted = self._rows[every, one] / self._whole * self._part
        more = np.where(factor > 1, np.maximum(wanted - self._held, 0.0), 0.0)
        price = self._plain.copy()
        for row in np.flatnonzero(more > 0):
            came = self._levels[row, one[row]]
            twice = self._levels[row, two[row]] - came
            price[row] = worth(came, twice, self._whole[row] / factor[row], self._part[row] / self._whole[row])
        return more, more / np.maximum(self._part, 1.0), price


def expected(feature: Feature, base: Ints, factor: float) -> tuple[float, float]:
    """Rows of `base` that stand for new levels where rows hang together by `factor`, and what one is worth."""
    more, share, price = Unseen((feature,)).at(np.array([factor]))
    return float(base[-1] + min(more[0], share[0] * base[BODY:].sum())), float(price[0])
