"""The handle to a service elsewhere whose counts are pulled: what is known of it, and nothing that would need its machine."""

from __future__ import annotations

import warnings
from typing import Any, NoReturn

from nb2prod.errors import Nb2prodError, NotFound, UsageError
from nb2prod.home import Home
from nb2prod.lifecycle import services
from nb2prod.lifecycle.services import Service, Services
from nb2prod.records.alerts import Alert, Rule
from nb2prod.records.serving import ServiceStatus
from nb2prod.sdk.deployment import Deployment
from nb2prod.sdk.stopped import EndedCanary
from nb2prod.sdk.wish import alert_of
from nb2prod.store import Store

_NOT_HERE = ("predict", "feedback", "sample", "logs", "stop", "start", "remove", "rollback", "canary", "promote")


class Pulled(Deployment):
    """A deployment that runs elsewhere and is watched from here: `drift`, `performance`, `report`, alerts.

    What would need its machine (`predict`, `feedback`, `stop`, …) is refused with the address to go to.

    Examples
    --------
    >>> nb2prod.get("delays").drift()      # doctest: +SKIP
    """

    @property
    def services(self) -> tuple[Service, ...]:
        """Where its counts come from."""
        return services.of(self.name, self.home, self._store)

    def status(self) -> ServiceStatus:
        """Whether its services answer, and which version is counted."""
        found = self.services
        silent = [one.url for one in found if not _answers(one)]
        current = self._store.increments.current(self.name)
        some = f"{', '.join(silent)} does not answer." if silent else None
        status = ServiceStatus(
            name=self.name,
            state="live" if not silent else "failed" if len(silent) == len(found) else "degraded",
            url=found[0].url if found else None,
            version=(current.version or None) if current is not None else None,  # 0: it did not say which
            bento=next((label for one in found if one.url not in silent and (label := _serves(one))), None),
            rows=sum(rows for _, _, rows in self._store.panes.versions(self.name)),
            elsewhere=tuple(one.url for one in found),
            reason=some,
            fix=f"curl {silent[0]}/livez" if silent else None,
        )
        return self.with_labels(status)

    def add_alert(self, *alerts: Alert | str) -> list[Rule]:
        """Be told of more, of what its counts can say: labels and refused rows, no outcomes.

        Raises
        ------
        UsageError
            The metric comes with outcomes, which a service that counts for itself does not take.
        """
        for alert in map(alert_of, alerts):
            if alert.outcome is not None:
                raise UsageError(
                    f"`{alert.condition}` can never be told of a service elsewhere",
                    code="alert-never",
                    where=alert.condition,
                    why=f"A service that counts for itself takes no outcomes: it never hears of `{alert.outcome}`.",
                    fix=f"nb2prod alerts add {self.name} 'accuracy below 0.6 over 7d'",
                    kept="nothing was changed",
                )
        return super().add_alert(*alerts)

    def _counted(self) -> None:
        """Pull what is new first, or say what could not be."""
        for why in services.pull(self.name, self.home, self._store):
            warnings.warn(why, stacklevel=3)

    def __getattribute__(self, name: str) -> Any:
        if name in _NOT_HERE:
            self._elsewhere(name)
        return super().__getattribute__(name)

    @property
    def last_canary(self) -> EndedCanary | None:
        self._elsewhere("canary")

    def _elsewhere(self, verb: str) -> NoReturn:
        urls = [one.url for one in self.services] or ["its own address"]
        named = " and ".join(urls)
        route = {"predict": "/predict", "feedback": "/feedback"}.get(verb)
        fix = f"curl -X POST {urls[0]}{route}" if route else f"on the machine of {named}: nb2prod {verb} {self.name}"
        if verb == "remove":
            fix = " && ".join(f"nb2prod service remove {url}" for url in urls)
        raise UsageError(
            f"`{self.name}` runs elsewhere: `{verb}` is not done from here",
            code="runs-elsewhere",
            where=f"deployment.{verb}",
            why=f"This home only pulls its counts from {named}.",
            fix=fix,
            kept="nothing was changed",
        )


def find(name: str, home: Home) -> Pulled:
    """The handle to a pulled service's deployment.

    Raises
    ------
    NotFound
        No deployment of that name is here or pulled; the error says which there are.
    """
    found = Pulled(name, home=home)
    if found.services:
        return found
    store = Store(home)
    try:
        store.deployments.get(name)
    except NotFound as error:
        known = names(home, store)
        if known:
            error.why = f"{error.why} Pulled from elsewhere: {', '.join(known)}."
        raise
    return found


def names(home: Home, store: Store) -> list[str]:
    """The deployments whose counts come from services elsewhere."""
    found = (store.labels.outbox(one.outbox) for one in Services(home).all())
    return sorted({told.name for told in found if told is not None})


def _serves(one: Service) -> str:
    return one.remote(services.PATIENCE).label()


def _answers(one: Service) -> bool:
    try:
        one.remote(services.PATIENCE).outbox()
    except Nb2prodError:
        return False
    return True
