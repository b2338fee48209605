"""Levels, rare ones and new ones: calm lives are silent though training's levels were ranked by luck."""

from __future__ import annotations

import numpy as np
import pytest

from nb2prod.baseline import Baseline
from nb2prod.baseline.feature import BODY
from nb2prod.baseline.words import left_one_out, tallied
from nb2prod.monitoring import Monitor
from nb2prod.monitoring.statistics.mixes import Urn


def drawn(levels: int, power: float, rng: np.random.Generator, rows: int, columns: int) -> dict[str, np.ndarray]:
    share = 1 / np.arange(1, levels + 1) ** power
    names = np.array([f"v{k}" for k in range(levels)], dtype=object)
    return {f"x{c}": names[rng.choice(levels, rows, p=share / share.sum())] for c in range(columns)}


def watched(levels: int, power: float, rows: int, seed: int, columns: int = 5) -> Monitor:
    frame = drawn(levels, power, np.random.default_rng(seed), rows, columns)
    return Monitor(Baseline.from_frame(frame, kinds=dict.fromkeys(frame, "category")))


@pytest.mark.parametrize(
    ("levels", "power", "rows"),
    [(300, 0, 5000), (50, 0, 5000), (100, 0, 2000), (1000, 0, 5000), (3000, 1, 5000), (300, 1.5, 2000)],
)
def test_calm_levels_are_silent_however_many_they_are(levels: int, power: float, rows: int) -> None:
    monitor = watched(levels, power, rows, seed=levels)
    rng = np.random.default_rng(1)
    most = -np.inf
    for _ in range(30):
        monitor.update(drawn(levels, power, rng, 400, 5))
        assert monitor.alarms() == ()
        most = max(most, float(monitor._detector.evidence.max()))
    assert most < np.log(100)  # it was past 10^20 while the levels were counted on the rows that chose them


def test_ids_of_which_each_is_new_are_calm() -> None:
    ids = np.array([f"{k:08d}" for k in np.random.default_rng(3).integers(0, 10**8, 30_000)], dtype=object)
    monitor = Monitor(Baseline.from_frame({"id": ids[:5000]}))
    for row in range(5000, 30_000, 500):
        monitor.update({"id": ids[row : row + 500]})
        assert monitor.alarms() == ()


def test_a_level_that_training_never_had_is_told_among_many_rare_ones() -> None:
    monitor = watched(3000, 1.5, 5000, seed=2, columns=1)
    rng = np.random.default_rng(5)
    for pane in range(15):
        rows = drawn(3000, 1.5, rng, 200, 1)["x0"]
        if pane >= 5:
            rows[rng.random(200) < 0.05] = "new"
        monitor.update({"x0": rows})
    (alarm,) = monitor.alarms()
    assert alarm.kind == "unseen"
    assert alarm.direction.startswith("a level that training never had in ")
    assert alarm.direction.endswith(" were to be expected")


def test_rare_levels_that_training_had_are_not_called_new() -> None:
    monitor = watched(300, 1, 5000, seed=2, columns=1)
    rng = np.random.default_rng(5)
    rare = np.array([f"v{k}" for k in range(150, 300)], dtype=object)
    for _ in range(15):
        rows = drawn(300, 1, rng, 200, 1)["x0"]
        rows[rng.random(200) < 0.3] = rng.choice(rare)
        monitor.update({"x0": rows})
    assert {alarm.kind for alarm in monitor.alarms()} == {"drift"}
    assert monitor.alarms()[0].direction.startswith("rare levels in ")


def test_rows_that_choose_the_levels_do_not_count_them() -> None:
    feature = Baseline.from_frame(drawn(300, 0, np.random.default_rng(0), 6000, 1)).feature("x0")
    share = feature.reference / feature.reference.sum()
    levels = len(feature.levels)
    assert feature.counts.sum() == 6000
    assert feature.reference.sum() == 5000
    assert abs(share[BODY:-2].sum() - levels / 300) < 4 * np.sqrt(levels / 300 / 5000)


def test_levels_that_come_once_say_how_many_are_still_unseen() -> None:
    found = tallied([*"aabbccc", "d", "e", "f"])
    rows, worth = left_one_out(np.array([0, 0, 0, 3, 7, 0]), found, 5)
    assert rows.tolist() == [0, 0, 0, 3, 4, 3]
    assert worth == pytest.approx(2.6 / 6.6)


def test_no_bet_wins_on_rows_that_are_calmer_than_independent_ones() -> None:
    urn = np.full((1, 100), 2.0)
    assert Urn(urn).evidence(np.full((1, 100), 90.0))[0] < 0
