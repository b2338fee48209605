"""prune: shows and frees what nothing uses: old runs, versions, captures, Bentos, caches."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nb2prod import environments, registry
from nb2prod.errors import Nb2prodError
from nb2prod.home import Home
from nb2prod.lifecycle.upkeep.sizes import tree_bytes
from nb2prod.records.base import Record, read
from nb2prod.records.capture import CaptureRecord
from nb2prod.records.proof import RegisteredVersion
from nb2prod.store import Store
from nb2prod.store.deployments import RunRow
from nb2prod.targets.local import LocalTarget


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
        with its capture and its Bento; of captures that were never registered the newest `keep` of a name stay too. In a
        team's registry no version is touched.

    Examples
    --------
    >>> import tempfile
    >>> prune(Home(root=tempfile.mkdtemp()), dry_run=True).dry_run
    True
    """
    prune_ = _Pruning(home, target or LocalTarget(home), max(keep, 1))
    freed = []
    for candidate in prune_.candidates():
        if not dry_run:
            candidate.free()
        freed.append(candidate.freed)
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

    def candidates(self) -> Iterator[_Candidate]:
        """In the order in which they must go: what refers to a capture before the capture."""
        for name in sorted(self._names()):
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
        held = [row for row in rows if row.state in ("live", "starting") or row.run == self.deployments.get(name).run]
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
                yield self._version(version)

    def _version(self, version: RegisteredVersion) -> _Candidate:
        what, why = f"{version.name} {version.version}", f"older than the newest {self.keep}"
        freed = Freed(kind="version", what=what, bytes=0, why=why)
        return _Candidate(freed, partial(registry.remove, version.name, self.home, version.version))

    def _captures(self) -> Iterator[_Candidate]:
        unregistered: dict[str, int] = {}
        for capture in sorted(_captures(self.home), key=lambda one: -one.made):
            if capture.key in self._kept:
                continue
            unregistered[capture.name] = unregistered.get(capture.name, 0) + 1
            if unregistered[capture.name] > self.keep:
                why = "no version or run uses it"
                freed = Freed(
                    kind="capture", what=f"{capture.name} {capture.key}", bytes=tree_bytes(capture.folder), why=why
                )
                yield _Candidate(freed, partial(shutil.rmtree, capture.folder, ignore_errors=True))
            else:
                self._kept.add(capture.key)

    def _bentos(self) -> Iterator[_Candidate]:
        for folder in _folders(self.home.bentos):
            for bento in _folders(folder):
                if bento.name not in self._kept:
                    what = f"{folder.name}:{bento.name}"
                    freed = Freed(kind="bento", what=what, bytes=tree_bytes(bento), why="its capture is not kept")
                    yield _Candidate(freed, partial(shutil.rmtree, bento, ignore_errors=True))


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
