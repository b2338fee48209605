"""The system's own libraries that extension modules brought in: no wheel carries them, so that another machine must have them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from nb2prod.records.capture import Finding

# what PEP 600 lets every manylinux wheel count on, the loader, and what Python's own modules link to
EVERYWHERE = (
    "ld-linux", "ld-musl", "libc.", "libm.", "libdl.", "librt.", "libpthread.", "libutil.", "libnsl.", "libresolv.", "libcrypt.",
    "libgcc_s.", "libstdc++.", "libz.", "libexpat.", "libpython", "libbz2.", "libcrypto.", "libssl.", "libffi.", "liblzma.",
    "libuuid.", "libsqlite3.", "libreadline.", "libncurses", "libtinfo.", "libtirpc.", "libgdbm", "libdb-",
)  # fmt: skip
_PACKAGES = {
    "libgomp": "libgomp1",
    "libGL": "libgl1",
    "libglib-2": "libglib2.0-0",
    "libpq": "libpq5",
    "libgdal": "libgdal-dev",
    "libgeos_c": "libgeos-c1v5",
    "libsndfile": "libsndfile1",
    "libodbc": "unixodbc",
    "libopenblas": "libopenblas0",
    "libblas": "libblas3",
    "liblapack": "liblapack3",
    "libmysqlclient": "default-libmysqlclient-dev",
}


def mapped() -> list[str]:
    """Shared libraries in this process that lie outside its environment and Python; Linux only, elsewhere empty."""
    try:
        lines = Path("/proc/self/maps").read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    files = {parts[5] for line in lines if len(parts := line.split(maxsplit=5)) == 6}
    own = tuple(os.path.realpath(place) + os.sep for place in {sys.prefix, sys.base_prefix, *filter(None, sys.path)})
    system = ("/lib", "/usr/lib", "/usr/local/lib", "/opt")
    shared = (file for file in files if ".so" in file and "-packages/" not in file and "/lib-dynload/" not in file)
    return sorted(file for file in shared if file.startswith(system) or not file.startswith(own))


def names(files: Iterable[str]) -> tuple[str, ...]:
    """The libraries' names, without what every Linux has.

    Examples
    --------
    >>> names(["/usr/lib/x86_64-linux-gnu/libgomp.so.1.0.0", "/lib/x86_64-linux-gnu/libm.so.6"])
    ('libgomp.so.1.0.0',)
    """
    return tuple(sorted({name for file in files if not (name := Path(file).name).startswith(EVERYWHERE)}))


def finding(found: tuple[str, ...]) -> Finding | None:
    """A note that names them and what installs them."""
    if not found:
        return None
    packages = {_PACKAGES.get(name.partition(".so")[0], name.partition(".so")[0]) for name in found}
    return Finding(
        code="system-libraries",
        severity="note",
        title=f"The model's packages load {', '.join(found)} of the system",
        where="the locked environment",
        why="No wheel carries them: another machine, or a container, must have them too.",
        fix=f"apt-get install {' '.join(sorted(packages))}",
    )
