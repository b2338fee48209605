"""Where a home's supervisord lives: its sockets and its interpreter, remembered for as long as it runs."""

from __future__ import annotations

import os
import shlex
import shutil
from configparser import Error, RawConfigParser
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import msgspec

from nb2prod import environments
from nb2prod.home import Home, write_atomic
from nb2prod.records.base import Record
from nb2prod.targets.local.supervisor import CONFIG, unescape


class Told(Record, frozen=True, kw_only=True):
    """What is remembered of a supervisord: the folder of its sockets, and its interpreter."""

    sockets: str
    python: str

    @property
    def alive(self) -> bool:
        """Is its socket there, and its interpreter?"""
        return os.path.exists(f"{self.sockets}/supervisor.sock") and os.path.exists(self.python)  # noqa: PTH110  # also of text that is no path


class Place:
    """The folder of the sockets and the interpreter that supervisord and Caddy run from.

    Both are kept while supervisord runs. The short folder follows ``XDG_RUNTIME_DIR``, which a notebook server may have and a
    timer job not; and an upgraded nb2prod, which has another control environment, leaves running services alone.
    """

    def __init__(self, home: Home, given: Path | None, earlier: Told | None) -> None:
        self.home = home
        self._given = given
        self._earlier = earlier

    @classmethod
    def of(cls, home: Home, given: Path | None = None) -> Place:
        """What the running supervisord uses, else what the next one will use; where the file is torn its configuration tells."""
        told = (read(home) for read in (_remembered, _configured))
        return cls(home, given, next((one for one in told if one is not None and one.alive), None))

    @property
    def file(self) -> Path:
        """Where it is remembered."""
        return _file(self.home)

    @property
    def runs(self) -> bool:
        """Was a supervisord of this home found?"""
        return self._earlier is not None

    @property
    def torn(self) -> bool:
        """Is the file there and says no place, or is it missing beside a supervisord that runs?"""
        return _remembered(self.home) is None and (self.file.exists() or self.runs)

    def mend(self) -> None:
        """Write the file again from the supervisord that was found; without one it goes."""
        if self.runs:
            self.keep()
        else:
            self.file.unlink(missing_ok=True)

    @cached_property
    def sockets(self) -> Path:
        """The folder of all sockets."""
        return Path(self._earlier.sockets) if self._earlier else self.home.sockets

    @cached_property
    def python(self) -> Path:
        """The interpreter beside which `caddy` lies and which has `supervisor`."""
        return Path(self._earlier.python) if self._earlier else self.newest

    @cached_property
    def newest(self) -> Path:
        """The interpreter of this nb2prod's own control environment, kept from being pruned; the agent's."""
        if self._given:
            return self._given
        with environments.in_use(self.home.cache):
            made = environments.control(self.home)
            self.home.local.mkdir(parents=True, exist_ok=True)
            lease(self.home, str(made), self.home.local)
        return made

    def keep(self) -> None:
        """Remember it, and keep the control environment from being pruned."""
        self.home.local.mkdir(parents=True, exist_ok=True)
        said = Told(sockets=str(self.sockets), python=str(self.python))
        if said != _remembered(self.home):
            write_atomic(self.file, msgspec.json.encode(said) + b"\n")
        self._earlier = said
        lease(self.home, str(self.python), self.home.local)

    def forget(self) -> None:
        """Nothing runs: the sockets go, the control environment is free."""
        shutil.rmtree(self.sockets, ignore_errors=True)
        with suppress(OSError):
            self.sockets.parent.rmdir()
        self.file.unlink(missing_ok=True)


def lease(home: Home, python: str, holder: Path) -> None:
    """Keep the environment of an interpreter from `prune` while the folder `holder` exists; others' environments are theirs."""
    folder = Path(python).parents[1]
    if folder.parent in (home.environments, home.control):
        environments.lease(folder, holder)


def _remembered(home: Home) -> Told | None:
    """What the file says; None where it is not there or is none of ours."""
    with suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode(_file(home).read_bytes(), type=Told)
    return None


def _configured(home: Home) -> Told | None:
    """What supervisord's configuration says: its socket, and Caddy's command, beside which the interpreter lies."""
    read = RawConfigParser()
    with suppress(OSError, ValueError, KeyError, Error):
        read.read_string((home.local / CONFIG).read_text(encoding="utf-8"))
        socket = Path(unescape(read["unix_http_server"]["file"]))
        command = shlex.split(unescape(read["program:caddy"]["command"]))
        caddy = Path(command[command.index("run") - 1])
        return Told(sockets=str(socket.parent), python=str(caddy.with_name("python")))
    return None


def _file(home: Home) -> Path:
    return home.local / "place.json"
