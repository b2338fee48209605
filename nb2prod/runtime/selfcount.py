"""Where no agent counts, the service does: one process a spool, started by whichever worker finds none.

``python -m nb2prod.runtime.selfcount SPOOL``: it ends by itself once no worker writes there and everything is counted.
"""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from nb2prod.errors import Nb2prodError
from nb2prod.runtime import ring
from nb2prod.runtime.counting import Counter
from nb2prod.runtime.side import try_lock

log = logging.getLogger("nb2prod.counting")
LOCK = "selfcount.lock"
_EVERY = 0.5


def count(spool: Path, *, every: float = _EVERY) -> int:
    """Count a spool until its workers have ended; 0, also where another process is at it."""
    with (spool / LOCK).open("a") as file:
        if not try_lock(file.fileno()):
            return 0
        while spool.is_dir():
            alive = _turn(spool)
            if not alive:
                return 0
            time.sleep(every)
    return 0


def _turn(spool: Path) -> bool:
    try:
        counter = Counter(spool)
        try:
            with counter.side.alone():
                alive = counter.adopt()
                counter.run()
                return alive
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
    return count(Path(arguments[0]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
