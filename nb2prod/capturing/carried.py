"""A lock that the notebook carries already: uv.lock beside it, juv's in its metadata, or PEP 723 requirements in a cell.

The kernel is what ran, so its versions go along. What a carried lock says otherwise is told, what the kernel does not have takes
its versions from it, and ours can be written back.
"""

from __future__ import annotations

import json
import platform
import re
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from nb2prod.environments import Distribution, IndexSettings, uv
from nb2prod.errors import NotFound
from nb2prod.home import write_atomic
from nb2prod.records.capture import Finding

METADATA = "uv.lock"
_BLOCK = re.compile(r"(?m)^# /// script$\s(?P<content>(?:^#(?:| .*)$\s?)+)^# ///$")


@dataclass(frozen=True)
class Carried:
    """What a notebook says of its environment: exact `versions` by name, or `ranges` that were asked for.

    `extras` are those that were asked for with a distribution: what is installed does not remember them.
    """

    source: str
    versions: Mapping[str, str] = field(default_factory=dict)
    ranges: Mapping[str, Requirement] = field(default_factory=dict)
    extras: Mapping[str, frozenset[str]] = field(default_factory=dict)
    python: str = ""

    def preferences(self, closure: Mapping[str, Distribution]) -> tuple[str, ...]:
        """Versions to prefer for what the kernel does not have."""
        return tuple(f"{name}=={version}" for name, version in sorted(self.versions.items()) if name not in closure)

    def with_extras(self, pin: str) -> str:
        """``uvicorn==0.30`` as ``uvicorn[standard]==0.30`` where that was asked for."""
        name, _, version = pin.partition("==")
        extras = sorted(self.extras.get(name, ()))
        return f"{name}[{','.join(extras)}]=={version}" if extras else pin

    def other_python(self) -> Finding | None:
        """The kernel's Python is outside what the notebook says it needs."""
        here = platform.python_version()
        try:
            fits = not self.python or SpecifierSet(self.python).contains(here, prereleases=True)
        except InvalidSpecifier:
            return None  # uv would not read it either
        if fits:
            return None
        return Finding(
            code="other-python-than-locked",
            severity="warn",
            title=f"The kernel is Python {here}, {self.source} asks for {self.python}",
            where=self.source,
            why="The service runs the kernel's Python, with which the model was made.",
            fix=f"uv venv --python '{self.python}'      # then start the notebook's kernel from it",
        )

    def differences(self, closure: Mapping[str, Distribution]) -> tuple[Finding, ...]:
        """What of the kernel is not as the lock says."""
        off = {
            found.pin: said for name, found in sorted(closure.items()) if (said := self._otherwise(name, found.version))
        }
        python = self.other_python()
        if not off:
            return (python,) if python else ()
        told = [f"{pin} (there {said})" for pin, said in off.items()]
        wanted = " ".join(f"'{pin.partition('==')[0]}{said}'" for pin, said in off.items())
        return (
            *([python] if python else []),
            Finding(
                code="other-than-locked",
                severity="warn",
                title=f"The kernel is not what {self.source} says: {', '.join(told[:3])}{' …' if len(told) > 3 else ''}",
                where=self.source,
                why=f"The model was made with the kernel's versions, so they go along: {', '.join(told)}.",
                fix=f"pip install {wanted}      # then restart the kernel and run the notebook again",
            ),
        )

    def _otherwise(self, name: str, version: str) -> str:
        if name in self.versions:
            return "" if _same(self.versions[name], version) else f"=={self.versions[name]}"
        wanted = self.ranges.get(name)
        return str(wanted.specifier) if wanted and not wanted.specifier.contains(version, prereleases=True) else ""


def read(notebook: Path | None, folder: Path) -> Carried | None:
    """The nearest lock: in the notebook's metadata, in a cell, in its folder or the project's above it."""
    if notebook is not None and notebook.is_file():
        try:
            document = json.loads(notebook.read_bytes())
        except ValueError:
            document = {}
        if found := _in_metadata(document) or _in_cells(document):
            return found
    for place in (folder, *folder.parents):
        lock = place / "uv.lock"
        if lock.is_file():
            return _of_lock(lock.read_text("utf-8"), str(lock))
        if place == Path.home() or (place / ".git").exists():
            return None
    return None


