"""Hooks: a command of the user's, with the alert as JSON on its standard input."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess

from nb2prod.errors import Failed, UsageError

SECONDS = 60.0


def run_hook(command: str, document: bytes, *, seconds: float = SECONDS) -> str:
    """Run a command to its end; what it said last.

    Raises
    ------
    UsageError
        There is no such command.
    Failed
        It ended with an error or not in time; it and what it started are ended.
    """
    try:
        words = shlex.split(command)
        process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "NB2PROD_ALERT": "1"},
        )
    except (OSError, ValueError, IndexError) as error:
        raise UsageError(
            "The hook cannot be run",
            code="hook-not-found",
            where=command,
            why=str(error),
            fix="give the full path of a file that can be executed",
        ) from error
    try:
        said, _ = process.communicate(document, timeout=seconds)
    except subprocess.TimeoutExpired as error:
        _end(process)
        raise _failed(command, f"It did not end within {seconds:.0f} s.") from error
    if process.returncode:
        raise _failed(command, f"It ended with {process.returncode}: {_tail(said)}")
    return _tail(said) or "it ended well"


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _tail(said: bytes) -> str:
    return said.decode(errors="replace").strip()[-300:]


def _failed(command: str, why: str) -> Failed:
    return Failed("The hook failed", code="hook-failed", where=command, why=why, fix=f"{command} < alert.json")
