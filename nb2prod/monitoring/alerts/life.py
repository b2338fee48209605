"""One version of one deployment under watch: what was read of it, and what stands."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec
import sqlalchemy as sa

from nb2prod.baseline import dense
from nb2prod.errors import Conflict
from nb2prod.monitoring.alerts.course import Course, Sums, share
from nb2prod.monitoring.alerts.measures import measure
from nb2prod.monitoring.monitor import Monitor
from nb2prod.records.alerts import Alert, Reading, Rule
from nb2prod.records.monitoring import Alarm, Increment
from nb2prod.runtime.tally import REFUSED
from nb2prod.runtime.watched import Watched
from nb2prod.store import Store

log = logging.getLogger(__name__)
REJECTED = Alert("rejected", above=0.02, over="1h", min_count=50)
_MOMENTS = 400
_MIDDLE = {"minute": 30.0, "hour": 1800.0}
"""Seconds from the start of a period to its middle."""


class Memory(msgspec.Struct):
    """What a life keeps beside the monitor's evidence.

    `moments` are (rows before it, time) of arrivals. `told` are the alerts that it has told, by key, as they last were;
    `standing` the key of the alert that stands for a limit. `refused` are reasons of the last hours.
    """

    moments: list[tuple[int, float]] = []
    rows: int = 0
    told: dict[str, str] = {}
    standing: dict[str, str] = {}
    refused: list[tuple[float, str, int]] = []
    courses: dict[str, Course] = {}


class Life:
    """The evidence of one version, kept in the store from turn to turn."""

    def __init__(self, name: str, version: int, model: str, watched: Watched, store: Store) -> None:
        self.name, self.version, self.model = name, version, model
        self.watched = watched
        self._subject = model
        memory = store.alerts.state(name, version, f"memory:{model}")
        self.memory = msgspec.msgpack.decode(memory, type=Memory) if memory else Memory()
        self.fresh = memory is None
        self.monitor, self.lost = self._monitor(store)

    def _monitor(self, store: Store) -> tuple[Monitor, bool]:
        """The monitor as it was kept; a new one, and True, where what was kept is of other code."""
        state = store.alerts.state(self.name, self.version, f"monitor:{self.model}")
        if state is None:
            return Monitor(self.watched.baseline), not self.fresh
        try:
            return Monitor.from_state(self.watched.baseline, state), False
        except Conflict as error:
            log.info("%s/%s begins a new life: %s", self.name, self.version, error.why)
            return Monitor(self.watched.baseline), True

    def replay(self, increments: Iterable[Increment]) -> None:
        """Bet again on what was read before, where the evidence itself was lost; what was told is not told again."""
        for one in increments:
            self._add(one)

    def _add(self, one: Increment) -> None:
        """Rows that came weeks late are kept by the day alone: their hour is not known, and no other is taken for it."""
        happened = one.period + _MIDDLE.get(one.grain, math.nan)
        counts = dense(one.counts, self.watched.baseline)
        self.monitor.add(counts, one.rows, time=float(one.arrived), happened=happened)

    def add(self, one: Increment, rules: Iterable[Rule]) -> None:
        """Take an increment; they come in the order of arrival."""
        self._add(one)
        self._remember(one)
        for rule in rules:
            found = measure(rule.alert, one, self.watched.baseline)
            if any(found):
                self.see(rule, found, float(one.arrived))
        found = measure(REJECTED, one, self.watched.baseline)
        if any(found):
            self._course(REJECTED).add(REJECTED, found, float(one.arrived), math.log(0.01))

    def behind(self, rules: Iterable[Rule]) -> list[Rule]:
        """Limits that came after what was read already."""
        return [rule for rule in rules if rule.alert.condition not in self.memory.courses]

    def catch_up(self, rules: Iterable[Rule], increments: Iterable[Increment], now: float) -> None:
        """Let limits see what was read before they came, as far as their windows go."""
        given = list(increments)
        for rule in rules:
            self._course(rule.alert)
            for one in given:
                found = measure(rule.alert, one, self.watched.baseline)
                if one.arrived > now - rule.alert.seconds and any(found):
                    self.see(rule, found, float(one.arrived))

    def see(self, rule: Rule, sums: Sums, when: float) -> None:
        """Take what is known of a metric."""
        level = math.log(share(rule.place))
        self._course(rule.alert).add(rule.alert, sums, when, level)

    def _course(self, alert: Alert) -> Course:
        return self.memory.courses.setdefault(alert.condition, Course.of(alert))

    def _remember(self, one: Increment) -> None:
        memory = self.memory
        if one.rows > 0:
            memory.moments.append((memory.rows, float(one.arrived)))
            memory.rows += one.rows
            if len(memory.moments) > _MOMENTS:  # the older half thins out
                half = _MOMENTS // 2
                memory.moments = memory.moments[:half:2] + memory.moments[half:]
        for name, pairs in one.counts.items():
            if name.startswith(REFUSED):
                memory.refused.append((float(one.arrived), name.removeprefix(REFUSED), pairs[0][1]))
        memory.refused = [found for found in memory.refused[-500:] if found[0] > one.arrived - 7200]

    # -- verdicts

    def alarms(self, now: float) -> dict[int, list[Alarm]]:
        """The monitor's alarms by group: what moved together is one."""
        groups: dict[int, list[Alarm]] = {}
        for alarm in self.monitor.alarms(now=now):
            groups.setdefault(alarm.group, []).append(alarm)
        return groups

    def reading(self, rule: Rule, now: float) -> Reading:
        read = self._course(rule.alert).read(rule.alert, now, share(rule.place))
        return msgspec.structs.replace(read, version=self.version)

    def rejected(self, now: float, rate: float = 0.05) -> Reading:
        """Refused requests against a limit of one in fifty, on a hundredth of the error budget."""
        return self._course(REJECTED).read(REJECTED, now, 0.01 * rate)

    def reasons(self) -> list[tuple[str, int]]:
        """Why requests were refused in the last hours, the most frequent first."""
        total: Counter[str] = Counter()
        for _, key, count in self.memory.refused:
            total[key] += count
        return total.most_common()

    def time_of(self, row: int) -> float:
        """When a row arrived, as near as it is remembered."""
        before = [when for rows, when in self.memory.moments if rows <= row]
        return before[-1] if before else self.memory.moments[0][1] if self.memory.moments else 0.0

    # -- kept

    def forget(self, texts: Mapping[str, object]) -> None:
        """Limits that were removed leave nothing behind."""
        gone = [text for text in self.memory.courses if text not in texts and text != REJECTED.condition]
        for text in gone:
            del self.memory.courses[text]

    def keep(self, connection: sa.Connection, store: Store) -> None:
        """In the transaction that keeps what was told."""
        state = self.monitor.state()
        store.alerts.keep(connection, self.name, self.version, f"monitor:{self.model}", state)
        memory = msgspec.msgpack.encode(self.memory)
        store.alerts.keep(connection, self.name, self.version, f"memory:{self.model}", memory)
