"""A drift is ranked by what it does to the estimated risk: harmless ones are notes, harmful ones pages, none is hidden."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from nb2prod.baseline import Baseline
from nb2prod.monitoring import Monitor
from nb2prod.records.monitoring import Alarm

Rows = tuple[dict[str, np.ndarray], np.ndarray]


def drawn(rng: np.random.Generator, count: int, *, idle: float = 0.0, used: float = 0.0, narrow: float = 1.0) -> Rows:
    """Rows of a model that reads `used` and `level` alone; `used` near 0 is where it is unsure."""
    columns = {
        "idle": rng.normal(idle, 1, count),
        "used": rng.normal(used, narrow, count),
        "level": rng.choice(list("abc"), count),
    }
    return columns, 1 / (1 + np.exp(-2.5 * columns["used"] - (columns["level"] == "a")))


@cache
def baseline(held: int = 4000, *, rows: bool = True) -> Baseline:
    rng = np.random.default_rng(0)
    training, _ = drawn(rng, 10_000)
    holdout, scores = drawn(rng, held)
    labels = (rng.random(held) < scores).astype(int)
    return Baseline.from_frame(training, scores, labels, holdout=holdout if rows else None)


def told(base: Baseline, seed: int, panes: int = 15, scored: bool = True, **change: float) -> list[Alarm]:
    rng = np.random.default_rng(seed)
    monitor = Monitor(base)
    for pane in range(10 + panes):
        columns, scores = drawn(rng, 200, **(change if pane >= 10 else {}))
        monitor.update(columns, scores if scored else None)
        monitor.alarms()
    return sorted(monitor.alarms(), key=lambda alarm: alarm.rank)


def test_a_shift_of_a_column_that_the_model_does_not_use_is_a_note() -> None:
    notes = 0
    for seed in range(20):
        found = told(baseline(), 100 + seed, idle=0.5)
        assert [(one.feature, one.kind) for one in found] == [("idle", "drift")]
        assert found[0].matters
        assert abs(found[0].risk) < 0.02
        notes += found[0].severity == "note"
    assert notes >= 19


@pytest.mark.parametrize("change", [{"narrow": 0.6}, {"narrow": 0.75}])
def test_a_shift_to_where_the_model_is_unsure_pages(change: dict[str, float]) -> None:
    for seed in range(20):
        found = told(baseline(), 200 + seed, **change)
        used = next(one for one in found if one.feature == "used")
        assert used.severity == "page"
        assert used.risk > 0
        assert used.risk_low <= used.risk <= used.risk_high


def test_of_columns_that_move_together_the_gravest_comes_first() -> None:
    found = told(baseline(), 300, narrow=0.5, idle=0.5)
    risks = [one.risk for one in found]
    assert risks == sorted(risks, reverse=True)
    assert found[-1].feature == "idle"
    assert abs(found[-1].risk) < 0.01 < found[0].risk


def test_the_estimated_change_is_what_the_labels_would_show() -> None:
    rng = np.random.default_rng(1)
    before, after = (drawn(rng, 200_000, narrow=narrow)[1] for narrow in (1.0, 0.6))
    real = np.minimum(after, 1 - after).mean() - np.minimum(before, 1 - before).mean()
    inside = 0
    for seed in range(20):
        alarm = next(one for one in told(baseline(), 400 + seed, panes=20, narrow=0.6) if one.feature == "used")
        inside += alarm.risk_low <= real <= alarm.risk_high
    assert inside >= 19


def test_without_the_hold_outs_rows_the_whole_risk_decides_once_rows_are_enough() -> None:
    bare = baseline(rows=False)
    early = told(bare, 500, idle=0.8)
    assert [one.severity for one in early] == ["page"]
    assert "not certain yet" in early[0].matters
    late = told(baseline(20_000, rows=False), 501, panes=120, idle=0.06)
    assert {one.severity for one in late} <= {"note"}


@pytest.mark.parametrize("rows", [True, False])
def test_a_shift_that_surely_lowers_the_risk_is_a_note(rows: bool) -> None:
    found = [one for seed in range(10) for one in told(baseline(rows=rows), 700 + seed, used=1.0)]
    sure = [one for one in found if one.kind in ("drift", "prediction", "confidence") and one.risk_high < 0]
    assert len(sure) > 20
    assert sum(one.severity == "note" for one in sure) > 0.9 * len(sure)


def test_what_is_not_certain_yet_says_what_is_missing() -> None:
    (alarm,) = told(baseline(rows=False), 500, idle=0.8)
    assert alarm.severity == "page"
    assert alarm.risk_low < 0
    assert "harmless is certain" in alarm.matters
    assert "points" in alarm.matters.split(";")[1] or "Brier" in alarm.matters


@pytest.mark.parametrize("change", [{"used": 3.0}, {"narrow": 2.5}])
def test_sure_scores_of_rows_that_training_had_not_make_nothing_harmless(change: dict[str, float]) -> None:
    found = told(baseline(rows=False), 900, **change)
    (alarm,) = [one for one in found if one.feature == "used"]
    assert alarm.severity == "page"
    assert "such as it had not" in alarm.matters


def test_a_risk_that_rises_is_hardly_ever_a_note() -> None:
    notes = [
        one
        for seed in range(20)
        for one in told(baseline(rows=False), 1000 + seed, narrow=0.85)
        if one.severity == "note"
    ]
    assert len(notes) <= 1


def test_rows_out_of_range_are_never_harmless() -> None:
    found = told(baseline(), 600, idle=3.0)
    assert [one.severity for one in found if one.feature == "idle"] == ["page"]


def test_what_is_missing_pages_whatever_the_scores_say() -> None:
    monitor = Monitor(baseline())
    rng = np.random.default_rng(2)
    for _ in range(10):
        columns, scores = drawn(rng, 200)
        columns["idle"][:40] = np.nan
        monitor.update(columns, scores)
    (alarm,) = monitor.alarms()
    assert (alarm.kind, alarm.severity) == ("missing", "page")


def test_without_scores_a_drift_pages_and_says_why_it_is_not_ranked() -> None:
    (alarm,) = told(Baseline.from_frame(drawn(np.random.default_rng(0), 10_000)[0]), 700, idle=0.5)
    assert (alarm.severity, alarm.risk) == ("page", None)
    assert "hold-out" in alarm.matters
    (alarm,) = told(baseline(), 701, scored=False, idle=0.5)
    assert alarm.severity == "page"
    assert "no scores" in alarm.matters


def test_a_note_becomes_a_page_when_the_scores_show_harm() -> None:
    rng = np.random.default_rng(3)
    monitor = Monitor(baseline())
    for pane in range(60):
        columns, scores = drawn(rng, 200, idle=0.5 if pane >= 5 else 0.0)
        monitor.update(columns, scores if pane < 20 else 0.5 + 0.5 * (scores - 0.5))  # the model itself says less
        if pane == 15:
            assert [one.severity for one in monitor.alarms()] == ["note"]
    assert next(one for one in monitor.alarms() if one.feature == "idle").severity == "page"


def test_the_judgement_outlives_a_restart() -> None:
    rng = np.random.default_rng(4)
    monitor = Monitor(baseline())
    for _ in range(10):
        monitor.update(*drawn(rng, 200, idle=0.5))
        monitor.alarms()
        monitor = Monitor.from_state(baseline(), monitor.state())
    assert [(one.feature, one.severity) for one in monitor.alarms()] == [("idle", "note")]
