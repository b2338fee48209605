"""How far the training data of one version lies from that of another, from their counts alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from nb2prod.baseline import Baseline, Feature
from nb2prod.baseline.feature import BODY, Floats
from nb2prod.monitoring.statistics.distances import psi
from nb2prod.records.base import Record

TENTHS = 10


class Moved(Record, frozen=True, kw_only=True):
    """One column's population stability index, and what moved most: its median, its missing share or a level's share."""

    name: str
    psi: float
    what: str = ""


def moved(before: Path, after: Path) -> Iterator[Moved]:
    """Every column that both have, the one that moved most first.

    Bins differ between versions: the newer one's shares are read off its cumulative counts at the older one's tenths.
    """
    if not (before.is_dir() and after.is_dir()):
        return
    old, new = Baseline.load(before), Baseline.load(after)
    theirs = {feature.name: feature for feature in new.features if feature.role == "feature"}
    both = [(one, theirs[one.name]) for one in old.features if one.role == "feature" and one.name in theirs]
    found = [_moved(one, two) for one, two in both if one.kind == two.kind]
    yield from sorted(found, key=lambda one: -one.psi)


def _moved(old: Feature, new: Feature) -> Moved:
    p, q = _shares(old, new)
    n, m = max(int(new.counts.sum()), 1), max(int(old.counts.sum()), 1)
    return Moved(name=old.name, psi=round(float(psi(q[None, :], p[None, :], n, m)[0]), 4), what=_what(old, new, p, q))


def _shares(old: Feature, new: Feature) -> tuple[Floats, Floats]:
    heads = [feature.counts[:BODY] / max(feature.counts.sum(), 1) for feature in (old, new)]
    bodies = _cut(old, new) if old.numeric else _levels(old, new)
    return np.concatenate([heads[0], bodies[0]]), np.concatenate([heads[1], bodies[1]])


def _cut(old: Feature, new: Feature) -> tuple[Floats, Floats]:
    if not len(old.edges) or not len(new.edges):
        return _whole(old), _whole(new)
    mine, theirs = _cumulative(old), _cumulative(new)
    wanted = np.searchsorted(mine, mine[-1] * np.arange(1, TENTHS) / TENTHS)
    cuts = np.unique(old.edges[np.clip(wanted, 0, len(old.edges) - 1)])
    return _between(old, mine, cuts), _between(new, theirs, cuts)


def _cumulative(feature: Feature) -> Floats:
    return np.asarray(np.cumsum(feature.counts[BODY:]) / max(feature.counts.sum(), 1))


def _between(feature: Feature, cumulative: Floats, cuts: Floats) -> Floats:
    below = np.interp(cuts, feature.edges, cumulative[:-1], left=0.0, right=float(cumulative[-1]))
    return np.diff(below, prepend=0.0, append=float(cumulative[-1]))


def _whole(feature: Feature) -> Floats:
    return np.array([feature.counts[BODY:].sum() / max(feature.counts.sum(), 1)])


def _levels(old: Feature, new: Feature) -> tuple[Floats, Floats]:
    names = list(dict.fromkeys([*old.levels, *new.levels]))
    found = []
    for feature in (old, new):
        body = feature.counts[BODY:] / max(feature.counts.sum(), 1)
        known = dict(zip(feature.levels, body, strict=False))
        found.append(np.array([*(known.get(name, 0.0) for name in names), body[len(feature.levels) :].sum()]))
    return found[0], found[1]


def _what(old: Feature, new: Feature, p: Floats, q: Floats) -> str:
    missing = f"missing {p[0]:.0%} to {q[0]:.0%}" if abs(q[0] - p[0]) > 0.02 else ""
    if old.numeric and old.kind != "datetime" and len(old.edges) and len(new.edges):
        medians = f"median {_median(old):.4g} to {_median(new):.4g}"
        return f"{medians}, {missing}" if missing else medians
    if missing or old.numeric:
        return missing
    names = list(dict.fromkeys([*old.levels, *new.levels]))
    gaps = np.abs(q - p)[BODY : BODY + len(names)]
    if not len(gaps) or not gaps.max():
        return ""
    most = int(gaps.argmax())
    return f"`{names[most]}` {p[BODY + most]:.0%} to {q[BODY + most]:.0%}"


def _median(feature: Feature) -> float:
    cumulative = _cumulative(feature)
    return float(feature.centres[int(np.searchsorted(cumulative, cumulative[-1] / 2))])
