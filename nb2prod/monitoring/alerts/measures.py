"""What an increment of counts says of a metric: how many, their sum, their squares."""

from __future__ import annotations

from collections.abc import Iterable

from nb2prod.baseline import Baseline
from nb2prod.monitoring.alerts.course import Sums
from nb2prod.monitoring.statistics.risk import UNIT
from nb2prod.records.alerts import COSTS, OF_NUMBERS, SERVICE, Alert
from nb2prod.records.capture import Signature
from nb2prod.records.monitoring import Increment
from nb2prod.runtime import sums
from nb2prod.runtime.tally import AGREED, OUTCOME, REFUSED, REST, SLICE, SQUARES

Pairs = Iterable[tuple[int, int]]
_NO_SLICE = {
    "rejected": "A row that was refused did not reach the model and is in no slice: rejected is of all rows.",
    "availability": "Requests are counted whole, with rows of every slice: availability is of all requests.",
    "slow": "Requests are counted whole, with rows of every slice: slow is of all requests.",
}


def measure(alert: Alert, increment: Increment, baseline: Baseline) -> Sums:
    """Zero where the increment says nothing of it."""
    within = f"|{alert.slice}" if alert.slice else ""
    if alert.outcome is not None:
        return _outcome(alert, increment, within)
    if alert.metric in SERVICE:
        return _rejected(increment) if alert.metric == "rejected" else Sums()
    if alert.metric == "accuracy":
        cells = dict(increment.counts.get(AGREED + within, ()))
        right = float(cells.get(1, 0))
        return Sums(right + cells.get(0, 0), right, right)
    if alert.metric in OF_NUMBERS:
        return _errors(alert, increment.counts.get("@errors" + within, ()), baseline)
    return _of_classes(alert, increment.counts.get("@confusion" + within, ()), baseline, rows_of(increment, alert))


def rows_of(increment: Increment, alert: Alert) -> float:
    """Predictions of the alert's slice."""
    return float(_first(increment.counts.get(SLICE + alert.slice, ())) if alert.slice else increment.rows)


def _outcome(alert: Alert, increment: Increment, within: str) -> Sums:
    name = f"{alert.outcome}{within}"
    pairs = increment.counts.get(OUTCOME + name, ())
    n = float(sums.count(pairs))
    if alert.per == "prediction":
        n = rows_of(increment, alert)
    elif alert.per == "label":
        cells = dict(increment.counts.get(AGREED + within, ()))
        n = float(sum(cells.values()) or _first(increment.counts.get("@errors" + within, ())))
    squares = sums.total(increment.counts.get(SQUARES + name, ()))
    return Sums(n, sums.total(pairs), squares, float(_first(increment.counts.get(REST + name, ()))))


def _rejected(increment: Increment) -> Sums:
    """Rows that never reached the model, against all."""
    refused = float(sum(_first(pairs) for name, pairs in increment.counts.items() if name.startswith(REFUSED)))
    return Sums(increment.rows + refused, refused, refused)


def _errors(alert: Alert, pairs: Pairs, baseline: Baseline) -> Sums:
    cells = dict(pairs)
    scale = baseline.target.scale if baseline.target is not None else 1.0
    n = float(cells.get(0, 0))
    total = cells.get(1 if alert.metric == "mae" else 2, 0)
    return Sums(n, total / UNIT * scale, cells.get(3, 0) / UNIT * scale**2, n)


def _of_classes(alert: Alert, pairs: Pairs, baseline: Baseline, rows: float) -> Sums:
    """From the table of predicted × true class, of two classes."""
    if not _two_classes(baseline):
        return Sums()
    cells = dict(pairs)
    right_no, missed, alarmed, right_yes = (float(cells.get(3 * said + true, 0)) for said in (0, 1) for true in (0, 1))
    if alert.metric == "precision":
        return _ones(alarmed + right_yes, right_yes)
    if alert.metric == "recall":
        return _ones(missed + right_yes, right_yes)
    if alert.metric == "f1":
        return _ones(missed + alarmed + right_yes, right_yes)
    n = rows if alert.per == "prediction" else right_no + missed + alarmed + right_yes
    wrong = {"false_positives": alarmed, "false_negatives": missed}
    return _ones(n, wrong[COSTS.get(alert.metric, alert.metric)], alert.each or 1.0)


def _two_classes(baseline: Baseline) -> bool:
    return baseline.target is not None and len(baseline.target.classes) == 2


def _ones(n: float, count: float, each: float = 1.0) -> Sums:
    return Sums(n, each * count, each * each * count)


def _first(pairs: Pairs) -> int:
    return next((count for place, count in pairs if place == 0), 0)


def why_never(alert: Alert, signature: Signature) -> str:
    """Why a metric cannot be read of this model; empty where it can."""
    output = signature.output
    if alert.metric in SERVICE:
        return _NO_SLICE[alert.metric] if alert.where else ""
    if alert.outcome is not None:
        return ""
    if alert.metric in OF_NUMBERS:
        return "" if output.kind == "number" else f"{alert.metric} is for models of numbers; this one says classes."
    if output.kind == "number":
        return f"{alert.metric} is for models of classes; this one says numbers: take {' or '.join(OF_NUMBERS)}."
    if alert.metric != "accuracy" and len(output.classes) != 2:
        return f"{alert.metric} is for models of two classes."
    return ""
