"""A ring of framed records in an mmap'd file, and its counters: what a worker has taken in survives the worker.

    0      static header: magic, schema, capacity, source (16 bytes), model key (16 bytes)
    512    slot A     768  slot B      two copies of the counters, written in turn, each under a CRC
    1024   counted    written by whoever counts
    1088   taken      rows that the writer has taken in ahead of their frame
    1152   counters   what it counts beside its frames (`counters`)
    4096   frames     length, CRC, rows, kind, payload

A change becomes true when its slot is whole: a kill -9 in the middle of one leaves the slot before it. So
``accepted = persisted + dropped + waiting`` holds at every instant, and after recovery without the last term: rows that a killed
writer had taken in and not yet framed are dropped then, and counted as that.
The file is allocated when it is made, so that a disk that fills up later cannot hurt a mapped page.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import struct
import threading
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

MAGIC = b"NB2RING1"
SCHEMA = 1
DATA = 4096
_STATIC = struct.Struct("=8sIIQ16s16s")
_SLOTS = (512, 768)
_STATE = struct.Struct("=12Q")
_CRC = struct.Struct("=Q")
_COUNTED = struct.Struct("=Q")
_COUNTED_AT = 1024
_TAKEN = struct.Struct("=Q")
_TAKEN_AT = 1088
FRAME = struct.Struct("=IIII")
NOWHERE = 2**64 - 1
_BLANK = memoryview(bytes(2**17))


@dataclass
class State:
    """Positions (bytes, ever growing) and counters (rows).

    `until` is where a segment that is being written ends, 0 for none; `settled` are the rows taken in ahead that have been framed
    or dropped.
    """

    turn: int = 0
    head: int = 0
    tail: int = 0
    wrap: int = NOWHERE
    until: int = 0
    until_rows: int = 0
    segment: int = 1
    accepted: int = 0
    persisted: int = 0
    dropped: int = 0
    lost: int = 0
    settled: int = 0

    @property
    def waiting(self) -> int:
        """Rows in the ring, or on their way there."""
        return self.accepted - self.persisted - self.dropped


class Ring:
    """One writer's ring. Make one with `claim`, or `volatile` where no file can be had.

    Appending and committing are one critical section of a few microseconds; the thread that writes segments holds the same
    lock for its two commits only, never while it writes.
    """

    def __init__(self, memory: mmap.mmap, file: int | None, path: Path | None) -> None:
        self.memory = memory
        self.path = path
        self._file = file
        self._lock = threading.Lock()
        self._counted = 0
        _, _, _, self.capacity, source, key = _STATIC.unpack_from(memory, 0)
        self.source = source.hex()
        self.key = key.hex()
        self.state = _newest(memory) or State()
        # Rows that the writer has taken in; it adds to them as it takes them, ahead of their frame.
        self.taken = memoryview(memory)[_TAKEN_AT : _TAKEN_AT + _TAKEN.size].cast("Q")
        self._settle()

    @property
    def durable(self) -> bool:
        return self._file is not None

    # -- taking in

    def append(self, payload: bytes, rows: int, kind: int, *, taken: int = 0) -> bool:
        """Take a record in whole, or count its rows as dropped; never waits for room. `taken` of its rows were taken in ahead."""
        need = FRAME.size + len(payload)
        with self._lock:
            state = self.state
            start, wrap = self._place(need)
            if state.head == state.tail:  # empty: the gap before the end need not be kept free
                state.tail = start
            fits: bool = start + need - state.tail <= self.capacity
            if fits:
                at = DATA + start % self.capacity
                self.memory[at : at + need] = FRAME.pack(len(payload), crc(payload, rows, kind), rows, kind) + payload
                state.head, state.wrap = start + need, wrap
            else:
                state.head = max(state.head, state.tail)
                state.dropped += rows
            state.accepted += rows
            state.settled += taken
            self._commit()
        return fits

    def drop(self, rows: int, *, taken: int = 0) -> None:
        """Count rows that were accepted and cannot be kept."""
        with self._lock:
            self.state.accepted += rows
            self.state.dropped += rows
            self.state.settled += taken
            self._commit()

    def now(self) -> State:
        """The counters with what was taken in ahead."""
        with self._lock:
            return _ahead(self.state, self.taken[0])

    def _settle(self) -> None:
        """What a killed writer had taken in and not framed died with it."""
        gone = self.taken[0] - self.state.settled
        if gone > 0:
            self.drop(gone, taken=gone)

    def _place(self, need: int) -> tuple[int, int]:
        """Where the next frame starts: frames are never split over the end of the ring."""
        state = self.state
        room = self.capacity - state.head % self.capacity
        return (state.head, state.wrap) if need <= room else (state.head + room, state.head)

    # -- handing over

    def begin(self) -> State | None:
        """Fix what the next segment holds: a writer that dies is followed by one that writes the same. None if nothing waits."""
        with self._lock:
            state = self.state
            if not state.until:
                if state.head == state.tail:
                    return None
                state.until, state.until_rows = state.head, state.waiting
                self._commit()
            return replace(state)

    def finish(self, missing: int = 0) -> None:
        """The segment is on disk; `missing` rows of it were unreadable (after a power loss)."""
        with self._lock:
            state = self.state
            spans = _spans(state, self.capacity)
            state.persisted += state.until_rows - missing
            state.dropped += missing
            state.lost += missing
            state.tail, state.segment = state.until, state.segment + 1
            state.until = state.until_rows = 0
            self._commit()
        for start, stop in spans:
            self._wipe(start, stop)

    def _wipe(self, start: int, stop: int) -> None:
        """What was handed over leaves no rows behind; in pieces, so that a request never waits for long."""
        for piece in range(start, stop, len(_BLANK)):
            with self._lock:
                at = max(piece, self.state.head - self.capacity)  # before that new frames stand
                size = min(stop, piece + len(_BLANK)) - at
                if size > 0:
                    place = DATA + at % self.capacity
                    self.memory[place : place + size] = _BLANK[:size]

    def cancel(self) -> None:
        """The segment could not be written; its rows stay in the ring."""
        with self._lock:
            self.state.until = self.state.until_rows = 0
            self._commit()

    def chunks(self, fixed: State) -> Iterator[memoryview]:
        """The frames of a fixed segment as at most two pieces of memory."""
        view = memoryview(self.memory)
        for start, stop in _spans(fixed, self.capacity):
            at = DATA + start % self.capacity
            yield view[at : at + stop - start]

    # -- the file

    def counted(self) -> int:
        """Rows that whoever counts has counted."""
        if not self.memory.closed:
            (self._counted,) = _COUNTED.unpack_from(self.memory, _COUNTED_AT)
        return self._counted

    def rekey(self, key: str) -> None:
        """Name the model whose rows come next; the ring must be empty."""
        _STATIC.pack_into(
            self.memory, 0, MAGIC, SCHEMA, 0, self.capacity, bytes.fromhex(self.source), bytes.fromhex(key)
        )
        self.key = key

    def retire(self) -> None:
        """Remove the file of a writer that will not come back; the ring must be empty and held."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of file and lock; another writer may claim what is left."""
        taken, self.taken = self.taken, memoryview(bytes(self.taken)).cast("Q")
        taken.release()
        with contextlib.suppress(BufferError):
            self.memory.close()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _commit(self) -> None:
        state = self.state
        state.turn += 1
        body = _STATE.pack(*_values(state))
        at = _SLOTS[state.turn & 1]
        self.memory[at : at + len(body) + _CRC.size] = body + _CRC.pack(zlib.crc32(body))


