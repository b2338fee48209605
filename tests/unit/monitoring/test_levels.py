"""Levels, rare ones and new ones: calm lives are silent though training's levels were ranked by luck."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import betabinom

from nb2prod.baseline import Baseline, unseen
from nb2prod.baseline.feature import BODY
from nb2prod.baseline.words import left_one_out, tallied
from nb2prod.monitoring import Monitor
from nb2prod.monitoring.statistics.detector import Detector
from nb2prod.monitoring.statistics.layout import Layout
from nb2prod.monitoring.statistics.mixes import Urn
from nb2prod.monitoring.statistics.scales import few
from nb2prod.monitoring.statistics.seasonal import Seasonal


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


def in_bursts(
    levels: int, burst: int, rng: np.random.Generator, rows: int, new: float = 0.0, shuffled: bool = False
) -> dict[str, np.ndarray]:
    draws = drawn(levels, 1.3, rng, rows // burst, 1)["x0"]
    draws[rng.random(len(draws)) < new] = "new"
    found = np.repeat(draws, burst)
    return {"x0": found[rng.permutation(len(found))] if shuffled else found}


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize(("levels", "burst"), [(400, 5), (400, 20), (100, 20)])
def test_bursts_of_rare_levels_are_calm_in_whatever_order_training_is(levels: int, burst: int, shuffled: bool) -> None:
    for seed in range(2):
        rng = np.random.default_rng((seed, levels, burst))
        monitor = Monitor(Baseline.from_frame(in_bursts(levels, burst, rng, 20_000, shuffled=shuffled)))
        for _ in range(40):
            monitor.update(in_bursts(levels, burst, rng, 200))
            assert monitor.alarms() == ()


@pytest.mark.parametrize(
    ("levels", "burst", "new", "most"),
    [(400, 1, 0.05, 800), (40, 1, 0.01, 1600), (400, 5, 0.2, 1000), (40, 20, 0.2, 3000)],
)
def test_a_new_level_is_told_in_time_in_rows_of_its_own_and_in_bursts(
    levels: int, burst: int, new: float, most: int
) -> None:
    rng = np.random.default_rng((levels, burst))
    monitor = Monitor(Baseline.from_frame(in_bursts(levels, burst, rng, 20_000)))
    while not monitor.alarms():
        monitor.update(in_bursts(levels, burst, rng, 200, new))
    (alarm,) = monitor.alarms()
    assert (alarm.kind, alarm.raised <= most) == ("unseen", True)


def test_a_level_counts_as_new_where_it_came_in_one_burst() -> None:
    values = np.repeat([*(f"a{k}" for k in range(30)), *"bcdefghij"], [5] * 30 + [90] * 5 + [100] * 4)
    feature = Baseline.from_frame({"x": values}, kinds={"x": "category"}).feature("x")
    held = [unseen.expected(feature, feature.reference, factor)[0] for factor in (1.0, 3.0, 5.0)]
    assert held[:2] == [0, 0]
    assert held[2] == pytest.approx(150 / len(values) * feature.reference[BODY:].sum())


def test_a_bet_on_more_new_levels_is_fair_where_fewer_come_than_were_expected() -> None:
    values = np.repeat([f"a{k}" for k in range(60)], 5).tolist() + ["b"] * 2000 + ["c"] * 1700
    layout = Layout.of(Baseline.from_frame({"x": values}, kinds={"x": "category"}))
    detector, n, factor = Detector(layout, Seasonal(Baseline.from_frame({"x": values}), layout)), 60, np.array([5.0])
    urn = layout.prior / factor[:, None]
    live = np.zeros((n + 1, layout.width))
    live[:, -1], live[:, BODY] = np.arange(n + 1), n - np.arange(n + 1)
    last = slice(4 * 3, None)
    gains = np.array([detector._buckets.gains(one[None], urn, factor)[0, last] for one in live])
    a, b, _ = detector._buckets._null(urn, factor)
    for share in (1.0, 0.7, 0.2):  # of what is expected
        first = share * a[0, 4]
        chance = betabinom(n, first, b[0, 4] + a[0, 4] - first).pmf(np.arange(n + 1))
        mean = chance @ np.exp(gains)
        assert (mean <= 1 + 1e-6).all()
        assert share < 1 or mean == pytest.approx(1)


def test_levels_are_not_parted_by_luck_where_many_are_alike() -> None:
    bursts = [60, *np.random.default_rng(0).integers(14, 27, 20).tolist(), 1, 1, 2]
    values = np.repeat([f"v{k}" for k in range(len(bursts))], np.array(bursts) * 20)
    feature = Baseline.from_frame({"x": values}, kinds={"x": "category"}).feature("x")
    names = np.array(feature.levels)[few(feature, 20.0)[:-2]]
    assert set(names) <= {"v21", "v22", "v23"}
    assert not few(feature, 1.0).any()
