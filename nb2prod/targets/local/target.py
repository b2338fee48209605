"""The local target: services of this machine under supervisord, each behind a port that Caddy holds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from nb2prod.errors import Nb2prodError
from nb2prod.home import Home
from nb2prod.records.proof import BentoRef
from nb2prod.records.serving import ServiceSettings, ServiceStatus
from nb2prod.store import Store
from nb2prod.store.deployments import DeploymentRow, Deployments, RunRow
from nb2prod.store.panes import Panes
from nb2prod.targets.local import logs, orphans, ports, traffic
from nb2prod.targets.local.canary import Canary
from nb2prod.targets.local.candidates import Candidates
from nb2prod.targets.local.gateway import Gateway
from nb2prod.targets.local.place import lease
from nb2prod.targets.local.processes import NEEDED, Processes
from nb2prod.targets.local.runs import WorkerCommand, bento_worker, never_ran, nothing_ran
from nb2prod.targets.local.status import Observer
from nb2prod.targets.local.supervisor import Supervisor

START_DEADLINE = 120.0
CRASHED = ("BACKOFF", "EXITED", "FATAL")


class LocalTarget:
    """Where a Bento runs on this machine: one supervisord and one Caddy a home, N workers a deployment.

    What should run stands in the store; every verb changes that first and then brings the processes to it, so a verb
    that was cut off is completed by `ensure`. The processes survive the kernel that started them.

    Parameters
    ----------
    home
        The home whose deployments these are.
    control
        The interpreter of the environment with supervisor and Caddy; by default the home's control environment.
    worker
        How a worker is started; by default the packaged service.
    first_port
        New deployments get the lowest free port from here up; default: ``NB2PROD_FIRST_PORT``, else 3080.

    Examples
    --------
    >>> import tempfile
    >>> LocalTarget(Home(root=tempfile.mkdtemp())).port("delays") >= 3080
    True
    """

    def __init__(
        self,
        home: Home,
        *,
        control: Path | None = None,
        worker: WorkerCommand = bento_worker,
        first_port: int | None = None,
    ) -> None:
        self.home = home
        self.processes = Processes(home, control, worker)
        self._first_port = first_port or ports.first()

    # ---------------------------------------------------------------- a new version

    def start_worker(
        self, name: str, bento: BentoRef | Path | str, settings: ServiceSettings | None, python: Path | str, n: int = 2
    ) -> Path:
        """Start the first worker of a new run, before it has a version and without traffic.

        Parameters
        ----------
        bento
            The unpacked Bento.
        settings
            What the service is told; the spool is the target's to choose.
        python
            The interpreter of the environment that was proven.
        n
            How many workers it has once it takes traffic.

        Returns
        -------
        Path
            The worker's socket; ``GET /readyz`` on it has said 200.

        Raises
        ------
        Failed
            The worker ends or does not become ready; carries the last lines of its log. What ran goes on.
        NoSpace
            The disk is full.
        """
        self.home.require_space(NEEDED, what=f"the service `{name}`")
        self._control()
        with self.processes.changing():
            self.candidates.end(name)  # and nothing more: what else was made ready here is about to be used
            self._register(name, n)
            row = self.candidates.note(name, bento, python, n)
            run = self.processes.run(row)
            run.prepare(settings or ServiceSettings(name=name))
            lease(self.home, row.python, run.folder)
            self.processes.reconcile()
        try:
            self.processes.wait_ready(run)
        except BaseException:
            self.discard(name)
            raise
        return run.socket(1)

    def switch(self, name: str, version: int, *, model_uri: str | None = None, proof: str | None = None) -> int | None:
        """Send the traffic to the run that was started last, as this version, and drain the one before it.

        Without a started run it goes (back) to the run of a version that took traffic before; that one is started first. A canary
        of that version runs already; any other one ends here.

        Returns
        -------
        int or None
            The version that took the traffic before.
        """
        row = self.store.candidate(name) or self._revive(name, version)
        known = {key: value for key, value in (("model_uri", model_uri), ("proof", proof)) if value is not None}
        with self.processes.changing():
            before, canary = self.store.live(name), self.canary.share_of(name)
            row = self.store.change_run(name, row.run, version=version, **known)
            self.processes.require_port(self.store.get(name), first=self._first_port)
            slots = self.processes.slots(name)
            slots.point(slots.spare, self.processes.run(row).sockets())
            self.processes.run(row).tell(version=version, traffic=True)
            replaced = self.store.switch(name, row.run)
            slots.activate(slots.spare)
            try:
                self.processes.route()
            except Nb2prodError:
                slots.activate(slots.spare)
                self._switch_back(row, before)
                self.canary.restore(name, canary)
                raise
            self.processes.reconcile()
        return replaced if before is None or before.run != row.run else before.version

    def warm(self) -> None:
        """Have supervisord and Caddy ready for a worker that is to come; `settle` ends them where none came."""
        self._control()
        with self.processes.changing():
            self.processes.warm()

    def settle(self) -> None:
        """Bring the processes to what the store says."""
        with self.processes.changing():
            self.processes.reconcile()

    def discard(self, name: str) -> None:
        """End a run that was started and takes no traffic; nothing where there is none. Files of one without a version go too."""
        if self.store.find(name) and self.store.candidate(name):
            with self.processes.changing():
                self.candidates.end(name)
                self.processes.reconcile()

    # ---------------------------------------------------------------- a deployment

    def port(self, name: str) -> int:
        """The port that a deployment has, or would get now."""
        row = self.store.find(name)
        return row.port if row else ports.choose(self._promised(), first=self._first_port)

    def url(self, name: str) -> str:
        """Where a deployment answers."""
        return f"http://{ports.HOST}:{self.port(name)}"

    def status(self, name: str) -> ServiceStatus:
        """How a deployment is; asks supervisord, Caddy and the workers, changes nothing."""
        row, live = self.store.get(name), self.store.live(name)
        observer = Observer(self.home, self.supervisor, self.gateway, self.store)
        rows = sum(rows for _, _, rows in self._panes.versions(name))
        status = observer.status(row, self.processes.run(live) if live else None)
        return msgspec.structs.replace(status, rows=rows, canary=self.canary.status(name, self._panes))

    def logs(self, name: str, n: int = 50, follow: bool = False, version: int | None = None) -> Iterator[str]:
        """The last `n` lines of each worker; with `follow` what comes after, until the caller stops asking.

        Of the run that has the traffic, or of the last one of a `version`.
        """
        live = self.store.live(name) or self.store.candidate(name)
        if version is not None:
            live = self.store.of_version(name, version)
            if live is None:
                raise never_ran(name, version)
        paths: Sequence[Path] = self.processes.run(live).logs() if live else ()
        return logs.follow(paths, n) if follow else iter(logs.tail(paths, n))

    def start(self, name: str) -> None:
        """Start a stopped deployment: the version that last took traffic, on its port.

        Raises
        ------
        Conflict
            Another process holds the port.
        Failed
            No worker becomes ready; the deployment stays stopped.
        """
        self.home.require_space(NEEDED, what=f"the service `{name}`")
        self.store.get(name)
        row = self.store.live(name)
        if row is None:
            raise nothing_ran(name)
        if self.store.get(name).desired == "running":
            self.ensure()
            return
        self._control()
        self.processes.require_port(self.store.get(name), first=self._first_port)
        run = self.processes.run(row)
        with self.processes.changing():
            run.clear_sockets()
            run.prepare()
            run.tell(traffic=True)
            self.store.change(name, desired="running", verb="start")
            self.processes.reconcile()
        try:
            self.processes.wait_ready(run)
        except BaseException as error:
            self.stop(name)
            if isinstance(error, Nb2prodError):
                told = f"{error.title}. {error.why}"
                self.store.note(name, "failed", reason=told, log=list(error.log), fix=error.fix)
            raise

    def tell(self, name: str, **changes: Any) -> None:
        """Change what a deployment's service is told, in place; runs that come later are told by whoever starts them."""
        for row in (self.store.live(name), self.store.candidate(name), self.store.canary(name)):
            if row is None:
                continue
            run = self.processes.run(row)
            if row.state == "canary" and not run.service.exists():
                continue  # lost: its worker does not start again, which status says; the others are told all the same
            settings = run.settings()
            if any(getattr(settings, key) != value for key, value in changes.items()):
                run.tell(**changes)

    def pulse(self, name: str, slow_ms: float | None = None) -> tuple[int, traffic.Pulse] | None:
        """The run that takes the traffic, and what it has answered since it started; None where it does not say."""
        live = self.store.live(name)
        found = traffic.pulse(self.processes.run(live).sockets(), slow_ms) if live else None
        return (live.run, found) if live and found is not None else None

    def stop(self, name: str) -> None:
        """End a deployment's processes, a canary's too, and free its port; drained first. It keeps its port and all files."""
        live = self.store.live(name)
        with self.processes.changing():
            canary = self.store.end_canary(name)
            self.store.change(name, desired="stopped", verb="stop")
            self.processes.reconcile()
        ended = [self.processes.run(row) for row in (live, canary) if row]
        self.supervisor.stop([run.program_name(number) for run in ended for number in run.workers])
        for run in ended:
            run.clear_sockets()
        with self.processes.changing():
            self.processes.slots(name).clear()
            self.processes.reconcile()

    def scale(self, name: str, workers: int) -> None:
        """Change how many workers a deployment has, in place."""
        self.store.get(name)
        row = self.store.live(name)
        if row is None:
            raise nothing_ran(name)
        with self.processes.changing():
            self.store.change_run(name, row.run, workers=workers)
            self.store.change(name, workers=workers, verb="scale")
            self.processes.reconcile()

    def move(self, name: str) -> int:
        """Give a deployment another port, the lowest free one; where it should run it answers there at once."""
        with self.processes.changing():
            port = ports.choose(self._promised(), first=self._first_port)
            self.store.change(name, port=port, verb="port")
            self.processes.reconcile()
        return port

    def forget(self, row: RunRow) -> None:
        """Drop a run that takes no traffic, with its files."""
        with self.processes.changing():
            self.store.forget_run(row.name, row.run)
            self.processes.run(row).remove()

    def remove(self, name: str) -> None:
        """Stop a deployment and remove its processes, port, sockets and files; registry and captures are not touched."""
        self.discard(name)
        if not self.store.find(name):
            return
        self.stop(name)
        with self.processes.changing():
            for row in self.store.runs(name):
                self.processes.run(row).remove()
            shutil.rmtree(self.home.deployment(name), ignore_errors=True)
            self.store.remove(name)
            self.processes.reconcile()

    # ---------------------------------------------------------------- the home

    def ensure(self) -> None:
        """Bring everything that should run up again: after a restart of the machine, a killed supervisord, a dead worker."""
        with self.processes.changing():
            if self.supervisor.pid() is None:
                self.candidates.forget()
            self.processes.reconcile()

    def leftover_processes(self) -> list[int]:
        """Processes of this home, supervised or left by a supervisord that was killed."""
        return [one.pid for one in orphans.find(self.sockets)]

    def shutdown(self) -> None:
        """End supervisord, Caddy, the agent and all workers; `ensure` brings back what should run."""
        with self.processes.changing():
            self.supervisor.shutdown()
            self.processes.clear()

    @cached_property
    def canary(self) -> Canary:
        """The challenger beside a deployment's champion."""
        return Canary(self.processes)

    @cached_property
    def candidates(self) -> Candidates:
        """What was started and has no traffic yet."""
        return Candidates(self.processes)

    @property
    def store(self) -> Deployments:
        """What should run."""
        return self.processes.store

    @cached_property
    def _panes(self) -> Panes:
        return Store(self.home).panes

    @property
    def supervisor(self) -> Supervisor:
        """This home's supervisord."""
        return self.processes.supervisor

    @property
    def gateway(self) -> Gateway:
        """This home's Caddy."""
        return self.processes.gateway

    @property
    def sockets(self) -> Path:
        """The folder of all sockets."""
        return self.processes.sockets

    # ---------------------------------------------------------------- steps of the verbs

    def _control(self) -> None:
        """Have the control environment made, which takes seconds, before others wait for a lock."""
        _ = self.processes.place.newest

    def _register(self, name: str, workers: int) -> DeploymentRow:
        found = self.store.find(name)
        return found or self.store.create(name, port=self.port(name), workers=workers)

    def _revive(self, name: str, version: int) -> RunRow:
        """Start the run of a version that took traffic before."""
        row = self.store.of_version(name, version)
        if row is None or not Path(row.bento).exists():
            raise never_ran(name, version)
        if row.state in ("live", "canary") and self.store.get(name).desired == "running":
            if row.state == "canary":
                self.processes.wait_ready(self.processes.run(row))
            return row
        with self.processes.changing():
            row = self.store.change_run(name, row.run, state="starting")
            run = self.processes.run(row)
            run.clear_sockets()
            run.prepare()
            self.processes.reconcile()
        try:
            self.processes.wait_ready(run)
        except BaseException:
            self.discard(name)
            raise
        return row

    def _switch_back(self, row: RunRow, before: RunRow | None) -> None:
        self.processes.run(row).tell(traffic=False)
        if before is not None:
            self.store.switch(row.name, before.run, verb="switch-back")
        else:
            self.store.change(row.name, desired="stopped", run=None, version=None, verb="switch-back")
        self.store.change_run(row.name, row.run, state="starting")

    def _promised(self) -> set[int]:
        return {row.port for row in self.store.all()}
