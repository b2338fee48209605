"""Runs that were started and have no traffic yet: a deploy's, until its switch."""

from __future__ import annotations

from pathlib import Path

from nb2prod.records.proof import BentoRef
from nb2prod.store.deployments import RunRow
from nb2prod.targets.local.processes import Processes


class Candidates:
    """The candidate of each deployment; to be called while the processes are `changing`.

    Parameters
    ----------
    processes
        The home's.
    """

    def __init__(self, processes: Processes) -> None:
        self.processes, self.store = processes, processes.store

    def note(self, name: str, bento: BentoRef | Path | str, python: Path | str, workers: int) -> RunRow:
        """Write down that a run of this Bento is to be started."""
        known = {"capture": bento.capture, "tag": bento.tag} if isinstance(bento, BentoRef) else {}
        folder = bento.folder if isinstance(bento, BentoRef) else bento
        return self.store.add_run(name, bento=str(folder), python=str(python), workers=workers, **known)

    def end(self, name: str) -> None:
        """End the one of a deployment; nothing where there is none."""
        row = self.store.find(name) and self.store.candidate(name)
        if row:
            self.processes.supervisor.stop([self.processes.run(row).program_name(1)])
            self._give_up(row)

    def forget(self) -> None:
        """A supervisord that is gone took the unfinished deploys with it."""
        for deployment in self.store.all():
            row = self.store.candidate(deployment.name)
            if row is not None:
                self._give_up(row)

    def _give_up(self, row: RunRow) -> None:
        """What has a version took traffic before or is registered: it can be started again. Everything else is forgotten."""
        if row.version is not None:
            self.store.change_run(row.name, row.run, state="retired")
            return
        self.store.forget_run(row.name, row.run)
        self.processes.run(row).remove()
        if not self.store.runs(row.name):
            self.store.remove(row.name)
