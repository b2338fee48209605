"""What an alert says: its record, with what matters, the rows and the lines to type."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from nb2prod.monitoring.alerts import words
from nb2prod.monitoring.alerts.life import Life
from nb2prod.monitoring.alerts.traffic import Strange
from nb2prod.records.alerts import SERVICE, AlertRecord, Moved, Reading, Rule, canary_end, way_back
from nb2prod.records.monitoring import Alarm
from nb2prod.store import Store
from nb2prod.store.panes import SECONDS, add_sparse


class Telling:
    """Makes the records of one turn.

    Parameters
    ----------
    rules
        The deployment's limits, with their last readings.
    now
        When they are told; epoch seconds.
    canary
        The version that is the canary: what is told of it says so, and how to end it.
    """

    def __init__(self, store: Store, name: str, rules: Sequence[Rule], now: float, canary: int | None = None) -> None:
        self.store = store
        self.name = name
        self.rules = rules
        self.now = now
        self.canary = canary

    def drift(self, life: Life, key: str, alarms: list[Alarm]) -> AlertRecord:
        begun = sorted(alarms, key=lambda alarm: (alarm.feature.startswith("@"), alarm.rank))  # causes first
        since = life.time_of(min(alarm.first_row for alarm in alarms))
        known = self.store.alerts.by_key(key)
        first = begun[0]
        rows = max(alarm.raised for alarm in alarms) - min(alarm.first_row for alarm in alarms)
        return AlertRecord(
            key=key,
            name=self.name,
            version=life.version,
            kind=first.kind,
            subject=first.feature,
            title=words.drift_title(self._called(life.version), begun, since),
            what=words.drift_what(begun),
            matters=self._matters(life, since, begun),
            rows=f"{rows:,} since the change{words.of_version(life.version)}",
            tries=self._tries(life.version, self._drift(life.version), retrain=True),
            features=tuple(dict.fromkeys(alarm.feature for alarm in begun)),
            moved=tuple(_moved(alarm, life) for alarm in begun),
            first=since,
            raised=known.raised if known else self.now,
            ended=known.ended if known and all(alarm.ended is not None for alarm in alarms) else None,
            done=known.done if known else self._seen(life.version, first.feature, [one.feature for one in begun]),
            severity="page" if any(alarm.severity == "page" for alarm in alarms) else "note",
        )

    def limit(self, life: Life, rule: Rule, reading: Reading, key: str) -> AlertRecord:
        others = [
            f"{other.alert.metric} {words.interval(other.reading)}"
            for other in self._rules(life)
            if (other.alert.metric, other.alert.slice) != (rule.alert.metric, rule.alert.slice)
            and other.reading.value is not None
        ]
        return AlertRecord(
            key=key,
            name=self.name,
            version=life.version,
            kind="limit",
            subject=rule.text,
            title=words.rule_title(self._called(life.version), rule),
            what=words.rule_what(rule.alert, reading),
            matters="; ".join(others[:2]),
            rows=words.rule_rows(rule.alert, reading, life.version),
            tries=self._tries(
                life.version,
                f"nb2prod alerts list {self.name}",
                self._drift(life.version),
                retrain=rule.alert.metric not in SERVICE,
            ),
            first=reading.since or self.now,
            raised=self.now,
            done=self._seen(life.version, rule.text),
        )

    def rejected(self, life: Life, rule: Rule, reading: Reading, key: str) -> AlertRecord:
        reasons = life.reasons()
        return AlertRecord(
            key=key,
            name=self.name,
            version=life.version,
            kind="rejected",
            subject=(reasons[0][0] if reasons else "rejected"),
            title=words.rule_title(self._called(life.version), rule),
            what=f"{words.refused(reasons)}; a share of {words.rule_what(rule.alert, reading)}",
            matters="what is refused is answered by nobody, and no drift can be seen in it",
            rows=words.rule_rows(rule.alert, reading, life.version),
            tries=self._tries(life.version, f"nb2prod logs {self.name}"),
            first=reading.since or self.now,
            raised=self.now,
        )

    def traffic(self, found: Strange, version: int) -> AlertRecord:
        return AlertRecord(
            key=f"{self.name}:{version}:traffic:{int(found.since)}:{found.kind}",
            name=self.name,
            version=version,
            kind="traffic",
            subject=found.kind,
            title=words.traffic_title(self.name, found),
            what=words.traffic_what(found),
            matters="who asks the model has stopped, or cannot reach it" if found.kind == "silence" else "",
            rows=f"{found.rows:,}{words.of_version(version)}",
            tries=self._tries(version, f"nb2prod logs {self.name}"),
            first=found.since,
            raised=self.now,
        )

    def _matters(self, life: Life, since: float, begun: list[Alarm]) -> str:
        panes = self.store.panes.of(self.name, life.version, life.model)
        after = [pane.counts for pane in panes if pane.period + SECONDS[pane.grain] > since]
        said = [words.drift_risk(begun), words.drift_matters(life.watched.baseline, add_sparse(after))]
        said += [
            f"{rule.alert.metric} {words.interval(rule.reading)} (limit {words.figure(rule.alert.limit)})"
            for rule in self._rules(life)
            if rule.reading.value is not None
        ][:2]
        said.append(words.season(begun, life.watched.baseline))
        return "; ".join(part for part in said if part)

    def _seen(self, version: int, subject: str, features: Sequence[str] = ()) -> tuple[str, ...]:
        """That somebody acknowledged the same of this version before. It came back since: it is told anew, and says so."""
        for one in reversed(self.store.alerts.all(self.name)):
            same = one.subject == subject or not set(features).isdisjoint(one.features)
            if one.version == version and same and one.acknowledged is not None:
                by, when = one.by or "somebody", words.moment(one.acknowledged)
                return (f"the same of version {version} was acknowledged by {by} on {when}, as alert {one.id}",)
        return ()

    def _tries(self, version: int, *lines: str, retrain: bool = False) -> tuple[str, ...]:
        """Lines to type; the way back where this version has one, and the way forward where another model would help."""
        row = self.store.deployments.find(self.name)
        back = row is not None and row.version == version and self.store.deployments.before(self.name, version)
        ways = [canary_end(self.name)] if version == self.canary else [way_back(self.name)] * bool(back)
        again = [
            f"%deploy model --name {self.name}  # after retraining"
        ] * retrain  # last: a comment takes what is behind it
        return (*lines, *ways, f"nb2prod status {self.name}", *again)

    def _called(self, version: int) -> str:
        return f"{self.name}, canary of version {version}" if version == self.canary else self.name

    def _drift(self, version: int) -> str:
        return f"nb2prod drift {self.name}" + (f" --version {version}" if version == self.canary else "")

    def _rules(self, life: Life) -> Sequence[Rule]:
        """The limits with what this version's own rows say now."""
        return [replace(rule, reading=life.reading(rule, self.now)) for rule in self.rules]


def _moved(alarm: Alarm, life: Life) -> Moved:
    return Moved(
        feature=alarm.feature,
        kind=alarm.kind,
        direction=alarm.direction,
        effect=alarm.effect,
        bound=alarm.bound,
        first=life.time_of(alarm.first_row),
        earliest=life.time_of(alarm.earliest),
        latest=life.time_of(alarm.latest),
        ended=None if alarm.ended is None else life.time_of(alarm.ended),
    )
