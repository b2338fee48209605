"""Before a question is answered, what services still hold is counted; or the answer says how old it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from nb2prod.home import Home
from nb2prod.monitoring.collector import Collector, spools_of
from nb2prod.records.base import Record
from nb2prod.runtime import recorder, ring, segments
from nb2prod.store import Store

_STEP = 0.05


class Freshness(Record, frozen=True, kw_only=True):
    """`complete`: everything answered before the question is counted. `seconds`: how old the counts are, None for no counts."""

    complete: bool
    seconds: float | None


def count_spool(home: Home, name: str, deadline: float = 5.0, *, store: Store | None = None) -> Freshness:
    """Have everything that a deployment has answered so far counted.

    The workers are asked to hand over, then it is counted here, taking turns with the home's agent.

    Parameters
    ----------
    deadline
        Seconds after which the answer is given as it is.
    """
    store = store or Store(home)
    until = time.monotonic() + deadline
    collector = Collector(home, store)
    found = [one for folder in collector.folders(name) for one in spools_of(folder)]
    wanted = {path: _taken(path) for spool, _ in found for path in ring.rings(spool)}
    for spool, _ in found:
        recorder.ask(spool)
    elsewhere = [spool for spool, counter in found if counter == "self"]

    def ready() -> bool:
        handed_over = all(_handed_over(path, want) for path, want in wanted.items())
        return handed_over and not any(segments.pending(spool) for spool in elsewhere)

    done = _wait(ready, until, collector, name)
    done &= collector.run_once(name, deadline=until)
    return Freshness(complete=done, seconds=0.0 if done else _age(store, name))


def _wait(ready: Callable[[], bool], until: float, collector: Collector, name: str) -> bool:
    """Let live workers hand over; what dead ones left is the collector's."""
    while not ready():
        if time.monotonic() >= until:
            return False
        collector.run_once(name, deadline=until)
        time.sleep(_STEP)
    return True


def _taken(path: Path) -> int:
    """Position in the ring up to which frames were written when we were asked."""
    found = ring.peek(path)
    return found[1].head if found else 0


def _handed_over(path: Path, head: int) -> bool:
    found = ring.peek(path)
    return found is None or found[1].tail >= head


def _age(store: Store, name: str) -> float | None:
    told = store.labels.of(name)
    return max(0.0, time.time() - max(one.collected for one in told)) if told else None
