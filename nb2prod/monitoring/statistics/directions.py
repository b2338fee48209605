"""A shift in words: which way, and from what to what."""

from __future__ import annotations

import numpy as np

from nb2prod.baseline import Feature
from nb2prod.baseline.feature import BODY
from nb2prod.monitoring.statistics.gaps import Gap
from nb2prod.monitoring.statistics.scales import Ints

# the edge after an atom at 0 is the least number there is
_NEXT_TO_ZERO = 1e-323
_BUCKETS = {
    "null": "missing",
    "infinite": "infinite",
    "type": "of another type",
    "below": "below all of training",
    "above": "above all of training",
    "unseen": "a level that training never had",
    "rare": "rare levels",
}
_NEVER = "at times of the week or in years that training never had"


def quantile(feature: Feature, counts: Ints, share: float) -> str:
    """A quantile from counts as people read it: straight inside a block, `over 64` past training."""
    edges = feature.edges
    body = counts[BODY:].astype(np.float64)
    if not len(edges) or not body.any():
        return "none"
    reached = np.cumsum(body)
    place = int(np.searchsorted(reached, share * reached[-1]))
    if place in (0, len(edges)):
        return f"under {number(edges[0])}" if place == 0 else f"over {number(edges[-1])}"
    low, high = edges[place - 1], edges[place]
    alone = bool(feature.counts[BODY + place]) and feature.centres[place] - low <= 1e-9 * (high - low)
    if alone or high <= np.nextafter(low, np.inf):  # an atom
        return number(low)
    inside = (share * reached[-1] - (reached[place] - body[place])) / body[place]
    inside = min(max(inside, 0.0), 1.0)
    return number(low * (1 - inside) + high * inside)


def direction(feature: Feature, base: Ints, live: Ints, gap: Gap) -> str:
    """One phrase, such as `up: median 2 to 9`."""
    if gap.measure in _BUCKETS:
        past = feature.kind == "datetime" and gap.measure in ("below", "above")
        return _rate(_NEVER if past else _BUCKETS[gap.measure], base, live, feature, gap)
    if gap.measure == "levels":
        return _levels(feature, base, live)
    if feature.kind == "datetime":
        return "at other hours of the week" if feature.options.get("hours") else "on other days of the week"
    if feature.role == "multivariate":
        return (
            "the columns go together less than in training"
            if gap.size > 0
            else "the columns go together more than in training"
        )
    if gap.measure == "location":
        return f"{'up' if gap.size > 0 else 'down'}: {_middle(feature, base, live)}"
    if gap.measure == "spread":
        word = "wider" if gap.size > 0 else "narrower"
        return f"{word}: 8 rows in 10 from {_middle80(feature, live)}, in training from {_middle80(feature, base)}"
    side = "high" if gap.measure == "upper" else "low"
    return f"{'more' if gap.size > 0 else 'fewer'} {side} values"


def _middle(feature: Feature, base: Ints, live: Ints) -> str:
    """From what to what: the median, or another quantile or the mean where the median stays."""
    for share, name in (
        (0.5, "median"),
        (0.75, "upper quarter from"),
        (0.25, "lower quarter from"),
        (0.9, "upper tenth from"),
    ):
        before, now = quantile(feature, base, share), quantile(feature, live, share)
        if before != now:
            return f"{name} {before} to {now}"
    return f"mean {number(_mean(feature, base))} to {number(_mean(feature, live))}"


def _mean(feature: Feature, counts: Ints) -> float:
    body = counts[BODY:]
    return float(body / max(int(body.sum()), 1) @ feature.centres)


def _middle80(feature: Feature, counts: Ints) -> str:
    return f"{quantile(feature, counts, 0.1)} to {quantile(feature, counts, 0.9)}"


def _rate(words: str, base: Ints, live: Ints, feature: Feature, gap: Gap) -> str:
    if gap.measure in ("unseen", "rare"):
        before, now = percent(gap.before), percent(gap.now)
        if gap.measure == "unseen" and gap.before:
            return f"{words} in {now} of the rows, where {before} were to be expected"
        return f"{words} in {before} to {now} of the rows"
    place = feature.size - 1 if gap.measure == "above" else feature.buckets.index(gap.measure)
    before, now = (percent(one[place] / max(one.sum(), 1)) for one in (base, live))
    return f"{words} in {before} to {now} of the rows"


def _levels(feature: Feature, base: Ints, live: Ints) -> str:
    """The two levels that moved most."""
    p, q = live[BODY:] / max(live[BODY:].sum(), 1), base[BODY:] / max(base[BODY:].sum(), 1)
    names = feature.buckets[BODY:]
    moved = [names.index("True")] if feature.kind == "boolean" else np.argsort(-np.abs(p - q), kind="stable")[:2]
    parts = [
        f"{'more' if p[k] > q[k] else 'fewer'} {names[k]} ({percent(q[k])} to {percent(p[k])})"
        for k in moved
        if p[k] != q[k]
    ]
    return ", ".join(parts)


def percent(share: float) -> str:
    """A share as people read it."""
    value = 100 * float(share)
    return f"{value:.0f} %" if value >= 9.95 or value == 0 else f"{value:.1f} %" if value >= 0.1 else f"{value:.2g} %"


def number(value: float) -> str:
    """A figure with three or four digits, past a billion with its exponent."""
    if abs(value) < _NEXT_TO_ZERO:
        return "0"
    if 1000 <= abs(value) < 1e9:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.4g}"
