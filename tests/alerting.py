"""A store with a deployment that is watched, and increments to feed it: shared by the tests of alerts and of the agent."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from spooling import NOON, SIGNATURE, baseline

from nb2prod.baseline import sparse
from nb2prod.monitoring.collector import files_of
from nb2prod.records.monitoring import Increment
from nb2prod.runtime import sums
from nb2prod.runtime.watched import Watched
from nb2prod.store import Store

WATCHED = Watched("delays", baseline(), SIGNATURE)


def files() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        WATCHED.save(Path(folder))
        return files_of(Path(folder), WATCHED.key)


FILES = files()


def deploy(store: Store, name: str = "delays", versions: int = 1) -> None:
    """A deployment with so many versions, the last of which takes the traffic."""
    if store.deployments.find(name) is None:
        store.deployments.create(name, port=3080)
    for _ in range(versions):
        run = store.deployments.add_run(name, bento="/b", python="/p", workers=1).run
        store.deployments.change_run(name, run, version=run)
        store.deployments.switch(name, run)


def beside(store: Store, version: int, name: str = "delays", percent: float = 10) -> None:
    """A canary of that version."""
    run = store.deployments.add_run(name, bento="/b", python="/p", workers=1).run
    store.deployments.begin_canary(name, run, percent, version=version)


class Feed:
    """Minute by minute of traffic into a store."""

    def __init__(self, store: Store, name: str = "delays", version: int = 1, source: str = "s") -> None:
        self.store, self.name, self.version, self.source = store, name, version, source
        self.sequence = 0
        self.random = np.random.default_rng(7)

    def minute(self, number: int, rows: int = 100, shift: float = 0.0, **more: Any) -> None:
        """One increment that arrived in that minute after noon; `more` are counts by name."""
        columns = {
            "age": self.random.normal(40 + 10 * shift, 10, rows),
            "town": self.random.choice(["Ulm", "Bonn"], rows),
        }
        score = self.random.random(rows)
        counts = (
            sparse(WATCHED.baseline.count(columns, scores=np.stack((1 - score, score), axis=1), n=rows)) if rows else {}
        )
        self.put(number, rows, {**counts, **more})

    def outcome(self, number: int, values: np.ndarray, name: str = "conversion") -> None:
        rest = int(np.count_nonzero((values != 0) & (values != 1)))
        found = {f"@outcome.{name}": sums.exact(values), f"@squares.{name}": sums.exact(values**2)}
        self.put(number, 0, found | ({f"@rest.{name}": [(0, rest)]} if rest else {}))

    def put(self, number: int, rows: int, counts: dict[str, Any]) -> None:
        self.sequence += 1
        minute = int(NOON) + 60 * number
        one = Increment(
            source=self.source,
            sequence=self.sequence,
            name=self.name,
            version=self.version,
            model=WATCHED.key,
            grain="minute",
            period=minute,
            arrived=minute,
            rows=rows,
            counts=counts,
        )
        store = self.store
        sections = store.increments, store.panes, store.baselines
        with store.database.write() as connection:
            new = sections[0].add(connection, [one])
            sections[1].add(connection, new)
            sections[2].keep(connection, self.name, WATCHED.key, FILES)


def after(minute: int) -> float:
    """A time at which that minute is settled."""
    return NOON + 60 * (minute + 3)
