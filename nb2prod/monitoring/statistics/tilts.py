"""What is bet on a number: small and large shifts of place, of spread, and of either tail."""

from __future__ import annotations

import numpy as np

from nb2prod.baseline import Feature
from nb2prod.monitoring.statistics.scales import Floats, scale

LIMIT = 1.5
PLACE = (0.05, 0.1, 0.2, 0.4, 0.8)
SPREAD = (0.06, 0.12, 0.25, 0.5)
TAILS = (0.5, 1.2)
COUNT = 2 * len(PLACE) + 2 * len(SPREAD) + 2 * len(TAILS)


def weights() -> Floats:
    """Share of each tilt in a feature's stake; they sum to 1."""
    return np.concatenate(
        (
            np.full(2 * len(PLACE), 0.55 / (2 * len(PLACE))),
            np.full(2 * len(SPREAD), 0.33 / (2 * len(SPREAD))),
            np.full(2 * len(TAILS), 0.12 / (2 * len(TAILS))),
        )
    )


def bank(feature: Feature) -> Floats:
    """Log-tilts over a number's body buckets, (tilts, buckets), each held within ±1.5."""
    known = scale(feature)
    rows = [sign * theta * known.location for theta in PLACE for sign in (1, -1)]
    rows += [sign * theta * known.spread for theta in SPREAD for sign in (1, -1)]
    rows += [theta * side.astype(np.float64) for theta in TAILS for side in (known.lower, known.upper)]
    return np.clip(np.array(rows), -LIMIT, LIMIT)
