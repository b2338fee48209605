"""Actions: what is to be done about alerts, and what was done, by whom, when. Marked before and after, so that a kill shows."""

from __future__ import annotations

import json
from typing import Any, ClassVar, Literal

import sqlalchemy as sa

from nb2prod.records.base import Record
from nb2prod.records.lifecycle import Action
from nb2prod.store.engine import Section

ActionState = Literal["planned", "started", "waiting", "done", "failed", "skipped"]
"""`waiting` has been tried, did not come about, and is tried again when it is `due`."""

metadata = sa.MetaData()
actions = sa.Table(
    "actions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("key", sa.String(512), nullable=False, unique=True),
    sa.Column("name", sa.String(255), nullable=False, index=True),
    sa.Column("verb", sa.String(16), nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("planned", sa.Float, nullable=False),
    sa.Column("due", sa.Float, nullable=False),
    sa.Column("ended", sa.Float),
    sa.Column("said", sa.Text, nullable=False),
)


class ActionRow(Record, frozen=True, kw_only=True):
    """An action in the log. `key` is its own for ever: planned twice it is done once. `said` is what came of it."""

    id: int
    key: str
    name: str
    verb: str
    target: str
    reason: str
    detail: dict[str, Any]
    state: ActionState
    tries: int
    planned: float
    due: float
    ended: float | None
    said: str


class Actions(Section):
    """What is to be done, in the order in which it was planned."""

    name = "actions"
    schema: ClassVar[int] = 1
    metadata = metadata

    def plan(self, connection: sa.Connection, key: str, action: Action, *, when: float, target: str = "") -> bool:
        """Note what is to be done; False where its key is there already."""
        if connection.execute(sa.select(actions.c.id).where(actions.c.key == key)).first() is not None:
            return False
        values: dict[str, Any] = {"name": action.deployment, "verb": action.verb, "reason": action.reason}
        values |= {"detail": json.dumps(action.detail), "target": target, "state": "planned", "tries": 0, "said": ""}
        connection.execute(sa.insert(actions).values(key=key, planned=when, due=when, **values))
        return True

    def due(self, name: str, when: float) -> tuple[ActionRow, ...]:
        """What is to be done now: planned, to be tried again, or started by somebody who was cut off."""
        waiting = actions.c.state.in_(("planned", "waiting", "started")) & (actions.c.due <= when)
        return self._found((actions.c.name == name) & waiting)

    def log(self, name: str, limit: int = 100, *, planning: bool = True) -> tuple[ActionRow, ...]:
        """The last actions, the oldest first; `planning` is a message before each address has a line of its own for it."""
        wanted = actions.c.name == name
        if not planning:
            wanted &= sa.not_((actions.c.verb == "notify") & (actions.c.state == "done"))
        return self._found(wanted, limit)

    def last(self, row: ActionRow) -> ActionRow | None:
        """The action of the same kind, reason and version that was done last before this one."""
        return next(reversed(self.same(row)), None)

    def same(self, row: ActionRow) -> tuple[ActionRow, ...]:
        """What was done before this one for the same reason, the oldest first; another version is another case."""
        same = (actions.c.verb == row.verb) & (actions.c.target == row.target) & (actions.c.reason == row.reason)
        done = self._found((actions.c.name == row.name) & same & (actions.c.state == "done") & (actions.c.id < row.id))
        return tuple(one for one in done if one.detail.get("version") == row.detail.get("version"))

    def taken_back(self, name: str, version: int) -> tuple[ActionRow, ...]:
        """Where a rule ended the canary of a version or rolled back from it, the oldest first."""
        done = (actions.c.name == name) & actions.c.verb.in_(("stop", "rollback")) & (actions.c.state == "done")
        of = [one for one in self._found(done) if one.detail.get("version") == version]
        return tuple(one for one in of if not one.said.endswith("any more"))  # it was gone before the rule came to it

    def messages(self, name: str, alert: str) -> tuple[ActionRow, ...]:
        """What was planned to be told of an alert, of whatever phase, the oldest first."""
        found = self._found((actions.c.name == name) & (actions.c.verb == "notify"))
        return tuple(one for one in found if one.detail.get("alert") == alert)

    def told(self, name: str) -> dict[str, float]:
        """When the first address heard that an alert began, by the alert's key; those that nobody heard of are not there."""
        heard = self._found((actions.c.name == name) & (actions.c.verb == "tell") & (actions.c.state == "done"))
        begun = [one for one in heard if one.detail.get("phase") in ("begin", "more") and one.ended is not None]
        return {one.detail["alert"]: one.ended or 0.0 for one in reversed(begun)}

    def mark(self, row: ActionRow, state: ActionState, *, said: str = "", due: float | None = None) -> None:
        """Say how it stands; `due` says when it is tried again."""
        values: dict[str, Any] = {"state": state, "said": said}
        if state == "started":
            values["tries"] = row.tries + 1
        if due is not None:
            values["due"] = due
        self._set(row.id, values)

    def end(self, row: ActionRow, state: ActionState, *, said: str, when: float) -> None:
        """It is done, has failed for good, or was left out; says why."""
        self._set(row.id, {"state": state, "said": said, "ended": when})

    def forget(self, connection: sa.Connection, name: str) -> None:
        connection.execute(sa.delete(actions).where(actions.c.name == name))

    def _set(self, number: int, values: dict[str, Any]) -> None:
        with self.database.write() as connection:
            connection.execute(sa.update(actions).where(actions.c.id == number).values(**values))

    def _found(self, where: sa.ColumnElement[bool], limit: int = 1000) -> tuple[ActionRow, ...]:
        query = sa.select(actions).where(where).order_by(actions.c.id.desc()).limit(limit)
        with self.database.read() as connection:
            rows = [_row(row) for row in connection.execute(query).mappings()]
        return tuple(reversed(rows))


def _row(row: sa.RowMapping) -> ActionRow:
    return ActionRow(**{**row, "detail": json.loads(row["detail"])})
