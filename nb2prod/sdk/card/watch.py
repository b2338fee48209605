"""Drift and performance as tables: what moved, since when, how far; how right the model was in each period."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from nb2prod.records.monitoring import FeatureDrift, Performance
from nb2prod.sdk.card.shape import Card, Row, Table
from nb2prod.sdk.card.words import column, figure, metric, score


def drift(found: Sequence[FeatureDrift], name: str) -> Card:
    """One line a feature, and a period where they were asked for; what drifted comes first."""
    if not found:
        return Card(head=f"{name}: no rows have been counted yet")
    moved = {item.feature for item in found if item.drifted}
    watched = {item.feature for item in found}
    ordered = sorted(found, key=lambda item: (not item.drifted, item.feature not in moved, -item.effect))
    periods = any(item.period for item in found)
    if periods:
        ordered = sorted(found, key=lambda item: (item.feature not in moved, item.feature, item.period or ""))
    said = f"{len(moved)} of {len(watched)} watched things drifted" if moved else "nothing has drifted"
    head = ("", "column", *(("period",) if periods else ()), "moved", "since", "rows", "effect", "at least")
    lines = tuple(_drift_cells(item, periods) for item in ordered)
    foot = "Effect: the shift in standard deviations of training; at least: its lower bound."
    return Card(
        head=f"{name}: {said}", tables=(Table(head, lines, align="lllllrrr" if periods else "llllrrr"),), foot=foot
    )


def performance(found: Sequence[Performance], name: str) -> Card:
    """One line a metric and period: the value with its interval, and predicted against realised share."""
    if not found:
        return Card(head=f"{name}: no predictions have been counted yet")
    head = ("metric", "period", "n", "value", "from", "to", "predicted", "realised")
    lines = tuple(_performance_cells(item) for item in found)
    notes = tuple(dict.fromkeys(item.note for item in found if item.note))
    return Card(
        head=f"{name}: performance",
        tables=(Table(head, lines, align="llrrrrrr"),),
        rows=(Row("Heads up", notes),) if notes else (),
    )


def period_name(period: str | None) -> str:
    """`2013-06` as June 2013; anything else as it is."""
    try:
        return datetime.datetime.strptime(period or "", "%Y-%m").strftime("%B %Y")
    except ValueError:
        return period or "all"


def _drift_cells(item: FeatureDrift, periods: bool) -> tuple[str, ...]:
    return (
        "▲" if item.drifted else "·",
        column(item.feature),
        *((period_name(item.period),) if periods else ()),
        item.direction or "–",
        period_name(item.since) if item.since else "–",
        f"{item.rows:,}",
        score(item.effect),
        score(item.low),
    )


def _performance_cells(item: Performance) -> tuple[str, ...]:
    figures = (item.value, item.low, item.high, item.predicted, item.realised)
    told = (figure(item.metric, value) for value in figures)
    return (metric(item.metric), period_name(item.period), f"{item.n:,}", *told)
