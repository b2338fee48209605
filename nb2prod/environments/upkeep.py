"""What can be made again and nothing uses: shown and freed, the oldest first, down to a cap."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nb2prod.environments import leases
from nb2prod.environments.venvs import size
from nb2prod.home import GIB, Home

DAY = 86400.0


@dataclass(frozen=True)
class Freed:
    """One thing that was freed, or would be."""

    path: Path
    bytes: int
    why: str


def prune(home: Home, dry_run: bool = False, *, cap: int = 10 * GIB, unused_for: float = 14 * DAY) -> list[Freed]:
    """Free environments, locks and wheels that nothing has used for `unused_for` seconds, then the oldest down to `cap` bytes.

    What a deployment leases stays, whatever its age; so does all while a process works with the cache, a deploy say. With
    `dry_run` nothing is removed.
    """
    now, freed, kept = time.time(), [], []
    for path, used in sorted(_kept(home), key=lambda item: item[1]):
        found = Freed(path, size(path), f"not used for {(now - used) / DAY:.0f} days")
        if now - used > unused_for and free(home, path, dry_run=dry_run):
            freed.append(found)
        else:
            kept.append(found)
    total = sum(item.bytes for item in kept)
    for item in kept:
        if total > cap and free(home, item.path, dry_run=dry_run):
            freed.append(Freed(item.path, item.bytes, f"the caches hold more than {cap / GIB:.0f} GiB"))
            total -= item.bytes
    return freed


def _kept(home: Home) -> Iterator[tuple[Path, float]]:
    """Everything of this room in the cache, with the time of its last use."""
    for base in (home.environments, home.control):
        for path in base.iterdir() if base.is_dir() else ():
            if path.is_dir() and not path.name.endswith(".leases"):
                yield path, _used(path.with_name(path.name + ".json")) or _used(path)
    shipped = home.cache / "shipped"
    for path in shipped.iterdir() if shipped.is_dir() else ():
        if path.is_dir():
            yield path, _used(path)
    for path in (
        found for folder in (home.locks, home.cache / "probes", home.cache / "bills") for found in folder.glob("*.json")
    ):
        yield path, _used(path)
    for path in home.wheels.iterdir() if home.wheels.is_dir() else ():
        if path.suffix not in _MARKS:
            yield path, _used(path)


_MARKS = (".json", ".lock", ".leases")


def _used(path: Path) -> float:
    """When it was last used; 0 for what another process has just taken away."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def free(home: Home, path: Path, *, dry_run: bool = False) -> bool:
    """Whether nothing uses it; then it goes, but for a dry run."""
    with leases.unused(home.cache, path) as unused:
        if not unused or dry_run:
            return unused
        if path.is_file():
            path.unlink(missing_ok=True)
        shutil.rmtree(path, ignore_errors=True)
        for suffix in (".json", ".lock"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        path.with_suffix(".lock").unlink(missing_ok=True)
        shutil.rmtree(path.with_name(path.name + ".leases"), ignore_errors=True)
        return True
