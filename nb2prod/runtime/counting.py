"""From segments to increments, the same code in agent and service: each segment is counted once, and then deleted."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from nb2prod.errors import Nb2prodError
from nb2prod.records.monitoring import Increment
from nb2prod.records.sampling import Sampling
from nb2prod.runtime import batches, counters, ring, segments
from nb2prod.runtime.join import MATURATION_SECONDS, Join
from nb2prod.runtime.outbox import Outbox, Page
from nb2prod.runtime.samples import Samples, drawn
from nb2prod.runtime.segments import Frame, Head
from nb2prod.runtime.side import Side
from nb2prod.runtime.tally import Tally
from nb2prod.runtime.watched import Watched, bring, declared, load_name

log = logging.getLogger(__name__)
_SWEEP_SECONDS = 600.0
_RETIRE_SECONDS = 600.0


class Counter:
    """Counts the segments of one spool.

    Parameters
    ----------
    spool
        Where the workers of a service write.
    side
        Where counting remembers; by default a folder in the spool. Spools of one deployment share one, so that labels join
        across versions.
    clock
        Epoch seconds.
    maturation
        Seconds that a label waits for its prediction; then it is told as unmatched.
    sample
        What is kept of the raw rows; None keeps nothing.

    Examples
    --------
    >>> import tempfile
    >>> Counter(Path(tempfile.mkdtemp())).count_next() is None
    True
    """

    def __init__(
        self,
        spool: Path,
        side: Path | None = None,
        *,
        clock: Callable[[], float] = time.time,
        maturation: float = MATURATION_SECONDS,
        sample: Sampling | None = None,
    ) -> None:
        self._sample = sample
        self._samples: Samples | None = None
        self._maturation = maturation
        self.spool = spool
        self.side = Side(side or spool / "side")
        self.outbox = Outbox(self.side)
        self._join = Join(self.side)
        self._clock = clock
        self._models: dict[str, Watched] = {}
        self._swept = 0.0

    def close(self) -> None:
        if self._samples is not None:
            self._samples.close()
        self.side.close()

    def pending(self) -> list[Path]:
        """Segments that wait, the oldest of each source first."""
        return segments.pending(self.spool)

    def count_next(self) -> list[Increment] | None:
        """Count the next segment; None where none waits, an empty list for one that had been counted before.

        Whoever calls holds `Side.alone`. A kill at any moment loses nothing and counts nothing twice.
        """
        waiting = self.pending()
        if not waiting:
            return None
        path = waiting[0]
        try:
            increments = self._count(path)
        except FileNotFoundError:
            if path.exists():
                self._give_up(path, "the model that it belongs to is not there")
            increments = []
        except (OSError, sqlite3.Error):
            raise
        except Exception:  # one segment that cannot be read must not stop those behind it
            log.exception("a segment cannot be counted")
            self._give_up(path, "it cannot be counted")
            increments = []
        path.unlink(missing_ok=True)
        return increments

    def run(self, *, deadline: float | None = None) -> bool:
        """Take over from dead writers and count all that waits; False where the deadline (monotonic seconds) came first."""
        self.adopt()
        done = True
        while done and self.count_next() is not None:
            done = deadline is None or time.monotonic() < deadline
        self._tell()
        self._sweep()
        return done

    def adopt(self) -> bool:
        """Hand over what dead writers left; True while a live one has this spool."""
        alive = False
        for path in ring.rings(self.spool):
            found = ring.adopt(path)
            if found is None:
                alive = True
                continue
            try:
                segments.recover(found, self.spool, load_name(self.spool, found.key))
            except OSError as error:
                log.warning("what a worker left cannot be handed over: %s", error)
            finally:
                found.close()
        if not alive:
            self._retire()
        return alive

    def _retire(self) -> None:
        """Remove the files of workers that have been gone for a while; a restarted one goes on with its own until then."""
        for path in ring.rings(self.spool):
            if self._clock() - path.stat().st_mtime < _RETIRE_SECONDS or (found := ring.adopt(path)) is None:
                continue
            waits = any(path.stem.rsplit("-", 1)[0] == found.source for path in segments.pending(self.spool))
            if found.state.head == found.state.tail and not waits:
                counters.retire(self.spool, found)
            found.close()

    def page(self, after: int = 0) -> Page:
        return self.outbox.page(after)

    # -- one segment

    def _count(self, path: Path) -> list[Increment]:
        head, frames = segments.read(path)
        with self.side.transaction():
            if self.side.sequence(head.source) >= head.sequence:
                return []
            self._keep_sample(head, frames)
            self._join.begin()
            increments = self._increments(head, frames)
            self._join.flush()
            self.outbox.put(increments)
            rows = sum(frame.rows for frame in frames)
            if rows < head.rows:
                self.side.add("rows_torn", head.rows - rows)
            self.side.mark(head.source, head.sequence, rows)
        return increments

    def _keep_sample(self, head: Head, frames: Iterable[Frame]) -> None:
        """Before the segment is marked as counted; what cannot be kept is counted as dropped, and counting goes on."""
        if self._sample is None or not self._sample.rate:
            return
        found = (one for frame in frames for one in batches.decode_rows(frame.payload, frame.kind))
        rows = list(drawn(head, found, self._model(head.key).signature.names, self._sample))
        try:
            self._samples = self._samples or Samples(self.side.folder)
            self._samples.keep(rows)
        except (Nb2prodError, OSError, sqlite3.Error) as error:
            log.warning("%d sampled rows cannot be kept: %s", len(rows), error)
            self.side.add("sample_dropped", len(rows))

    def _increments(self, head: Head, frames: Iterable[Frame]) -> list[Increment]:
        tally = Tally(head, self._model(head.key), self._model, declared(self.spool))
        arrived = self._clock()
        for frame in frames:
            for batch in batches.decode_rows(frame.payload, frame.kind):
                periods = tally.add(batch)
                tally.change(self._join.predicted(batch, head.key, periods, tally.slices(batch)))
            if frame.kind == batches.FEEDBACK:
                labels = batches.decode_labels(frame.payload)
                tally.change(self._join.labelled(labels))
                arrived = min(arrived, labels.arrived)
            elif frame.kind == batches.REFUSALS:
                refusals = batches.decode_refusals(frame.payload)
                tally.refuse(refusals)
                arrived = min(arrived, refusals.arrived)
        return tally.increments(arrived)

    def _model(self, key: str) -> Watched:
        if key not in self._models:
            self._models[key] = bring(key, self.spool, self.side.folder)
        return self._models[key]

    def _give_up(self, path: Path, why: str) -> None:
        log.error("segment %s is left out: %s", path.name, why)
        source, sequence = path.stem.rsplit("-", 1)
        with self.side.transaction():
            self.side.add("segments_left_out", 1)
            if self.side.sequence(source) < int(sequence):
                self.side.mark(source, int(sequence), 0)

    # -- upkeep

    def _tell(self) -> None:
        """Let each worker show how many of its rows have been counted."""
        counted = self.side.counted()
        for path in ring.rings(self.spool):
            found = ring.peek(path)
            if found is not None and found[2] != counted.get(found[0], 0):
                ring.tell_counted(path, counted[found[0]])

    def _sweep(self) -> None:
        now = self._clock()
        if now - self._swept < _SWEEP_SECONDS:
            return
        self._swept = now
        with self.side.transaction():
            self._join.expire(now, self._maturation)
            self._join.prune(now)
