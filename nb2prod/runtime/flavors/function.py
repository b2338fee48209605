"""Plain functions `predict(frame)`, callables, and objects of one's own with a `predict` method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from nb2prod.records.capture import FlavorRecord
from nb2prod.runtime.flavors import base, pickles


class Flavor(base.Base):
    name: ClassVar[str] = "function"
    rank: ClassVar[int] = 100

    def claims(self, model: Any) -> bool:
        return True

    def refuse(self, model: Any) -> None:
        if not callable(getattr(model, "predict", model)):
            fix = "def predict(frame): return …      %deploy predict"
            raise base.not_a_model(model, "It has no `predict` and cannot be called.", fix)

    def fitted(self, model: Any) -> bool:
        return True

    def classes(self, model: Any) -> tuple[Any, ...] | None:
        classes = getattr(model, "classes_", None)
        if classes is None or not hasattr(model, "predict_proba"):
            return None
        return tuple(classes.tolist() if hasattr(classes, "tolist") else classes)

    def answer(self, model: Any, X: Any) -> tuple[Any, Any]:
        predictions = getattr(model, "predict", model)(X)
        if isinstance(predictions, Iterator):
            predictions = list(predictions)
        if self.classes(model) is None:
            return predictions, None
        return predictions, model.predict_proba(X)

    def save(self, model: Any, folder: Path, *, by_value: Sequence[ModuleType]) -> FlavorRecord:
        written = pickles.dump(model, folder, by_value=by_value)
        return FlavorRecord(flavor=self.name, format=written, model_class=base.qualified(model))

    def load(self, folder: Path, record: FlavorRecord) -> Any:
        return pickles.load(folder)
