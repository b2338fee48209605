"""Python and disk."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterator

from nb2prod.home import GIB
from nb2prod.lifecycle.upkeep.checks.base import Ailment, Check
from nb2prod.lifecycle.upkeep.sizes import mebibytes, tree_bytes

NEWEST = (3, 13)
HOME_CAP = 20 * GIB
FULL = 64 * 2**20
LOW = GIB


class PythonCheck(Check):
    """Python 3.11 to 3.13 on Linux or macOS."""

    code, title, order = "python", "Python", 10

    def look(self) -> Iterator[Ailment]:
        if sys.version_info[:2] > NEWEST:
            text = f"Python {platform.python_version()} is newer than what nb2prod was tested with."
            yield Ailment(text, "uv venv --python 3.13", "warn")
        if platform.system() not in ("Linux", "Darwin"):
            yield Ailment(f"{platform.system()} is not supported.", "wsl --install    # then run nb2prod in WSL 2")

    def well(self) -> str:
        return f"{platform.python_version()} on {platform.system()} {platform.machine()}"


class DiskCheck(Check):
    """Free space where home and cache lie, and the home's cap."""

    code, title, order = "disk", "Disk", 20

    def look(self) -> Iterator[Ailment]:
        for folder in dict.fromkeys((self.home.root, self.home.cache)):
            free = shutil.disk_usage(folder).free
            if free < LOW:
                text = f"{mebibytes(free)} are free under {folder}."
                yield Ailment(text, self.home.room_fix(LOW), "bad" if free < FULL else "warn")
        used = tree_bytes(self.home.root)
        if used > 0.8 * HOME_CAP:
            text = f"The home holds {mebibytes(used)} of {mebibytes(HOME_CAP)}."
            yield Ailment(text, "nb2prod prune --keep 2", "bad" if used > HOME_CAP else "warn")

    def well(self) -> str:
        return f"{mebibytes(shutil.disk_usage(self.home.root).free)} free"
