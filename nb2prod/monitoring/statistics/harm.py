"""What a shift does to the estimated risk: harmful, harmless, or not certain yet (compare arXiv 2412.12910, labels unseen).

Two estimates from counts alone, each with its bound:

- the whole: the expected loss of live rows by their scores, against that of calm ones;
- a column's own part: its shift, bucket by bucket, times what the hold-out's rows in those buckets risk. It needs few rows,
  since a column that has nothing to do with the risk risks the same in all of its buckets. Rows outside of training's range
  count as the worst there is.

Two losses, the error and the Brier score: the first is what people read, the second also sees scores that say less than they
did. A shift is harmless where the upper bound of each stays within a tenth of the hold-out's own risk, at most .02, and either
the bound itself is as narrow, so that the risk stays as it was, or lies below 0, so that it falls. Bounds are those of one look,
three standard errors wide. Like every estimate from scores it is blind to a change of the relation between inputs and label.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nb2prod.baseline import Baseline, Feature
from nb2prod.baseline.feature import BODY
from nb2prod.baseline.risks import RISK, UNIT, losses
from nb2prod.monitoring.statistics.risk import unable
from nb2prod.monitoring.statistics.scales import Floats, Ints

TOLERANCE = 0.02
_SHARE = 0.1
_GROUPS = 16
_Z, _SHOWN = 3.0, 1.64
_WORST = np.array([1.0, 0.25])
# kinds that page whatever the scores say: what is not there or was never seen has no score that could be trusted
ALWAYS = ("missing", "type", "unseen", "range", "performance")


class Verdict(NamedTuple):
    """Change of the estimated error with its bounds, and what follows; `change` is None where nothing can be estimated."""

    page: bool
    words: str
    change: float | None = None
    low: float | None = None
    high: float | None = None


class Shift(NamedTuple):
    """Counts of one counter before and since, and by how much its rows are fewer than they look."""

    calm: Ints
    live: Ints
    factor: float


@dataclass(frozen=True, eq=False)
class _Change:
    """Of both losses: size and standard error; `worst` is what rows of which nothing is known may add."""

    size: Floats
    error: Floats
    worst: Floats

    @property
    def high(self) -> Floats:
        return self.size + _Z * self.error + self.worst

    def low(self, z: float = _Z) -> Floats:
        return self.size - z * self.error


class Harm:
    """Judges shifts by a baseline's hold-out; `reason` says why where it cannot."""

    def __init__(self, baseline: Baseline) -> None:
        self.reason = unable(baseline, "accuracy")
        self.baseline = baseline
        self.losses: Floats = np.zeros((0, 2))
        if not self.reason:
            held = np.asarray(baseline.feature("@score").counts[BODY:], dtype=np.float64)
            self.losses = losses(baseline.right)
            share = held / max(held.sum(), 1.0)
            self.risk = share @ self.losses
            # of a row's loss about its bucket's: all of the spread over the hold-out, which is too much
            self.spread = np.maximum(share @ self.losses**2 - self.risk**2, 0.0)
            self.doubt = baseline.right * (1 - baseline.right) / np.maximum(held, 1.0)
            self.limit = np.minimum(TOLERANCE, _SHARE * self.risk)

    def judge(self, feature: Feature, kind: str, own: Shift, scores: Shift | None) -> Verdict:
        """What a shift of a counter does, given the score's counts before and since."""
        if self.reason or scores is None or not scores.live[BODY:].any():
            why = self.reason or "no scores came with these rows"
            return Verdict(True, f"not ranked by what it does to the risk: {why[0].lower()}{why[1:].rstrip('.')}")
        whole = self._whole(scores)
        told = self._own(feature, own) or _Change(whole.size, whole.error, _outside(feature, own))
        doubt = self._doubt(told, whole)
        page = kind in ALWAYS or bool(doubt)
        size, low, high = float(told.size[0]), float(told.low()[0]), float(told.high[0])
        return Verdict(page, self._words(size, low, high, doubt, kind), size, low, high)

    def _doubt(self, told: _Change, whole: _Change) -> str:
        """What harmless would need; empty where it is certain."""
        if np.any(told.high > self.limit) and np.all(told.high - told.worst <= self.limit):
            return (
                f"{100 * told.worst[0]:.2g} % more rows than in training are such as it had not, and may all be wrong"
            )
        for name, unit, limit, high, error in zip(_LOSSES, _UNITS, self.limit, told.high, told.error, strict=True):
            if high > limit:
                return f"harmless is certain where {name} rises by at most {unit(limit)}; it may by {unit(high)}"
            if _Z * error > limit and np.any(told.high > 0):  # by a wide bound's luck
                least, now = (unit(width).lstrip("+") for width in (limit, _Z * error))
                return f"harmless is certain once {name} is known to within {least}; now it is to {now}"
        if np.any(whole.low(_SHOWN) > self.limit):
            return "by all columns together it rises"
        return ""

    def shown(self, feature: Feature, own: Shift, scores: Shift | None) -> bool:
        """Has the estimated risk certainly risen past what is harmless?"""
        if self.reason or scores is None or not scores.live[BODY:].any():
            return False
        part, whole = self._own(feature, own), self._whole(scores)
        return bool(np.any(np.maximum(whole.low(), part.low() if part else -np.inf) > self.limit))

    def _whole(self, scores: Shift) -> _Change:
        p, q, noise = _shares(scores, self.losses)
        moved = (p - q) ** 2
        slope = np.stack((np.ones(len(self.doubt)), np.abs(1 - 2 * self.baseline.right)), axis=1)
        error = np.sqrt(noise + (moved * self.doubt) @ slope**2)
        return _Change((p - q) @ self.losses, error, np.zeros(2))

    def _own(self, feature: Feature, own: Shift) -> _Change | None:
        table = self.baseline.reference.get(RISK + feature.name)
        if table is None or not own.live[BODY:].any() or not own.calm[BODY:].any():
            return None
        held = table.reshape(-1, 3).astype(np.float64)
        if len(held) != feature.size - BODY or not held[:, 0].any():
            return None
        group = _groups(held[:, 0]) if feature.numeric else np.arange(len(held))
        sums = np.stack([np.bincount(group, weights=column) for column in held.T], axis=1)
        rows = sums[group, 0]
        level = np.where(rows[:, None] > 0, sums[group, 1:] / UNIT / np.maximum(rows, 1.0)[:, None], self.risk)
        p, q, noise = _shares(own, level)
        moved = np.bincount(group, weights=p - q) ** 2
        doubt = (moved / np.maximum(sums[:, 0], 1.0)).sum() * self.spread
        worst = np.maximum(p - q, 0.0)[_strange(feature) | (held[:, 0] == 0)].sum() * _WORST
        return _Change((p - q) @ level, np.sqrt(noise + doubt), worst)

    def _words(self, size: float, low: float, high: float, doubt: str, kind: str) -> str:
        span = f"{_points(size)} ({_points(low)} to {_points(high)}) on {100 * self.risk[0]:.2g} %"
        if not doubt:
            always = ", but what training had not has no score to be trusted" if kind in ALWAYS else ""
            return f"harmless by the scores: estimated error {span}{always}"
        if low > 0:
            return f"estimated error {span}"
        return f"what it does to the risk is not certain yet: estimated error {span}; {doubt}"


