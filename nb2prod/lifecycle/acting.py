"""Acting on alerts: what was planned is done at least once, told once an address, and taken back only what is still there.

Every step is marked before and after. Cut off between the two, it is taken up again: a rollback looks first whether the version
that alarmed still takes the traffic, a message goes out again, a hook gets the same key.
"""

from __future__ import annotations

import logging
import shlex
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from pathlib import Path

import msgspec

from nb2prod.errors import Failed, Nb2prodError, NotFound, Refused, UsageError
from nb2prod.home import Home
from nb2prod.lifecycle.cooling import Cooling, Later, Left
from nb2prod.lifecycle.destinations import Destinations
from nb2prod.lifecycle.hooks import SECONDS, run_hook
from nb2prod.lifecycle.notify import tell
from nb2prod.records.alerts import AlertRecord, canary_end, way_back
from nb2prod.records.lifecycle import Action
from nb2prod.store import Store
from nb2prod.store.actions import ActionRow, ActionState

log = logging.getLogger(__name__)
TRIES = 5
WAIT = 60.0
SLOW = ("rollback", "stop", "run")
PATIENCE = 10.0
"""Seconds that messages wait for what is done about their alert; what takes longer goes on beside them."""
LASTING = (NotFound, Refused, UsageError)
"""Errors that are the same a minute later."""
Stop = Callable[[str, int], bool]
"""From a deployment and the version that alarmed to whether its canary was stopped; False where it is none any more."""
Clock = Callable[[], float]
Rollback = Callable[[str, int], int | None]
"""From a deployment and the version that alarmed to the version that took over; None where it takes no traffic any more."""


