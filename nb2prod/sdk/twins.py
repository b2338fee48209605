"""Is this very model there already? Then nothing is made: Run All is safe."""

from __future__ import annotations

from dataclasses import dataclass

from nb2prod import registry
from nb2prod.capturing.capture import identical
from nb2prod.errors import Nb2prodError
from nb2prod.home import Home
from nb2prod.records.capture import Capture
from nb2prod.records.proof import RegisteredVersion
from nb2prod.store import Store
from nb2prod.store.deployments import RunRow


@dataclass(frozen=True)
class Live:
    """The run that takes a deployment's traffic, and what it was captured as."""

    run: RunRow
    version: int
    capture: Capture


@dataclass(frozen=True)
class Twin:
    """A registered version that is identical to a new capture."""

    capture: Capture
    version: RegisteredVersion


def live_of(name: str, home: Home) -> Live | None:
    """What is live under a name; None where nothing is, or where its capture is gone."""
    store = Store(home)
    return _opened(store.deployments.live(name) if store.deployments.find(name) else None, home)


def canary_of(name: str, home: Home) -> Live | None:
    """What answers a share under a name, as `live_of`."""
    return _opened(Store(home).deployments.canary(name), home)


def _opened(run: RunRow | None, home: Home) -> Live | None:
    if run is None or run.version is None:
        return None
    try:
        capture = registry.open_capture(home.captures / run.capture[:12])
    except (Nb2prodError, OSError):
        return None
    return Live(run, run.version, capture)


def find_twin(capture: Capture, *, home: Home) -> Twin | None:
    """Look among all registered versions of the name, the newest first.

    Identical means: same lock, code, runtime, signature and feature counts, and bit-equal answers to the rows that stayed
    with the other version. A version whose capture cannot be read any more is no twin.
    """
    for version in sorted(registry.versions(capture.name, home=home), key=lambda one: one.version, reverse=True):
        try:
            other = registry.fetch(capture.name, version.version, home=home)
        except Nb2prodError:
            continue
        if identical(capture, other):
            return Twin(capture=other, version=version)
    return None