def _strange(feature: Feature) -> NDArray[np.bool_]:
    """Buckets of the body for what training had not: below, above, unseen."""
    found = np.zeros(feature.size - BODY, np.bool_)
    found[-1] = feature.kind == "category" or feature.numeric
    found[0] |= feature.numeric
    return found


def _outside(feature: Feature, own: Shift) -> Floats:
    """What rows outside of training may add to each loss."""
    p, q, _ = _shares(own, np.zeros((feature.size - BODY, 2)))
    return np.asarray(np.maximum(p - q, 0.0)[_strange(feature)].sum() * _WORST)


def _points(change: float) -> str:
    """A change of a share in percentage points."""
    return f"{100 * change:+.2g} points"


_LOSSES: tuple[str, ...] = ("the error", "the Brier score")
_UNITS: tuple[Callable[[float], str], ...] = (_points, "{:.2g}".format)


def _shares(shift: Shift, level: Floats) -> tuple[Floats, Floats, Floats]:
    """Shares since and before, and the variance of the difference of their mean levels."""
    live, calm = (np.asarray(counts[BODY:], dtype=np.float64) for counts in (shift.live, shift.calm))
    n, m = max(float(live.sum()), 1.0), max(float(calm.sum()), 1.0)
    p, q = live / n, calm / m
    noise = sum((np.maximum(side @ level**2 - (side @ level) ** 2, 0.0) / rows for side, rows in ((p, n), (q, m))))
    return p, q, np.asarray(noise * shift.factor)


def _groups(held: Floats) -> Ints:
    """Neighbouring buckets put together, about sixteen of equal rows."""
    middle = (np.cumsum(held) - held / 2) / held.sum()
    return np.asarray(np.minimum(middle * _GROUPS, _GROUPS - 1), dtype=np.int64)
