"""What an alert says: a title, what happened, how far it matters, how many rows, and what to try."""

from __future__ import annotations

import time
from collections.abc import Sequence

from nb2prod.baseline import Baseline
from nb2prod.monitoring.alerts.traffic import Strange
from nb2prod.monitoring.statistics import estimate
from nb2prod.records.alerts import SERVICE, Alert, Reading, Rule
from nb2prod.records.monitoring import Alarm
from nb2prod.store.panes import Sparse

_SCORES = {
    "@score": "the score",
    "@margin": "the margin",
    "@entropy": "the entropy",
    "@prediction": "the prediction",
    "@labels": "errors",
}
_KINDS = {
    "missing": "is missing in another share of rows",
    "type": "is of another type",
    "unseen": "has levels that training hardly had",
    "range": "lies outside of training",
    "multivariate": "go together otherwise than in training",
    "performance": "are certainly above the hold-out's",
}
CERTAIN = "certain to 95 % over the whole life"


def moment(when: float) -> str:
    """A time as people read it, in UTC."""
    return time.strftime("%a %d %b %H:%M UTC", time.gmtime(when))


def of_version(version: int) -> str:
    """`, version 3`; nothing of a service elsewhere that did not say which it is."""
    return f", version {version}" if version else ""


def column(feature: str) -> str:
    """A counter's name for people."""
    if feature.startswith("@multivariate"):
        return "the columns together"
    return _SCORES.get(feature, feature.lstrip("@"))


def drift_title(name: str, alarms: Sequence[Alarm], since: float) -> str:
    """One line for what began together: columns, then errors; the columns' joint picture where it is all that moved."""
    chosen = _once(alarms)
    columns = [one for one in chosen if one.kind not in ("performance", "multivariate")]
    joint = [one for one in chosen if one.kind == "multivariate"]
    errors = [one for one in chosen if one.kind == "performance"]
    said = [f"{column(one.feature)} {_moved(one)}" for one in columns[:1]] or [
        f"the columns {_moved(one)}" for one in joint[:1]
    ]
    if len(columns) > 1:
        said = [f"{_listed([column(one.feature) for one in columns])} have changed together"]
    said += [f"{column(one.feature)} {_moved(one)}" for one in errors[:1]]
    return f"{name}: {' and '.join(said)} since about {moment(since)}"


def _once(alarms: Sequence[Alarm]) -> list[Alarm]:
    """Each feature once, by what is most certain of it now, in the order that they have."""
    chosen: dict[str, Alarm] = {}
    for alarm in alarms:
        known = chosen.get(alarm.feature)
        if known is None or (alarm.ended is None, alarm.bound) > (known.ended is None, known.bound):
            chosen[alarm.feature] = alarm
    return list(chosen.values())


def _listed(names: Sequence[str]) -> str:
    """`age`, `age and score`, `age, score and 5 more`."""
    if len(names) > 3:
        return f"{', '.join(names[:3])} and {len(names) - 3} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _moved(alarm: Alarm) -> str:
    if alarm.kind in _KINDS:
        return _KINDS[alarm.kind]
    word = alarm.direction.split(":")[0].split(" ")[0]
    return {
        "up": "has moved up",
        "down": "has moved down",
        "wider": "has become wider",
        "narrower": "has become narrower",
    }.get(word, "has changed")


def drift_what(alarms: Sequence[Alarm]) -> str:
    """Each column's own words, the largest shift first, and the least size that is certain; errors come last."""
    alarms = sorted(_once(alarms), key=lambda one: (one.kind == "performance", -abs(one.effect)))
    said = [
        one.direction
        if len(alarms) == 1 or one.kind == "performance"  # which names itself
        else f"{column(one.feature)} {one.direction}"
        for one in alarms[:5]
    ]
    said += [f"and {len(alarms) - 5} more"] * (len(alarms) > 5)
    least = max((alarm.bound for alarm in alarms if alarm.kind != "performance"), default=None)
    if least is None:
        return f"{'; '.join(said)} ({CERTAIN})"
    return f"{'; '.join(said)}; by at least {least:.2g} of training's standard deviations ({CERTAIN})"


def drift_risk(alarms: Sequence[Alarm]) -> str:
    """What the gravest of them does to the estimated risk."""
    worst = min(alarms, key=lambda alarm: alarm.rank)
    if not worst.matters:
        return ""
    return worst.matters if len(alarms) == 1 else f"{column(worst.feature)}: {worst.matters}"


