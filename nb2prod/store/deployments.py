"""Deployments: what should run, on which port, in which version, and what has been done to it."""

from __future__ import annotations

import datetime
import json
import platform
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

import sqlalchemy as sa

from nb2prod.errors import Conflict, NotFound
from nb2prod.records.base import Record
from nb2prod.store.engine import Database, Section

Desired = Literal["running", "stopped"]
RunState = Literal["starting", "live", "retired", "failed", "canary", "ended"]
"""A run that was a canary is `ended`: it never had the traffic, so that nothing goes back to it by itself."""
CANARY = "canary"
"""Where the settings of a deployment hold the share of its canary, in percent."""

_OF_TRAFFIC = ("switch", "switch-back", "rollback", "promote", "canary", "canary-ended", "share", "remove")
"""Events after which other requests come to a version than before."""

metadata = sa.MetaData()
deployments = sa.Table(
    "deployments",
    metadata,
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("home", sa.Text, nullable=False),
    sa.Column("port", sa.Integer, nullable=False),
    sa.Column("desired", sa.String(16), nullable=False),
    sa.Column("run", sa.Integer),
    sa.Column("version", sa.Integer),
    sa.Column("workers", sa.Integer, nullable=False),
    sa.Column("settings", sa.Text, nullable=False),
    sa.Column("created", sa.String(40), nullable=False),
)
runs = sa.Table(
    "deployment_runs",
    metadata,
    sa.Column("name", sa.ForeignKey("deployments.name", ondelete="CASCADE"), primary_key=True),
    sa.Column("run", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.Integer),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("capture", sa.String(64), nullable=False),
    sa.Column("bento", sa.Text, nullable=False),
    sa.Column("tag", sa.Text, nullable=False),
    sa.Column("python", sa.Text, nullable=False),
    sa.Column("workers", sa.Integer, nullable=False),
    sa.Column("model_uri", sa.Text),
    sa.Column("proof", sa.String(16)),
    sa.Column("created", sa.String(40), nullable=False),
)
events = sa.Table(
    "deployment_events",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(255), nullable=False, index=True),
    sa.Column("time", sa.String(40), nullable=False),
    sa.Column("verb", sa.String(32), nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
)


class DeploymentRow(Record, frozen=True, kw_only=True):
    """A deployment: one name, one remembered port, at most one run that takes traffic.

    `run` and `version` are None until something has taken traffic. `settings` is what the caller asked for beyond the model
    (alerts, SLO, environment names); the store keeps it and reads nothing of it but the share of a canary.
    """

    name: str
    port: int
    desired: Desired
    run: int | None
    version: int | None
    workers: int
    settings: dict[str, Any]
    created: str


class RunRow(Record, frozen=True, kw_only=True):
    """A Bento that was started under a deployment's name; `version` is None until it is registered."""

    name: str
    run: int
    version: int | None
    state: RunState
    capture: str
    bento: str
    tag: str
    python: str
    workers: int
    model_uri: str | None
    proof: str | None
    created: str


class Event(Record, frozen=True, kw_only=True):
    """What was done to a deployment, and when (UTC)."""

    name: str
    time: str
    verb: str
    detail: dict[str, Any]


