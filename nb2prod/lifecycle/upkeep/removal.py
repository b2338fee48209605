"""remove: a deployment and, with `purge`, all that was ever made under its name; uninstall: everything."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from nb2prod import environments, registry
from nb2prod.errors import Nb2prodError
from nb2prod.home import Home
from nb2prod.lifecycle.upkeep.sizes import tree_bytes
from nb2prod.monitoring.exposition import path_of
from nb2prod.records.base import Record, read
from nb2prod.records.capture import CaptureRecord
from nb2prod.store import Store
from nb2prod.targets.local import LocalTarget


class Removed(Record, frozen=True, kw_only=True):
    """What went: places, and bytes in all. Of the shared cache: what was freed, what stays, and the homes that use it."""

    places: tuple[str, ...]
    bytes: int
    cache: str = ""
    cache_bytes: int = 0
    kept: tuple[str, ...] = ()
    kept_bytes: int = 0
    users: tuple[str, ...] = ()


def remove(home: Home, name: str, *, purge: bool = False, target: LocalTarget | None = None) -> Removed:
    """Stop a deployment and remove it: processes, port, sockets, spool, logs.

    Parameters
    ----------
    purge
        Also its registered versions (those that nb2prod made), counts, captures and Bentos. Without it they stay: the next
        deploy of the name goes on from them.

    Raises
    ------
    NotFound
        There is no such deployment; with `purge` only if nothing else of that name is there either.
    """
    target = target or LocalTarget(home)
    made = _made(home, name) if purge else []
    if not made:
        target.store.get(name)
    folders = [home.deployment(name), *made]
    size = sum(map(tree_bytes, folders))
    target.remove(name)
    path_of(home, name).unlink(missing_ok=True)
    if purge:
        registry.remove(name, home)
        Store(home).forget(name)
        for folder in made:
            shutil.rmtree(folder, ignore_errors=True)
    return Removed(places=tuple(str(folder) for folder in folders), bytes=size)


def uninstall(home: Home, *, target: LocalTarget | None = None) -> Removed:
    """Stop everything of a home and remove it, and of the shared cache what no other home uses.

    Nothing of this home is left: no process, port, socket or file. nb2prod itself is removed with ``pip uninstall nb2prod``.
    """
    target = target or LocalTarget(home)
    target.shutdown()
    leased = [
        one for one in _standing(home) if any(home.root in holder.parents for holder in environments.holders(one))
    ]
    size, cached = tree_bytes(home.root), tree_bytes(home.cache)
    shutil.rmtree(home.root)
    environments.leave(home)
    users = _users(home)
    if users:
        for place in leased:  # by this home alone, perhaps
            environments.free(home, place)
    else:
        environments.prune(home, cap=0, unused_for=0.0)  # leases of the home went with its folders
    with environments.unused(home.cache) as free:
        if free and not _users(home) and not _standing(home):
            _remove_cache(home)
    kept, left = _standing(home), tree_bytes(home.cache)
    return Removed(
        places=(str(home.root), *((str(home.cache),) if cached > left else ())),
        bytes=size + cached - left,
        cache=str(home.cache),
        cache_bytes=cached - left,
        kept=tuple(map(str, kept)),
        kept_bytes=left,
        users=users,
    )


def _users(home: Home) -> tuple[str, ...]:
    """The homes that use the cache, this one left out: those that say so, and those whose deployments lease of it."""
    holders = (holder for place in _standing(home) for holder in environments.holders(place))
    named = {*map(str, environments.homes(home.cache)), *map(_home_of, holders)}
    return tuple(sorted(named - {str(home.root)}))


def _remove_cache(home: Home) -> None:
    made = (home.environments, home.control, home.locks, home.wheels, home.templates)
    for name in ("probes", "bills", "shipped", environments.HOMES):
        shutil.rmtree(home.cache / name, ignore_errors=True)
    for folder in made:
        shutil.rmtree(folder, ignore_errors=True)
    (home.cache / environments.MARK).unlink(missing_ok=True)
    with suppress(OSError):
        home.cache.rmdir()


def _home_of(holder: Path) -> str:
    """The home whose folder leases an environment."""
    if holder.name == "local":
        return str(holder.parent)
    parts = holder.parents
    return str(parts[2] if len(parts) > 2 and parts[1].name == "deployments" else holder)


def _made(home: Home, name: str) -> list[Path]:
    """The folders of captures and Bentos under a name."""
    captures = [
        file.parent for file in (*home.captures.glob("*/capture.json"), *home.captures.glob("*/*/capture.json"))
    ]
    return [folder for folder in captures if _name(folder) == name] + [home.bentos / name] * (
        home.bentos / name
    ).is_dir()


def _name(capture: Path) -> str:
    with suppress(Nb2prodError, OSError):
        return read(capture / "capture.json", CaptureRecord).name
    return ""


def _standing(home: Home) -> list[Path]:
    """The environments that the cache holds."""
    places = (home.environments, home.control)
    return [one for place in places if place.is_dir() for one in place.iterdir() if (one / "bin" / "python").exists()]
