"""How a deployment is: one state, and where it is not well the reason, the last lines of the log and the fix."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from nb2prod.home import Home
from nb2prod.records.serving import ServiceStatus, State, Worker
from nb2prod.store.deployments import DeploymentRow, Deployments
from nb2prod.targets.local import logs, orphans, ports, traffic
from nb2prod.targets.local.gateway import PROGRAM as CADDY
from nb2prod.targets.local.gateway import Gateway
from nb2prod.targets.local.runs import Run
from nb2prod.targets.local.supervisor import PATIENCE, Process, Supervisor

AGENT = "agent"
LOW_DISK = 64 * 2**20
GRACE = 120.0
"""Seconds that a worker may take after a switch before its absence counts against the service."""
DEAD = ("FATAL", "EXITED", "BACKOFF")
LOG_LINES = 8
SILENT = "silent"
"""A worker that is there and did not answer, while nobody says what it does."""


class Trouble(NamedTuple):
    """One thing that is wrong; `state` is the best that the service can be with it."""

    state: State
    reason: str
    fix: str
    log: tuple[str, ...] = ()


class Observer:
    """Looks at one deployment from outside: supervisord, Caddy, the workers' own readiness, the disk."""

    def __init__(self, home: Home, supervisor: Supervisor, gateway: Gateway, store: Deployments) -> None:
        self.home = home
        self.supervisor = supervisor
        self.gateway = gateway
        self.store = store

    def status(self, row: DeploymentRow, run: Run | None) -> ServiceStatus:
        """The status of a deployment whose run is `run`."""
        if run is None:
            return ServiceStatus(
                name=row.name, state="starting", url=None, version=None, reason="Nothing has taken traffic yet."
            )
        if row.desired == "stopped":
            failed = self._failed(row)
            return self._told(row, run, failed.state if failed else "stopped", (), failed)
        processes = self.supervisor.look()
        left = {} if processes else {one.program: one.pid for one in orphans.find(self.supervisor.sockets)}
        workers = tuple(self._worker(run, number, processes or {}, left) for number in run.workers)
        troubles = list(self._troubles(row, run, workers, processes))
        state = _worst(troubles, workers)
        return self._told(row, run, state, workers, troubles[0] if troubles else None)

    def _failed(self, row: DeploymentRow) -> Trouble | None:
        """Why the last start failed, if nothing was done since."""
        last = next(iter(self.store.history(row.name, 1)), None)
        if last is None or last.verb != "failed":
            return None
        return Trouble("failed", last.detail["reason"], last.detail["fix"], tuple(last.detail["log"]))

    def _told(
        self, row: DeploymentRow, run: Run, state: State, workers: tuple[Worker, ...], trouble: Trouble | None
    ) -> ServiceStatus:
        served = traffic.read(run.sockets()) if any(worker.state == "ready" for worker in workers) else None
        stopped = state == "stopped"
        return ServiceStatus(
            name=row.name,
            state=state,
            url=f"http://{ports.HOST}:{row.port}",
            version=row.version,
            workers=workers,
            model_uri=run.row.model_uri,
            bento=run.row.bento,
            proof=run.row.proof,
            requests=served.requests if served else None,
            p50_ms=served.p50_ms if served else None,
            p99_ms=served.p99_ms if served else None,
            errors=served.errors if served else None,
            reason=trouble.reason if trouble else None,
            fix=trouble.fix if trouble else f"nb2prod start {row.name}" if stopped else None,
            log=trouble.log if trouble else (),
        )

    def _worker(self, run: Run, number: int, processes: dict[str, Process], left: dict[str, int]) -> Worker:
        """By supervisord's word; by its own where that is missing (`left`: the processes that are there all the same)."""
        program = run.program_name(number)
        process = processes.get(program)
        name = f"worker-{number}"
        pid, since = (process.pid, process.since) if process else (left.get(program), None)
        if run.ready(number):
            return Worker(name=name, pid=pid, state="ready", since=since)
        if process is None and pid is not None:
            return Worker(name=name, pid=pid, state=SILENT)
        if process is None or process.state == "STOPPED":
            return Worker(name=name, pid=None, state="stopped")
        word = "dead" if process.state in DEAD else "stopping" if process.state == "STOPPING" else "starting"
        return Worker(name=name, pid=pid, state=word, since=since)

    def _troubles(
        self, row: DeploymentRow, run: Run, workers: tuple[Worker, ...], processes: dict[str, Process] | None
    ) -> Iterator[Trouble]:
        yield from self._of_the_disk()
        if not processes:
            yield self._silent(row, workers) if processes is None else self._without_supervisor(workers)
            if all(worker.state != "ready" for worker in workers):
                return
        yield from self._of_the_port(row, processes or {})
        yield from self._of_workers(row, run, workers)
        yield from self._of_the_agent(processes or {})

    def _of_the_disk(self) -> Iterator[Trouble]:
        free = shutil.disk_usage(self.home.root).free
        if free < LOW_DISK:
            yield Trouble(
                "degraded",
                f"The disk is full: {free / 2**20:.0f} MB are free under {self.home.root}.",
                self.home.room_fix(LOW_DISK),
            )

    def _without_supervisor(self, workers: tuple[Worker, ...]) -> Trouble:
        fix = "nb2prod doctor --fix"
        if any(worker.state == "ready" for worker in workers):
            return Trouble(
                "degraded", "supervisord is gone; the workers answer, but nothing would start them again.", fix
            )
        if pids := _pids(workers):
            return Trouble(
                "degraded", f"supervisord is gone; the workers run ({pids}) and did not answer in time.", fix
            )
        return Trouble("failed", "Nothing runs: the machine was restarted, or supervisord was ended.", fix)

    def _silent(self, row: DeploymentRow, workers: tuple[Worker, ...]) -> Trouble:
        """supervisord is there and says nothing: what is known is what the workers say themselves."""
        said = f"supervisord did not answer within {PATIENCE:g} s: the machine is busy, or it was stopped."
        ready = sum(worker.state == "ready" for worker in workers)
        again = f"nb2prod status {row.name}    # asks again"
        if ready:
            return Trouble("degraded", f"{said} {ready} of {len(workers)} workers answer.", again)
        if pids := _pids(workers):
            return Trouble("degraded", f"{said} The workers run ({pids}) and did not answer in time either.", again)
        return Trouble("failed", f"{said} No worker runs.", "nb2prod doctor --fix")

    def _of_the_port(self, row: DeploymentRow, processes: dict[str, Process]) -> Iterator[Trouble]:
        held = self.gateway.look()
        if held is not None and row.port in held:
            return
        fix = "nb2prod doctor --fix"
        if held is None and any(one.program == CADDY for one in orphans.find(self.supervisor.sockets)):
            text = "Caddy runs and did not answer in time: the machine is busy, or it was stopped."
            yield Trouble("degraded", text, f"nb2prod status {row.name}    # asks again")
            return
        if not ports.free(row.port):
            reason = f"Port {row.port} is taken by {ports.holder(row.port)}."
            yield Trouble("failed", reason, f"{fix}    # gives `{row.name}` another port; or end that process")
            return
        caddy = processes.get(CADDY)
        word = f" (supervisord says {caddy.state})" if caddy else ""
        log = tuple(logs.last_lines(self.home.local / "caddy.log", LOG_LINES))
        yield Trouble("failed", f"Caddy does not hold port {row.port}{word}.", fix, log)

    def _of_workers(self, row: DeploymentRow, run: Run, workers: tuple[Worker, ...]) -> Iterator[Trouble]:
        since = self._since(row)
        for number, worker in zip(run.workers, workers, strict=True):
            late = worker.since is None or worker.since > since + GRACE
            if worker.state == "ready" or (worker.state == "starting" and not late):
                continue
            log = tuple(logs.last_lines(run.log(number), LOG_LINES))
            alone = all(other.state != "ready" for other in workers)
            reason = {
                "dead": "ended and does not start again",
                "starting": "was started again and is not ready",
                SILENT: f"runs (pid {worker.pid}) and did not answer in time",
            }
            text = f"{worker.name} {reason.get(worker.state, 'does not run')}."
            yield Trouble(
                "failed" if alone and worker.state == "dead" else "degraded", text, f"nb2prod logs {row.name}", log
            )

    def _of_the_agent(self, processes: dict[str, Process]) -> Iterator[Trouble]:
        agent = processes.get(AGENT)
        if agent is not None and agent.state in DEAD:
            log = tuple(logs.last_lines(self.home.local / "agent.log", LOG_LINES))
            text = "The agent does not run: answers go on, what they were asked is counted later."
            yield Trouble("degraded", text, "nb2prod doctor --fix", log)

    def _since(self, row: DeploymentRow) -> float:
        """When this run was last started or given the traffic."""
        times = [
            event.time
            for event in self.store.history(row.name)
            if event.verb in ("switch", "start", "scale", "switch-back")
        ]
        return datetime.fromisoformat(times[-1]).timestamp() if times else 0.0


def _pids(workers: tuple[Worker, ...]) -> str:
    """`pid 71, 72`; empty where none runs."""
    pids = [str(worker.pid) for worker in workers if worker.pid is not None]
    return f"pid {', '.join(pids)}" if pids else ""


def _worst(troubles: list[Trouble], workers: tuple[Worker, ...]) -> State:
    states = {trouble.state for trouble in troubles}
    if "failed" in states:
        return "failed"
    if not any(worker.state == "ready" for worker in workers):
        return "degraded" if any(worker.state == SILENT for worker in workers) else "starting"
    return "degraded" if states else "live"
