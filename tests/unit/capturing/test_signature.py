"""The signature is read off the training data and the model's own answers."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from nb2prod.capturing.signature import signature
from nb2prod.errors import Nb2prodError, UsageError


def test_columns_have_kind_dtype_and_nulls() -> None:
    frame = pd.DataFrame(
        {
            "n": [1.5, None, 2.0] * 4,
            "i": np.arange(12, dtype="int16"),
            "I": pd.array([1, None, 3] * 4, dtype="Int64"),
            "b": [True, False, True] * 4,
            "c": pd.Categorical(["x", "y", "x"] * 4, categories=["y", "x"], ordered=True),
            "s": ["u", "v", None] * 4,
            "t": pd.date_range("2024-01-01", periods=12),
            "d": [Decimal("1.5")] * 12,
        }
    )
    columns = {column.name: column for column in signature(frame, np.array([1.0]), None, None).columns}
    assert [column.kind for column in columns.values()] == [
        "number", "integer", "integer", "boolean", "category", "category", "datetime", "number",
    ]  # fmt: skip
    assert [name for name, column in columns.items() if column.nullable] == ["n", "I", "s"]
    assert columns["c"].categories == ("y", "x")
    assert columns["c"].ordered
    assert (columns["i"].dtype, columns["I"].dtype) == ("int16", "Int64")


def test_texts_that_never_repeat_are_free_text() -> None:
    frame = pd.DataFrame({"review": [f"text number {i}" for i in range(100)]})
    assert signature(frame, [1.0], None, None).columns[0].kind == "text"


def test_an_array_has_columns_by_position() -> None:
    found = signature(np.array([[1.0, np.nan], [2.0, 3.0]], dtype="float32"), np.array([1, 0]), None, (0, 1))
    assert found.names == ("x0", "x1")
    assert (found.rows, found.dtype) == ("array", "float32")
    assert [column.nullable for column in found.columns] == [False, True]


@pytest.mark.parametrize("texts", [["a b", "c"], np.array(["a b", "c"]), pd.Series(["a b", "c"])])
def test_raw_texts_are_rows_by_themselves(texts: object) -> None:
    found = signature(texts, np.array([1]), None, (0, 1))
    assert found.rows == "texts"
    assert [column.kind for column in found.columns] == ["text"]


def test_what_the_model_answers() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0]})
    classifier = signature(frame, np.array(["no", "yes"], dtype=object), np.zeros((2, 2)), ("no", "yes")).output
    assert (classifier.kind, classifier.classes, classifier.probabilities) == ("class", ("no", "yes"), True)
    several = signature(frame, pd.DataFrame({"low": [1.0], "high": [2.0]}), None, None).output
    assert (several.container, several.names) == ("frame", ("low", "high"))
    assert signature(frame, [1, 2], None, None).output.container == "list"
    assert signature(frame, pd.Series(["a"], name="p"), None, None).output.kind == "text"


def test_a_column_can_be_declared_nullable() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0]})
    assert signature(frame, [1.0], None, None, nullable=["a"]).columns[0].nullable
    with pytest.raises(UsageError, match="no column `z`"):
        signature(frame, [1.0], None, None, nullable=["z"])


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (np.zeros((2, 3, 4)), "wrong-data"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "double-column"),
    ],
)
def test_rows_that_cannot_travel_are_refused(data: object, code: str) -> None:
    with pytest.raises(Nb2prodError) as caught:
        signature(data, [1.0], None, None)
    assert caught.value.code == code
    assert caught.value.fix


def test_a_sparse_matrix_of_any_width_has_two_columns_that_are_counted() -> None:
    made = signature(scipy.sparse.csr_array(np.eye(3, dtype="float32")), np.zeros(3), None, None)
    assert (made.rows, made.width, made.sparse, made.dtype) == ("sparse", 3, "csr_array", "float32")
    assert made.names == ("stored", "total")
