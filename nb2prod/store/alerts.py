"""Alerts: the limits that deployments have, what was told, what is silenced, and how far detection has read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import msgspec
import sqlalchemy as sa

from nb2prod.errors import NotFound
from nb2prod.records.alerts import Alert, AlertRecord, Reading, Rule, Silence
from nb2prod.records.base import Record
from nb2prod.store.deployments import now as written_now
from nb2prod.store.engine import Section

metadata = sa.MetaData()
rules = sa.Table(
    "alert_rules",
    metadata,
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("text", sa.String(512), primary_key=True),
    sa.Column("spec", sa.Text, nullable=False),
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("added", sa.String(40), nullable=False),
    sa.Column("removed", sa.String(40)),
    sa.Column("reading", sa.Text, nullable=False),
)
alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("key", sa.String(255), nullable=False, unique=True),
    sa.Column("name", sa.String(255), nullable=False, index=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("raised", sa.Float, nullable=False),
    sa.Column("ended", sa.Float),
    sa.Column("acknowledged", sa.Float),
    sa.Column("by", sa.String(255), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)
states = sa.Table(
    "alert_states",
    metadata,
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("subject", sa.String(512), primary_key=True),
    sa.Column("state", sa.LargeBinary, nullable=False),
)
places = sa.Table(
    "alert_places",
    metadata,
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("through", sa.BigInteger, nullable=False),
    sa.Column("beyond", sa.Text, nullable=False),
)
silences = sa.Table(
    "alert_silences",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(255), nullable=False, index=True),
    sa.Column("subject", sa.String(512), nullable=False),
    sa.Column("until", sa.Float, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("by", sa.String(255), nullable=False),
)
_READING = msgspec.json.Decoder(Reading)


class Place(Record, frozen=True, kw_only=True):
    """How far detection has read a deployment's increments: all up to `through`, and those of `beyond`."""

    through: int = 0
    beyond: tuple[int, ...] = ()


