"""Where state lives: the home, the shared cache, the short folder for sockets; locks and settings. Standard library alone."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from nb2prod.errors import Conflict, NoSpace, Unavailable

SCHEMA = 1
GIB = 2**30
RESERVE = 64 * 2**20
_MAKING = ".making-"
_HELD: dict[tuple[str, str], IO[str]] = {}
"""What this process holds; the system lets go of it when the process dies, however it dies."""


class Home:
    """One home of nb2prod: everything that must last for a user, and nothing that can be made again.

    Parameters
    ----------
    root
        Default: ``NB2PROD_HOME``, else the platform's user data folder.
    cache
        Default: ``NB2PROD_CACHE``, else the platform's cache folder. Shared by homes.

    Raises
    ------
    Conflict
        A newer nb2prod wrote the home.
    Unavailable
        The folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> home = Home(root=tempfile.mkdtemp())
    >>> home.captures.name
    'captures'
    """

    def __init__(self, root: str | os.PathLike[str] | None = None, cache: str | os.PathLike[str] | None = None) -> None:
        self.root = Path(root or os.environ.get("NB2PROD_HOME") or _data_folder()).expanduser().absolute()
        self.cache = Path(cache or os.environ.get("NB2PROD_CACHE") or _cache_folder()).expanduser().absolute()
        self._create()

    @property
    def database(self) -> Path:
        """Deployments, versions, panes: nb2prod's own store."""
        return self.root / "nb2prod.db"

    @property
    def mlflow(self) -> Path:
        return self.root / "mlflow"

    @property
    def captures(self) -> Path:
        return self.root / "captures"

    @property
    def bentos(self) -> Path:
        return self.root / "bentos"

    @property
    def local(self) -> Path:
        """The local target's own files: supervisord's and Caddy's configuration and logs."""
        return self.root / "local"

    @property
    def services(self) -> Path:
        """Services elsewhere that are pulled from here; no file, where there are none."""
        return self.root / "services.json"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def trusted(self) -> Path:
        """Public keys of those whose captures this home's services load; its own is among them."""
        return self.keys / "trusted"

    @property
    def trusted_keys(self) -> str:
        """What the processes that load a capture get as ``NB2PROD_TRUSTED_KEYS``: what is set here, else the home's folder."""
        return os.environ.get("NB2PROD_TRUSTED_KEYS") or str(self.trusted)

    def deployment(self, name: str) -> Path:
        """A deployment's folder: one sub-folder a version, with service.json, spool, logs."""
        return self.root / "deployments" / name

    @property
    def environments(self) -> Path:
        return self.cache / "environments"

    @property
    def locks(self) -> Path:
        return self.cache / "locks"

    @property
    def wheels(self) -> Path:
        return self.cache / "wheels"

    @property
    def templates(self) -> Path:
        """Migrated, empty MLflow stores, one for each MLflow version."""
        return self.cache / "mlflow-templates"

    @property
    def control(self) -> Path:
        """The environments that supervisord, Caddy and the agent run from, one for each nb2prod version."""
        return self.cache / "control"

    @property
    def sockets(self) -> Path:
        """A short per-user folder for unix sockets (macOS allows 104 characters), one for each home."""
        base = Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp")
        mark = hashlib.sha256(str(self.root).encode()).hexdigest()[:10]
        folder = base / f"nb2prod-{os.getuid()}" / mark
        _private(folder.parent)
        _private(folder)
        return folder

    @contextlib.contextmanager
    def lock(self, name: str, timeout: float = 60.0) -> Iterator[None]:
        """Hold the home's lock of that name; other processes wait, the system frees it when we die."""
        folder = self.root / "locks"
        folder.mkdir(exist_ok=True)
        with locked(folder / f"{name}.lock", timeout=timeout):
            yield

    def hold(self, name: str) -> bool:
        """Use what goes by that name for the life of this process: `unheld` says no until it dies or releases it.

        Returns whether this process did not hold it before.
        """
        key = (str(self.root), name)
        if key in _HELD:
            return False
        _HELD[key] = self._mark(name).open("a")
        fcntl.flock(_HELD[key], fcntl.LOCK_SH)
        return True

    def release(self, name: str) -> None:
        """This process uses it no longer."""
        file = _HELD.pop((str(self.root), name), None)
        if file is not None:
            file.close()

    @contextlib.contextmanager
    def unheld(self, name: str) -> Iterator[bool]:
        """Whether no process holds it; while the block runs none can begin to."""
        with self._mark(name).open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
                return
            yield True

    def at_work(self, name: str) -> bool:
        """Does a process hold the home's lock of that name?"""
        try:
            with self.lock(name, timeout=0.0):
                return False
        except Conflict:
            return True

    def _mark(self, name: str) -> Path:
        folder = self.root / "locks"
        folder.mkdir(exist_ok=True)
        return folder / f"{name}.use"

    def require_space(self, needed: int, *, what: str) -> None:
        """Raise `NoSpace` before a write that would not fit; `needed` in bytes."""
        free = shutil.disk_usage(self.root).free
        if free < needed + RESERVE:
            raise NoSpace(
                f"There is no room for {what}",
                code="disk-full",
                where=str(self.root),
                why=f"It needs about {needed / 2**20:.0f} MB and a reserve of 64 MB; {free / 2**20:.0f} MB are free.",
                fix=self.room_fix(needed),
                kept="nothing was written",
            )

    def room_fix(self, needed: int = 0) -> str:
        """The line that makes room for `needed` bytes: pruning where there is something to prune, else another disk."""
        missing = max(needed + RESERVE - shutil.disk_usage(self.root).free, 0)
        free = f"free {missing / 2**20:.0f} MB on this disk" if missing else "free some of this disk"
        elsewhere = "export NB2PROD_HOME=/another/disk/nb2prod NB2PROD_CACHE=/another/disk/nb2prod-cache"
        if any(folder.is_dir() and any(folder.iterdir()) for folder in (self.captures, self.bentos)):
            return f"nb2prod prune      # or {free}"
        return f"{elsewhere}      # or {free}"

    def _create(self) -> None:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self.cache.mkdir(parents=True, exist_ok=True)
            mark = self.root / "home.json"
            if not mark.exists():
                write_atomic(mark, json.dumps({"schema": SCHEMA}).encode() + b"\n")
            found = json.loads(mark.read_bytes()).get("schema", 0)
        except (OSError, ValueError) as error:
            raise Unavailable(
                "nb2prod's home cannot be used",
                code="home-unusable",
                where=str(self.root),
                why=str(error),
                fix="export NB2PROD_HOME=/a/folder/you/can/write",
                kept="nothing was written",
            ) from error
        if found > SCHEMA:
            raise Conflict(
                "This home was written by a newer nb2prod",
                code="newer-schema",
                where=str(mark),
                why=f"It has schema {found}; this nb2prod reads up to {SCHEMA}.",
                fix="pip install --upgrade nb2prod",
                kept="nothing was changed",
            )


