"""What a score is worth: isotonic calibration of hold-out scores, by pool-adjacent-violators."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nb2prod.baseline.feature import Floats


@dataclass(frozen=True, eq=False)
class Calibration:
    """A rising broken line from score to probability: knots `scores` and `values`."""

    scores: Floats
    values: Floats

    def __call__(self, scores: Floats) -> Floats:
        return np.interp(scores, self.scores, self.values)


def isotonic(scores: Floats, labels: Floats) -> Calibration:
    """Fit the knots (Barlow et al. 1972; PAVA).

    Parameters
    ----------
    scores, labels
        Finite, of the same length; labels are 0 or 1.
    """
    levels, place, held = np.unique(scores, return_inverse=True, return_counts=True)
    means = np.bincount(place, weights=labels, minlength=len(levels)) / held
    starts, values = _pool(means, held.astype(np.float64))
    ends = np.concatenate((starts[1:], [len(levels)])) - 1
    knots = np.stack((levels[starts], levels[ends]), axis=1).ravel()
    heights = np.repeat(values, 2)
    keep = np.concatenate(([True], (np.diff(knots) > 0) | (np.diff(heights) > 0)))
    return Calibration(knots[keep], heights[keep])


def _pool(means: Floats, weights: Floats) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], Floats]:
    """First place and height of each pool."""
    starts: list[int] = []
    heights: list[float] = []
    masses: list[float] = []
    for place, (height, mass) in enumerate(zip(means.tolist(), weights.tolist(), strict=True)):
        start = place
        while heights and heights[-1] >= height:
            total = masses[-1] + mass
            height = (heights[-1] * masses[-1] + height * mass) / total
            mass, start = total, starts[-1]
            starts.pop()
            heights.pop()
            masses.pop()
        starts.append(start)
        heights.append(height)
        masses.append(mass)
    return np.array(starts, dtype=np.int64), np.array(heights)
