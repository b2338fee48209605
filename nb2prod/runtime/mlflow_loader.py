"""How MLflow's python_function loads a capture: `loader_module` of its MLmodel file. Imports no MLflow, needs no nb2prod."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nb2prod.records.base import read
from nb2prod.records.capture import CaptureRecord, Column, Signature
from nb2prod.runtime import flavors, frames, manifest, modules, sparse
from nb2prod.runtime.rows import rows_from_wire
from nb2prod.runtime.wire import rows_to_wire


def _load_pyfunc(data_path: str) -> Predictor:
    """Called by `mlflow.pyfunc.load_model` with the folder of the capture."""
    return Predictor(Path(data_path))


class Predictor:
    """A captured model that answers in the type the kernel's own model answered in.

    Parameters
    ----------
    folder
        The capture; every file's hash is compared with the manifest before anything is loaded.
    """

    def __init__(self, folder: Path) -> None:
        manifest.check(folder)
        self.record = read(folder / "capture.json", CaptureRecord)
        modules.expose(folder / "code")
        self.model = flavors.load(folder / "model", self.record.model)
        self._flavor = flavors.named(self.record.model.flavor)

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        """The model's predictions for a frame, an array or texts, as MLflow hands them over."""
        predictions, _ = self._flavor.answer(self.model, as_trained(model_input, self.record.signature))
        return predictions


def as_trained(data: Any, signature: Signature) -> Any:
    """The input in the very container and dtypes that the model was trained on.

    A frame whose dtypes are those of training goes in as it is; any other goes the way of a request, which is strict.
    """
    if signature.rows == "texts":
        return _texts(data)
    if signature.rows == "sparse":
        return sparse.matrix(sparse.to_wire(data, signature), signature)
    if signature.rows == "array":
        values = data.to_numpy() if hasattr(data, "to_numpy") else np.asarray(data)
        return values.astype(signature.dtype, copy=False)
    framed = hasattr(data, "iloc") and hasattr(data, "columns")
    if framed and all(name in data.columns for name in signature.names):
        data = data[list(signature.names)]
        if all(_fits(data[column.name], column) for column in signature.columns):
            return data
    restored = frames.container(rows_from_wire(rows_to_wire(data, signature), signature), signature)
    if framed:
        restored.index = data.index
    return restored


def _fits(series: Any, column: Column) -> bool:
    if column.dtype != "category":
        return str(series.dtype) == column.dtype
    kind = series.dtype
    known = getattr(kind, "categories", None)
    return known is not None and list(known) == list(column.categories) and bool(kind.ordered) == column.ordered


def _texts(data: Any) -> list[Any]:
    if hasattr(data, "iloc"):  # MLflow makes a frame or a series of a list of texts
        data = data.iloc[:, 0] if hasattr(data, "columns") else data
    return list(data.tolist() if hasattr(data, "tolist") else data)
