"""Fingerprints tell rows by what they hold, leave objects alone, and say where they saw only a part."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from nb2prod.capturing.fingerprints import CELLS, Verdict, compared, of

FRAME = pd.DataFrame({"a": [1, 2, 3], "b": ["x", None, "z"], "when": pd.date_range("2026-01-01", periods=3, tz="UTC")})


def verdict(one: Any, other: Any, read: set[str] | None = None) -> Verdict:
    before, now = of(one), of(other)
    assert before is not None
    assert now is not None
    return compared(before, now, read)


ALIKE = {
    "a copy": (FRAME, FRAME.copy()),
    "numbers of another type": (np.arange(6), np.arange(6.0)),
    "categories": (FRAME["b"], FRAME["b"].astype("category")),
    "lists": (["a", "b"], ["a", "b"]),
    "nothing in it": (np.zeros((0, 2)), np.zeros((0, 2))),
    "sparse": (scipy.sparse.eye(5, format="csr"), scipy.sparse.eye(5, format="csr")),
    "missing values": (pd.Series([1, None], dtype="Int64"), pd.Series([1, None], dtype="Int64")),
}


@pytest.mark.parametrize("name", ALIKE)
def test_the_same_rows_are_the_same(name: str) -> None:
    assert verdict(*ALIKE[name]) == "same"


@pytest.mark.parametrize(
    "other",
    [
        FRAME.assign(a=0),
        FRAME.head(2),
        FRAME.iloc[::-1],
        FRAME.drop(columns="b"),
        FRAME.assign(b="x"),
        FRAME.assign(c=1),
    ],
)
def test_other_rows_are_others(other: pd.DataFrame) -> None:
    assert verdict(FRAME, other) == "other"


def test_a_column_that_was_not_read_may_change() -> None:
    assert verdict(FRAME, FRAME.assign(a=0), {"b", "drop"}) == "same"


def test_of_many_rows_some_are_looked_at_and_nothing_is_certain() -> None:
    many = np.zeros(CELLS * 3)
    assert verdict(many, many) == "unknown"
    assert verdict(many, many + 1) == "other"


def test_an_object_is_not_asked_anything() -> None:
    class Loud:
        def __hash__(self) -> int:
            raise AssertionError

        __str__ = __repr__ = __eq__ = __hash__  # type: ignore[assignment]

    held = pd.DataFrame({"a": [1.0], "o": pd.Series([Loud()], dtype=object)})
    found = of(held)
    assert found is not None
    assert found.columns["o"] is None
    assert verdict(held, held) == "unknown"
    assert of(Loud()) is None


def test_columns_that_are_not_reached_in_time_are_unknown() -> None:
    found = of(FRAME, until=0.0)
    assert found is not None
    assert set(found.columns.values()) == {None}
