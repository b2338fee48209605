"""The bill of materials: every locked package and every local module of a capture, as CycloneDX 1.6."""

from __future__ import annotations

import hashlib
import os
import tomllib
import uuid
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from nb2prod.environments import Distribution, Installed, Lock
from nb2prod.home import Home, write_atomic
from nb2prod.records.capture import LocalModule

NAMESPACE = uuid.UUID("5f1b2c1e-2d2e-5d43-9a38-0a7b7c7f3a10")


FORM = "1"  # raised when `bill` writes something else for the same lock


def kept(name: str, locked: Lock, local: Iterable[LocalModule], home: Home) -> bytes:
    """`bill`, made once for a lock and its local code: its library takes longer to load than the bill to write."""
    local = tuple(local)
    said = [FORM, name, locked.key, locked.pylock, *(f"{module.name} {module.digest}" for module in local)]
    path = home.cache / "bills" / f"{hashlib.sha256(chr(0).join(said).encode()).hexdigest()[:32]}.json"
    with suppress(OSError):
        found = path.read_bytes()
        os.utime(path)
        return found
    made = bill(name, locked, local)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, made)
    return made


def bill(name: str, locked: Lock, local: Iterable[LocalModule], installed: Installed | None = None) -> bytes:
    """JSON that is the same for the same lock and code: no clock, no random serial number.

    Licences are those that the installed packages state; a package that is not installed here has none stated.
    """
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot6

    known = installed or Installed.on()
    local = tuple(local)
    model = Component(name=name, type=ComponentType.APPLICATION, bom_ref=name)
    parts = [_package(package, known) for package in _packages(locked)] + [_module(module) for module in local]
    said = "".join(f"{module.name}{module.digest}" for module in local)
    bom = Bom(
        components=parts,
        metadata=BomMetaData(component=model, timestamp=datetime.fromtimestamp(0, UTC)),
        serial_number=uuid.uuid5(NAMESPACE, f"{name}{locked.key}{said}"),
    )
    bom.register_dependency(model, parts)
    return JsonV1Dot6(bom).output_as_string(indent=1).encode() + b"\n"


def _packages(locked: Lock) -> Iterable[dict[str, Any]]:
    """Name, version and files of each package; from the requirements where a lock was read from them alone."""
    if locked.pylock:
        found: list[dict[str, Any]] = tomllib.loads(locked.pylock).get("packages", [])
        return found
    return [dict(zip(("name", "version"), pin.split("=="), strict=True)) for pin in locked.packages]


def _package(package: dict[str, Any], installed: Installed) -> Any:
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.component import Component
    from packageurl import PackageURL

    files = [*package.get("wheels", ()), *filter(None, (package.get("archive"),))]
    hashes = [file["hashes"]["sha256"] for file in files]
    here = installed.get(package["name"])
    return Component(
        name=package["name"],
        version=package["version"],
        bom_ref=f"{package['name']}=={package['version']}",
        purl=PackageURL("pypi", None, package["name"], package["version"]),
        # one file is the package itself; of several any may be installed, and the lock has them all
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in hashes[:1] if len(hashes) == 1],
        licenses=_licences(here) if here is not None else [],
    )


def _module(module: LocalModule) -> Any:
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.component import Component

    return Component(
        name=module.name,
        bom_ref=f"code/{module.name}",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=module.digest)],
    )


def _licences(distribution: Distribution) -> list[Any]:
    """The SPDX expression, else a short plain statement."""
    from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression

    head = distribution.metadata.partition("\n\n")[0].splitlines()
    said = {key: value.strip() for key, _, value in (line.partition(":") for line in head) if key.startswith("License")}
    if said.get("License-Expression"):
        return [LicenseExpression(value=said["License-Expression"])]
    plain = said.get("License", "")
    return [DisjunctiveLicense(name=plain)] if plain and len(plain) < 40 and plain != "UNKNOWN" else []
