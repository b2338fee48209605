"""Evidence of the levels of every category, joined over the starts that are still looked at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nb2prod.baseline.feature import BODY
from nb2prod.monitoring.statistics import starts
from nb2prod.monitoring.statistics.layout import Layout
from nb2prod.monitoring.statistics.mixes import Urn
from nb2prod.monitoring.statistics.scales import Floats
from nb2prod.monitoring.statistics.urn import log_sum

# a factor that moved by less is the same one
_MORE, _LESS = 1.1, 0.75


class Sticks:
    """Evidence of the levels of every category, from each kept start."""

    def __init__(self, layout: Layout) -> None:
        self.rows = layout.levels
        self._layout = layout
        self._rare = layout.rare(np.ones(len(layout.features)))
        self.columns = max((layout.features[row].size - BODY for row in self.rows), default=1)
        self.sums = np.zeros((len(self.rows), self.columns))
        self.begun = np.zeros(len(self.rows), dtype=np.int64)
        self.log_start = starts.log_weight(np.zeros(len(self.rows), dtype=np.int64))
        self.factor = np.ones(len(self.rows))
        self._first = self._arrange(layout.body(layout.prior))
        self.origin = _Checkpoint(0, self._first, self.sums, self.log_start)
        self.marks: list[_Checkpoint] = []
        self.found = np.full((1, len(self.rows)), -np.inf)
        self._times = np.zeros((1, len(self.rows)), dtype=np.int64)

    def _arrange(self, body: Floats) -> Floats:
        """The levels alone, in falling order, those of too few bursts with the others."""
        return self._layout.lump(body, self._rare)[self.rows, : self.columns]

    def rescale(self, factor: Floats) -> None:
        """By how much rows are fewer than they look, where that is another figure than before: all rows are weighed anew.

        Starts other than the first are dropped there, which keeps the bound; a level once put with the others stays there.
        """
        wanted = factor[self.rows]
        moved = (wanted > _MORE * self.factor) | (wanted < _LESS * self.factor)
        if not moved.any():
            return
        ratio = np.where(moved, self.factor / wanted, 1.0)[:, None]
        self.factor = np.where(moved, wanted, self.factor)
        self._rare = self._rare | self._layout.rare(factor)
        self._first, self.sums, self.origin.sums = (
            self._again(one * ratio) for one in (self._first, self.sums, self.origin.sums)
        )
        fresh = Urn(self._first)
        for place in np.flatnonzero(moved):
            self.origin.urn.replace(int(place), fresh)
        for mark in self.marks:
            mark.when = np.where(moved, -1, mark.when)

    def _again(self, levels: Floats) -> Floats:
        """What was arranged before more levels were put with the others."""
        whole = np.zeros(self._rare.shape)
        whole[self.rows, : self.columns] = levels
        return self._arrange(whole)

    def add(self, body: Floats) -> None:
        """Rows of one bet."""
        if len(self.rows):
            self.sums = self.sums + self._arrange(body) / self.factor[:, None]

    def mark(self, body: Floats, age: NDArray[np.int64], now: int) -> None:
        """Weigh every start, then let the present be one, whose urn is `body`."""
        if not len(self.rows):
            return
        urn = self._arrange(body) / self.factor[:, None]
        checkpoints = [self.origin, *self.marks]
        found = np.stack([mark.evidence(self.sums) + mark.log_start for mark in checkpoints])
        dead = np.stack([mark.when < self.begun for mark in checkpoints])
        self.found = np.where(dead, -np.inf, found)
        self.marks = [mark for mark in self.marks if starts.kept(mark.born, now)]
        self.marks.append(_Checkpoint(now, urn, self.sums, starts.log_weight(age[self.rows])))
        self._times = np.stack([mark.when for mark in checkpoints])

    def total(self) -> Floats:
        return np.asarray(log_sum(self.found, axis=0)) if len(self.rows) else np.zeros(0)

    def best(self, place: int) -> tuple[float, int]:
        """ln of the largest share of the evidence, and its start."""
        mark = int(np.argmax(self.found[:, place]))
        return float(self.found[mark, place]), int(self._times[mark, place])

    def clear(self, place: int, prior: Floats, now: int) -> None:
        """Begin one category anew."""
        self.begun[place] = now
        whole = np.zeros((int(self.rows.max()) + 1, len(prior)))
        whole[self.rows[place]] = prior
        urn = self._arrange(whole) / self.factor[:, None]
        self._first = self._first.copy()
        self._first[place] = urn[place]
        fresh = _Checkpoint(now, urn, self.sums, starts.log_weight(np.zeros(len(self.rows), np.int64)))
        self.origin.replace(place, fresh)
        for mark in self.marks:
            if mark.when[place] <= now:
                mark.when = mark.when.copy()
                mark.when[place] = -1


class _Checkpoint:
    """One start: the urn and the sums as they stood then."""

    def __init__(self, now: int, urn: Floats, sums: Floats, log_start: Floats) -> None:
        self.born = now
        self.when = np.full(len(urn), now, dtype=np.int64)
        self.sums = sums
        self.log_start = log_start
        self.urn = Urn(urn)

    def evidence(self, sums: Floats) -> Floats:
        """ln of the mean of all bets on the rows since this start."""
        return self.urn.evidence(np.maximum(sums - self.sums, 0.0))

    def replace(self, place: int, other: _Checkpoint) -> None:
        self.when, self.sums, self.log_start = self.when.copy(), self.sums.copy(), self.log_start.copy()
        self.when[place] = other.when[place]
        self.sums[place] = other.sums[place]
        self.log_start[place] = other.log_start[place]
        self.urn.replace(place, other.urn)
