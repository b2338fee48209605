"""Whom to tell: URLs of apprise (mail, Slack, webhooks, PagerDuty, …), kept for the owner alone and never printed in full."""

from __future__ import annotations

import hashlib
from typing import ClassVar

import msgspec

from nb2prod.errors import NotFound, UsageError
from nb2prod.home import Home, write_atomic
from nb2prod.records.base import Record, from_json

EXAMPLE = "nb2prod alerts notify add mailto://user:password@example.org"


class Destination(Record, frozen=True, kw_only=True):
    """One address: of all deployments of a home, or of one (`deployment`)."""

    id: str
    url: str
    deployment: str | None = None

    @property
    def shown(self) -> str:
        """The URL without its secrets."""
        import apprise

        made = apprise.Apprise.instantiate(self.url, suppress_exceptions=True)
        return str(made.url(privacy=True)).split("?")[0] if made is not None else self.url.split(":")[0] + "://…"


class _Book(Record, frozen=True, kw_only=True):
    SCHEMA: ClassVar[int] = 1

    schema: int = 1
    destinations: tuple[Destination, ...] = ()


class Destinations:
    """The addresses of a home, in a file that only its owner can read."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._path = home.root / "notify.json"

    def all(self, deployment: str | None = None) -> tuple[Destination, ...]:
        """Every address, or those that hear of a deployment."""
        found = self._read().destinations
        return tuple(one for one in found if deployment is None or one.deployment in (None, deployment))

    def find(self, number: str) -> Destination | None:
        return next((one for one in self.all() if one.id == number), None)

    def add(self, url: str, deployment: str | None = None) -> Destination:
        """Keep an address; one that is there already stays as it is.

        Raises
        ------
        UsageError
            apprise knows no such address.
        """
        import apprise

        made = apprise.Apprise.instantiate(url, suppress_exceptions=True)
        if made is None:
            raise _unknown(url)
        kind = url.split(":")[0].lower()
        mark = hashlib.sha256(f"{url}\n{deployment}".encode()).hexdigest()[:6]
        new = Destination(id=f"{kind}-{mark}", url=url, deployment=deployment)
        with self.home.lock("notify"):
            self._write([*(one for one in self.all() if one.id != new.id), new])
        return new

    def remove(self, number: str) -> Destination:
        """Forget an address.

        Raises
        ------
        NotFound
            There is none of that name; says which there are.
        """
        with self.home.lock("notify"):
            found = self.find(number)
            if found is None:
                raise _absent(number, [one.id for one in self.all()])
            self._write([one for one in self.all() if one.id != number])
        return found

    def _read(self) -> _Book:
        try:
            return from_json(self._path.read_bytes(), _Book, where=str(self._path))
        except FileNotFoundError:
            return _Book()

    def _write(self, found: list[Destination]) -> None:
        write_atomic(self._path, msgspec.json.encode(_Book(destinations=tuple(found))), mode=0o600)


def _unknown(url: str) -> UsageError:
    return UsageError(
        "That address is none that apprise knows",
        code="no-destination",
        where=url.split(":")[0][:40] + "://…",
        why="It reads SERVICE://…, as mailto://, slack://, json:// or pagerduty://; github.com/caronc/apprise lists all.",
        fix=EXAMPLE,
        kept="nothing was changed",
    )


def _absent(number: str, known: list[str]) -> NotFound:
    return NotFound(
        f"There is no address `{number}`",
        code="no-destination",
        where=number,
        why=f"There are {', '.join(known)}." if known else "There is none yet.",
        fix=f"nb2prod alerts notify remove {known[0]}" if known else EXAMPLE,
        kept="nothing was changed",
    )
