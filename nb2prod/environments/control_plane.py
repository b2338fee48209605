"""The control environment: what supervisord, Caddy and the agent run from, so that the notebook's may be deleted."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from pathlib import Path

from packaging.utils import canonicalize_name

from nb2prod.environments import wheels
from nb2prod.environments.installed import Distribution, Installed
from nb2prod.environments.locks import Lock, LockRequest, lock
from nb2prod.environments.venvs import make
from nb2prod.home import Home

LEFT_OUT = frozenset({"ipykernel", "ipython", "ipywidgets", "nbclient", "nbformat"})
"""Dependencies of nb2prod that only a notebook needs."""


DRIVERS = ("psycopg", "psycopg-binary")
"""What a team's database needs; the agent speaks to it too."""


def control(home: Home) -> Path:
    """The interpreter of the control environment of this nb2prod; made once for each version (or state of a checkout).

    Returns
    -------
    Path
        Its ``bin/python``; ``supervisord`` and ``caddy`` lie beside it.
    """
    if Path(sys.prefix).parent == home.control:  # the agent asks from inside
        return Path(sys.executable)
    installed = Installed.on()
    wheel = own_wheel(installed, home)
    found = _lock(installed, wheel, home)
    key = hashlib.sha256(f"{found.key}\n{Path(sys.executable).resolve()}\n{platform.machine()}".encode()).hexdigest()[
        :12
    ]
    home.control.mkdir(parents=True, exist_ok=True)
    version = wheels.name_and_version(wheel)[1]
    folder = home.control / f"{version}-{key}"
    make(folder, found.text, map(Path, found.wheels), sys.executable)
    return folder / "bin" / "python"


def own_wheel(installed: Installed, home: Home) -> Path:
    """nb2prod itself as a wheel of the files that run here, be it installed or a checkout."""
    distribution = installed.get("nb2prod")
    if distribution is not None and distribution.source is None:
        return wheels.repack(distribution, home.wheels)
    files = _sources(Path(__file__).parents[1])
    distribution = distribution or Distribution("nb2prod", "0", Path())
    return wheels.write("nb2prod", distribution.version, {**files, **_metadata(distribution)}, home.wheels)


def _lock(installed: Installed, wheel: Path, home: Home) -> Lock:
    own = installed.get("nb2prod")
    needs = own.requires() if own is not None else iter(())
    pins = []
    for need in needs:
        name = canonicalize_name(need.name)
        here = installed.get(name)
        if name not in LEFT_OUT:
            pins.append(here.pin if here is not None else f"{need.name}{need.specifier}")
    drivers = (installed.get(name) for name in DRIVERS if os.environ.get("NB2PROD_STORE"))
    pins += [driver.pin for driver in drivers if driver is not None]
    found = lock(LockRequest(pins=pins, serving=False, installed=installed), home)
    version = wheels.name_and_version(wheel)[1]
    text = found.text + f"nb2prod=={version} \\\n    --hash=sha256:{wheels.sha256(wheel)}\n"
    return Lock(
        text=text,
        key=hashlib.sha256(text.encode()).hexdigest(),
        packages=(*found.packages, f"nb2prod=={version}"),
        wheels=(*found.wheels, str(wheel)),
    )


def _sources(folder: Path) -> dict[str, bytes]:
    files = {}
    for base, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            path = Path(base, name)
            if not name.endswith(".pyc"):
                files[path.relative_to(folder.parent).as_posix()] = path.read_bytes()
    return files


def _metadata(distribution: Distribution) -> dict[str, bytes]:
    if distribution.folder != Path():
        return wheels.metadata_files(distribution)
    info = f"nb2prod-{distribution.version}.dist-info"
    return {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: nb2prod\nVersion: {distribution.version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: nb2prod\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