def drift_matters(baseline: Baseline, counts: Sparse) -> str:
    """The estimated figure of the hold-out and of the rows since; empty where nothing can be estimated."""
    from nb2prod.baseline import dense

    metric = "roc_auc" if baseline.target is not None and baseline.target.task == "binary" else "accuracy"
    now = estimate(baseline, dense({"@score": counts.get("@score", [])}, baseline), metric)
    if now.value is None or now.low is None or now.high is None:
        return ""
    before = estimate(baseline, {"@score": baseline.feature("@score").counts}, metric)
    if before.value is None:
        return ""
    words = metric.replace("roc_auc", "ROC AUC")
    return f"estimated {words} {figure(before.value)} to {figure(now.value)} ({figure(now.low)} to {figure(now.high)})"


def season(alarms: Sequence[Alarm], baseline: Baseline) -> str:
    """That it may be a season, where training had no times by which one would be known."""
    if baseline.seasons.known or all(alarm.kind == "performance" for alarm in alarms):
        return ""
    return "training's rows have no times, so a season cannot be told from drift"


def rule_title(name: str, rule: Rule) -> str:
    alert = rule.alert
    side = "above" if alert.above is not None else "below"
    inside = f" where {alert.slice}" if alert.slice else ""
    if alert.metric == "rejected":
        past = f"{'more' if side == 'above' else 'fewer'} than {100 * alert.limit:.10g} % of rows{inside} over {alert.over}"
        return f"{name}: {past if rule.place else 'rows'} are refused before they reach the model"
    if alert.metric == "availability":
        return f"{name}: fewer than {100 * alert.limit:.10g} % of requests are answered without an error of the service"
    if alert.metric == "slow":
        return f"{name}: more than {100 * alert.limit:.10g} % of answers are slower than promised"
    return f"{name}: {alert.metric}{inside} is {side} {figure(alert.limit)} over {alert.over}"


def rule_what(alert: Alert, reading: Reading) -> str:
    per = {"prediction": " a prediction", "label": " a label", None: ""}[alert.per]
    return f"{interval(reading)}{per} (limit {figure(alert.limit)}; {CERTAIN})"


def interval(reading: Reading) -> str:
    """Value and interval."""
    if reading.value is None or reading.low is None or reading.high is None:
        return "nothing yet"
    return f"{figure(reading.value)} ({figure(reading.low)} to {figure(reading.high)})"


def instead(version: int, alert: Alert, reading: Reading) -> str:
    """How a metric stands with the version that took over."""
    where = {
        "page": "past this limit too",
        "warn": "past this limit too, not for certain yet",
        "unsure": "inside this limit, not for certain yet",
        "fine": "inside this limit",
    }
    if reading.verdict not in where:
        return f"version {version} does and is watched: too few reports yet"
    return f"version {version} does: {alert.metric} is {interval(reading)} there, {where[reading.verdict]}"


def rule_rows(alert: Alert, reading: Reading, version: int) -> str:
    asked = "rows" if alert.metric == "rejected" else "requests"
    noun = asked if alert.metric in SERVICE else "predictions" if alert.per == "prediction" else "reports"
    noun = noun[:-1] if reading.n == 1 else noun
    return f"{reading.n:,} {noun} since {moment(reading.since or 0.0)}{of_version(version)}"


def traffic_title(name: str, found: Strange) -> str:
    if found.kind == "silence":
        return f"{name}: no requests since {moment(found.since)}"
    return f"{name}: many more requests than usual since {moment(found.since)}"


def traffic_what(found: Strange) -> str:
    if found.kind == "silence":
        return f"about {found.expected:,.0f} rows were to be expected since then, none came"
    return f"{found.rows:,} rows in an hour in which about {found.expected:,.0f} were to be expected"


def refused(counts: Sequence[tuple[str, int]]) -> str:
    """The most frequent reasons: ``age: wrong-type (120), city: missing-column (3)``."""
    parts = []
    for key, count in counts[:3]:
        code, _, name = key.partition("|")
        parts.append(f"{name}: {code} ({count:,})" if name else f"{code} ({count:,})")
    return ", ".join(parts)


def figure(value: float) -> str:
    """Three digits, as people write them."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
