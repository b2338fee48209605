"""What the report says of seasons."""

from __future__ import annotations

import numpy as np

from nb2prod.baseline import Baseline
from nb2prod.monitoring import Monitor

MONDAY = (4 + 7 * 2857) * 86_400.0


def told(days: float, timed: bool = True, size: float = 1.5) -> str:
    random = np.random.default_rng(0)
    when = np.sort(MONDAY + random.random(5000) * days * 86_400)
    frame = {"x": size * np.sin(2 * np.pi * when / 86_400) + random.normal(size=5000)}
    return str(Monitor(Baseline.from_frame(frame, times=when * 1e3 if timed else None)).report())


def test_without_times_a_season_cannot_be_told_from_drift_and_the_report_says_what_would_bring_it() -> None:
    text = told(28, timed=False)
    assert "A daily or weekly season cannot be told from drift yet: training's rows have no times" in text
    assert "--time COLUMN" in text


def test_with_too_few_days_of_training_the_report_says_so() -> None:
    assert "less than two days" in told(1.5)
    assert "less than two weeks" in told(9)
    assert "less than two weeks" not in told(28)


def test_where_no_column_follows_the_hours_what_does_so_now_is_told_as_drift() -> None:
    assert "No column follows the hours of the week in training" in told(28, size=0.0)
