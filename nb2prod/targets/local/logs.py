"""The last lines of the workers' logs, and what follows."""

from __future__ import annotations

import collections
import io
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

CHUNK = 2**16


def tail(paths: Sequence[Path], n: int) -> list[str]:
    """The last `n` lines of each log, each line with its worker's name where there are several."""
    return [_named(path, line, paths) for path in paths for line in last_lines(path, n)]


def follow(paths: Sequence[Path], n: int, *, pause: float = 0.2) -> Iterator[str]:
    """`tail`, then every new line as it comes, across rotation; ends when the caller stops asking."""
    readers = [_Reader(path) for path in paths]
    yield from tail(paths, n)
    while True:
        fresh = [_named(reader.path, line, paths) for reader in readers for line in reader.read()]
        yield from fresh
        if not fresh:
            time.sleep(pause)


def last_lines(path: Path, n: int) -> list[str]:
    """The last `n` lines of a log; goes on in the file rotated before where the newest has fewer."""
    if n <= 0:
        return []
    found: collections.deque[str] = collections.deque(_end_of(path, n), maxlen=n)
    older = path.with_name(path.name + ".1")
    if len(found) < n and older.exists():
        return _end_of(older, n - len(found)) + list(found)
    return list(found)


def _end_of(path: Path, n: int) -> list[str]:
    try:
        with path.open("rb") as file:
            place = file.seek(0, io.SEEK_END)
            data = b""
            while place and data.count(b"\n") <= n:
                step = min(CHUNK, place)
                place = file.seek(place - step)
                data = file.read(step) + data
                file.seek(place)
    except FileNotFoundError:
        return []
    return data.decode(errors="replace").splitlines()[-n:]


class _Reader:
    """Reads what is appended to a log; opens it anew when supervisord has rotated it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rest = b""
        self._file = self._open(at_end=True)

    def read(self) -> list[str]:
        data = self._file.read() if self._file else b""
        if not data and self._replaced():
            if self._file:
                self._file.close()
            self._file = self._open(at_end=False)
            data = self._file.read() if self._file else b""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [line.decode(errors="replace") for line in lines]

    def _open(self, *, at_end: bool) -> io.BufferedReader | None:
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return None
        if at_end:
            file.seek(0, io.SEEK_END)
        return file

    def _replaced(self) -> bool:
        try:
            now = self.path.stat()
        except FileNotFoundError:
            return False
        return self._file is None or os.fstat(self._file.fileno()).st_ino != now.st_ino


def _named(path: Path, line: str, paths: Sequence[Path]) -> str:
    return line if len(paths) == 1 else f"{path.stem}  {line}"
