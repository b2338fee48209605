"""One counter of one period against training: the record that people and the report read."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nb2prod.baseline import Baseline, Feature
from nb2prod.monitoring.statistics.directions import direction
from nb2prod.monitoring.statistics.distances import distances, p_value
from nb2prod.monitoring.statistics.gaps import GATE, gaps
from nb2prod.monitoring.statistics.scales import Ints
from nb2prod.records.monitoring import FeatureDrift

# One look at one period has no bet behind it: its bound is as wide as many columns and periods ask for.
_Z = 3.0


def two_sample(
    baseline: Baseline,
    counts: Mapping[str, Ints],
    feature: str,
    *,
    period: str | None = None,
    effect: float = GATE,
    factor: float = 1.0,
) -> FeatureDrift:
    """How far one counter's rows of a period stand from training.

    Parameters
    ----------
    counts
        What `Baseline.count` gave for the period's rows.
    feature
        Name of the counter: a column, `column#part`, `@score` …
    effect
        The least shift worth a page, in training's standard deviations.
    factor
        By how much rows that hang together are fewer than they look.

    Returns
    -------
    FeatureDrift
        `effect` and `low` are on one scale; it has `drifted` where the lower bound reaches `effect`.
    """
    known: Feature = baseline.feature(feature)
    live = np.asarray(counts.get(feature, np.zeros(known.size, np.int64)), dtype=np.int64)
    rows = int(live.sum())
    found = gaps(known, known.reference, live, factor=factor, z=_Z) if rows and known.rows else []
    if not found:
        return FeatureDrift(feature=feature, period=period, rows=rows, effect=0.0, low=0.0, drifted=False)
    first = found[0]
    far = distances(known, known.counts, live, critical=False)
    return FeatureDrift(
        feature=feature,
        period=period,
        rows=rows,
        effect=round(abs(first.size), 6),
        low=round(max(float(first.low), 0.0), 6),
        drifted=bool(first.low >= effect),
        direction=direction(known, known.reference, live, first),
        p_value=p_value(known.reference, live, factor),
        psi=far["psi"].value,
        ks=far["ks"].value,
    )
