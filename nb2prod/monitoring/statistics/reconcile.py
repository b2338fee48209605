"""Few labels and many scores: the estimate of all rows, set right by what the labelled ones show.

Prediction-powered inference (Angelopoulos, Bates, Fannjiang, Jordan & Zrnic 2023, the mean) with a tuned weight of the proxy
(PPI++, Angelopoulos, Duchi & Zrnic 2023, the optimal weight of the mean):
θ = λ · mean of the proxy over all rows + mean of (outcome − λ · proxy) over labelled rows.
The proxy of a row is its chance of being answered rightly, from its calibrated score. All from counts: a score's bucket is
all that the proxy knows of a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.stats import norm

from nb2prod.baseline import Baseline
from nb2prod.baseline.feature import BODY
from nb2prod.monitoring.statistics.scales import Floats
from nb2prod.records.monitoring import Reconciled

LEAST = 30
_Z = float(norm.isf(0.025))


def reconcile(baseline: Baseline, counts: Mapping[str, Any]) -> Reconciled | None:
    """Accuracy from labels and scores together; None where either is missing or under thirty labels came."""
    live, table = counts.get("@score"), counts.get("@labels")
    if live is None or table is None or baseline.calibration is None or baseline.target is None:
        return None
    rows = np.asarray(live, dtype=np.float64)[BODY:]
    pairs = np.asarray(table, dtype=np.float64).reshape(-1, 2)[:-1]  # the last is for rows without a score
    held = pairs.sum(axis=1)
    if len(held) != len(rows) or held.sum() < LEAST or rows.sum() < held.sum():
        return None
    said = baseline.says_yes
    right = pairs[:, 1] * said + pairs[:, 0] * (1 - said)
    proxy = baseline.calibrated * said + (1 - baseline.calibrated) * (1 - said)
    return _joined(rows, held, right, proxy)


def _joined(rows: Floats, held: Floats, right: Floats, proxy: Floats) -> Reconciled:
    n, many = float(held.sum()), float(rows.sum())
    seen, meant = float(right.sum()) / n, float(held @ proxy) / n
    shared = float(right @ proxy) / n - seen * meant
    spread = float(rows @ proxy**2) / many - (float(rows @ proxy) / many) ** 2
    weight = float(np.clip(shared / ((1 + n / many) * spread), 0.0, 1.0)) if spread > 0 else 0.0
    value = weight * float(rows @ proxy) / many + seen - weight * meant
    left = seen * (1 - seen) - 2 * weight * shared + weight**2 * (float(held @ proxy**2) / n - meant**2)
    error = float(np.sqrt(weight**2 * spread / many + max(left, 0.0) / n))
    return Reconciled(
        value=value, low=max(value - _Z * error, 0.0), high=min(value + _Z * error, 1.0), labels=int(n), rows=int(many)
    )
