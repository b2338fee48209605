"""The local target: services of this machine under supervisord, each behind a port that Caddy holds."""

from __future__ import annotations

import importlib.util
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path

from nb2prod.errors import Conflict, Failed, Nb2prodError, NoSpace, NotFound
from nb2prod.home import Home
from nb2prod.records.proof import BentoRef
from nb2prod.records.serving import ServiceSettings, ServiceStatus
from nb2prod.store import Store
from nb2prod.store.deployments import DeploymentRow, Deployments, RunRow
from nb2prod.targets.local import logs, orphans, ports
from nb2prod.targets.local.gateway import Gateway, Route
from nb2prod.targets.local.place import Place, lease
from nb2prod.targets.local.runs import Run, WorkerCommand, bento_worker
from nb2prod.targets.local.slots import Slots
from nb2prod.targets.local.status import Observer
from nb2prod.targets.local.supervisor import Program, Supervisor

START_DEADLINE = 120.0
CRASHED = ("BACKOFF", "EXITED", "FATAL")
NEEDED = 64 * 2**20


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
        New deployments get the lowest free port from here up.

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
        first_port: int = ports.FIRST,
    ) -> None:
        self.home = home
        self._given_control = control
        self._worker = worker
        self._first_port = first_port

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
        self.discard(name)
        with self._changing():
            self._register(name, n)
            row = self._note_run(name, bento, python, n)
            run = self._run(row)
            run.prepare(settings or ServiceSettings(name=name))
            lease(self.home, row.python, run.folder)
            self._reconcile()
        try:
            self._wait_ready(run)
        except BaseException:
            self.discard(name)
            raise
        return run.socket(1)

    def switch(self, name: str, version: int, *, model_uri: str | None = None, proof: str | None = None) -> int | None:
        """Send the traffic to the run that was started last, as this version, and drain the one before it.

        Without a started run it goes (back) to the run of a version that took traffic before; that one is started first.

        Returns
        -------
        int or None
            The version that took the traffic before.
        """
        row = self.store.candidate(name) or self._revive(name, version)
        known = {key: value for key, value in (("model_uri", model_uri), ("proof", proof)) if value is not None}
        with self._changing():
            before = self.store.live(name)
            row = self.store.change_run(name, row.run, version=version, **known)
            self._require_port(self.store.get(name))
            slots = self._slots(name)
            slots.point(slots.spare, self._run(row).sockets())
            self._run(row).tell(version=version, traffic=True)
            replaced = self.store.switch(name, row.run)
            slots.activate(slots.spare)
            try:
                self.gateway.write(self._routes())
                self.gateway.load()
            except Nb2prodError:
                slots.activate(slots.spare)
                self._switch_back(row, before)
                raise
            self._reconcile()
        return replaced if before is None or before.run != row.run else before.version

    def discard(self, name: str) -> None:
        """End a run that was started and takes no traffic, and remove its files; nothing where there is none."""
        row = self.store.find(name) and self.store.candidate(name)
        if not row:
            return
        run = self._run(row)
        with self._changing():
            self.store.forget_run(name, row.run)
            if not self.store.runs(name):
                self.store.remove(name)
            self.supervisor.stop([run.program_name(1)])
            run.remove()
            self._reconcile()

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
        return observer.status(row, self._run(live) if live else None)

    def logs(self, name: str, n: int = 50, follow: bool = False) -> Iterator[str]:
        """The last `n` lines of each worker; with `follow` what comes after, until the caller stops asking."""
        live = self.store.live(name) or self.store.candidate(name)
        paths: Sequence[Path] = self._run(live).logs() if live else ()
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
        row = self._must_have_run(name)
        if self.store.get(name).desired == "running":
            self.ensure()
            return
        self._require_port(self.store.get(name))
        run = self._run(row)
        with self._changing():
            run.clear_sockets()
            run.prepare()
            run.tell(traffic=True)
            self.store.change(name, desired="running", verb="start")
            self._reconcile()
        try:
            self._wait_ready(run)
        except BaseException:
            self.stop(name)
            raise

    def stop(self, name: str) -> None:
        """End a deployment's processes and free its port; drained first. It keeps its port number and all files."""
        live = self.store.live(name)
        with self._changing():
            self.store.change(name, desired="stopped", verb="stop")
            self._reconcile()
        if live:
            run = self._run(live)
            self.supervisor.stop([run.program_name(number) for number in run.workers])
            run.clear_sockets()
        with self._changing():
            self._slots(name).clear()
            self._reconcile()

    def scale(self, name: str, workers: int) -> None:
        """Change how many workers a deployment has, in place."""
        row = self._must_have_run(name)
        with self._changing():
            self.store.change_run(name, row.run, workers=workers)
            self.store.change(name, workers=workers, verb="scale")
            self._reconcile()

    def move(self, name: str) -> int:
        """Give a deployment another port, the lowest free one; where it should run it answers there at once."""
        with self._changing():
            port = ports.choose(self._promised(), first=self._first_port)
            self.store.change(name, port=port, verb="port")
            self._reconcile()
        return port

    def forget(self, row: RunRow) -> None:
        """Drop a run that takes no traffic, with its files."""
        with self._changing():
            self.store.forget_run(row.name, row.run)
            self._run(row).remove()

    def remove(self, name: str) -> None:
        """Stop a deployment and remove its processes, port, sockets and files; registry and captures are not touched."""
        self.discard(name)
        if not self.store.find(name):
            return
        self.stop(name)
        with self._changing():
            for row in self.store.runs(name):
                self._run(row).remove()
            shutil.rmtree(self.home.deployment(name), ignore_errors=True)
            self.store.remove(name)
            self._reconcile()

    # ---------------------------------------------------------------- the home

    def ensure(self) -> None:
        """Bring everything that should run up again: after a restart of the machine, a killed supervisord, a dead worker."""
        with self._changing():
            if self.supervisor.pid() is None:
                self._forget_candidates()
            self._reconcile()

    def leftover_processes(self) -> list[int]:
        """Processes of this home, supervised or left by a supervisord that was killed."""
        return [one.pid for one in orphans.find(self.sockets)]

    def shutdown(self) -> None:
        """End supervisord, Caddy, the agent and all workers; `ensure` brings back what should run."""
        with self._changing():
            self.supervisor.shutdown()
            self._clear()

    @cached_property
    def store(self) -> Deployments:
        """What should run."""
        return Store(self.home).deployments

    @cached_property
    def place(self) -> Place:
        """Where the home's supervisord and Caddy run from, and where their sockets are."""
        return Place.of(self.home, self._given_control)

    @property
    def sockets(self) -> Path:
        """The folder of all sockets."""
        return self.place.sockets

    @cached_property
    def supervisor(self) -> Supervisor:
        """This home's supervisord."""
        return Supervisor(self.home.local, self.sockets, lambda: self.place.python)

    @cached_property
    def gateway(self) -> Gateway:
        """This home's Caddy."""
        return Gateway(self.home.local, self.sockets, lambda: self.place.python)

    # ---------------------------------------------------------------- from the store to processes

    def _reconcile(self) -> None:
        """Bring supervisord and Caddy to what the store says; with nothing to run, both end."""
        workers = [program for run in self._wanted() for program in run.programs()]
        if not workers:
            self.supervisor.shutdown()
            self._clear()
            return
        self.place.keep()
        routes = self._routes()
        self.gateway.write(routes)
        for route in routes:
            self._point(route)
        self.supervisor.apply([self.gateway.program(), *self._agent(), *workers])
        self.gateway.load()

    def _wanted(self) -> list[Run]:
        """Every run that should have workers: what takes traffic, and what is about to."""
        found = []
        for deployment in self.store.all():
            for row in self.store.runs(deployment.name):
                serves = row.run == deployment.run and deployment.desired == "running"
                if serves or row.state == "starting":
                    found.append(self._run(row))
        return found

    def _routes(self) -> list[Route]:
        """One route a running deployment; one whose port another process holds is left out, so that the others go on."""
        held = self.gateway.ports()
        routes = []
        for deployment in self.store.all():
            row = self.store.live(deployment.name)
            if row is None or deployment.desired != "running":
                continue
            if deployment.port in held or ports.free(deployment.port):
                limit = self._run(row).settings().body_limit
                coming = self.store.candidate(deployment.name)
                workers = max(row.workers, coming.workers if coming else 0)
                routes.append(Route(deployment.name, deployment.port, self._slots(deployment.name), workers, limit))
        return routes

    def _point(self, route: Route) -> None:
        """Let the slot in use lead to the run that takes traffic, and the spare one to what is coming.

        With nothing coming both lead to the same run: a request that chose the other slot before a switch, and was slow to
        send its body, still finds a worker.
        """
        live, coming = self.store.live(route.name), self.store.candidate(route.name)
        if live is not None:
            route.slots.point(route.slots.active, self._run(live).sockets())
            route.slots.point(route.slots.spare, self._run(coming or live).sockets())

    def _agent(self) -> list[Program]:
        """The home's agent, where this nb2prod has one."""
        if importlib.util.find_spec("nb2prod.agent.__main__") is None:
            return []
        told = {"NB2PROD_HOME": str(self.home.root), "NB2PROD_CACHE": str(self.home.cache)}
        told |= {key: os.environ[key] for key in ("NB2PROD_STORE", "MLFLOW_TRACKING_URI") if key in os.environ}
        command = (str(self.place.newest), "-P", "-m", "nb2prod.agent")
        return [Program("agent", command, told, self.home.local, self.home.local / "agent.log", priority=900)]

    def _run(self, row: RunRow) -> Run:
        return Run(self.home, self.sockets, row, self._worker)

    def _slots(self, name: str) -> Slots:
        return Slots(self.sockets, name)

    def _changing(self) -> AbstractContextManager[None]:
        return self.home.lock("local", timeout=180.0)

    # ---------------------------------------------------------------- steps of the verbs

    def _register(self, name: str, workers: int) -> DeploymentRow:
        found = self.store.find(name)
        return found or self.store.create(name, port=self.port(name), workers=workers)

    def _note_run(self, name: str, bento: BentoRef | Path | str, python: Path | str, workers: int) -> RunRow:
        known = {"capture": bento.capture, "tag": bento.tag} if isinstance(bento, BentoRef) else {}
        folder = bento.folder if isinstance(bento, BentoRef) else bento
        return self.store.add_run(name, bento=str(folder), python=str(python), workers=workers, **known)

    def _revive(self, name: str, version: int) -> RunRow:
        """Start the run of a version that took traffic before."""
        row = self.store.of_version(name, version)
        if row is None or not Path(row.bento).exists():
            raise NotFound(
                f"Version {version} of `{name}` never ran here",
                code="no-run",
                where=name,
                why="No run of it is known, or its Bento was pruned.",
                fix=f'nb2prod.deploy("models:/{name}/{version}")',
                kept="the version that takes traffic goes on",
            )
        if row.state == "live" and self.store.get(name).desired == "running":
            return row
        with self._changing():
            row = self.store.change_run(name, row.run, state="starting")
            run = self._run(row)
            run.clear_sockets()
            run.prepare()
            self._reconcile()
        try:
            self._wait_ready(run)
        except BaseException:
            self.store.change_run(name, row.run, state="retired")
            with self._changing():
                self._reconcile()
            raise
        return row

    def _switch_back(self, row: RunRow, before: RunRow | None) -> None:
        self._run(row).tell(traffic=False)
        if before is not None:
            self.store.switch(row.name, before.run, verb="switch-back")
        else:
            self.store.change(row.name, desired="stopped", run=None, version=None, verb="switch-back")
        self.store.change_run(row.name, row.run, state="starting")

    def _wait_ready(self, run: Run, deadline: float = START_DEADLINE) -> None:
        """Wait for the first worker of a run; a worker that ends is an error at once."""
        name, until = run.program_name(1), time.monotonic() + deadline
        look = 0.0
        while not run.ready(1):
            if time.monotonic() > look:
                process = self.supervisor.processes().get(name)
                if process is None or process.state in CRASHED:
                    raise self._did_not_start(run, "It ended before it was ready.")
                look = time.monotonic() + 0.25
            if time.monotonic() > until:
                raise self._did_not_start(run, f"It was not ready within {deadline:.0f} s.")
            time.sleep(0.02)

    def _did_not_start(self, run: Run, why: str) -> Nb2prodError:
        last = [line for line in logs.last_lines(run.log(1), 40) if line.strip()][-12:]
        current = self.store.get(run.row.name)
        running = current.desired == "running" and current.run != run.row.run
        kept = f"version {current.version} goes on answering" if running else "nothing takes traffic"
        full = any("No space left on device" in line for line in last)
        return (NoSpace if full else Failed)(
            f"The service `{run.row.name}` does not start",
            code="disk-full" if full else "worker-start",
            where=str(run.log(1)),
            why="\n".join((why, *last)),
            fix="nb2prod prune" if full else f"nb2prod logs {run.row.name}",
            kept=kept,
        )

    def _require_port(self, row: DeploymentRow) -> None:
        if row.port in self.gateway.ports() or ports.free(row.port):
            return
        if row.run is None:  # nobody knows this port yet: take another
            self.store.change(row.name, port=ports.choose(self._promised(), first=self._first_port), verb="port")
            return
        raise Conflict(
            f"Port {row.port} of `{row.name}` is taken",
            code="port-taken",
            where=f"{ports.HOST}:{row.port}",
            why=f"{ports.holder(row.port)} listens there.",
            fix=f"nb2prod doctor --fix    # gives `{row.name}` another port; or end that process and start again",
            kept="nothing was started",
        )

    def _must_have_run(self, name: str) -> RunRow:
        self.store.get(name)
        row = self.store.live(name)
        if row is None:
            raise NotFound(
                f"`{name}` has no version that took traffic",
                code="no-run",
                where=name,
                why="Its first deploy was not completed.",
                fix="%deploy model --name " + name,
            )
        return row

    def _promised(self) -> set[int]:
        return {row.port for row in self.store.all()}

    def _forget_candidates(self) -> None:
        """A supervisord that is gone took the unfinished deploys with it."""
        for deployment in self.store.all():
            row = self.store.candidate(deployment.name)
            if row is not None and row.version is None:
                self.store.forget_run(row.name, row.run)
                self._run(row).remove()

    def _clear(self) -> None:
        """With nothing running, the sockets folder goes too."""
        self.place.forget()
        for name in ("place", "supervisor", "gateway"):
            self.__dict__.pop(name, None)
