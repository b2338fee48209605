"""Requests without a pause against a service that changes, and waiting for a condition."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import httpx


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait for the condition, at most so long."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.02)


class Load:
    """Requests on kept connections and on fresh ones, until the block ends.

    `read` takes of a reply's document what it says, None where that is no good answer.
    """

    def __init__(self, url: str, rows: list[Any], read: Callable[[Any], Any]) -> None:
        self.url = url
        self.rows = rows
        self.read = read
        self.failed: list[str] = []
        self.answers: list[Any] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(kept,)) for kept in (True, True, False)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def lost(self, *, kills: int) -> list[str]:
        """What failed beside one torn answer for each killed worker: its head had gone to the caller already."""
        torn = [one for one in self.failed if "without sending complete message body" in one]
        return [one for one in self.failed if one not in torn[:kills]]

    def _send(self, kept: bool) -> None:
        with httpx.Client(timeout=20) as client:
            while not self._stop.is_set():
                try:
                    reply = (client if kept else httpx).post(self.url + "/predict", json={"inputs": self.rows})
                    said = self.read(reply.json()) if reply.status_code == 200 else None
                    if said is None:
                        self.failed.append(reply.text)
                    else:
                        self.answers.append(said)
                except httpx.HTTPError as error:
                    self.failed.append(repr(error))
