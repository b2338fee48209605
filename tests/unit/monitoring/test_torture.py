"""Rows as they really come: whatever they hold, never an exception, the right alarm on the right column, none on calm ones."""

from __future__ import annotations

import decimal
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from nb2prod.baseline import Baseline
from nb2prod.monitoring import Monitor

Alter = Callable[[pd.DataFrame], pd.DataFrame]


def rows(count: int, seed: int) -> pd.DataFrame:
    r = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "number": r.normal(size=count),
            "sentinel": np.where(r.random(count) < 0.01, -999.0, r.normal(5, 1, count)),
            "level": r.choice(list("abcde"), count),
            "constant": np.ones(count),
            "empty": [None] * count,
            "nullable": pd.array(np.where(r.random(count) < 0.1, pd.NA, r.integers(0, 9, count)), dtype="Int64"),
            "money": [decimal.Decimal(str(round(x, 2))) for x in r.normal(10, 2, count)],
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(r.integers(0, 28 * 86400, count), unit="s"),
            "flag": r.random(count) < 0.3,
            "mixed": [x if i % 7 else str(x) for i, x in enumerate(r.integers(0, 5, count).tolist())],
            "text": [" ".join(r.choice(["the", "cat", "sat", "on", "mat", "dog", "ran"], 5)) for _ in range(count)],
            "kind": pd.Categorical(r.choice(["x", "y", "z"], count)),
            "heavy": r.standard_t(1.2, count),
        }
    )


BASELINE = Baseline.from_frame(rows(4000, 1))
MAYBE = np.random.default_rng(2).random(200) < 0.1


def told(alter: Alter, panes: int = 8, size: int = 200) -> Monitor:
    monitor = Monitor(BASELINE)
    for pane in range(panes):
        monitor.update(alter(rows(size, 100 + pane)))
        monitor.alarms()
    return monitor


