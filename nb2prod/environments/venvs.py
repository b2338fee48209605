"""A clean environment from a lock: made by uv in a temporary folder, renamed when whole, kept by what it was made from."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nb2prod.environments import bytecode, leases, uv
from nb2prod.environments.indexes import IndexSettings
from nb2prod.environments.locks import Lock, read_lock
from nb2prod.errors import Refused, Unverified
from nb2prod.home import Home, locked, write_atomic
from nb2prod.records.capture import Capture


@dataclass(frozen=True)
class Environment:
    """A built environment. `created` says whether it was made now or was there."""

    python: Path
    key: str
    created: bool
    seconds: float = 0.0

    @property
    def folder(self) -> Path:
        return self.python.parents[1]

    def lease(self, holder: Path) -> None:
        """Keep it from `prune` for as long as the folder `holder` exists."""
        leases.lease(self.folder, holder)

    def release(self, holder: Path) -> None:
        leases.release(self.folder, holder)


def build(lock: Lock, home: Home, *, wheels: Iterable[Path] = (), python: Path | str | None = None) -> Environment:
    """The environment of a lock; two processes at once make it once, one killed in the middle leaves nothing that is used.

    Parameters
    ----------
    wheels
        Wheels of what no index has, beside those that the lock names.
    python
        The interpreter to build from; default: the running one.

    Raises
    ------
    Refused
        A package is not the one that was locked (``hash-mismatch``).
    Unverified
        No index can be reached (``index-unreachable``).
    """
    interpreter = str(python or sys.executable)
    local = [*map(Path, lock.wheels), *wheels]
    key = _key(lock, interpreter)
    home.environments.mkdir(parents=True, exist_ok=True)
    leases.join(home)
    folder = home.environments / key
    start = time.monotonic()
    created = make(folder, lock.text, local, interpreter)
    return Environment(folder / "bin" / "python", key, created, round(time.monotonic() - start, 3))


def build_for(capture: Capture, home: Home) -> Environment:
    """The environment of a capture, from the lock and the wheels that lie in it.

    Raises
    ------
    Refused
        The capture was made for another Python (``other-python``) or platform (``other-platform``).
    """
    must_fit(capture)
    return build(read_lock(capture.folder / "requirements.txt", capture.folder / "wheels"), home)


def must_fit(capture: Capture) -> None:
    """Refuse a capture of another Python or platform before anything is built for it."""
    record = capture.record.environment
    wanted, here = record.python, platform.python_version()
    if wanted.split(".")[:2] != here.split(".")[:2]:
        raise Refused(
            f"The model was made with Python {wanted}, this is Python {here}",
            code="other-python",
            where=str(capture.folder),
            why="What is pickled or compiled for one minor version of Python does not load in another.",
            fix=f"run it with Python {'.'.join(wanted.split('.')[:2])}",
            kept="nothing was registered",
        )
    made_on, this = record.platform, sys.platform
    if (made_on, record.machine) != (this, platform.machine()):
        raise Refused(
            f"The model was made on {made_on} {record.machine}, this is {this} {platform.machine()}",
            code="other-platform",
            where=str(capture.folder),
            why="Its lock holds the files of its own platform, and its answers are only proven there.",
            fix=f"run it on {made_on} {record.machine}, or deploy from a notebook on this machine",
            kept="nothing was registered",
        )


def make(folder: Path, text: str, wheels: Iterable[Path], python: str) -> bool:
    """Make `folder` an environment of the requirements in `text`; False when it is there already and whole."""
    with locked(folder.with_name(folder.name + ".lock"), timeout=600):
        if _whole(folder):
            os.utime(folder.with_name(folder.name + ".json"))
            return False
        for left in [folder, *folder.parent.glob(f".{folder.name}.*")]:  # of a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            _install(temporary, text, wheels, python)
            bytecode.carry_over(temporary)
            temporary.chmod(0o755)
            temporary.rename(folder)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        said = {"schema": 1, "made": time.time(), "bytes": size(folder), "python": platform.python_version()}
        write_atomic(folder.with_name(folder.name + ".json"), json.dumps(said).encode())
        return True


def compile_rest(environment: Environment) -> None:
    """Write the bytecode that no import has written yet, at low priority; for the agent, after a deploy."""
    subprocess.run(
        [
            "nice",
            "-n",
            "19",
            str(environment.python),
            "-m",
            "compileall",
            "-q",
            "-j",
            "1",
            str(environment.folder / "lib"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )


def size(folder: Path) -> int:
    """Bytes of a file or of the files below a folder, a file with several names counted once; 0 for what is gone."""
    if not folder.is_dir():
        return folder.stat().st_size if folder.exists() else 0
    seen, total = set(), 0
    for base, _, names in os.walk(folder):
        for name in names:
            try:
                found = os.lstat(os.path.join(base, name))  # noqa: PTH118  (tens of thousands of files)
            except FileNotFoundError:  # another process prunes, too
                continue
            if (found.st_dev, found.st_ino) not in seen:
                seen.add((found.st_dev, found.st_ino))
                total += found.st_size
    return total


def _install(folder: Path, text: str, wheels: Iterable[Path], python: str) -> None:
    settings = IndexSettings.of_pip()
    # scripts find their interpreter beside them, so that the folder may be renamed
    uv.run(
        ["venv", str(folder), "--relocatable", "--allow-existing", "--quiet", "--python", python],
        settings,
        folder=folder,
    )
    requirements = folder / "requirements.txt"
    requirements.write_text(text, "utf-8")
    arguments = [
        "pip",
        "sync",
        str(requirements),
        "--require-hashes",
        "--quiet",
        "--python",
        str(folder / "bin" / "python"),
    ]
    for wheel_folder in sorted({str(wheel.parent.absolute()) for wheel in wheels}):
        arguments += ["--find-links", wheel_folder]
    try:
        uv.run(arguments, settings, folder=folder)
    except Unverified as unreachable:
        try:
            uv.run([*arguments, "--offline"], settings, folder=folder)
        except Exception:
            raise unreachable from None


def _whole(folder: Path) -> bool:
    """Whether it was finished, and the interpreter that it stands on is still there."""
    return (folder / "bin" / "python").exists() and folder.with_name(folder.name + ".json").is_file()


def _key(lock: Lock, python: str) -> str:
    said = [lock.key, str(Path(python).resolve()), platform.python_version(), platform.system(), platform.machine()]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:20]
