"""Which of many counters have changed, of which at most a share is wrong: for looking, not for waking anyone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nb2prod.monitoring.statistics.scales import Floats


def e_bh(evidence: Floats, rate: float = 0.05) -> NDArray[np.bool_]:
    """e-BH (Wang & Ramdas 2022, Definition 3.1): the k largest e-values, k the greatest with e₍ₖ₎ ≥ K / (k · rate).

    Whatever hangs together, the expected share of calm ones among those told is at most `rate`.

    Parameters
    ----------
    evidence
        ln of the e-values, one a counter.

    Examples
    --------
    >>> e_bh(np.log([1.0, 50.0, 90.0, 0.2]), 0.05).tolist()
    [False, True, True, False]
    """
    count = len(evidence)
    order = np.argsort(-evidence, kind="stable")
    wanted = np.log(count / (np.arange(1, count + 1) * rate)) if count else np.zeros(0)
    passed = np.flatnonzero(evidence[order] >= wanted)
    found = np.zeros(count, dtype=np.bool_)
    if len(passed):
        found[order[: passed[-1] + 1]] = True
    return found
