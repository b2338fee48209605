"""HTTP/1.1 over a unix socket from within the event loop: connections are kept open, an answer is read whole."""

from __future__ import annotations

import asyncio
from typing import Final

Headers = list[tuple[bytes, bytes]]
Reply = tuple[int, Headers, bytes]
Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]

ENDED: Final = (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)
"""The other side is gone, or says what is no answer."""
_OURS: Final = frozenset({b"content-length", b"connection", b"transfer-encoding", b"keep-alive"})
IDLE: Final = 32


class Connections:
    """Connections to one socket.

    Parameters
    ----------
    socket
        The path of the socket file.
    """

    def __init__(self, socket: str) -> None:
        self.socket = socket
        self._idle: list[Line] = []
        self._closed = False

    async def ask(self, request: bytes) -> Reply:
        """Send a whole request, and read the whole answer; to be called within a time limit.

        What was kept open may have been closed by the other side meanwhile: then it is sent over another one.

        Raises
        ------
        OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
            Nobody listens, or what listens breaks off or says what is no answer.
        """
        while self._idle:
            try:
                return await self._over(self._idle.pop(), request)
            except ENDED:
                continue
        return await self._over(await asyncio.open_unix_connection(self.socket), request)

    async def _over(self, line: Line, request: bytes) -> Reply:
        reader, writer = line
        kept = False
        try:
            writer.write(request)
            await writer.drain()
            status, headers = _head(await reader.readuntil(b"\r\n\r\n"))
            named = dict(headers)
            if not named.get(b"content-length", b"").isdigit():
                raise ConnectionError("an answer without a length")
            body = await reader.readexactly(int(named[b"content-length"]))
            kept = named.get(b"connection", b"").lower() != b"close" and len(self._idle) < IDLE and not self._closed
            return status, [one for one in headers if one[0] not in _OURS], body
        finally:
            if kept:
                self._idle.append(line)
            else:  # also one whose answer nobody waits for any longer
                writer.close()

    def close(self) -> None:
        """Let go of what is idle, and of what is under way once it has ended."""
        self._closed = True
        while self._idle:
            self._idle.pop()[1].close()


def post(target: bytes, headers: Headers, body: bytes) -> bytes:
    """A request as bytes."""
    lines = b"".join(b"%b: %b\r\n" % one for one in headers if one[0] not in _OURS)
    return b"POST %b HTTP/1.1\r\nhost: service\r\n%bcontent-length: %d\r\n\r\n%b" % (target, lines, len(body), body)


def _head(given: bytes) -> tuple[int, Headers]:
    first, *lines = given[:-4].split(b"\r\n")
    words = first.split(b" ", 2)
    if len(words) < 2 or not words[1].isdigit():
        raise ConnectionError("no answer of HTTP")
    pairs = (line.partition(b":") for line in lines)
    return int(words[1]), [(name.strip().lower(), value.strip()) for name, _, value in pairs]