class Deployments(Section):
    """The truth about who takes traffic.

    In a team's database each home sees its own deployments; a home's SQLite file is all its own, wherever it lies.
    """

    name = "deployments"
    schema: ClassVar[int] = 1
    metadata = metadata

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._home = f"{platform.node()}:{database.home.root}"

    def all(self) -> tuple[DeploymentRow, ...]:
        """This home's deployments, by name."""
        with self.database.read() as connection:
            rows = connection.execute(self._own().order_by(deployments.c.name))
            return tuple(_deployment(row) for row in rows.mappings())

    def find(self, name: str) -> DeploymentRow | None:
        """The deployment of that name, or None."""
        with self.database.read() as connection:
            row = connection.execute(self._own().where(deployments.c.name == name)).mappings().first()
            return _deployment(row) if row else None

    def get(self, name: str) -> DeploymentRow:
        """The deployment of that name.

        Raises
        ------
        NotFound
            There is none; says which there are.
        """
        found = self.find(name)
        if found is None:
            raise _no_deployment(name, [row.name for row in self.all()])
        return found

    def create(self, name: str, *, port: int, workers: int = 2) -> DeploymentRow:
        """A new deployment that runs nothing yet.

        Raises
        ------
        Conflict
            There is one of that name; in a team's database it may be another home's.
        """
        with self.database.write() as connection:
            owner = connection.scalar(sa.select(deployments.c.home).where(deployments.c.name == name))
            if owner is not None:
                raise _taken(name, owner)
            values = {"name": name, "home": self._home, "port": port, "desired": "stopped", "workers": workers}
            connection.execute(sa.insert(deployments).values(**values, settings="{}", created=now()))
            _note(connection, name, "create", {"port": port})
        return self.get(name)

    def change(self, name: str, *, verb: str = "change", **fields: Any) -> DeploymentRow:
        """Set fields of a deployment (`port`, `desired`, `workers`, `settings`) and note it under `verb`."""
        values = {key: json.dumps(value) if key == "settings" else value for key, value in fields.items()}
        with self.database.write() as connection:
            connection.execute(sa.update(deployments).where(deployments.c.name == name).values(**values))
            _note(connection, name, verb, {key: fields[key] for key in fields if key != "settings"})
        return self.get(name)

    def runs(self, name: str) -> tuple[RunRow, ...]:
        """Everything that was started under a name, the oldest first."""
        with self.database.read() as connection:
            rows = connection.execute(sa.select(runs).where(runs.c.name == name).order_by(runs.c.run))
            return tuple(RunRow(**row) for row in rows.mappings())

    def run(self, name: str, run: int) -> RunRow:
        """One run of a deployment."""
        return next(row for row in self.runs(name) if row.run == run)

    def live(self, name: str) -> RunRow | None:
        """The run that takes traffic, or last took it."""
        number = self.get(name).run
        return None if number is None else self.run(name, number)

    def candidate(self, name: str) -> RunRow | None:
        """The run that was started last and takes no traffic yet."""
        return next((row for row in reversed(self.runs(name)) if row.state == "starting"), None)

    def canary(self, name: str) -> RunRow | None:
        """The run that answers a share beside the one that takes the traffic."""
        return next((row for row in reversed(self.runs(name)) if row.state == "canary"), None)

    def of_version(self, name: str, version: int) -> RunRow | None:
        """The latest run of a registered version, or None."""
        return next((row for row in reversed(self.runs(name)) if row.version == version), None)

    def before(self, name: str, version: int | None) -> int | None:
        """The newest version before this one that took traffic and was not rolled back from since; None where there is none."""
        left = self._left(name)
        older = (
            row.version
            for row in self.runs(name)
            if row.state == "retired" and row.version is not None and row.version not in left
        )
        return max((one for one in older if version is not None and one < version), default=None)

    def _left(self, name: str) -> set[int]:
        """Versions that an older one took over from, and that were not deployed again since."""
        left: set[int] = set()
        for event in self.history(name, 10000):
            version, replaced = event.detail.get("version"), event.detail.get("replaced")
            if event.verb == "remove":
                left.clear()
            elif event.verb == "switch":
                left.discard(version)
            elif event.verb in ("rollback", "switch-back") and (replaced or 0) > (version or 0):
                left.add(int(replaced or 0))
        return left

    def add_run(self, name: str, *, bento: str, python: str, workers: int, capture: str = "", tag: str = "") -> RunRow:
        """Note a Bento that is about to start; it has no version yet and takes no traffic."""
        with self.database.write() as connection:
            last = connection.scalar(sa.select(sa.func.max(runs.c.run)).where(runs.c.name == name))
            number: int = (last or 0) + 1
            given = {"bento": bento, "python": python, "workers": workers, "capture": capture, "tag": tag}
            values = {"name": name, "run": number, "state": "starting", **given}
            connection.execute(sa.insert(runs).values(**values, created=now()))
        return self.run(name, number)

    def change_run(self, name: str, run: int, **fields: Any) -> RunRow:
        """Set fields of a run (`state`, `version`, `workers`, `python`, `model_uri`, `proof`)."""
        with self.database.write() as connection:
            named = (runs.c.name == name) & (runs.c.run == run)
            connection.execute(sa.update(runs).where(named).values(**fields))
        return self.run(name, run)

    def switch(self, name: str, run: int, *, verb: str = "switch") -> int | None:
        """Make a run the one that takes traffic and the one before it retired; returns the version that took it before."""
        before, row = self.get(name), self.run(name, run)
        with self.database.write() as connection:
            _end_canary(connection, name, but=run)
            live = (runs.c.name == name) & (runs.c.state == "live")
            connection.execute(sa.update(runs).where(live).values(state="retired"))
            connection.execute(sa.update(runs).where((runs.c.name == name) & (runs.c.run == run)).values(state="live"))
            current = {"run": run, "version": row.version, "workers": row.workers, "desired": "running"}
            connection.execute(sa.update(deployments).where(deployments.c.name == name).values(**current))
            _note(connection, name, verb, {"version": row.version, "replaced": before.version, "run": run})
        return before.version

    def begin_canary(self, name: str, run: int, percent: float, **fields: Any) -> RunRow:
        """Let a run answer a share of so many percent, in the place of one that did; `fields` as in `change_run`."""
        with self.database.write() as connection:
            _end_canary(connection, name)
            here = (runs.c.name == name) & (runs.c.run == run)
            connection.execute(sa.update(runs).where(here).values(state="canary", **fields))
            version = connection.scalar(sa.select(runs.c.version).where(here))
            _share(connection, name, percent)
            _note(connection, name, "canary", {"version": version, "run": run, "percent": percent})
        return self.run(name, run)

    def share(self, name: str, percent: float) -> None:
        """Give the canary another share."""
        with self.database.write() as connection:
            _share(connection, name, percent)
            _note(connection, name, "share", {"percent": percent})

    def end_canary(self, name: str) -> RunRow | None:
        """The canary has no share any more; the run that had one."""
        row = self.canary(name)
        with self.database.write() as connection:
            _end_canary(connection, name)
        return row

    def forget_run(self, name: str, run: int) -> None:
        """Drop a run that takes no traffic."""
        with self.database.write() as connection:
            connection.execute(sa.delete(runs).where((runs.c.name == name) & (runs.c.run == run)))

    def remove(self, name: str) -> None:
        """Drop a deployment and its runs; its events stay."""
        with self.database.write() as connection:
            connection.execute(sa.delete(runs).where(runs.c.name == name))
            connection.execute(sa.delete(deployments).where(deployments.c.name == name))
            _note(connection, name, "remove", {})

    def note(self, name: str, verb: str, **detail: Any) -> None:
        """Add an event to a deployment's history."""
        with self.database.write() as connection:
            _note(connection, name, verb, detail)

    def history(self, name: str, n: int = 100) -> tuple[Event, ...]:
        """The last `n` events of a deployment, the oldest first."""
        with self.database.read() as connection:
            query = sa.select(events).where(events.c.name == name).order_by(events.c.id.desc()).limit(n)
            return tuple(reversed(list(_events(connection.execute(query)))))

    def turns(self, name: str) -> int:
        """How often its traffic has changed: who has it, or in which shares."""
        of = (events.c.name == name) & events.c.verb.in_(_OF_TRAFFIC)
        with self.database.read() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(events).where(of)) or 0

    def _own(self) -> sa.Select[Any]:
        query = sa.select(deployments)
        return query if self.database.sqlite else query.where(deployments.c.home == self._home)


