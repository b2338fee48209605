"""CatBoost: its estimators, in its own binary file, which holds parameters and classes as well."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from nb2prod.records.capture import FlavorRecord
from nb2prod.runtime.flavors import base, pickles

FILE = "model.cbm"
_KINDS = ("CatBoostClassifier", "CatBoostRegressor", "CatBoostRanker", "CatBoost")


class Flavor(base.Base):
    name: ClassVar[str] = "catboost"
    rank: ClassVar[int] = 40
    refits: ClassVar[bool] = True

    def claims(self, model: Any) -> bool:
        catboost = sys.modules.get("catboost")
        return catboost is not None and isinstance(model, catboost.CatBoost)

    def refuse(self, model: Any) -> None:
        pass

    def fitted(self, model: Any) -> bool:
        return bool(model.is_fitted())

    def classes(self, model: Any) -> tuple[Any, ...] | None:
        if not hasattr(model, "predict_proba"):
            return None
        classes = model.classes_
        return tuple(classes.tolist()) if hasattr(classes, "tolist") else tuple(classes)

    def columns(self, model: Any) -> list[str] | None:
        return [str(name) for name in model.feature_names_ or ()] or None

    def answer(self, model: Any, X: Any) -> tuple[Any, Any]:
        predictions = model.predict(X)
        if getattr(predictions, "ndim", 1) == 2 and predictions.shape[1] == 1:
            predictions = predictions[:, 0]  # one column where there are several classes
        if not hasattr(model, "predict_proba"):
            return predictions, None
        return predictions, model.predict_proba(X)

    def save(self, model: Any, folder: Path, *, by_value: Sequence[ModuleType]) -> FlavorRecord:
        kind = base.qualified(model)
        if not _its_own(model):
            written = pickles.dump(model, folder, by_value=by_value)
            return FlavorRecord(flavor=self.name, format=written, model_class=kind, detail={"native": "a subclass"})
        model.save_model(str(folder / FILE))
        return FlavorRecord(flavor=self.name, format="cbm", model_class=kind)

    def load(self, folder: Path, record: FlavorRecord) -> Any:
        if record.format == "cloudpickle":
            return pickles.load(folder)
        import catboost

        return getattr(catboost, record.model_class.rpartition(".")[2])().load_model(str(folder / FILE))


def _its_own(model: Any) -> bool:
    import catboost

    return type(model) in [getattr(catboost, kind) for kind in _KINDS]