def _values(state: State) -> tuple[int, ...]:
    return (
        state.turn,
        state.head,
        state.tail,
        state.wrap,
        state.until,
        state.until_rows,
        state.segment,
        state.accepted,
        state.persisted,
        state.dropped,
        state.lost,
        state.settled,
    )


def _ahead(state: State, taken: int) -> State:
    return replace(state, accepted=state.accepted + max(0, taken - state.settled))


def crc(payload: bytes | memoryview, rows: int, kind: int) -> int:
    return zlib.crc32(payload, rows * 8 + kind & 0xFFFFFFFF)


def claim(folder: Path, capacity: int, key: str) -> Ring:
    """The first ring in the folder that no live process holds, or a new one.

    Raises
    ------
    OSError
        No file can be made here.
    """
    for number in range(1, 10_000):
        path = folder / f"ring-{number:03d}"
        found = attach(path, create=True)
        if found is None:
            continue
        try:
            if not _valid(found):
                _initialise(found, capacity, key)
            return Ring(mmap.mmap(found, os.fstat(found).st_size), found, path)
        except BaseException:
            os.close(found)
            raise
    raise OSError("no ring is free")


def adopt(path: Path) -> Ring | None:
    """The ring of a writer that has died; None while it lives, or where its file was never finished."""
    found = attach(path)
    if found is None:
        return None
    if not _valid(found):
        os.close(found)
        return None
    return Ring(mmap.mmap(found, os.fstat(found).st_size), found, path)


