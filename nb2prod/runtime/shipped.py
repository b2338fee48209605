"""What of nb2prod travels with a model: a copy of its serving part. Standard library alone."""

from __future__ import annotations

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