def now() -> str:
    """The time in UTC as the store writes it."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


def _deployment(row: sa.RowMapping) -> DeploymentRow:
    fields = {key: row[key] for key in DeploymentRow.__struct_fields__}
    return DeploymentRow(**{**fields, "settings": json.loads(row["settings"])})


def _events(rows: sa.CursorResult[Any]) -> Iterator[Event]:
    for row in rows.mappings():
        yield Event(name=row["name"], time=row["time"], verb=row["verb"], detail=json.loads(row["detail"]))


def _note(connection: sa.Connection, name: str, verb: str, detail: Mapping[str, Any]) -> None:
    connection.execute(sa.insert(events).values(name=name, time=now(), verb=verb, detail=json.dumps(detail)))


def _share(connection: sa.Connection, name: str, percent: float | None) -> None:
    """Write the share into the settings, or take it out."""
    here = deployments.c.name == name
    settings = json.loads(connection.scalar(sa.select(deployments.c.settings).where(here).with_for_update()) or "{}")
    settings.pop(CANARY, None)
    settings |= {CANARY: percent} if percent is not None else {}
    connection.execute(sa.update(deployments).where(here).values(settings=json.dumps(settings)))


def _end_canary(connection: sa.Connection, name: str, *, but: int | None = None) -> None:
    """End every canary but the run that takes the traffic now."""
    theirs = (runs.c.name == name) & (runs.c.state == "canary")
    found = connection.execute(sa.select(runs.c.run, runs.c.version).where(theirs)).all()
    if not found:
        return
    _share(connection, name, None)
    for run, version in found:
        if run != but:
            connection.execute(sa.update(runs).where((runs.c.name == name) & (runs.c.run == run)).values(state="ended"))
            _note(connection, name, "canary-ended", {"version": version, "run": run})


def _no_deployment(name: str, others: list[str]) -> NotFound:
    return NotFound(
        f"There is no deployment `{name}`",
        code="no-deployment",
        where=name,
        why=f"This home has {', '.join(others)}." if others else "This home has no deployments yet.",
        fix="nb2prod list" if others else "%deploy model",
    )


def _taken(name: str, owner: str) -> Conflict:
    return Conflict(
        f"There is a deployment `{name}` already",
        code="name-taken",
        where=name,
        why=f"It belongs to the home {owner}.",
        fix="%deploy model --name another-name",
        kept="nothing was changed",
    )
