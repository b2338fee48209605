"""A counter's training and live counts as two outlines that can be drawn on the same bins."""

from __future__ import annotations

import numpy as np

from nb2prod.baseline import Feature
from nb2prod.baseline.feature import BODY
from nb2prod.monitoring.statistics.distances import distances
from nb2prod.monitoring.statistics.scales import Floats, Ints
from nb2prod.records.report import Measured, Shape

_STEPS = 40
_SHOWN = 12
_TAIL = 0.005
_FAR = 1e290


def shape(feature: Feature, live: Ints, words: str) -> Shape:
    """Both outlines, and the distances that people know with what chance alone reaches."""
    known = tuple(
        Measured(
            name=one.name, value=round(one.value, 6), critical=None if one.critical is None else round(one.critical, 6)
        )
        for one in distances(feature, feature.counts, live).values()
    )
    if feature.numeric and _drawable(feature.edges):
        return _number(feature, live, words, known)
    return _levels(feature, live, words, known)


def _drawable(edges: Floats) -> bool:
    """Is there an axis of such numbers? Close to the largest and smallest floats a plot has no ticks."""
    return len(edges) > 2 and bool(1 / _FAR < edges[-1] / 4 - edges[0] / 4 < _FAR)


def _number(feature: Feature, live: Ints, words: str, known: tuple[Measured, ...]) -> Shape:
    ends = _merged(feature)
    edges = feature.edges[ends]
    sums = [np.concatenate(([0], np.cumsum(counts[BODY + 1 : -1])))[ends] for counts in (feature.counts, live)]
    rows = [max(int(counts.sum()), 1) for counts in (feature.counts, live)]
    with np.errstate(over="ignore"):  # edges of which the distance, or its inverse, is past every float
        training, now = (np.diff(side) / n / np.diff(edges) for side, n in zip(sums, rows, strict=True))
    return Shape(
        feature=feature.name,
        words=words,
        edges=_rounded(edges),
        training=_rounded(training),
        now=_rounded(now),
        outside=round(1 - float(sums[1][-1] - sums[1][0]) / rows[1], 6),
        distances=known,
    )


def _merged(feature: Feature) -> Ints:
    """Places of training's edges within its middle 99 %, thinned to steps that the eye can tell apart."""
    inner = feature.counts[BODY + 1 : -1]
    share = np.cumsum(inner) / max(inner.sum(), 1)
    first = int(np.searchsorted(share, _TAIL, side="right"))
    last = min(int(np.searchsorted(share, 1 - _TAIL)) + 1, len(inner))
    least = (feature.edges[last] - feature.edges[first]) / _STEPS
    kept = [first]
    for place in range(first + 1, last):
        if min(feature.edges[place] - feature.edges[kept[-1]], feature.edges[last] - feature.edges[place]) >= least:
            kept.append(place)
    return np.array([*kept, last], dtype=np.int64)


def _levels(feature: Feature, live: Ints, words: str, known: tuple[Measured, ...]) -> Shape:
    names = [name if name else "(empty)" for name in feature.buckets]
    base, now = (counts / max(int(counts.sum()), 1) for counts in (feature.counts, live))
    moved = np.maximum(base, now)
    order = [place for place in np.argsort(-moved, kind="stable").tolist() if moved[place] > 0]
    shown = sorted(order[:_SHOWN], key=lambda place: (place < BODY, place))
    rest = [place for place in order if place not in shown]
    levels = [_label(names[place]) for place in shown]
    training, current = [base[place] for place in shown], [now[place] for place in shown]
    if rest:
        levels.append(f"{len(rest)} others")
        training.append(base[rest].sum())
        current.append(now[rest].sum())
    return Shape(
        feature=feature.name,
        words=words,
        levels=tuple(levels),
        training=_rounded(training),
        now=_rounded(current),
        distances=known,
    )


def _label(name: str) -> str:
    return name if len(name) <= 24 else name[:23] + "…"


def _rounded(values: Floats | list[float]) -> tuple[float, ...]:
    return tuple(float(f"{value:.6g}") for value in values)
