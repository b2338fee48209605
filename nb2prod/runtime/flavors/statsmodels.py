"""statsmodels: results of a fit, asked by ``results.predict(rows)``, which runs the formula over raw rows where there is one."""

from __future__ import annotations

import ast
import functools
import pickle
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Final

import numpy as np

from nb2prod.errors import Refused
from nb2prod.records.capture import FlavorRecord
from nb2prod.runtime.flavors import base, pickles

NAMES: Final = "names"
_STAYS: Final = {
    "rows": "the columns that the formula names stay: a term of it is made from all of them",
    "fix": "make that column in the frame before the fit, and again in predict: frame.assign(COLUMN=…)",
}
_APPLIED: Final = (
    "keep the coefficients alone: weights = results.params, and in predict: return frame[weights.index] @ weights"
)
_SAMPLE: Final = 1000
_FRAMES: Final = """
def _nb2prod_frame(depth):
    return _nb2prod_frame(depth - 1) if depth else _nb2prod_load()
_nb2prod_loaded = _nb2prod_frame(4)
"""


class Flavor(base.Base):
    name: ClassVar[str] = "statsmodels"
    rank: ClassVar[int] = 40

    def claims(self, model: Any) -> bool:
        wrapper, models = sys.modules.get("statsmodels.base.wrapper"), sys.modules.get("statsmodels.base.model")
        if models is None or wrapper is None:
            return False
        return isinstance(model, wrapper.ResultsWrapper | models.Results | models.Model)

    def refuse(self, model: Any) -> None:
        """An unfitted model predicts from parameters alone; a time series from dates, not from rows."""
        if not hasattr(model, "predict") or not hasattr(model, "model"):
            raise base.not_a_model(
                model, "It was not fitted: the results of `.fit()` predict.", "results = model.fit()"
            )
        if ".tsa." in type(model.model).__module__:
            raise Refused(
                f"A {type(model.model).__name__} forecasts from its own past, not from rows",
                code="time-series",
                where=base.qualified(model),
                why="Its predict takes a start and an end; a service answers rows.",
                fix="%%deploy --name forecast --data X\ndef predict(frame):\n"
                "    return results.forecast(int(frame['steps'].max()))[frame['steps'] - 1]",
            )

    def fitted(self, model: Any) -> bool:
        return True

    def classes(self, model: Any) -> tuple[Any, ...] | None:
        return None

    def columns(self, model: Any) -> list[str] | None:
        training = self.training(model)
        return [str(name) for name in training.columns] if hasattr(training, "columns") else None

    def training(self, model: Any) -> Any:
        """The design matrix as it was given; of a formula's frame the columns that the model reads."""
        data = getattr(getattr(model, "model", model), "data", None)
        frame = getattr(data, "frame", None)
        spec = getattr(data, "model_spec", None)
        if frame is None or spec is None:
            return getattr(data, "orig_exog", None)
        return frame[[column for column in frame.columns if str(column) in _read(spec)]]

    def answer(self, model: Any, X: Any) -> tuple[Any, Any]:
        return model.predict(X), None

    def save(self, model: Any, folder: Path, *, by_value: Sequence[ModuleType]) -> FlavorRecord:
        names = _formula_names(model)
        sample = self.training(model)
        lean, detail = (model, {}) if sample is None else _without_rows(model, names, sample[:_SAMPLE])
        written = pickles.dump(lean, folder, by_value=by_value)
        if names:
            (folder / NAMES).mkdir()
            pickles.dump(names, folder / NAMES, by_value=by_value)
        return FlavorRecord(flavor=self.name, format=written, model_class=base.qualified(model), detail=detail)

    def load(self, folder: Path, record: FlavorRecord) -> Any:
        names = pickles.load(folder / NAMES) if (folder / NAMES).is_dir() else {}
        return _among(names, functools.partial(pickles.load, folder))


