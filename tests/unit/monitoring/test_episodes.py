"""A change from its first row to its end: one entry while it stands, over once its rows are calm again."""

from __future__ import annotations

import numpy as np
import pytest

from nb2prod.baseline import Baseline
from nb2prod.monitoring import Monitor
from nb2prod.records.monitoring import Alarm


def life(seed: int, *plan: tuple[int, float], rows: int = 4000) -> tuple[Alarm, ...]:
    """The alarms of a life whose mean takes these values, each for so many bets."""
    rng = np.random.default_rng(seed)
    monitor = Monitor(Baseline.from_frame({"a": rng.normal(0, 1, rows)}))
    for panes, shift in plan:
        for _ in range(panes):
            monitor.update({"a": rng.normal(shift, 1, 200)})
            monitor.alarms()
    return monitor.alarms()


@pytest.mark.parametrize("seed", [0, 1, 7, 8, 14])
def test_two_changes_are_two_entries_each_with_its_own_start(seed: int) -> None:
    up, down = life(seed, (100, 0), (30, 1), (60, 0), (30, -1))
    assert (up.direction[:2], down.direction[:4]) == ("up", "down")
    assert abs(up.first_row - 20_000) <= 400
    assert abs(down.first_row - 38_000) <= 400
    assert up.ended is not None
    assert 26_000 < up.ended <= 38_000
    assert down.ended is None


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("shift", [0.3, 0.6])
def test_a_change_that_goes_away_is_over_soon(seed: int, shift: float) -> None:
    (alarm,) = life(seed, (20, 0), (10, shift), (30, 0), rows=20_000)
    assert alarm.ended is not None
    assert 6000 < alarm.ended <= 10_000


def test_a_small_change_that_stands_stays_one_open_entry() -> None:
    (alarm,) = life(3, (20, 0), (180, 0.15), rows=20_000)
    assert alarm.ended is None
