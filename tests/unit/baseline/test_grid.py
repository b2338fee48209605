"""Counting many values without sorting them gives what sorting gives, whatever they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nb2prod.baseline import Baseline
from nb2prod.baseline.feature import Grid

LAWS = {
    "normal": lambda rng: rng.normal(size=5000),
    "heavy": lambda rng: rng.standard_cauchy(5000),
    "skewed": lambda rng: rng.lognormal(0, 4, 5000),
    "whole": lambda rng: rng.integers(0, 50, 5000).astype(float),
    "far off": lambda rng: rng.normal(1e15, 1, 5000),
    "huge": lambda rng: np.where(rng.random(5000) < 0.1, 1e308, -1e308 * rng.random(5000)),
    "tiny": lambda rng: rng.random(5000) * 1e-310,
    "two": lambda rng: (rng.random(5000) < 0.1) * 1.0,
}
ODD = (np.nan, np.inf, -np.inf, -np.finfo(float).max, np.finfo(float).max, 0.0, -0.0, 5e-324)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("live", LAWS)
def test_counts_are_those_of_sorted_values(law: str, live: str) -> None:
    rng = np.random.default_rng(0)
    feature = Baseline.from_frame({"x": LAWS[law](rng)}).feature("x")
    near = [np.nextafter(feature.edges, side) for side in (-np.inf, np.inf)]
    values = rng.permutation(np.concatenate((LAWS[live](rng), ODD * 3, feature.edges, *near)))
    expected = np.sort(values).searchsorted(feature.cuts)
    if feature.grid is not None:
        np.testing.assert_array_equal(feature.grid.before(values), expected)
    assert (feature.grid is None) == (law == "tiny")


@settings(deadline=None)
@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=30, unique=True),
    st.lists(st.floats(), max_size=60),
    st.floats(-1e6, 1e6),
    st.floats(1e-3, 1e6),
)
def test_any_cuts_and_any_cells_count_alike(edges: list[float], values: list[float], low: float, scale: float) -> None:
    cuts = np.concatenate(([-np.finfo(float).max], np.sort(edges), [np.inf, np.nan]))
    found = Grid(cuts, low, scale).before(np.array(values))
    np.testing.assert_array_equal(found, np.sort(np.array(values)).searchsorted(cuts))
