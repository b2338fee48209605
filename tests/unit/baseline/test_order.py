"""Rows that follow each other: whole numbers by batch that tell whether they hang together."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from nb2prod.baseline import ORDER, Baseline, dense, sparse
from nb2prod.baseline.order import LAGS, SHAPE
from nb2prod.monitoring import Monitor


def series(rng: np.random.Generator, rows: int) -> np.ndarray:
    return lfilter([1], [1, -0.5], rng.normal(size=rows + 50))[50:] * 0.75**0.5


def compared(baseline: Baseline, frame: dict[str, object]) -> np.ndarray:
    return baseline.count(frame, ordered=True)[ORDER].reshape(-1, *SHAPE)


def test_pairs_alike_are_counted_by_lag() -> None:
    baseline = Baseline.from_frame({"x": np.arange(100.0), "c": ["a", "b"] * 50})
    found = compared(baseline, {"x": [1.0, 2.0, 99.0, 98.0], "c": ["a", "b", "a", "b"]})
    assert found[0, 0, :3].tolist() == [3, 2, 0]
    assert found[0, 1, :2].tolist() == [2, 0]  # above the median: no, no, yes, yes
    assert found[1, 1, :2].tolist() == [0, 2]


def test_the_order_of_a_batch_is_no_part_of_the_counts_and_adds_up() -> None:
    baseline = Baseline.from_frame({"x": np.arange(1000.0)})
    values = np.random.default_rng(0).permutation(np.arange(1000.0))
    whole = baseline.count({"x": values})
    assert ORDER not in whole
    one, two = (baseline.count({"x": part}, ordered=True) for part in (values[:300], values[300:]))
    both = Baseline.merge(one, two)
    assert (both["x"] == whole["x"]).all()
    assert both[ORDER].sum() == one[ORDER].sum() + two[ORDER].sum()
    assert (dense(sparse(both), baseline)[ORDER] == both[ORDER]).all()


def test_a_monitor_keeps_the_order_out_of_its_counts() -> None:
    baseline = Baseline.from_frame({"x": np.arange(1000.0)})
    whole, parts = Monitor(baseline), Monitor(baseline)
    values = np.random.default_rng(1).permutation(np.arange(1000.0))
    whole.update({"x": values})
    for part in np.split(values, 10):
        parts.update({"x": part})
    assert whole.counts.keys() == parts.counts.keys()
    assert (whole.counts["x"] == parts.counts["x"]).all()


@pytest.mark.parametrize("frame", [{}, {"x": []}, {"x": [1.0]}, {"y": [1.0, 2.0]}, {"x": [[], "a", None, 3.0, np.inf]}])
def test_batches_of_any_shape_are_taken(frame: dict[str, object]) -> None:
    baseline = Baseline.from_frame({"x": np.arange(100.0), "c": ["a", "b"] * 50})
    assert len(baseline.count(frame, ordered=True)[ORDER]) == baseline.sizes[ORDER] == 2 * SHAPE[0] * len(LAGS)


def test_every_counter_that_is_bet_on_has_its_dependence() -> None:
    rng = np.random.default_rng(2)
    frame = np.repeat(rng.normal(size=(500, 5)), 20, axis=0)
    scores = np.repeat(rng.random(500), 20)
    baseline = Baseline.from_frame(frame, scores, (rng.random(10_000) < scores).astype(int))
    assert baseline.dependence.keys() == {feature.name for feature in baseline.features}
    assert min(baseline.dependence.values()) > 10


def test_repeated_rows_are_told_though_they_were_shuffled() -> None:
    rng = np.random.default_rng(3)
    frame = np.repeat(rng.normal(size=(500, 5)), 20, axis=0)[rng.permutation(10_000)]
    assert Baseline.from_frame(frame).dependence["x0"] == pytest.approx(20, abs=1)
    few = rng.integers(0, 9, size=(10_000, 3)).astype(float)
    assert Baseline.from_frame(few).dependence["x0"] < 2


@pytest.mark.parametrize(("draw", "low", "high"), [("series", 2.4, 4.5), ("bursts", 15, 45), ("independent", 1, 1)])
def test_live_rows_tell_from_their_order_how_they_hang_together(draw: str, low: float, high: float) -> None:
    rng = np.random.default_rng(4)
    rows = {
        "series": lambda: series(rng, 200),
        "bursts": lambda: np.repeat(rng.normal(size=10), 20),
        "independent": lambda: rng.normal(size=200),
    }[draw]
    monitor = Monitor(Baseline.from_frame({"x": rng.normal(size=20_000)}))
    for _ in range(10):
        monitor.update({"x": rows()})
    monitor.alarms()
    assert low <= monitor._hanging.factor[0] <= high


def test_a_change_is_no_dependence() -> None:
    rng = np.random.default_rng(5)
    monitor = Monitor(Baseline.from_frame({"x": rng.normal(size=20_000), "c": rng.choice(list("abc"), 20_000)}))
    for size in (0.0, 0.5, -0.5, 1.0):
        monitor.update({"x": rng.normal(size, 1, 200), "c": rng.choice(list("abc"), 200, p=[0.5, 0.3, 0.2])})
        monitor.alarms()
        assert (monitor._hanging.factor == 1).all()
