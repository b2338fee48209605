"""What a saved model needs around it: distributions at the kernel's versions, and code of the user's own.

Three ways lead to it: the globals that the saved model names, the imports in the code that travels, and what a fresh process has
loaded after it loaded and asked the model. What merely happens to be loaded in the kernel is left out, and listed.
"""

from __future__ import annotations

import importlib.util
import platform
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from packaging.utils import parse_wheel_filename

from nb2prod.capturing import carried, distributions, imports, libraries, local_code, probe, references
from nb2prod.capturing.carried import Carried
from nb2prod.capturing.distributions import Origins
from nb2prod.capturing.local_code import LocalCode
from nb2prod.environments import Distribution, Installed, LockRequest, of_direct
from nb2prod.home import Home
from nb2prod.records.capture import Finding, LocalModule
from nb2prod.runtime import flavors

HEAVY = 200 * 2**20


@dataclass(frozen=True)
class Needed:
    """What goes along.

    Attributes
    ----------
    pins
        Distributions at the kernel's versions.
    left_out
        Distributions that are loaded in the kernel and that neither the model nor a pin needs.
    local
        Modules and packages of the user's own, hashed; `files` maps their paths below ``code/`` to the sources.
    wheels
        Wheels of distributions that no index has.
    unlocked
        What cannot be locked as it is, with the reason.
    libraries
        Libraries of the system that extension modules brought in, beyond those that every Linux has.
    preferred
        Versions that a lock beside the notebook has for what the kernel does not have.
    code
        SHA-256 of the code that travels: local files, and what the pickle carries by value.
    """

    pins: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    local: tuple[LocalModule, ...] = ()
    files: dict[str, Path] = field(default_factory=dict, repr=False)
    wheels: tuple[Path, ...] = ()
    unlocked: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    libraries: tuple[str, ...] = ()
    preferred: tuple[str, ...] = ()
    code: str = ""

    def copy_code(self, folder: Path) -> None:
        """Copy the local code into the capture's ``code/``."""
        local_code.copy(self.files, folder)

    def request(self) -> LockRequest:
        """What is to be locked for it."""
        return LockRequest(pins=self.pins, wheels=self.wheels, preferred=self.preferred)


def prepare(
    model: Any,
    folder: Path,
    *,
    notebook_folder: Path | None = None,
    exclude: Collection[str] = (),
    home: Home,
    sample: Any = None,
    notebook: Path | None = None,
    wheels: Sequence[Path] = (),
) -> Needed:
    """What the model that a flavor saved in `folder` needs around it.

    Parameters
    ----------
    model
        The live model.
    folder
        Its saved files, ``flavor.json`` among them.
    notebook_folder
        Where the notebook lies; default: the working folder.
    exclude
        Modules and distributions to leave behind.
    notebook
        Its file, which may carry a lock.
    wheels
        Wheels of the user's own, for what no index has.
    sample
        A few rows in the container that the model is called with: the fresh process asks it with them. They go through a pipe.

    Raises
    ------
    Refused
        A link or device in local code leaves it (``symlink-leaves``, ``not-a-file``).
    """
    named = references.named(folder)
    search = _Search(
        Origins(Installed.on()), [str(notebook_folder or Path.cwd()), *map(str, sys.path)], frozenset(exclude), folder
    )
    search.modules(named.modules | {type(model).__module__, type(sample).__module__.partition(".")[0]})
    kept = home.cache / "probes" / f"{_key(named, search, sample)}.json"
    met = probe.modules(folder, sample, path=search.path, cwd=notebook_folder or Path.cwd(), kept=kept)
    for module, names in met.get("imports", ()):
        search.imported(imports.Import(module, tuple(names)))
    for module, file in met.get("modules", {}).items():
        search.module(module, file, met=True)
    search.lean(flavors.recorded(folder).lean)
    found = search.needed(named, met, home, carried.read(notebook, notebook_folder or Path.cwd()))
    return replace(found, wheels=(*found.wheels, *wheels), findings=(*found.findings, *_others(wheels, search.origins)))