def offer(notebook: Path, pins: Iterable[str], python: str, proven: Iterable[str] = ()) -> None:
    """Write the captured versions into the notebook as juv and uv read them: a PEP 723 cell and ``metadata["uv.lock"]``.

    Parameters
    ----------
    proven
        Every version of the lock that was proven: what the pins need in turn is locked at these, not at the newest.

    Raises
    ------
    NotFound
        There is no such notebook.
    """
    if not notebook.is_file():
        raise NotFound(
            f"There is no notebook {notebook.name} to write the lock into",
            code="no-notebook",
            where=str(notebook),
            why="A lock is kept in the notebook's own metadata.",
            fix="save the notebook, and run it again",
            kept="nothing was changed",
        )
    document = json.loads(notebook.read_bytes())
    block = _block(pins, python)
    cells = document["cells"]
    holder = next((cell for cell in cells if cell["cell_type"] == "code" and _BLOCK.search(_text(cell) + "\n")), None)
    if holder is None:
        cells.insert(0, _cell(block, document))
    else:
        holder["source"] = _lines(_BLOCK.sub(lambda _: block, _text(holder)))
    document["metadata"][METADATA] = _script_lock(block, proven)
    write_atomic(notebook, json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n")


def _in_metadata(document: Mapping[str, Any]) -> Carried | None:
    """juv writes ``metadata["uv.lock"]``; ``metadata["uv"]`` is read too, as the lock's text or with a key ``lock``."""
    metadata = document.get("metadata", {})
    said = metadata.get(METADATA) or metadata.get("uv")
    text = said.get("lock") if isinstance(said, dict) else said
    return _of_lock(text, "the notebook's own lock") if isinstance(text, str) else None


def _in_cells(document: Mapping[str, Any]) -> Carried | None:
    for number, cell in enumerate(document.get("cells", ()), 1):
        found = _BLOCK.search(_text(cell) + "\n") if cell.get("cell_type") == "code" else None
        if found is None:
            continue
        lines = (line[2:] if line.startswith("# ") else line[1:] for line in found["content"].splitlines())
        try:
            said = tomllib.loads("\n".join(lines))
        except tomllib.TOMLDecodeError:
            return None
        ranges = dict(_requirements(said.get("dependencies", ())))
        extras = {name: frozenset(asked.extras) for name, asked in ranges.items() if asked.extras}
        python, source = str(said.get("requires-python", "")), f"the script block of cell {number}"
        return Carried(source, ranges=ranges, extras=extras, python=python)
    return None


def _of_lock(text: str, source: str) -> Carried | None:
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
    versions: dict[str, str] = {}
    forked: set[str] = set()
    for package in (*said.get("package", ()), *said.get("packages", ())):
        name = canonicalize_name(package.get("name", ""))
        if name in versions and versions[name] != package.get("version"):
            forked.add(name)  # one for each platform or Python: the lock alone does not tell which
        if package.get("version"):
            versions[name] = package["version"]
    kept = {name: version for name, version in versions.items() if name not in forked}
    return Carried(source, versions=kept, extras=_asked(said), python=str(said.get("requires-python", "")))


def _asked(said: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """The extras that a lock's own project or script asks for: ``{ name = "uvicorn", extras = ["standard"] }``."""
    asked = [*said.get("manifest", {}).get("requirements", ())]
    for package in said.get("package", ()):
        if {"virtual", "editable", "directory"} & set(package.get("source", {})):
            asked += package.get("metadata", {}).get("requires-dist", ())
    return {canonicalize_name(one["name"]): frozenset(one["extras"]) for one in asked if one.get("extras")}


def _requirements(lines: Sequence[str]) -> Iterator[tuple[str, Requirement]]:
    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue  # uv would not read it either
        yield canonicalize_name(requirement.name), requirement


def _same(one: str, other: str) -> bool:
    """A local label (``+cpu``) is not what an index is asked for."""
    return one.partition("+")[0] == other.partition("+")[0]


def _block(pins: Iterable[str], python: str) -> str:
    minor = ".".join(python.split(".")[:2])
    listed = "".join(f'#     "{pin}",\n' for pin in sorted(pins))
    return f'# /// script\n# requires-python = "=={minor}.*"\n# dependencies = [\n{listed}# ]\n# ///'


def _script_lock(block: str, proven: Iterable[str]) -> str:
    """The lock of a script block; uv keeps to the versions of the lock that it finds there, made with constraints."""
    constraints = "".join(f"#     {json.dumps(pin)},\n" for pin in proven)
    end = block.rindex("# ///")
    held = f"{block[:end]}# [tool.uv]\n# constraint-dependencies = [\n{constraints}# ]\n{block[end:]}"
    with tempfile.TemporaryDirectory(prefix="nb2prod-script-") as temporary:
        script = Path(temporary) / "notebook.py"
        for text in (held, block) if constraints else (block,):
            script.write_text(text + "\n", "utf-8")
            uv.run(["lock", "--script", script.name, "--quiet"], IndexSettings.of_pip(), folder=Path(temporary))
        text = (Path(temporary) / "notebook.py.lock").read_text("utf-8")
    return re.sub(r"(?<=://)[^/@\s\"]+@", "", text)


def _cell(source: str, document: Mapping[str, Any]) -> dict[str, Any]:
    cell: dict[str, Any] = {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {"jupyter": {"source_hidden": True}},
        "outputs": [],
        "source": _lines(source),
    }
    newer = (document.get("nbformat", 4), document.get("nbformat_minor", 0)) >= (4, 5)
    return {**cell, "id": "nb2prod-lock"} if newer else cell


def _text(cell: Mapping[str, Any]) -> str:
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)
