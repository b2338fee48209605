"""The evidence against calm, counter by counter: bets on frozen buckets joined over unknown starts.

Numbers: tilts (tilts.py) with an e-detector of Shiryaev-Roberts kind (Shin, Ramdas & Rinaldo 2024). Levels: sticks
(sticks.py). Columns with seasons: their own hours (seasonal.py). Null, infinite, wrong type and out of range: beta-binomial
ratios. All are nonnegative supermartingales that start at most at 1, so by Ville's inequality each passes F/α with probability
at most α/F, ever.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nb2prod.baseline.feature import BODY, NULL
from nb2prod.baseline.unseen import Unseen
from nb2prod.monitoring.statistics import starts, tilts
from nb2prod.monitoring.statistics.layout import Layout
from nb2prod.monitoring.statistics.scales import Floats, Ints
from nb2prod.monitoring.statistics.seasonal import Hours, Seasonal, Visit
from nb2prod.monitoring.statistics.sticks import Sticks
from nb2prod.monitoring.statistics.urn import Tilts, log_beta_ratio, log_sum

RARE = 20.0
_SHARE = 0.9
# of a category's stake, what is bet on frequent levels against rare ones
_RANKED = 0.1
# of it too, what is bet on levels that training never had
_UNSEEN = 0.1
_LOG_STICKS = float(np.log((_SHARE - _UNSEEN) * (1 - _RANKED)))
_ALTERNATIVES = ((0.5, 200.0), (1.0, 20.0))
_SPREADS = (8.0, 50.0, 320.0)
# by how much more often than expected new levels come
_TIMES = (3.0, 20.0, 1.5)


class Detector:
    """Wealth of every counter, as logarithms; `evidence` is ln of what calm reaches with probability e^−evidence."""

    def __init__(self, layout: Layout, seasonal: Seasonal) -> None:
        self.layout = layout
        self.hours = Hours(seasonal)
        count = len(layout.features)
        self.prior = layout.prior.copy()
        self.age = np.zeros(count, dtype=np.int64)
        self.bets = 0
        self.rows = 0
        self.evidence = np.full(count, -np.inf)
        bank = np.zeros((count, tilts.COUNT, layout.width - BODY))
        for row, feature in enumerate(layout.features):
            bank[row, :, : feature.size - BODY] = tilts.bank(feature)
        self._tilts = Tilts(bank, layout.body(layout.prior) > 0)
        ranked = (_SHARE - _UNSEEN) * _RANKED
        share = np.array([_SHARE if feature.numeric else ranked for feature in layout.features])
        self._tilted = _Wealth(count, tilts.COUNT, np.log(share[:, None] * tilts.weights()))
        self._buckets = _Buckets(layout, seasonal)
        self._special = _Wealth(count, self._buckets.count, self._buckets.log_weights)
        self.sticks = Sticks(layout)

    def bet(self, counts: Ints, factor: Floats, visits: dict[int, Visit]) -> None:
        """One bet on every counter that has rows; then those rows join the urn. Counters with seasons wait for whole hours."""
        self.hours.take(visits, self.bets)
        live = counts / factor[:, None]
        urn = self.prior / factor[:, None]
        played = counts.sum(axis=1) > 0
        log_start = starts.log_weight(self.age)
        rare = self.layout.rare(factor)
        body, mass = (self.layout.lump(self.layout.body(one), rare) for one in (live, urn))
        self._tilted.add(self._tilts.gain(body, mass), log_start, played, self.bets)
        gain = self._buckets.gains(live, urn, factor)
        self._special.add(gain, log_start, played, self.bets)
        self.sticks.rescale(factor)
        self.sticks.add(self.layout.body(counts.astype(np.float64)))
        self.prior += counts
        self.bets += 1
        self.rows += int(counts.sum(axis=1).max(initial=0))
        self.age += played
        self.sticks.mark(self.layout.body(self.prior), self.age, self.bets)
        self.hours.close()
        self._weigh()

    def close(self) -> bool:
        """Bet on every hour that waits, complete or not. Were there any?"""
        closed = self.hours.close(every=True)
        if closed:
            self._weigh()
        return closed

    def _weigh(self) -> None:
        parts = np.logaddexp(self._special.total(), self._tilted.total())
        levels = self.layout.levels
        parts[levels] = np.logaddexp(parts[levels], _LOG_STICKS + self.sticks.total())
        own = self.hours.seasonal.rows
        parts[own] = np.logaddexp(self._special.total()[own], self.hours.evidence)
        self.evidence = parts

    def start(self, row: int) -> int:
        """The bet before which the change in a counter most likely began."""
        if row in self.hours.seasonal.rows:
            return max(self._special.best(row), self.hours.best(row))[1]
        found = [self._special.best(row), self._tilted.best(row)]
        if not self.layout.features[row].numeric:
            value, start = self.sticks.best(int(np.searchsorted(self.layout.levels, row)))
            found.append((value + _LOG_STICKS, start))
        return max(found)[1]

    def stand(self, row: int) -> None:
        """An alarm of a counter stands: its seasons learn nothing."""
        if row in self.hours.seasonal.rows:
            self.hours.hold(row, True)

    def restart(self, row: int, prior: Floats) -> None:
        """Begin a counter anew with another urn."""
        if row in self.hours.seasonal.rows:
            self.hours.hold(row, False)
        self.prior[row] = prior
        self.age[row] = 0
        self._special.clear(row)
        self._tilted.clear(row)
        if not self.layout.features[row].numeric:
            place = int(np.searchsorted(self.layout.levels, row))
            self.sticks.clear(place, self.layout.body(self.prior)[row], self.bets)
        self.evidence[row] = -np.inf


class _Wealth:
    """M ← (M + w) r for each bet, in logarithms, and since when each bet has been winning."""

    def __init__(self, counters: int, bets: int, log_share: Floats) -> None:
        self.value = np.full((counters, bets), -np.inf)
        self.log_share = np.broadcast_to(log_share, (counters, bets))
        self.run = np.zeros((counters, bets))
        self.begun = np.zeros((counters, bets), dtype=np.int64)

    def add(self, gain: Floats, log_start: Floats, played: NDArray[np.bool_], now: int) -> None:
        grown = np.logaddexp(self.value, log_start[:, None]) + gain
        self.value = np.where(played[:, None], grown, self.value)
        fresh = (self.run <= 0) & played[:, None]
        self.begun = np.where(fresh, now, self.begun)
        self.run = np.where(played[:, None], np.maximum(self.run, 0.0) + gain, self.run)

    def total(self) -> Floats:
        return log_sum(self.value + self.log_share, axis=1)

    def best(self, row: int) -> tuple[float, int]:
        """ln of the largest share of the evidence, and since which bet it has been winning."""
        stake = self.value[row] + self.log_share[row]
        place = int(np.argmax(stake))
        return float(stake[place]), int(self.begun[row, place])

    def clear(self, row: int) -> None:
        self.value[row], self.run[row], self.begun[row] = -np.inf, 0.0, 0


class _Buckets:
    """Null, infinite, wrong type, for numbers below and above, for categories unseen: each against all the rest.

    A bucket that training hardly filled is bet against Beta(½, 200) and Beta(1, 20), another one against spreads around
    its own share, as a level is.
    """

    places = 5
    ways = 3
    _last = 4

    def __init__(self, layout: Layout, seasonal: Seasonal) -> None:
        self.layout = layout
        self.count = self.places * self.ways
        shape = (len(layout.features), self.places, self.ways)
        weights = np.full(shape, -np.inf)
        for row, feature in enumerate(layout.features):
            used = range(self.places) if feature.numeric and len(feature.edges) else range(3)
            shares = dict.fromkeys(used, (1 - _SHARE) / len(used))
            if feature.kind == "category" and not feature.options.get("many"):
                shares[self._last] = _UNSEEN
            for place, share in shares.items():
                rare = min(self._split(layout.prior[row], row, place)) < RARE
                ways = len(_ALTERNATIVES) if rare else self.ways
                weights[row, place, :ways] = np.log(share / ways)
        weights[seasonal.rows[seasonal.owns_nulls], NULL] = -np.inf
        weights[seasonal.rows, 3:] = -np.inf  # range is bet on by season
        self._unseen = Unseen(layout.features)
        self.log_weights: Floats = weights.reshape(shape[0], self.count)

    def _split(self, urn: Floats, row: int, place: int) -> tuple[float, float]:
        x, rest = self._sides(urn[None, :], np.array([row]))
        return float(x[0, place]), float(rest[0, place])

    def _sides(self, values: Floats, rows: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Rows in each bucket, and outside it: heads against everything, range against the body."""
        last = np.array([self.layout.features[row].size - 1 for row in rows])
        head = values[:, :BODY]
        ends = np.stack((values[:, BODY], values[np.arange(len(rows)), last]), axis=1)
        total, body = values.sum(axis=1, keepdims=True), values[:, BODY:].sum(axis=1, keepdims=True)
        return np.concatenate((head, ends), axis=1), np.concatenate((total - head, body - ends), axis=1)

    def _null(self, urn: Floats, factor: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Beta parameters of each bucket and of what lies outside it, and of which counters more new levels are expected.

        What training never had weighs half a draw, not half a row of one. Training's own unseen rows are an estimate, and worth
        fewer.
        """
        last, sides = self._last, self._sides(urn, np.arange(len(urn)))
        a, b = (np.maximum(side, np.clip(side * factor[:, None], 1e-3, 0.5)) for side in sides)
        more, share, worth = self._unseen.at(factor)
        more = np.minimum(more / factor, share * (a + b)[:, last])
        a[:, last], b[:, last] = a[:, last] + more, np.maximum(b[:, last] - more, 1e-3)
        for side in (a, b):
            side[:, last] = np.maximum(side[:, last] * worth, np.minimum(side[:, last], 0.5))
        return a, b, more > 0

    def gains(self, live: Floats, urn: Floats, factor: Floats) -> Floats:
        """ln of what each bet wins.

        Where bursts let new levels be expected on the side of too many, their bets are on more alone: BB(x, y; a, b/k) over
        BB(x, y; a, b) grows with x, so its mean is at most 1 under any law of the share that is smaller, in the order of
        likelihood ratios, which the urn's updates keep, than the one that was expected.
        """
        x, y = self._sides(live, np.arange(len(live)))
        a, b, onwards = self._null(urn, factor)
        p = a / (a + b)
        flipped, rare = (b < a), np.minimum(a, b) < RARE
        found = np.zeros((*x.shape, self.ways))
        for way in range(self.ways):
            less, more = _ALTERNATIVES[min(way, 1)]
            held = np.minimum(_SPREADS[way] / (4 * p * (1 - p)), (a + b) / 2)
            first = np.where(rare, np.where(flipped, more, less), held * p)
            second = np.where(rare, np.where(flipped, less, more), held * (1 - p))
            first[onwards, self._last] = a[onwards, self._last]
            second[onwards, self._last] = b[onwards, self._last] / _TIMES[way]
            found[:, :, way] = log_beta_ratio(x, y, (first, second), (a, b))
        return found.reshape(len(found), self.count)
