"""Capture folders: made beside the others, moved to their place when whole, found again."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

from nb2prod.capturing.identity import identical, same_in_all
from nb2prod.errors import Nb2prodError, NoSpace
from nb2prod.home import Home, unfinished
from nb2prod.records.base import read
from nb2prod.records.capture import Capture, CaptureRecord
from nb2prod.runtime import manifest

RECORD = "capture.json"


def open_capture(folder: Path) -> Capture:
    """A capture from its folder, every file checked against the manifest."""
    checked = manifest.check(folder)
    return Capture(folder, read(folder / RECORD, CaptureRecord), checked)


def held_name(key: str) -> str:
    """What a process that works with a capture holds in the home; `key` is the name of its folder."""
    return f"capture-{key[:12]}"


def refused(capture: Capture, home: Home) -> None:
    """Nobody will register it: `prune` may free it at once."""
    refusal(home, capture.folder.name).touch()
    home.release(held_name(capture.folder.name))


def refusal(home: Home, key: str) -> Path:
    """The mark of a capture that was refused."""
    folder = home.root / "locks"
    folder.mkdir(exist_ok=True)
    return folder / f"capture-{key[:12]}.refused"


@contextlib.contextmanager
def making(home: Home) -> Iterator[Path]:
    """A folder of ours beside the captures, gone when it was not kept."""
    made = unfinished(home.captures)
    made.chmod(0o755)
    try:
        yield made
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise _full(home) from error
        raise
    finally:
        shutil.rmtree(made, ignore_errors=True)


def kept(made: Capture, home: Home) -> Capture:
    """Move the folder to its place, or return the identical capture that is there already."""
    known = _known(made, home)
    if known is not None:
        return known
    target = home.captures / made.digest[:12]
    home.hold(held_name(target.name))
    with home.lock("captures"):
        if target.exists():
            return open_capture(target)
        made.folder.rename(target)
    return dataclasses.replace(made, folder=target)


def _known(made: Capture, home: Home) -> Capture | None:
    """A capture of this name in the home that says the very same; it gets this kernel's real rows."""
    for folder in sorted(home.captures.glob("[0-9a-f]*")):
        new = home.hold(held_name(folder.name))  # first, so that `prune` cannot take it away meanwhile
        if _the_same(made, folder):
            return dataclasses.replace(open_capture(folder), live=made.live)
        if new:
            home.release(held_name(folder.name))
    return None


def _the_same(made: Capture, folder: Path) -> bool:
    try:
        record = read(folder / RECORD, CaptureRecord)
        named = record.name == made.name and same_in_all(record, made.record)
        return named and identical(made, open_capture(folder))
    except (Nb2prodError, OSError):  # half a capture, a newer one, a tampered one: not one to build upon
        return False


def _full(home: Home) -> NoSpace:
    return NoSpace(
        "The disk is full",
        code="disk-full",
        where=str(home.captures),
        why="The capture could not be written to its end.",
        fix=home.room_fix(),
        kept="nothing was kept of it",
    )
