"""A worker for the proof alone: the packaged service on a socket of its own, with no traffic, gone afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from nb2prod.errors import Nb2prodError, Refused
from nb2prod.home import Home, write_atomic
from nb2prod.records.base import to_json
from nb2prod.records.proof import BentoRef
from nb2prod.records.serving import ServiceSettings
from nb2prod.sdk.client import Client
from nb2prod.targets.local.cause import cause, readable
from nb2prod.targets.local.runs import worker_command

START_DEADLINE = 120.0
MACHINE = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "MKL_CBWR", "LANG", "LC_ALL")
"""Settings of this machine, not of the model: without them one machine's BLAS gives two answers."""


@contextlib.contextmanager
def serving(
    bento: BentoRef, python: Path, *, home: Home, name: str, variables: Mapping[str, str], isolate: tuple[str, ...] = ()
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

    Raises
    ------
    Refused
        The service does not come up; carries the last lines of its log.
    """
    folder = Path(tempfile.mkdtemp(prefix="v", dir=home.sockets))
    try:
        with (folder / "log").open("wb") as log:
            process = _start(folder, bento, python, name, variables, isolate, log.fileno())
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


def _start(
    folder: Path,
    bento: BentoRef,
    python: Path,
    name: str,
    variables: Mapping[str, str],
    isolate: tuple[str, ...],
    log: int,
) -> subprocess.Popen[bytes]:
    secrets = folder / "environment.json"
    write_atomic(secrets, json.dumps(dict(variables)).encode(), mode=0o600)
    settings = folder / "service.json"
    write_atomic(settings, to_json(ServiceSettings(name=name, traffic=False, environment=str(secrets))))
    command, environment = worker_command(str(python), bento.folder, folder / "s", "proof")
    work = folder / "work"
    work.mkdir()
    machine = {key: os.environ[key] for key in MACHINE if key in os.environ}
    return subprocess.Popen(
        [*isolate, *command],
        env={**machine, **environment, "NB2PROD_SERVICE": str(settings), "PATH": os.defpath, "HOME": str(work)},
        cwd=work,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