def _without_rows(model: Any, names: dict[str, Any], sample: Any) -> tuple[Any, dict[str, str]]:
    """A copy without its training rows that answers as the model does, or the model itself; why rows stay, and what to type.

    A formula is built again when the results are loaded, from the frame beside it. Its columns' values serve, each column by
    itself, unless a term is made of the rows (`center`, splines): then the columns that it names stay as they are.
    """
    import cloudpickle

    whole = cloudpickle.dumps(model)
    why = ""
    for made in (_values, _named):
        try:
            copy = _among(names, functools.partial(pickle.loads, whole))
            _empty(copy, made)
            again = _among(names, functools.partial(pickle.loads, cloudpickle.dumps(copy)))
            if _alike(model.predict(sample), again.predict(sample)):
                stays = made is _named and getattr(copy.model.data, "frame", None) is not None
                return copy, _STAYS if stays else {}
            why = "without them it answers otherwise"
        except Exception as error:  # not every result can be copied or emptied; it then goes as it is
            why = f"{type(error).__name__}: {error}"
    return model, {"rows": f"its training rows could not be taken out: {why}", "fix": _APPLIED}


def _empty(copy: Any, made: Callable[[Any, str], Any]) -> None:
    """Take the rows out of results, model and data; statsmodels' own `remove_data` leaves some in each."""
    results = getattr(copy, "_results", copy)
    data = results.model.data
    n, frame = len(data.endog), getattr(data, "frame", None)
    vars(results).setdefault("_cache", {})
    if hasattr(results, "remove_data"):
        results.remove_data()
    for holder in (results, results.model, data):
        for name, value in list(vars(holder).items()):
            if _rows(value) == n:
                setattr(holder, name, None)
    kept = results._cache
    results._cache = {name: value for name, value in kept.items() if _rows(value) != n}
    if frame is not None:
        data.frame = made(frame, str(data.formula))


def _rows(value: Any) -> int:
    """How many rows an array has, or all the arrays of a list or dict by group."""
    if isinstance(value, list | tuple | dict):
        parts = list(value.values() if isinstance(value, dict) else value)
        return sum(map(_rows, parts)) if all(hasattr(part, "shape") for part in parts) else 0
    shape = getattr(value, "shape", ())
    return int(shape[0]) if isinstance(shape, tuple) and shape else 0


def _named(frame: Any, formula: str) -> Any:
    """The columns that stand in a formula: as a word of it, or within quotes."""
    words = set(re.findall(r"\w+", formula))
    quoted = {str(column) for column in frame.columns if not str(column).isidentifier() and str(column) in formula}
    return frame[[column for column in frame.columns if str(column) in words | quoted]]


def _values(frame: Any, formula: str) -> Any:
    """The levels of each column in order, of a measured one steps between its ends: no line is anyone's row."""
    import pandas as pd

    columns = {}
    for name, column in _named(frame, formula).items():
        levels = column.dropna().unique()
        if column.dtype.kind == "f":
            ends = column.replace([np.inf, -np.inf], np.nan)
            levels = np.linspace(ends.min(), ends.max(), 32).astype(column.dtype)
        columns[name] = pd.Series(levels).sort_values().astype(column.dtype)
    most = max(map(len, columns.values()))
    return pd.DataFrame({name: one.take(np.arange(most) % len(one)).array for name, one in columns.items()})


def _alike(one: Any, other: Any) -> bool:
    return np.array_equal(np.asarray(one), np.asarray(other), equal_nan=True)


def _read(spec: Any) -> set[str]:
    """The names that the right-hand side of a formula reads: plain ones, and those in ``Q("…")``."""
    found: set[str] = set()
    for factor in getattr(spec, "factor_infos", {}):
        for node in ast.walk(ast.parse(factor.code, mode="eval")):
            if isinstance(node, ast.Name):
                found.add(node.id)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found or set(map(str, getattr(spec, "required_variables", ())))


def _formula_names(model: Any) -> dict[str, Any]:
    """What the formula calls by name (`np`, a function of the notebook's): it is evaluated again where the results are loaded."""
    spec = getattr(getattr(model.model, "data", None), "model_spec", None)
    found: dict[str, Any] = {}
    for info in getattr(spec, "factor_infos", {}).values():
        for namespace in getattr(info.state.get("eval_env"), "_namespaces", ()):
            found |= {name: value for name, value in namespace.items() if name not in found}
    return found


def _among(names: dict[str, Any], load: Callable[[], Any]) -> Any:
    """Load where these names are global: statsmodels looks for a formula's names in the frames that called it."""
    around = {**names, "_nb2prod_load": load}
    exec(_FRAMES, around)
    return around["_nb2prod_loaded"]
