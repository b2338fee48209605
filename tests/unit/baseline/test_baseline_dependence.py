"""Rows that hang together are told from independent ones, in the order of time."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from nb2prod.baseline import Baseline


def hanging(rows: int, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=rows)
    return lfilter([1], [1, -0.5], noise)


def test_independent_rows_have_a_factor_of_about_one() -> None:
    rng = np.random.default_rng(0)
    found = Baseline.from_frame({"x": rng.normal(size=20_000), "c": rng.choice(list("abcd"), 20_000)}).dependence
    assert found["x"] == pytest.approx(1, abs=0.35)
    assert found["c"] == pytest.approx(1, abs=0.35)


def test_an_autoregression_has_the_factor_of_its_theory() -> None:
    # (1 + φ) / (1 − φ) = 3
    assert Baseline.from_frame({"x": hanging(20_000, 1)}).dependence["x"] == pytest.approx(3, abs=0.7)


def test_bursts_of_equal_rows_count_as_one() -> None:
    rng = np.random.default_rng(2)
    found = Baseline.from_frame(
        {"x": np.repeat(rng.normal(size=1000), 20), "c": np.repeat(rng.choice(list("abcd"), 1000), 20)}
    )
    assert found.dependence["x"] > 12
    assert found.dependence["c"] > 12


def test_shuffled_rows_are_put_in_order_by_their_times() -> None:
    values = hanging(20_000, 3)
    order = np.random.default_rng(4).permutation(20_000)
    times = np.datetime64("2013-01-01") + order.astype("timedelta64[m]")
    assert Baseline.from_frame({"x": values[order]}).dependence["x"] < 1.5
    assert Baseline.from_frame({"x": values[order]}, times=times).dependence["x"] > 2


def test_few_rows_say_nothing() -> None:
    assert Baseline.from_frame({"x": np.arange(50.0)}).dependence["x"] == 1.0
