"""Counting takes little memory beyond the rows, however many come at once, and gives the same bits."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from nb2prod.baseline import Baseline, pca

ROWS, COLUMNS = 300_000, 20


def test_many_rows_at_once_take_less_than_half_of_their_own_size_and_count_as_in_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random = np.random.default_rng(0)
    training = random.normal(size=(5000, COLUMNS))
    live = random.normal(size=(ROWS, COLUMNS))
    baseline = Baseline.from_frame(training)
    baseline.count(live[:10])
    tracemalloc.start()
    try:
        found = baseline.count(live)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < live.nbytes / 2, f"{peak / 2**20:.0f} MB over {live.nbytes / 2**20:.0f} MB of rows"
    assert baseline.pca is not None
    monkeypatch.setattr(pca, "ROWS_AT_ONCE", 10 * ROWS)
    whole = Baseline.from_frame(training).count(live)
    assert found.keys() == whole.keys()
    assert all(np.array_equal(found[name], whole[name]) for name in whole)
