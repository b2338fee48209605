"""What a value of the notebook is: a frame, an array, a model, and whether one could have been fitted on the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MethodType
from typing import Any

import numpy as np

from nb2prod.runtime import flavors


def models_in(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """The variables that hold a fitted model, by name."""
    return {
        name: value
        for name, value in own(namespace)
        if not isinstance(value, type) and hasattr(value, "predict") and hasattr(value, "fit")
    }


def name_of(value: Any, namespace: Mapping[str, Any]) -> str | None:
    """The variable that holds this very value; a function that none holds goes by its own name, a method by its owner's too."""
    names = [name for name, one in own(namespace) if one is value]
    if not names and isinstance(value, MethodType):
        owner = name_of(value.__self__, namespace)
        return f"{owner}.{value.__name__}" if owner else value.__name__
    if not names and callable(value):
        name = getattr(value, "__name__", None)
        return name if isinstance(name, str) and name.isidentifier() else None
    return names[-1] if names else None


def is_frame(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "pandas" and type(value).__name__ == "DataFrame"


def is_series(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "pandas" and type(value).__name__ == "Series"


def is_data(value: Any) -> bool:
    if is_frame(value) or is_series(value):
        return True
    if isinstance(value, np.ndarray):
        return value.ndim in (1, 2)
    return isinstance(value, list) and bool(value) and isinstance(value[0], str | list | tuple)


def is_sparse(value: Any) -> bool:
    return type(value).__module__.startswith("scipy.sparse")


def is_function(model: Any) -> bool:
    return callable(model) and not hasattr(model, "predict")


def owner(model: Any) -> Any:
    """The object whose method is asked (`clf` of `clf.predict_proba`); anything else is its own."""
    bound = isinstance(model, MethodType) and not isinstance(model.__self__, type)
    return model.__self__ if bound else model


def feature_names(model: Any) -> list[str] | None:
    """`feature_names_in_`, the model's or its first step's that has one; else what its framework calls them."""
    for part in _parts(model):
        names = _attribute(part, "feature_names_in_")
        if names is not None and len(names):
            return [str(name) for name in names]
    return flavors.claiming(model).columns(model)


def lacking(value: Any, model: Any) -> list[str]:
    """The columns that a model was fitted on and a frame does not have."""
    if not is_frame(value):
        return []
    held = set(map(str, value.columns))
    return [name for name in feature_names(model) or [] if name not in held]


def feature_count(model: Any) -> int | None:
    for part in _parts(model):
        count = _attribute(part, "n_features_in_")
        if count is not None:
            return int(count)
    return None


def fits(value: Any, model: Any) -> bool:
    """Whether `value` could have been given to the model's `.fit`."""
    if not is_data(value) and not is_sparse(value):
        return False
    names, count = feature_names(model), feature_count(model)
    if is_frame(value) and names:
        return list(map(str, value.columns)) == names
    if count is not None and hasattr(value, "shape") and len(value.shape) == 2:
        return bool(value.shape[1] == count)
    return True


def could_be(value: Any, model: Any) -> bool:
    """Stricter than `fits`: without a fit call only what has the very columns, or the very count, is taken."""
    names, count = feature_names(model), feature_count(model)
    if names is not None:
        return is_frame(value) and list(map(str, value.columns)) == names and len(value) > 1
    if count is None:
        return False
    return isinstance(value, np.ndarray) and value.ndim == 2 and value.shape[1] == count and len(value) > 1


def length(value: Any) -> int:
    return int(value.shape[0]) if hasattr(value, "shape") and len(value.shape) else len(value)


def own(namespace: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    hidden = {"In", "Out", "exit", "quit", "open", "get_ipython"}
    yield from (
        (name, value) for name, value in list(namespace.items()) if not name.startswith("_") and name not in hidden
    )


def _parts(model: Any) -> Iterator[Any]:
    yield model
    steps = _attribute(model, "steps")
    if isinstance(steps, list):
        for step in steps:
            if isinstance(step, tuple) and len(step) == 2:
                yield step[1]
                return


def _attribute(value: Any, name: str) -> Any:
    try:
        return getattr(value, name, None)
    except Exception:  # a property of an unfitted part raises what it likes
        return None
