"""Columns that follow the hours of the week are compared with their own hours."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from spooling import SIGNATURE

from nb2prod.baseline import Baseline, sparse
from nb2prod.home import Home
from nb2prod.monitoring import Monitor
from nb2prod.monitoring.alerts.life import Life
from nb2prod.records.monitoring import Alarm, Increment
from nb2prod.runtime.watched import Watched
from nb2prod.store import Store

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "monitoring"))
import seasons as world

MONDAY, HOUR = world.MONDAY, 3600.0


def rows(
    count: int, start: float, hours: float, seed: int, shift: float = 0.0
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    random = np.random.default_rng(seed)
    when = np.sort(start + random.random(count) * hours * HOUR)
    day, weekend = np.sin(2 * np.pi * when / 86_400), (when - MONDAY) / 86_400 % 7 >= 5
    return {
        "daily": 1.5 * day + shift + random.normal(size=count),
        "weekly": day - weekend + random.normal(size=count),
        "mix": np.where(random.random(count) < 0.5 + 0.4 * day, "a", "b").astype(object),
    }, when


def baseline(timed: bool = True) -> Baseline:
    frame, when = rows(8000, MONDAY - 28 * 86_400, 28 * 24, 0)
    return Baseline.from_frame(frame, times=when * 1e3 if timed else None)


BASELINE = baseline()
WATCHED = Watched("delays", BASELINE, SIGNATURE)


def lived(watched: Baseline, days: float, change: float = np.inf, shift: float = 1.0) -> Monitor:
    """Hours of 100 rows, with a change after so many days."""
    monitor = Monitor(watched)
    for hour in range(int(days * 24)):
        frame, when = rows(100, MONDAY + hour * HOUR, 1, 1000 + hour, shift if hour >= change * 24 else 0.0)
        monitor.update(frame, times=when * 1e3)
        monitor.alarms()
    return monitor


def test_a_calm_season_is_no_alarm_where_training_has_times() -> None:
    assert not lived(BASELINE, 10).alarms()


def test_where_training_has_no_times_the_report_says_that_seasons_cannot_be_told_from_drift_yet() -> None:
    text = str(Monitor(baseline(timed=False)).report())
    assert "daily or weekly season cannot be told from drift yet: training's rows have no times" in text


def test_the_report_names_the_columns_that_are_compared_with_their_own_hours() -> None:
    text = str(Monitor(BASELINE).report())
    assert "Compared with their own hours" in text
    assert "daily" in text
    assert "cannot be told from drift yet" not in text
    frame, when = rows(4000, MONDAY, 24 * 8, 5)
    assert "weekly season cannot be told from drift yet" in str(
        Monitor(Baseline.from_frame(frame, times=when * 1e3)).report()
    )


def test_a_change_on_top_of_a_season_is_told_within_hours_with_its_start_and_its_end() -> None:
    monitor = Monitor(BASELINE)
    for hour in range(24 * 12):
        changed = 24 * 3 <= hour < 24 * 6
        frame, when = rows(100, MONDAY + hour * HOUR, 1, 1000 + hour, 1.0 if changed else 0.0)
        monitor.update(frame, times=when * 1e3)
        monitor.alarms()
    (alarm,) = monitor.alarms()
    assert alarm.feature == "daily"
    assert alarm.direction.startswith("up")
    assert alarm.raised - 7200 <= 1000
    assert abs(alarm.first_row - 7200) <= 400
    assert alarm.ended is not None
    assert alarm.ended >= 14_400


@pytest.mark.parametrize("minutes", [5, 60, 24 * 60])
def test_how_rows_are_parcelled_makes_no_difference(minutes: int) -> None:
    frame, when = rows(24 * 3 * 100, MONDAY, 72, 7)
    late = when >= MONDAY + 48 * HOUR
    frame["daily"][late] += 1
    monitor = Monitor(BASELINE)
    for pane in range(72 * 60 // minutes):
        begin = MONDAY + pane * minutes * 60
        part = (when >= begin) & (when < begin + minutes * 60)
        monitor.update({name: values[part] for name, values in frame.items()}, times=when[part] * 1e3)
    (alarm,) = monitor.alarms()
    assert alarm.feature == "daily"
    assert abs(alarm.first_row - 4800) <= 400


def test_counts_are_the_same_whole_numbers_whichever_way_rows_came_and_keep_their_size() -> None:
    frame, when = rows(3000, MONDAY, 60, 7)
    whole = Monitor(BASELINE)
    whole.update(frame, times=when * 1e3)
    single = BASELINE.count(frame, n=3000)
    parts = [np.flatnonzero(np.arange(3000) % 3 == k) for k in (2, 0, 1)]
    merged = Monitor(BASELINE)
    for part in parts:
        other = Monitor(BASELINE)
        other.update({name: values[part] for name, values in frame.items()}, times=when[part] * 1e3)
        merged.merge(other)
    for name, counts in single.items():
        assert (whole.counts[name] == counts).all()
        assert (merged.counts[name] == counts).all()
        assert counts.nbytes <= 1024
    assert {alarm.feature for alarm in merged.alarms()} == {alarm.feature for alarm in whole.alarms()} == set()


def test_rows_whose_time_is_missing_are_counted_and_not_held_against_a_season() -> None:
    monitor = Monitor(BASELINE)
    for hour in range(48):
        frame, when = rows(100, MONDAY + hour * HOUR, 1, 1000 + hour)
        times = pd.Series(pd.to_datetime(when, unit="s"))
        times[::2] = pd.NaT
        monitor.update(frame, times=times)
    assert not monitor.alarms()
    assert monitor.rows == 4800
    assert monitor.counts["daily"].sum() == 4800


def test_rows_of_no_known_time_at_all_are_compared_with_all_of_training() -> None:
    frame, _ = rows(20_000, MONDAY, 24 * 7, 9)
    order = np.random.default_rng(0).permutation(20_000)
    monitor = Monitor(BASELINE)
    for part in np.split(order, 50):
        monitor.update({name: values[part] for name, values in frame.items()})
        assert not monitor.alarms()
    for part in np.split(order[:4000], 10):
        monitor.update(
            {
                name: values[part] + (1.0 if name == "daily" else 0) if name != "mix" else values[part]
                for name, values in frame.items()
            }
        )
    assert [alarm.feature for alarm in monitor.alarms()] == ["daily"]


def test_an_hour_that_began_late_is_not_taken_for_a_change() -> None:
    monitor = Monitor(BASELINE)
    for hour in range(24 * 3):
        frame, when = rows(4000, MONDAY + hour * HOUR, 0.2, 1000 + hour)  # its first minutes alone
        monitor.update(frame, times=when * 1e3)
        monitor.alarms()
    assert not monitor.alarms()


def test_a_restored_monitor_goes_on_with_its_hours() -> None:
    whole, broken = Monitor(BASELINE), Monitor(BASELINE)
    for hour in range(60):
        frame, when = rows(150, MONDAY + hour * HOUR, 1, 1000 + hour, 0.8 if hour >= 40 else 0.0)
        for monitor in (whole, broken):
            monitor.update(frame, times=when * 1e3)
        assert broken.alarms() == whole.alarms()
        broken = Monitor.from_state(BASELINE, broken.state())
    assert [alarm.feature for alarm in whole.alarms()] == ["daily"]
    assert (broken._detector.evidence == whole._detector.evidence).all()


def increments(hours: int, change: int, grain: str = "minute") -> Iterator[Increment]:
    """A service's increments of six minutes a piece, in the order of arrival; their rows happened ten hours earlier."""
    for piece in range(hours * 10):
        begin = MONDAY + piece * 360.0
        frame, _ = rows(20, begin, 0.1, 5000 + piece, 1.0 if piece >= change * 10 else 0.0)
        yield Increment(
            source="s",
            sequence=piece + 1,
            name="delays",
            version=1,
            model=WATCHED.key,
            grain=grain,
            period=int(begin),
            arrived=int(begin) + 36_000,
            rows=20,
            counts=sparse(BASELINE.count(frame, n=20)),
        )


