"""How far live counts lie from training, with a lower bound: what decides whether a change matters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from nb2prod.baseline import Feature, unseen
from nb2prod.baseline.feature import BODY, HEAD, INFINITE, NULL, TYPE
from nb2prod.monitoring.statistics.scales import Floats, Ints, Scale, few, scale

GATE = 0.04
Kind = Literal["drift", "missing", "type", "unseen", "range", "prediction", "confidence", "multivariate"]


@dataclass(frozen=True)
class Gap:
    """One measure of a shift: signed size in training's standard deviations, its lower bound, and what it is about.

    `measure` is location, spread, lower, upper, levels, or the name of a bucket. Of rare and new levels, `before` is the share of
    rows that was expected, `now` that of live ones.
    """

    measure: str
    kind: Kind
    size: float
    low: float
    high: float
    before: float = 0.0
    now: float = 0.0

    @property
    def passes(self) -> bool:
        return self.low >= GATE


def effective(live: float, base: float, factor: float = 1.0) -> float:
    """Rows that a comparison of `live` against `base` rows is worth; `factor` divides where rows hang together."""
    return live * base / (live + base) / factor if live and base else 0.0


def gaps(feature: Feature, base: Ints, live: Ints, *, factor: float = 1.0, z: float = 1.64) -> list[Gap]:
    """Every measure of one counter; the largest lower bound first.

    Where most rows have come to be null or of another type, that is told before what the few others say.
    """
    found = [*_buckets(feature, base, live, factor, z)]
    if feature.numeric:
        found += _numeric(feature, base[BODY:], live[BODY:], factor, z)
    elif feature.kind != "other":
        found += _levels(feature, base, live, factor, z)
    swamped = 2 * live[:BODY].sum() > live.sum() and 2 * base[:BODY].sum() < base.sum()
    return sorted(found, key=lambda gap: (swamped and gap.measure not in HEAD, _rank(gap)))


_FAVOUR = {"location": 3.0, "spread": 1.0, "lower": 1.0, "upper": 1.0, "levels": 1.0, "rare": 1.0}


def _rank(gap: Gap) -> float:
    """A plain move of the whole is told as such though its square may be larger, and a new bucket before its echo."""
    return -gap.low * (_FAVOUR.get(gap.measure, 2.0) if gap.low > 0 else 1.0)


def _role(feature: Feature, kind: Kind) -> Kind:
    return kind if feature.role == "feature" else feature.role


def _rate(
    name: str, kind: Kind, x: float, n: float, y: float, m: float, factor: float, z: float, worth: float = 1.0
) -> Gap:
    """Gap of two rates on the arcsine scale, where its standard error is 1 / 2√n_eff whatever the rate; `worth` of training's."""
    size = float(np.arcsin(np.sqrt(x / n)) - np.arcsin(np.sqrt(y / m))) if n and m else 0.0
    error = z / (2 * np.sqrt(max(effective(n, m * worth, factor), 1e-9)))
    return Gap(name, kind, size, abs(size) - error, abs(size) + error)


def _buckets(feature: Feature, base: Ints, live: Ints, factor: float, z: float) -> Iterator[Gap]:
    """Null, infinite, wrong type, below, above, unseen, and rare as a whole: rates of their own."""
    n, m = float(live.sum()), float(base.sum())
    kinds: list[tuple[str, Kind, int]] = [
        ("null", "missing", NULL),
        ("infinite", "range", INFINITE),
        ("type", "type", TYPE),
    ]
    if feature.numeric and len(feature.edges):
        kinds += [("below", "range", BODY), ("above", "range", feature.size - 1)]
    for name, kind, place in kinds:
        if base[place] or live[place]:
            yield _rate(name, _role(feature, kind), float(live[place]), n, float(base[place]), m, factor, z)
    if feature.kind == "category" and (base[-2:].any() or live[-2:].any()):
        wanted, worth = unseen.expected(feature, base, factor)
        gap = _rate("unseen", _role(feature, "unseen"), float(live[-1]), n, wanted, m, factor, z, worth)
        if gap.size > 0:  # training has no new levels: fewer than it lets expect are no news
            yield replace(gap, before=wanted / m if m else 0.0, now=float(live[-1]) / n if n else 0.0)
        here, there = (float(one[-2:].sum() + one[BODY:][few(feature, factor)].sum()) for one in (live, base))
        gap = _rate("rare", _role(feature, "drift"), here, n, there, m, factor, z)
        yield replace(gap, before=there / m if m else 0.0, now=here / n if n else 0.0)


def _numeric(feature: Feature, base: Ints, live: Ints, factor: float, z: float) -> Iterator[Gap]:
    if feature.kind == "datetime" or 2 * (live[0] + live[-1]) < live.sum():
        # rows out of range are told by their own bucket; here they would only echo
        live = np.concatenate(([0], live[1:-1], [0]))
    n, m = float(live.sum()), float(base.sum())
    if not n or not m or not len(feature.edges):
        return
    known: Scale = scale(feature)
    error = z / np.sqrt(effective(n, m, factor))
    kind = _role(feature, "drift")
    for name, values in (("location", known.location), ("spread", known.spread)):
        size = float(values @ live / n - values @ base / m)
        yield Gap(name, kind, size, abs(size) - error, abs(size) + error)
    for name, places in (("lower", known.lower), ("upper", known.upper)):
        yield _rate(name, kind, float(live[places].sum()), n, float(base[places].sum()), m, factor, z)


def _levels(feature: Feature, base: Ints, live: Ints, factor: float, z: float) -> Iterator[Gap]:
    """χ² distance of the levels, debiased: √((X² − (K − 1)) / n_eff)."""
    often = ~few(feature, factor)[:-2] if feature.kind == "category" else slice(None)
    p, q = _named(feature, live)[often], _named(feature, base)[often]
    n, m = float(p.sum()), float(q.sum())
    if not n or not m:
        return
    size = effective(n, m, factor)
    pooled = (p + q) / (n + m)
    used = pooled > 0
    over = float(size * np.sum((p / n - q / m)[used] ** 2 / pooled[used]))
    free = max(int(used.sum()) - 1, 1)
    extra = max(over - free, 0.0)
    slack = z * np.sqrt(2 * free + 4 * extra)
    low, high = (float(np.sqrt(max(value, 0.0) / size)) for value in (over - free - slack, over - free + slack))
    yield Gap("levels", _role(feature, "drift"), float(np.sqrt(extra / size)), low if low > 0 else -slack / size, high)


def _named(feature: Feature, counts: Ints) -> Floats:
    """Levels with a bucket of their own."""
    body = counts[BODY:].astype(np.float64)
    return body[:-2] if len(feature.levels) else body[:0]
