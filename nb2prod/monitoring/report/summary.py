"""What a report says, gathered from counts: nothing is drawn or worded for a medium here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from nb2prod.baseline import Baseline, Feature, dense, sparse
from nb2prod.baseline.feature import BODY
from nb2prod.errors import NotFound
from nb2prod.monitoring import drifts, performances, standing
from nb2prod.monitoring.report.course import Course
from nb2prod.monitoring.report.shapes import shape
from nb2prod.monitoring.spans import between, latest, line, taking, watch
from nb2prod.monitoring.standing import Story
from nb2prod.monitoring.statistics import two_sample
from nb2prod.monitoring.statistics.gaps import GATE
from nb2prod.monitoring.statistics.risk import NO_SCORES, ONE_CLASS, unable, unread
from nb2prod.monitoring.statistics.scales import Ints
from nb2prod.records.alerts import AlertRecord
from nb2prod.records.monitoring import FeatureDrift, Performance
from nb2prod.records.report import Report, Shape
from nb2prod.records.serving import ServiceStatus
from nb2prod.store import Store
from nb2prod.store.panes import Sparse

if TYPE_CHECKING:
    from nb2prod.monitoring.monitor import Monitor

_SHAPES = 6
_BETS = 2 * 5.99
"""Twice ln(F/α) of twenty columns: the nats that a change must win against a baseline."""
SCORES = ("@score", "@margin", "@entropy", "@class", "@prediction")


def summarise(
    baseline: Baseline,
    counts: Sparse,
    *,
    name: str = "",
    rows: int = 0,
    feature: str | None = None,
    known: Story | Course | None = None,
) -> Report:
    """The report of rows that were counted on a baseline; what stands now is what was alarmed, where detection watches.

    `known` is what alerts tell of a deployment, or what the alarms of a monitor do.

    Raises
    ------
    NotFound
        There is no such feature; says which there are.
    """
    _known(baseline, feature)
    full = dense(counts, baseline)
    least = drifts.NAMED if known is None or (isinstance(known, Story) and known.replayed) else GATE
    found = [two_sample(baseline, full, one.name, effect=drifts.NAMED) for one in baseline.features]
    if known is not None:
        found = [known.told(one) if isinstance(known, Course) else standing.told(one, known) for one in found]
    inputs = [one for one in found if one.feature not in SCORES and one.feature != "@multivariate"]
    chosen = [one for one in found if one.feature == feature] if feature else _largest(inputs)
    said = [] if feature else [one for one in found if one.feature in SCORES]
    return Report(
        name=name,
        version=None,
        made=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        rows=rows,
        training_rows=baseline.rows,
        bound=known.effect if isinstance(known, Course) else least,
        certifiable=certifiable(baseline.rows),
        drift=tuple(sorted(found, key=lambda one: (not one.drifted, -one.effect))),
        shapes=_shapes(baseline, full, chosen),
        confidence=_shapes(baseline, full, said),
        together=_carriers(baseline, full.get("@multivariate.shares")),
        calibration=_calibration(baseline),
        notes=(*_notes(baseline), *filter(None, (unread(baseline, full),))),
    )


def of_deployment(
    store: Store,
    name: str,
    *,
    status: ServiceStatus | None = None,
    feature: str | None = None,
    version: int | None = None,
) -> Report:
    """The report of a deployment, of the version that takes traffic or of another one."""
    made = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    found = watch(store, name, "day", version)
    version = found.version if found is not None else taking(store, name) if version is None else version
    rules, alerts = standing.limits(store, name), _told(store, name, version)
    waiting, unmatched = store.labels.unjoined(name)
    if found is None:
        bare = Report(
            name=name,
            version=version,
            made=made,
            rows=0,
            training_rows=0,
            bound=drifts.NAMED,
            certifiable=0.0,
            status=status,
            rules=rules,
            alerts=alerts,
            labels_waiting=waiting,
            labels_unmatched=unmatched,
        )
        return replace(bare, missing=(*_missing(bare)[:1], *_elsewhere(store, name), *_missing(bare)[1:]))
    panes = store.panes.of(name, found.version, found.model.key)
    by = line(panes) if panes else "day"
    rows = sum(span.rows for span in found.spans)
    known = standing.story(store, name, found.version, found.model.key)
    since = known.since if known is not None else None
    span = standing.span(panes, since)
    whole = summarise(found.model.baseline, span.counts, name=name, rows=rows, feature=feature, known=known)
    course = drifts.drift(store, name, by, version=found.version)
    if known is not None and not known.replayed:
        course = [standing.course(one, known, by) for one in course]
    shown = {one.feature for one in (*whole.shapes, *whole.confidence)}
    periods = sorted({one.period for one in course if one.period and one.rows})
    full = replace(
        whole,
        version=found.version,
        span=None if since is None else standing.moment(since),
        span_rows=span.rows,
        by=by,
        status=status,
        drift=whole.drift if known is not None and not known.replayed else _begun(whole.drift, course),
        course=tuple(one for one in course if one.feature in shown),
        periods=tuple(between(periods[0], periods[-1], by)) if periods else (),
        changed=_changed(known, shown, by),
        performance=tuple(performances.performance(store, name, version=found.version)),
        history=tuple(_first(performances.performance(store, name, by=by, version=found.version))),
        rules=rules,
        alerts=alerts,
        labels_waiting=waiting,
        labels_unmatched=unmatched,
    )
    return _alone(replace(full, missing=_missing(full)), feature)


def _changed(known: Story | None, shown: Iterable[str], by: str) -> dict[str, tuple[str, str]]:
    found = {one: standing.changed(known, one, by) for one in shown} if known is not None else {}
    return {feature: periods for feature, periods in found.items() if periods is not None}


def _alone(report: Report, feature: str | None) -> Report:
    """What a report says of one feature; all of it without one."""
    if feature is None:
        return report
    alerts = (one for one in report.alerts if feature in (one.subject, *one.features))
    return replace(
        report,
        feature=feature,
        drift=tuple(one for one in report.drift if one.feature == feature),
        alerts=tuple(alerts),
        alarms=tuple(one for one in report.alarms if one.feature == feature),
        performance=(),
        history=(),
        rules=(),
        together={},
        calibration=(),
        missing=report.missing[:1] if not report.rows else (),
    )


def _elsewhere(store: Store, name: str) -> list[tuple[str, str]]:
    """Which version has rows where this one has none."""
    version = latest(store, name)
    return [] if version is None else [(f"Version {version} has rows.", f"nb2prod report {name} --version {version}")]


def _told(store: Store, name: str, version: int | None) -> tuple[AlertRecord, ...]:
    """The last alerts, and whatever stands however old it is; the oldest first, those of another version named so."""
    found = {one.id: one for one in (*store.alerts.open(name), *store.alerts.all(name, 50))}
    return tuple(replace(one, title=standing.titled(one, version)) for _, one in sorted(found.items()))


def _begun(found: Iterable[FeatureDrift], course: Iterable[FeatureDrift]) -> tuple[FeatureDrift, ...]:
    """What drifted, with the period in which it began to."""
    since = {one.feature: one.since for one in course}
    return tuple(replace(one, since=since.get(one.feature) or one.since) if one.drifted else one for one in found)


_METRICS = ("accuracy", "roc_auc", "mae", "rmse")


def of_monitor(monitor: Monitor, feature: str | None = None) -> Report:
    """The report of a monitor's rows: its alarms, and what they say of each thing watched."""
    alarms = tuple(sorted(monitor.alarms(), key=lambda one: one.rank))
    first, counts = monitor.counts_since()
    known = Course.of(alarms, monitor.effect, first)
    made = summarise(monitor.baseline, sparse(counts), rows=monitor.rows, feature=feature, known=known)
    told = tuple(one for one in map(monitor.performance, _METRICS) if one.value is not None)
    missing = () if monitor.rows else (("No rows have been counted yet.", "monitor.update(frame)"),)
    whole = replace(
        made, alarms=alarms, performance=told, missing=missing, span=known.span, span_rows=monitor.rows - first
    )
    return _alone(whole, feature)


