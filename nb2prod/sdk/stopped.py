"""What a rule has taken back: which version, when, and by which rule; whoever starts it again is told."""

from __future__ import annotations

import datetime
import time
import warnings

from nb2prod.home import Home
from nb2prod.monitoring.alerts.words import moment
from nb2prod.records.base import Record
from nb2prod.store import Store
from nb2prod.store.actions import ActionRow
from nb2prod.store.deployments import Event

LATELY = 7 * 86400.0
"""Seconds for which a warning says that a rule took a version back."""
_NEAR = 900.0
"""Seconds between the end of a canary and the mark of the action that ended it, at most."""


class EndedCanary(Record, frozen=True, kw_only=True):
    """A canary that is none any more: its version, when it ended (epoch seconds), and the rule that ended it, or ``""``."""

    version: int
    ended: float
    rule: str = ""

    def __str__(self) -> str:
        """In words."""
        by = f', stopped by rule "{self.rule}"' if self.rule else ""
        return f"version {self.version}, until {moment(self.ended)}{by}"


def last_canary(home: Home, name: str) -> EndedCanary | None:
    """The canary that ended last without taking the traffic; None where there was none."""
    store = Store(home)
    ended = [one for one in store.deployments.history(name, 1000) if one.verb == "canary-ended"]
    version = ended[-1].detail.get("version") if ended else None
    if version is None:
        return None
    when = _time(ended[-1])
    stops = [one for one in store.actions.taken_back(name, version) if one.verb == "stop"]
    near = [one for one in stops if abs((one.ended or 0.0) - when) < _NEAR]
    return EndedCanary(version=version, ended=when, rule=_rule(near[-1]) if near else "")


def stopped_lately(home: Home, name: str, version: int | None, now: float | None = None) -> str:
    """What a rule did to a version in the last days, in words; empty where nothing."""
    taken = Store(home).actions.taken_back(name, version) if version is not None else ()
    last = taken[-1] if taken else None
    if last is None or last.ended is None or (time.time() if now is None else now) - last.ended > LATELY:
        return ""
    what = "stopped as the canary" if last.verb == "stop" else "rolled back from"
    return f'version {version} was {what} on {moment(last.ended)} by rule "{_rule(last)}"'


def warn(home: Home, name: str, version: int | None) -> None:
    """Warn where a rule took that version back lately; whoever starts it may go on."""
    if said := stopped_lately(home, name, version):
        warnings.warn(f"{name}: {said}", stacklevel=3)


def _rule(row: ActionRow) -> str:
    return row.reason.partition(":")[2] or row.reason


def _time(event: Event) -> float:
    return datetime.datetime.fromisoformat(event.time).timestamp()