@pytest.mark.parametrize(
    ("column", "kind", "alter"),
    [
        ("number", "missing", lambda f: f.assign(number=np.nan)),
        ("number", "missing", lambda f: f.drop(columns="number")),
        ("number", "type", lambda f: f.assign(number=f.number.astype(str))),
        ("number", "type", lambda f: f.assign(number=pd.Series([None, "x", 1.0, [1], {}] * (len(f) // 5)))),
        ("number", "missing", lambda f: f.assign(number=pd.Series([None, None, 1.0, None, "x"] * (len(f) // 5)))),
        ("number", "range", lambda f: f.assign(number=np.where(MAYBE, np.inf, f.number))),
        ("level", "unseen", lambda f: f.assign(level=np.where(MAYBE, "new", f.level))),
        ("kind", "unseen", lambda f: f.assign(kind=pd.Categorical(["q"] * len(f)))),
        ("sentinel", "drift", lambda f: f.assign(sentinel=np.where(MAYBE, -999.0, f.sentinel))),
        ("sentinel", "drift", lambda f: f.assign(sentinel=f.sentinel + 0.5)),
        ("constant", "range", lambda f: f.assign(constant=2.0)),
        ("constant", "missing", lambda f: f.assign(constant=None)),
        ("empty", "missing", lambda f: f.assign(empty=3.0)),
        ("nullable", "range", lambda f: f.assign(nullable=f.nullable + 1)),
        ("money", "drift", lambda f: f.assign(money=[x + 1 for x in f.money])),
        ("flag", "drift", lambda f: f.assign(flag=True)),
        ("when", "drift", lambda f: f.assign(when=f.when.dt.normalize() + pd.Timedelta("3h"))),
        ("when", "range", lambda f: f.assign(when=f.when + pd.Timedelta("4200D"))),
        ("when", "range", lambda f: f.assign(when=np.where(MAYBE, pd.Timestamp("1970-01-01"), f.when))),
        ("mixed", "unseen", lambda f: f.assign(mixed=9)),
        ("heavy", "drift", lambda f: f.assign(heavy=f.heavy + 1)),
    ],
)
def test_what_goes_wrong_is_told_on_its_own_column(column: str, kind: str, alter: Alter) -> None:
    monitor = told(alter)
    assert [(one.feature, one.kind) for one in monitor.alarms()] == [(column, kind)]
    assert monitor.report(feature=column).text()


@pytest.mark.parametrize(
    "alter",
    [
        lambda f: f,
        lambda f: f.astype(object),
        lambda f: f.convert_dtypes(),
        lambda f: f[f.columns[::-1]].assign(more=1, other="x"),
        lambda f: f.assign(money=f.money.astype(float), flag=f.flag.astype(int), when=f.when.astype(str)),
        lambda f: f.assign(sentinel=np.where(f.sentinel < -900, 5.0, f.sentinel)),
        lambda f: f.set_index(np.zeros(len(f), int)),
        lambda f: f.iloc[:1],
        lambda f: f.iloc[:0],
    ],
)
def test_the_same_rows_in_another_dress_are_calm(alter: Alter) -> None:
    assert told(alter).alarms() == ()


def test_numbers_among_texts_are_levels_whether_numpy_or_json_brings_them() -> None:
    values = [x if i % 7 else str(x) for i, x in enumerate(np.random.default_rng(5).integers(0, 5, 2000))]
    feature = Baseline.from_frame({"m": values}).feature("m")
    plain = [x if isinstance(x, str) else int(x) for x in values]
    for again in (values, plain):
        assert Baseline.from_frame({"m": values}).count({"m": again})["m"].tolist() == feature.counts.tolist()


def test_a_date_that_goes_on_is_calm_and_the_report_says_that_the_date_itself_is_not_watched() -> None:
    monitor = told(lambda f: f.assign(when=f.when + pd.Timedelta("406D")))
    assert monitor.alarms() == ()
    assert "Of dates the hour and day of the week are watched, not the date itself" in monitor.report().text()
    at = pd.Timestamp("2024-02-01")
    for pane in range(60):  # rows that come through the weeks, each with its own now
        when = at + pd.to_timedelta(np.arange(168) + 168 * pane, unit="h")
        monitor.update(rows(168, 300 + pane).assign(when=when))
        assert monitor.alarms() == ()


def test_of_five_hundred_columns_the_one_that_moved_is_told() -> None:
    rng = np.random.default_rng(3)
    monitor = Monitor(Baseline.from_frame(rng.normal(size=(2000, 500))))
    for _ in range(6):
        live = rng.normal(size=(200, 500))
        live[:, 37] += 0.7
        monitor.update(live)
    assert [one.feature for one in monitor.alarms()] == ["x37"]


def test_three_rows_of_one_class_work_and_say_how_little_they_can_tell() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": ["x", "x", "x"], "c": [1, 1, 1]})
    monitor = Monitor(Baseline.from_frame(frame, scores=np.array([0.1, 0.1, 0.2]), labels=np.array([1, 1, 1])))
    monitor.update(frame.iloc[[0] * 400], scores=np.full(400, 0.1))
    assert monitor.alarms() == ()
    text = monitor.report().text()
    assert "Against 3 training rows no shift under 2 standard deviations can ever be certain" in text
    assert "any other value is new: b, c." in text


def test_a_fresh_monitor_over_one_chunk_estimates_its_performance() -> None:
    rng = np.random.default_rng(4)
    scores = rng.beta(2, 3, 4000)
    baseline = Baseline.from_frame({"x": rng.normal(size=4000)}, scores, (rng.random(4000) < scores).astype(int))
    monitor = Monitor(baseline)
    monitor.update({"x": rng.normal(size=1000)}, scores=rng.beta(2, 3, 1000))
    for metric in ("accuracy", "roc_auc", "f1", "precision", "recall"):
        found = monitor.performance(metric=metric)
        assert found.low < found.value < found.high
