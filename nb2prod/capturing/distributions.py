"""Which distribution a module comes from: its file looked up in the RECORDs of what is installed, read as text."""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from nb2prod.environments import Distribution, Installed

CODE = (".py", ".so", ".pyd", ".dylib")
_STANDARD = tuple(
    dict.fromkeys(
        os.path.realpath(path) + os.sep
        for path in (
            sysconfig.get_path("stdlib"),
            sysconfig.get_path("platstdlib"),
            sysconfig.get_config_var("DESTSHARED"),
        )
        if path
    )
)
_TOOLS = frozenset(
    {"pytest", "pluggy", "iniconfig", "ipython", "ipykernel", "ipywidgets", "mlflow", "notebook", "debugpy", "nb2prod"}
)
_MACHINERY = (
    "_distutils_hack",
    "sitecustomize",
    "usercustomize",
    "__editable__",
    "_virtualenv",
    "__mp_main__",
    "__main__",
)


@dataclass(frozen=True)
class Origins:
    """Looks a module up: a distribution, the standard library, or code of the user's own."""

    installed: Installed

    def distribution(self, file: str) -> Distribution | None:
        """The distribution that a file belongs to, if any."""
        for name in (file, real(file)):
            if found := self._owners.get(name):
                return found
            for folder, distribution in self._editable:
                if name.startswith(folder) and "-packages" + os.sep not in name[len(folder) :]:
                    return distribution
        return self._beside(file)

    def of_import(self, module: str) -> Distribution | None:
        """The distribution that brings a module, for an import that has not run; a namespace package has several."""
        parts = module.split(".")
        for length in range(len(parts), 0, -1):
            path = "/".join(parts[:length])
            for name in (f"{path}/__init__.py", f"{path}.py"):
                if found := self._relative.get(name):
                    return found
        return self._extensions.get(parts[0]) if len(parts) else None

    def standard(self, module: str, file: str | None) -> bool:
        """Whether a module belongs to Python itself, or to the machinery that finds modules."""
        top = module.partition(".")[0]
        if file is None or top.startswith(_MACHINERY):
            return True
        if file.startswith(_STANDARD) and "-packages" + os.sep not in file:
            return True
        place = real(file)
        return place.startswith(_STANDARD) and "-packages" + os.sep not in place

    def _beside(self, file: str) -> Distribution | None:
        """A file that an install hook wrote into a package: the package's distribution has it."""
        for site in self.installed.path:
            if site.name.endswith("-packages") and file.startswith(f"{site}{os.sep}"):
                inside = Path(file).relative_to(site).parts
                return self.of_import(inside[0]) if len(inside) > 1 else None
        return None

    @cached_property
    def _owners(self) -> dict[str, Distribution]:
        found: dict[str, Distribution] = {}
        for distribution in self.installed.by_name.values():
            site = str(distribution.site) + os.sep
            for name in distribution.files:
                if name.endswith(CODE):
                    found.setdefault(site + name, distribution)
        return found

    @cached_property
    def _relative(self) -> dict[str, Distribution]:
        found: dict[str, Distribution] = {}
        for distribution in self.installed.by_name.values():
            for name in distribution.files:
                if name.endswith(".py"):
                    found.setdefault(name, distribution)
        return found

    @cached_property
    def _extensions(self) -> dict[str, Distribution]:
        """Top-level names that are extension modules or hold nothing else."""
        found: dict[str, Distribution] = {}
        for distribution in self.installed.by_name.values():
            for name in distribution.files:
                if name.endswith((".so", ".pyd")) and not name.startswith(".."):
                    found.setdefault(name.partition("/")[0].partition(".")[0], distribution)
        return found

    @cached_property
    def _editable(self) -> list[tuple[str, Distribution]]:
        sources = ((found.source, found) for found in self.installed.by_name.values())
        return sorted(
            ((str(source) + os.sep, found) for source, found in sources if source), key=lambda item: -len(item[0])
        )


def tool(distribution: Distribution) -> bool:
    """What tests or notebooks are made with: libraries load it where it is there, no service needs it."""
    return distribution.name in _TOOLS or distribution.name.startswith("jupyter")


def real(file: str) -> str:
    """`os.path.realpath`, which costs a call for each folder above, asked once for each folder."""
    folder, name = os.path.split(file)
    place = os.path.join(_real_folder(folder), name)  # noqa: PTH118
    return os.path.realpath(place) if os.path.islink(place) else place  # noqa: PTH114


@functools.lru_cache(maxsize=4096)
def _real_folder(folder: str) -> str:
    return os.path.realpath(folder)


def loaded() -> dict[str, str | None]:
    """Name and file of every module that is loaded here."""
    found: dict[str, str | None] = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        found[name] = file if isinstance(file, str) else None
    return found


def pins(found: Iterable[Distribution]) -> tuple[str, ...]:
    """Each as ``name==version``, sorted."""
    return tuple(sorted({distribution.pin for distribution in found}))
