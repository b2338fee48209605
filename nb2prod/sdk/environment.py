"""Declared environment variables: their values never travel; the local service reads them from a 0600 file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from nb2prod.errors import UsageError
from nb2prod.home import Home, write_atomic


def values(names: Iterable[str]) -> dict[str, str]:
    """The values of declared variables in this process.

    Raises
    ------
    UsageError
        One of them is not set here.
    """
    found = {}
    for name in names:
        if name not in os.environ:
            raise UsageError(
                f"The environment variable {name} is not set here",
                code="variable-not-set",
                where=f"--env {name}",
                why="The replay and the service need its value; it is read from this process and never stored with the model.",
                fix=f"import os; os.environ[{name!r}] = …",
                kept="nothing was changed",
            )
        found[name] = os.environ[name]
    return found


def write_variables(home: Home, name: str, variables: dict[str, str]) -> Path | None:
    """Keep the values for the local service, readable by its owner alone; None where there are none."""
    if not variables:
        return None
    folder = home.deployment(name)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "environment.json"
    write_atomic(path, json.dumps(variables).encode(), mode=0o600)
    return path
