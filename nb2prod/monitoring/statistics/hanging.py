"""Do live rows hang together? Running figures of how bets' means scatter, beside what training showed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nb2prod.baseline import Baseline
from nb2prod.baseline.dependence import PANE
from nb2prod.baseline.feature import BODY
from nb2prod.monitoring.statistics.layout import Layout
from nb2prod.monitoring.statistics.scales import Floats, Ints, scale

_KEPT = 60
_LEAST = 12
# the median of a squared standard normal
_MEDIAN = 0.4549


class Hanging:
    """By how much each counter's rows are fewer than they look.

    f̂ of the training rows in their order counts where it passes 1 + 2√(3 / panes), so that independent rows cost nothing.
    Live bets add to it where they scatter more: their f̂ is a median, since a single step is a change and no habit.
    """

    def __init__(self, baseline: Baseline, layout: Layout) -> None:
        self.layout = layout
        self.trained = np.ones(len(layout.features))
        for row, feature in enumerate(layout.features):
            found = baseline.dependence.get(feature.name, 1.0)
            panes = max(feature.rows // PANE, 1)
            self.trained[row] = _paid(found, float(np.sqrt(3 / panes)))
        self._scores = _scores(layout)
        self._last: tuple[Floats, Floats] | None = None
        self._squares: list[Floats] = []
        self.factor = self.trained.copy()

    def see(self, counts: Ints) -> None:
        """One bet more."""
        body = counts[:, BODY:].astype(np.float64)
        rows = body.sum(axis=1)
        means = np.einsum("fsb,fb->fs", self._scores, body) / np.maximum(rows, 1)[:, None]
        if self._last is not None:
            before, held = self._last
            with np.errstate(divide="ignore"):
                noise = 1 / rows + 1 / held
            steps = (means - before) ** 2 / noise[:, None]
            self._squares.append(np.where(np.isfinite(noise)[:, None], steps, np.nan))
            self._squares = self._squares[-_KEPT:]
        seen = rows > 0
        self._last = (means, rows) if self._last is None else _kept(self._last, (means, rows), seen)
        self.factor = np.maximum(self.trained, self._live())

    def _live(self) -> Floats:
        panes = len(self._squares)
        if panes < _LEAST:
            return np.ones(len(self.trained))
        with np.errstate(all="ignore"):
            found = np.nan_to_num(np.median(np.stack(self._squares), axis=0) / _MEDIAN, nan=1.0).max(axis=1)
        slack = np.sqrt(6 / panes)
        used = found > np.maximum(1.0, self.trained) * (1 + 3 * slack)
        return np.where(used, found * (1 + np.sqrt(3 / panes)), 1.0)


def _paid(found: float, scatter: float) -> float:
    """What a factor found in training costs: nothing within its own scatter, which those past doubt pay on top."""
    if found <= 1 + 2 * scatter:
        return 1.0
    return found * (1 + scatter) if found > 1 + 3 * scatter else found


def _kept(before: tuple[Floats, Floats], now: tuple[Floats, Floats], seen: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    return np.where(seen[:, None], now[0], before[0]), np.where(seen, now[1], before[1])


def _scores(layout: Layout) -> Floats:
    """Two standardised scores of each counter's body buckets."""
    scores = np.zeros((len(layout.features), 2, layout.width - BODY))
    for row, feature in enumerate(layout.features):
        size = feature.size - BODY
        if feature.numeric:
            known = scale(feature)
            scores[row, 0, :size], scores[row, 1, :size] = known.location, known.spread
        else:
            weights = layout.prior[row, BODY : feature.size]
            share = weights / weights.sum()
            for place in (0, 1):
                if place < size and 0 < share[place] < 1:
                    level = np.where(np.arange(size) == place, 1.0, 0.0)
                    scores[row, place, :size] = (level - share[place]) / np.sqrt(share[place] * (1 - share[place]))
    return scores
