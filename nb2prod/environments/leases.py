"""Who uses what can be made again.

`prune` leaves alone what a deployment has leased, and all while a process works with the cache; a home that uses the cache
leaves a mark in it, so that another one's `uninstall` does not take it away.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TextIO

from nb2prod.home import Home, write_atomic

MARK: Final = ".use"
HOMES: Final = "homes"


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
    return _held(_folder(path))


def _held(folder: Path) -> list[Path]:
    found = []
    for file in sorted(folder.glob("*.json")):
        try:
            holder = Path(json.loads(file.read_bytes())["holder"])
        except (OSError, ValueError, KeyError):
            continue
        if holder.exists():
            found.append(holder)
        else:
            file.unlink(missing_ok=True)
    return found


def join(home: Home) -> None:
    """A home uses its cache from now on: until it is uninstalled, or its folder is gone."""
    mark = home.cache / HOMES / _name(home.root)
    if not mark.exists():
        mark.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(mark, json.dumps({"schema": 1, "holder": str(home.root)}).encode())


def leave(home: Home) -> None:
    """A home uses its cache no longer."""
    (home.cache / HOMES / _name(home.root)).unlink(missing_ok=True)


def homes(cache: Path) -> list[Path]:
    """The homes that use a cache; marks of homes that are gone are dropped."""
    return _held(cache / HOMES)


@contextlib.contextmanager
def in_use(cache: Path) -> Iterator[None]:
    """Work with what lies in a cache, from making or finding a thing until it is leased: nothing of it is freed meanwhile.

    The system lets go when the process dies, however it dies. It may be nested.
    """
    file = _marked(cache)
    try:
        yield
    finally:
        file.close()


@contextlib.contextmanager
def unused(cache: Path, path: Path | None = None) -> Iterator[bool]:
    """Whether no process works with the cache and nothing leases `path`; while the block runs nothing can begin to."""
    mark = cache / MARK
    if not cache.is_dir():
        yield True
        return
    with mark.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield path is None or not holders(path)


def _marked(cache: Path) -> TextIO:
    """The cache's mark, held; one that was taken away with the cache while it was waited for is no mark."""
    while True:
        cache.mkdir(parents=True, exist_ok=True)
        try:
            file = (cache / MARK).open("a")
        except FileNotFoundError:  # the cache has just gone
            continue
        fcntl.flock(file, fcntl.LOCK_SH)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), (cache / MARK).stat()):
                return file
        file.close()


def _folder(path: Path) -> Path:
    return path.with_name(path.name + ".leases")


def _name(holder: Path) -> str:
    return hashlib.sha256(str(holder.absolute()).encode()).hexdigest()[:24] + ".json"
