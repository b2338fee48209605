"""Where the recorder meets the front: the two are built apart and agree on these protocols alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from nb2prod.records.base import Record
from nb2prod.records.capture import Answers
from nb2prod.records.monitoring import Feedback
from nb2prod.runtime.model import ServedModel
from nb2prod.runtime.rows import Rows
from nb2prod.runtime.settings import Settings


class FeedbackResult(Record, frozen=True, kw_only=True):
    """What became of one feedback item; `pointer` is relative to the item (``/label``), empty where it was kept.

    `full` says that the item is good and there was no room for it.
    """

    status: Literal["kept", "refused"]
    full: bool = False
    pointer: str = ""
    why: str = ""
    fix: str = ""


class Recorder(Protocol):
    """Keeps what a service answered until it is counted. Nothing here raises for want of space, nothing blocks on a disk."""

    def record(
        self,
        rows: Rows,
        answers: Answers,
        *,
        request_id: str,
        ids: Sequence[str | None] | None,
        times: Sequence[float | None] | None,
        version: int | None,
        arrived: float,
    ) -> None:
        """Keep one request's rows and answers.

        `ids` are texts; `times` and `arrived` are epoch seconds. Either is None where the caller sent none, else as long
        as the rows, with None for a row that has none.
        """

    def reject(self, column: str, code: str, *, version: int | None, rows: int = 1) -> None:
        """Count the rows of a request that never reached the model, by column (empty where it is about none) and reason."""

    def feedback(self, items: Sequence[Feedback]) -> list[FeedbackResult]:
        """Keep labels and outcomes; one result an item, in their order."""

    def metrics(self) -> Mapping[str, float]:
        """Counters by their Prometheus name without the prefix: ``rows_accepted_total``, ``rows_dropped_total``, …"""

    def close(self) -> None:
        """Hand over what is kept; called once, when the worker has drained."""


class Route(Protocol):
    """A path that the front answers itself.

    `body` is complete and within the limit. The answer is status, headers and body.
    """

    async def __call__(self, scope: Mapping[str, Any], body: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]: ...


class Host(Protocol):
    """What the front lends to a protocol: the model, the settings, the recorder, and the one way to ask.

    A module of `nb2prod.runtime.protocol` with a function ``routes(host) -> dict[(method, path), Route]`` is found by being
    there. A route finds its request's id as ``scope["nb2prod.request_id"]``; what it raises becomes a problem document.
    """

    served: ServedModel
    settings: Settings
    recorder: Recorder | None
    draining: bool

    def named(self, scope: Mapping[str, Any], rows: int) -> str:
        """The id of a request of so many rows."""

    async def elsewhere(
        self, scope: Mapping[str, Any], body: bytes, rows: int, ids: Any
    ) -> tuple[int, list[tuple[bytes, bytes]], bytes] | None:
        """A canary's whole answer to a request of its share; None where it is to be answered here."""

    async def ask(self, rows: Rows, request_id: str, *, ids: Any, times: Any) -> Answers:
        """Ask the model, count and record the answer."""
