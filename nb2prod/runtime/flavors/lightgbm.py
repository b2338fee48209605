"""LightGBM: estimators and raw Boosters, in its own text file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from nb2prod.records.capture import FlavorRecord
from nb2prod.runtime.flavors import base, parameters, pickles, sklearn

FILE = "model.txt"
_KINDS = ("LGBMClassifier", "LGBMRegressor", "LGBMRanker")
# what fitting leaves on an estimator beside its parameters and its Booster
_STATE = ("_best_iteration", "_objective", "_class_weight", "_fitted_with_feature_names", "_n_features", "_n_features_in",
          "_n_classes", "fitted_")  # fmt: skip
_REBUILT = ("_classes", "_class_map", "_le", "_Booster", "_evals_result", "_best_score", "_other_params")


class Flavor(sklearn.Flavor):
    """Estimators are asked as scikit-learn's; a `Booster` as ``booster.predict(rows)`` asks it."""

    name: ClassVar[str] = "lightgbm"
    rank: ClassVar[int] = 40

    def claims(self, model: Any) -> bool:
        lightgbm = sys.modules.get("lightgbm")
        if lightgbm is None:
            return False
        kinds = tuple(getattr(lightgbm, kind) for kind in _KINDS if hasattr(lightgbm, kind))
        return isinstance(model, lightgbm.Booster) or type(model) in kinds

    def refuse(self, model: Any) -> None:
        pass

    def fitted(self, model: Any) -> bool:
        return bool(model.num_trees()) if _raw(model) else bool(model.__sklearn_is_fitted__())

    def classes(self, model: Any) -> tuple[Any, ...] | None:
        return None if _raw(model) else super().classes(model)

    def columns(self, model: Any) -> list[str] | None:
        return list(model.feature_name()) if _raw(model) else None

    def answer(self, model: Any, X: Any) -> tuple[Any, Any]:
        return (model.predict(X), None) if _raw(model) else super().answer(model, X)

    def save(self, model: Any, folder: Path, *, by_value: Sequence[ModuleType]) -> FlavorRecord:
        record = FlavorRecord(flavor=self.name, format="text", model_class=base.qualified(model))
        why = _written(model, folder)
        if why:
            written = pickles.dump(model, folder, by_value=by_value)
            return FlavorRecord(
                flavor=self.name, format=written, model_class=record.model_class, detail={"native": why}
            )
        booster = model if _raw(model) else model.booster_
        booster.save_model(folder / FILE, num_iteration=-1)  # the default leaves out what came after the best one
        return record

    def load(self, folder: Path, record: FlavorRecord) -> Any:
        if record.format == "cloudpickle":
            return pickles.load(folder)
        import lightgbm

        booster = lightgbm.Booster(model_file=folder / FILE)
        said = parameters.read(folder)
        booster.best_iteration = said["best_iteration"]
        kind = record.model_class.rpartition(".")[2]
        return booster if kind == "Booster" else _restored(getattr(lightgbm, kind), booster, said)


def _raw(model: Any) -> bool:
    return not hasattr(model, "get_params")


def _written(model: Any, folder: Path) -> str:
    """Write what the text file does not have; empty, or why the estimator is more than that."""
    said: dict[str, Any] = {}
    booster = model
    if not _raw(model):
        booster = model.booster_
        strange = sorted(set(vars(model)) - set(model.get_params()) - {*_STATE, *_REBUILT})
        if strange:
            return f"it has attributes of its own: {', '.join(strange)}"
        classes = getattr(model, "_classes", None)
        said = {
            "parameters": model.get_params(),
            "state": {name: vars(model)[name] for name in _STATE if name in vars(model)},
            "classes": classes,
            "dtype": None if classes is None else classes.dtype.str,
        }
    try:
        parameters.write({**said, "best_iteration": booster.best_iteration}, folder)
    except parameters.NotPlainError as error:
        return str(error)
    return ""


def _restored(kind: Any, booster: Any, said: dict[str, Any]) -> Any:
    import numpy as np
    from sklearn.preprocessing import LabelEncoder

    model = kind(**said["parameters"])
    vars(model).update(said["state"], _Booster=booster)
    if said["classes"] is not None:
        encoder = LabelEncoder().fit(np.array(said["classes"], np.dtype(said["dtype"])))
        codes = encoder.transform(encoder.classes_)
        vars(model).update(
            _classes=encoder.classes_, _le=encoder, _class_map=dict(zip(encoder.classes_, codes, strict=False))
        )
    return model
