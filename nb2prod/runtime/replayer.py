"""Load a capture in a clean environment and answer rows: one JSON job on stdin, one JSON document on stdout.

Job: ``{"capture": folder, "rows": [...], "single": k, "environment": {...}?, "hosts": [...]?, "network": bool?}``.
Document: ``{"batch": Answers, "single": Answers, "files": [...], "modules": [...], "hosts": [...], "seconds": s}``, or
``{"error": {the seven fields, "traceback"}, "files": …}``. `files`, `modules` and `hosts` are what was read, imported or
reached outside the environment and the capture.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from nb2prod.errors import Failed, Nb2prodError, Refused
from nb2prod.records.base import Record
from nb2prod.records.capture import Answers
from nb2prod.runtime import signatures
from nb2prod.runtime.model import ServedModel

_BY_VALUE = "<dynamic-code>"
"""What cloudpickle calls the file of a cell's code."""


class Job(Record, frozen=True, kw_only=True):
    """What to replay. Without `network` only `hosts` may be reached, by name or address."""

    capture: str
    rows: tuple[Any, ...]
    single: int = 0
    environment: dict[str, str] = {}  # noqa: RUF012
    hosts: tuple[str, ...] = ()
    network: bool = False


class Watch:
    """An audit hook that writes down what is touched outside the folders that a service has."""

    def __init__(self, inside: Sequence[Path], *, network: bool, hosts: Sequence[str]) -> None:
        self._inside = tuple(os.path.realpath(folder) + os.sep for folder in inside)
        self._network = network
        self._allowed = set(hosts)
        self.files: dict[str, None] = {}
        self.hosts: dict[str, None] = {}
        self._folders: dict[str, str] = {}
        self._on = True

    def start(self) -> None:
        sys.addaudithook(self)

    def stop(self) -> None:
        self._on = False

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if not self._on:
            return
        if event == "open":
            self._opened(args)
        elif event == "socket.getaddrinfo":
            self._resolved(str(args[0]))
        elif event == "socket.connect":
            self._reached(args[1])

    def outside(self, path: str) -> bool:
        """Whether the path lies outside the environment, the capture and the system's own virtual files."""
        return not (self._real(path) + os.sep).startswith(self._inside)

    def _real(self, path: str) -> str:
        """As `os.path.realpath`, which looks at every folder on the way for each of a thousand files."""
        folder, name = os.path.split(path)
        if not os.path.isabs(path) or name in ("", ".", "..") or os.path.islink(path):  # noqa: PTH114, PTH117
            return os.path.realpath(path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return self._folders[folder] + os.sep + name

    def _opened(self, args: tuple[Any, ...]) -> None:
        path, mode, flags = args[0], args[1], args[2]
        if not isinstance(path, str | bytes | os.PathLike):
            return
        reads = mode is None or "r" in mode or "+" in mode
        if reads and not (isinstance(flags, int) and flags & os.O_WRONLY):
            name = os.fsdecode(path)
            if self.outside(name):
                self.files[os.path.abspath(name)] = None  # noqa: PTH100

    def _resolved(self, host: str) -> None:
        self.hosts[host] = None
        if not self._network and host not in self._allowed:
            raise _offline(host)

    def _reached(self, address: Any) -> None:
        host = str(address[0]) if isinstance(address, tuple) else os.fsdecode(address)
        self.hosts[host] = None
        # An allowed name was resolved just before; its address is allowed with it.
        if not self._network and not self._allowed:
            raise _offline(host)


def _offline(host: str) -> Refused:
    return Refused(
        f"The model reaches for {host} while it loads or predicts",
        code="network",
        where=host,
        why="The replay has no network, since a service may run where that host is not.",
        fix=f"%deploy model --allow-network {host}",
    )


def replay(job: Job) -> dict[str, Any]:
    """Load, answer all rows as one batch, then the first `single` one by one."""
    here = Path(__file__).resolve().parents[2]
    system = [Path(folder) for folder in ("/proc", "/dev", "/sys", "/etc", "/usr", "/lib", "/lib64", "/opt/conda")]
    keys = [Path(os.environ[signatures.VARIABLE])] if os.environ.get(signatures.VARIABLE) else []
    inside = [*keys, Path(sys.prefix), Path(sys.base_prefix), Path(job.capture), here, *system]
    watch = Watch(inside, network=job.network, hosts=job.hosts)
    started = time.monotonic()
    said: dict[str, Any] = {}
    watch.start()
    try:
        said = _answers(job)
    except Nb2prodError as error:
        said = {"error": error.as_dict() | {"traceback": traceback.format_exc()}}
    except Exception as error:
        said = {"error": _broke(error).as_dict() | {"traceback": traceback.format_exc()}}
    finally:
        watch.stop()
    said |= {"files": list(watch.files), "hosts": list(watch.hosts), "modules": _strangers(watch)}
    return said | {"seconds": time.monotonic() - started}


def _answers(job: Job) -> dict[str, Any]:
    model = ServedModel.load(Path(job.capture), environment=job.environment)
    batch = model.answer(model.reader.rows(job.rows))
    single = [model.answer(model.reader.rows([row])) for row in job.rows[: job.single]]
    return {"batch": batch, "single": joined(single, has_probabilities=batch.probabilities is not None)}


def joined(answers: Sequence[Answers], *, has_probabilities: bool) -> Answers:
    """Answers to rows asked one by one, as one."""
    predictions = tuple(value for one in answers for value in one.predictions)
    rows = tuple(row for one in answers for row in one.probabilities or ())
    return Answers(predictions=predictions, probabilities=rows if has_probabilities else None)


def _broke(error: Exception) -> Failed:
    frames = traceback.extract_tb(error.__traceback__)
    last = next((one for one in reversed(frames) if one.filename == _BY_VALUE), frames[-1])
    place = f"{last.filename}, line {last.lineno}, in {last.name}"
    if isinstance(error, ModuleNotFoundError):
        fix = f"pip install {error.name}      # then import it in a cell, and %deploy again"
        return Failed(f"The model needs `{error.name}`", code="missing-module", where=place, why=str(error), fix=fix)
    if isinstance(error, FileNotFoundError):
        return Failed(
            "The model opens a file that only the notebook's machine has",
            code="missing-file",
            where=place,
            why=str(error),
            fix="read it once, outside the function, and let the table travel with the model",
        )
    why = f"{type(error).__name__}: {error}"
    fix = "run the same rows in a fresh kernel: model.predict(rows)"
    return Failed("The model fails outside the notebook", code="replay-failed", where=place, why=why, fix=fix)


def _strangers(watch: Watch) -> list[str]:
    paths = {name: getattr(module, "__file__", None) for name, module in list(sys.modules.items())}
    return sorted(name for name, path in paths.items() if path and watch.outside(path))


def main() -> int:
    """Read the job, keep stdout for the document alone, answer."""
    out = os.dup(1)
    os.dup2(2, 1)
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    said = replay(job)
    with os.fdopen(out, "wb") as document:
        document.write(msgspec.json.encode(said))
    return 1 if "error" in said else 0


if __name__ == "__main__":
    sys.exit(main())
