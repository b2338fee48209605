"""A service elsewhere that counts for itself: its counts are pulled over HTTP, as often as one likes."""

from __future__ import annotations

from typing import TypeVar

import httpx
import msgspec

from nb2prod.errors import Failed, Unavailable
from nb2prod.records.base import Record
from nb2prod.runtime.outbox import Page

_NOWHERE = 2**62
R = TypeVar("R", bound=Record)


class Remote:
    """One service's `/monitoring/panes`.

    Parameters
    ----------
    url
        Base URL of the service.
    token
        One of its tokens, where it asks for one.
    """

    def __init__(self, url: str, token: str | None = None, *, timeout: float = 30.0) -> None:
        self.url = url.rstrip("/")
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self._timeout = timeout

    def outbox(self) -> str:
        """The name of its outbox: a place in it holds for that one alone."""
        return self.page(_NOWHERE).outbox

    def label(self) -> str:
        """Which model it says that it serves: a Bento's tag, or name and version; empty where it does not say."""
        try:
            reply = httpx.get(f"{self.url}/readyz", headers=self._headers, timeout=self._timeout, trust_env=False)
            return msgspec.json.decode(reply.content, type=_Ready).model
        except (httpx.HTTPError, msgspec.DecodeError, UnicodeDecodeError):
            return ""

    def page(self, after: int) -> Page:
        """Increments after a place."""
        return self._get({"after": str(after)}, Page)

    def files(self, model: str) -> dict[str, bytes]:
        """The files of a model that its counts stand against."""
        return self._get({"model": model}, _Model).files

    def _get(self, query: dict[str, str], kind: type[R]) -> R:
        address = f"{self.url}/monitoring/panes"
        try:
            reply = httpx.get(address, params=query, headers=self._headers, timeout=self._timeout, trust_env=False)
        except httpx.HTTPError as error:
            raise Unavailable(
                "The service's counts cannot be pulled",
                code="panes-unreachable",
                where=address,
                why=str(error) or type(error).__name__,
                fix=f"curl {self.url}/livez",
                kept="what was pulled before",
            ) from error
        try:
            if reply.status_code != 200:
                raise ValueError(f"it answered {reply.status_code}: {reply.text[:300]}")
            return msgspec.json.decode(reply.content, type=kind)
        except ValueError as error:
            raise Failed(
                "The service's counts cannot be read",
                code="panes-unreadable",
                where=address,
                why=str(error),
                fix="give one of the service's tokens, and check that it counts for itself",
                kept="what was pulled before",
            ) from error


class _Ready(Record, frozen=True, kw_only=True):
    model: str = ""


class _Model(Record, frozen=True, kw_only=True):
    model: str
    files: dict[str, bytes]
