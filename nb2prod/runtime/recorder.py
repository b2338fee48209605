"""Off the request path: what a worker answered goes into its ring at once, and from there into segments by a thread."""

from __future__ import annotations

import atexit
import itertools
import logging
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter, methodcaller
from pathlib import Path
from typing import Literal

from nb2prod.baseline import Baseline
from nb2prod.records.capture import Answers, Signature
from nb2prod.records.monitoring import Feedback
from nb2prod.runtime import batches, counters, labelling, ring, segments
from nb2prod.runtime.hooks import FeedbackResult
from nb2prod.runtime.ring import Ring
from nb2prod.runtime.rows import Rows
from nb2prod.runtime.selfcount import Starter
from nb2prod.runtime.watched import Watched, declare, load_name

log = logging.getLogger(__name__)
CAPACITY = 8 * 2**20
LIMIT = 256 * 2**20
ROTATE_SECONDS = 2.0
MARKED = 60.0
"""Seconds between two marks of the clock, at most; longer ones run from the first row."""
ROTATE_BYTES = 3 * 2**20
MOMENT = 0.01
MANY, MANY_ROWS = 128, 256
"""Requests are framed together: those of a hundredth of a second, and no more than these; a lone one at once."""
_ID, _ROWS = itemgetter(0), itemgetter(3)
_TICK = 0.2
_LOOK = 5
ASKED = "count-now"
REASONS, NAMED, REMEMBERED = 512, 200, 10_000
SIZED = re.compile(r"[0-9a-f]{16}-[0-9a-f]+(?:\.\d+)*\.(\d{1,9})")
"""A request id of ours ends in the number of its rows, so that any worker can say whether a row is one of them."""


