"""A canary: a challenger answers a share of what the champion is asked; where it cannot, the champion does, and it is counted.

Whoever asks with the same key gets the same version for as long as the share stays, and a share that grows keeps those that it
has. The key is the header ``X-NB2PROD-Key``, else the request's first id, else the request's own id: a request goes whole to one
version, so whoever wants each of several ids to stay sends the header, or one row at a time.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from nb2prod.records.serving import CanaryShare
from nb2prod.runtime.connections import ENDED, Connections, Reply, post
from nb2prod.runtime.limits import ANSWER_SECONDS

Outcome = Literal["answered", "refused", "failed", "slow", "unreachable", "busy"]
"""What became of a request of the share; all but `answered` were answered by the champion.

`refused` it did not take (4xx), `failed` it broke on (5xx), `slow` it did not answer in time, `unreachable` nobody was there or
it broke off, `busy` too many waited for it, or it has just been slow.
"""
KEY: Final = b"x-nb2prod-key"
LEAST_SECONDS: Final = 5.0
UNKNOWN_SECONDS: Final = 15.0
AT_ONCE: Final = 64
REST_SECONDS: Final = 5.0
_WHOLE: Final = 2**64
_NOT_ON: Final = frozenset({b"host", b"content-encoding", b"x-request-id", b"expect"})


class Canary:
    """Sends the share on; made once a front, and costs nothing until somebody has a share.

    Parameters
    ----------
    count
        Is told the version and the outcome of each request of the share.
    """

    def __init__(self, count: Callable[[int, Outcome], None]) -> None:
        self._count = count
        self._connections: Connections | None = None
        self._inside = 0
        self._rests_until = 0.0

    async def answer(
        self,
        share: CanaryShare,
        scope: Mapping[str, Any],
        body: bytes,
        ids: Sequence[str | None] | None,
        expected: float | None,
    ) -> Reply | None:
        """The challenger's answer, whole; None where the request is not of its share, or it gave none.

        Parameters
        ----------
        body
            The request's, unpacked.
        expected
            Seconds that the champion itself would take: the challenger is given a multiple of them.
        """
        request_id: str = scope["nb2prod.request_id"]
        if not takes(key_of(scope["headers"], ids, request_id), share):
            return None
        outcome, reply = await self._asked(share, scope, body, request_id, patience(expected))
        self._count(share.version, outcome)
        return reply

    async def _asked(
        self, share: CanaryShare, scope: Mapping[str, Any], body: bytes, request_id: str, seconds: float
    ) -> tuple[Outcome, Reply | None]:
        if self._inside >= AT_ONCE or time.monotonic() < self._rests_until:
            return "busy", None
        headers = [(b"x-request-id", request_id.encode()), *(one for one in scope["headers"] if one[0] not in _NOT_ON)]
        request = post(scope["path"].encode(), headers, body)
        self._inside += 1
        try:
            async with asyncio.timeout(seconds):
                reply = await self._to(share.socket).ask(request)
        except TimeoutError:
            self._rests_until = time.monotonic() + REST_SECONDS
            return "slow", None
        except (OSError, *ENDED):
            return "unreachable", None
        finally:
            self._inside -= 1
        if reply[0] >= 300:
            return ("failed" if reply[0] >= 500 else "refused"), None
        return "answered", reply

    def _to(self, socket: str) -> Connections:
        if self._connections is None or self._connections.socket != socket:
            self.close()
            self._connections = Connections(socket)
            self._rests_until = 0.0
        return self._connections

    def close(self) -> None:
        """Let go of its connections."""
        if self._connections is not None:
            self._connections.close()
            self._connections = None


def key_of(headers: Iterable[tuple[bytes, bytes]], ids: Sequence[str | None] | None, request_id: str) -> bytes:
    """What a request is known by: its header, else its first id, else its own id.

    Examples
    --------
    >>> key_of([(b"x-nb2prod-key", b"anna")], ["17"], "r"), key_of([], [None, "17"], "r"), key_of([], None, "r")
    (b'anna', b'17', b'r')
    """
    given = next((value for name, value in headers if name == KEY and value), None)
    if given is not None:
        return given
    first = next((one for one in ids or () if one is not None), request_id)
    return first.encode(errors="surrogatepass")


def takes(key: bytes, share: CanaryShare) -> bool:
    """Whether a key is of the share: of another version other keys are, so that nobody is always the first.

    Examples
    --------
    >>> takes(b"anna", CanaryShare(version=4, socket="/s", percent=100))
    True
    """
    digest = hashlib.blake2b(key, digest_size=8, salt=str(share.version).encode()[-16:]).digest()
    return int.from_bytes(digest, "big") < share.percent / 100 * _WHOLE


def patience(expected: float | None) -> float:
    """Seconds that a challenger has for an answer of which the champion's own would take so many."""
    return UNKNOWN_SECONDS if expected is None else min(max(LEAST_SECONDS, 4 * expected), ANSWER_SECONDS)
