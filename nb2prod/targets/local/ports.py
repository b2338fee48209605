"""Which ports are free, and who holds one that is not."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Collection

import psutil

from nb2prod.errors import Unavailable

HOST = "127.0.0.1"
FIRST, LAST = 3080, 3999
VARIABLE = "NB2PROD_FIRST_PORT"


def free(port: int) -> bool:
    """Can this port be bound on the loopback address, with nobody listening there?"""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        if probe.connect_ex((HOST, port)) == 0:
            return False
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def first() -> int:
    """Where the search for a port begins: the variable where it is a port, else 3080."""
    said = os.environ.get(VARIABLE, "")
    return int(said) if said.isdecimal() and 1024 <= int(said) <= 65000 else FIRST


def choose(taken: Collection[int], *, first: int = FIRST) -> int:
    """The lowest port from `first` up that is free and not promised to another deployment.

    Raises
    ------
    Unavailable
        There is none.
    """
    for port in range(first, max(LAST, first + 200)):
        if port not in taken and free(port):
            return port
    raise Unavailable(
        "No port is free for the service",
        code="no-port",
        where=f"{HOST}:{first} to {max(LAST, first + 200)}",
        why="Every one is taken or promised to another deployment.",
        fix="nb2prod doctor",
        kept="nothing was started",
    )


def holder(port: int) -> str:
    """Who listens on a port, as `name (pid 123)`; `another process` where the system does not tell."""
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections(kind="inet"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return "another process"
