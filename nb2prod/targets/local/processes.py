"""From the store to processes: what should run is brought up, everything else ends."""

from __future__ import annotations

import importlib.util
import os
import time
from contextlib import AbstractContextManager, suppress
from functools import cached_property
from pathlib import Path

from nb2prod.errors import Conflict, Failed, Nb2prodError, NoSpace
from nb2prod.home import Home
from nb2prod.records.serving import CanaryShare
from nb2prod.store import Store
from nb2prod.store.deployments import CANARY, DeploymentRow, Deployments, RunRow
from nb2prod.targets.local import logs, ports
from nb2prod.targets.local.cause import cause, readable
from nb2prod.targets.local.gateway import Gateway, Route
from nb2prod.targets.local.place import Place
from nb2prod.targets.local.runs import Run, WorkerCommand
from nb2prod.targets.local.slots import Slots
from nb2prod.targets.local.supervisor import Program, Supervisor

START_DEADLINE = 120.0
NEEDED = 64 * 2**20
CRASHED = ("BACKOFF", "EXITED", "FATAL")


class Processes:
    """The processes of a home, held to what its store says.

    Parameters
    ----------
    home
        The home.
    control
        The interpreter of the control environment; None: the home's own, made when it is needed.
    worker
        How a worker is started.
    """

    def __init__(self, home: Home, control: Path | None, worker: WorkerCommand) -> None:
        self.home = home
        self._control = control
        self._worker = worker

    @cached_property
    def store(self) -> Deployments:
        """What should run."""
        return Store(self.home).deployments

    @cached_property
    def place(self) -> Place:
        """Where the home's supervisord and Caddy run from, and where their sockets are."""
        return Place.of(self.home, self._control)

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

    def reconcile(self) -> None:
        """Bring supervisord and Caddy to what the store says; with nothing to run or to pull from elsewhere, both end."""
        wanted = self._wanted()
        # with nothing that takes traffic there is nothing to watch, and the agent would start beside the proof
        watched = self.home.services.exists() or any(run.row.state != "starting" for run in wanted)
        if not wanted and not watched:
            self.supervisor.shutdown()
            self.clear()
            return
        serving = [self.gateway.program(), *(program for run in wanted for program in run.programs())] if wanted else []
        self.place.keep()
        routes = self._routes()
        self.gateway.write(routes)
        for route in routes:
            self._point(route)
            self.tell_share(route.name)
        self.supervisor.apply([*serving, *(self._agent() if watched else [])])
        if wanted:
            self.gateway.load()

    def warm(self) -> None:
        """Start supervisord and Caddy where nothing runs, for the worker that is to come; `reconcile` ends them without one."""
        if self.supervisor.pid() is None and not self._wanted():
            self.place.keep()
            self.gateway.write(self._routes())
            self.supervisor.apply([self.gateway.program()])

    def route(self) -> None:
        """Bring Caddy alone to what the store says."""
        self.gateway.write(self._routes())
        self.gateway.load()

    def _wanted(self) -> list[Run]:
        """Every run that should have workers: what takes traffic or a share of it, and what is about to."""
        found = []
        for deployment in self.store.all():
            for row in self.store.runs(deployment.name):
                answers = row.run == deployment.run or row.state == "canary"
                if (answers and deployment.desired == "running") or row.state == "starting":
                    found.append(self.run(row))
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
                limit = self.run(row).body_limit()
                coming = self.store.candidate(deployment.name)
                workers = max(row.workers, coming.workers if coming else 0)
                routes.append(Route(deployment.name, deployment.port, self.slots(deployment.name), workers, limit))
        return routes

    def _point(self, route: Route) -> None:
        """Let the slot in use lead to the run that takes traffic, and the spare one to what is coming.

        With nothing coming both lead to the same run: a request that chose the other slot before a switch, and was slow to
        send its body, still finds a worker.
        """
        live, coming = self.store.live(route.name), self.store.candidate(route.name)
        if live is not None:
            route.slots.point(route.slots.active, self.run(live).sockets())
            route.slots.point(route.slots.spare, self.run(coming or live).sockets())

    def tell_share(self, name: str) -> None:
        """Let the service that takes the traffic know who answers a share of it, as the store has it."""
        live = self.store.live(name)
        with suppress(OSError, Nb2prodError):  # one whose file is lost is started anew, and told then
            if live is not None and self.share_is_stale(name):
                self.run(live).tell(canary=self._share(name))

    def share_is_stale(self, name: str) -> bool:
        """Was it told something else than the store has?"""
        live = self.store.live(name)
        try:
            return live is not None and self.run(live).settings().canary != self._share(name)
        except (OSError, Nb2prodError):
            return False

    def _share(self, name: str) -> CanaryShare | None:
        row = self.store.canary(name)
        if row is None or row.version is None:
            return None
        percent = float(self.store.get(name).settings.get(CANARY, 0.0))
        return CanaryShare(version=row.version, socket=str(self.run(row).socket(1)), percent=percent)

    def _agent(self) -> list[Program]:
        """The home's agent, where this nb2prod has one."""
        if importlib.util.find_spec("nb2prod.agent.__main__") is None:
            return []
        told = {"NB2PROD_HOME": str(self.home.root), "NB2PROD_CACHE": str(self.home.cache)}
        told |= {key: os.environ[key] for key in ("NB2PROD_STORE", "MLFLOW_TRACKING_URI") if key in os.environ}
        command = (str(self.place.newest), "-P", "-m", "nb2prod.agent")
        return [Program("agent", command, told, self.home.local, self.home.local / "agent.log", priority=900)]

    def run(self, row: RunRow) -> Run:
        """The files, sockets and programs of a run."""
        return Run(self.home, self.sockets, row, self._worker)

    def slots(self, name: str) -> Slots:
        """Where Caddy finds a deployment's workers."""
        return Slots(self.sockets, name)

    def changing(self) -> AbstractContextManager[None]:
        """Held while store, configuration and processes are brought from one state to the next."""
        return self.home.lock("local", timeout=180.0)

    def wait_ready(self, run: Run, deadline: float = START_DEADLINE) -> None:
        """Wait for the first worker of a run; a worker that ends is an error at once."""
        name, until = run.program_name(1), time.monotonic() + deadline
        look = 0.0
        while not run.ready(1):
            if time.monotonic() > look:
                known = self.supervisor.look()
                process = None if known is None else known.get(name)
                if known is not None and (process is None or process.state in CRASHED):
                    raise self._did_not_start(run, (process and process.error) or "It ended before it was ready.")
                look = time.monotonic() + 0.25
            if time.monotonic() > until:
                raise self._did_not_start(run, f"It was not ready within {deadline:.0f} s.")
            time.sleep(0.02)

    def _did_not_start(self, run: Run, why: str) -> Nb2prodError:
        last = logs.last_lines(run.log(1), 40)
        current = self.store.get(run.row.name)
        running = current.desired == "running" and current.run != run.row.run
        kept = f"version {current.version} goes on answering" if running else "nothing takes traffic"
        kept_log = run.row.version is not None  # a run without a version goes with its files
        fix = f"nb2prod logs {run.row.name}" if kept_log else "%deploy model      # after mending what the cause names"
        full = any("No space left on device" in line for line in last)
        if any('"code":"tampered"' in line for line in last):
            fix = f"%deploy {run.row.name}      # builds the service again from what was captured"
        return (NoSpace if full else Failed)(
            f"The service `{run.row.name}` does not start",
            code="disk-full" if full else "worker-start",
            where=f"worker-1 of `{run.row.name}`",
            why=f"{why.rstrip('.')}: {cause(last)}",
            fix=self.home.room_fix(NEEDED) if full else fix,
            kept=kept,
        ).saying(readable(last)[-20:])

    def require_port(self, row: DeploymentRow, *, first: int) -> None:
        """Raise `Conflict` where another process holds a deployment's port; one that never took traffic gets another."""
        if row.port in self.gateway.ports() or ports.free(row.port):
            return
        if row.run is None:  # nobody knows this port yet: take another
            self.store.change(
                row.name, port=ports.choose({other.port for other in self.store.all()}, first=first), verb="port"
            )
            return
        raise Conflict(
            f"Port {row.port} of `{row.name}` is taken",
            code="port-taken",
            where=f"{ports.HOST}:{row.port}",
            why=f"{ports.holder(row.port)} listens there.",
            fix=f"nb2prod doctor --fix    # gives `{row.name}` another port; or end that process and start again",
            kept="nothing was started",
        )

    def clear(self) -> None:
        """With nothing running, the sockets folder goes too."""
        self.place.forget()
        for name in ("place", "supervisor", "gateway"):
            self.__dict__.pop(name, None)