@dataclass
class _Search:
    """Follows names to distributions and to local code, whose own imports are followed in turn."""

    origins: Origins
    path: Sequence[str]
    exclude: frozenset[str]
    inside: Path
    """The model's own folder: modules that lie in it travel with it."""
    found: dict[str, Distribution] = field(default_factory=dict)
    local: LocalCode = field(default_factory=LocalCode)
    seen: set[str] = field(default_factory=set)

    def modules(self, names: Iterable[str]) -> None:
        for name in sorted(names):
            self.module(name, self.file(name))

    def module(self, name: str, file: str | None, *, met: bool = False) -> None:
        """Follow a module whose file is known; `met` where a fresh process had it loaded and no code names it."""
        if name in self.seen or name.partition(".")[0] in ("nb2prod", "__main__", *self.exclude):
            return
        self.seen.add(name)
        if self.origins.standard(name, file):
            return
        distribution = self.origins.distribution(file) if file else None
        if distribution is not None and distribution.source is None:
            if distribution.name not in self.exclude and not (met and distributions.tool(distribution)):
                self.found[distribution.name] = distribution
        elif file:
            self.own(name, Path(file), distribution)

    def own(self, name: str, file: Path, distribution: Distribution | None) -> None:
        """Take in a module of the user's own, its packages, and what it imports."""
        if not file.is_relative_to(self.inside):
            self.local.add(name, file)
        if distribution is not None and distribution.name != "nb2prod":
            self.metadata(distribution, name.partition(".")[0])
        parent = name.rpartition(".")[0]
        if parent:
            self.module(parent, self.file(parent))
        if file.suffix == ".py":
            for met in imports.of_source(file.read_bytes(), name, package=file.stem == "__init__"):
                self.imported(met)

    def imported(self, met: imports.Import) -> None:
        """Follow an import; what is named after `from` may be a module of its own."""
        for name in (met.module, *(f"{met.module}.{part}" for part in met.names)):
            top = name.partition(".")[0]
            if top == "nb2prod" or (top in sys.stdlib_module_names and name not in sys.modules):
                continue
            file = self.file(name)
            if file is not None:
                self.module(name, file)
            elif (distribution := self.origins.of_import(name)) is not None and distribution.source is None:
                self.found.setdefault(distribution.name, distribution)

    def file(self, name: str) -> str | None:
        """The file of a module: as it is loaded here, else as an import would find it."""
        loaded = getattr(sys.modules.get(name), "__file__", None)
        if isinstance(loaded, str) and (Path(loaded).exists() or self.origins.distribution(loaded)):
            return loaded
        found = local_code.find(name, self.path)
        return str(found) if found else _spec(name)

    def lean(self, instead: Mapping[str, str]) -> None:
        """Take the smaller distribution that serves in place of the one that a notebook has."""
        for full, small in instead.items():
            known = self.found.pop(full, None)
            found = self.origins.installed.get(small) or known or self.origins.installed.get(full)
            if found is not None:
                self.found[found.name] = found

    def metadata(self, distribution: Distribution, owner: str) -> None:
        """An editable install keeps its name and version: its metadata lies beside its code."""
        for part in ("METADATA", "PKG-INFO", "entry_points.txt", "top_level.txt"):
            if (file := distribution.folder / part).is_file():
                self.local.put(f"{distribution.folder.name}/{part}", file, owner=owner)

    def needed(self, named: references.Named, met: Mapping[str, Any], home: Home, lock: Carried | None) -> Needed:
        pins = tuple(map(lock.with_extras if lock else str, distributions.pins(self.found.values())))
        closure = self.origins.installed.closure(pins)
        direct = {name: made for name, found in closure.items() if (made := of_direct(found, home.wheels))}
        system = libraries.names(met.get("libraries", ()))
        found = (
            _unasked(met.get("error", "")),
            libraries.finding(system),
            _heavy(self.local.files),
            _edited(self.local),
        )
        return Needed(
            pins=pins,
            left_out=distributions.pins(self.aside(closure)),
            local=self.local.records(),
            files=dict(self.local.files),
            wheels=tuple(wheel for wheel, _ in direct.values()),
            unlocked=tuple(_direct(closure[name], url) for name, (_, url) in direct.items()),
            findings=(*filter(None, found), *(lock.differences(closure) if lock else ())),
            preferred=lock.preferences(closure) if lock else (),
            libraries=system,
            code=probe.key(named.digest, local_code.digest(self.local.files)),
        )

    def aside(self, closure: Mapping[str, Distribution]) -> Iterator[Distribution]:
        """What is loaded in the kernel and goes not along."""
        for name, file in distributions.loaded().items():
            if file and not self.origins.standard(name, file):
                found = self.origins.distribution(file)
                if found is not None and found.source is None and found.name not in closure and found.name != "nb2prod":
                    yield found


