"""What a pane holds of one column takes less than a kilobyte, whatever its values: in memory, in the store and on the wire."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import pandas as pd
import pytest

from nb2prod.baseline import ORDER, Baseline, sparse
from nb2prod.baseline.order import SHAPE
from nb2prod.monitoring import Monitor
from nb2prod.monitoring.statistics.directions import quantile

ROWS, KILOBYTE = 20_000, 1024
# of the counts of the order of rows, which all counters have together
ORDER_BYTES = 8 * SHAPE[0] * SHAPE[1]
Draw = Callable[[np.random.Generator, int], object]


def texts(words: int) -> Draw:
    def draw(rng: np.random.Generator, rows: int) -> object:
        held = rng.integers(1, 400, rows)
        return [" ".join(f"w{code}" for code in rng.zipf(1.3, count) % words) for count in np.minimum(held, 25)]

    return draw


def atoms(count: int, beside: float) -> Draw:
    return lambda rng, rows: np.where(rng.random(rows) < beside, rng.normal(size=rows), rng.integers(0, count, rows))


def levels(count: int, power: float) -> Draw:
    share = np.arange(1, count + 1) ** -power
    return lambda rng, rows: np.array([f"level {k}" for k in range(count)])[
        rng.choice(count, rows, p=share / share.sum())
    ]


def moments(step: str) -> Draw:
    return lambda rng, rows: pd.date_range("2024-01-01", periods=rows, freq=step)


KINDS: dict[str, Draw] = {
    "normal": lambda rng, rows: rng.normal(size=rows),
    "heavy": lambda rng, rows: rng.standard_t(1, size=rows).astype(np.float32),
    "gaps": lambda rng, rows: np.where(rng.random(rows) < 0.3, np.nan, rng.exponential(size=rows)),
    "whole": lambda rng, rows: rng.integers(0, 200, rows),
    "few": lambda rng, rows: rng.integers(0, 40, rows),
    "many atoms": atoms(120, 0.3),
    "some atoms": atoms(45, 0.5),
    "every hour": moments("37min"),
    "every day": moments("1D"),
    "office hours": lambda rng, rows: (
        pd.bdate_range("2020-01-01", periods=500)[rng.integers(0, 500, rows)]
        + pd.to_timedelta(rng.integers(8 * 60, 18 * 60, rows), unit="min")
    ),
    "flag": lambda rng, rows: rng.random(rows) < 0.3,
    "20 levels": levels(20, 0.7),
    "500 even levels": levels(500, 0),
    "500 levels": levels(500, 0.7),
    "100 even levels": levels(100, 0),
    "ids": lambda rng, rows: [f"id {row}" for row in range(rows)],
    "texts": texts(5000),
    "texts of few words": lambda rng, rows: [f"the word {code} of a few" for code in rng.integers(0, 90_000, rows)],
}


def column(draw: Draw, seed: int, rows: int = ROWS) -> dict[str, object]:
    return {"x": draw(np.random.default_rng(seed), rows)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_takes_less_than_a_kilobyte_a_pane(kind: str) -> None:
    baseline = Baseline.from_frame(column(KINDS[kind], 0))
    live = column(KINDS[kind], 1)
    monitor = Monitor(baseline)
    monitor.update(live)
    assert len(monitor.counts) == (3 if kind.startswith("texts") else 1)
    assert sum(array.nbytes for array in monitor.counts.values()) <= KILOBYTE
    served = sparse(baseline.count(live, ordered=True))
    assert len(msgspec.msgpack.encode(served)) <= KILOBYTE
    del served[ORDER]
    assert len(msgspec.json.encode(served)) <= KILOBYTE
    one = [feature for feature in baseline.features if feature.role == "feature"]
    if len(one) == 1:  # the order of its rows included
        assert 8 * one[0].size + ORDER_BYTES <= KILOBYTE


SAID: dict[str, Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]] = {
    "binary": lambda rng, rows: (rng.beta(2, 5, rows), rng.integers(0, 2, rows)),
    "of a small tree": lambda rng, rows: (rng.integers(0, 60, rows) / 60, rng.integers(0, 2, rows)),
    "10 classes": lambda rng, rows: (rng.dirichlet(np.ones(10), rows), rng.integers(0, 10, rows)),
    "60 classes": lambda rng, rows: (rng.dirichlet(np.ones(60), rows), rng.integers(0, 60, rows)),
    "120 classes": lambda rng, rows: (rng.dirichlet(np.ones(120) / 9, rows), rng.integers(0, 120, rows)),
    "regression": lambda rng, rows: (rng.normal(size=rows), rng.normal(size=rows)),
}


@pytest.mark.parametrize("task", SAID)
def test_each_counter_of_what_the_model_says_takes_less_than_a_kilobyte_a_pane(task: str) -> None:
    rng = np.random.default_rng(0)
    scores, labels = SAID[task](rng, ROWS)
    classes = list(range(scores.shape[1])) if scores.ndim == 2 else None
    frame = rng.normal(size=(ROWS, 8))
    baseline = Baseline.from_frame(frame, scores, labels, classes=classes)
    monitor = Monitor(baseline)
    monitor.update(frame, scores=scores, labels=labels)
    counts = monitor.counts
    assert set(counts) > {"@multivariate", "@multivariate.shares"} | set(baseline.score_names)
    for name, array in counts.items():
        assert array.nbytes <= KILOBYTE, name
        assert len(msgspec.json.encode(sparse({name: array}))) <= KILOBYTE, name


def test_the_order_of_rows_takes_a_fixed_few_numbers_a_counter() -> None:
    baseline = Baseline.from_frame(np.random.default_rng(0).normal(size=(2000, 30)))
    assert 8 * baseline.sizes[ORDER] == len(baseline.features) * ORDER_BYTES == 31 * 144


@pytest.mark.parametrize("shift", [1, -1, 6, 12])
def test_date_times_at_other_hours_are_told_within_few_rows(shift: int) -> None:
    office = KINDS["office hours"]
    monitor = Monitor(Baseline.from_frame(column(office, 0)))
    for turn in range(3):
        monitor.update(column(office, 1 + turn, 200))
    assert monitor.alarms() == ()
    moved = column(office, 9, 2000)["x"] + pd.Timedelta(hours=shift)  # type: ignore[operator]
    for first in range(0, 2000, 200):
        monitor.update({"x": moved[first : first + 200]})
        if monitor.alarms():
            break
    (alarm,) = monitor.alarms()
    assert alarm.direction.startswith(
        ("at other hours of the week", "at times of the week or in years that training never had")
    )


def test_a_level_that_shares_its_bucket_with_the_gap_above_it_is_read_as_itself() -> None:
    feature = Baseline.from_frame(column(KINDS["whole"], 0)).feature("x")
    few = Baseline.from_frame({"x": np.repeat(np.arange(80.0), 250)}).feature("x")
    assert len(few.edges) == 81
    assert quantile(few, few.counts, 0.5) == "39"
    assert 60 <= len(feature.edges) <= 80
