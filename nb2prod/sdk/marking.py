"""Between a notebook's kernel and the process that runs it: messages beside the cells' outputs, and the mark of a `%deploy`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

MARKING = "NB2PROD_MARKING"
"""Set in the kernel of such a run: `%deploy` cells only mark the model, they deploy nothing."""
MIME = "application/x-nb2prod+json"


def marking() -> bool:
    """Is this kernel one in which `%deploy` only marks?"""
    return bool(os.environ.get(MARKING))


def publish(message: dict[str, Any]) -> None:
    """Send a message to the process that runs the kernel."""
    from IPython.display import display

    display({MIME: message}, raw=True)


def mark(model: str) -> None:
    """Tell that a `%deploy` names this model."""
    publish({"kind": "mark", "model": model})


def read(data: Mapping[str, Any]) -> dict[str, Any] | None:
    """The message in an output's data; None where it is an output of the notebook's own."""
    return data.get(MIME)
