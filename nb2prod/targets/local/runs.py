"""A run of a Bento: its folder with service.json, spool, metrics and logs, its workers' sockets and programs."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from nb2prod.errors import Nb2prodError, NotFound
from nb2prod.home import Home, write_atomic
from nb2prod.records.base import read, to_json
from nb2prod.records.serving import ServiceSettings
from nb2prod.targets.local.supervisor import Program
from nb2prod.targets.local.unixhttp import ask

if TYPE_CHECKING:
    from nb2prod.store.deployments import RunRow

WorkerCommand = Callable[["RunRow", Path, str], tuple[Sequence[str], Mapping[str, str]]]
"""From a run, a socket and a worker's name to the command line and the environment of its process."""

QUIET = {"BENTOML_DO_NOT_TRACK": "True", "DO_NOT_TRACK": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""As in the proof: the number of threads may change the last bit, and several workers share the cores."""


def bento_worker(row: RunRow, socket: Path, worker: str) -> tuple[Sequence[str], Mapping[str, str]]:
    """The packaged service in the environment that was proven; the runtime comes with the Bento."""
    return worker_command(row.python, row.bento, socket, worker)


def worker_command(
    python: str, bento: str, socket: Path, worker: str, *, whole: bool = False
) -> tuple[tuple[str, ...], dict[str, str]]:
    """The command line and the environment of a process that serves a Bento on a unix socket.

    A `whole` one makes BentoML's own app at the start, not when something asks for what only that answers.
    """
    command: tuple[str, ...] = (
        python,
        "-m",
        "nb2prod.runtime.worker",
        "--bento",
        bento,
        "--uds",
        str(socket),
        "--name",
        worker,
    )
    command += ("--whole",) if whole else ()
    return command, {**ONE_THREAD, **QUIET, "PYTHONPATH": str(Path(bento) / "src")}


class Run:
    """One run of a deployment: where its files lie and which programs serve it.

    Parameters
    ----------
    home, sockets
        Its files live in the home's folder of the deployment, its sockets in the short folder.
    row
        What the store knows of it.
    command
        How a worker is started.
    """

    def __init__(self, home: Home, sockets: Path, row: RunRow, command: WorkerCommand) -> None:
        self.row = row
        self.folder = home.deployment(row.name) / f"run-{row.run}"
        self.service = self.folder / "service.json"
        self._sockets = sockets
        self._trusted = home.trusted_keys
        self._key = hashlib.blake2b(f"{row.name}/{row.run}".encode(), digest_size=4).hexdigest()
        self._command = command

    @property
    def workers(self) -> range:
        """The numbers of its workers: one until it takes the traffic, the others follow."""
        return range(1, 2 if self.row.state in ("starting", "canary") else self.row.workers + 1)

    def socket(self, number: int) -> Path:
        return self._sockets / f"{self._key}-{number}.sock"

    def sockets(self) -> tuple[Path, ...]:
        return tuple(self.socket(number) for number in range(1, self.row.workers + 1))

    def log(self, number: int) -> Path:
        return self.folder / "logs" / f"worker-{number}.log"

    def logs(self) -> tuple[Path, ...]:
        return tuple(self.log(number) for number in range(1, self.row.workers + 1))

    def note(self, line: str) -> None:
        """A line of ours in the first worker's log, in the form of its own."""
        at = time.strftime("%Y-%m-%d %H:%M:%S")
        with self.log(1).open("a") as file:
            file.write(f"{at},000 {self.row.name} WARNING {line}\n")

    def program_name(self, number: int) -> str:
        return f"{self.row.name}.{self.row.run}.worker-{number}"

    def programs(self) -> list[Program]:
        """One program a worker, so that a worker more or less leaves the others alone."""
        return [self._program(number) for number in self.workers]

    def ready(self, number: int) -> bool:
        """Does this worker say that it is ready?"""
        reply = ask(self.socket(number), "GET", "/readyz", timeout=2.0)
        return reply is not None and reply.status == 200

    def prepare(self, settings: ServiceSettings | None = None) -> None:
        """Make the folders, empty what a run before left of metrics, and write service.json: no traffic yet."""
        shutil.rmtree(self.folder / "metrics", ignore_errors=True)
        for name in ("spool", "metrics", "logs", "work"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        given = settings or self.settings()
        spool = str(self.folder / "spool")
        self._write(
            msgspec.structs.replace(
                given, name=self.row.name, version=self.row.version, spool=spool, traffic=False, canary=None
            )
        )

    def settings(self) -> ServiceSettings:
        """service.json as it stands."""
        return read(self.service, ServiceSettings)

    def body_limit(self) -> int:
        """The largest body in bytes; the default where service.json was lost, so that one bad file stops no other service."""
        with suppress(OSError, Nb2prodError):
            return self.settings().body_limit
        return ServiceSettings(name=self.row.name).body_limit

    def tell(self, **changes: Any) -> None:
        """Change fields of service.json; the service reads it again by itself."""
        self._write(msgspec.structs.replace(self.settings(), **changes))

    def clear_sockets(self) -> None:
        """Remove the socket files of workers that have ended."""
        for socket in self._sockets.glob(f"{self._key}-*.sock"):
            socket.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove its files; its workers have ended."""
        self.clear_sockets()
        shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError):
            self.folder.parent.rmdir()

    def _write(self, settings: ServiceSettings) -> None:
        write_atomic(self.service, to_json(settings), mode=0o600)

    def _program(self, number: int) -> Program:
        command, environment = self._command(self.row, self.socket(number), f"worker-{number}")
        told = {
            "NB2PROD_SERVICE": str(self.service),
            "PROMETHEUS_MULTIPROC_DIR": str(self.folder / "metrics"),
            "NB2PROD_TRUSTED_KEYS": self._trusted,
        }
        return Program(
            name=self.program_name(number),
            command=tuple(command),
            environment={**environment, **told},
            directory=self.folder / "work",
            log=self.log(number),
            ready=lambda: self.ready(number),
        )


def never_ran(name: str, version: int) -> NotFound:
    """What to say where a version has no run that could start."""
    return NotFound(
        f"Version {version} of `{name}` never ran here",
        code="no-run",
        where=name,
        why="No run of it is known, or its Bento was pruned.",
        fix=f'nb2prod.deploy("models:/{name}/{version}")',
        kept="the version that takes traffic goes on",
    )


def nothing_ran(name: str) -> NotFound:
    """What to say where no version took traffic yet."""
    return NotFound(
        f"`{name}` has no version that took traffic",
        code="no-run",
        where=name,
        why="Its first deploy was not completed.",
        fix="%deploy model --name " + name,
    )
