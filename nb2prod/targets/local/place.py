"""Where a home's supervisord lives: its sockets and its interpreter, remembered for as long as it runs."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from nb2prod import environments
from nb2prod.home import Home, write_atomic


class Place:
    """The folder of the sockets and the interpreter that supervisord and Caddy run from.

    Both are kept while supervisord runs. The short folder follows ``XDG_RUNTIME_DIR``, which a notebook server may have and a
    timer job not; and an upgraded nb2prod, which has another control environment, leaves running services alone.
    """

    def __init__(self, home: Home, given: Path | None, earlier: dict[str, str]) -> None:
        self.home = home
        self._given = given
        self._earlier = earlier

    @classmethod
    def of(cls, home: Home, given: Path | None = None) -> Place:
        """What the running supervisord uses, else what the next one will use."""
        try:
            earlier = json.loads(_file(home).read_bytes())
        except (OSError, ValueError):
            earlier = {}
        alive = earlier and Path(earlier["sockets"], "supervisor.sock").exists() and Path(earlier["python"]).exists()
        return cls(home, given, earlier if alive else {})

    @cached_property
    def sockets(self) -> Path:
        """The folder of all sockets."""
        return Path(self._earlier["sockets"]) if self._earlier else self.home.sockets

    @cached_property
    def python(self) -> Path:
        """The interpreter beside which `caddy` lies and which has `supervisor`."""
        return Path(self._earlier["python"]) if self._earlier else self.newest

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
        said = {"sockets": str(self.sockets), "python": str(self.python)}
        if said != self._earlier:
            write_atomic(_file(self.home), json.dumps(said).encode() + b"\n")
            self._earlier = said
        lease(self.home, str(self.python), self.home.local)

    def forget(self) -> None:
        """Nothing runs: the sockets go, the control environment is free."""
        shutil.rmtree(self.sockets, ignore_errors=True)
        with suppress(OSError):
            self.sockets.parent.rmdir()
        _file(self.home).unlink(missing_ok=True)


def lease(home: Home, python: str, holder: Path) -> None:
    """Keep the environment of an interpreter from `prune` while the folder `holder` exists; others' environments are theirs."""
    folder = Path(python).parents[1]
    if folder.parent in (home.environments, home.control):
        environments.lease(folder, holder)


def _file(home: Home) -> Path:
    return home.local / "place.json"
