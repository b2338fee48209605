"""prune: shows and frees what nothing uses: old runs, versions, captures, Bentos, caches.

A capture without a version or a run stays while a process holds it (the kernel that made it, a deploy under way) and for
some hours after; one that was refused goes at once. A Bento goes with its capture.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nb2prod import environments, registry
from nb2prod.capturing import folders
from nb2prod.errors import Nb2prodError
from nb2prod.home import Home
from nb2prod.lifecycle.upkeep.sizes import tree_bytes
from nb2prod.records.base import Record, read
from nb2prod.records.capture import CaptureRecord
from nb2prod.records.proof import RegisteredVersion
from nb2prod.store import Store
from nb2prod.store.deployments import RunRow
from nb2prod.targets.local import LocalTarget

UNREGISTERED_STAYS = 6 * 3600.0
"""Seconds for which a capture that nobody registered stays: time to go on with it from another process."""


class Freed(Record, frozen=True, kw_only=True):
    """One thing that was freed, or would be; `kind` is run, version, capture, bento or cache."""

    kind: str
    what: str
    bytes: int
    why: str


class Pruned(Record, frozen=True, kw_only=True):
    """What `prune` freed, or with `dry_run` would free."""

    freed: tuple[Freed, ...]
    bytes: int
    dry_run: bool


@dataclass(frozen=True)
class _Candidate:
    """`free` does it and returns False where a process has begun to use it meanwhile."""

    freed: Freed
    free: Callable[[], object]


def prune(home: Home, *, dry_run: bool = False, keep: int = 5, target: LocalTarget | None = None) -> Pruned:
    """Free what nothing uses.

    Parameters
    ----------
    dry_run
        Only say what would go.
    keep
        How many versions of a name stay, the newest first. What takes traffic, has an alias or is being deployed stays always,
        with its capture and its Bento. A capture that was never registered stays while a process works with it and some
        hours after, one that was refused only as long as a process works with it. In a team's registry no version is touched.

    Examples
    --------
    >>> import tempfile
    >>> prune(Home(root=tempfile.mkdtemp()), dry_run=True).dry_run
    True
    """
    prune_ = _Pruning(home, target or LocalTarget(home), max(keep, 1))
    freed = [one.freed for one in prune_.candidates() if dry_run or one.free() is not False]
    cached = environments.prune(home, dry_run)
    freed += [Freed(kind="cache", what=str(one.path), bytes=one.bytes, why=one.why) for one in cached]
    return Pruned(freed=tuple(freed), bytes=sum(one.bytes for one in freed), dry_run=dry_run)


class _Pruning:
    def __init__(self, home: Home, target: LocalTarget, keep: int) -> None:
        self.home = home
        self.target = target
        self.keep = keep
        self.deployments = Store(home).deployments
        self._kept: set[str] = set()
        self._old: set[str] = set()
        self._busy: set[str] = set()

    def candidates(self) -> Iterator[_Candidate]:
        """In the order in which they must go: what refers to a capture before the capture."""
        for name in sorted(self._names()):
            if self.home.at_work(f"deploy-{name}"):
                self._kept |= {capture.key for capture in _captures(self.home) if capture.name == name}
                self._busy.add(name)
                continue
            runs, old = self._split_runs(name)
            self._kept |= {row.capture[:12] for row in runs}
            for row in old:
                yield self._run(row)
            yield from self._versions(name, {row.version for row in runs})
        yield from self._captures()
        yield from self._bentos()

    def _names(self) -> set[str]:
        deployed = {row.name for row in self.deployments.all()}
        return deployed | {one.name for one in _folders(self.home.bentos)} | {one.name for one in _captures(self.home)}

    def _split_runs(self, name: str) -> tuple[list[RunRow], list[RunRow]]:
        """The runs that stay and those that may go."""
        if not self.deployments.find(name):
            return [], []
        rows = self.deployments.runs(name)
        held = [
            row
            for row in rows
            if row.state in ("live", "starting", "canary") or row.run == self.deployments.get(name).run
        ]
        others = [row for row in reversed(rows) if row not in held]
        room = max(self.keep - len(held), 0)
        return [*held, *others[:room]], others[room:]

    def _run(self, row: RunRow) -> _Candidate:
        folder = self.home.deployment(row.name) / f"run-{row.run}"
        version = f"{row.name} {row.version}" if row.version else row.name
        freed = Freed(
            kind="run",
            what=version,
            bytes=tree_bytes(folder),
            why=f"logs and counters of an older run ({row.created[:10]})",
        )
        return _Candidate(freed, partial(self.target.forget, row))

    def _versions(self, name: str, running: set[int | None]) -> Iterator[_Candidate]:
        """Registered versions past the newest `keep`; only of the home's own registry, not opened where there is none."""
        if not _own_registry(self.home):
            return
        champion = registry.champion(name, self.home)
        for place, version in enumerate(registry.versions(name, self.home)):
            named = champion is not None and champion.version == version.version
            if place < self.keep or named or version.version in running:
                self._kept.add(version.capture[:12])
            else:
                self._old.add(version.capture[:12])
                yield self._version(version)

    def _version(self, version: RegisteredVersion) -> _Candidate:
        what, why = f"{version.name} {version.version}", f"older than the newest {self.keep}"
        freed = Freed(kind="version", what=what, bytes=0, why=why)
        return _Candidate(freed, partial(registry.remove, version.name, self.home, version.version))

    def _captures(self) -> Iterator[_Candidate]:
        for capture in _captures(self.home):
            why = self._why_not_kept(capture)
            if not why:
                self._kept.add(capture.key)
                continue
            what = f"{capture.name} {capture.key}"
            freed = Freed(kind="capture", what=what, bytes=tree_bytes(capture.folder), why=why)
            yield _Candidate(freed, partial(self._free, capture.key, capture.folder))

    def _why_not_kept(self, capture: _Kept) -> str:
        """Why it may go; empty where it stays."""
        if capture.key in self._kept or not self._unheld(capture.key):
            return ""
        if capture.key in self._old:
            return "its version goes"
        if folders.refusal(self.home, capture.key).exists():
            return "it was refused"
        age = time.time() - capture.made
        return f"no version or run uses it, made {age / 3600:.0f} h ago" if age > UNREGISTERED_STAYS else ""

    def _bentos(self) -> Iterator[_Candidate]:
        for folder in _folders(self.home.bentos):
            for bento in () if folder.name in self._busy else _folders(folder):
                if bento.name in self._kept or not self._unheld(bento.name):
                    continue
                what = f"{folder.name}:{bento.name}"
                freed = Freed(kind="bento", what=what, bytes=tree_bytes(bento), why="its capture is not kept")
                yield _Candidate(freed, partial(self._free, bento.name, bento))

    def _unheld(self, key: str) -> bool:
        with self.home.unheld(folders.held_name(key)) as free:
            return free

    def _free(self, key: str, folder: Path) -> bool:
        """Remove it, unless a process has begun to work with it."""
        with self.home.unheld(folders.held_name(key)) as free:
            if free:
                shutil.rmtree(folder, ignore_errors=True)
                folders.refusal(self.home, key).unlink(missing_ok=True)
            return free


@dataclass(frozen=True)
class _Kept:
    """A capture in the home; `key` is the first 12 hex digits of its manifest's digest."""

    folder: Path
    name: str
    key: str
    made: float


def _captures(home: Home) -> Iterator[_Kept]:
    """Captures lie under their digest, or under name and digest."""
    for file in (*home.captures.glob("*/capture.json"), *home.captures.glob("*/*/capture.json")):
        with suppress(Nb2prodError, OSError):  # half-made, or of a newer nb2prod: not ours to judge
            name = read(file, CaptureRecord).name
            yield _Kept(file.parent, name, file.parent.name[:12], file.stat().st_mtime)


def _folders(folder: Path) -> list[Path]:
    return sorted(one for one in folder.glob("*") if one.is_dir() and not one.name.startswith("."))


def _own_registry(home: Home) -> bool:
    uri = registry.tracking_uri(home)
    return uri.startswith("sqlite:") and str(home.mlflow) in uri and home.mlflow.is_dir()
