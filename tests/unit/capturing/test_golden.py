"""The golden rows reach every corner of the training data, and what stays quotes no one."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from nb2prod.capturing import golden
from nb2prod.capturing.signature import signature
from nb2prod.errors import Refused
from nb2prod.records.capture import Signature
from nb2prod.runtime.frames import container
from nb2prod.runtime.rows import rows_from_wire
from nb2prod.runtime.wire import rows_to_wire


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    made = pd.DataFrame(
        {
            "n": rng.normal(size=2000),
            "i": rng.integers(0, 1000, 2000),
            "c": rng.choice(["a", "b", "c"], 2000, p=[0.7, 0.295, 0.005]),
            "t": pd.date_range("2024-01-01", periods=2000, freq="h"),
        }
    )
    made.loc[rng.choice(2000, 5, replace=False), "n"] = np.nan
    return made


@pytest.fixture(scope="module")
def contract(frame: pd.DataFrame) -> Signature:
    return signature(frame, np.array([0.5]), None, None)


def doubled(rows: pd.DataFrame) -> tuple[Any, Any]:
    return rows["n"].fillna(0).to_numpy() * 2, None


def test_real_rows_have_nulls_every_category_and_the_extremes(frame: pd.DataFrame, contract: Signature) -> None:
    rows = golden.real_rows(frame, contract, seed=3)
    assert len(rows) >= 100
    assert rows["n"].isna().any()
    assert set(rows["c"]) == {"a", "b", "c"}
    assert rows["i"].max() == frame["i"].max()
    assert rows["t"].min() == frame["t"].min()


def test_the_same_seed_gives_the_same_rows(frame: pd.DataFrame, contract: Signature) -> None:
    pd.testing.assert_frame_equal(golden.real_rows(frame, contract, seed=3), golden.real_rows(frame, contract, seed=3))
    pd.testing.assert_frame_equal(
        golden.synthetic_rows(frame, contract, seed=3), golden.synthetic_rows(frame, contract, seed=3)
    )


def test_synthetic_rows_fit_the_signature_and_are_no_ones(frame: pd.DataFrame, contract: Signature) -> None:
    rows = golden.synthetic_rows(frame, contract, seed=3)
    assert list(rows.dtypes) == list(frame.dtypes)
    assert len(rows) >= 100
    assert rows["n"].isna().any()
    real = set(map(tuple, frame[["n", "i"]].round(6).to_numpy().tolist()))
    assert not real & set(map(tuple, rows[["n", "i"]].round(6).to_numpy().tolist()))


def test_a_category_seen_by_few_is_not_quoted() -> None:
    rare = pd.DataFrame({"c": ["common"] * 500 + ["rare"] * 9})
    rows = golden.synthetic_rows(rare, signature(rare, [1.0], None, None), seed=0)
    assert set(rows["c"]) == {"common"}


def test_free_text_is_not_drawn() -> None:
    texts = [f"a letter of person {i}" for i in range(200)]
    assert golden.synthetic_rows(texts, signature(texts, [1.0], None, None), seed=0) is None


def test_arrays_and_small_data_work() -> None:
    array = np.random.default_rng(0).normal(size=(12, 3))
    contract = signature(array, [1.0], None, None)
    assert golden.real_rows(array, contract, seed=0).shape == (12, 3)
    assert golden.synthetic_rows(array, contract, seed=0).shape[1] == 3


def test_answers_are_asked_as_one_batch_and_one_by_one(frame: pd.DataFrame, contract: Signature) -> None:
    made = golden.asked(doubled, frame.head(100), contract, kind="sample", tolerance=0.0)
    assert len(made.rows) == len(made.batch.predictions) == 100
    assert made.single.predictions == made.batch.predictions[:20]


def test_a_model_that_answers_differently_each_time_is_refused(frame: pd.DataFrame, contract: Signature) -> None:
    rng = np.random.default_rng()

    def noisy(rows: pd.DataFrame) -> tuple[Any, Any]:
        return rng.normal(size=len(rows)) * 1e-3, None

    with pytest.raises(Refused, match="differently each time") as caught:
        golden.asked(noisy, frame.head(50), contract, kind="sample", tolerance=0.0)
    assert caught.value.code == "nondeterministic"
    assert re.match(r"--tolerance 0\.\d+      # or the first line of predict: np\.random\.seed\(0\)$", caught.value.fix)
    assert golden.asked(noisy, frame.head(50), contract, kind="sample", tolerance=0.1).tolerance == 0.1


def test_a_model_that_writes_into_its_frame_does_not_change_the_rows(frame: pd.DataFrame, contract: Signature) -> None:
    def spoiling(rows: pd.DataFrame) -> tuple[Any, Any]:
        rows["i"] = rows["i"] + 1
        return rows["i"].to_numpy(), None

    before = frame.head(50).copy()
    golden.asked(spoiling, frame.head(50), contract, kind="sample", tolerance=0.0)
    pd.testing.assert_frame_equal(frame.head(50), before)


def test_sparse_rows_that_stay_hold_common_columns_only_and_are_as_full_as_the_real_ones() -> None:
    data = scipy.sparse.random(600, 50, density=0.1, format="csr", random_state=0)
    data[0, 49] = 7.5  # one row's own value in a column that is common
    lonely = scipy.sparse.hstack([data, scipy.sparse.csr_matrix(([1.0], ([3], [0])), shape=(600, 1))], format="csr")
    made = signature(lonely, np.array([0.5]), None, None)
    rows = golden.synthetic_rows(lonely, made, seed=3)
    assert rows.shape == (golden.LEAST + golden.SINGLE, 51)
    assert rows[:, [50]].nnz == 0
    assert abs(np.diff(rows.indptr).mean() - np.diff(lonely.indptr).mean()) < 1
    assert (golden.synthetic_rows(lonely, made, seed=3) != rows).nnz == 0
    real = golden.real_rows(lonely, made, seed=3)
    assert np.diff(real.indptr).max() == np.diff(lonely.indptr).max()


def test_durations_travel_as_seconds_and_come_back_as_they_were() -> None:
    durations = pd.DataFrame({"took": pd.to_timedelta([90, 3600, None, 2] * 60, unit="s")})
    made = signature(durations, np.array([0.5]), None, None)
    assert (made.columns[0].kind, made.columns[0].nullable) == ("number", True)
    wire = rows_to_wire(durations.head(3), made)
    assert [row["took"] for row in wire] == [90.0, 3600.0, None]
    pd.testing.assert_frame_equal(container(rows_from_wire(wire, made), made), durations.head(3))
    drawn = golden.synthetic_rows(durations, made, seed=1)["took"].dropna().dt.total_seconds()
    assert drawn.between(2, 3600).all()


@pytest.mark.parametrize("dtype", ["boolean", "string", "Int64", "category"])
def test_a_missing_value_of_pandas_own_is_among_the_rows(dtype: str) -> None:
    values = [True, None, False] if dtype == "boolean" else [1, None, 2] if dtype == "Int64" else ["x", None, "y"]
    rows = pd.DataFrame({"flag": pd.array(values * 100, dtype=None if dtype == "category" else dtype)})
    if dtype == "category":
        rows["flag"] = rows["flag"].astype("category")
    contract = signature(rows, np.zeros(3), None, None)
    assert golden.real_rows(rows, contract, seed=0)["flag"].isna().any()
    golden.synthetic_rows(rows, contract, seed=0)
