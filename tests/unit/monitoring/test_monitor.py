"""A monitor over its life: silent while calm, quick when something changes, whatever the rows hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nb2prod.baseline import Baseline
from nb2prod.errors import Conflict, UsageError
from nb2prod.monitoring import Monitor

LEVELS = list("abcdefghij")


def rows(count: int, seed: int) -> dict[str, object]:
    rng = np.random.default_rng(seed)
    return {
        "x": rng.normal(size=count),
        "skewed": rng.exponential(size=count) ** 2,
        "gaps": np.where(rng.random(count) < 0.1, np.nan, rng.normal(size=count)),
        "few": rng.integers(0, 4, count).astype(float),
        "level": rng.choice(LEVELS, count),
        "flag": rng.random(count) < 0.2,
        "flat": np.ones(count),
        "sentinel": np.where(rng.random(count) < 0.05, 1e6, rng.normal(size=count)),
        "empty": [None] * count,
    }


SCORES = np.random.default_rng(9).beta(2, 5, 4000)
BASELINE = Baseline.from_frame(rows(10_000, 0), SCORES, (np.random.default_rng(8).random(4000) < SCORES).astype(int))


def feed(monitor: Monitor, change: dict[str, object] | None = None, panes: int = 20, start: int = 100) -> Monitor:
    for pane in range(panes):
        batch = rows(200, start + pane)
        for name, alter in (change or {}).items():
            batch[name] = alter(batch[name]) if callable(alter) else alter
        monitor.update(batch, scores=np.random.default_rng(start + pane).beta(2, 5, 200))
        monitor.alarms()
    return monitor


@pytest.mark.parametrize(
    "wrong", [{"false_alarm_rate": rate} for rate in (0, -1, 1.5, "a", float("nan"))] + [{"effect": -1}]
)
def test_a_rate_that_is_none_is_refused_with_one_that_is(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError) as caught:
        Monitor(BASELINE, **wrong)  # type: ignore[arg-type]
    assert caught.value.fix.startswith(next(iter(wrong)))


def test_scores_and_labels_are_one_a_row() -> None:
    monitor = Monitor(BASELINE)
    with pytest.raises(UsageError, match="3 scores for 200 rows"):
        monitor.update(rows(200, 1), scores=[0.1, 0.2, 0.3])
    with pytest.raises(UsageError, match="2 labels for 200 rows"):
        monitor.update(rows(200, 1), scores=SCORES[:200], labels=[0, 1])
    assert monitor.rows == 0


def test_calm_rows_raise_no_alarm() -> None:
    assert feed(Monitor(BASELINE), panes=60).alarms() == ()


@pytest.mark.parametrize(
    ("column", "alter", "kind", "words"),
    [
        ("x", lambda v: v + 0.4, "drift", "up"),
        ("x", lambda v: v * 1.6, "drift", "wider"),
        ("skewed", lambda v: v * 0.6, "drift", "down"),
        ("gaps", lambda v: np.where(np.arange(200) % 3 == 0, np.nan, v), "missing", "missing in 10 % to"),
        ("x", lambda v: [None] * 200, "missing", "100 %"),
        ("x", lambda v: [str(value) for value in v], "type", "another type"),
        ("x", lambda v: np.where(np.arange(200) % 20 == 0, np.inf, v), "range", "infinite"),
        ("x", lambda v: np.where(np.arange(200) % 20 == 0, 1e6, v), "range", "above"),
        ("few", lambda v: np.where(np.arange(200) % 3 == 0, 3.0, v), "drift", "up"),
        ("level", lambda v: np.where(np.arange(200) % 10 == 0, "new", v), "unseen", "never had"),
        ("level", lambda v: np.where(np.arange(200) % 5 == 0, "a", v), "drift", "more a"),
        ("flag", lambda v: v | (np.arange(200) % 5 == 0), "drift", "True"),
        ("flat", lambda v: v + 1, "range", "above"),
        ("sentinel", lambda v: v + 0.5, "drift", "up"),
        ("empty", lambda v: np.ones(200), "missing", "to 0 %"),
    ],
)
def test_each_kind_of_change_is_told_on_its_column(column: str, alter: object, kind: str, words: str) -> None:
    monitor = feed(feed(Monitor(BASELINE), panes=5), {column: alter}, panes=12, start=900)
    assert [(alarm.feature, alarm.kind) for alarm in monitor.alarms()] == [(column, kind)]
    (alarm,) = monitor.alarms()
    assert words in alarm.direction
    assert alarm.bound >= 0.04
    assert 600 <= alarm.first_row <= 1400
    assert alarm.earliest <= alarm.first_row <= alarm.latest <= alarm.raised


def test_a_missing_column_and_other_scores_are_told_too() -> None:
    monitor = Monitor(BASELINE)
    for pane in range(8):
        batch = rows(200, 400 + pane)
        del batch["x"]
        monitor.update(batch | {"more": [1] * 200}, scores=np.random.default_rng(pane).beta(5, 2, 200))
    told = {alarm.feature: alarm.kind for alarm in monitor.alarms()}
    assert told["x"] == "missing"
    assert told["@score"] == "prediction"
    assert set(told) <= {"x", "@score", "@margin", "@entropy", "@multivariate"}
    groups = {alarm.group for alarm in monitor.alarms()}
    assert len(groups) == 1


def test_merged_monitors_count_and_tell_as_one_does() -> None:
    whole, left, right = Monitor(BASELINE), Monitor(BASELINE), Monitor(BASELINE)
    for pane in range(10):
        batch = rows(200, 50 + pane) | {"x": np.random.default_rng(pane).normal(0.5, 1, 200)}
        whole.update(batch)
        (left if pane < 5 else right).update(batch)
    left.merge(right)
    assert left.counts.keys() == whole.counts.keys()
    for name, counts in whole.counts.items():
        np.testing.assert_array_equal(left.counts[name], counts)
    assert left.alarms() == whole.alarms() != ()


def test_two_monitors_that_have_bet_are_not_merged() -> None:
    a, b = feed(Monitor(BASELINE), panes=1), feed(Monitor(BASELINE), panes=1)
    with pytest.raises(Conflict):
        a.merge(b)
    with pytest.raises(Conflict):
        Monitor(BASELINE).merge(Monitor(Baseline.from_frame({"x": np.zeros(50)})))


def test_batches_of_any_size_end_in_the_same_counts() -> None:
    frame = pd.DataFrame(rows(600, 3))
    whole, pieces = Monitor(BASELINE), Monitor(BASELINE)
    whole.update(frame)
    for row in range(0, 600, 7):
        pieces.update(frame.iloc[row : row + 7])
        pieces.update(frame.iloc[:0])
    for name, counts in whole.counts.items():
        np.testing.assert_array_equal(pieces.counts[name], counts)
    assert pieces.rows == 600


def test_an_alarm_ends_when_the_rows_are_calm_again_and_a_new_change_is_a_new_one() -> None:
    baseline = Baseline.from_frame({"x": np.random.default_rng(0).normal(size=20_000)})
    monitor = Monitor(baseline)
    rng = np.random.default_rng(1)
    for shift, panes in ((0.0, 10), (0.5, 30), (0.0, 100), (-0.5, 10)):
        for _ in range(panes):
            monitor.update({"x": rng.normal(shift, 1, 200)})
            monitor.alarms()
    first, second = monitor.alarms()
    assert first.direction.startswith("up")
    assert abs(first.first_row - 2000) <= 400
    assert first.ended is not None
    assert 8000 < first.ended < 20_000
    assert second.direction.startswith("down")
    assert second.ended is None
    assert first.group != second.group


def test_a_change_on_top_of_a_change_is_a_new_entry() -> None:
    baseline = Baseline.from_frame({"x": np.random.default_rng(0).normal(size=20_000)})
    monitor = Monitor(baseline)
    rng = np.random.default_rng(1)
    for shift, panes in ((0.3, 40), (1.0, 40)):
        for _ in range(panes):
            monitor.update({"x": rng.normal(shift, 1, 200)})
            monitor.alarms()
    first, second = monitor.alarms()
    assert first.ended is not None
    assert abs(second.first_row - 8000) <= 400


def test_a_trivial_shift_wakes_nobody() -> None:
    baseline = Baseline.from_frame({"x": np.random.default_rng(0).normal(size=20_000)})
    monitor = Monitor(baseline)
    rng = np.random.default_rng(2)
    for _ in range(50):
        monitor.update({"x": rng.normal(0.02, 1, 4000)})
        assert monitor.alarms() == ()


def test_performance_is_estimated_and_then_realised() -> None:
    monitor = feed(Monitor(BASELINE), panes=5)
    said = monitor.performance("roc_auc")
    assert said.low < said.value < said.high
    assert said.realised is None
    scores = np.random.default_rng(1).beta(2, 5, 500)
    monitor.update(rows(500, 77), scores=scores, labels=(np.random.default_rng(2).random(500) < scores).astype(int))
    assert monitor.performance("accuracy").realised is not None
    assert Monitor(Baseline.from_frame({"x": np.arange(9.0)})).performance().value is None


@pytest.mark.parametrize("count", [0, 1, 3])
def test_tiny_baselines_and_batches_never_raise(count: int) -> None:
    monitor = Monitor(Baseline.from_frame({"a": np.ones(count), "b": ["x"] * count, "c": [None] * count}))
    for batch in (
        {},
        {"a": []},
        {"a": [1.0]},
        {"b": [3, None, "y"] * 100},
        {"a": [float("inf")] * 300, "c": [{}] * 300},
    ):
        monitor.update(batch)
        monitor.alarms()
        monitor.performance()
