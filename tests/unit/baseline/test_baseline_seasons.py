from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from nb2prod.baseline import Baseline

MONDAY = (4 + 7 * 2857) * 86_400.0


def seasonal(rows: int, days: float, seed: int = 0, step: float = 0.0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Columns that follow the day and the week, and one that does not, with their times in epoch seconds."""
    random = np.random.default_rng(seed)
    when = np.sort(MONDAY + random.random(rows) * days * 86_400)
    when = np.floor(when / step) * step if step else when
    day, weekend = np.sin(2 * np.pi * when / 86_400), (when - MONDAY) / 86_400 % 7 >= 5
    return {
        "daily": 1.5 * day + random.normal(size=rows),
        "weekly": 1.5 * day - 2 * weekend + random.normal(size=rows),
        "mix": np.where(random.random(rows) < 0.5 + 0.4 * day, "a", "b").astype(object),
        "calm": random.normal(size=rows),
    }, when


def test_the_hours_that_come_back_are_learnt_with_the_columns_that_follow_them() -> None:
    frame, when = seasonal(8000, 28)
    seasons = Baseline.from_frame(frame, times=when * 1e3).seasons
    assert seasons.known
    assert seasons.weekly
    assert seasons.number == 48  # hours of the day, weekends apart
    assert {"daily", "weekly", "mix"} <= set(seasons.counts)
    assert seasons.counts["daily"].sum() == 8000
    assert seasons.of(int(MONDAY // 3600) + 14) == seasons.of(int(MONDAY // 3600) + 14 + 24) == 14
    assert seasons.of(int(MONDAY // 3600) + 14 + 5 * 24) == 38


def test_rows_of_no_season_have_none_however_much_they_hang_together() -> None:
    random = np.random.default_rng(1)
    walk = np.cumsum(random.normal(size=8000)) / 20
    when = np.sort(MONDAY + random.random(8000) * 28 * 86_400)
    seasons = Baseline.from_frame({"walk": walk, "calm": random.normal(size=8000)}, times=when * 1e3).seasons
    assert seasons.known
    assert not seasons.counts


@pytest.mark.parametrize(
    ("days", "known", "weekly"), [(1.5, False, False), (7, True, False), (13, True, False), (15, True, True)]
)
def test_what_training_is_too_short_for_is_not_known(days: float, known: bool, weekly: bool) -> None:
    frame, when = seasonal(4000, days)
    seasons = Baseline.from_frame(frame, times=when * 1e3).seasons
    assert (seasons.known, seasons.weekly) == (known, weekly)
    assert ("daily" in seasons.counts) == known
    assert seasons.number == (1 if not known else 48 if weekly else 24)


def test_without_times_or_with_dates_alone_nothing_is_known() -> None:
    frame, when = seasonal(4000, 28, step=86_400)
    assert not Baseline.from_frame(frame).seasons.known
    assert not Baseline.from_frame(frame, times=when * 1e3).seasons.known


def test_times_are_read_however_they_come_and_in_every_zone() -> None:
    frame, when = seasonal(4000, 28)
    stamps = pd.to_datetime(np.round(when * 1e3), unit="ms", utc=True)
    there = stamps.tz_convert(ZoneInfo("Asia/Tokyo"))
    texts = [dt.datetime.fromtimestamp(one, dt.UTC).isoformat(timespec="milliseconds") for one in np.round(when, 3)]
    wanted = Baseline.from_frame(frame, times=np.round(when * 1e3)).seasons
    table = pd.DataFrame(frame)
    for found in (
        Baseline.from_frame(table, times=there),
        Baseline.from_frame(table, times=texts),
        Baseline.from_frame(table.set_index(there)),
        Baseline.from_frame(table, times=stamps.tz_localize(None)),
    ):
        assert (found.seasons.cells == wanted.cells).all()
        assert all((found.seasons.counts[name] == counts).all() for name, counts in wanted.counts.items())
    assert not Baseline.from_frame(table.assign(born=there)).seasons.known  # any date may stand in a column


def test_rows_without_a_time_are_in_no_season_and_gaps_do_no_harm() -> None:
    frame, when = seasonal(6000, 28)
    times = pd.Series(pd.to_datetime(when, unit="s"))
    times[::5] = pd.NaT
    seasons = Baseline.from_frame(frame, times=times).seasons
    assert seasons.counts["daily"].sum() == 4800
    whole = (when < MONDAY + 7 * 86_400) | (when > MONDAY + 17 * 86_400)
    gap = Baseline.from_frame({name: values[whole] for name, values in frame.items()}, times=when[whole] * 1e3)
    assert "daily" in gap.seasons.counts
    assert not Baseline.from_frame(frame, times=pd.Series([pd.NaT] * 6000)).seasons.known


def test_the_seasons_of_scores_need_the_times_of_the_hold_out() -> None:
    frame, when = seasonal(6000, 28)
    held, then = seasonal(3000, 28, seed=1)
    score = 1 / (1 + np.exp(-held["daily"]))
    labels = (np.random.default_rng(2).random(3000) < score).astype(int)
    without = Baseline.from_frame(frame, score, labels, times=when * 1e3)
    assert without.has_scores
    assert "@score" not in without.seasons.counts
    known = Baseline.from_frame(frame, score, labels, times=when * 1e3, holdout_times=then * 1e3)
    assert known.seasons.counts["@score"].sum() == 3000


def test_seasons_are_kept_on_disk(tmp_path: Path) -> None:
    frame, when = seasonal(6000, 28)
    made = Baseline.from_frame(frame, times=when * 1e3)
    made.save(tmp_path)
    read = Baseline.load(tmp_path).seasons
    assert (read.known, read.weekly, read.swings, read.hanging) == (
        made.seasons.known,
        made.seasons.weekly,
        made.seasons.swings,
        made.seasons.hanging,
    )
    assert (read.cells == made.seasons.cells).all()
    assert all((read.counts[name] == counts).all() for name, counts in made.seasons.counts.items())


def test_seasons_leave_bins_counts_and_digest_as_they_were() -> None:
    frame, when = seasonal(6000, 28)
    bare, timed = Baseline.from_frame(frame), Baseline.from_frame(frame, times=when * 1e3)
    assert bare.digest == timed.digest
    assert bare.sizes == timed.sizes
