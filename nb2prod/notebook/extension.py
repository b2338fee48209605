"""`%load_ext nb2prod`: registers the magics with a running IPython shell."""

from __future__ import annotations

from typing import Any


def load(shell: Any) -> None:
    """Register `%deploy` and `%%deploy` with `shell`."""
    raise NotImplementedError