def _others(wheels: Sequence[Path], origins: Origins) -> Iterator[Finding]:
    """A wheel that is of another version than the kernel's own: the answers come from there."""
    for wheel in wheels:
        name, version, *_ = parse_wheel_filename(wheel.name)
        here = origins.installed.get(name)
        if here is not None and here.version != str(version):
            yield Finding(
                code="other-wheel",
                severity="warn",
                title=f"{wheel.name} travels, the kernel has {here.pin}",
                where=f"--wheel {wheel}",
                why="The service runs the wheel's version; the proof compares its answers with this kernel's.",
                fix=f"pip install --force-reinstall {wheel}      # then restart the kernel and run the notebook again",
            )


def _direct(distribution: Distribution, url: str) -> str:
    return f"{distribution.pin}: installed from {url}, not from an index; a wheel of its installed files travels with the model"


def _unasked(error: str) -> Finding | None:
    if not error:
        return None
    return Finding(
        code="fresh-process",
        severity="note",
        title="A fresh process of this interpreter could not load or ask the model",
        why=error,
        fix="the proof in the clean environment tells more",
    )


def _edited(local: LocalCode) -> Finding | None:
    """The file travels; the kernel, and so the model, may have been made with an older one."""
    names = local.edited()
    if not names:
        return None
    return Finding(
        code="edited-module",
        severity="warn",
        title=f"{', '.join(names)} was edited after this kernel imported it",
        where=", ".join(str(local.modules[name]) for name in names),
        why="The file as it is now goes along; the kernel still runs what it imported. The proof compares the two.",
        fix="restart the kernel and run the notebook again",
    )


def _heavy(files: Mapping[str, Path]) -> Finding | None:
    """A package with gigabytes of data in it is seldom meant to go along."""
    sizes = {path: source.stat().st_size for path, source in files.items()}
    if sum(sizes.values()) < HEAVY:
        return None
    largest = max(sizes, key=lambda path: sizes[path])
    return Finding(
        code="heavy-code",
        severity="warn",
        title=f"{sum(sizes.values()) / 2**20:.0f} MB of local code and data go along",
        where=str(files[largest]),
        why=f"A local package travels with the data beside it; its largest file has {sizes[largest] / 2**20:.0f} MB.",
        fix=f"mv '{files[largest]}' elsewhere, if predict does not read it",
    )


def _spec(name: str) -> str | None:
    """Where a top-level import would come from, through import hooks as well (editable installs)."""
    if "." in name:
        return None
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None
    return found.origin if found is not None and found.has_location else None


def _key(named: references.Named, search: _Search, sample: Any) -> str:
    versions = sorted(found.pin for found in search.origins.installed.by_name.values())
    columns = (
        [f"{name}:{dtype}" for name, dtype in getattr(sample, "dtypes", {}).items()]
        if hasattr(sample, "columns")
        else []
    )
    shape = f"{type(sample).__name__} {columns}"
    code = local_code.digest(search.local.files)
    place = [sys.prefix, *search.path]  # the answer names files
    return probe.key(probe.SCHEMA, named.digest, code, platform.python_version(), shape, *versions, *place)
