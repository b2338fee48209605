"""How many threads the numerical libraries take while the model is asked."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

_OURS = 2  # processes of ours that are at work meanwhile: BentoML's builder, and the clean environment's libraries being loaded


def one() -> contextlib.AbstractContextManager[None]:
    """One thread: sums in one order, so that answers can be compared bit for bit."""
    return _at_most(1)


def the_rest() -> contextlib.AbstractContextManager[None]:
    """The cores that the deploy itself leaves: OpenMP's threads wait for each other by turning, and on a taken core for long."""
    return _at_most(max(1, (os.cpu_count() or 1) - _OURS))


@contextlib.contextmanager
def _at_most(threads: int) -> Iterator[None]:
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        yield
        return
    with threadpool_limits(limits=threads):
        yield
