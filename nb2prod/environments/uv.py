"""uv, run as a subprocess with a clean environment; what it says is translated into our errors here, once."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from nb2prod.environments.indexes import IndexSettings, without_credentials
from nb2prod.errors import Failed, Nb2prodError, NoSpace, Refused, Unverified

# a notebook's variables that would send uv elsewhere, and PYTHONDONTWRITEBYTECODE, with which imports take three times as long
_DROPPED = (
    "PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "CONDA_PREFIX",
    "UV_PYTHON", "UV_SYSTEM_PYTHON", "UV_TARGET", "UV_PREFIX", "UV_NO_VERIFY_HASHES", "UV_COMPILE_BYTECODE",
    "UV_BREAK_SYSTEM_PACKAGES", "UV_MANAGED_PYTHON", "UV_RESOLUTION", "UV_PROJECT", "UV_WORKING_DIRECTORY",
)  # fmt: skip
_UNREACHABLE = re.compile(
    r"error sending request|dns error|client error \(Connect\)|Connection refused|timed out|operation timed out"
    r"|network was disabled|Could not connect|invalid peer certificate|HTTP status (?:client|server) error"
)
_MISSING = re.compile(
    r"there (?:is|are) no versions? of (?P<a>[A-Za-z0-9._-]+)(?:==|[ ,])|(?<!\S)(?P<b>[A-Za-z0-9._-]+) was not found in the"
    r"|(?<!\S)(?P<c>[A-Za-z0-9._-]+)(?:==\S+)? has no (?:usable )?wheels"
)
_ASKED = r"(?P<by>[A-Za-z0-9._\[\]-]+)(?:[<>=!~]\S*)? depends on (?P<name>[A-Za-z0-9._-]+)(?P<range>[<>=!~]\S*)"
_DEPENDS = re.compile(_ASKED)
_AGAINST_FIXED = re.compile(_ASKED + r" and (?P=name)(?P<fixed>==\S+)")
_REQUIRED = re.compile(r"you require (?P<name>[A-Za-z0-9._-]+)(?P<one>[<>=!~]\S*) and (?P=name)(?P<other>[<>=!~]\S*)")


class NotOnIndex(Refused):
    """A distribution is on no index that can be reached at the version that the kernel has."""

    def __init__(self, package: str, text: str) -> None:
        super().__init__(
            f"No index here has the kernel's version of {package}",
            code="not-on-index",
            where="the locked environment",
            why=text,
            fix=f"pip config set global.extra-index-url https://…      or name its wheel: %deploy model --wheel {package}.whl",
            kept="nothing was registered",
        )
        self.package = package


def run(arguments: Sequence[str], settings: IndexSettings, *, folder: Path, timeout: float = 600.0) -> str:
    """Run `uv ARGUMENTS` in `folder` and return what it printed.

    Raises
    ------
    NotOnIndex, Refused
        The requirements cannot be met.
    Unverified
        An index cannot be reached.
    NoSpace
        The disk is full.
    Failed
        uv is missing or broke otherwise.
    """
    try:
        done = subprocess.run(
            [executable(), *arguments, "--no-progress", "--color", "never"],
            cwd=folder,
            env=environ(settings),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _unreachable(f"uv gave no result in {timeout:.0f} s.") from error
    if done.returncode:
        raise translated(without_credentials(done.stderr))
    return done.stdout


def executable() -> str:
    """The `uv` that was installed beside nb2prod."""
    try:
        import uv

        return str(uv.find_uv_bin())
    except (ImportError, FileNotFoundError) as error:
        raise Failed(
            "uv is missing from the environment that nb2prod runs in",
            code="no-uv",
            where="environments",
            why="It makes locks and environments; it comes with nb2prod as a dependency.",
            fix="pip install uv",
        ) from error


def environ(settings: IndexSettings) -> dict[str, str]:
    """This process's variables without those that mislead uv, with what pip is told about indexes."""
    found = {name: value for name, value in os.environ.items() if name not in _DROPPED}
    told = settings.environ()
    if found.get("UV_INDEX_URL"):
        told.pop("UV_DEFAULT_INDEX", None)  # uv would ask pip's index before the one that was set for uv
    found |= {name: value for name, value in told.items() if not found.get(name)}
    found["UV_PYTHON_DOWNLOADS"] = "never"
    return found


