"""The record of what a model needs around it, and the lock and wheels in the capture's folder."""

from __future__ import annotations

import contextlib
import io
import platform
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from nb2prod.capturing import bill, threads
from nb2prod.capturing.dependencies import Needed
from nb2prod.environments import Lock
from nb2prod.home import Home
from nb2prod.records.capture import Environment


def environment(
    folder: Path, needed: Needed, locked: Lock, home: Home, *, variables: Sequence[str] = (), hosts: Sequence[str] = ()
) -> Environment:
    """Write ``requirements.txt``, ``pylock.toml``, ``sbom.cdx.json`` and ``wheels/`` and say what they are."""
    (folder / "requirements.txt").write_text(locked.text)
    if locked.pylock:
        (folder / "pylock.toml").write_text(locked.pylock)
    (folder / "sbom.cdx.json").write_bytes(bill.kept("model", locked, needed.local, home))
    wheels = [Path(wheel) for wheel in locked.wheels]
    if wheels:
        (folder / "wheels").mkdir()
        for wheel in wheels:
            shutil.copy2(wheel, folder / "wheels" / wheel.name)
    return Environment(
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        platform=sys.platform,
        machine=platform.machine(),
        blas=_blas(),
        pins=needed.pins,
        left_out=needed.left_out,
        wheels=tuple(sorted(wheel.name for wheel in wheels)),
        local=needed.local,
        lock=locked.key,
        unlocked=tuple(dict.fromkeys([*needed.unlocked, *locked.unlocked])),
        variables=tuple(sorted(variables)),
        hosts=tuple(sorted(hosts)),
        libraries=needed.libraries,
        packages=len(locked.packages),
    )


def _blas() -> tuple[str, ...]:
    """The linear algebra that is loaded here, with its version: answers are compared bit for bit only on the same one."""
    if "numpy" not in sys.modules:
        return ()
    with contextlib.redirect_stdout(io.StringIO()):
        loaded = threads.libraries()
    found = {
        f"{one['internal_api']} {one.get('version') or ''}".strip()
        for one in (loaded.info() if loaded is not None else ())
        if one.get("user_api") == "blas"
    }
    return tuple(sorted(found))
