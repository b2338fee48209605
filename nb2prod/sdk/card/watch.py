"""Drift and performance as tables: what moved, since when, how far; how right the model was in each period."""

from __future__ import annotations

from collections.abc import Sequence

from nb2prod.monitoring.standing import empty, spoken, stood
from nb2prod.records.monitoring import FeatureDrift, Performance
from nb2prod.sdk.card.shape import Card, Row, Table
from nb2prod.sdk.card.words import column, figure, metric, score


def drift(found: Sequence[FeatureDrift], name: str, version: int | None = None) -> Card:
    """One line a feature, and a period where they were asked for; what drifted comes first."""
    if not found:
        return Card(head=f"{name}: {empty(version)}")
    moved = {item.feature for item in found if item.drifted}
    watched = {item.feature for item in found}
    ordered = sorted(found, key=lambda item: (not item.drifted, item.feature not in moved, -item.effect))
    periods = any(item.period for item in found)
    if periods:
        ordered = sorted(found, key=lambda item: (item.feature not in moved, item.feature, item.period or ""))
    said = f"{len(moved)} of {len(watched)} watched things drifted" if moved else "nothing has drifted"
    if not periods:
        said = f"{len(moved)} of {len(watched)} watched things have drifted" if moved else "nothing is drifting now"
    head = ("", "column", *(("period",) if periods else ()), "moved", "since", "rows", "effect", "at least")
    lines = tuple(_drift_cells(item, periods) for item in ordered)
    foot = (
        f"{_rows_of(found, periods)} Effect: the shift in standard deviations of training; at least: its lower bound."
    )
    return Card(
        head=f"{name}: {said}", tables=(Table(head, lines, align="lllllrrr" if periods else "llllrrr"),), foot=foot
    )


def _rows_of(found: Sequence[FeatureDrift], periods: bool) -> str:
    """Over which rows the figures are taken."""
    if periods:
        return "▲: certain past .1 in its period."
    span = next((item.span for item in found if item.span), None)
    if span is None:
        return "Over all rows."
    drifted = "▲: an alarm stands; these are its figures. " if any(item.drifted for item in found) else ""
    return f"{drifted}Over the rows since {period_name(span)}."


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
    """`2013-06` as June 2013, a moment as `Fri 27 Nov 12:04 UTC`; anything else as it is."""
    return spoken(period)


def since_name(item: FeatureDrift) -> str:
    """Since when it stands, or from when to when it stood."""
    if item.until:
        return stood(item.since, item.until)
    return period_name(item.since) if item.since else "–"


def _drift_cells(item: FeatureDrift, periods: bool) -> tuple[str, ...]:
    return (
        "▲" if item.drifted else "·",
        column(item.feature),
        *((period_name(item.period),) if periods else ()),
        f"was {item.was}" if item.until and item.was else item.direction or "–",
        since_name(item),
        f"{item.rows:,}",
        score(item.effect),
        score(item.low),
    )


def _performance_cells(item: Performance) -> tuple[str, ...]:
    figures = (item.value, item.low, item.high, item.predicted, item.realised)
    told = (figure(item.metric, value) for value in figures)
    return (metric(item.metric), period_name(item.period), f"{item.n:,}", *told)
