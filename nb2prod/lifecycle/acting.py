"""Acting on alerts: what was planned is done at least once, told once an address, and taken back only what is still there.

Every step is marked before and after. Cut off between the two, it is taken up again: a rollback looks first whether the version
that alarmed still takes the traffic, a message goes out again, a hook gets the same key.
"""

from __future__ import annotations

import logging
import shlex
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from nb2prod.errors import Failed, Nb2prodError, NotFound, Refused, UsageError
from nb2prod.home import Home
from nb2prod.lifecycle.destinations import Destinations
from nb2prod.lifecycle.hooks import SECONDS, run_hook
from nb2prod.lifecycle.notify import tell
from nb2prod.records.alerts import AlertRecord, canary_end, way_back
from nb2prod.records.lifecycle import Action
from nb2prod.store import Store
from nb2prod.store.actions import ActionRow, ActionState

log = logging.getLogger(__name__)
COOL = {"notify": 3600.0, "run": 3600.0, "rollback": 86400.0, "stop": 3600.0}
"""Seconds in which the same reason does not lead to the same action again."""
TRIES = 5
WAIT = 60.0
LASTING = (NotFound, Refused, UsageError)
"""Errors that are the same a minute later."""
Stop = Callable[[str, int], bool]
"""From a deployment and the version that alarmed to whether its canary was stopped; False where it is none any more."""
Rollback = Callable[[str, int], int | None]
"""From a deployment and the version that alarmed to the version that took over; None where it takes no traffic any more."""


class Left(Exception):
    """The action is left out, and why."""


class Later(Exception):
    """The action is put off, why, and until when."""

    def __init__(self, why: str, due: float) -> None:
        super().__init__(why)
        self.due = due


