"""Services elsewhere that count for themselves (`bentoml serve`, containers): their addresses and tokens, for the owner alone."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from nb2prod.errors import NotFound, UsageError
from nb2prod.home import Home, write_atomic
from nb2prod.monitoring.remote import Remote
from nb2prod.records.base import Record, from_json

EXAMPLE = "nb2prod service add http://10.0.0.5:3000 --token TOKEN"


class Service(Record, frozen=True, kw_only=True):
    """A service that is pulled; `outbox` names its counts for ever."""

    url: str
    token: str | None = None
    outbox: str = ""

    def remote(self) -> Remote:
        return Remote(self.url, self.token)


class _Book(Record, frozen=True, kw_only=True):
    SCHEMA: ClassVar[int] = 1

    schema: int = 1
    services: tuple[Service, ...] = ()


class Services:
    """The services that a home's agent pulls."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._path = home.root / "services.json"

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
        new = Service(url=url, token=token, outbox=Remote(url, token).outbox())
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

    def _write(self, found: list[Service]) -> None:
        write_atomic(self._path, msgspec.json.encode(_Book(services=tuple(found))), mode=0o600)
