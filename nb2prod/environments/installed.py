"""The distributions that an interpreter has, read from their metadata folders as text: no import, no `realpath`."""

from __future__ import annotations

import csv
import functools
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from packaging.markers import UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name


@functools.lru_cache(8192)
def _parsed(said: str) -> Requirement:
    """A requirement as metadata says it; the same lines are read for the model's environment and for nb2prod's own."""
    return Requirement(said)


@dataclass(frozen=True)
class Distribution:
    """One installed distribution: its name, version and metadata folder (`.dist-info` or `.egg-info`)."""

    name: str
    version: str
    folder: Path

    @property
    def pin(self) -> str:
        return f"{self.name}=={self.version}"

    @property
    def site(self) -> Path:
        """The folder on `sys.path` that holds it."""
        return self.folder.parent

    @cached_property
    def metadata(self) -> str:
        for name in ("METADATA", "PKG-INFO"):
            if (path := self.folder / name).is_file():
                return path.read_text("utf-8", "replace")
        return self.folder.read_text("utf-8", "replace") if self.folder.is_file() else ""

    @cached_property
    def files(self) -> tuple[str, ...]:
        """Paths of its files, relative to `site`; a path may begin with `../` (scripts)."""
        record = self.folder / "RECORD"
        if record.is_file():
            with record.open(encoding="utf-8", newline="") as lines:
                return tuple(row[0] for row in csv.reader(lines) if row and row[0])
        listed = self.folder / "installed-files.txt"
        if listed.is_file():
            inside = (
                os.path.normpath(self.folder.name + "/" + line) for line in listed.read_text("utf-8").splitlines()
            )
            return tuple(inside)
        return tuple(self._walked())

    @cached_property
    def direct_url(self) -> dict[str, Any] | None:
        """PEP 610: where it came from when it came from no index."""
        try:
            found = json.loads((self.folder / "direct_url.json").read_bytes())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) and not self._built_by_conda(found) else None

    @cached_property
    def source(self) -> Path | None:
        """The folder that an editable install points to, else None."""
        direct = self.direct_url
        if direct and direct.get("dir_info", {}).get("editable"):
            return Path(_path_of(str(direct.get("url", ""))))
        link = self.site / f"{self.folder.stem.split('-')[0]}.egg-link"
        if link.is_file():
            return Path(link.read_text("utf-8").splitlines()[0])
        if self.folder.suffix == ".egg-info" and not (self.folder / "installed-files.txt").is_file() and self._develop:
            return self.site
        return None

    def requires(self, extras: Iterable[str] = ()) -> Iterator[Requirement]:
        """What its metadata says it needs on this platform, with these extras."""
        wanted = ("", *extras)
        for line in self.metadata.partition("\n\n")[0].splitlines():
            if not line.startswith("Requires-Dist:"):
                continue
            try:
                requirement = _parsed(line.partition(":")[2].strip())
                if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in wanted):
                    yield requirement
            except (InvalidRequirement, UndefinedEnvironmentName):
                continue  # a line that pip would not read either

    @property
    def _develop(self) -> bool:
        return self.site.name not in ("site-packages", "dist-packages")

    def _built_by_conda(self, found: dict[str, Any]) -> bool:
        """Conda leaves the path of its build machine in direct_url.json: that is no local install."""
        try:
            installer = (self.folder / "INSTALLER").read_text("utf-8").strip()
        except OSError:
            installer = ""
        url = str(found.get("url", ""))
        gone = url.startswith("file:") and not Path(_path_of(url)).exists()
        return installer == "conda" or (gone and "conda" in url) or (gone and "croot" in url) or "feedstock" in url

    def _walked(self) -> Iterator[str]:
        """Without any list (some egg-info): the top-level names that it states."""
        listed = self.folder / "top_level.txt"
        for name in listed.read_text("utf-8").split() if listed.is_file() else ():
            base = self.site / name
            if base.is_dir():
                yield from (str(path.relative_to(self.site)) for path in base.rglob("*") if path.is_file())
            else:
                yield from (path.name for path in self.site.glob(f"{name}.*") if path.is_file())


@dataclass(frozen=True)
class Installed:
    """Every distribution on a search path; the first of a name wins, as for `import`."""

    path: tuple[Path, ...]
    by_name: dict[str, Distribution] = field(compare=False)

    @classmethod
    def on(cls, path: Sequence[str | Path] | None = None) -> Installed:
        """Scan `path` (default: this interpreter's `sys.path`).

        Examples
        --------
        >>> Installed.on().by_name["packaging"].name
        'packaging'
        """
        folders = tuple(dict.fromkeys(Path(entry) for entry in (sys.path if path is None else path) if str(entry)))
        found: dict[str, Distribution] = {}
        for folder in folders:
            for distribution in _in(folder):
                found.setdefault(distribution.name, distribution)
        return cls(folders, found)

    def __getitem__(self, name: str) -> Distribution:
        return self.by_name[canonicalize_name(name)]

    def get(self, name: str) -> Distribution | None:
        return self.by_name.get(canonicalize_name(name))

    def closure(self, pins: Iterable[str]) -> dict[str, Distribution]:
        """The installed distributions that these need, themselves among them, by metadata."""
        found: dict[str, Distribution] = {}
        seen: set[tuple[str, frozenset[str]]] = set()
        todo = [Requirement(pin) for pin in pins]
        while todo:
            requirement = todo.pop()
            mark = (canonicalize_name(requirement.name), frozenset(requirement.extras))
            distribution = self.get(requirement.name)
            if mark in seen or distribution is None:
                continue
            seen.add(mark)
            found[distribution.name] = distribution
            todo.extend(distribution.requires(requirement.extras))
        return found

    def broken(self, closure: Mapping[str, Distribution]) -> dict[str, str]:
        """What of a closure does not fit by metadata, as `pip check` says it; name → who needs which range."""
        found: dict[str, str] = {}
        for distribution in closure.values():
            for need in distribution.requires():
                here = closure.get(canonicalize_name(need.name))
                if here is not None and not need.specifier.contains(here.version, prereleases=True):
                    found[here.name] = f"{distribution.name} needs {need.name}{need.specifier}"
        return found


def _in(folder: Path) -> Iterator[Distribution]:
    try:
        entries = sorted(os.listdir(folder))  # noqa: PTH208  (200 entries: names are enough)
    except OSError:
        return
    for entry in entries:
        stem, dot, suffix = entry.rpartition(".")
        if not dot or suffix not in ("dist-info", "egg-info"):
            continue
        name, _, version = stem.partition("-")
        if suffix == "egg-info" and "-py" in version:
            version = version.partition("-py")[0]
        if not version:
            name, version = _stated(folder / entry)
        if version:
            yield Distribution(canonicalize_name(name), version.replace("_", "-"), folder / entry)


def _stated(folder: Path) -> tuple[str, str]:
    head = Distribution("", "", folder).metadata.partition("\n\n")[0]
    lines = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line and not line.startswith(" "))
    return lines.get("Name", ""), lines.get("Version", "")


def _path_of(url: str) -> str:
    from urllib.parse import unquote, urlsplit

    return unquote(urlsplit(url).path)
