"""An estimator's own parameters beside its framework's file: plain JSON, or the reason why they are not plain."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

FILE = "estimator.json"
_PAIRS = "nb2prod.pairs"


class NotPlainError(Exception):
    """A parameter that JSON cannot hold (a function, a random state); the estimator then goes by cloudpickle."""


def write(values: Mapping[str, Any], folder: Path) -> None:
    """Write them; NaN and infinities are kept as Python's JSON writes them.

    Raises
    ------
    NotPlainError
        It names the parameter.
    """
    said = {name: _plain(name, value) for name, value in values.items()}
    (folder / FILE).write_text(json.dumps(said), "utf-8")


def read(folder: Path) -> dict[str, Any]:
    """Read them again."""
    return dict(json.loads((folder / FILE).read_text("utf-8"), object_hook=_back))


def _plain(name: str, value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, np.generic | np.ndarray) and value.dtype.kind in "biufUO":
        return _plain(name, value.tolist())
    if isinstance(value, list):
        return [_plain(name, item) for item in value]
    if isinstance(value, dict):  # its keys may be class labels that are no text
        return {_PAIRS: [[_plain(name, key), _plain(name, item)] for key, item in value.items()]}
    raise NotPlainError(f"`{name}` is a {type(value).__name__}, which JSON does not have")


def _back(value: dict[str, Any]) -> dict[Any, Any]:
    return dict(value[_PAIRS]) if _PAIRS in value else value
