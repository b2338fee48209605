"""Between a notebook's kernel and the process that runs it: messages beside the cells' outputs, and the mark of a `%deploy`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

MARKING = "NB2PROD_MARKING"
"""Set in the kernel of such a run: `%deploy` cells only mark the model, they deploy nothing."""
MIME = "application/x-nb2prod+json"
_LINE = re.compile(r"^[ \t]*(%%?)deploy\b(?!\?)[ \t]*(.*)$", re.MULTILINE)
_SAID: dict[str, Callable[[], dict[str, Any]]] = {}


def marking() -> bool:
    """Is this kernel one in which `%deploy` only marks?"""
    return bool(os.environ.get(MARKING))


def publish(message: dict[str, Any]) -> None:
    """Send a message to the process that runs the kernel."""
    from IPython.display import display

    display({MIME: message}, raw=True)


def mark(model: str, flags: Callable[[], dict[str, Any]] = dict) -> None:
    """Tell that a `%deploy` names this model; `flags` gives what its line says as the SDK's arguments, for `said` here."""
    _SAID[model] = flags
    publish({"kind": "mark", "model": model})


def said(model: str) -> dict[str, Any]:
    """In the kernel: the arguments of the line that marked this model, from the variables as they are now."""
    return _SAID.get(model, dict)()


def named(sources: Iterable[str]) -> list[str]:
    """The models that the `%deploy` cells of a notebook name, as `mark` will name them; a dry run names none.

    Examples
    --------
    >>> named(["%deploy clf --name delays", "%%deploy --data raw\\ndef predict(frame): ...", "%deploy other --dry-run"])
    ['clf', 'predict']
    """
    found = []
    for source in sources:
        for percents, text in _LINE.findall(source):
            model = "predict" if percents == "%%" else re.split(r"(?:^|\s)--[A-Za-z]", text, maxsplit=1)[0].strip()
            if model and "--dry-run" not in text.split() and not model.startswith(("models:/", "runs:/")):
                found.append(model)
    return list(dict.fromkeys(found))


def read(data: Mapping[str, Any]) -> dict[str, Any] | None:
    """The message in an output's data; None where it is an output of the notebook's own."""
    return data.get(MIME)
