"""What is settled of a capture before it is whole: enough to build its environment and to load its libraries there."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nb2prod.capturing import walls
from nb2prod.environments import ForkServer, Lock, forkserver, read_lock, served
from nb2prod.home import Home
from nb2prod.records.capture import Capture

_NAMED = re.compile(rb"\b(?:sklearn|scipy|pandas|numpy)(?:\.[a-z_][a-z_0-9]*)+")
_READ = 256 * 2**20
_SERVING = ("msgspec", "uvicorn", "uvloop", "httptools", "prometheus_client")
"""What the packaged service imports beside the model's libraries."""
_BENTOML = ("bentoml", "_bentoml_impl.server.app", "_bentoml_sdk")
"""What it imports where it makes BentoML's own app."""


@dataclass(frozen=True)
class Settled:
    """What is known of a capture as soon as its model is saved and its environment locked; the answers come later.

    Parameters
    ----------
    lock
        Its environment.
    libraries
        The modules of the usual libraries that the model's files name.
    variables, hosts
        What is declared: environment variables, and hosts that `predict` may reach.
    notebook
        Its file; None where it came from none.
    """

    lock: Lock
    libraries: tuple[str, ...]
    variables: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    notebook: str | None = None

    @classmethod
    def of(cls, capture: Capture) -> Settled:
        """That of a whole capture."""
        record = capture.record
        return cls(
            lock=read_lock(capture.folder / "requirements.txt", capture.folder / "wheels"),
            libraries=libraries(capture.folder / "model"),
            variables=record.environment.variables,
            hosts=record.environment.hosts,
            notebook=record.lineage.notebook,
        )


Hook = Callable[[Settled], None]
"""Called while the capture goes on, from a thread of its own."""


def libraries(model: Path) -> tuple[str, ...]:
    """The modules of the usual libraries that are named in a model's files; none of them does more than load at import."""
    named: set[bytes] = set()
    for file in model.rglob("*"):
        if file.suffix == ".skops":
            with zipfile.ZipFile(file) as archive:
                named.update(_NAMED.findall(archive.read("schema.json")))
        elif file.is_file() and file.stat().st_size < _READ:
            named.update(_NAMED.findall(file.read_bytes()))
    return tuple(sorted(name.decode() for name in named))


def preloaded(settled: Settled, python: Path, home: Home) -> ForkServer | None:
    """A fork server with the model's libraries and the service's; None where there is nothing to gain or it may not be.

    What is declared with `--env` a library could read as it is imported, so such a model's replays start from nothing.
    """
    if not settled.libraries or settled.variables or not forkserver.possible():
        return None
    # arrow's allocator would start a thread, and a process with two is not forked
    environment = {**walls.surroundings(Path("/")), "JE_ARROW_MALLOC_CONF": "background_thread:false"}
    front = walls.around(settled.hosts, settled.notebook, python, home).front
    libraries = [*settled.libraries, *_SERVING, *(() if served.before(python) else _BENTOML)]
    return ForkServer(python, libraries, environment=environment, front=front)
