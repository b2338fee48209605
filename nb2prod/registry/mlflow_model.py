"""A capture as an ordinary MLflow model folder: any MLflow tool loads it, with no nb2prod installed.

MLmodel                   python_function by nb2prod.runtime.mlflow_loader
requirements.txt          what the model needs, pinned, and mlflow; conda.yaml and python_env.yaml say the same
input_example.json        golden rows that stay
code/nb2prod/             the serving part of nb2prod
capture/                  the capture as it is, with its manifest
proof.json                the Verification
"""

from __future__ import annotations

import importlib.metadata
import json
import shutil
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from nb2prod.records.base import to_json
from nb2prod.records.capture import Capture, Column, Environment, Output, Signature
from nb2prod.records.proof import Verification
from nb2prod.registry.connection import load_mlflow
from nb2prod.runtime import shipped

LOADER = "nb2prod.runtime.mlflow_loader"
CAPTURE = "capture"
PROOF = "proof.json"
EXAMPLE = "input_example.json"
SERVING_EXAMPLE = "serving_input_example.json"
EXAMPLE_ROWS = 5

_DTYPES = {
    "float64": "double",
    "float32": "float",
    "float16": "float",
    "int64": "long",
    "uint32": "long",
    "int32": "integer",
    "int16": "integer",
    "int8": "integer",
    "uint16": "integer",
    "uint8": "integer",
    "bool": "boolean",
    "str": "string",
    "string": "string",
}


def write(
    capture: Capture,
    verification: Verification,
    folder: Path,
    *,
    model_id: str | None = None,
    run_id: str | None = None,
) -> None:
    """Write the MLflow model of `capture` into `folder`, an empty one.

    Parameters
    ----------
    model_id, run_id
        MLflow's own ids of the logged model and its run, where there are such.
    """
    shutil.copytree(capture.folder, folder / CAPTURE, ignore=shutil.ignore_patterns("__pycache__"))
    code = folder / "code"
    code.mkdir()
    shipped.copy(code)
    (folder / PROOF).write_bytes(to_json(verification))
    _environment(capture.record.environment, folder)
    _mlmodel(capture, folder, model_id, run_id)


def requirements(environment: Environment) -> tuple[str, ...]:
    """What the model needs, one line each: the captured pins, wheels that no index has, the runtime's own needs, MLflow."""
    lines = {_name(pin): pin for pin in environment.pins}
    for wheel in environment.wheels:
        name, version = parse_wheel_filename(Path(wheel).name)[:2]
        lines[name] = f"{name}=={version}"
    for needed in ("msgspec", "numpy", "mlflow"):
        lines.setdefault(needed, f"{needed}=={importlib.metadata.version(needed)}")
    # pip and uv read the folder relative to the file that names it, wherever they run
    first = (f"--find-links {CAPTURE}/wheels",) if environment.wheels else ()
    return (*first, *(lines[name] for name in sorted(lines)))


def signature(record: Signature) -> Any:
    """The contract as MLflow's `ModelSignature`."""
    load_mlflow()
    from mlflow.models import ModelSignature

    return ModelSignature(inputs=_inputs(record), outputs=_outputs(record.output))


def _mlmodel(capture: Capture, folder: Path, model_id: str | None, run_id: str | None) -> None:
    mlflow = load_mlflow()
    record = capture.record
    model = mlflow.models.Model(
        run_id=run_id,
        model_id=model_id,
        signature=signature(record.signature),
        metadata={"nb2prod.capture": capture.digest, "nb2prod.name": record.name},
    )
    model.add_flavor(
        "python_function",
        loader_module=LOADER,
        python_version=record.environment.python,
        code="code",
        data=CAPTURE,
        env={"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
    )
    example = _example(capture)
    if example is not None:
        info, stored, served = example
        (folder / EXAMPLE).write_text(json.dumps(stored))
        (folder / SERVING_EXAMPLE).write_text(json.dumps(served, indent=1))
        model.saved_input_example_info = {"artifact_path": EXAMPLE, "serving_input_path": SERVING_EXAMPLE, **info}
    model.model_size_bytes = sum(path.stat().st_size for path in (folder / CAPTURE).rglob("*") if path.is_file())
    model.save(str(folder / "MLmodel"))


def _environment(environment: Environment, folder: Path) -> None:
    lines = requirements(environment)
    (folder / "requirements.txt").write_text("\n".join(lines) + "\n")
    dependencies = [f"python={environment.python}", "pip", {"pip": list(lines)}]
    conda = {"name": "mlflow-env", "channels": ["conda-forge"], "dependencies": dependencies}
    (folder / "conda.yaml").write_text(yaml.safe_dump(conda, sort_keys=False))
    python = {"python": environment.python, "build_dependencies": ["pip"], "dependencies": ["-r requirements.txt"]}
    (folder / "python_env.yaml").write_text(yaml.safe_dump(python, sort_keys=False))


def _example(capture: Capture) -> tuple[dict[str, str], Any, Any] | None:
    golden = capture.golden
    if golden is None or not golden.rows:
        return None
    rows = list(golden.rows[:EXAMPLE_ROWS])
    record = capture.record.signature
    if record.rows == "frame":
        split = {"columns": list(record.names), "data": [[row.get(name) for name in record.names] for row in rows]}
        return {"type": "dataframe", "pandas_orient": "split"}, split, {"dataframe_split": split}
    return {"type": "ndarray" if record.rows == "array" else "json_object"}, rows, {"inputs": rows}


def _inputs(record: Signature) -> Any:
    from mlflow.types.schema import ColSpec, DataType, Schema, TensorSpec

    if record.rows == "array":
        return Schema([TensorSpec(_tensor(record.dtype), (-1, len(record.columns)))])
    if record.rows == "texts":
        return Schema([ColSpec(DataType.string)])
    if record.rows == "sparse":
        return Schema([TensorSpec(_tensor(record.dtype), (-1, record.width))])
    return Schema([ColSpec(_type(column), name=column.name) for column in record.columns])


def _type(column: Column) -> Any:
    """MLflow's type of a column; `Any` where its own conversions would alter what the model was trained on."""
    from mlflow.types.schema import AnyType, DataType

    name = _DTYPES.get(column.dtype)
    if column.kind == "text" and column.dtype == "object":
        name = "string"
    if column.kind == "datetime" and column.dtype.startswith("datetime64[") and "," not in column.dtype:
        name = "datetime"
    if name is None or (column.nullable and name in {"long", "integer", "boolean"}):
        return AnyType()
    return DataType[name]


def _outputs(output: Output) -> Any:
    from mlflow.types.schema import AnyType, ColSpec, DataType, Schema, TensorSpec

    if output.container == "array":
        return Schema([TensorSpec(_tensor(output.dtype), (-1, len(output.names)) if len(output.names) > 1 else (-1,))])
    name = _DTYPES.get(output.dtype)
    kind = DataType[name] if name else AnyType()
    return Schema([ColSpec(kind, name=name) for name in output.names] or [ColSpec(kind)])


def _tensor(dtype: str) -> Any:
    """MLflow refuses texts of a stated length (`<U3`): they are texts to it. What numpy does not know are objects."""
    import numpy as np

    try:
        found = np.dtype(dtype)
    except TypeError:
        return np.dtype(object)
    return np.dtype(found.kind) if found.kind in "US" else found


def _name(pin: str) -> str:
    try:
        return canonicalize_name(Requirement(pin).name)
    except InvalidRequirement:
        return pin
