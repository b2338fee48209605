"""Code of the user's own: modules and packages that belong to no distribution, with what they import and the data beside them."""

from __future__ import annotations

import hashlib
import importlib.util
import marshal
import os
import shutil
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

from nb2prod.capturing import imports
from nb2prod.errors import Refused
from nb2prod.records.capture import LocalModule

SKIPPED = frozenset({"node_modules", "site-packages", "venv", "build", "dist"})
_HEADER = 16  # bytes of a .pyc before its code: PEP 552


@dataclass
class LocalCode:
    """Modules by name and file as they are met; `files` maps a path below ``code/`` to its source."""

    files: dict[str, Path] = field(default_factory=dict)
    modules: dict[str, Path] = field(default_factory=dict)
    roots: dict[str, Path] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)

    def add(self, module: str, file: Path) -> None:
        """Take in a module: a package with all that lies in it, a single module with the data that it names."""
        if module in self.modules:
            return
        self.modules[module] = file
        root = _root(module, file)
        if root is None:
            self._put(module.replace(".", "/") + file.suffix, file, file.parent)
            return
        top = module.partition(".")[0]
        if top not in self.roots and (root / top / "__init__.py").is_file():
            self.roots[top] = root
            self._package(root, root / top)
        self._put(file.relative_to(root).as_posix(), file, root)
        if top not in self.roots:
            self._named_data(file, root, top)

    def put(self, path: str, file: Path, *, owner: str) -> None:
        """Take in a single file, which is told with the module `owner`."""
        self.owners.setdefault(path, owner)
        self._put(path, file, file.parent)

    def records(self) -> tuple[LocalModule, ...]:
        """One record for each top-level name, with the SHA-256 over its files."""
        grouped: dict[str, list[str]] = {}
        for path in sorted(self.files):
            grouped.setdefault(self.owners.get(path) or path.partition("/")[0].partition(".")[0], []).append(path)
        return tuple(
            LocalModule(name=name, digest=digest({path: self.files[path] for path in paths}), files=tuple(paths))
            for name, paths in sorted(grouped.items())
        )

    def edited(self) -> tuple[str, ...]:
        """Modules whose file says something else than what this kernel imported."""
        found = []
        for name, file in self.modules.items():
            module = sys.modules.get(name)
            if file.suffix == ".py" and module is not None and differs(module, file):
                found.append(name)
        return tuple(sorted(found))

    def _package(self, root: Path, folder: Path) -> None:
        for file in _walk(folder):
            self._put(file.relative_to(root).as_posix(), file, folder)

    def _named_data(self, file: Path, root: Path, top: str) -> None:
        """Files beside a single module that it opens by its own place."""
        if file.suffix != ".py":
            return
        source = file.read_bytes()
        if b"__file__" not in source and b"resources" not in source and b"get_data" not in source:
            return
        for name in imports.strings(source):
            if "\0" in name or name.startswith(("/", ".")) or ".." in Path(name).parts:
                continue
            for found in _plain(file.parent / name):
                path = found.relative_to(root).as_posix()
                self.owners.setdefault(path, top)
                self._put(path, found, file.parent)

    def _put(self, path: str, file: Path, inside: Path) -> None:
        self.files[path] = _safe(file, inside)


def differs(module: ModuleType, file: Path) -> bool:
    """Whether a function of the module has another code than the file now gives it."""
    try:
        todo: list[CodeType] = [compile(file.read_bytes(), str(file), "exec", dont_inherit=True)]
    except (SyntaxError, ValueError):
        return True
    now: dict[str, set[bytes]] = {}
    while todo:
        code = todo.pop()
        now.setdefault(code.co_qualname, set()).add(_bare(code))
        todo += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    mine = [thing for thing in vars(module).values() if getattr(thing, "__module__", None) == module.__name__]
    mine += [part for thing in mine if isinstance(thing, type) for part in vars(thing).values()]
    codes = [thing.__code__ for thing in mine if isinstance(thing, FunctionType)]
    own = [code for code in codes if code.co_filename == getattr(module, "__file__", None)]
    return any(_bare(code) not in now.get(code.co_qualname, set()) for code in own)


