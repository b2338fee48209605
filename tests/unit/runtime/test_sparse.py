"""Rows of a sparse matrix on the wire: what comes back is the matrix, and what does not fit is refused with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from nb2prod.errors import InputError
from nb2prod.records.capture import Output, Signature
from nb2prod.runtime import frames, sparse
from nb2prod.runtime.model import ServedModel
from nb2prod.runtime.protocol.json import Decoder
from nb2prod.runtime.protocol.openapi import openapi
from nb2prod.runtime.protocol.schema import schema
from nb2prod.runtime.rows import Reader
from nb2prod.runtime.wire import rows_to_wire

from . import captures

WIDE = Signature(
    columns=sparse.WATCHED,
    output=Output(kind="class", dtype="int64", classes=(0, 1), probabilities=True),
    rows="sparse",
    width=6,
    sparse="csr_matrix",
)
TABLE = np.array([[0, 1.5, 0, 0, 2, 0], [0, 0, 0, 0, 0, 0], [3, 0, 0, 0, 0, -1]], float)


@given(st.lists(st.lists(st.sampled_from([0.0, 1.0, -2.5]), min_size=6, max_size=6), max_size=5))
def test_a_matrix_comes_back_from_the_wire_as_it_went(rows: list[list[float]]) -> None:
    matrix = scipy.sparse.csr_matrix(np.array(rows, float).reshape(-1, 6))
    back = sparse.matrix(rows_to_wire(matrix, WIDE), WIDE)
    assert (back != matrix).nnz == 0
    assert back.shape == matrix.shape


@pytest.mark.parametrize("made", [scipy.sparse.csc_matrix, scipy.sparse.coo_matrix, scipy.sparse.csr_array, np.array])
def test_every_form_of_the_same_rows_is_the_same_on_the_wire(made: Any) -> None:
    assert rows_to_wire(made(TABLE), WIDE) == rows_to_wire(scipy.sparse.csr_matrix(TABLE), WIDE)


def test_indices_in_any_order_give_one_matrix() -> None:
    one, other = ({"indices": i, "values": v} for i, v in (([4, 1], [2.0, 1.5]), ([1, 4], [1.5, 2.0])))
    first, second = sparse.matrix([one], WIDE), sparse.matrix([other], WIDE)
    assert first.indices.tolist() == second.indices.tolist() == [1, 4]
    assert first.data.tolist() == second.data.tolist()


def test_what_is_counted_of_a_row_is_how_many_are_not_zero_and_their_sum() -> None:
    rows = Reader(WIDE).rows(rows_to_wire(TABLE, WIDE))
    assert rows.n == 3
    assert rows.columns["stored"].tolist() == [2, 0, 2]
    assert rows.columns["total"].tolist() == [3.5, 0.0, 2.0]
    assert rows.matrix is None


@pytest.mark.parametrize(
    ("row", "pointer"),
    [
        ({"indices": [6], "values": [1.0]}, "/inputs/0/indices/0"),
        ({"indices": [1.5], "values": [1.0]}, "/inputs/0/indices/0"),
        ({"indices": [1, 1], "values": [1.0, 2.0]}, "/inputs/0/indices"),
        ({"indices": [1, 2], "values": [1.0, None]}, "/inputs/0/values/1"),
        ({"indices": [1], "values": [1.0, 2.0]}, "/inputs/0"),
        ({"indices": [1]}, "/inputs/0"),
        ([0.0] * 6, "/inputs/0"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_with_its_place(row: Any, pointer: str) -> None:
    with pytest.raises(InputError) as refusal:
        Decoder(Reader(WIDE))(msgspec.json.encode({"inputs": [row]}))
    assert refusal.value.pointer == pointer
    assert refusal.value.fix


def test_a_table_is_no_sparse_rows() -> None:
    with pytest.raises(InputError):
        Decoder(Reader(WIDE))(b'{"columns": ["stored", "total"], "data": [[1, 2.0]]}')


def test_the_model_answers_from_the_wire_as_on_its_own_matrix(tmp_path: Path) -> None:
    matrix = scipy.sparse.random(60, 6, density=0.4, format="csr", random_state=0)
    model = LogisticRegression().fit(matrix, np.arange(60) % 2)
    served = ServedModel.load(captures.write(tmp_path, model, WIDE))
    asked = Decoder(served.reader)(msgspec.json.encode({"inputs": rows_to_wire(matrix, WIDE)}))
    assert served.answer(asked.rows).probabilities == tuple(map(tuple, model.predict_proba(matrix)))
    assert type(frames.container(asked.rows, WIDE)) is scipy.sparse.csr_matrix


def test_schema_and_docs_say_how_a_row_is_sent() -> None:
    said = schema(WIDE, name="spam", model="spam/1")
    assert said["rows"] == "sparse"
    assert said["width"] == 6
    assert said["columns"] == []
    assert Decoder(Reader(WIDE))(msgspec.json.encode(said["example"])).rows.n == 1
    row = openapi(WIDE, name="spam", model="spam/1", protected=False)["components"]["schemas"]["Row"]
    assert row["properties"]["indices"]["items"]["maximum"] == 5
