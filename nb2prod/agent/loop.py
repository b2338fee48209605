"""What the agent does at every turn, and how it ends."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

from nb2prod.agent.duty import Duty
from nb2prod.agent.pulling import Pulling
from nb2prod.errors import Nb2prodError
from nb2prod.home import Home
from nb2prod.lifecycle.services import Services
from nb2prod.monitoring import Collector
from nb2prod.store import Store

log = logging.getLogger(__name__)
TURN_SECONDS = 2.0
EVALUATE_SECONDS = 10.0
UPKEEP_SECONDS = 60.0
INCREMENTS_KEPT = 30 * 86400


class Agent:
    """Collects a home's counts every few seconds, evaluates them, acts on alerts, and keeps its panes in order.

    It keeps nothing in memory that matters: killed at any moment, the next one goes on where it was.
    """

    def __init__(self, home: Home, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self._duty = Duty(home, store)
        self._evaluated = 0.0
        self._collector = Collector(home, store, clock=clock)
        self._pulling = Pulling(Services(home), self._collector, store)
        self._clock = clock
        self._kept_up = 0.0

    def turn(self) -> None:
        """Collect; a few times a minute evaluate and act; now and then roll panes up and forget what nobody reads."""
        self._collector.run_once()
        now = self._clock()
        if now - self._evaluated >= EVALUATE_SECONDS:
            self._evaluated = now
            self._duty.turn(now, self._pulling.turn(now))
        if now - self._kept_up >= UPKEEP_SECONDS:
            self._kept_up = now
            self.store.panes.roll_up(now)
            self.store.increments.prune(now - INCREMENTS_KEPT)

    def run(self, stop: threading.Event, *, every: float = TURN_SECONDS) -> None:
        """Turn until `stop` is set; a turn that fails is logged and tried again. Whoever calls has the home's lock for agents."""
        with contextlib.suppress(Nb2prodError):
            self._duty.inherit()
        while not stop.is_set():
            try:
                self.turn()
            except Nb2prodError as error:
                log.warning("%s", error)
            except Exception:
                log.exception("a turn failed; it is tried again")
            stop.wait(every)
        with contextlib.suppress(Nb2prodError):  # they run out by themselves
            self._duty.close()


def until_told() -> threading.Event:
    """An event that SIGTERM and SIGINT set: the turn that runs is finished first."""
    stop = threading.Event()

    def told(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, told)
    signal.signal(signal.SIGINT, told)
    return stop