def attach(path: Path, *, create: bool = False) -> int | None:
    """An open, locked file; None where another process holds it or it is not there."""
    try:
        file = os.open(path, os.O_RDWR | (os.O_CREAT if create else 0), 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    if not _still(file, path):  # it was retired while we waited
        os.close(file)
        return attach(path, create=create) if create else None
    return file


def _still(file: int, path: Path) -> bool:
    try:
        return path.stat().st_ino == os.fstat(file).st_ino
    except FileNotFoundError:
        return False


def volatile(capacity: int, key: str) -> Ring:
    """A ring in memory alone, where the disk gives no file: it counts, and what it holds dies with the process."""
    memory = mmap.mmap(-1, DATA + capacity)
    _STATIC.pack_into(memory, 0, MAGIC, SCHEMA, 0, capacity, uuid.uuid4().bytes, bytes.fromhex(key))
    return Ring(memory, None, None)


def peek(path: Path) -> tuple[str, State, int] | None:
    """Source, state and counted rows of a ring that another process may be writing; None where it is none."""
    try:
        data = path.open("rb").read(DATA)
    except FileNotFoundError:
        return None
    if len(data) < DATA or data[:8] != MAGIC:
        return None
    source = _STATIC.unpack_from(data, 0)[4].hex()
    state = _ahead(_newest(data) or State(), _TAKEN.unpack_from(data, _TAKEN_AT)[0])
    return source, state, _COUNTED.unpack_from(data, _COUNTED_AT)[0]


def tell_counted(path: Path, rows: int) -> None:
    """Write how many rows of the ring's source have been counted; its writer shows the figure."""
    file = os.open(path, os.O_WRONLY)
    try:
        os.pwrite(file, _COUNTED.pack(rows), _COUNTED_AT)
    finally:
        os.close(file)


def rings(folder: Path) -> list[Path]:
    return sorted(folder.glob("ring-[0-9][0-9][0-9]"))


def _spans(state: State, capacity: int) -> list[tuple[int, int]]:
    """Positions of the frames between tail and `until`; the gap before the end of the ring is left out."""
    if state.tail <= state.wrap < state.until:
        middle = state.wrap + capacity - state.wrap % capacity
        spans = [(state.tail, state.wrap), (middle, state.until)]
    else:
        boundary = state.tail - state.tail % capacity + capacity
        spans = [(state.tail, min(boundary, state.until)), (boundary, state.until)]
    return [(start, stop) for start, stop in spans if start < stop]


def _newest(data: mmap.mmap | bytes) -> State | None:
    found = None
    for at in _SLOTS:
        body = data[at : at + _STATE.size]
        (want,) = _CRC.unpack_from(data, at + _STATE.size)
        if zlib.crc32(body) == want:
            state = State(*_STATE.unpack(body))
            if state.turn and (found is None or state.turn > found.turn):
                found = state
    return found


def _valid(file: int) -> bool:
    head = os.pread(file, _STATIC.size, 0)
    if len(head) < _STATIC.size or head[:8] != MAGIC:
        return False
    capacity: int = _STATIC.unpack(head)[3]
    return os.fstat(file).st_size == DATA + capacity


def _initialise(file: int, capacity: int, key: str) -> None:
    """Allocate every block first and write the magic last: a file that was not finished is made anew."""
    size = DATA + capacity
    os.ftruncate(file, 0)
    os.ftruncate(file, size)
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
    else:
        _fill(file, size)
    head = _STATIC.pack(MAGIC, SCHEMA, 0, capacity, uuid.uuid4().bytes, bytes.fromhex(key))
    os.pwrite(file, head[8:], 8)
    os.pwrite(file, head[:8], 0)


def _fill(file: int, size: int) -> None:
    block = bytes(2**20)
    for at in range(0, size, len(block)):
        os.pwrite(file, block[: min(len(block), size - at)], at)
