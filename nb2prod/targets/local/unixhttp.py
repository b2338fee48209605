"""HTTP over a unix socket: how supervisord, Caddy's admin side and the workers are asked."""

from __future__ import annotations

import http.client
import socket
import xmlrpc.client
from pathlib import Path
from typing import NamedTuple


class Reply(NamedTuple):
    """What came back."""

    status: int
    body: bytes


class UnixConnection(http.client.HTTPConnection):
    """An HTTP connection whose other end is a socket file."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("127.0.0.1", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class UnixTransport(xmlrpc.client.Transport):
    """XML-RPC over a socket file, one connection a call."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__()
        self._path = path
        self._timeout = timeout

    def make_connection(self, host: object) -> http.client.HTTPConnection:
        return UnixConnection(self._path, self._timeout)


def ask(path: Path, method: str, target: str, *, body: bytes | None = None, timeout: float = 5.0) -> Reply | None:
    """Send one request to a socket file; None where nobody answers."""
    connection = UnixConnection(path, timeout)
    try:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        connection.request(method, target, body=body, headers=headers)
        response = connection.getresponse()
        return Reply(response.status, response.read())
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
