"""How the buckets of one counter are weighed: the prior of their masses, and the scores that a shift is measured on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from nb2prod.baseline import Feature
from nb2prod.baseline.feature import BODY
from nb2prod.baseline.words import LEVEL_ROWS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
TAIL = 0.05


def prior(feature: Feature, counts: Floats | Ints | None = None) -> Floats:
    """Dirichlet parameters of the masses of a counter's buckets, given its training rows.

    A block weighs the rows it holds, the gaps below the least and above the largest row weigh one (Wilks 1942), a
    bucket that training never filled weighs half a row.
    """
    weights = np.array(feature.reference if counts is None else counts, dtype=np.float64)
    if feature.numeric and len(feature.edges) and feature.counts[BODY:].any():
        weights[BODY] += 1.0
        weights[-1] += 1.0
    return np.where(weights > 0, weights, 0.5)


def few(feature: Feature, factor: float) -> NDArray[np.bool_]:
    """Levels with a bucket of their own that came in too few bursts for one, where rows hang together by `factor`.

    A bucket was given for rows. A level that came in one burst has one because of that burst, and its like that had none
    then is `other` or `unseen`: as many of them come as such levels are not seen again. Levels of up to R bursts, new ones
    included, have the share that those of 1 to R + 1 bursts had (Good 1953), so the cut lies where levels of R + 1 have the
    fewest rows: a cut amid many like levels would put those together that luck made few.
    """
    if feature.kind != "category" or factor <= 1:
        return np.zeros(max(feature.size - BODY, 0), np.bool_)
    bursts = feature.counts[BODY:-2] / factor
    held = np.bincount(np.minimum(np.ceil(bursts - 0.5), LEVEL_ROWS + 1).astype(np.int64), bursts, LEVEL_ROWS + 2)
    cut = 2 + int(np.argmin(held[3 : LEVEL_ROWS + 1]))
    return np.append(np.ceil(bursts - 0.5) <= cut, [False, False])


@dataclass(frozen=True, eq=False)
class Scale:
    """Scores of a number's body buckets: location and spread have mean 0 and variance 1 over training."""

    location: Floats
    spread: Floats
    lower: NDArray[np.bool_]
    upper: NDArray[np.bool_]


def scale(feature: Feature) -> Scale:
    """Normal scores of the buckets' mid-ranks, their orthogonalised square, and the outer twentieths.

    The levels of a category stand in the order of their frequency, `other` and `unseen` as one.
    """
    weights = prior(feature)[BODY:]
    if not feature.numeric and len(weights) > 1:
        weights[-2:] = weights[-2:].sum(), 1e-9
    share = weights / weights.sum()
    if np.count_nonzero(feature.counts[BODY:]) < 2:
        flat, none = np.zeros(len(share)), np.zeros(len(share), np.bool_)
        return Scale(flat, flat, none, none)
    middle = np.cumsum(share) - share / 2
    location = _standard(ndtri(middle), share)
    square = location**2
    square = square - (share @ (square * location)) * location
    spread = _standard(square, share)
    return Scale(location, spread, np.cumsum(share) <= 1.5 * TAIL, 1 - np.cumsum(share) + share <= 1.5 * TAIL)


def _standard(values: Floats, share: Floats) -> Floats:
    """Mean 0, variance 1; flat where nothing varies."""
    centred = values - share @ values
    size = float(np.sqrt(share @ centred**2))
    return centred / size if size > 1e-6 else np.zeros_like(values)
