"""What a replay is kept from: network, variables and the notebook's own folder, by namespaces where the system has them.

Elsewhere an audit hook of the process stands in, which sees what Python opens, not what a library in C does.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from nb2prod.home import Home
from nb2prod.runtime import signatures

Means = Literal["namespace", "audit hook", "open"]
MACHINE: Final = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "MKL_CBWR")
"""Settings of this machine, not of the model: without them one machine's BLAS gives two answers."""

# An empty file system over the notebook's folder, with what the replay itself needs of it (a home, an interpreter) bound into
# it; made aside first, since what is to be seen again lies under the folder that is to be covered.
_HIDE: Final = """
set -e
aside=$1 hidden=$2
shift 2
mount -t tmpfs tmpfs "$aside"
while [ "$1" != -- ]; do
    mkdir -p "$aside/$1"
    mount --bind "$hidden/$1" "$aside/$1"
    shift
done
shift
mount --rbind "$aside" "$hidden"
exec "$@"
"""
_SYSTEM: Final = ("/", "/usr", "/etc", "/lib", "/lib64", "/proc", "/dev", "/sys", "/bin", "/opt")


@dataclass(frozen=True)
class Walls:
    """A command to put in front of a process, and by which means it keeps network and files off."""

    front: tuple[str, ...] = ()
    network: Means = "audit hook"
    files: Means = "audit hook"


OPEN: Final = Walls(network="open", files="open")


def around(hosts: Sequence[str], notebook: Path | str | None, python: Path, home: Home | None) -> Walls:
    """The walls for a replay of what came from `notebook`, by the interpreter of its clean environment."""
    return walls(hosts, hidden=hidden(notebook), seen=needed(python, home))


def walls(hosts: Sequence[str] = (), *, hidden: Path | None = None, seen: Sequence[Path] = ()) -> Walls:
    """Network off unless hosts are allowed, `hidden` covered but for what is `seen`, as far as the system lets us."""
    kinds = [] if hosts or not _can("--net") else ["--net"]
    covers = _covers(hidden, seen) if hidden is not None and _can("--mount") else ()
    if covers:
        kinds.append("--mount")
    front = ("unshare", *_mapped(), *kinds, *covers) if kinds else ()
    return Walls(front, "namespace" if "--net" in kinds else "audit hook", "namespace" if covers else "audit hook")


def hidden(notebook: Path | str | None) -> Path | None:
    """The folder of a notebook, which the service will not have; None where there is none."""
    return Path(os.path.realpath(Path(notebook).parent)) if notebook else None


def _covers(hidden: Path, seen: Sequence[Path]) -> tuple[str, ...]:
    """The command that covers `hidden`; empty where that would cover the system or what is made only later."""
    temporary = Path(os.path.realpath(tempfile.gettempdir()))
    if str(hidden) in _SYSTEM or not hidden.is_dir() or temporary.is_relative_to(hidden):
        return ()
    real = {Path(os.path.realpath(path)) for path in seen if path.exists()}
    if any(hidden.is_relative_to(path) for path in real):
        return ()
    within = sorted(str(path.relative_to(hidden)) for path in real if path.is_relative_to(hidden))
    return ("sh", "-c", _HIDE, "nb2prod", str(_aside()), str(hidden), *within, "--")


def needed(python: Path, home: Home | None) -> list[Path]:
    """What a replay reads that may lie under the notebook's folder: homes, Python itself, what ships, the fork server."""
    base = Path(os.path.realpath(python)).parents[1]
    places = [base, Path(__file__).parents[1], python.parents[1]]
    if home is None:
        return places
    return [*places, home.root, home.cache, home.sockets, Path(home.trusted_keys)]


def _mapped() -> tuple[str, ...]:
    return () if os.getuid() == 0 else ("--map-root-user",)


def surroundings(work: Path, keys: str = "") -> dict[str, str]:
    """No variable of the notebook's; one BLAS thread, so that sums have one order; the keys whose signature is asked for."""
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    return {
        **{key: os.environ[key] for key in MACHINE if key in os.environ},
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(work),
        "TMPDIR": str(work),
        "LANG": "C.UTF-8",
        "TZ": os.environ.get("TZ", "UTC"),
        "DO_NOT_TRACK": "1",
        "BENTOML_DO_NOT_TRACK": "True",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        **dict.fromkeys(threads, "1"),
        **({signatures.VARIABLE: keys} if keys else {}),
    }


@functools.cache
def _aside() -> Path:
    """An empty folder to mount upon; each namespace mounts its own there."""
    place = Path(tempfile.gettempdir(), f"nb2prod-aside-{os.getuid()}")
    place.mkdir(mode=0o700, exist_ok=True)
    return place


@functools.cache
def _can(kind: str) -> bool:
    """Whether this system lets us run something in a namespace of that kind."""
    if shutil.which("unshare") is None:
        return False
    trial: tuple[str, ...] = ("true",)
    if kind == "--mount":
        trial = ("sh", "-c", 'mount -t tmpfs tmpfs "$1" && mount --rbind "$1" "$1"', "nb2prod", str(_aside()))
    command = ["unshare", *_mapped(), kind, *trial]
    try:
        return subprocess.run(command, capture_output=True, timeout=5, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
