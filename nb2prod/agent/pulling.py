"""Pulling: counts of services elsewhere, each as often as it answers."""

from __future__ import annotations

import logging

from nb2prod.errors import Nb2prodError
from nb2prod.lifecycle.services import Services
from nb2prod.monitoring import Collector
from nb2prod.store import Store

log = logging.getLogger(__name__)
FIRST_WAIT, LONGEST_WAIT = 10.0, 600.0


class Pulling:
    """The services of a home; one that does not answer is asked less and less often."""

    def __init__(self, services: Services, collector: Collector, store: Store) -> None:
        self._services = services
        self._collector = collector
        self._store = store
        self._waits: dict[str, tuple[float, float]] = {}

    def turn(self, now: float) -> tuple[str, ...]:
        """Take over what is new; the names of the deployments that are watched in this way."""
        for service in self._services.all():
            due, wait = self._waits.get(service.url, (0.0, FIRST_WAIT))
            if now < due:
                continue
            try:
                self._collector.pull(service.remote())
                self._waits.pop(service.url, None)
            except Nb2prodError as error:
                log.warning("%s is asked again in %.0f s: %s", service.url, wait, error.why)
                self._waits[service.url] = (now + wait, min(2 * wait, LONGEST_WAIT))
        return self._names()

    def _names(self) -> tuple[str, ...]:
        told = (self._store.labels.outbox(service.outbox) for service in self._services.all())
        return tuple(sorted({one.name for one in told if one is not None and one.name}))
