"""One period against training: what is named, what is not, and in which words."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp, wasserstein_distance

from nb2prod.baseline import Baseline
from nb2prod.monitoring.statistics import two_sample
from nb2prod.monitoring.statistics.distances import distances

RNG = np.random.default_rng(0)
N = 20_000
TRAIN = {
    "x": RNG.normal(size=N),
    "carrier": RNG.choice(list("abcdefgh"), N),
    "late": RNG.random(N) < 0.3,
    "flat": np.ones(N),
}
BASELINE = Baseline.from_frame(TRAIN)


def calm(rows: int, seed: int) -> dict[str, object]:
    rng = np.random.default_rng(seed)
    return {
        "x": rng.normal(size=rows),
        "carrier": rng.choice(list("abcdefgh"), rows),
        "late": rng.random(rows) < 0.3,
        "flat": np.ones(rows),
    }


@pytest.mark.parametrize("rows", [20, 200, 5000, 50_000])
def test_calm_periods_name_nothing(rows: int) -> None:
    named = 0
    for seed in range(25):
        counts = BASELINE.count(calm(rows, seed + 100))
        named += sum(two_sample(BASELINE, counts, name).drifted for name in BASELINE.names)
    assert named <= 3  # 100 comparisons


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("x", RNG.normal(0.3, 1, 3000), "up: median"),
        ("x", RNG.normal(-0.3, 1, 3000), "down: median"),
        ("x", RNG.normal(0, 1.5, 3000), "wider"),
        ("x", RNG.normal(0, 0.6, 3000), "narrower"),
        ("x", RNG.normal(9, 0.1, 3000), "up: median"),
        ("x", np.where(RNG.random(3000) < 0.2, np.nan, RNG.normal(size=3000)), "missing in 0 % to"),
        ("x", ["text"] * 3000, "of another type in 0 % to 100 %"),
        ("x", np.full(3000, np.inf), "infinite"),
        ("x", np.where(RNG.random(3000) < 0.03, 1e6, RNG.normal(size=3000)), "above all of training"),
        ("carrier", RNG.choice(list("abcdefgh"), 3000, p=[0.3, *[0.1] * 7]), "more a"),
        ("carrier", ["new"] * 300 + list(RNG.choice(list("abcdefgh"), 2700)), "a level that training never had"),
        ("late", RNG.random(3000) < 0.5, "True"),
        ("flat", np.full(3000, 2.0), "above all of training"),
    ],
)
def test_a_change_is_named_in_its_own_words(column: str, values: object, words: str) -> None:
    counts = BASELINE.count(calm(3000, 7) | {column: values})
    told = {name: two_sample(BASELINE, counts, name) for name in BASELINE.names}
    assert [name for name, drift in told.items() if drift.drifted] == [column]
    assert words in told[column].direction
    assert told[column].low <= told[column].effect
    assert told[column].p_value is not None
    assert told[column].p_value < 1e-3


def test_a_trivial_shift_in_many_rows_is_certain_but_not_named() -> None:
    baseline = Baseline.from_frame({"x": np.random.default_rng(1).normal(size=1_000_000)})
    drift = two_sample(baseline, baseline.count({"x": np.random.default_rng(2).normal(0.02, 1, 1_000_000)}), "x")
    assert drift.p_value is not None
    assert drift.p_value < 1e-6
    assert not drift.drifted


def test_no_rows_and_empty_training_give_no_verdict() -> None:
    drift = two_sample(BASELINE, {}, "x", period="2013-04")
    assert (drift.rows, drift.drifted, drift.period) == (0, False, "2013-04")
    empty = Baseline.from_frame({"x": np.empty(0)})
    assert not two_sample(empty, empty.count({"x": [1.0]}), "x").drifted


def test_distances_agree_with_those_of_the_rows() -> None:
    live = np.random.default_rng(5).normal(0.2, 1.1, 4000)
    found = distances(BASELINE.feature("x"), BASELINE.feature("x").counts, BASELINE.count({"x": live})["x"])
    assert found["ks"].value == pytest.approx(ks_2samp(TRAIN["x"], live).statistic, abs=0.01)
    assert found["wasserstein"].value == pytest.approx(wasserstein_distance(TRAIN["x"], live), rel=0.1)
    assert found["psi"].value > found["psi"].critical


def test_calm_distances_stay_under_their_critical_values() -> None:
    feature = BASELINE.feature("x")
    past = {"psi": 0, "js": 0, "ks": 0, "wasserstein": 0}
    for seed in range(200):
        live = BASELINE.count({"x": np.random.default_rng(seed + 1000).normal(size=2000)})["x"]
        for name, distance in distances(feature, feature.counts, live).items():
            past[name] += distance.value > distance.critical
    # 5 % of 200 is 10; 20 is past three standard deviations
    assert all(times <= 20 for times in past.values()), past