def translated(text: str) -> Nb2prodError:
    """Our error for what uv wrote to stderr."""
    said = "\n".join(line for line in text.strip().splitlines() if not line.startswith("warning"))
    if "No space left on device" in said:
        return NoSpace(
            "There is no room for the environment",
            code="disk-full",
            where="the cache folder",
            why=said,
            fix="export NB2PROD_CACHE=/another/disk/nb2prod-cache      # or nb2prod prune",
            kept="nothing was written",
        )
    if re.search(r"\b40[13]\b|Unauthorized|Forbidden", said) and "No solution found" not in said:
        return Unverified(
            "The package index does not let us in",
            code="index-refused",
            where="the locked environment",
            why=said,
            fix="pip config set global.index-url https://USER:TOKEN@…    (it is used in memory and written nowhere)",
            kept="nothing was registered",
        )
    if _UNREACHABLE.search(said):
        return _unreachable(said)
    if "No solution found" in said:
        return _unsolved(said)
    if "ash mismatch" in said or "--require-hashes" in said:
        return Refused(
            "A package is not the one that was locked",
            code="hash-mismatch",
            where="the locked environment",
            why=said,
            fix="%deploy … --relock",
            kept="nothing was registered",
        )
    return Failed("uv could not do it", code="uv-failed", where="environments", why=said, fix="nb2prod doctor")


PYPI = "https://pypi.org/simple"
_PIPS = {"UV_DEFAULT_INDEX": "PIP_INDEX_URL", "UV_INDEX": "PIP_EXTRA_INDEX_URL"}
_YES = ("1", "true", "t", "yes", "y", "on")
_NAMED = re.compile(r"^[A-Za-z0-9._-]+=")


class Source(NamedTuple):
    """An index that uv asks, and the variable that leads there; None where a file of pip's or uv itself names it."""

    address: str
    variable: str | None


def sources(settings: IndexSettings) -> tuple[Source, ...]:
    """Every index that uv asks, in its own order of precedence; none where it is told to ask none."""
    told = environ(settings)
    if told.get("UV_NO_INDEX", "").lower() in _YES:
        return ()
    extra = [
        Source(_NAMED.sub("", address), _leading(name))
        for name in ("UV_INDEX", "UV_EXTRA_INDEX_URL")
        for address in told.get(name, "").split()
    ]
    default = next((name for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL") if told.get(name)), None)
    if default is None:
        return (*extra, Source(PYPI, None))
    return (*extra, Source(_NAMED.sub("", told[default]), _leading(default)))


def offline() -> bool:
    """Is uv kept from the network?"""
    return os.environ.get("UV_OFFLINE", "").lower() in _YES


def way_out(variable: str | None) -> str:
    """The line for an index that cannot be reached, to which `variable` leads, or what pip is told."""
    fix = (
        f"unset {variable}      # or connect" if variable else "pip config list      # the index that pip uses; connect"
    )
    return f"{fix}, and run it again"


def _leading(name: str) -> str | None:
    """The user's own variable behind one that uv is given."""
    return next((one for one in (name, _PIPS.get(name)) if one and os.environ.get(one)), None)


def _unreachable(said: str) -> Unverified:
    asked = sources(IndexSettings.of_pip())
    named = [one for one in asked if (host := urlsplit(one.address).netloc.rpartition("@")[2]) and host in said]
    told = next((one.variable for one in named or asked if one.variable), None)
    return Unverified(
        "The package index cannot be reached",
        code="index-unreachable",
        where="the locked environment",
        why=said,
        fix=way_out("UV_OFFLINE" if offline() else told),
        kept="nothing was registered",
    )


def _unsolved(said: str) -> Refused:
    cause = " ".join(said.partition("cause:")[2].partition("hint:")[0].split())
    missing = _MISSING.search(cause)
    if missing:
        return NotOnIndex(next(name for name in missing.groups() if name), cause)
    sides = _sides(cause)
    if sides is None:
        return Refused(
            "The kernel's versions and what the service needs cannot be installed together",
            code="lock-conflict",
            where="the locked environment",
            why=cause or said,
            fix="pip check",
            kept="nothing was registered",
        )
    one, other = sides
    return Refused(
        f"{one} and {other} cannot be installed together",
        code="lock-conflict",
        where="the locked environment",
        why=cause,
        fix=f"pip install '{other.split(' (')[0]}'      # then run the notebook again",
        kept="nothing was registered",
    )


def _sides(cause: str) -> tuple[str, str] | None:
    """The two requirements on one distribution that exclude each other, each with who asks for it."""
    if found := _REQUIRED.search(cause):
        ours, theirs = sorted(
            (found["one"].rstrip(",."), found["other"].rstrip(",.")), key=lambda said: not said.startswith("==")
        )
        return f"{found['name']}{ours} (the kernel's)", f"{found['name']}{theirs} (needed by the service)"
    if found := _AGAINST_FIXED.search(cause):
        fixed = found["name"] + found["fixed"].rstrip(",.")
        return f"{fixed} (the kernel's)", f"{found['name']}{found['range']} (needed by {found['by']})"
    required = dict(re.findall(r"you require ([A-Za-z0-9._-]+)(==[^ ,]+)", cause))
    for found in _DEPENDS.finditer(cause):
        if found["name"] in required:
            fixed = found["name"] + required[found["name"]].rstrip(",.")
            return f"{fixed} (the kernel's)", f"{found['name']}{found['range'].rstrip(',.')} (needed by {found['by']})"
    return None
