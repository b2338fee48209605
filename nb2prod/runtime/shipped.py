"""What of nb2prod travels with a model: a copy of its serving part. Standard library alone."""

from __future__ import annotations

import compileall
import functools
import hashlib
import os
import py_compile
import shutil
import sys
import tempfile
from pathlib import Path

PARTS = ("__init__.py", "errors.py", "py.typed", "records", "baseline", "runtime")


def copy(destination: Path) -> Path:
    """Copy the serving part of this nb2prod to `destination`/nb2prod; returns that folder.

    Parameters
    ----------
    destination
        An existing folder, to be put on ``sys.path`` by whoever loads the model.
    """
    source = Path(__file__).resolve().parent.parent
    target = destination / "nb2prod"
    target.mkdir()
    for part in PARTS:
        if (source / part).is_dir():
            shutil.copytree(source / part, target / part, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        elif (source / part).is_file():
            shutil.copyfile(source / part, target / part)
    return target


def kept(folder: Path) -> Path:
    """A folder below `folder` with what ships and nothing else, made once for all who run it, bytecode with it.

    The bytecode is checked against the source's content, not its time, so that it may be copied along.
    """
    made = folder / f"{digest()[:16]}-{sys.implementation.cache_tag}"
    if not made.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(dir=folder, prefix=".making-"))
        copy(making)
        mode = py_compile.PycInvalidationMode.CHECKED_HASH
        compileall.compile_dir(making, quiet=2, invalidation_mode=mode, stripdir=str(making))
        making.chmod(0o755)
        try:
            making.rename(made)
        except OSError:  # another process was first
            shutil.rmtree(making, ignore_errors=True)
    os.utime(made)
    return made


@functools.cache
def digest() -> str:
    """SHA-256 over what would be copied: two equal ones are the same serving part."""
    source = Path(__file__).resolve().parent.parent
    found = hashlib.sha256()
    for part in PARTS:
        files = sorted((source / part).rglob("*")) if (source / part).is_dir() else [source / part]
        for file in files:
            if file.is_file() and file.suffix != ".pyc":
                found.update(f"{file.relative_to(source).as_posix()}\0".encode() + file.read_bytes())
    return found.hexdigest()
