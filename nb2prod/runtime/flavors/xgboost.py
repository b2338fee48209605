"""XGBoost: estimators and raw Boosters, in its own UBJSON file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from nb2prod.records.capture import FlavorRecord
from nb2prod.runtime.flavors import base, parameters, pickles, sklearn

FILE = "model.ubj"


class Flavor(sklearn.Flavor):
    """Estimators are asked as scikit-learn's; a `Booster` as ``booster.predict(DMatrix(rows))`` asks it."""

    name: ClassVar[str] = "xgboost"
    rank: ClassVar[int] = 40

    def claims(self, model: Any) -> bool:
        xgboost = sys.modules.get("xgboost")
        return xgboost is not None and (isinstance(model, xgboost.Booster) or type(model) in _estimators(xgboost))

    def refuse(self, model: Any) -> None:
        pass

    def fitted(self, model: Any) -> bool:
        if not _raw(model):
            return bool(model.__sklearn_is_fitted__())
        import xgboost

        try:
            return bool(model.num_boosted_rounds())
        except xgboost.core.XGBoostError:  # it has not even features
            return False

    def classes(self, model: Any) -> tuple[Any, ...] | None:
        return None if _raw(model) else super().classes(model)

    def columns(self, model: Any) -> list[str] | None:
        return model.feature_names if _raw(model) else None

    def answer(self, model: Any, X: Any) -> tuple[Any, Any]:
        if not _raw(model):
            return super().answer(model, X)
        import xgboost

        return model.predict(xgboost.DMatrix(X, enable_categorical=True)), None

    def save(self, model: Any, folder: Path, *, by_value: Sequence[ModuleType]) -> FlavorRecord:
        record = FlavorRecord(flavor=self.name, format="ubj", model_class=base.qualified(model))
        why = "" if _raw(model) else _written(model, folder)
        if why:
            written = pickles.dump(model, folder, by_value=by_value)
            return FlavorRecord(
                flavor=self.name, format=written, model_class=record.model_class, detail={"native": why}
            )
        model.save_model(folder / FILE)
        return record

    def load(self, folder: Path, record: FlavorRecord) -> Any:
        if record.format == "cloudpickle":
            return pickles.load(folder)
        import xgboost

        kind = record.model_class.rpartition(".")[2]
        if kind == "Booster":
            return xgboost.Booster(model_file=folder / FILE)
        model = getattr(xgboost, kind)()
        model.load_model(folder / FILE)
        return model.set_params(**parameters.read(folder))  # loading writes what the file says over some of them


def _raw(model: Any) -> bool:
    return not hasattr(model, "get_booster")


def _estimators(xgboost: Any) -> tuple[type, ...]:
    names = ("XGBClassifier", "XGBRegressor", "XGBRanker", "XGBRFClassifier", "XGBRFRegressor")
    return tuple(getattr(xgboost, name) for name in names)


def _written(model: Any, folder: Path) -> str:
    """Write the parameters; empty, or why the estimator is more than its file and they."""
    strange = sorted(set(vars(model)) - set(model.get_params()) - {"n_classes_", "_Booster", "evals_result_", "kwargs"})
    if strange:
        return f"it has attributes of its own: {', '.join(strange)}"
    try:
        parameters.write(model.get_params(), folder)
    except parameters.NotPlainError as error:
        return str(error)
    return ""
