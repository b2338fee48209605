"""Declared environment variables: their values never travel; the local service reads them from a 0600 file."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable
from pathlib import Path

from nb2prod.errors import UsageError
from nb2prod.home import Home, write_atomic
from nb2prod.runtime.model import environment_file


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


def known(home: Home, name: str, names: Collection[str]) -> dict[str, str]:
    """The values of declared variables as a deployment's service has them, else as this process has.

    Raises
    ------
    UsageError
        One of them is set nowhere.
    """
    kept = environment_file(str(path)) if (path := _path(home, name)).exists() else {}
    return {one: kept[one] for one in names if one in kept} | values(one for one in names if one not in kept)


def write_variables(home: Home, name: str, variables: dict[str, str], *, beside: bool = False) -> Path | None:
    """Keep the values for the local service, readable by its owner alone; None where there are none.

    With `beside` those that are kept stay: another version needs them.
    """
    if not variables:
        return None
    path = _path(home, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    if beside and path.exists():
        variables = environment_file(str(path)) | variables
    write_atomic(path, json.dumps(variables).encode(), mode=0o600)
    return path


def _path(home: Home, name: str) -> Path:
    return home.deployment(name) / "environment.json"