class SpoolRecorder:
    """Keeps what a service answered until it is counted.

    Several workers share one spool, each with a ring and segments of its own. Nothing here raises for want of space or waits
    for a disk: what cannot be kept is counted as dropped, and always ``accepted = persisted + dropped + waiting``.

    Parameters
    ----------
    spool
        Folder of rings and segments; made where it is not there.
    name
        The deployment's name.
    baseline, signature
        The model's; kept in the spool for whoever counts.
    limit
        Bytes of segments at which no more are written.
    outcomes
        Names of outcomes that feedback may carry.
    counter
        ``"self"``: nobody else counts this spool, so a process beside the workers does.
    slices
        Says by which (column, value) pairs rows are counted apart now.
    """

    def __init__(
        self,
        spool: Path,
        *,
        name: str,
        baseline: Baseline,
        signature: Signature,
        limit: int = LIMIT,
        outcomes: Sequence[str] = (),
        capacity: int = CAPACITY,
        rotate: float = ROTATE_SECONDS,
        counter: Literal["agent", "self"] = "agent",
        slices: Callable[[], Sequence[tuple[str, str]]] = tuple,
    ) -> None:
        self.spool = spool
        self._slices = slices
        self._declared: Sequence[tuple[str, str]] = ()
        self._reasons: set[tuple[str, str]] = set()
        self._sizes: dict[str, int] = {}
        self.name = name
        self.limit = limit
        self._rotate = rotate
        self._watched = Watched(name, baseline, signature)
        self._check = labelling.Check(signature, outcomes)
        self._kept_model = False
        self._failures = 0
        self._counters: counters.Counters | None = None
        self._asked = 0
        self._since = time.time()
        self._framing = threading.Lock()
        self._taken: list[batches.Request] = []
        self._due = 0.0
        self._own = "-"
        self._ring = self._open(capacity)
        self._counters = counters.Counters(self._ring)
        self._count("failures", self._failures)
        self._stop = threading.Event()
        self._turn = threading.Lock()
        self._starter = Starter(spool) if counter == "self" and self._ring.durable else None
        self._thread = threading.Thread(target=self._run, name="nb2prod-recorder", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    # -- the request path

    def record(
        self,
        rows: Rows,
        answers: Answers,
        *,
        request_id: str,
        ids: Sequence[str | None] | None,
        times: Sequence[float | None] | None,
        version: int | None,
        arrived: float,
    ) -> None:
        """Keep one request's rows and answers; a failure is counted as dropped rows and never reaches the caller.

        To be called by one thread, the event loop's: so it needs no lock.
        """
        try:
            n = rows.n
            taken = self._taken
            columns = rows.columns if rows.matrix is None else rows.matrix
            one = (
                request_id,
                version or 0,
                arrived,
                n,
                columns,
                answers.predictions,
                answers.probabilities,
                ids,
                times,
            )
            self._ring.taken[0] += n
            taken.append(one)
            if time.monotonic() >= self._due or len(taken) >= MANY or n >= MANY_ROWS:
                self._frame()
        except Exception as error:  # monitoring never fails a prediction
            self._failed(error)

    def _frame(self) -> None:
        """Put what was taken in into the ring, as one frame: a fifth of what a frame a request costs."""
        with self._framing:
            count = len(self._taken)  # more may come behind them meanwhile
            requests = self._taken[:count]
            del self._taken[:count]
            if not requests:
                return
            self._due = time.monotonic() + MOMENT  # after an idle look a lone request is still framed at once
            total = sum(map(_ROWS, requests))
            try:
                payload = batches.encode_moment(requests)
                self._ring.append(payload, total, batches.MOMENT, taken=total)
            except Exception as error:
                self._failed(error)
                if not self._stop.is_set():
                    self._ring.drop(total, taken=total)
            self._remember(requests)

    def _remember(self, requests: Sequence[batches.Request]) -> None:
        """How many rows each request with an id of the caller's has; one of ours says it itself."""
        own = methodcaller("startswith", self._own)
        if all(map(own, map(_ID, requests))):
            return
        for request_id, _, _, n, *_ in requests:
            if SIZED.fullmatch(request_id):
                self._own = request_id[:17]
            else:
                self._sizes[request_id] = n
        while len(self._sizes) > REMEMBERED:
            del self._sizes[next(iter(self._sizes))]

    def feedback(
        self, items: Sequence[Feedback], *, version: int | None = None, outcomes: Sequence[str] | None = None
    ) -> list[FeedbackResult]:
        """Keep labels and outcomes; one result an item, in their order.

        Parameters
        ----------
        outcomes
            The names declared by now, where they have changed.
        """
        if outcomes is not None:
            self._check.declare(outcomes)
        self._frame()  # the rows that labels are about stand before them
        results = [self._check(item, self._size(item)) for item in items]
        good = [self._check.own(item) for item, result in zip(items, results, strict=True) if result.status == "kept"]
        if good:
            payload = batches.encode(batches.Labels(version or 0, time.time(), good))
            if not self._ring.append(payload, 0, batches.FEEDBACK):
                results = [labelling.FULL if result.status == "kept" else result for result in results]
        for result in results:
            self._count(f"feedback_{result.status}")
        return results

    def reject(self, column: str, code: str, *, version: int | None, rows: int = 1) -> None:
        """Count the rows of a request that never reached the model, and put them into the ring at once: a kill loses none.

        Of one segment's reasons the first are told by their column, the others by their code alone.
        """
        self._count("rejected", rows)
        reason = column[:NAMED], code
        if len(self._reasons) >= REASONS and reason not in self._reasons:
            reason = "", code
        self._reasons.add(reason)
        try:
            payload = batches.encode(batches.Refusals(version or 0, time.time(), [(*reason, rows)]))
            kept = self._ring.append(payload, 0, batches.REFUSALS)
        except Exception as error:  # monitoring never fails an answer
            kept = False
            self._failed(error)
        if not kept:
            self._count("rejected_dropped", rows)

    def _count(self, name: str, count: int = 1) -> None:
        if self._counters is not None:
            self._counters.add(name, count)

    def _size(self, item: Feedback) -> int | None:
        """How many rows the request of an item had, where that is known here."""
        if item.request_id is None or item.id is not None:
            return None
        named = SIZED.fullmatch(item.request_id)
        return int(named[1]) if named else self._sizes.get(item.request_id)

    def refused(self, items: int) -> None:
        """Count feedback items that could not even be read."""
        self._count("feedback_refused", items)

    def metrics(self) -> Mapping[str, float]:
        """Counters of the spool: sums over all workers, also those that have died; and whether this one's outlive it."""
        assert self._counters is not None
        totals = counters.totals(self.spool, self._ring, self._counters)
        return {**totals, "recorder_durable": float(self._ring.durable)}

    # -- off it

    def flush(self) -> bool:
        """Write what waits as a segment; False where the disk or the spool's limit does not let it."""
        self._frame()
        with self._turn:
            try:
                return self._hand_over()
            except OSError as error:
                self._failed(error)
                return False

    def close(self) -> None:
        """Hand over what is kept and let go of the ring; what the disk does not take waits in the ring's file."""
        if self._stop.is_set():
            return
        self._stop.set()
        atexit.unregister(self.close)
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=10)
        self.flush()
        self._ring.close()

    def _run(self) -> None:
        for turn in itertools.count():
            if self._stop.wait(_TICK):
                return
            if turn % _LOOK == 0:
                self._start_counting()
            self._frame()
            if self._time_is_up():
                self.flush()
                self._since = time.time()

    def _start_counting(self) -> None:
        if self._starter is None:
            return
        try:
            self._starter.look()
        except OSError as error:
            self._failed(error)

    def _time_is_up(self) -> bool:
        asked = _stamp(self.spool / ASKED)
        if asked != self._asked:
            self._asked = asked
            return True
        state = self._ring.state
        used = state.head - state.tail
        if not used:
            self._since = time.time()
            return False
        return used >= ROTATE_BYTES or self._marked(time.time())

    def _marked(self, now: float) -> bool:
        """Has the clock passed a mark? All services cut at the same ones, so that what they counted is cut as that of one is."""
        if not 0 < self._rotate <= MARKED:
            return now - self._since >= self._rotate
        return now // self._rotate != self._since // self._rotate

    def _hand_over(self) -> bool:
        self._keep_model()
        self._keep_slices()
        if segments.size(self.spool) >= self.limit:
            return False
        segments.hand_over(self._ring, self.spool, self.name)
        self._reasons = set()
        return True

    def _keep_model(self) -> None:
        if not self._kept_model:
            self._watched.save(self.spool)
            self._kept_model = True

    def _keep_slices(self) -> None:
        now = self._slices()
        if now != self._declared:
            declare(self.spool, now)
            self._declared = now

    def _open(self, capacity: int) -> Ring:
        key = self._watched.key
        try:
            self.spool.mkdir(parents=True, exist_ok=True)
            found = ring.claim(self.spool, capacity, key)
        except OSError as error:
            self._failed(error)
            return ring.volatile(capacity, key)
        try:
            self._keep_model()  # before anything is recorded: what a killed worker leaves can be counted
            segments.recover(found, self.spool, load_name(self.spool, found.key))
        except OSError as error:
            self._failed(error)
        if found.state.head != found.state.tail and found.key != key:
            # What a worker of another model left cannot be handed over yet: it stays for the counter, we take the next ring.
            return self._beside(found, capacity, key)
        found.rekey(key)
        return found

    def _beside(self, left: Ring, capacity: int, key: str) -> Ring:
        try:
            return ring.claim(self.spool, capacity, key)
        except OSError as error:
            self._failed(error)
            return ring.volatile(capacity, key)
        finally:
            left.close()

    def _failed(self, error: Exception) -> None:
        """Counted always, logged the first time and then at every power of two."""
        self._failures += 1
        self._count("failures")
        if self._failures & (self._failures - 1) == 0:
            log.warning("monitoring cannot keep rows (%d times): %s: %s", self._failures, type(error).__name__, error)


def _stamp(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def ask(spool: Path) -> None:
    """Ask every worker of a spool to hand over now; they look several times a second."""
    (spool / ASKED).touch()


__all__ = ["SpoolRecorder", "ask"]
