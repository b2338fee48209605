"""MLflow's own: a loaded `PyFuncModel` with the files that it came from, or a `PythonModel` of the notebook's.

The only module of the runtime that imports MLflow, and only where such a model is saved or loaded.
"""

from __future__ import annotations

import inspect
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Final

from nb2prod.records.capture import FlavorRecord
from nb2prod.runtime import modules
from nb2prod.runtime.flavors import base, pickles

FOLDER: Final = "mlflow"
_FILES: Final = "_nb2prod_files"
_LEFT = ("input_example.json", "serving_input_example.json", "__pycache__", "*.pyc")  # the first two are someone's rows


class Flavor(base.Base):
    name: ClassVar[str] = "pyfunc"
    rank: ClassVar[int] = 30
    lean: ClassVar[Mapping[str, str]] = {"mlflow": "mlflow-skinny"}

    def claims(self, model: Any) -> bool:
        pyfunc = sys.modules.get("mlflow.pyfunc")
        return pyfunc is not None and isinstance(model, pyfunc.PyFuncModel | pyfunc.PythonModel)

    def refuse(self, model: Any) -> None:
        pass

    def fitted(self, model: Any) -> bool:
        return True

    def classes(self, model: Any) -> tuple[Any, ...] | None:
        return None

    def columns(self, model: Any) -> list[str] | None:
        schema = model.metadata.get_input_schema() if hasattr(model, "metadata") else None
        return [str(name) for name in schema.input_names()] if schema is not None and schema.has_input_names() else None

    def answer(self, model: Any, X: Any) -> tuple[Any, Any]:
        if not hasattr(model, "metadata") and "context" in inspect.signature(model.predict).parameters:
            return model.predict(None, X), None
        return model.predict(X), None

    def save(self, model: Any, folder: Path, *, by_value: Sequence[ModuleType]) -> FlavorRecord:
        kind = base.qualified(model)
        files = _files(model)
        if files is None:
            written = pickles.dump(model, folder, by_value=by_value)
            return FlavorRecord(flavor=self.name, format=written, model_class=kind)
        shutil.copytree(files, folder / FOLDER, ignore=shutil.ignore_patterns(*_LEFT))
        return FlavorRecord(flavor=self.name, format="mlflow", model_class=kind)

    def load(self, folder: Path, record: FlavorRecord) -> Any:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        if record.format == "cloudpickle":
            return pickles.load(folder)
        import mlflow.pyfunc

        if (code := folder / FOLDER / "code").is_dir():
            modules.expose(code)  # MLflow's own way would leave bytecode among the files that the manifest names
        return remembered(mlflow.pyfunc.load_model(str(folder / FOLDER), suppress_warnings=True), folder / FOLDER)


def remembered(model: Any, folder: Path) -> Any:
    """The model, knowing the folder that it was loaded from: a `PyFuncModel` keeps none, and its files are what is saved."""
    setattr(model, _FILES, str(folder))
    return model


def _files(model: Any) -> Path | None:
    """Where the model's files lie; None for a `PythonModel` and for what no registry has, which go by cloudpickle."""
    known = getattr(model, _FILES, None)
    if known is not None:
        return Path(known)
    uri = _uri(model)
    if uri is None:
        return None
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        return Path(mlflow.artifacts.download_artifacts(artifact_uri=uri))
    except (MlflowException, OSError):  # it came from a folder, or from another registry than the one in force
        return None


def _uri(model: Any) -> str | None:
    if getattr(model, "model_id", None):
        return f"models:/{model.model_id}"
    metadata = getattr(model, "metadata", None)
    if metadata is None or not metadata.run_id or not metadata.artifact_path:
        return None
    return f"runs:/{metadata.run_id}/{metadata.artifact_path}"
