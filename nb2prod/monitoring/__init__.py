"""From counts to verdicts. It never acts: it writes Action records.

Every public name is loaded at its first use: scipy is not paid for by who only asks for a status.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nb2prod.monitoring.collector import Collector
    from nb2prod.monitoring.drifts import drift
    from nb2prod.monitoring.freshness import Freshness, count_spool
    from nb2prod.monitoring.monitor import Monitor
    from nb2prod.monitoring.performances import performance

__all__ = ["Collector", "Freshness", "Monitor", "count_spool", "drift", "performance"]

_HOMES = {
    "Collector": "collector",
    "Freshness": "freshness",
    "Monitor": "monitor",
    "count_spool": "freshness",
    "drift": "drifts",
    "performance": "performances",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
