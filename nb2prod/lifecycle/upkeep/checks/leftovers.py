"""What an interrupted step left: half-made folders, files and sockets that nobody uses; and bytes by kind."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from nb2prod.lifecycle.upkeep.checks.base import Ailment, Check
from nb2prod.lifecycle.upkeep.sizes import by_kind, mebibytes, tree_bytes

MARKS = (".fetch-", ".making-", ".gone-")
OLD = 3600.0
"""Seconds after which a half-made thing belongs to nobody: no step takes that long."""


class LeftoversCheck(Check):
    """Half-made folders and files, runs and sockets without a deployment."""

    code, title, order = "leftovers", "Leftovers", 80

    def look(self) -> Iterator[Ailment]:
        for path in (*self._half_made(), *self._ownerless()):
            text = f"{path} is left over ({mebibytes(tree_bytes(path))})."
            yield Ailment(text, "nb2prod doctor --fix", "warn", partial(_delete, path))
        for row in self.ground.store.deployments.all():
            coming = self.ground.store.deployments.candidate(row.name)
            if coming is not None and not self.home.at_work(f"deploy-{row.name}"):
                text = f"`{row.name}` has a run that was started and never took traffic."
                yield Ailment(text, "nb2prod doctor --fix", "warn", partial(self.ground.target.discard, row.name))

    def well(self) -> str:
        return "none"

    def _half_made(self) -> Iterator[Path]:
        """Names that begin with a dot are written beside the real one and renamed when whole.

        Deeper down only the names that steps give are looked for: a dot file inside a capture is part of it.
        """
        home = self.home
        places = (home.root, home.captures, home.bentos, home.local, home.environments, home.control)
        found = [path for place in places for path in place.glob(".*")]
        found += [path for place in (home.captures, home.bentos) for mark in MARKS for path in place.glob(f"*/{mark}*")]
        yield from (path for path in found if _age(path) > OLD and path.name != ".lock")

    def _ownerless(self) -> Iterator[Path]:
        names = {row.name for row in self.ground.store.deployments.all()}
        for folder in (self.home.root / "deployments").glob("*"):
            if folder.name not in names:
                yield folder
            else:
                runs = {f"run-{row.run}" for row in self.ground.store.deployments.runs(folder.name)}
                yield from (run for run in folder.glob("run-*") if run.name not in runs)


class BytesCheck(Check):
    """How many bytes lie where; never wrong by itself."""

    code, title, order = "bytes", "Bytes", 90

    def look(self) -> Iterator[Ailment]:
        return iter(())

    def well(self) -> str:
        return (
            ", ".join(f"{kind} {mebibytes(size)}" for kind, size in by_kind(self.home).items() if size >= 2**20)
            or "next to none"
        )


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _age(path: Path) -> float:
    try:
        return time.time() - path.lstat().st_mtime
    except OSError:
        return 0.0
