"""A Bento on this machine: supervisord keeps its workers, Caddy holds its port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nb2prod.targets.local.target import LocalTarget

__all__ = ["LocalTarget"]


def __getattr__(name: str) -> Any:
    """Loaded at its first use: a proof starts a worker without the database that `LocalTarget` writes to."""
    if name != "LocalTarget":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from nb2prod.targets.local.target import LocalTarget

    return LocalTarget
