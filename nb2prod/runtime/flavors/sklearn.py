"""scikit-learn estimators and pipelines, and what else derives from its BaseEstimator."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from nb2prod.records.capture import FlavorRecord
from nb2prod.runtime.flavors import base, pickles, skops_files


class Flavor(base.Base):
    name: ClassVar[str] = "sklearn"
    refits: ClassVar[bool] = True

    def claims(self, model: Any) -> bool:
        sklearn = sys.modules.get("sklearn.base")
        return sklearn is not None and isinstance(model, sklearn.BaseEstimator)

    def refuse(self, model: Any) -> None:
        if not hasattr(model, "predict"):
            last = "transforms" if hasattr(model, "transform") else "does not predict"
            fix = "model = make_pipeline(transformer, LogisticRegression()).fit(X, y)"
            raise base.not_a_model(model, f"It {last}: it has no `predict`, so there is nothing to serve.", fix)

    def fitted(self, model: Any) -> bool:
        from sklearn.exceptions import NotFittedError
        from sklearn.utils.validation import check_is_fitted

        try:
            check_is_fitted(model)
        except NotFittedError:
            return False
        return True

    def classes(self, model: Any) -> tuple[Any, ...] | None:
        classes = getattr(model, "classes_", None)
        if classes is None or isinstance(classes, list) or not hasattr(model, "predict"):
            return None
        return tuple(classes.tolist()) if hasattr(classes, "tolist") else tuple(classes)

    def answer(self, model: Any, X: Any) -> tuple[Any, Any]:
        if not hasattr(model, "predict_proba"):
            return model.predict(X), None
        last, ready = _prepared(model, X)
        predictions, probabilities = last.predict(ready), last.predict_proba(ready)
        return predictions, None if isinstance(probabilities, list) else probabilities

    def save(self, model: Any, folder: Path, *, by_value: Sequence[ModuleType]) -> FlavorRecord:
        why = skops_files.dump(model, folder / skops_files.FILE)
        written = pickles.dump(model, folder, by_value=by_value) if why else "skops"
        return FlavorRecord(
            flavor=self.name,
            format=written,
            model_class=base.qualified(model),
            steps=_steps(model),
            detail={"skops": why} if why else {},
        )

    def load(self, folder: Path, record: FlavorRecord) -> Any:
        if record.format == "cloudpickle":
            return pickles.load(folder)
        return skops_files.load(folder / skops_files.FILE)


def _prepared(model: Any, X: Any) -> tuple[Any, Any]:
    """A pipeline's last step and its input: transforming once gives the same two answers for half the time."""
    from sklearn import get_config
    from sklearn.pipeline import Pipeline

    if type(model) is not Pipeline or get_config()["enable_metadata_routing"]:
        return model, X
    for _, step in model.steps[:-1]:
        if step is not None and step != "passthrough":
            X = step.transform(X)
    return model.steps[-1][1], X


def _steps(model: Any) -> tuple[str, ...]:
    steps = getattr(model, "steps", None)
    if not isinstance(steps, list):
        return ()
    return tuple(type(step[1]).__name__ for step in steps if isinstance(step, tuple) and len(step) == 2)
