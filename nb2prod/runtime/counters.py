"""What a spool's workers counted, put together: rows from their rings' states, all else from the rings' headers.

A worker counts beside its frames, in the same mapped file, so that any worker can tell the sum over all of them, and what a
killed one had counted stays. A ring that is retired leaves its figures in one small file: the sums never fall.
"""

from __future__ import annotations

import contextlib
import os
import struct
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from nb2prod.runtime import ring
from nb2prod.runtime.ring import Ring, State

NAMES: Final = ("rejected", "rejected_dropped", "feedback_kept", "feedback_refused", "failures")
RETIRED: Final = "retired.json"
_AT: Final = 1152
_LAYOUT: Final = struct.Struct(f"={len(NAMES)}Q")
_REMEMBERED: Final = 256
_SHOWN: Final = {
    "rejected": "rows_rejected_total",
    "rejected_dropped": "rows_rejected_dropped_total",
    "feedback_kept": "feedback_kept_total",
    "feedback_refused": "feedback_refused_total",
    "failures": "recorder_failures_total",
}


class _Retired(msgspec.Struct):
    """Figures of rings whose files are gone, and the last of their sources: one that is still there is not counted twice."""

    figures: dict[str, int] = msgspec.field(default_factory=dict)
    sources: list[str] = msgspec.field(default_factory=list)


class Counters:
    """One worker's counters in its ring's header."""

    def __init__(self, held: Ring) -> None:
        self._memory = held.memory
        self._lock = threading.Lock()
        self._figures = dict(zip(NAMES, _LAYOUT.unpack_from(held.memory, _AT), strict=True))

    def add(self, name: str, count: int = 1) -> None:
        """Count; several threads may."""
        with self._lock:
            self._figures[name] += count
            with contextlib.suppress(ValueError):  # the ring is closed: nobody else will see it
                struct.pack_into("=Q", self._memory, _AT + 8 * NAMES.index(name), self._figures[name])

    def now(self) -> dict[str, int]:
        """What was counted so far."""
        return dict(self._figures)


def totals(spool: Path, own: Ring, counters: Counters) -> dict[str, int]:
    """Figures of all workers of a spool, also of those that have died, by the names that metrics have."""
    found = {own.source: _figures(own.now(), own.counted(), counters.now())}
    for path in ring.rings(spool):
        if path != own.path and (told := _read(path)) is not None:
            found[told[0]] = told[1]
    retired = _retired(spool)  # after the rings: one that is retired meanwhile is then in both, and told apart
    return _sum([retired.figures, *(told for source, told in found.items() if source not in retired.sources)])


def retire(spool: Path, held: Ring) -> None:
    """Remove the file of a writer that will not come back, and keep its figures; the ring must be empty and held.

    One process at a time: whoever calls counts the spool. Killed in between, the next call goes on where this one was.
    """
    known = _retired(spool)
    if held.source not in known.sources:
        figures = _figures(held.now(), held.counted(), Counters(held).now())
        known.figures = _sum([known.figures, figures])
        known.sources = [*known.sources, held.source][-_REMEMBERED:]
        unfinished = spool / f".{RETIRED}.{os.getpid()}"
        unfinished.write_bytes(msgspec.json.encode(known))
        unfinished.replace(spool / RETIRED)
    held.retire()


def _read(path: Path) -> tuple[str, dict[str, int]] | None:
    found = ring.peek(path)
    if found is None:
        return None
    source, state, counted = found
    try:
        with path.open("rb") as file:
            told = os.pread(file.fileno(), _LAYOUT.size, _AT)
    except FileNotFoundError:
        return None
    return source, _figures(state, counted, dict(zip(NAMES, _LAYOUT.unpack(told), strict=True)))


def _figures(state: State, counted: int, told: dict[str, int]) -> dict[str, int]:
    rows = {
        "rows_accepted_total": state.accepted,
        "rows_persisted_total": state.persisted,
        "rows_dropped_total": state.dropped,
        "rows_lost_total": state.lost,
        "rows_waiting": state.waiting,
        "rows_counted_total": counted,
    }
    return rows | {_SHOWN[name]: count for name, count in told.items()}


def _retired(spool: Path) -> _Retired:
    try:
        return msgspec.json.decode((spool / RETIRED).read_bytes(), type=_Retired)
    except OSError:  # none was retired, or there is no spool
        return _Retired()


def _sum(given: Iterable[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for figures in given:
        for name, count in figures.items():
            total[name] = total.get(name, 0) + count
    return total
