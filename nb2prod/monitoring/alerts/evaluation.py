"""A turn of detection: reads what is new, once and in the order of arrival, and writes what is to be told and done.

Evidence, alerts, planned actions and the place in the store are kept in one transaction: cut off at any moment, the next turn
reads the same increments on the same evidence and comes to the same verdicts, and nothing is bet or told twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from nb2prod.monitoring.alerts import arrivals, words
from nb2prod.monitoring.alerts.course import Sums
from nb2prod.monitoring.alerts.life import REJECTED, Life
from nb2prod.monitoring.alerts.telling import Telling
from nb2prod.monitoring.alerts.traffic import Rhythm
from nb2prod.monitoring.spans import model_of
from nb2prod.records.alerts import STOP, AlertRecord, Reading, Rule, canary_end, way_back
from nb2prod.records.lifecycle import Action
from nb2prod.records.monitoring import Increment
from nb2prod.store import Store
from nb2prod.store.alerts import Place

log = logging.getLogger(__name__)
SETTLED = 65.0
"""Seconds after which an arrival minute is read: by then all that came in it is counted."""
LIVES = 32


class Pulse(NamedTuple):
    """Requests to the model since the last pulse: all, those that failed by our fault, those slower than promised."""

    requests: int = 0
    failed: int = 0
    slow: int = 0


class Evaluator:
    """Turns what a store holds into alerts and actions; it never acts.

    Parameters
    ----------
    store
        Where increments lie and alerts go.
    settled
        Seconds that an arrival minute is left before it is read.
    """

    def __init__(self, store: Store, *, settled: float = SETTLED) -> None:
        self.store = store
        self.settled = settled
        self._lives: dict[tuple[str, int, str], Life] = {}

    def turn(
        self, name: str, now: float, *, pulse: Pulse | None = None, share: Pulse | None = None, watched: bool = True
    ) -> list[AlertRecord]:
        """Read what is new of a deployment and write what follows; returns alerts that began or ended.

        Parameters
        ----------
        pulse
            What the service itself says of its requests.
        share
            The same of those that were a canary's to answer.
        watched
            Whether traffic can be expected: false for a deployment that is stopped.
        """
        try:
            return _Turn(self, name, now, pulse or Pulse(), share or Pulse(), watched).run()
        except BaseException:
            self._forget(name)  # what was read in memory and not kept is read again
            raise

    def life(self, name: str, version: int, model: str, place: Place) -> Life:
        key = (name, version, model)
        if key not in self._lives:
            if len(self._lives) >= LIVES:
                del self._lives[next(iter(self._lives))]
            life = Life(name, version, model, model_of(self.store, model), self.store)
            if life.lost:
                life.replay(self.read(life, place))
            self._lives[key] = life
        return self._lives[key]

    def read(self, life: Life, place: Place, since: float = 0.0) -> Iterable[Increment]:
        """What was read of a life before, and arrived since then, as far as it is still there."""
        before, through = [], 0
        while found := self.store.increments.unread(life.name, through, since=since):
            through = found[-1][0]
            before += [one for number, one in found if number <= place.through or number in place.beyond]
        own = life.version, life.model
        return arrivals.in_order(one for one in before if (one.version, one.model) == own)

    def _forget(self, name: str) -> None:
        self._lives = {key: life for key, life in self._lives.items() if key[0] != name}


class _Turn:
    def __init__(self, evaluator: Evaluator, name: str, now: float, pulse: Pulse, share: Pulse, watched: bool) -> None:
        self.evaluator = evaluator
        self.store = evaluator.store
        self.name = name
        self.now = now
        self.pulse = pulse
        self.share = share
        self.watched = watched
        self.rules = self.store.alerts.rules(name)
        beside = self.store.deployments.canary(name)
        self.canary = beside.version if beside is not None else None
        self.traffic = self.store.deployments.turns(name)
        self.telling = Telling(self.store, name, self.rules, now, self.canary)
        self.readings: dict[str, Reading] = {}
        self.began: list[tuple[AlertRecord, tuple[str, ...]]] = []
        self.ended: list[tuple[AlertRecord, tuple[str, ...]]] = []
        self.changed: list[AlertRecord] = []
        self.joined: list[AlertRecord] = []

    def run(self) -> list[AlertRecord]:
        place = self.store.alerts.place(self.name)
        taken, after = arrivals.ready(self.store, self.name, place, self.now, self.evaluator.settled)
        current, beside = self._current(place), self._beside(place)
        watched = [life for life in (current, beside) if life is not None]
        lives = {self._life(one, place) for one in taken} | set(watched)
        late = sum(self._catch_up(life, place) for life in lives)
        for one in taken:
            self._life(one, place).add(one, self.rules)
        for life in watched:
            self._pulse(life, self.pulse if life is current else self.share)
        for life in sorted(lives, key=lambda life: (life.version, life.model)):
            self._drifts(life, life in watched)
        for life in watched:
            self._limits(life, kept=life is current)
        if current is not None:
            self._replaced(current.version)
        rhythm = self._traffic(taken, current)
        told = taken or late or self.began or self.ended
        self._keep(lives if told else set(), after if taken else None, watched, rhythm)
        return [record for record, _ in (*self.began, *self.ended)]

    def _catch_up(self, life: Life, place: Place) -> bool:
        """A limit that was added looks at what its window holds already; whether there was one."""
        behind = life.behind(self.rules)
        if behind:
            since = self.now - max(rule.alert.seconds for rule in behind)
            life.catch_up(behind, self.evaluator.read(life, place, since), self.now)
        return bool(behind)

    def _life(self, one: Increment, place: Place) -> Life:
        return self.evaluator.life(self.name, one.version, one.model, place)

    def _current(self, place: Place) -> Life | None:
        """The life of the version that takes traffic."""
        last = self.store.increments.current(self.name, self._taking)
        if last is None:
            return None
        return self.evaluator.life(self.name, last.version, last.model, place)

    def _beside(self, place: Place) -> Life | None:
        """The life of the canary, once it has answered a row."""
        last = self.store.increments.current(self.name, self.canary) if self.canary is not None else None
        return None if last is None else self.evaluator.life(self.name, last.version, last.model, place)

    def _pulse(self, life: Life, pulse: Pulse) -> None:
        for rule in self.rules:
            if pulse.requests > 0 and rule.alert.metric in ("availability", "slow"):
                good = pulse.requests - pulse.failed if rule.alert.metric == "availability" else pulse.slow
                life.see(rule, Sums(pulse.requests, good, good), self.now)

    # -- what moved

    def _drifts(self, life: Life, watched: bool) -> None:
        for group, alarms in life.alarms(self.now).items():
            over = sum(alarm.ended is not None for alarm in alarms)
            ended = over == len(alarms)
            key = self._key(life, group, anew=watched and not ended)
            grave = any(alarm.severity == "page" for alarm in alarms)
            mark = f"{len(alarms)}m{'' if grave else 'n'}{'.' * over}"
            if life.memory.told.get(key) == mark:
                continue
            record = self.telling.drift(life, key, alarms)
            before = life.memory.told.get(key)
            life.memory.told[key] = mark
            then = ("notify",) if grave else ()
            begins = before is None or (grave and "n" in before)
            if begins:
                self.began.append((record, then))
            if ended:
                self.ended.append((msgspec.structs.replace(record, ended=record.ended or self.now), then))
            elif before is not None:
                self.changed.append(record)
                if grave and not begins and self._is_news(record):
                    self.joined.append(record)

    def _is_news(self, record: AlertRecord) -> bool:
        """Is an open alert about something else now than it was?

        Columns where it knew of none, or what began after it was told; what began with it and was seen later is the same cause.
        """
        known = self.store.alerts.by_key(record.key)
        if known is None:
            return False
        joined = [one for one in record.moved if one.feature not in known.features and one.ended is None]
        first_column = all(name.startswith("@") for name in known.features)
        return any(one.first > known.raised or (first_column and not one.feature.startswith("@")) for one in joined)

    def _key(self, life: Life, group: int, *, anew: bool) -> str:
        """That of the group's last alert; another where `anew` is wished and that one ended with its version."""
        first = f"{life.name}:{life.version}:{life.model[:8]}:drift:{group}"
        last = next((key for key in reversed(life.memory.told) if key == first or key.startswith(f"{first}:")), None)
        if last is None or not anew or self._is_open(last):
            return last or first
        return f"{first}:{int(self.now)}"

    # -- limits

    def _limits(self, life: Life, *, kept: bool) -> None:
        """Where each metric stands; `kept` is what is shown of the deployment."""
        life.forget({rule.text: rule for rule in self.rules})
        life.memory.standing = {text: key for text, key in life.memory.standing.items() if self._is_open(key)}
        for rule in self.rules:
            reading = life.reading(rule, self.now)
            if kept:
                self.readings[rule.text] = reading
            self._stands(life, rule, reading, self.telling.limit)
        told = Rule(name=self.name, alert=REJECTED, text=REJECTED.condition, place=0, added="")
        self._stands(life, told, life.rejected(self.now), self.telling.rejected)

    def _stands(
        self, life: Life, rule: Rule, reading: Reading, made: Callable[[Life, Rule, Reading, str], AlertRecord]
    ) -> None:
        """A limit is told when it is passed for certain, and once more when the value is back."""
        standing = life.memory.standing.get(rule.text)
        if reading.verdict == "page" and standing is None:
            key = f"{life.name}:{life.version}:limit:{rule.place}:{int(self.now)}"
            life.memory.standing[rule.text] = key
            self.began.append((made(life, rule, reading, key), rule.alert.then))
        elif standing is not None and reading.verdict in ("fine", "unsure"):
            del life.memory.standing[rule.text]
            record = self.store.alerts.by_key(standing)
            if record is not None:
                over = msgspec.structs.replace(record, ended=self.now, what=words.rule_what(rule.alert, reading))
                self.ended.append((over, rule.alert.then))

    def _is_open(self, key: str) -> bool:
        """An alert ends too when its version loses the traffic; it begins anew when that version is back."""
        record = self.store.alerts.by_key(key)
        return record is not None and record.ended is None

    def _replaced(self, current: int) -> None:
        """What stood for a version that takes no traffic any more is over, and how it is with the one that does is told."""
        ways = way_back(self.name), canary_end(self.name)
        for record in self.store.alerts.open(self.name):
            if record.version not in (current, self.canary) and record.kind != "traffic":
                gone = f"version {record.version} takes no traffic any more, {self._instead(record, current)}"
                done = (*record.done, gone)
                tries = tuple(line for line in record.tries if line not in ways)
                over = msgspec.structs.replace(record, ended=self.now, done=done, tries=tries, successor=current)
                self.ended.append((over, ("notify",)))

    def _instead(self, record: AlertRecord, current: int) -> str:
        rule = next((rule for rule in self.rules if record.kind == "limit" and rule.text == record.subject), None)
        if rule is not None and rule.text in self.readings:
            return words.instead(current, rule.alert, self.readings[rule.text])
        open_ = [*self.store.alerts.open(self.name), *(one for one, _ in self.began)]
        there = [one for one in open_ if one.version == current and one.kind == record.kind]
        alike = any(one.subject == record.subject or not set(one.features).isdisjoint(record.features) for one in there)
        return f"version {current} does" + (": the same stands there too" if alike else " and is watched")

    # -- traffic

    def _traffic(self, taken: list[Increment], current: Life | None) -> Rhythm:
        kept = self.store.alerts.state(self.name, 0, "traffic")
        rhythm = msgspec.msgpack.decode(kept, type=Rhythm) if kept else Rhythm()
        if not self.watched:
            rhythm.looked = None
            return rhythm
        for one in sorted(taken, key=lambda one: one.arrived):
            rhythm.add(float(one.arrived), one.rows)
        rhythm.look(self.now)
        standing = next((one for one in self.store.alerts.open(self.name) if one.kind == "traffic"), None)
        found = rhythm.strange(self.now - self.evaluator.settled)
        version = current.version if current is not None else self._taking
        if found is not None and standing is None and version is not None:
            self.began.append((self.telling.traffic(found, version), ("notify",)))
        elif found is None and standing is not None and _back(rhythm, standing, self.now):
            self.ended.append((msgspec.structs.replace(standing, ended=self.now), ("notify",)))
        return rhythm

    @property
    def _taking(self) -> int | None:
        """The version that takes traffic, though none of its rows came yet."""
        row = self.store.deployments.find(self.name)
        return row.version if row is not None else None

    # -- all of it, or nothing

    def _keep(self, lives: set[Life], place: Place | None, watched: list[Life], rhythm: Rhythm) -> None:
        store = self.store
        alerts, self._actions = store.alerts, store.actions  # made before the transaction begins
        if self.began or self.ended:
            lives = {*lives, *watched}
        with store.database.write() as connection:
            for life in lives:
                life.keep(connection, store)
            for record in self.changed:
                alerts.put(connection, record)
            for phase, told in (("begin", self.began), ("end", self.ended)):
                for record, then in told:
                    alerts.put(connection, record)
                    self._plan(connection, record, then, phase)
            for record in self.joined:
                self._plan(connection, record, ("notify",), "more")
            alerts.tell(connection, self.name, self.readings)
            alerts.keep(connection, self.name, 0, "traffic", msgspec.msgpack.encode(rhythm))
            if place is not None:
                alerts.move(connection, self.name, place)

    def _plan(self, connection: sa.Connection, record: AlertRecord, then: tuple[str, ...], phase: str) -> None:
        """Begin: all that the limit asks for. More, end: what joined it is told, and to those that were told that it is over."""
        asked = self._asked(record, then) if phase == "begin" else ("notify",) if "notify" in then else ()
        for step in sorted(asked, key=lambda step: step == "notify"):  # what was done is in the message
            verb, _, target = step.partition(" ")
            detail = {"alert": record.key, "phase": phase, "version": record.version, "traffic": self.traffic}
            action = Action(deployment=self.name, verb=verb, reason=f"{record.kind}:{record.subject}", detail=detail)
            key = f"{record.key}:{phase}{len(record.features) if phase == 'more' else ''}:{step}"
            self._actions.plan(connection, key, action, when=self.now, target=target)

    def _asked(self, record: AlertRecord, then: tuple[str, ...]) -> tuple[str, ...]:
        """For a canary no version is rolled back: it is stopped. For the version that has the traffic none is."""
        if record.version != self.canary:
            return tuple(step for step in then if step != STOP)
        return tuple(dict.fromkeys(STOP if step == "rollback" else step for step in then))


def _back(rhythm: Rhythm, standing: AlertRecord, now: float) -> bool:
    """Silence is over with the first row, a burst after an hour."""
    if standing.subject == "silence":
        return (rhythm.last_row or 0.0) > standing.first
    return now - standing.raised > 3600