def certifiable(rows: int) -> float:
    """The smallest shift, in standard deviations, that a baseline of so many rows can ever certify."""
    return float(np.sqrt(_BETS / max(rows, 1)))


def _known(baseline: Baseline, feature: str | None) -> None:
    names = [one.name for one in baseline.features]
    if feature is not None and feature not in names:
        raise NotFound(
            f"There is no column `{feature}`",
            code="no-feature",
            where=f"feature={feature!r}",
            why=f"There are {', '.join(names[:20])}" + (" …" if len(names) > 20 else "."),
            fix=f'report(feature="{names[0]}")' if names else "report()",
        )


def _largest(found: Iterable[FeatureDrift]) -> list[FeatureDrift]:
    ranked = sorted(found, key=lambda one: (not one.drifted, -one.low, -one.effect))
    return [one for one in ranked if one.rows][:_SHAPES]


def _shapes(baseline: Baseline, counts: dict[str, Ints], chosen: Sequence[FeatureDrift]) -> tuple[Shape, ...]:
    return tuple(
        shape(baseline.feature(one.feature), counts[one.feature], one.direction)
        for one in chosen
        if one.rows and baseline.feature(one.feature).rows
    )


def _carriers(baseline: Baseline, shares: Ints | None) -> dict[str, float]:
    """Which columns carry the error of the components, beyond what they carried in training."""
    before = baseline.reference.get("@multivariate.shares")
    if baseline.pca is None or shares is None or before is None or not shares.sum() or not before.sum():
        return {}
    more = shares / shares.sum() - before / before.sum()
    order = np.argsort(-more)[:5]
    return {baseline.pca.names[place]: round(float(more[place]), 4) for place in order if more[place] > 0.01}


