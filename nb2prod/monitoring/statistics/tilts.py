"""What is bet on a number: small and large shifts of place, of spread, and of either tail."""

from __future__ import annotations

import numpy as np

from nb2prod.baseline import Feature
from nb2prod.monitoring.statistics.scales import Floats, scale

LIMIT = 1.5
PLACE = (0.05, 0.1, 0.2, 0.4, 0.8)
SPREAD = (0.06, 0.12, 0.25, 0.5)
TAILS = (0.5, 1.2)
_PLACED = (0.05, 0.3, 0.42, 0.2, 0.03)
_SPREAD = (0.05, 0.28, 0.57, 0.1)
_SHARES = (0.64, 0.31, 0.05)
COUNT = 2 * len(PLACE) + 2 * len(SPREAD) + 2 * len(TAILS)


def weights() -> Floats:
    """Share of each tilt in a feature's stake; they sum to 1.

    The middle sizes have more: what is smaller hardly passes the gate, what is larger is told at the first bet anyway. A move
    of one tail alone is seen by place and spread too.
    """
    tails = np.full(len(TAILS), 1 / len(TAILS))
    parts = [share * np.array(sizes) for share, sizes in zip(_SHARES, (_PLACED, _SPREAD, tails), strict=True)]
    return np.repeat(np.concatenate(parts), 2) / 2


def bank(feature: Feature) -> Floats:
    """Log-tilts over a number's body buckets, (tilts, buckets), each held within ±1.5."""
    known = scale(feature)
    rows = [sign * theta * known.location for theta in PLACE for sign in (1, -1)]
    rows += [sign * theta * known.spread for theta in SPREAD for sign in (1, -1)]
    rows += [theta * side.astype(np.float64) for theta in TAILS for side in (known.lower, known.upper)]
    return np.clip(np.array(rows), -LIMIT, LIMIT)
