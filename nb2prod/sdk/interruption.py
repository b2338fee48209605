"""Ctrl-C while another process works for this one: handed on to it, and waited for, so that it can take back what it began."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

GRACE = 20.0
"""Seconds that the other process has to take back what it began."""


TAKING_BACK = "interrupted: taking back what was begun … (once more ends at once)"
_answered = threading.Event()


def tell() -> None:
    """The line that answers a Ctrl-C at once, on stderr: what follows takes seconds. The next ones get none."""
    if not _answered.is_set():
        print(f"\n{TAKING_BACK}", file=sys.stderr, flush=True)
    _answered.set()


@contextmanager
def told() -> Iterator[None]:
    """While the block runs, the first Ctrl-C is answered with a line at once."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield  # no Ctrl-C arrives here
        return

    def first(number: int, frame: Any) -> None:
        signal.signal(signal.SIGINT, before)
        tell()
        before(number, frame)

    _answered.clear()
    signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def handed_on(interrupt: Callable[[], None], *, grace: float = GRACE) -> Iterator[None]:
    """Let the block run on at the first Ctrl-C, which calls `interrupt`; a second one ends it, or the end of `grace` seconds.

    Examples
    --------
    ::

        with handed_on(manager.interrupt_kernel):
            reply = client.execute_interactive(code)
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield  # no Ctrl-C arrives here
        return
    late = threading.Timer(grace, signal.pthread_kill, (threading.get_ident(), signal.SIGINT))
    late.daemon = True

    def first(*_: Any) -> None:
        signal.signal(signal.SIGINT, before)
        tell()
        late.start()
        interrupt()

    signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        late.cancel()
        signal.signal(signal.SIGINT, before)
