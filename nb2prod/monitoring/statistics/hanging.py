"""Do live rows hang together? How like each other rows are that follow each other, and how bets' means scatter, beside what
training showed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nb2prod.baseline import Baseline, order
from nb2prod.baseline.dependence import PANE, paid
from nb2prod.baseline.feature import BODY
from nb2prod.monitoring.statistics.layout import Layout
from nb2prod.monitoring.statistics.scales import Floats, Ints, scale

_KEPT = 60
_LEAST = 12
# the median of a squared standard normal
_MEDIAN = 0.4549
_FEWEST = 50
_NEAR = 3  # lags at which rows that hang together show it first
_FOUND, _STILL = 3.0, 2.0


class Hanging:
    """By how much each counter's rows are fewer than they look.

    f̂ of the training rows in their order counts where it passes 1 + 2√(3 / panes), so that independent rows cost nothing.
    What training cannot show (it was shuffled) the rows of each batch do, from the first bet on: how often those that follow
    each other are alike (`baseline.order`). Given its counts independent rows come in any order, so bets stay fair.
    Live bets add to it where they scatter more: their f̂ is a median, since a single step is a change and no habit.
    """

    def __init__(self, baseline: Baseline, layout: Layout) -> None:
        self.layout = layout
        self.trained = np.ones(len(layout.features))
        for row, feature in enumerate(layout.features):
            self.trained[row] = paid(baseline.dependence.get(feature.name, 1.0), feature.rows // PANE)
        self._scores = _scores(layout)
        self._last: tuple[Floats, Floats] | None = None
        self._squares: list[Floats] = []
        self._near = Nearness(layout)
        self._scattered = np.ones(len(layout.features))
        roles = np.array([feature.role for feature in layout.features])
        self._columns, self._together = roles == "feature", roles == "multivariate"
        self._join()

    def compare(self, counts: Ints, compared: Ints) -> None:
        """What the order of the rows says, before they are bet on."""
        self._near.see(counts, compared)
        self._join()

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
        self._scattered = self._live()
        self._join()

    def _join(self) -> None:
        """The largest of all. Errors over all columns have that of half the columns too: components were learnt from such rows,
        and fit those beside them better than any other."""
        self.factor = np.maximum(np.maximum(self.trained, self._near.factor), self._scattered)
        if self._together.any() and self._columns.any():
            shared = float(np.median(self.factor[self._columns]))
            self.factor[self._together] = np.maximum(self.factor[self._together], shared)

    def _live(self) -> Floats:
        panes = len(self._squares)
        if panes < _LEAST:
            return np.ones(len(self.trained))
        with np.errstate(all="ignore"):
            found = np.nan_to_num(np.median(np.stack(self._squares), axis=0) / _MEDIAN, nan=1.0).max(axis=1)
        slack = np.sqrt(6 / panes)
        used = found > np.maximum(1.0, self.trained) * (1 + 3 * slack)
        return np.where(used, found * (1 + np.sqrt(3 / panes)), 1.0)


class Nearness:
    """Rows that follow each other: their correlation by lag, centred in each bet so that a change is none.

    Two rows of a bet are alike by chance as often as its counts say; what passes that, as a share of what could, is ρ of their
    sides at that lag, and sin(πρ/2) that of a normal series. f = 1 + 2 Σ ρ, with ρ read off between the lags; a centre that is
    itself learnt from n rows hides f/n of it.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        shape = (len(layout.features), order.SPLITS, len(order.LAGS))
        self._numeric = np.array([feature.numeric for feature in layout.features], dtype=np.bool_)
        self._unlike = np.zeros(shape)
        self._expected = np.zeros(shape)
        self._variance = np.zeros(shape)
        self._rows = np.zeros(len(layout.features))
        self._bets = np.zeros(len(layout.features))
        self.factor = np.ones(len(layout.features))

    def see(self, counts: Ints, compared: Ints) -> None:
        """The pairs of one bet more; what is old fades."""
        table = compared.reshape(len(self.factor), *order.SHAPE).astype(np.float64)
        rows = counts.sum(axis=1)
        played = (rows >= _FEWEST) & (table[:, order.PAIRS, 0] > 0)
        if not played.any():
            return
        fade = np.where(played, 1 - 1 / _KEPT, 1.0)
        pairs = np.where(played[:, None], table[:, order.PAIRS], 0.0)[:, None, :]
        alike = _alike(self.layout, counts)[:, :, None]
        self._unlike = self._unlike * fade[:, None, None] + np.where(pairs > 0, pairs - table[:, 1:], 0.0)
        self._expected = self._expected * fade[:, None, None] + pairs * (1 - alike)
        self._variance = self._variance * fade[:, None, None] + pairs * alike * (1 - alike)
        self._rows = self._rows * fade + np.where(played, rows, 0)
        self._bets = self._bets * fade + played
        self.factor = self._found()

    def _found(self) -> Floats:
        with np.errstate(all="ignore"):
            left = self._unlike / self._expected
            error = np.sqrt(self._variance) / self._expected
            centre = (self._bets / self._rows)[:, None]
            near = 1 - left * (1 - centre[:, :, None])
            strength = np.nan_to_num(near / error)
            kept = strength > _STILL
            # rows that hang together do so at once, or from the second on where two services take turns; what comes round is none
            kept[:, :, 1] &= strength[:, :, 0] > -_STILL
            kept[:, :, 2] &= kept[:, :, :2].any(axis=2)
            for lag in range(_NEAR, kept.shape[2]):
                kept[:, :, lag] &= kept[:, :, lag - 1] & kept[:, :, 0]
            kept &= (kept & (strength > _FOUND))[:, :, :_NEAR].any(axis=2, keepdims=True)
            near = np.where(kept, 1 - left, 0.0)
            hidden = np.where(kept, left, 0.0)
            smooth = self._numeric[:, None, None] & (near[:, :, :1] < _REPEATED)
            near = np.where(smooth, np.sin(np.pi / 2 * np.clip(near, 0, 1)), near)
            found = (1 + 2 * near @ _WEIGHTS) / np.maximum(1 - 2 * centre * (hidden @ _WEIGHTS), 0.25)
            found = np.minimum(np.nan_to_num(found, nan=1.0).max(axis=1), _MOST)
            paid = found * (1 + np.sqrt(found / np.maximum(self._rows, 1)))
        return np.where(found > 1, paid, 1.0)


def _alike(layout: Layout, counts: Ints) -> Floats:
    """How often two rows drawn from these counts are alike, by split; 1 where nothing varies."""
    total = np.maximum(counts.sum(axis=1), 1)
    found = np.ones((len(counts), order.SPLITS))
    share = counts / total[:, None]
    found[:, 0] = np.einsum("fb,fb->f", share, share)
    for row in layout.numbers:
        halves = layout.features[row].halves
        inside = halves @ share[row, BODY : BODY + halves.shape[1]]
        found[row] = inside**2 + (1 - inside) ** 2
    return found


def _lag_weights() -> Floats:
    """What each of the lags stands for in the sum over all of them: straight lines between, down to nothing after the last."""
    lags = np.array([0, *order.LAGS, 2 * order.LAGS[-1]])
    every = np.arange(1, lags[-1])
    return np.array([np.interp(every, lags, np.eye(len(lags))[place]).sum() for place in range(1, len(lags) - 1)])


_WEIGHTS = _lag_weights()
_MOST = 50.0
# from here on neighbours are equal rather than like each other: sides then hang together as much as values do
_REPEATED = 0.85


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
