"""statsmodels: results of a fit, asked by ``results.predict(rows)``, which runs the formula over raw rows where there is one."""

from __future__ import annotations

import ast
import functools
import pickle
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Final

from nb2prod.errors import Refused
from nb2prod.records.capture import FlavorRecord
from nb2prod.runtime.flavors import base, pickles

NAMES: Final = "names"
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
        data = getattr(model.model, "data", None)
        frame = getattr(data, "frame", None)
        spec = getattr(data, "model_spec", None)
        if frame is None or spec is None:
            return getattr(data, "orig_exog", None)
        return frame[[column for column in frame.columns if str(column) in _read(spec)]]

    def answer(self, model: Any, X: Any) -> tuple[Any, Any]:
        return model.predict(X), None

    def save(self, model: Any, folder: Path, *, by_value: Sequence[ModuleType]) -> FlavorRecord:
        names = _formula_names(model)
        lean, why = _without_rows(model, names)
        written = pickles.dump(lean, folder, by_value=by_value)
        if names:
            (folder / NAMES).mkdir()
            pickles.dump(names, folder / NAMES, by_value=by_value)
        kind = base.qualified(model)
        return FlavorRecord(flavor=self.name, format=written, model_class=kind, detail={"rows": why} if why else {})

    def load(self, folder: Path, record: FlavorRecord) -> Any:
        names = pickles.load(folder / NAMES) if (folder / NAMES).is_dir() else {}
        return _among(names, functools.partial(pickles.load, folder))


def _without_rows(model: Any, names: dict[str, Any]) -> tuple[Any, str]:
    """A copy without the training rows but what its formula is built from, or the model itself and why it keeps them.

    A formula is built again when the results are loaded: levels and stateful terms are read from the columns it names.
    """
    import cloudpickle

    try:
        copy = _among(names, functools.partial(pickle.loads, cloudpickle.dumps(model)))
        data = copy.model.data
        frame = getattr(data, "frame", None)
        copy.remove_data()
        if frame is None:
            return copy, ""
        data.frame = frame[[column for column in frame.columns if str(column) in data.formula]]
    except Exception as error:  # not every result can be copied or emptied; it then goes as it is
        return model, f"its training rows could not be taken out: {type(error).__name__}: {error}"
    return copy, "the columns that the formula names: its levels and stateful terms are read from them"


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