class Actor:
    """Carries out what is planned.

    Parameters
    ----------
    home, store
        Whose addresses, and where the plan stands.
    rollback
        Takes a version out of the traffic.
    stop
        Ends a canary.
    """

    def __init__(
        self, home: Home, store: Store, rollback: Rollback, stop: Stop, *, hook_seconds: float = SECONDS
    ) -> None:
        self.store = store
        self.destinations = Destinations(home)
        self._rollback = rollback
        self._stop = stop
        self._hook_seconds = hook_seconds
        self._verbs: dict[str, Callable[[ActionRow, AlertRecord, float], str]] = {
            "notify": self._notify,
            "tell": self._tell,
            "rollback": self._roll_back,
            "stop": self._stop_canary,
            "run": self._run,
        }

    def act(self, name: str, now: float) -> int:
        """Do what is due for a deployment; how many actions came to an end."""
        ended = 0
        while due := self.store.actions.due(name, now):
            for row in due:
                ended += self._one(row, now)
        return ended

    def _one(self, row: ActionRow, now: float) -> bool:
        record = self.store.alerts.by_key(row.detail["alert"])
        try:
            if record is None:
                raise Left("its alert is not there any more")
            self._allowed(row, record, now)
            self.store.actions.mark(row, "started", said=row.said)
            said = self._verbs[row.verb](row, record, now)
        except Left as left:
            self._end(row, "skipped", str(left), now)
        except Later as later:
            self.store.actions.mark(row, "waiting", said=str(later), due=later.due)
            return False
        except Nb2prodError as error:
            return self._failed(row, error, now)
        except Exception as error:  # one action that breaks must not stop those behind it
            log.exception("%s of %s broke", row.verb, row.name)
            return self._failed(row, Failed(f"{row.verb} broke", code="action-broke", why=repr(error)), now)
        else:
            self.store.actions.end(row, "done", said=said, when=now)
        return True

    def _failed(self, row: ActionRow, error: Nb2prodError, now: float) -> bool:
        """Tried again after a while, and a last time; what no waiting mends is over at once."""
        said = f"{error.title}: {error.why}"
        log.warning("%s of %s: %s", row.verb, row.name, said)
        if isinstance(error, LASTING):
            self._end(row, "skipped" if isinstance(error, NotFound) else "failed", said, now)
            return True
        if row.tries + 1 < TRIES:
            self._say(row, f"not done yet: {said}")
            self.store.actions.mark(row, "waiting", said=said, due=now + WAIT * 2**row.tries)
            return False
        self._end(row, "failed", said, now)
        return True

    def _end(self, row: ActionRow, state: ActionState, said: str, now: float) -> None:
        """It did not come about: the log says why, and the alert does of what somebody counts on."""
        self._say(row, f"{state}: {said}")
        self.store.actions.end(row, state, said=said, when=now)

    def _say(self, row: ActionRow, said: str) -> None:
        counted_on = {"rollback": "rollback", "stop": "stop of the canary"}.get(row.verb)
        if counted_on is not None:
            self.store.alerts.note(row.detail["alert"], f"{counted_on} {said.rstrip('.')}")

    # -- may it be done?

    def _allowed(self, row: ActionRow, record: AlertRecord, now: float) -> None:
        if row.verb == "tell":
            return
        for silence in self.store.alerts.silenced(row.name, now):
            if silence.subject in ("*", record.kind, record.subject, *record.features):
                by = f" by {silence.by}" if silence.by else ""
                raise Left(f"silenced{by}: {silence.reason}" if silence.reason else f"silenced{by}")
        if row.detail["phase"] == "end":
            if not self._was_told(row, record):
                raise Left("nobody was told that it began")
            return
        if record.acknowledged is not None and row.tries == 0:
            raise Left(f"acknowledged by {record.by or 'somebody'}")
        if row.state == "waiting" and row.tries == 0 and record.ended is not None:
            raise Left("it was over before it had cooled down")
        self._cool(row, now)

    def _cool(self, row: ActionRow, now: float) -> None:
        """The same of the same version is not done again at once; a message waits until then, anything else is left out."""
        last = self.store.actions.last(row)
        if last is None or last.ended is None or now - last.ended >= COOL[row.verb]:
            return
        ago = f"{(now - last.ended) / 60:.0f} min ago"
        if row.verb == "notify":
            due = last.ended + COOL[row.verb]
            raise Later(f"the same was told {ago}; told in {(due - now) / 60:.0f} min where it still stands", due)
        raise Left(f"the same was done {ago}; it cools down")

    def _was_told(self, row: ActionRow, record: AlertRecord) -> bool:
        begun = [one for one in self.store.actions.log(row.name, 1000) if one.detail.get("alert") == record.key]
        return any(one.verb == "notify" and one.detail["phase"] == "begin" and one.state == "done" for one in begun)

    # -- verbs

    def _notify(self, row: ActionRow, record: AlertRecord, now: float) -> str:
        """One message an address, each an action of its own: one that does not answer holds up no other."""
        found = self.destinations.all(row.name)
        if not found:
            raise Left("there is nobody to tell: nb2prod alerts notify add URL")
        detail = {"alert": record.key, "phase": row.detail["phase"], "version": record.version}
        with self.store.database.write() as connection:
            for one in found:
                action = Action(deployment=row.name, verb="tell", reason=row.reason, detail=detail)
                self.store.actions.plan(connection, f"{row.key}>{one.id}", action, when=now, target=one.id)
        return f"told {', '.join(one.id for one in found)}"

    def _tell(self, row: ActionRow, record: AlertRecord, now: float) -> str:
        destination = self.destinations.find(row.target)
        if destination is None:
            raise Left(f"the address {row.target} was removed")
        tell(destination, record, row.detail["phase"])
        return f"told {destination.shown}"

    def _roll_back(self, row: ActionRow, record: AlertRecord, now: float) -> str:
        taken = self._rollback(row.name, record.version)
        if taken is None:
            return f"version {record.version} took no traffic any more"
        said = f"rolled back from version {record.version} to {taken}"
        by = row.reason.partition(":")[2] or row.reason
        self.store.alerts.note(record.key, f"{said} by {by}", moot=way_back(row.name))
        return said

    def _stop_canary(self, row: ActionRow, record: AlertRecord, now: float) -> str:
        if not self._stop(row.name, record.version):
            return f"version {record.version} was no canary any more"
        said = f"canary of version {record.version} stopped"
        at, rule = time.strftime("%H:%M", time.gmtime(now)), row.reason.partition(":")[2] or row.reason
        self.store.alerts.note(record.key, f'{said} at {at} by rule "{rule}"', moot=canary_end(row.name))
        return said

    def _run(self, row: ActionRow, record: AlertRecord, now: float) -> str:
        document = {"key": row.key, "phase": row.detail["phase"], "alert": msgspec.to_builtins(record)}
        said = run_hook(row.target, msgspec.json.encode(document), seconds=self._hook_seconds)
        self.store.alerts.note(record.key, f"ran {_files(row.target)}")
        return said


def _files(command: str) -> str:
    """The program and its script: an argument that is no file can be an address with a secret."""
    program, *given = shlex.split(command)
    return " ".join([program, *[word for word in given if Path(word).is_file()][:1]])
