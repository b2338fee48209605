"""A worker for the proof alone: the packaged service on a socket of its own, with no traffic, gone afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from nb2prod.capturing import walls
from nb2prod.environments import Forked, ForkServer
from nb2prod.errors import Nb2prodError, Refused
from nb2prod.home import Home, write_atomic
from nb2prod.records.base import to_json
from nb2prod.records.proof import BentoRef
from nb2prod.records.serving import ServiceSettings
from nb2prod.sdk.client import Client
from nb2prod.targets.local.cause import cause, readable
from nb2prod.targets.local.runs import worker_command

START_DEADLINE = 120.0


class Process(Protocol):
    """A started or forked process, as far as it matters here."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self) -> int: ...


@contextlib.contextmanager
def serving(
    bento: BentoRef,
    python: Path,
    *,
    home: Home,
    name: str,
    variables: Mapping[str, str],
    isolate: tuple[str, ...] = (),
    server: ForkServer | None = None,
    whole: bool = True,
) -> Iterator[Client]:
    """Run the packaged service for a replay.

    Parameters
    ----------
    bento, python
        What is served, by the interpreter of its clean environment.
    variables
        Values of the declared environment variables; nothing else of this process's environment goes along.
    isolate
        A command to put in front, such as ``("unshare", "--net")``.
    server
        Forks the worker where it may; `isolate` is then its own.
    whole
        Whether BentoML's own app is made at the start, which is then proven too.

    Raises
    ------
    Refused
        The service does not come up; carries the last lines of its log.
    """
    folder = Path(tempfile.mkdtemp(prefix="v", dir=home.sockets))
    try:
        with (folder / "log").open("wb") as log:
            settings = _settings(folder, name, variables)
            if server is not None and server.ready():
                process: Process = _fork(server, folder, bento, settings, whole, log.fileno(), home)
            else:
                process = _start(folder, bento, python, settings, whole, isolate, log.fileno(), home)
            try:
                with Client(socket=folder / "s", timeout=120.0) as client:
                    deadline = time.monotonic() + START_DEADLINE
                    if not client.wait_ready(deadline=deadline, alive=lambda: process.poll() is None):
                        raise did_not_start((folder / "log").read_text(errors="replace"))
                    yield client
            finally:
                _end(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def did_not_start(log: str) -> Nb2prodError:
    """The error of a service that does not come up, from its log."""
    lines = log.splitlines()
    return Refused(
        "The packaged service does not start",
        code="service-does-not-start",
        where="replay through the packaged service",
        why=cause(lines),
        fix="%deploy model      # after mending what the cause names",
        kept="nothing was registered",
    ).saying(readable(lines)[-20:])


def _settings(folder: Path, name: str, variables: Mapping[str, str]) -> Path:
    secrets = folder / "environment.json"
    write_atomic(secrets, json.dumps(dict(variables)).encode(), mode=0o600)
    settings = folder / "service.json"
    write_atomic(settings, to_json(ServiceSettings(name=name, traffic=False, environment=str(secrets))))
    (folder / "work").mkdir()
    return settings


def _start(
    folder: Path,
    bento: BentoRef,
    python: Path,
    settings: Path,
    whole: bool,
    isolate: tuple[str, ...],
    log: int,
    home: Home,
) -> subprocess.Popen[bytes]:
    command, environment = worker_command(str(python), bento.folder, folder / "s", "proof", whole=whole)
    return subprocess.Popen(
        [*isolate, *command],
        env={
            **walls.surroundings(folder / "work", home.trusted_keys),
            **environment,
            "NB2PROD_SERVICE": str(settings),
        },
        cwd=folder / "work",
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def _fork(
    server: ForkServer, folder: Path, bento: BentoRef, settings: Path, whole: bool, log: int, home: Home
) -> Forked:
    command, environment = worker_command("", bento.folder, folder / "s", "proof", whole=whole)
    code = _MODULE.format(path=environment.pop("PYTHONPATH"), module=command[2], arguments=list(command[3:]))
    with Path(os.devnull).open("rb") as nothing:
        return server.fork(
            code,
            cwd=folder / "work",
            environment={
                **walls.surroundings(folder / "work", home.trusted_keys),
                **environment,
                "NB2PROD_SERVICE": str(settings),
            },
            stdin=nothing.fileno(),
            stdout=log,
            stderr=log,
        )


_MODULE = """
import runpy, sys
sys.path.insert(0, {path!r})
sys.argv[1:] = {arguments!r}
runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
"""


def _end(process: Process) -> None:
    """At once: nobody waits for its answers, and it writes nothing that stays."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
