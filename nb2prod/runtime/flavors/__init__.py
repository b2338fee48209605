"""How models are saved, loaded and asked: one file a framework, found by being there.

A flavor is a module of this package with a class `Flavor` derived from `Base`. It imports its framework inside functions.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from nb2prod.errors import Failed
from nb2prod.records.base import read, to_json
from nb2prod.records.capture import FlavorRecord
from nb2prod.runtime.flavors.base import Base, refuse_foreign

FILE = "flavor.json"


def of(model: Any) -> Base:
    """The flavor of a live model.

    Raises
    ------
    Refused
        It is nothing that can be asked for predictions (a DataFrame, a transformer, a class).
    """
    refuse_foreign(model)
    for flavor in _all():
        if flavor.claims(model):
            flavor.refuse(model)
            return flavor
    raise AssertionError("the last flavor claims or refuses everything")


def named(name: str) -> Base:
    """The flavor of that name."""
    for flavor in _all():
        if flavor.name == name:
            return flavor
    raise Failed(
        f"No flavor is named {name!r}",
        code="unknown-flavor",
        where=FILE,
        why=f"This runtime knows {', '.join(sorted(flavor.name for flavor in _all()))}.",
        fix="pip install --upgrade nb2prod",
    )


def recorded(folder: Path) -> Base:
    """The flavor that saved a model into `folder`."""
    return named(read(folder / FILE, FlavorRecord).flavor)


def claiming(model: Any) -> Base:
    """The flavor that a thing would be of, fit to be asked or not."""
    return next(flavor for flavor in _all() if flavor.claims(model))


def save(model: Any, folder: Path, *, by_value: Sequence[ModuleType] = ()) -> FlavorRecord:
    """Save a live model and its record into `folder`, which is made.

    Parameters
    ----------
    by_value
        Imported modules whose functions and classes go into the pickle itself. What is copied into ``code/`` needs it not.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record = of(model).save(model, folder, by_value=by_value)
    (folder / FILE).write_bytes(to_json(record))
    return record


def load(folder: Path, record: FlavorRecord | None = None) -> Any:
    """Load what `save` wrote; what it holds was checked against the manifest before."""
    record = record or read(folder / FILE, FlavorRecord)
    return named(record.flavor).load(folder, record)


@functools.cache
def _all() -> tuple[Base, ...]:
    names = [
        info.name
        for info in pkgutil.iter_modules(__path__)
        if info.name not in ("base", "parameters", "pickles", "skops_files")
    ]
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return tuple(sorted((module.Flavor() for module in modules), key=lambda flavor: flavor.rank))
