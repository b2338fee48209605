"""nb2prod: one line takes a notebook model to a verified, monitored service.

Every public name is loaded at its first use, so that importing the package costs little.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "Alert": "nb2prod.records.alerts",
    "Deployment": "nb2prod.sdk",
    "capture": "nb2prod.sdk",
    "verify": "nb2prod.sdk",
    "register": "nb2prod.sdk",
    "package": "nb2prod.sdk",
    "deploy": "nb2prod.sdk",
    "deployments": "nb2prod.sdk",
    "diff": "nb2prod.sdk",
    "get": "nb2prod.sdk",
    "load": "nb2prod.sdk",
    "Nb2prodError": "nb2prod.errors",
    "SLO": "nb2prod.records.alerts",
    "Sampling": "nb2prod.records.sampling",
}

__all__ = sorted([*_HOMES, "__version__"])


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'nb2prod' has no attribute {name!r}")
    problem = unsupported()
    if problem:  # said here and not at import, where %load_ext and the command could not say it in one line
        raise ImportError(problem)
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def unsupported() -> str | None:
    """One line that says why nb2prod cannot run here and what to do; None where it can."""
    if sys.platform == "win32":
        return (
            "nb2prod runs on Linux and macOS. On Windows use WSL 2: wsl --install, then pip install nb2prod inside it."
        )
    if sys.version_info < (3, 11):  # noqa: UP036 - a kernel may be older than what installed us
        found = ".".join(map(str, sys.version_info[:2]))
        return (
            f"nb2prod needs Python 3.11 or newer, this is {found}. A new kernel: python3.11 -m venv ~/py311 && "
            "~/py311/bin/pip install nb2prod ipykernel && ~/py311/bin/python -m ipykernel install --user --name py311"
        )
    return None


def load_ipython_extension(shell: Any) -> None:
    """Called by `%load_ext nb2prod`: brings `%deploy`, `%%deploy` and `%deployments`."""
    problem = unsupported()
    if problem:
        print(problem)
        return
    from nb2prod.notebook.extension import load

    load(shell)


if TYPE_CHECKING:
    from nb2prod.errors import Nb2prodError as Nb2prodError
