"""Verdicts for Prometheus: drift, performance and business figures of a deployment, in a file that /metrics shows too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from nb2prod.home import Home, write_atomic
from nb2prod.monitoring import standing
from nb2prod.monitoring.drifts import drift
from nb2prod.monitoring.performances import metrics_of
from nb2prod.monitoring.performances import of_span as performance_of
from nb2prod.monitoring.spans import Watch, watch
from nb2prod.records.alerts import AlertRecord, Rule
from nb2prod.records.monitoring import FeatureDrift
from nb2prod.runtime.side import Side
from nb2prod.store import Store

STATES = ("fine", "unsure", "warn", "page", "waiting")


def path_of(home: Home, name: str) -> Path:
    """Where a deployment's figures stand; node_exporter's textfile collector can read the folder too."""
    return home.root / "figures" / f"{name}.prom"


def write(home: Home, store: Store, name: str, now: float) -> Path:
    """Write the figures of now; a reader sees the old ones or the new ones, whole."""
    path = path_of(home, name)
    path.parent.mkdir(exist_ok=True)
    write_atomic(path, figures(store, name, now, _unkept(home, name)))
    return path


def _unkept(home: Home, name: str) -> int | None:
    """Sampled rows that could not be kept; None where another process counts."""
    folder = home.deployment(name) / "counts"
    if not (folder / "counts.db").exists():
        return None
    side = Side(folder)
    try:
        return side.total("sample_dropped")
    finally:
        side.close()


def figures(store: Store, name: str, now: float, unkept: int | None = None) -> bytes:
    """The exposition. Drift is what `drift` tells now, realised performance that of the last day that has labels."""
    from prometheus_client import CollectorRegistry, generate_latest

    made = _Gauges(CollectorRegistry(), name)
    open_now = store.alerts.open(name)
    found = watch(store, name, "day")
    if found is not None:
        _drifts(made, drift(store, name), open_now)
        _performances(made, found)
    _limits(made, standing.limits(store, name))
    waiting, unmatched = store.labels.unjoined(name)
    made.put("labels_waiting", "Labels that wait for their prediction.", waiting)
    made.put("labels_unmatched", "Labels that waited in vain for their prediction.", unmatched)
    for kind in sorted({alert.kind for alert in open_now}):
        told = sum(alert.kind == kind for alert in open_now)
        made.put("alerts_open", "Alerts that stand.", told, kind=kind)
    made.put("sample_dropped_total", "Sampled rows that could not be kept.", unkept)
    made.put("evaluated_timestamp_seconds", "When these figures were made.", now)
    return generate_latest(made.registry)  # type: ignore[no-any-return]


class _Gauges:
    """Gauges of one deployment, each made when it is first put."""

    def __init__(self, registry: Any, deployment: str) -> None:
        self.registry = registry
        self._deployment = deployment
        self._made: dict[str, Any] = {}

    def put(self, name: str, about: str, value: float | None, **labels: str) -> None:
        """Nothing where there is no value."""
        from prometheus_client import Gauge

        if value is None:
            return
        if name not in self._made:
            self._made[name] = Gauge(f"nb2prod_{name}", about, ["deployment", *labels], registry=self.registry)
        self._made[name].labels(deployment=self._deployment, **labels).set(value)

    def interval(
        self, name: str, about: str, values: tuple[float | None, float | None, float | None], **labels: str
    ) -> None:
        """A value with its lower and upper bound."""
        for end, said, value in zip(("", "_low", "_high"), ("", " Lower bound.", " Upper bound."), values, strict=True):
            self.put(name + end, about + said, value, **labels)


def _drifts(made: _Gauges, found: Iterable[FeatureDrift], open_now: Sequence[AlertRecord]) -> None:
    alarmed = {feature for alert in open_now for feature in (*alert.features, alert.subject)}
    for one in found:
        labels = {"feature": one.feature}
        made.put("drift_effect", "Distance from training, in its standard deviations.", one.effect, **labels)
        made.put("drift_effect_low", "Distance that is certain.", one.low, **labels)
        made.put("drift_alarm", "Whether an alarm about the feature stands.", float(one.feature in alarmed), **labels)


def _performances(made: _Gauges, found: Watch) -> None:
    baseline = found.model.baseline
    for metric in metrics_of(baseline):
        days = [performance_of(baseline, span, metric) for span in found.spans]
        realised = next((one for one in reversed(days) if one.realised is not None), None)
        if realised is not None:
            values = realised.realised, realised.low, realised.high
            made.interval("performance", "How right it is.", values, metric=metric, source="realised")
        guessed = next((one for one in reversed(days) if one.predicted is not None), None)
        if guessed is not None:
            own = guessed.realised is None and guessed.value is not None
            values = guessed.predicted, guessed.low if own else None, guessed.high if own else None
            made.interval("performance", "How right it is.", values, metric=metric, source="estimated")


def _limits(made: _Gauges, rules: Iterable[Rule]) -> None:
    for rule in rules:
        reading = rule.reading
        values = reading.value, reading.low, reading.high
        made.interval("alert_value", "Where the metric of an alert stands.", values, alert=rule.text)
        made.put("alert_limit", "The limit of an alert.", rule.alert.limit, alert=rule.text)
        for state in STATES:
            holds = float(reading.verdict == state)
            made.put("alert_state", "Whether an alert is in a state.", holds, alert=rule.text, state=state)