COUNTED_ON = {"rollback": "rollback", "stop": "stop of the canary"}
"""What somebody counts on: an alert says how it went."""


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
    patience
        Seconds that a message waits for these two and for hooks.
    """

    def __init__(
        self,
        home: Home,
        store: Store,
        rollback: Rollback,
        stop: Stop,
        *,
        hook_seconds: float = SECONDS,
        patience: float = PATIENCE,
    ) -> None:
        self.store = store
        self.destinations = Destinations(home)
        self._cooling = Cooling(store)
        self._rollback = rollback
        self._stop = stop
        self._hook_seconds = hook_seconds
        self._patience = patience
        self._beside: dict[str, tuple[str, Future[bool]]] = {}
        self._verbs: dict[str, Callable[[ActionRow, AlertRecord, float], str]] = {
            "notify": self._notify,
            "tell": self._tell,
            "rollback": self._roll_back,
            "stop": self._stop_canary,
            "run": self._run,
        }

    def act(self, name: str, now: float) -> int:
        """Do what is due for a deployment; how many actions came to an end."""
        begun, ended = time.monotonic(), 0

        def clock() -> float:
            return now + time.monotonic() - begun

        while due := [row for row in self.store.actions.due(name, clock()) if not self._goes_on(row)]:
            for row in due:
                ended += self._aside(row, clock) if row.verb in SLOW else self._one(row, clock)
        return ended

    def busy(self, name: str) -> bool:
        """Is something being done of that deployment now, beside the turns?"""
        return any(of == name and not work.done() for of, work in self._beside.values())

    def close(self, seconds: float = 60.0) -> None:
        """Wait for what goes on; what is not done by then is taken up by the next one."""
        wait([work for _, work in self._beside.values()], timeout=seconds)

    def _goes_on(self, row: ActionRow) -> bool:
        return row.key in self._beside and not self._beside[row.key][1].done()

    def _aside(self, row: ActionRow, clock: Clock) -> bool:
        """In a thread of its own, and waited for a while: a message must not wait for a rollback that takes minutes."""
        work: Future[bool] = Future()

        def run() -> None:
            try:
                work.set_result(self._one(row, clock))
            except BaseException as error:  # whoever waits has it
                work.set_exception(error)

        self._beside = {key: held for key, held in self._beside.items() if not held[1].done()}
        self._beside[row.key] = row.name, work
        began = time.strftime("%H:%M UTC", time.gmtime(clock()))
        threading.Thread(target=run, name=f"{row.verb} of {row.name}", daemon=True).start()
        if wait([work], timeout=self._patience).not_done:
            self._say(row, f"began at {began} and goes on")
            return False
        return work.result()

    def _one(self, row: ActionRow, clock: Clock) -> bool:
        record, now = self.store.alerts.by_key(row.detail["alert"]), clock()
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
            return self._failed(row, error, clock())
        except Exception as error:  # one action that breaks must not stop those behind it
            log.exception("%s of %s broke", row.verb, row.name)
            return self._failed(row, Failed(f"{row.verb} broke", code="action-broke", why=repr(error)), clock())
        else:
            self.store.actions.end(row, "done", said=said, when=clock())
            self._follow(row, clock())
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
        self._follow(row, now)

    def _say(self, row: ActionRow, said: str) -> None:
        if row.verb in COUNTED_ON:
            self.store.alerts.note(row.detail["alert"], f"{COUNTED_ON[row.verb]} {said.rstrip('.')}")

    def _follow(self, row: ActionRow, now: float) -> None:
        """Those who were told before it came to an end hear what came of it."""
        record = self.store.alerts.by_key(row.detail["alert"])
        if row.verb not in COUNTED_ON or record is None or not self._was_told(row, record):
            return
        action = Action(deployment=row.name, verb="notify", reason=row.reason, detail={**row.detail, "phase": "done"})
        with self.store.database.write() as connection:
            self.store.actions.plan(connection, f"{row.key}:told", action, when=now)

    # -- may it be done?

    def _allowed(self, row: ActionRow, record: AlertRecord, now: float) -> None:
        if row.verb == "tell":
            return
        for silence in self.store.alerts.silenced(row.name, now):
            if silence.subject in ("*", record.kind, record.subject, *record.features):
                by = f" by {silence.by}" if silence.by else ""
                raise Left(f"silenced{by}: {silence.reason}" if silence.reason else f"silenced{by}")
        if row.detail["phase"] in ("end", "done"):
            if not self._was_told(row, record):
                raise Left("nobody was told that it began")
            if row.detail["phase"] == "done" and self._in_the_end(row, record):
                raise Left("it is in the message that it is over")
            if row.detail["phase"] == "end":
                self._cooling.ends(row, record, now)
            return
        if row.detail["phase"] == "more":
            self._joins(row, record, now)
            return
        if record.acknowledged is not None and row.tries == 0:
            raise Left(f"acknowledged by {record.by or 'somebody'}")
        if row.state == "waiting" and row.tries == 0 and record.ended is not None:
            raise Left("it was over before it had cooled down")
        if row.verb == "notify":
            self._cooling.begins(row, now)
        else:
            self._cooling.action(row, now)

    def _joins(self, row: ActionRow, record: AlertRecord, now: float) -> None:
        """What joined an alert is told once the last message about it has cooled down, all of it in one."""
        others = [one for one in self.store.actions.messages(row.name, record.key) if one.id != row.id]
        if record.ended is not None:
            raise Left("it was over before it had cooled down")
        if record.acknowledged is not None and record.acknowledged >= row.planned:
            raise Left(f"acknowledged by {record.by or 'somebody'}")
        if any(one.state == "waiting" and one.detail["phase"] == "begin" for one in others):
            raise Left("it is in the message that it began, which waits")
        if any(one.id > row.id and one.detail["phase"] == "more" for one in others):
            raise Left("told with what joined after it")
        self._cooling.wait(max((one.ended or 0.0 for one in others if one.state == "done"), default=None), now)

    def _was_told(self, row: ActionRow, record: AlertRecord) -> bool:
        told = self.store.actions.messages(row.name, record.key)
        return any(one.detail["phase"] in ("begin", "more") and one.state == "done" for one in told)

    def _in_the_end(self, row: ActionRow, record: AlertRecord) -> bool:
        """Does the message that it is over say what came of it: one that is still to go out, or went out since then?"""
        over = [one for one in self.store.actions.messages(row.name, record.key) if one.detail["phase"] == "end"]
        return any(one.ended is None or (one.state == "done" and one.ended >= row.planned) for one in over)

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
