"""Who uses what can be made again: `prune` leaves alone what a living process holds or a deployment has leased."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from nb2prod.home import write_atomic


def lease(path: Path, holder: Path) -> None:
    """`holder` (a deployment's folder) uses `path` for as long as that folder exists."""
    folder = _folder(path)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / _name(holder), json.dumps({"schema": 1, "holder": str(holder)}).encode())


def release(path: Path, holder: Path) -> None:
    """`holder` uses `path` no longer."""
    (_folder(path) / _name(holder)).unlink(missing_ok=True)


def holders(path: Path) -> list[Path]:
    """The folders that lease `path`; leases of folders that are gone are dropped."""
    found = []
    for file in sorted(_folder(path).glob("*.json")):
        try:
            holder = Path(json.loads(file.read_bytes())["holder"])
        except (OSError, ValueError, KeyError):
            continue
        if holder.exists():
            found.append(holder)
        else:
            file.unlink(missing_ok=True)
    return found


@contextlib.contextmanager
def in_use(path: Path) -> Iterator[None]:
    """Hold `path` for this process; the system lets go when the process dies, however it dies."""
    mark = path.with_name(path.name + ".use")
    with mark.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)


@contextlib.contextmanager
def unused(path: Path) -> Iterator[bool]:
    """Whether nothing uses `path`; while the block runs nothing can begin to."""
    mark = path.with_name(path.name + ".use")
    with mark.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        try:
            yield not holders(path)
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)


def _folder(path: Path) -> Path:
    return path.with_name(path.name + ".leases")


def _name(holder: Path) -> str:
    return hashlib.sha256(str(holder.absolute()).encode()).hexdigest()[:24] + ".json"
