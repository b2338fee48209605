"""Bets on levels: the most frequent against all later ones, the next against those after it, and so on.

Each stick of a Dirichlet is a Beta of its own, so each level's rows are beta-binomial under calm, whatever the others do.
Compare Lindon & Malek 2022.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

from nb2prod.baseline.feature import BODY
from nb2prod.monitoring.statistics import starts
from nb2prod.monitoring.statistics.layout import Layout
from nb2prod.monitoring.statistics.scales import Floats

_SPREADS = np.array([8.0, 50.0, 320.0])
_LESS, _MORE = 0.5, 50.0
_RHO = 0.4
_WIDTHS = np.array([200.0, 800.0, 3200.0])
_WHOLE = 0.5


class Sticks:
    """Evidence of the levels of every category, from each kept start."""

    def __init__(self, layout: Layout) -> None:
        self.rows = layout.levels
        self.columns = max((layout.features[row].size - BODY for row in self.rows), default=1)
        self.sums = np.zeros((len(self.rows), self.columns))
        self.begun = np.zeros(len(self.rows), dtype=np.int64)
        self.log_start = starts.log_weight(np.zeros(len(self.rows), dtype=np.int64))
        self.origin = _Checkpoint.of(0, self._arrange(layout.body(layout.prior)), self.sums, self.log_start)
        self.marks: list[_Checkpoint] = []
        self.found = np.full((1, len(self.rows)), -np.inf)

    def _arrange(self, body: Floats) -> Floats:
        """The levels alone, in falling order."""
        return body[self.rows, : self.columns]

    def add(self, body: Floats) -> None:
        if len(self.rows):
            self.sums = self.sums + self._arrange(body)

    def mark(self, body: Floats, age: NDArray[np.int64], now: int) -> None:
        """Weigh every start, then let the present be one."""
        if not len(self.rows):
            return
        checkpoints = [self.origin, *self.marks]
        found = np.stack([mark.evidence(self.sums) + mark.log_start for mark in checkpoints])
        dead = np.stack([mark.when < self.begun for mark in checkpoints])
        self.found = np.where(dead, -np.inf, found)
        self.marks = [mark for mark in self.marks if starts.kept(mark.born, now)]
        self.marks.append(_Checkpoint.of(now, self._arrange(body), self.sums, starts.log_weight(age[self.rows])))
        self._times = np.stack([mark.when for mark in checkpoints])

    def total(self) -> Floats:
        return np.asarray(logsumexp(self.found, axis=0)) if len(self.rows) else np.zeros(0)

    def best(self, place: int) -> tuple[float, int]:
        """ln of the largest share of the evidence, and its start."""
        mark = int(np.argmax(self.found[:, place]))
        return float(self.found[mark, place]), int(self._times[mark, place])

    def clear(self, place: int, prior: Floats, now: int) -> None:
        """Begin one category anew."""
        self.begun[place] = now
        whole = np.zeros((int(self.rows.max()) + 1, len(prior)))
        whole[self.rows[place]] = prior
        fresh = _Checkpoint.of(
            now, self._arrange(whole), self.sums, starts.log_weight(np.zeros(len(self.rows), np.int64))
        )
        self.origin.replace(place, fresh)
        for mark in self.marks:
            if mark.when[place] <= now:
                mark.when = mark.when.copy()
                mark.when[place] = -1


class _Checkpoint:
    """One start: the urn and the sums as they stood then."""

    def __init__(self, when: NDArray[np.int64], sums: Floats, log_start: Floats, arrays: dict[str, Floats]) -> None:
        self.born = int(when.max(initial=0))
        self.when = when
        self.sums = sums
        self.log_start = log_start
        self.arrays = arrays

    @classmethod
    def of(cls, now: int, urn: Floats, sums: Floats, log_start: Floats) -> _Checkpoint:
        here = urn
        later = np.cumsum(urn[:, ::-1], axis=1)[:, ::-1] - urn
        alive = (here > 0) & (later > 1e-9)
        a, b = np.where(alive, here, 1.0), np.where(alive, later, 1.0)
        p = a / (a + b)
        first, second = _SPREADS[:, None, None] / (4 * (1 - p)), _SPREADS[:, None, None] / (4 * p)
        # a rare level may become many times as frequent
        first = np.concatenate((first, np.where(p < 0.5, _LESS, _MORE)[None]))
        second = np.concatenate((second, np.where(p < 0.5, _MORE, _LESS)[None]))
        flat = gammaln(first) + gammaln(second) - gammaln(first + second)
        arrays = {"alive": alive.astype(np.float64), "a": a, "b": b, "first": first, "second": second}
        arrays["null"] = gammaln(a) + gammaln(b) - gammaln(a + b)
        arrays["flat"] = flat
        arrays |= cls._spread(urn)
        when = np.full(len(urn), now, dtype=np.int64)
        return cls(when, sums, log_start, arrays)

    @staticmethod
    def _spread(urn: Floats) -> dict[str, Floats]:
        filled = (urn > 0).astype(np.float64)
        safe, total = np.where(urn > 0, urn, 1.0), np.maximum(urn.sum(axis=1), 1e-9)
        wide = np.where(urn > 0, _WIDTHS[:, None, None] * urn / total[:, None], 1.0)
        return {
            "filled": filled,
            "urn": safe,
            "total": total[:, None],
            "wide": wide,
            "urn_flat": ((gammaln(safe) * filled).sum(axis=1) - gammaln(total))[:, None],
            "wide_flat": ((gammaln(wide) * filled).sum(axis=2) - gammaln(_WIDTHS[:, None]))[:, :, None],
        }

    def evidence(self, sums: Floats) -> Floats:
        """ln Π [1 − ρ + ρ R] over the levels, with the rows since this start."""
        x = np.maximum(sums - self.sums, 0.0)
        y = np.cumsum(x[:, ::-1], axis=1)[:, ::-1] - x
        k = self.arrays
        null = gammaln(x + k["a"]) + gammaln(y + k["b"]) - gammaln(x + y + k["a"] + k["b"]) - k["null"]
        first, second = x + k["first"], y + k["second"]
        ways = gammaln(first) + gammaln(second) - gammaln(first + second) - k["flat"]
        ratio = logsumexp(ways, axis=0) - np.log(len(ways)) - null
        step = np.logaddexp(np.log(1 - _RHO), np.log(_RHO) + ratio)
        sticks = (step * k["alive"]).sum(axis=1)
        return np.asarray(np.logaddexp(np.log(1 - _WHOLE) + sticks, np.log(_WHOLE) + self._whole(x)))

    def _whole(self, x: Floats) -> Floats:
        """ln of the mean Dirichlet-multinomial ratio: all levels move a little, each its own way."""
        rows = x.sum(axis=1)
        urn, shares = self.arrays["urn"], self.arrays["wide"]
        null = (gammaln(x + urn) * self.arrays["filled"]).sum(axis=1) - gammaln(rows + self.arrays["total"][:, 0])
        other = (gammaln(x + shares) * self.arrays["filled"]).sum(axis=2) - gammaln(rows + _WIDTHS[:, None])
        ways = other - self.arrays["wide_flat"][:, :, 0] - null + self.arrays["urn_flat"][:, 0]
        return np.asarray(logsumexp(ways, axis=0) - np.log(len(_WIDTHS)))

    def replace(self, place: int, other: _Checkpoint) -> None:
        self.when = self.when.copy()
        self.sums = self.sums.copy()
        self.log_start = self.log_start.copy()
        self.when[place], self.sums[place], self.log_start[place] = (
            other.when[place],
            other.sums[place],
            other.log_start[place],
        )
        for name, array in other.arrays.items():
            own = self.arrays[name].copy()
            own[..., place, :] = array[..., place, :]
            self.arrays[name] = own