def evaluated(store: Store, hours: int, change: int = 10_000, grain: str = "minute") -> tuple[Alarm, ...]:
    life = Life("delays", 1, WATCHED.key, WATCHED, store)
    for number, one in enumerate(increments(hours, change, grain)):
        life.add(one, ())
        if number % 50 == 0:
            life.alarms(one.arrived + 90.0)
    return life.monitor.alarms()


def test_the_agent_compares_rows_with_the_hour_in_which_they_happened_not_in_which_they_came(tmp_path: Path) -> None:
    store = Store(Home(tmp_path / "home", tmp_path / "cache"))
    assert not evaluated(store, 72)
    assert [alarm.feature for alarm in evaluated(store, 60, change=40)] == ["daily"]


def test_rows_that_are_kept_by_the_day_alone_are_in_no_season(tmp_path: Path) -> None:
    store = Store(Home(tmp_path / "home", tmp_path / "cache"))
    assert not evaluated(store, 60, grain="day")


def test_the_last_hour_is_judged_once_none_comes_after_it() -> None:
    monitor = Monitor(BASELINE)
    frame, when = rows(400, MONDAY, 1, 3, shift=2.0)
    monitor.update(frame, time=MONDAY + 3600, times=when * 1e3)
    assert not monitor.alarms(now=MONDAY + 3660)
    assert [alarm.feature for alarm in monitor.alarms(now=MONDAY + 7300)] == ["daily"]
