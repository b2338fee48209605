"""When a change may have begun: the weight of each start, and which starts are kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_REACH = 6


def log_weight(age: NDArray[np.int64]) -> NDArray[np.float64]:
    """ln of the weight of a start before bet `age` + 1: ½ at 0, then 1.49 / ((t+20) ln²(t+20)); together at most 1."""
    later = age + 20.0
    return np.asarray(np.where(age == 0, np.log(0.5), np.log(1.49) - np.log(later) - 2 * np.log(np.log(later))))


def kept(start: int, now: int) -> bool:
    """Is the start still looked at? About 25 are, the denser the younger; leaving starts out keeps the bound."""
    return start == 0 or now - start <= _REACH * (start & -start)
