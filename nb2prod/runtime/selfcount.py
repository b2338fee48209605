"""Where no agent counts, the service does: one process a spool, started by whichever worker finds none.

``python -m nb2prod.runtime.selfcount SPOOL``: it ends by itself once no worker writes there and everything is counted. It takes
only what time the machine has left; where that is too little for `LATE` seconds it ends, and the next one is started to count at
low priority, until it has caught up.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from nb2prod.errors import Nb2prodError
from nb2prod.runtime import ring, segments
from nb2prod.runtime.counting import Counter
from nb2prod.runtime.side import try_lock

log = logging.getLogger("nb2prod.counting")
LOCK = "selfcount.lock"
LATE = 20.0
_EVERY = 0.5
_TURN = 5.0


def count(spool: Path, *, every: float = _EVERY, patient: bool = False) -> int:
    """Count a spool until its workers have ended; 0, also where another process is at it.

    Parameters
    ----------
    patient
        Take only idle time, and end where that does not do.
    """
    with (spool / LOCK).open("a") as file:
        if not try_lock(file.fileno()):
            return 0
        yielding = False
        while spool.is_dir():
            late = _waited(spool) > LATE
            if yielding and late:
                return 0  # there is no way back from idle time: who is started next begins without
            if patient and not late:
                yielding = _yield()
            if not _turn(spool):
                return 0
            time.sleep(every)
    return 0


def _waited(spool: Path) -> float:
    """Seconds that the oldest segment has waited."""
    oldest = time.time()
    for path in segments.pending(spool):
        with contextlib.suppress(FileNotFoundError):
            oldest = min(oldest, path.stat().st_mtime)
    return time.time() - oldest


def _yield() -> bool:
    """Answers come first: a request that comes in takes the core at once, where `nice` would let this run on for some ms."""
    if not hasattr(os, "SCHED_IDLE"):
        return False
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        return True
    return False


def _turn(spool: Path) -> bool:
    try:
        counter = Counter(spool)
        try:
            with counter.side.alone():
                alive = counter.adopt()
                counter.run(deadline=time.monotonic() + _TURN)
                return alive or bool(counter.pending())
        finally:
            counter.close()
    except (Nb2prodError, OSError, sqlite3.Error) as error:
        log.warning("this turn counted nothing: %s", error)
        return _alive(spool)


def _alive(spool: Path) -> bool:
    """Whether a worker still writes here; what waits is counted when one starts again."""
    for path in ring.rings(spool):
        found = ring.adopt(path)
        if found is None:
            return True
        found.close()
    return False


class Starter:
    """Keeps a counting process up for a spool; asked now and then by a worker's own thread."""

    def __init__(self, spool: Path) -> None:
        self._spool = spool
        self._process: subprocess.Popen[bytes] | None = None

    def look(self) -> None:
        """Start one if nobody holds the lock."""
        if self._process is not None and self._process.poll() is None:
            return
        with (self._spool / LOCK).open("a") as file:
            if not try_lock(file.fileno()):
                return
        root = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "nb2prod.runtime.selfcount", str(self._spool)],
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C ends the workers; what they leave is still to be counted
        )


def main(arguments: list[str]) -> int:
    logging.basicConfig(format="%(asctime)s counting %(levelname)s %(message)s", level=logging.INFO)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(10)  # where the machine is busy, answers come first
    return count(Path(arguments[0]), patient=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
