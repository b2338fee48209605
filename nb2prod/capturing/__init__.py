"""Live objects to a capture: discovery, code, dependencies, signature, lineage, findings, replay."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nb2prod.capturing.bundle import capture, identical, open_capture
    from nb2prod.capturing.headless import run_notebook

__all__ = ["capture", "identical", "open_capture", "run_notebook"]

_HOMES = {
    "capture": "bundle",
    "identical": "bundle",
    "open_capture": "bundle",
    "run_notebook": "headless",
}


def __getattr__(name: str) -> Any:
    """Loaded at first use: the fresh process that asks a saved model imports a room of this package and needs none of it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
