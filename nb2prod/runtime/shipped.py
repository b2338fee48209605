"""What of nb2prod travels with a model: a copy of its serving part. Standard library alone."""

from __future__ import annotations

import functools
import hashlib
import shutil
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
