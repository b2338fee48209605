"""From counts to verdicts. It never acts: it writes Action records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nb2prod.monitoring.monitor import Monitor

__all__ = ["Monitor"]


def __getattr__(name: str) -> Any:
    if name == "Monitor":
        from nb2prod.monitoring.monitor import Monitor

        return Monitor
    raise AttributeError(name)
