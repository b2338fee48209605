"""The MLflow model folder answers as the model: every container in, every container out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import captures
import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline

from nb2prod.records.capture import Column, Output, Signature
from nb2prod.registry import mlflow_model

X = np.random.default_rng(0).normal(size=(40, 3))


def loaded(tmp_path: Path, model: Any, frame: Any, signature: Signature) -> Any:
    """The capture of `model` as MLflow opens it."""
    import mlflow

    made = captures.capture(tmp_path / "capture", model=model, frame=frame, signature=signature)
    folder = tmp_path / "model"
    folder.mkdir()
    mlflow_model.write(made, captures.proof(made), folder)
    opened = mlflow.pyfunc.load_model(str(folder))
    assert len(opened.predict(opened.input_example)) == mlflow_model.EXAMPLE_ROWS
    return opened


def numbers(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name=name, kind="number", dtype="float64") for name in names)


def test_an_array_model_takes_arrays_and_lists(tmp_path: Path) -> None:
    signature = Signature(
        columns=numbers("x0", "x1", "x2"), rows="array", output=Output(kind="number", dtype="float64")
    )
    model = LinearRegression().fit(X, X @ [1.0, 2.0, 3.0])
    opened = loaded(tmp_path, model, X, signature)
    assert opened.predict(X).tobytes() == model.predict(X).tobytes()


def test_an_array_of_several_outputs_keeps_its_shape(tmp_path: Path) -> None:
    output = Output(kind="number", dtype="float64", names=("y0", "y1"))
    signature = Signature(columns=numbers("x0", "x1", "x2"), rows="array", output=output)
    model = LinearRegression().fit(X, X[:, :2])
    assert loaded(tmp_path, model, X, signature).predict(X).shape == (40, 2)


def test_a_model_of_texts_takes_a_list_of_texts(tmp_path: Path) -> None:
    texts = ["good", "fine", "bad", "awful"] * 5
    output = Output(kind="class", dtype="int64", classes=(0, 1), probabilities=True)
    signature = Signature(columns=(Column(name="text", kind="text", dtype="str"),), rows="texts", output=output)
    model = make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts, [1, 1, 0, 0] * 5)
    opened = loaded(tmp_path, model, texts, signature)
    assert opened.predict(texts[:4]).tolist() == model.predict(texts[:4]).tolist()


def test_a_function_keeps_series_name_and_index(tmp_path: Path) -> None:
    output = Output(kind="number", container="series", dtype="float64", names=("twice",))
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]}, index=list("abcdef"))
    signature = Signature(columns=numbers("x"), output=output)
    opened = loaded(tmp_path, lambda data: (data["x"] * 2).rename("twice"), frame, signature)
    pd.testing.assert_series_equal(opened.predict(frame), (frame["x"] * 2).rename("twice"))


def test_a_function_that_answers_a_frame_is_answered_a_frame(tmp_path: Path) -> None:
    output = Output(kind="number", container="frame", dtype="float64", names=("low", "high"))
    frame = pd.DataFrame({"x": np.arange(6.0)})
    signature = Signature(columns=numbers("x"), output=output)
    opened = loaded(
        tmp_path, lambda data: pd.DataFrame({"low": data["x"] - 1, "high": data["x"] + 1}), frame, signature
    )
    assert list(opened.predict(frame).columns) == ["low", "high"]


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint64", "float32", "bool", "Int64", "boolean"])
def test_the_model_sees_the_dtype_that_it_was_trained_on(tmp_path: Path, dtype: str) -> None:
    kind: Any = "boolean" if "bool" in dtype else "number" if "float" in dtype else "integer"
    signature = Signature(
        columns=(Column(name="x", kind=kind, dtype=dtype, nullable=dtype[0].isupper()),),
        output=Output(kind="text", container="list", dtype="str"),
    )
    frame = pd.DataFrame({"x": pd.Series([0, 1, 1, 0, 1, 0]).astype(dtype)})
    opened = loaded(tmp_path, lambda data: [str(data["x"].dtype)] * len(data), frame, signature)
    assert set(opened.predict(frame)) == {dtype}