def write_atomic(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write by rename: a reader sees the old file or the new one, a crash leaves the old one."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def unfinished(folder: Path) -> Path:
    """A new folder in `folder` for what this process makes there, to be moved to its place or removed by it.

    Its name has the number of the process: those of processes that died are removed here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f"{_MAKING}*"):
        if not _alive(left.name.removeprefix(_MAKING).partition("-")[0]):
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{_MAKING}{os.getpid()}-", dir=folder))


@contextlib.contextmanager
def locked(path: Path, *, timeout: float = 60.0) -> Iterator[None]:
    """Hold an exclusive lock on `path`; `Conflict` when another process keeps it past `timeout` seconds."""
    deadline = time.monotonic() + timeout
    with path.open("a+") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if time.monotonic() > deadline:
                    raise Conflict(
                        "Another nb2prod process is at work here",
                        code="locked",
                        where=str(path),
                        why=f"It has held the lock for more than {timeout:.0f} s.",
                        fix="nb2prod doctor",
                        kept="nothing was changed",
                    ) from error
                time.sleep(0.05)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)


def _alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def _data_folder() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "nb2prod"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "nb2prod"


def _cache_folder() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "nb2prod"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nb2prod"


def _private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise Unavailable(
            "The folder for sockets belongs to someone else",
            code="sockets-unusable",
            where=str(folder),
            why="Only its owner may talk to the services behind it.",
            fix="export XDG_RUNTIME_DIR=/a/folder/of/yours",
            kept="nothing was started",
        )
