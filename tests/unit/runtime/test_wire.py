"""What goes over the wire comes back as it was, dtype for dtype; what does not fit is refused with its place."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nb2prod.errors import InputError
from nb2prod.records.capture import Column, Output, Signature
from nb2prod.runtime.frames import container, predictions
from nb2prod.runtime.rows import rows_from_wire
from nb2prod.runtime.wire import answers_to_wire, rows_to_wire

NUMBER = Output(kind="number", dtype="float64")


class Colour(str, Enum):  # noqa: UP042
    RED = "red"


class Size(IntEnum):
    BIG = 3


@dataclass
class Point:
    x: float
    y: int


def signature(*columns: Column, **fields: Any) -> Signature:
    return Signature(columns=columns, output=NUMBER, **fields)


def column(name: str, kind: Any, dtype: str, **fields: Any) -> Column:
    return Column(name=name, kind=kind, dtype=dtype, **fields)


def there_and_back(data: Any, made: Signature) -> Any:
    body = json.loads(msgspec.json.encode(rows_to_wire(data, made)))
    return container(rows_from_wire(body, made), made)


FRAME = pd.DataFrame(
    {
        "f": [0.1, np.nan, -3.0],
        "f32": np.array([0.1, 2.5, np.nan], np.float32),
        "i": np.array([2**62 + 1, -5, 0]),
        "u8": np.array([0, 255, 7], np.uint8),
        "I": pd.array([1, None, 3], dtype="Int64"),
        "b": [True, False, True],
        "B": pd.array([True, None, False], dtype="boolean"),
        "s": pd.array(["ä/~", None, ""], dtype="str"),
        "t": pd.array(["x", None, "y"], dtype="string"),
        "o": pd.Series(["p", np.nan, "q"], dtype=object),
        "c": pd.Categorical(["lo", None, "hi"], categories=["lo", "mid", "hi"], ordered=True),
        "ci": pd.Categorical([3, 1, 3], categories=[1, 2, 3]),
        "d": pd.to_datetime(["2013-01-01 05:00:00.123456", None, "1960-01-01"], format="ISO8601").astype(
            "datetime64[us]"
        ),
        "n": pd.to_datetime(["2013-01-01 05:00:00.123456789", None, "2200-01-01"], format="ISO8601").astype(
            "datetime64[ns]"
        ),
        "z": pd.to_datetime(["2013-03-10 05:00", "2013-07-01", None], format="ISO8601").tz_localize("America/New_York"),
        "far": pd.Series(["2500-01-01", "1500-06-01", "2000-01-01"], dtype="datetime64[s]"),
        "m": pd.Series([Decimal("1.10"), Decimal("2"), np.nan], dtype=object),
    }
)
KINDS = {
    "f": "number",
    "f32": "number",
    "i": "integer",
    "u8": "integer",
    "I": "integer",
    "b": "boolean",
    "B": "boolean",
}
KINDS |= {"s": "text", "t": "text", "o": "text", "c": "category", "ci": "category", "m": "number"}
COLUMNS = tuple(
    column(
        str(name),
        KINDS.get(str(name), "datetime"),
        str(FRAME[name].dtype),
        nullable=bool(FRAME[name].isna().any()),
        categories=tuple(FRAME[name].cat.categories) if str(FRAME[name].dtype) == "category" else (),
        ordered=name == "c",
    )
    for name in FRAME
)


def test_a_frame_of_every_dtype_comes_back_as_it_was() -> None:
    pd.testing.assert_frame_equal(there_and_back(FRAME, signature(*COLUMNS)), FRAME)


@pytest.mark.parametrize("name", list(FRAME))
def test_a_frame_of_no_rows_keeps_its_dtypes(name: str) -> None:
    made = signature(*[c for c in COLUMNS if c.name == name])
    back = container(rows_from_wire([], made), made)
    assert back.dtypes.equals(FRAME[[name]].dtypes)


cells = st.one_of(st.none(), st.floats(allow_infinity=False, allow_nan=False))


@given(st.lists(st.tuples(cells, st.integers(-(2**63), 2**63 - 1), st.text(), st.booleans()), min_size=1, max_size=20))
@settings(deadline=None)
def test_any_frame_survives_the_wire_bit_for_bit(rows: list[tuple[Any, ...]]) -> None:
    frame = pd.DataFrame(
        {
            "x": np.array([row[0] for row in rows], np.float64),
            "k": np.array([row[1] for row in rows], np.int64),
            "s": pd.array([row[2] for row in rows], dtype="str"),
            "b": np.array([row[3] for row in rows], bool),
        }
    )
    made = signature(
        column("x", "number", "float64", nullable=True),
        column("k", "integer", "int64"),
        column("s", "text", "str"),
        column("b", "boolean", "bool"),
    )
    back = there_and_back(frame, made)
    pd.testing.assert_frame_equal(back, frame)
    assert back["x"].to_numpy().tobytes() == frame["x"].to_numpy().tobytes()


@given(
    st.lists(st.lists(st.floats(width=32, allow_infinity=False, allow_nan=False), min_size=3, max_size=3), min_size=1)
)
@settings(deadline=None)
def test_any_array_survives_the_wire_bit_for_bit(rows: list[list[float]]) -> None:
    matrix = np.array(rows, np.float32)
    made = signature(*[column(f"x{i}", "number", "float32") for i in range(3)], rows="array", dtype="float32")
    back = there_and_back(matrix, made)
    assert back.dtype == np.float32
    assert back.tobytes() == matrix.tobytes()


def test_texts_are_strings_on_the_wire() -> None:
    made = signature(column("text", "text", "str"), rows="texts")
    assert rows_to_wire(pd.Series(["a", "b"]), made) == ("a", "b")
    assert there_and_back(["a", "b"], made) == ["a", "b"]


def test_the_only_column_of_a_frame_is_its_texts() -> None:
    made = signature(column("text", "text", "str"), rows="texts")
    table = pd.DataFrame({"words": ["a", "b", "c"]})
    assert rows_to_wire(table, made) == ("a", "b", "c")
    assert rows_to_wire(table.to_numpy(), made) == ("a", "b", "c")
    assert rows_to_wire({"words": ["a", "b"]}, made) == ("a", "b")
    assert rows_to_wire("one text", made) == ("one text",)
    with pytest.raises(InputError) as caught:
        rows_to_wire(table.assign(other=1), made)
    assert (caught.value.code, caught.value.fix.split("  ")[0]) == ("wrong-shape", "frame['words']")


A = column("age", "number", "float64")
REFUSED = [
    (A, "41", "/inputs/0/age", "wrong-type"),
    (A, True, "/inputs/0/age", "wrong-type"),
    (A, None, "/inputs/0/age", "null"),
    (A, float("nan"), "/inputs/0/age", "wrong-type"),
    (A, float("inf"), "/inputs/0/age", "wrong-type"),
    (A, 10**400, "/inputs/0/age", "wrong-type"),
    (column("a/b~c", "number", "float64"), [], "/inputs/0/a~1b~0c", "wrong-type"),
    (column("f", "number", "float32"), 1e39, "/inputs/0/f", "wrong-type"),
    (column("k", "integer", "int64"), 1.5, "/inputs/0/k", "wrong-type"),
    (column("k", "integer", "int8"), 300, "/inputs/0/k", "wrong-type"),
    (column("k", "integer", "int64"), False, "/inputs/0/k", "wrong-type"),
    (column("b", "boolean", "bool"), 1, "/inputs/0/b", "wrong-type"),
    (column("s", "text", "str"), 5, "/inputs/0/s", "wrong-type"),
    (column("c", "category", "category", categories=("a",)), {}, "/inputs/0/c", "wrong-type"),
    (column("d", "datetime", "datetime64[ns]"), "yesterday", "/inputs/0/d", "wrong-type"),
    (column("d", "datetime", "datetime64[ns]"), True, "/inputs/0/d", "wrong-type"),
    (column("m", "number", "object"), "abc", "/inputs/0/m", "wrong-type"),
]


@pytest.mark.parametrize(("made", "value", "pointer", "code"), REFUSED)
def test_a_value_that_does_not_fit_is_refused_with_its_place(made: Column, value: Any, pointer: str, code: str) -> None:
    with pytest.raises(InputError) as refusal:
        rows_from_wire([{made.name: value}], signature(made))
    assert (refusal.value.pointer, refusal.value.code) == (pointer, code)
    assert refusal.value.fix


def test_a_refusal_never_holds_the_value() -> None:
    with pytest.raises(InputError) as refusal:
        rows_from_wire([{"age": 1.0}, {"age": "secret-7"}], signature(A))
    assert "secret-7" not in json.dumps(refusal.value.as_dict())
    assert str(refusal.value).startswith("Column 'age' is text in row 1; the model was trained on numbers")


def test_a_whole_float_is_an_integer_and_an_integer_is_a_number() -> None:
    made = signature(column("k", "integer", "int64"), A)
    rows = rows_from_wire([{"k": 3.0, "age": 4}], made)
    assert rows.columns == {"k": [3], "age": [4.0]}
    assert type(rows.columns["k"][0]) is int


@pytest.mark.parametrize(
    ("row", "code"),
    [({}, "missing-column"), ({"age": 1, "agee": 2}, "unknown-column"), ([1.0], "wrong-shape"), (None, "wrong-shape")],
)
def test_a_row_of_another_shape_is_refused(row: Any, code: str) -> None:
    with pytest.raises(InputError) as refusal:
        rows_from_wire([row], signature(A))
    assert refusal.value.code == code


def test_extra_columns_are_ignored_where_the_deployment_says_so_and_it_is_told() -> None:
    rows = rows_from_wire([{"age": 1, "new": 2}], signature(A, extra_columns="ignore"))
    assert rows.warnings == ("Ignored 'new': the model has no such column",)


def test_columns_of_id_and_time_are_taken_out_of_the_rows() -> None:
    made = signature(A, id="order", time="at")
    rows = rows_from_wire([{"age": 1, "order": 17, "at": "1970-01-01T00:00:10Z"}, {"age": 2}], made)
    assert (rows.ids, rows.times) == (["17", None], [10.0, None])
    assert list(rows.columns) == ["age"]


def test_an_unseen_category_passes_with_a_warning() -> None:
    made = signature(column("c", "category", "category", categories=("a", "b")))
    rows = rows_from_wire([{"c": "a"}, {"c": "z"}], made)
    assert rows.warnings == ("Column 'c': 1 row has a category that training never saw",)
    assert container(rows, made)["c"].isna().tolist() == [False, True]


def test_dates_are_iso_text_or_epoch_milliseconds_and_mean_the_same() -> None:
    made = signature(column("d", "datetime", "datetime64[ns]"))
    rows = rows_from_wire([{"d": "1970-01-01T01:00:00+01:00"}, {"d": 0}, {"d": "1970-01-01"}], made)
    assert rows.columns["d"].tolist() == [0, 0, 0]  # type: ignore[union-attr]


def test_rows_that_cannot_be_sent_are_refused_before_they_are() -> None:
    with pytest.raises(InputError, match="infinite"):
        rows_to_wire(pd.DataFrame({"age": [1.0, np.inf]}), signature(A))


@pytest.mark.parametrize(
    ("returned", "expected"),
    [
        (np.array([1.5, np.nan]), (1.5, None)),
        (np.array(["a", "b"], object), ("a", "b")),
        (pd.Series([1, 2], index=[7, 8]), (1, 2)),
        (pd.DataFrame({"p": [1], "q": ["x"]}), ({"p": 1, "q": "x"},)),
        (np.array([[1.0, 2.0]]), ({"y0": 1.0, "y1": 2.0},)),
        (np.array([[1.0], [2.0]]), (1.0, 2.0)),
        ([True, None], (True, None)),
        ([Colour.RED, Size.BIG], ("red", 3)),
        ([Point(1.5, np.int64(2))], ({"x": 1.5, "y": 2},)),
        ([{3, 1}, [np.float64(1.0), None]], ([1, 3], [1.0, None])),
        ({"p": np.array([1, 2]), "q": ["x", None]}, ({"p": 1, "q": "x"}, {"p": 2, "q": None})),
    ],
)
def test_answers_are_plain_values(returned: Any, expected: tuple[Any, ...]) -> None:
    assert answers_to_wire(returned, None, signature(A)).predictions == expected


@pytest.mark.parametrize(
    ("output", "returned"),
    [
        (Output(kind="number", dtype="float32"), np.array([0.1, np.nan], np.float32)),
        (Output(kind="class", dtype="int64"), np.array([1, 0])),
        (Output(kind="number", names=("p", "q"), dtype="float64"), np.array([[1.0, 2.0]])),
    ],
)
def test_predictions_come_back_in_the_type_of_the_kernel(output: Output, returned: Any) -> None:
    made = Signature(columns=(A,), output=output)
    back = predictions(answers_to_wire(returned, None, made).predictions, output)
    np.testing.assert_array_equal(back, returned)
    assert back.dtype == returned.dtype
