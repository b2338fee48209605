"""The locked environment: the kernel's own versions with the serving packages, resolved together by uv, every file hashed."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from nb2prod.environments import leases, pylock, uv, wheels
from nb2prod.environments.indexes import IndexSettings
from nb2prod.environments.installed import Installed
from nb2prod.environments.uv import NotOnIndex
from nb2prod.errors import Nb2prodError, Unverified
from nb2prod.home import Home, locked, write_atomic
from nb2prod.records.base import Record, to_json

SCHEMA = 2

SERVING = (
    "bentoml>=1.4.39,<2",
    "httptools>=0.6",
    "msgspec>=0.20,<1",
    "numpy>=1.26,<3",
    "prometheus-client>=0.20",
    "uvicorn>=0.30,<1",
    "uvloop>=0.20 ; sys_platform != 'win32'",
)
"""What every service needs beside its model; what authors a model (mlflow, jupyterlab, ipywidgets) is not among it."""


_OPTIONS = ("--format", "pylock.toml", "--no-header", "--quiet", "--only-binary", ":all:")


@dataclass(frozen=True)
class LockRequest:
    """What is to be locked.

    Parameters
    ----------
    pins
        Requirements at the kernel's versions (``"scikit-learn==1.9.1"``, extras allowed): what the model needs.
    constraints
        Versions that what is pulled in must have, beside what the pins need by their metadata and the kernel has.
    python
        The interpreter to resolve for; default: the running one.
    wheels
        Wheels of distributions that no index has; each is needed.
    serving
        Whether the serving packages are resolved with them.
    preferred
        Versions to take where the requirements allow it and the kernel has none.
    installed
        What the kernel has; other versions of it are preferred to newer ones. Default: the running interpreter's.
    settings
        Indexes; default: pip's own configuration.
    """

    pins: Sequence[str]
    constraints: Sequence[str] = ()
    python: Path | str = ""
    wheels: Sequence[Path] = ()
    serving: bool = True
    preferred: Sequence[str] = ()
    installed: Installed | None = field(default=None, repr=False)
    settings: IndexSettings | None = field(default=None, repr=False)


class Lock(Record, frozen=True, kw_only=True):
    """A lock: `text` is the requirements file, hashed, naming no index.

    `key` is the SHA-256 of the text, `packages` every `name==version` in it, `wheels` the paths of those that no index has (they
    are in the text by their hash), `pylock` the same as PEP 751 says it, `unlocked` what could not be locked as it was, with the
    reason. `seconds` is what it took, 0 when it was known.
    """

    schema: int = SCHEMA
    text: str
    key: str
    packages: tuple[str, ...]
    wheels: tuple[str, ...] = ()
    pylock: str = ""
    unlocked: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0


def lock(request: LockRequest, home: Home, *, relock: bool = False) -> Lock:
    """Resolve and hash; the result is kept by its inputs and used again until they change.

    Raises
    ------
    Refused
        The kernel's versions and the serving packages exclude each other (``lock-conflict``), or a distribution is on no
        index and has no files here (``not-on-index``).
    Unverified
        No index can be reached and nothing is cached (``index-unreachable``).

    Examples
    --------
    >>> lock(LockRequest(pins=["six==1.17.0"], serving=False), Home()).packages     # doctest: +SKIP
    ('six==1.17.0',)
    """
    installed = request.installed or Installed.on()
    settings = request.settings or IndexSettings.of_pip()
    home.locks.mkdir(parents=True, exist_ok=True)
    leases.join(home)
    path = home.locks / f"{_inputs(request, installed, settings)}.json"
    with locked(path.with_suffix(".lock"), timeout=600):
        known = None if relock else _known(path)
        if known is not None:
            os.utime(path)
            return msgspec.structs.replace(known, seconds=0.0)
        start = time.monotonic()
        made = _resolve(request, installed, settings, home)
        made = msgspec.structs.replace(made, seconds=round(time.monotonic() - start, 3))
        write_atomic(path, to_json(made))
        return made


def read_lock(requirements: Path, folder: Path | None = None) -> Lock:
    """The lock in a requirements file, with the wheels in `folder`."""
    text = requirements.read_text("utf-8")
    found = sorted(folder.glob("*.whl")) if folder is not None and folder.is_dir() else []
    return of_text(text, found)


def of_text(text: str, local: Iterable[Path] = ()) -> Lock:
    """A lock as its text says it."""
    packages = tuple(f"{name}=={version}" for name, version in _pinned(text))
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Lock(text=text, key=digest, packages=packages, wheels=tuple(str(path) for path in local))


def _resolve(request: LockRequest, installed: Installed, settings: IndexSettings, home: Home) -> Lock:
    """Resolve; what no index has at the kernel's version is put together from its files here and resolved again."""
    local = {wheels.name_and_version(path)[0]: path for path in request.wheels}
    unlocked: list[str] = []
    while True:
        try:
            found, notes = _compile(request, installed, settings, local)
            made = of_text(pylock.requirements(found, local), local.values())
            return msgspec.structs.replace(
                made, pylock=pylock.portable(found, local), unlocked=(*unlocked, *notes), notes=notes
            )
        except NotOnIndex as missing:
            name = canonicalize_name(missing.package)
            distribution = installed.get(name)
            if distribution is None or name in local or distribution.source is not None:
                raise
            local[name] = wheels.repack(distribution, home.wheels)
            unlocked.append(
                f"{distribution.pin}: on no index here; a wheel of its installed files travels with the model"
            )


