"""Services elsewhere that count for themselves (`bentoml serve`, containers): their addresses and tokens, for the owner alone."""

from __future__ import annotations

import time
from typing import ClassVar

import msgspec

from nb2prod.errors import Nb2prodError, NotFound, UsageError
from nb2prod.home import Home, write_atomic
from nb2prod.monitoring import Collector
from nb2prod.monitoring.origin import Origin
from nb2prod.monitoring.remote import Remote
from nb2prod.records.base import Record, from_json
from nb2prod.store import Store
from nb2prod.targets.local import LocalTarget

LATE = 900.0
"""Seconds after which a service that was not pulled is not watched: one that does not answer is asked every ten minutes."""
PATIENCE = 5.0
"""Seconds that an answer waits for a service elsewhere."""
AGENT = "agent"
"""The home's lock that an agent holds while it runs."""
EXAMPLE = "nb2prod service add http://10.0.0.5:3000 --token TOKEN"


class Service(Record, frozen=True, kw_only=True):
    """A service that is pulled; `outbox` names its counts for ever."""

    url: str
    token: str | None = None
    outbox: str = ""

    def remote(self, timeout: float = 30.0) -> Remote:
        return Remote(self.url, self.token, timeout=timeout)


class _Book(Record, frozen=True, kw_only=True):
    SCHEMA: ClassVar[int] = 1

    schema: int = 1
    services: tuple[Service, ...] = ()


class Services:
    """The services that a home's agent pulls."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._path = home.services

    def all(self) -> tuple[Service, ...]:
        try:
            return from_json(self._path.read_bytes(), _Book, where=str(self._path)).services
        except FileNotFoundError:
            return ()

    def add(self, url: str, token: str | None = None) -> Service:
        """Keep an address, once the service there has answered.

        Raises
        ------
        UsageError
            It is no address.
        Unavailable, Failed
            Nothing answers there, or it does not give its counts.
        Conflict
            It serves another model under the name of a deployment that is here.
        """
        url = url.rstrip("/")
        if not url.startswith(("http://", "https://")):
            raise UsageError(
                "That is no service's address",
                code="no-service",
                where=url,
                why="It begins with http:// or https://.",
                fix=EXAMPLE,
                kept="nothing was changed",
            )
        remote = Remote(url, token)
        new = Service(url=url, token=token, outbox=remote.outbox())
        label, store = remote.label(), Store(self.home)
        name = label.partition(":")[0]
        if name and store.deployments.find(name) is not None:
            Origin(store, label, url).version(name)
        with self.home.lock("services"):
            self._write([*(one for one in self.all() if one.url != url), new])
        return new

    def remove(self, url: str) -> None:
        """No longer pull it; what was pulled stays.

        Raises
        ------
        NotFound
            It is not pulled.
        """
        with self.home.lock("services"):
            known = self.all()
            if url.rstrip("/") not in {one.url for one in known}:
                raise NotFound(
                    f"`{url}` is not pulled",
                    code="no-service",
                    where=url,
                    why=f"There are {', '.join(one.url for one in known)}." if known else "No service is pulled yet.",
                    fix=f"nb2prod service remove {known[0].url}" if known else EXAMPLE,
                    kept="nothing was changed",
                )
            self._write([one for one in known if one.url != url.rstrip("/")])

    def watch(self, target: LocalTarget | None = None) -> None:
        """Have the home's agent run as long as there is something to pull, or to serve."""
        (target or LocalTarget(self.home)).settle()

    def _write(self, found: list[Service]) -> None:
        if not found:
            self._path.unlink(missing_ok=True)
            return
        write_atomic(self._path, msgspec.json.encode(_Book(services=tuple(found))), mode=0o600)


def of(name: str, home: Home, store: Store) -> tuple[Service, ...]:
    """The services elsewhere whose counts are a deployment's."""
    told = ((one, store.labels.outbox(one.outbox)) for one in Services(home).all())
    return tuple(one for one, known in told if known is not None and known.name == name)


def pull(name: str, home: Home, store: Store) -> list[str]:
    """Take over what is new of a deployment's services elsewhere; says of each that could not be pulled why."""
    collector, left_out = Collector(home, store), []
    for one in of(name, home, store):
        try:
            collector.pull(one.remote(PATIENCE))
        except Nb2prodError as error:
            left_out.append(f"{name}: {one.url} is left out, what was pulled before is in: {error.why}")
    return left_out


def unwatched(service: Service, home: Home, store: Store) -> str:
    """Why nobody would be told of what goes on there; empty where it is pulled."""
    if not home.at_work(AGENT):
        return "not watched: no agent runs"
    told = store.labels.outbox(service.outbox)
    if told is None:
        return "not pulled yet"
    age = time.time() - told.collected
    return f"not pulled for {age / 60:.0f} min" if age > LATE else ""
