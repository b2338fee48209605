"""What a handle says and does about alerts."""

from __future__ import annotations

import getpass
import time

from nb2prod import registry
from nb2prod.home import Home
from nb2prod.monitoring import standing
from nb2prod.monitoring.spans import model_of
from nb2prod.records.alert_text import duration
from nb2prod.records.alerts import Alert, AlertRecord, Rule, Silence
from nb2prod.sdk import limits, silencing
from nb2prod.sdk.wish import alert_of
from nb2prod.store import Store
from nb2prod.store.actions import ActionRow


class Told(list[AlertRecord]):
    """Alerts; in a notebook they read as text."""

    def __repr__(self) -> str:
        return "\n".join(record.text() for record in self) or "nothing was told"


class Alerting:
    """The part of a deployment's handle that is about alerts."""

    name: str
    home: Home

    @property
    def _told(self) -> Store:
        return Store(self.home)

    def alerts(self, *, open: bool = False) -> list[AlertRecord]:
        """What was told, the last first; with `open` what stands."""
        found = self._told.alerts.open(self.name) if open else self._told.alerts.all(self.name)
        return Told(reversed(found))

    def limits(self) -> list[Rule]:
        """The alerts that it has, and where each metric stands now."""
        return list(standing.limits(self._told, self.name))

    def add_alert(self, *alerts: Alert | str) -> list[Rule]:
        """Be told of more, from now on.

        Examples
        --------
        >>> deployment.add_alert("conversion below 0.03 over 7d")      # doctest: +SKIP
        """
        given = [alert_of(alert) for alert in alerts]
        here = self._told.deployments.find(self.name) is not None
        live = self._told.deployments.live(self.name) if here else None
        counted = None if here else self._told.increments.current(self.name)
        known = [rule.alert for rule in self.limits()]
        if live is not None and live.capture:
            capture = registry.open_capture(self.home.captures / live.capture[:12])
            limits.check(capture.record.signature, given, known)
        elif counted is not None:
            limits.check(model_of(self._told, counted.model).signature, given, known)
        self._told.alerts.declare(self.name, given)
        return list(limits.tell(self.home, self.name))

    def remove_alert(self, alert: Alert | str) -> None:
        """No longer be told of it."""
        self._told.alerts.withdraw(self.name, alert_of(alert).condition)
        limits.tell(self.home, self.name)

    def acknowledge(self, number: int) -> AlertRecord:
        """Say that somebody has seen an alert: it is not told again.

        What joins it later and makes it about something else is told. The same of the same version that comes back after it was
        over is another alert: it is told, and says who had seen it.
        """
        return self._told.alerts.acknowledge(self.name, number, by=_user(), when=time.time())

    def silence(self, length: str, subject: str = "*", reason: str = "") -> Silence:
        """For so long (``2h``, ``3d``) tell and do nothing: about a column, a metric's alert, a kind, or anything (`*`).

        Raises
        ------
        UsageError
            There is nothing of that name; says what there is.
        """
        until = time.time() + duration(length)
        silencing.check(self.home, self.name, length, subject)
        return self._told.alerts.silence(self.name, subject, until, reason=reason, by=_user())

    def speak(self) -> int:
        """End all silences; how many there were."""
        return self._told.alerts.speak(self.name)

    def alert_log(self, n: int = 100, *, planning: bool = True) -> list[ActionRow]:
        """Who was told what and when, and what else was done; the last first.

        Parameters
        ----------
        n
            So many lines.
        planning
            With the line that every message has beside one for each address.
        """
        return list(reversed(self._told.actions.log(self.name, n, planning=planning)))

    def heard(self) -> dict[str, float]:
        """When somebody was told of an alert first, by its key; epoch seconds."""
        return self._told.actions.told(self.name)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a name for its user
        return ""
