"""How much a worker takes on: bytes of a body, requests at once, seconds of one answer, and where the model runs."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any, Final, TypeVar

from nb2prod.errors import InputError, UsageError
from nb2prod.errors import Unavailable as Busy

T = TypeVar("T")
Receive = Callable[[], Awaitable[Mapping[str, Any]]]

INLINE_SECONDS: Final = 0.005
ANSWER_SECONDS: Final = 60.0
BODY_SECONDS: Final = 30.0
AT_ONCE: Final = 256


class Disconnected(Exception):
    """The caller went away before the request was whole."""


async def body_of(scope: Mapping[str, Any], receive: Receive, limit: int) -> bytes:
    """The whole body, unpacked.

    Raises
    ------
    UsageError
        413 past `limit` bytes, before and after unpacking; 415 for an encoding other than gzip or deflate; 408 for a body
        that does not come.
    """
    length, encoding = 0, b""
    for name, value in scope["headers"]:
        if name == b"content-length":
            length = int(value)
        elif name == b"content-encoding":
            encoding = value.strip().lower()
    if length > limit:
        raise _too_large(limit)
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _rest(body, receive, limit)
        except TimeoutError:
            raise UsageError(
                "The body did not arrive",
                code="slow-body",
                status=408,
                why=f"The request was not whole after {BODY_SECONDS:.0f} s.",
                fix="send it again",
            ) from None
    elif len(body) > limit:
        raise _too_large(limit)
    return _unpacked(body, encoding, limit) if encoding and encoding != b"identity" else body


async def _rest(first: bytes, receive: Receive, limit: int) -> bytes:
    body = bytearray(first)
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        body += message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
        if not message.get("more_body"):
            return bytes(body)


def _unpacked(body: bytes, encoding: bytes, limit: int) -> bytes:
    if encoding not in (b"gzip", b"x-gzip", b"deflate"):
        raise UsageError(
            "The body's encoding is not known here",
            code="unknown-encoding",
            status=415,
            where="Content-Encoding",
            why="gzip and deflate are understood.",
            fix="send it plain",
        )
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        plain = unpack.decompress(body, limit + 1)
    except zlib.error as error:
        raise InputError(
            "The body cannot be unpacked",
            code="malformed-body",
            status=400,
            where="Content-Encoding",
            why=f"It is no {encoding.decode()} data.",
            fix="send it plain",
        ) from error
    if len(plain) > limit:
        raise _too_large(limit)
    return plain


def _too_large(limit: int) -> UsageError:
    return UsageError(
        f"The request is larger than {limit / 2**20:g} MB",
        code="too-large",
        status=413,
        where="the request's body",
        why=f"This service takes at most {limit} bytes at once.",
        fix="send the rows in smaller requests",
    )


class Pace:
    """Decides from what it has seen whether asking the model for `n` rows may hold up the event loop.

    Times are kept by size (powers of two). What has not been seen is taken to be slow.
    """

    def __init__(self, inline: float = INLINE_SECONDS) -> None:
        self._inline = inline
        self._seen: list[float | None] = [None] * 40

    def expected(self, n: int) -> float | None:
        """Seconds that `n` rows are expected to take; None before anything was seen."""
        size = n.bit_length()
        seconds = self._seen[size]
        if seconds is None:
            near = next((i for i in range(size, -1, -1) if self._seen[i] is not None), None)
            if near is None:
                return None
            seconds = (self._seen[near] or 0.0) * 2 ** (size - near)
        return seconds

    def quick(self, n: int) -> bool:
        """Whether `n` rows are expected within the inline limit."""
        seconds = self.expected(n)
        return seconds is not None and seconds < self._inline

    def saw(self, n: int, seconds: float) -> None:
        """Learn from one answer; a single slow one does not change the mind at once."""
        size = n.bit_length()
        before = self._seen[size]
        self._seen[size] = seconds if before is None else before + 0.2 * (seconds - before)


class Gate:
    """Runs the model inline or in a thread, a bounded number at once, each within its time."""

    def __init__(self, *, at_once: int = AT_ONCE, seconds: float = ANSWER_SECONDS, threads: int = 4) -> None:
        self._at_once = at_once
        self._seconds = seconds
        self.pace = Pace()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="nb2prod-model")
        self.inside = 0

    async def run(self, ask: Callable[[Any], T], rows: Any, n: int) -> T:
        """`ask(rows)`, inline where that is quick.

        Raises
        ------
        Unavailable
            503 with too many inside, 504 for an answer that does not come in time.
        """
        if self.pace.quick(n):
            started = perf_counter()
            try:
                return ask(rows)
            finally:
                self.pace.saw(n, perf_counter() - started)
        return await self._threaded(ask, rows, n)

    async def _threaded(self, ask: Callable[[Any], T], rows: Any, n: int) -> T:
        if self.inside >= self._at_once:
            raise Busy(
                "The service is busy",
                code="busy",
                status=503,
                why=f"{self.inside} requests are being answered by this worker.",
                fix="send it again in a second, or deploy with more --workers",
            )
        self.inside += 1
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.get_running_loop().run_in_executor(self._threads, self._timed, ask, rows, n)
        except TimeoutError:
            raise Busy(
                f"The model did not answer within {self._seconds:.0f} s",
                code="too-slow",
                status=504,
                why="Its answer is not waited for any longer.",
                fix="send fewer rows at once",
            ) from None
        finally:
            self.inside -= 1

    def _timed(self, ask: Callable[[Any], T], rows: Any, n: int) -> T:
        started = perf_counter()
        try:
            return ask(rows)
        finally:
            self.pace.saw(n, perf_counter() - started)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
