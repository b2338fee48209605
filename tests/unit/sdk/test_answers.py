"""Answers come back in the type that the kernel's own model returns."""

import numpy as np
import pandas as pd

from nb2prod.records.capture import Answers, Column, Output, Signature
from nb2prod.sdk.answers import as_in_kernel

COLUMNS = (Column(name="x", kind="number", dtype="float64"),)


def signature(**output: object) -> Signature:
    return Signature(columns=COLUMNS, output=Output(**output))  # type: ignore[arg-type]


def test_an_array_keeps_its_dtype() -> None:
    got = as_in_kernel(Answers(predictions=(0, 1)), signature(kind="class", dtype="int8"), asked=None)
    assert isinstance(got, np.ndarray)
    assert got.dtype == np.int8


def test_a_series_has_the_index_of_the_rows_that_were_asked() -> None:
    asked = pd.DataFrame({"x": [1.0, 2.0]}, index=["a", "b"])
    wanted = pd.Series([0.5, 1.5], index=["a", "b"])
    got = as_in_kernel(
        Answers(predictions=(0.5, 1.5)), signature(kind="number", container="series", dtype="float64"), asked=asked
    )
    pd.testing.assert_series_equal(got, wanted)


def test_several_outputs_become_an_array_of_their_columns() -> None:
    answers = Answers(predictions=({"y0": 1.0, "y1": 2.0}, {"y0": 3.0, "y1": 4.0}))
    got = as_in_kernel(answers, signature(kind="number", dtype="float64", names=("y0", "y1")), asked=None)
    np.testing.assert_array_equal(got, [[1.0, 2.0], [3.0, 4.0]])


def test_a_list_stays_a_list() -> None:
    got = as_in_kernel(Answers(predictions=("yes", "no")), signature(kind="text", container="list"), asked=None)
    assert got == ["yes", "no"]