class Alerts(Section):
    """Every limit, alert and silence of every deployment."""

    name = "alerts"
    schema: ClassVar[int] = 1
    metadata = metadata

    # -- limits

    def rules(self, name: str) -> tuple[Rule, ...]:
        """The limits that a deployment has, in the order in which they were added."""
        query = sa.select(rules).where(rules.c.name == name, rules.c.removed.is_(None)).order_by(rules.c.place)
        with self.database.read() as connection:
            return tuple(_rule(row) for row in connection.execute(query).mappings())

    def declare(self, name: str, given: Iterable[Alert]) -> tuple[Rule, ...]:
        """Add limits that are not there yet; one that was removed comes back to its own place in the error budget."""
        with self.database.write() as connection:
            for alert in given:
                self._add(connection, name, alert)
        return self.rules(name)

    def withdraw(self, name: str, text: str) -> Rule:
        """Remove a limit.

        Raises
        ------
        NotFound
            There is no such limit; says which there are.
        """
        found = {rule.text: rule for rule in self.rules(name)}
        if text not in found:
            raise _no_rule(name, text, list(found))
        with self.database.write() as connection:
            here = (rules.c.name == name) & (rules.c.text == text)
            connection.execute(sa.update(rules).where(here).values(removed=written_now()))
        return found[text]

    def tell(self, connection: sa.Connection, name: str, readings: Mapping[str, Reading]) -> None:
        """Keep where each metric stands."""
        for text, reading in readings.items():
            here = (rules.c.name == name) & (rules.c.text == text)
            connection.execute(sa.update(rules).where(here).values(reading=msgspec.json.encode(reading).decode()))

    def _add(self, connection: sa.Connection, name: str, alert: Alert) -> None:
        text, spec = alert.condition, msgspec.json.encode(alert).decode()
        here = (rules.c.name == name) & (rules.c.text == text)
        if connection.execute(sa.select(rules.c.place).where(here)).first() is not None:
            connection.execute(sa.update(rules).where(here).values(removed=None, spec=spec))
            return
        last = connection.scalar(sa.select(sa.func.max(rules.c.place)).where(rules.c.name == name)) or 0
        values = {"name": name, "text": text, "place": last + 1, "added": written_now(), "reading": "{}"}
        connection.execute(sa.insert(rules).values(**values, spec=spec))

    # -- what was told

    def put(self, connection: sa.Connection, record: AlertRecord) -> None:
        """Keep an alert under its key, new or changed; an acknowledgement and what was noted meanwhile stay."""
        here = alerts.c.key == record.key
        known = connection.scalar(sa.select(alerts.c.body).where(here).with_for_update())
        noted = msgspec.json.decode(known, type=AlertRecord).done if known is not None else ()
        record = msgspec.structs.replace(record, done=tuple(dict.fromkeys((*record.done, *noted))))
        changed = {"ended": record.ended, "body": msgspec.json.encode(record).decode()}
        if not connection.execute(sa.update(alerts).where(here).values(changed)).rowcount:
            fields = {key: getattr(record, key) for key in ("key", "name", "version", "raised", "acknowledged", "by")}
            connection.execute(sa.insert(alerts).values(**fields, **changed))

    def open(self, name: str) -> tuple[AlertRecord, ...]:
        """Alerts that stand, the oldest first."""
        return self._found((alerts.c.name == name) & alerts.c.ended.is_(None))

    def all(self, name: str, limit: int = 200) -> tuple[AlertRecord, ...]:
        """The last alerts, the oldest first."""
        return self._found(alerts.c.name == name, limit)

    def get(self, name: str, number: int) -> AlertRecord:
        """One alert of a deployment.

        Raises
        ------
        NotFound
            It has none of that number.
        """
        found = self._found((alerts.c.name == name) & (alerts.c.id == number))
        if not found:
            raise _no_alert(name, number, [one.id for one in self.all(name)])
        return found[0]

    def by_key(self, key: str) -> AlertRecord | None:
        return next(iter(self._found(alerts.c.key == key)), None)

    def acknowledge(self, name: str, number: int, *, by: str, when: float) -> AlertRecord:
        """Somebody has seen it: it is not told again."""
        self.get(name, number)
        with self.database.write() as connection:
            here = (alerts.c.id == number) & alerts.c.acknowledged.is_(None)
            connection.execute(sa.update(alerts).where(here).values(acknowledged=when, by=by))
        return self.get(name, number)

    def note(self, key: str, done: str, *, moot: str = "") -> None:
        """Add to what was done about an alert; a line to try that is moot now is taken out."""
        with self.database.write() as connection:
            here = alerts.c.key == key
            body = connection.scalar(sa.select(alerts.c.body).where(here).with_for_update())
            if body is None:
                return
            record = msgspec.json.decode(body, type=AlertRecord)
            if done not in record.done:
                tries = tuple(line for line in record.tries if line != moot)
                record = msgspec.structs.replace(record, done=(*record.done, done), tries=tries)
                connection.execute(sa.update(alerts).where(here).values(body=msgspec.json.encode(record).decode()))

    def _found(self, where: sa.ColumnElement[bool], limit: int = 1000) -> tuple[AlertRecord, ...]:
        query = sa.select(alerts).where(where).order_by(alerts.c.id.desc()).limit(limit)
        with self.database.read() as connection:
            return tuple(reversed([_alert(row) for row in connection.execute(query).mappings()]))

    # -- silences

    def silence(self, name: str, subject: str, until: float, *, reason: str = "", by: str = "") -> Silence:
        """Tell and do nothing about a subject until then; `*` is everything."""
        values: dict[str, Any] = {"name": name, "subject": subject, "until": until, "reason": reason, "by": by}
        with self.database.write() as connection:
            made = connection.execute(sa.insert(silences).values(**values)).inserted_primary_key
        assert made is not None
        return Silence(id=made[0], **values)

    def silenced(self, name: str, when: float) -> tuple[Silence, ...]:
        """What is silenced at that time."""
        query = sa.select(silences).where(silences.c.name == name, silences.c.until > when).order_by(silences.c.id)
        with self.database.read() as connection:
            return tuple(Silence(**row) for row in connection.execute(query).mappings())

    def speak(self, name: str, number: int | None = None) -> int:
        """End silences, one or all of a deployment; how many."""
        here = silences.c.name == name
        with self.database.write() as connection:
            return connection.execute(
                sa.delete(silences).where(here if number is None else here & (silences.c.id == number))
            ).rowcount

    # -- where detection stands

    def state(self, name: str, version: int, subject: str) -> bytes | None:
        here = (states.c.name == name) & (states.c.version == version) & (states.c.subject == subject)
        with self.database.read() as connection:
            found: bytes | None = connection.scalar(sa.select(states.c.state).where(here))
        return found

    def keep(self, connection: sa.Connection, name: str, version: int, subject: str, state: bytes) -> None:
        here = (states.c.name == name) & (states.c.version == version) & (states.c.subject == subject)
        if not connection.execute(sa.update(states).where(here).values(state=state)).rowcount:
            connection.execute(sa.insert(states).values(name=name, version=version, subject=subject, state=state))

    def place(self, name: str) -> Place:
        with self.database.read() as connection:
            row = connection.execute(sa.select(places).where(places.c.name == name)).mappings().first()
        return Place(through=row["through"], beyond=tuple(json.loads(row["beyond"]))) if row else Place()

    def move(self, connection: sa.Connection, name: str, place: Place) -> None:
        values: dict[str, Any] = {"through": place.through, "beyond": json.dumps(place.beyond)}
        if not connection.execute(sa.update(places).where(places.c.name == name).values(values)).rowcount:
            connection.execute(sa.insert(places).values(name=name, **values))

    def forget(self, connection: sa.Connection, name: str) -> None:
        for table in (rules, alerts, states, places, silences):
            connection.execute(sa.delete(table).where(table.c.name == name))


def _rule(row: sa.RowMapping) -> Rule:
    return Rule(
        name=row["name"],
        alert=msgspec.json.decode(row["spec"], type=Alert),
        text=row["text"],
        place=row["place"],
        added=row["added"],
        reading=_READING.decode(row["reading"]),
    )


def _alert(row: sa.RowMapping) -> AlertRecord:
    record = msgspec.json.decode(row["body"], type=AlertRecord)
    return msgspec.structs.replace(record, id=row["id"], acknowledged=row["acknowledged"], by=row["by"])


def _no_rule(name: str, text: str, known: list[str]) -> NotFound:
    return NotFound(
        f"`{name}` has no alert `{text}`",
        code="no-alert",
        where=name,
        why=f"It has: {'; '.join(known)}." if known else "It has none yet.",
        fix=f"nb2prod alerts remove {name} '{known[0]}'" if known else f"nb2prod alerts list {name}",
        kept="nothing was changed",
    )


def _no_alert(name: str, number: int, known: list[int]) -> NotFound:
    return NotFound(
        f"`{name}` has no alert {number}",
        code="no-alert",
        where=name,
        why=f"Its alerts are {', '.join(map(str, known[-20:]))}." if known else "Nothing was told of it yet.",
        fix=f"nb2prod alerts list {name}",
        kept="nothing was changed",
    )
