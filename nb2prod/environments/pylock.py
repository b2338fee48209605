"""pylock.toml (PEP 751): what uv resolves to, and the hashed requirements that are made from it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from packaging.utils import canonicalize_name

from nb2prod.environments import wheels

HEAD = 'lock-version = "1.0"\ncreated-by = "uv"\n'


def preferring(versions: Iterable[tuple[str, str]]) -> str:
    """A lock of names and versions alone: uv keeps to it where the requirements allow it."""
    return HEAD + "".join(f'\n[[packages]]\nname = "{name}"\nversion = "{version}"\n' for name, version in versions)


def requirements(pylock: str, local: Mapping[str, Path]) -> str:
    """The hashed requirements of a lock, which name no index; a wheel that travels is named by version and hash."""
    lines = []
    for package in sorted(tomllib.loads(pylock).get("packages", ()), key=lambda package: str(package["name"])):
        name = canonicalize_name(package["name"])
        if name in local:
            version, hashes = wheels.name_and_version(local[name])[1], [wheels.sha256(local[name])]
        else:
            files = [*package.get("wheels", ()), *filter(None, (package.get("sdist"), package.get("archive")))]
            version, hashes = package["version"], sorted({file["hashes"]["sha256"] for file in files})
        lines.append(" \\\n".join([f"{name}=={version}", *(f"    --hash=sha256:{digest}" for digest in hashes)]))
    return "\n".join(lines) + "\n"


def portable(pylock: str, local: Mapping[str, Path]) -> str:
    """No path of a wheel of this machine, and of an address neither its user nor its query, where credentials are."""
    for path in local.values():
        pylock = pylock.replace(f'"{path.absolute()}"', f'"wheels/{path.name}"')
    pylock = re.sub(r"(?<=://)[^/@\s\"]+@", "", pylock)
    return re.sub(r'((?:url|index) = "https?://[^"?#]*)[^"]*', r"\1", pylock)