def _calibration(baseline: Baseline) -> tuple[tuple[float, float, int], ...]:
    """Score, calibrated probability and hold-out rows of each bucket that had any."""
    if baseline.calibration is None or not baseline.has_scores or "@score" not in {f.name for f in baseline.features}:
        return ()
    known = baseline.feature("@score")
    held = known.counts[BODY:]
    return tuple(
        (float(round(score, 6)), float(round(value, 6)), int(rows))
        for score, value, rows in zip(known.centres, baseline.calibrated, held, strict=True)
        if rows
    )


def _notes(baseline: Baseline) -> list[str]:
    least = certifiable(baseline.rows)
    said = [
        f"Against {baseline.rows:,} training rows no shift under {least:.2g} standard deviations can ever be certain."
        if baseline.rows
        else "The baseline has no rows: nothing can be compared with it."
    ]
    flat = [one.name for one in baseline.features if one.role == "feature" and _constant(one)]
    if flat:
        said.append(
            f"Constant in training, so any other value is new: {', '.join(flat[:8])}" + ("…" if len(flat) > 8 else ".")
        )
    dates = [one.name for one in baseline.features if one.kind == "datetime"]
    if dates:
        said.append(_dates(baseline.features, dates))
    if unable(baseline, "accuracy") == ONE_CLASS:
        said.append(ONE_CLASS)
    return [*said, _season(baseline)]


def _dates(features: Sequence[Feature], names: Sequence[str]) -> str:
    """What of a date-time is watched, and what is not."""
    hours = any(one.options.get("hours") for one in features if one.kind == "datetime")
    part = "the hour and day of the week are" if hours else "the day of the week is"
    named = ", ".join(names[:8]) + ("…" if len(names) > 8 else "")
    return (
        f"Of dates {part} watched, not the date itself, which goes on by itself: one that is wrong by months is not told, "
        f"only one over a year before training's first or ten years after its last ({named})."
    )


def _season(baseline: Baseline) -> str:
    """What is known of the hours of the week."""
    seasons = baseline.seasons
    if not seasons.known:
        return (
            "A daily or weekly season cannot be told from drift yet: training's rows have no times, or dates alone, or span "
            "less than two days (%deploy model --time COLUMN)."
        )
    short = (
        "" if seasons.weekly else " A weekly season cannot be told from drift yet: training spans less than two weeks."
    )
    if not seasons.counts:
        return "No column follows the hours of the week in training: whatever does so now is told as drift." + short
    names = [name for name in seasons.counts if not name.startswith("@")]
    told = f"Compared with their own hours (UTC) once an hour is complete: {', '.join(names[:8])}"
    told += "…" if len(names) > 8 else "."
    if baseline.has_scores and not set(baseline.score_names) & set(seasons.counts):
        told += " The hold-out's rows have no times, so a season of the scores cannot be told from drift yet."
    return told + short


def _constant(feature: Feature) -> bool:
    if np.count_nonzero(feature.counts) != 1 or feature.kind == "other":
        return False
    if feature.kind == "category" and not feature.counts[BODY:-2].any():
        return len(feature.known) == 1  # rare levels share a bucket
    return (
        not feature.numeric
        or not len(feature.edges)
        or bool(np.nextafter(feature.edges[0], np.inf) >= feature.edges[-1])
    )


def _first(found: Sequence[Performance]) -> list[Performance]:
    """The periods of the first metric that has figures in any."""
    told = [one.metric for one in found if one.value is not None]
    wanted = next((metric for metric in ("roc_auc", "mae", "accuracy") if metric in told), told[0] if told else None)
    return [one for one in found if one.metric == wanted]


def _missing(report: Report) -> tuple[tuple[str, str], ...]:
    """What cannot be answered yet, and the line that would bring it."""
    name = report.name
    found: list[tuple[str, str]] = []
    if not report.rows:
        said = standing.empty(report.version)
        found.append((f"{said.capitalize()}.", "deployment.predict(ROWS)"))
    elif not report.labels_waiting and not any(one.realised is not None for one in report.performance):
        found.append(("No labels yet.", f"nb2prod feedback {name} labels.parquet --id ID --label LABEL"))
    if any(one.note == NO_SCORES for one in report.performance):
        found.append(("Performance is not estimated without a hold-out.", "%deploy model --holdout ROWS ANSWERS"))
    if not report.rules:
        found.append(("No business metric has a limit yet.", "%deploy model --alert 'conversion below 0.03 over 7d'"))
    return tuple(found)