def _compile(
    request: LockRequest, installed: Installed, settings: IndexSettings, local: dict[str, Path]
) -> tuple[str, tuple[str, ...]]:
    said = {*map(_name, request.pins), *local}
    fixed = installed.closure(request.pins)
    broken = {name: why for name, why in installed.broken(fixed).items() if name not in local}
    constraints = [*request.constraints, *(found.pin for found in fixed.values()), *_from_pip(settings, installed)]
    preferred = pylock.preferring(
        (found.name, found.version) for found in installed.by_name.values() if found.source is None
    )
    arguments = ["pip", "compile", "wanted.in", "-c", "fixed.txt", *_OPTIONS]
    arguments += ["--python", str(request.python or sys.executable)]
    with tempfile.TemporaryDirectory(prefix="nb2prod-lock-") as temporary:
        folder = Path(temporary)
        _write(folder / "wanted.in", _wanted(request, local))
        _write(folder / "fixed.txt", (line for line in constraints if _name(line) not in said))
        if broken:  # the kernel runs with them, whatever the metadata says; the proof decides
            _write(folder / "stand.txt", (fixed[name].pin for name in broken))
            arguments += ["--overrides", "stand.txt"]
        text, notes = _first_reachable(arguments, preferred, settings, folder)
    stand = (f"{why}, the kernel has {fixed[name].pin}, which stands" for name, why in broken.items())
    return text, (*notes, *stand)


def _write(path: Path, lines: Iterable[str]) -> None:
    path.write_text("\n".join(lines) + "\n", "utf-8")


def _first_reachable(
    arguments: list[str], preferred: str, settings: IndexSettings, folder: Path
) -> tuple[str, tuple[str, ...]]:
    """What uv has seen before serves where no index answers; that is said, not silent."""
    lock_file = folder / "pylock.toml"
    lock_file.write_text(preferred, "utf-8")
    try:
        uv.run([*arguments, "-o", lock_file.name], settings, folder=folder)
        return lock_file.read_text("utf-8"), ()
    except Unverified as unreachable:
        lock_file.write_text(preferred, "utf-8")
        try:
            uv.run([*arguments, "--offline", "-o", lock_file.name], settings, folder=folder)
        except Nb2prodError:
            raise unreachable from None
        return lock_file.read_text("utf-8"), ("no index answered; locked from what uv had seen before",)


def _wanted(request: LockRequest, local: dict[str, Path]) -> Iterator[str]:
    yield from (pin for pin in request.pins if _name(pin) not in local)
    yield from (f"{name} @ {path.absolute().as_uri()}" for name, path in local.items())
    if request.serving:
        yield from (line for line in SERVING if _name(line) not in local)


def _from_pip(settings: IndexSettings, installed: Installed) -> Iterator[str]:
    """pip's constraints, but for what the kernel has: its versions stand."""
    for path in settings.constraints:
        try:
            lines = Path(path).read_text("utf-8").splitlines()
        except OSError:
            continue  # pip stops at it, so that nothing was installed under it
        yield from (line for line in lines if (name := _name(line)) and name not in installed.by_name)


def _pinned(text: str) -> Iterator[tuple[str, str]]:
    for found in re.finditer(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", text, re.MULTILINE):
        yield canonicalize_name(found[1]), found[2]


def _name(line: str) -> str:
    try:
        return canonicalize_name(Requirement(line.partition(" #")[0].strip()).name)
    except InvalidRequirement:
        return ""


def _known(path: Path) -> Lock | None:
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Lock)
    except (OSError, msgspec.DecodeError):
        return None
    return found if found.schema == SCHEMA and all(Path(wheel).is_file() for wheel in found.wheels) else None


def _inputs(request: LockRequest, installed: Installed, settings: IndexSettings) -> str:
    fixed = sorted(found.pin for found in installed.closure([*request.pins, *SERVING]).values())
    said = {
        "schema": SCHEMA,
        "pins": sorted(request.pins),
        "constraints": sorted(request.constraints),
        "preferred": sorted(request.preferred),
        "fixed": fixed,
        "python": f"{request.python or platform.python_version()}",
        "platform": [platform.python_implementation(), platform.system(), platform.machine()],
        "wheels": sorted(wheels.sha256(path) for path in request.wheels),
        "serving": SERVING if request.serving else (),
        "indexes": settings.digest,
    }
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]
