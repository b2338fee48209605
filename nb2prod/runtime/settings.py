"""What the target tells the service, re-read as soon as the file changes."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from nb2prod.errors import Failed, Nb2prodError
from nb2prod.records.base import read
from nb2prod.records.serving import ServiceSettings

VARIABLE = "NB2PROD_SERVICE"
log = logging.getLogger("nb2prod")


class Settings:
    """The settings of now, and the model's name as callers see it.

    Parameters
    ----------
    path
        The `service.json`; None where no target speaks to the service (`bentoml serve`, a container): then it takes traffic
        under its Bento's tag.
    name, tag
        The capture's name and the Bento's tag.
    """

    def __init__(self, path: Path | None, *, name: str, tag: str) -> None:
        self._path = path
        self._tag = tag
        self._seen: tuple[int, int, int] | None = None
        self.current = ServiceSettings(name=name, traffic=True, counter="self")
        self.label = tag
        if path is not None:
            self._seen = self._look()
            if self._seen is None:
                raise _missing(path)
            self._load(path)

    @property
    def told(self) -> bool:
        """Whether a target speaks to the service."""
        return self._path is not None

    @classmethod
    def from_environment(cls, *, name: str, tag: str) -> Settings:
        """From the file that `NB2PROD_SERVICE` names; it must be there at the start."""
        path = os.environ.get(VARIABLE)
        return cls(Path(path) if path else None, name=name, tag=tag)

    def now(self) -> ServiceSettings:
        """The settings, read again if the file was replaced: a stat a call, so a switch holds from the next request on.

        A file that cannot be read, or is gone, is said once; the last good settings hold.
        """
        if self._path is not None:
            seen = self._look()
            if seen != self._seen:
                self._seen = seen
                try:
                    self._load(self._path)
                except (OSError, Nb2prodError) as error:
                    log.error("settings unreadable, the last ones hold: %s", str(error).splitlines()[0])
        return self.current

    def _look(self) -> tuple[int, int, int] | None:
        assert self._path is not None
        try:
            # os.stat takes half the time of Path.stat, and this runs on every request.
            found = os.stat(self._path)  # noqa: PTH116
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _load(self, path: Path) -> None:
        before, self.current = self.current, read(path, ServiceSettings)
        version = self.current.version
        self.label = self._tag if version is None else f"{self.current.name}/{version}"
        if before.traffic != self.current.traffic:
            log.info("traffic %s for %s", "on" if self.current.traffic else "off", self.label)
        if before.canary != (share := self.current.canary):
            told = f"{share.percent:g} % of the requests go to version {share.version}" if share else "no canary"
            log.info("%s: %s", self.label, told)


def _missing(path: Path) -> Failed:
    return Failed(
        "The service's settings are not there",
        code="no-settings",
        where=str(path),
        why=f"{VARIABLE} names a file that does not exist.",
        fix=f"unset {VARIABLE}      or start the service with nb2prod",
    )
