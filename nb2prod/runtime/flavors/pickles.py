"""cloudpickle: by reference what can be imported, by value what only the notebook has. The manifest vouches for the bytes."""

from __future__ import annotations

import contextlib
import functools
import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from nb2prod.errors import Refused
from nb2prod.runtime.flavors.base import qualified

FILE = "model.pkl"
_CACHED = type(functools.lru_cache(len))


def dump(model: Any, folder: Path, *, by_value: Sequence[ModuleType]) -> str:
    """Write the pickle and return the name of its format."""

    try:
        with _by_value(by_value), (folder / FILE).open("wb") as file:
            _pickler()(file, protocol=5).dump(model)
    except (TypeError, pickle.PicklingError, RecursionError) as error:
        (folder / FILE).unlink(missing_ok=True)
        raise Refused(
            f"The {type(model).__name__} cannot be saved",
            code="not-picklable",
            where=qualified(model),
            why=f"Something it holds has no saved form: {error}",
            fix="leave open files, connections, locks and generators out of the model; open them inside predict",
            kept="nothing was saved",
        ) from error
    return "cloudpickle"


def load(folder: Path) -> Any:
    """Read it; needs no cloudpickle where nothing went by value."""
    with (folder / FILE).open("rb") as file:
        return pickle.load(file)


def cached(function: Any, parameters: dict[str, Any]) -> Any:
    """A function under `functools.lru_cache` again, with an empty cache."""
    return functools.lru_cache(**parameters)(function)


def _pickler() -> Any:
    """cloudpickle's, but for a cached function of the notebook, which it saves by a name that only the notebook has."""
    import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        def reducer_override(self, thing: Any) -> Any:
            if isinstance(thing, _CACHED) and thing.__module__ == "__main__":
                return cached, (thing.__wrapped__, thing.cache_parameters())
            return super().reducer_override(thing)

    return Pickler


@contextlib.contextmanager
def _by_value(modules: Sequence[ModuleType]) -> Iterator[None]:
    import cloudpickle

    registered = []
    try:
        for module in modules:
            if module.__name__ not in cloudpickle.list_registry_pickle_by_value():
                cloudpickle.register_pickle_by_value(module)
                registered.append(module)
        yield
    finally:
        for module in registered:
            cloudpickle.unregister_pickle_by_value(module)
