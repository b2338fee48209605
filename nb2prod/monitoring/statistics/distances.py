"""PSI, JS, KS, Wasserstein and χ² from counts, with the values that chance alone reaches at these numbers of rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from nb2prod.baseline import Feature
from nb2prod.baseline.feature import BODY
from nb2prod.monitoring.statistics.gaps import effective
from nb2prod.monitoring.statistics.scales import Floats, Ints

_DRAWS = 500


@dataclass(frozen=True)
class Distance:
    """A distance, and the value that calm rows stay under 95 times in a hundred (None where it was not asked for)."""

    name: str
    value: float
    critical: float | None = None


def distances(
    feature: Feature, base: Ints, live: Ints, factor: float = 1.0, *, critical: bool = True
) -> dict[str, Distance]:
    """All of them; empty where either side has no rows.

    The critical values are those of draws from the pooled shares at these very numbers of rows: the usual fixed limits
    (PSI .1 and .25, say) alarm on every small sample and never on a large one.
    """
    n, m = int(live.sum()), int(base.sum())
    if not n or not m:
        return {}
    found = _measured(feature, live[None, :] / n, base[None, :] / m, n, m)
    limits = _limits(feature, base, live, factor) if critical else {}
    return {name: Distance(name, float(values[0]), limits.get(name)) for name, values in found.items()}


def _limits(feature: Feature, base: Ints, live: Ints, factor: float) -> dict[str, float]:
    n, m = max(round(live.sum() / factor), 1), max(round(base.sum() / factor), 1)
    shares = (base + live) / (base.sum() + live.sum())
    rng = np.random.default_rng(0)
    p, q = (rng.multinomial(rows, shares, size=_DRAWS) / rows for rows in (n, m))
    return {name: float(np.quantile(values, 0.95)) for name, values in _measured(feature, p, q, n, m).items()}


def _measured(feature: Feature, p: Floats, q: Floats, n: int, m: int) -> dict[str, Floats]:
    found = {"psi": psi(p, q, n, m), "js": js(p, q)}
    if not feature.numeric:
        return found | {"ks": np.abs(p - q).sum(axis=1) / 2}
    gap = np.cumsum((p - q)[:, BODY:], axis=1)
    with np.errstate(over="ignore"):  # a distance past every float is the largest one
        steps = np.nan_to_num(np.diff(feature.centres)) if len(feature.edges) else np.zeros(0)
        moved = np.nan_to_num(np.abs(gap[:, :-1]) @ steps)
    return found | {"ks": np.abs(gap).max(axis=1), "wasserstein": moved}


def psi(p: Floats, q: Floats, n: int, m: int) -> Floats:
    """Population stability index, half a row added to each bucket that either side fills."""
    used = (p + q) > 0
    a, b = np.where(used, p + 0.5 / n, 0.0), np.where(used, q + 0.5 / m, 0.0)
    a, b = a / a.sum(axis=1, keepdims=True), b / b.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(used, (a - b) * np.log(a / b), 0.0).sum(axis=1))


def js(p: Floats, q: Floats) -> Floats:
    """Jensen-Shannon distance, the root of the divergence in nats."""
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(side > 0, side * np.log(side / middle), 0.0).sum(axis=1) for side in (p, q)]
    return np.asarray(np.sqrt(np.clip((parts[0] + parts[1]) / 2, 0.0, None)))


def p_value(base: Ints, live: Ints, factor: float = 1.0) -> float | None:
    """χ² test that both sides have one law; buckets are pooled with their neighbours up to five expected rows."""
    n, m = float(live.sum()), float(base.sum())
    if not n or not m:
        return None
    both = (live + base).astype(np.float64)
    least = 5 * (n + m) / min(n, m)
    last = max(np.floor(both.sum() / least) - 1, 0)
    group = np.clip(np.floor((np.cumsum(both) - 0.5) / least), 0, last).astype(np.int64)
    p = np.bincount(group, weights=live) / n
    q = np.bincount(group, weights=base) / m
    pooled = np.bincount(group, weights=both) / (n + m)
    used = pooled > 0
    free = int(used.sum()) - 1
    if free < 1:
        return 1.0
    statistic = effective(n, m, factor) * float(np.sum((p - q)[used] ** 2 / pooled[used]))
    return float(chi2.sf(statistic, free))
