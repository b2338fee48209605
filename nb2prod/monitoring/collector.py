"""From spools to the store: counts what services wrote, and takes the increments over, each once."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from nb2prod.errors import Conflict, Nb2prodError
from nb2prod.home import Home
from nb2prod.monitoring.origin import Origin
from nb2prod.monitoring.remote import Remote
from nb2prod.records.base import read
from nb2prod.records.sampling import Sampling
from nb2prod.records.serving import ServiceSettings
from nb2prod.runtime.counting import Counter
from nb2prod.runtime.outbox import Outbox, Page
from nb2prod.runtime.samples import FILE as SAMPLES
from nb2prod.runtime.samples import Samples
from nb2prod.runtime.side import Side
from nb2prod.store import Store
from nb2prod.store.labels import Told

log = logging.getLogger(__name__)
PRUNE_SECONDS = 60.0
Models = Callable[[str], dict[str, bytes]]
"""From a model's key to its files: `baseline.json`, `baseline.npz`, `signature.json`, `name`."""


class Collector:
    """Brings a home's counts into a store.

    Any number of collectors may run at once: a deployment is counted by one at a time, and the store takes an increment once.
    A kill at any moment loses nothing and counts nothing twice: increments leave the outbox after the store has them.
    """

    def __init__(self, home: Home, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self.home = home
        self.store = store
        self._clock = clock
        self._pruned: dict[Path, float] = {}

    def run_once(self, name: str | None = None, *, deadline: float | None = None) -> bool:
        """Count and take over what waits, of one deployment or of all.

        Parameters
        ----------
        deadline
            Monotonic seconds at which it stops, between two segments.

        Returns
        -------
        bool
            Whether everything that waited is in the store now. One deployment that fails does not stop the others.
        """
        done = True
        for folder in self.folders(name):
            try:
                done &= self._deployment(folder, deadline)
            except (Nb2prodError, OSError, sqlite3.Error) as error:
                if isinstance(error, Conflict) and error.code == "locked":
                    log.info("%s is being counted by another process", folder.name)
                else:
                    log.warning("the counts of %s cannot be collected: %s", folder.name, error)
                done = False
        return done

    def folders(self, name: str | None = None) -> list[Path]:
        """The deployments' folders in this home."""
        if name is not None:
            return [folder for folder in [self.home.deployment(name)] if folder.is_dir()]
        return sorted(path for path in self.home.deployment("x").parent.glob("*") if path.is_dir())

    def _deployment(self, folder: Path, deadline: float | None) -> bool:
        done = True
        spools = list(spools_of(folder))
        counted = [spool for spool, counter in spools if counter == "agent"]
        if counted or (folder / "counts").is_dir():
            done &= self._count(counted, folder / "counts", deadline)
        for spool, counter in spools:
            if counter == "self" and (spool / "side").is_dir():
                self._read_only(spool / "side")
        return done

    def _count(self, spools: list[Path], side: Path, deadline: float | None) -> bool:
        own = Side(side)
        try:
            wait = 0.0 if deadline is None else max(0.0, deadline - time.monotonic())
            with own.alone(timeout=wait):
                done = True
                for spool in spools:
                    told = settings_of(spool)
                    counter = Counter(spool, side, clock=self._clock, maturation=told.maturation, sample=told.sample)
                    try:
                        done &= counter.run(deadline=deadline)
                    finally:
                        counter.close()
                self._empty(own)
                self._prune(spools, side)
                return done
        finally:
            own.close()

    def _prune(self, spools: list[Path], side: Path) -> None:
        """Hold the kept rows to their days and bytes: those that the run with the traffic is told, or the usual ones."""
        now = self._clock()
        if not (side / SAMPLES).exists() or now - self._pruned.get(side, 0.0) < PRUNE_SECONDS:
            return
        self._pruned[side] = now
        told = sorted((settings_of(spool) for spool in spools), key=lambda one: one.traffic)
        sample = next((one.sample for one in reversed(told) if one.sample is not None), Sampling(0.0))
        samples = Samples(side)
        try:
            samples.prune(sample.days, sample.bytes, now)
        finally:
            samples.close()

    def _empty(self, side: Side) -> None:
        """Take over everything in an outbox that is ours alone."""
        outbox = Outbox(side)
        while True:
            page = outbox.page()
            self.take(page, lambda key: files_of(side.folder, key))
            outbox.fetched(page.last)
            if not page.more:
                return

    def _read_only(self, folder: Path) -> None:
        """Take over from a service that counts for itself: its outbox is for every collector, so nothing is removed."""
        side = Side(folder)
        try:
            outbox = Outbox(side)
            self._follow(side.uuid, outbox.page, lambda key: files_of(folder, key))
        finally:
            side.close()

    def pull(self, remote: Remote) -> int:
        """Take over what a service elsewhere has counted for itself since the last pull; how many increments were new.

        Raises
        ------
        Conflict
            It serves another model under the name of a deployment that is here.
        """
        origin = Origin(self.store, remote.label(), remote.url)
        return self._follow(remote.outbox(), remote.page, remote.files, origin.here)

    def _follow(
        self,
        outbox: str,
        pages: Callable[[int], Page],
        models: Models,
        here: Callable[[Page], Page] = lambda page: page,
    ) -> int:
        told = self.store.labels.outbox(outbox)
        last, new, more = told.last if told else 0, 0, True
        while more:
            page = here(pages(last))
            new += self.take(page, models)
            last, more = page.last, page.more
        return new

    def take(self, page: Page, models: Models) -> int:
        """Put a page of increments into the store: increments, panes and the place in the outbox in one transaction.

        Returns
        -------
        int
            How many increments were new.
        """
        store = self.store
        sections = store.increments, store.panes, store.labels, store.baselines  # made before the transaction begins
        increments, panes, labels, baselines = sections
        name = page.increments[-1].name if page.increments else None
        known = labels.outbox(page.outbox)
        if name is None and known is None:
            return 0
        with store.database.write() as connection:
            new = increments.add(connection, page.increments)
            panes.add(connection, new)
            for key, owner in {one.model: one.name for one in new}.items():
                if not baselines.has(connection, key):
                    baselines.keep(connection, owner, key, models(key))
            labels.tell(
                connection,
                Told(
                    outbox=page.outbox,
                    name=name or (known.name if known else ""),
                    last=page.last if page.increments else (known.last if known else 0),
                    collected=self._clock(),
                    lost=page.lost,
                    held=page.held,
                    unmatched=page.unmatched,
                    rows=(known.rows if known else 0) + sum(one.rows for one in new),
                ),
            )
        return len(new)


def settings_of(spool: Path) -> ServiceSettings:
    """What the service of a run is told; the usual where that cannot be read."""
    try:
        return read(spool.parent / "service.json", ServiceSettings)
    except (Nb2prodError, OSError):
        return ServiceSettings(name="")


def files_of(folder: Path, key: str) -> dict[str, bytes]:
    """A model's files beside a spool's counts."""
    return {path.name: path.read_bytes() for path in (folder / "models" / key).iterdir() if path.is_file()}


def spools_of(folder: Path) -> Iterator[tuple[Path, str]]:
    """The spools of a deployment's runs, and who counts each."""
    for path in sorted(folder.glob("*/service.json")):
        try:
            settings = read(path, ServiceSettings)
        except (Nb2prodError, OSError):
            continue
        if settings.spool and Path(settings.spool).is_dir():
            yield Path(settings.spool), settings.counter
