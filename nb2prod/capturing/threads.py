"""How many threads the numerical libraries take while the model is asked."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_OURS = 2  # processes of ours that are at work meanwhile: BentoML's builder, and the clean environment's libraries being loaded


def one() -> contextlib.AbstractContextManager[None]:
    """One thread: sums in one order, so that answers can be compared bit for bit."""
    return _at_most(1)


def the_rest() -> contextlib.AbstractContextManager[None]:
    """The cores that the deploy itself leaves: OpenMP's threads wait for each other by turning, and on a taken core for long."""
    return _at_most(max(1, (os.cpu_count() or 1) - _OURS))


def libraries() -> Any:
    """The numerical libraries that are loaded, as threadpoolctl's controller; None where that is not installed.

    They are looked up in a thread of its own: the lookup calls back from C, and an interruption that came there would be lost.
    """
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    with ThreadPoolExecutor(1, thread_name_prefix="libraries") as pool:
        return pool.submit(ThreadpoolController).result()


@contextlib.contextmanager
def _at_most(threads: int) -> Iterator[None]:
    found = libraries()
    with found.limit(limits=threads) if found is not None else contextlib.nullcontext():
        yield