def recompiled(file: Path) -> bool:
    """Whether a file gives another code than the one that Python kept beside it when it was imported last."""
    try:
        kept = marshal.loads(Path(importlib.util.cache_from_source(str(file))).read_bytes()[_HEADER:])
        now = compile(file.read_bytes(), str(file), "exec", dont_inherit=True)
    except (OSError, SyntaxError, ValueError, EOFError, TypeError, NotImplementedError):
        return False
    return isinstance(kept, CodeType) and _bare(kept) != _bare(now)


def _bare(code: CodeType) -> bytes:
    """A code object without its places: what it does, with which names and constants."""
    plain = tuple(_bare(part) if isinstance(part, CodeType) else repr(part) for part in code.co_consts)
    return repr((code.co_code, code.co_names, code.co_varnames, plain)).encode()


def copy(files: Mapping[str, Path], folder: Path) -> None:
    """Copy into ``code/``; no link stays a link."""
    for path, source in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def digest(files: Mapping[str, Path]) -> str:
    """SHA-256 over sorted paths and contents."""
    lines = []
    for path in sorted(files):
        with files[path].open("rb") as file:
            lines.append(f"{path}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def find(module: str, path: Sequence[str]) -> Path | None:
    """The file of a module on a search path, by the file system alone: nothing is imported."""
    parts = module.split(".")
    for entry in path:
        folder = Path(entry or ".", *parts[:-1])
        if (package := folder / parts[-1] / "__init__.py").is_file():
            return package
        if (single := folder / f"{parts[-1]}.py").is_file():
            return single
        if folder.is_dir():
            for found in sorted(folder.glob(f"{parts[-1]}.*.so")):
                return found
    return None


def _root(module: str, file: Path) -> Path | None:
    """The folder from which `module` is imported as `file`; None where name and place do not fit (a module made by hand)."""
    parts = module.split(".")
    base = file.parent if file.stem.partition(".")[0] == "__init__" else file.with_name(file.name.partition(".")[0])
    return base.parents[len(parts) - 1] if list(base.parts[-len(parts) :]) == parts else None


def _walk(folder: Path) -> Iterator[Path]:
    """What travels of a folder: no caches, no hidden files, no notebooks, no environments; links are followed inside it."""
    seen: set[str] = set()
    for base, folders, names in os.walk(folder, followlinks=True):
        place = os.path.realpath(base)
        folders[:] = [] if place in seen else sorted(name for name in folders if _travels(Path(base, name), folder))
        for name in () if place in seen else sorted(names):
            if not name.startswith(".") and not name.endswith((".pyc", ".ipynb")):
                yield Path(base, name)
        seen.add(place)


def _travels(path: Path, inside: Path) -> bool:
    if path.name.startswith(".") or path.name == "__pycache__" or (path / "pyvenv.cfg").is_file():
        return False
    if path.name in SKIPPED and not (path / "__init__.py").is_file():
        return False
    _safe(path, inside)
    return True


def _plain(beside: Path) -> Iterator[Path]:
    """A data file, or all in a data folder; neither notebooks nor packages."""
    if beside.is_file() and beside.suffix not in (".ipynb", ".py"):
        yield beside
    elif beside.is_dir() and not (beside / "__init__.py").is_file():
        yield from _walk(beside)


def _safe(file: Path, inside: Path) -> Path:
    """The file itself, refused where it is a link that leaves its folder, or no plain file."""
    if file.is_symlink() and not file.resolve().is_relative_to(inside.resolve()):
        raise _refused(
            file, "symlink-leaves", f"It is a link to {file.resolve()}, outside of {inside}.", "cp --remove-destination"
        )
    mode = file.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise _refused(file, "not-a-file", "It is a device, a pipe or a socket, and has no content to copy.", "rm")
    return file


def _refused(file: Path, code: str, why: str, command: str) -> Refused:
    fix = f"cp --remove-destination '{file.resolve()}' '{file}'" if command.startswith("cp") else f"rm '{file}'"
    return Refused(
        f"{file.name} cannot travel with the model",
        code=code,
        where=str(file),
        why=why,
        fix=fix,
        kept="nothing was registered",
    )
