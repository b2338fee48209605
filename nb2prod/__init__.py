"""nb2prod: one line takes a notebook model to a verified, monitored service.

Every public name is loaded at its first use, so that importing the package costs little.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "Alert": "nb2prod.sdk",
    "SLO": "nb2prod.sdk",
    "Deployment": "nb2prod.sdk",
    "capture": "nb2prod.sdk",
    "verify": "nb2prod.sdk",
    "register": "nb2prod.sdk",
    "package": "nb2prod.sdk",
    "deploy": "nb2prod.sdk",
    "deployments": "nb2prod.sdk",
    "get": "nb2prod.sdk",
    "load": "nb2prod.sdk",
    "Nb2prodError": "nb2prod.errors",
}

__all__ = sorted([*_HOMES, "__version__"])


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'nb2prod' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: Any) -> None:
    """Called by `%load_ext nb2prod`: brings `%deploy` and `%%deploy`."""
    from nb2prod.notebook.extension import load

    load(shell)


if TYPE_CHECKING:
    from nb2prod.errors import Nb2prodError as Nb2prodError
