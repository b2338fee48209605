"""Segments: what a ring hands over, one file each, complete or not there; read back frame by frame."""

from __future__ import annotations

import contextlib
import os
import re
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from nb2prod.records.base import Record
from nb2prod.runtime.ring import FRAME, Ring, State, crc

MAGIC = b"NB2SEG1\n"
_LENGTH = struct.Struct("=I")
_NAME = re.compile(r"([0-9a-f]{32})-(\d{10})\.seg")


class Head(Record, frozen=True, kw_only=True):
    """Whose rows: source and sequence name the segment for ever, `key` the model's baseline and signature in the spool."""

    source: str
    sequence: int
    name: str
    key: str
    rows: int


class Frame(msgspec.Struct, frozen=True):
    payload: bytes
    rows: int
    kind: int


def path_of(folder: Path, source: str, sequence: int) -> Path:
    return folder / f"{source}-{sequence:010d}.seg"


def pending(folder: Path) -> list[Path]:
    """Segments that wait, the oldest of each source first."""
    return sorted(path for path in folder.glob("*.seg") if _NAME.fullmatch(path.name))


def size(folder: Path) -> int:
    """Bytes of the segments in a spool."""
    total = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".seg"):
                try:
                    total += entry.stat().st_size
                except FileNotFoundError:  # counted meanwhile
                    continue
    return total


def write(path: Path, head: Head, chunks: Iterable[bytes | memoryview]) -> None:
    """Write, fsync, rename, fsync the folder: a reader sees a whole segment or none.

    Raises
    ------
    OSError
        The disk is full or gone; nothing is left behind.
    """
    unfinished = path.with_suffix(".part")
    told = msgspec.json.encode(head)
    try:
        with unfinished.open("wb") as file:
            file.write(MAGIC + _LENGTH.pack(len(told)) + told)
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    with contextlib.suppress(OSError):  # it is there; only a power loss could still take it
        _sync_folder(path.parent)


def read(path: Path) -> tuple[Head, list[Frame]]:
    """A segment's head and its sound frames, in order; rows of the head less rows of the frames were torn off."""
    data = path.read_bytes()
    start = len(MAGIC) + _LENGTH.size
    if data[: len(MAGIC)] != MAGIC:
        raise ValueError(f"{path.name} is no segment")
    (length,) = _LENGTH.unpack_from(data, len(MAGIC))
    head = msgspec.json.decode(data[start : start + length], type=Head)
    return head, list(frames(memoryview(data)[start + length :]))


def frames(data: memoryview) -> Iterator[Frame]:
    """Frames up to the end, or to the first one that is torn."""
    at = 0
    while at + FRAME.size <= len(data):
        length, want, rows, kind = FRAME.unpack_from(data, at)
        payload = bytes(data[at + FRAME.size : at + FRAME.size + length])
        if len(payload) < length or crc(payload, rows, kind) != want:
            return
        yield Frame(payload, rows, kind)
        at += FRAME.size + length


def hand_over(ring: Ring, folder: Path, name: str, *, check: bool = False) -> bool:
    """Write what lies in the ring as its next segment; False where nothing lay there.

    Parameters
    ----------
    check
        Look at each frame first: after a power loss the counters may know of more than reached the disk.

    Raises
    ------
    OSError
        The segment could not be written; its rows stay in the ring.
    """
    fixed = ring.begin()
    if fixed is None:
        return False
    chunks: list[bytes | memoryview] = list(ring.chunks(fixed))
    missing = fixed.until_rows - _sound(chunks) if check else 0
    head = Head(source=ring.source, sequence=fixed.segment, name=name, key=ring.key, rows=fixed.until_rows - missing)
    try:
        write(path_of(folder, ring.source, fixed.segment), head, chunks)
    except OSError:
        ring.cancel()
        raise
    finally:
        for chunk in chunks:
            if isinstance(chunk, memoryview):
                chunk.release()
    ring.finish(missing)
    return True


def recover(ring: Ring, folder: Path, name: str) -> None:
    """Hand over everything that a dead writer left: first the segment that it had fixed, then the rest."""
    while hand_over(ring, folder, name, check=True):
        pass


def _sound(chunks: Iterable[bytes | memoryview]) -> int:
    return sum(frame.rows for chunk in chunks for frame in frames(memoryview(chunk)))


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


__all__ = ["Frame", "Head", "State", "hand_over", "path_of", "pending", "read", "recover", "write"]
