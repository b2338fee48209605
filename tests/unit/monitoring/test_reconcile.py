"""The law of labels and scores together: no proxy, however wrong, makes a calm life alarm more often than was said."""

from __future__ import annotations

import numpy as np
import pytest

from nb2prod.baseline import Baseline
from nb2prod.baseline.feature import BODY
from nb2prod.monitoring import Monitor
from nb2prod.monitoring.statistics.labelrisk import LabelRisk
from nb2prod.monitoring.statistics.pools import Pools
from nb2prod.monitoring.statistics.reconcile import Pool, Proxy, Rows, interval
from nb2prod.records.monitoring import Alarm

Array = np.ndarray
HOUR = 3600.0
ERROR = np.array([0.02, 0.1, 0.3, 0.45])
"""Chance of an error by bucket of the score, where it is as the hold-out had it."""
SHARE = np.array([0.5, 0.2, 0.1, 0.2])
RISK = float(SHARE @ ERROR)
PROXIES = {
    "right": ERROR,
    "twice": np.minimum(2 * ERROR, 1),
    "reversed": ERROR[::-1].copy(),
    "sure of itself": ERROR / 5,
}


def counts(held: Array, wrong: Array, more: Array) -> dict[str, Array]:
    """Of rows that all say no: those with labels, those that are wrong among them, those without labels."""
    table = np.zeros((len(held) + 1, 2), np.int64)
    table[:-1, 0], table[:-1, 1] = held - wrong, wrong
    confusion = np.array([[(held - wrong).sum(), wrong.sum(), 0], [0] * 3, [0] * 3])
    return {
        "@score": np.concatenate((np.zeros(BODY, np.int64), held + more)),
        "@labels": table.ravel(),
        "@confusion": confusion.ravel(),
    }


def pane(rng: np.random.Generator, share: Array, error: Array, labels: int, part: float) -> tuple[Array, Array, Array]:
    held = rng.multinomial(labels, share)
    return held, rng.binomial(held, error), rng.multinomial(round(labels / part) - labels, share)


def watch(level: float, limit: float, chance: Array | None) -> LabelRisk:
    proxy = None if chance is None else Proxy(chance, np.ones(len(chance)))
    return LabelRisk(level, RISK, limit, proxy=proxy)


def alarmed(seed: int, watched: LabelRisk, looks: int, part: float, error: Array, share: Array, since: int = 0) -> int:
    """Labels until an alarm, or all of them and more; after `since` looks errors and scores are those that are given."""
    rng, alarms = np.random.default_rng(seed), list[Alarm]()
    for look in range(looks):
        law = (share, error) if look >= since else (SHARE, ERROR)
        watched.add(counts(*pane(rng, *law, 50, part)), 0, alarms, HOUR * (look + 0.5))
        if alarms:
            return 50 * (look + 1)
    return 50 * (looks + 1)


def share_alarmed(proxy: str, part: float, lives: int, looks: int, level: float) -> float:
    """Of lives whose risk lies on the limit; in their second half scores are less sure, and nothing is wrong with the answers."""
    unsure = np.array([0.2, 0.2, 0.2, 0.4])
    error = ERROR * RISK / float(unsure @ ERROR)
    found = [
        alarmed(seed, watch(2 * level, RISK, PROXIES[proxy]), looks, part, error, unsure, looks // 2) <= 50 * looks
        for seed in range(lives)
    ]
    return float(np.mean(found))


@pytest.mark.parametrize("part", [0.02, 1.0])
@pytest.mark.parametrize("proxy", ["right", "reversed"])
def test_a_calm_life_keeps_the_rate_whatever_the_proxy_says(proxy: str, part: float) -> None:
    assert share_alarmed(proxy, part, lives=40, looks=60, level=0.2) <= 0.2


@pytest.mark.proof
@pytest.mark.parametrize("part", [0.02, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("proxy", PROXIES)
def test_the_stated_rate_holds_over_long_lives(proxy: str, part: float) -> None:
    assert share_alarmed(proxy, part, lives=200, looks=200, level=0.1) <= 0.1


def missed(proxy: str, part: float, lives: int, looks: int, level: float) -> float:
    """Lives in which the interval of all labels so far did not hold at some look."""
    found = []
    for seed in range(lives):
        rng, bad = np.random.default_rng(seed), False
        held, wrong, more = np.zeros(4), np.zeros(4), np.zeros(4)
        for _ in range(looks):
            fresh = pane(rng, SHARE, ERROR, 40, part)
            held, wrong, more = held + fresh[0], wrong + fresh[1], more + fresh[2]
            rows, pool = Rows(np.append(held, 0.0), np.append(wrong, 0.0)), Pool.of(held + more, PROXIES[proxy])
            low, high = interval(PROXIES[proxy], rows, pool, wrong.sum() / held.sum(), level)
            bad |= not low <= RISK <= high
        found.append(bad)
    return float(np.mean(found))


@pytest.mark.parametrize(("proxy", "part"), [("right", 0.02), ("reversed", 0.5)])
def test_the_interval_holds_at_all_looks_of_a_life_at_once(proxy: str, part: float) -> None:
    assert missed(proxy, part, lives=24, looks=12, level=0.2) <= 0.2


@pytest.mark.proof
@pytest.mark.parametrize("part", [0.02, 0.5, 1.0])
@pytest.mark.parametrize("proxy", PROXIES)
def test_the_interval_holds_over_long_lives(proxy: str, part: float) -> None:
    assert missed(proxy, part, lives=100, looks=60, level=0.1) <= 0.1


def test_errors_that_rise_are_told_with_fewer_labels_where_scores_help() -> None:
    worse = np.minimum(ERROR + 0.05, 1)
    alone, both = (
        np.median([alarmed(seed, watch(0.0025, RISK + 0.02, proxy), 200, 0.02, worse, SHARE) for seed in range(20)])
        for proxy in (None, ERROR)
    )
    assert both < 0.95 * alone


def test_late_labels_are_compared_with_the_scores_of_their_own_hour() -> None:
    unsure = np.array([0.0, 0.0, 0.2, 0.8])
    rng, alarms, late = np.random.default_rng(1), list[Alarm](), []
    watched = watch(0.2, RISK + 0.02, ERROR)
    for hour in range(200):
        held, wrong, more = pane(rng, SHARE if hour < 100 else unsure, ERROR, 50, 0.05)
        whole = counts(held, wrong, more)
        watched.add({"@score": whole.pop("@score")}, 1000, alarms, HOUR * (hour + 0.5))
        late.append(whole)
        if hour >= 50 and hour < 150:  # from hour 100 on scores are bad, and labels still those of the good hours
            watched.add(late[hour - 50], 0, alarms, HOUR * (hour - 49.5))
    assert not alarms
    assert watched.pools.table[0].tolist()[1] == 1000
    assert watched.pools.table[99, 4] == 50


def test_hours_add_up_in_any_order_and_the_oldest_are_forgotten() -> None:
    chance, rows = np.array([0.1, 0.4]), np.array([30.0, 10.0])
    one, other = Pools(), Pools()
    for hour in (3, 1, 3):
        one.score(hour, rows, chance)
    for hour in (3, 3, 1):
        other.score(hour, rows, chance)
    assert (one.table == other.table).all()
    first = one.take(3, np.array([10.0, 0.0, 0.0]), chance)
    assert (first.rows, first.labelled) == (80, 0)
    assert first.mean == pytest.approx(0.175, abs=1e-4)
    assert one.take(3, np.array([1.0, 0.0, 0.0]), chance).mean == pytest.approx((14 - 1) / 70, abs=1e-4)
    assert one.take(7, rows, chance) == Pool()
    for hour in range(5000):
        one.score(hour, rows, chance)
    assert len(one.table) == 2160
    assert one.table[0, 0] == 5000 - 2160


def test_a_model_that_answers_by_another_threshold_is_watched_by_its_labels_alone() -> None:
    rng = np.random.default_rng(2)
    scores = rng.beta(1, 1, 4000)
    labels = (rng.random(4000) < scores).astype(int)
    baseline = Baseline.from_frame({"x": rng.normal(size=4000)}, scores, labels)
    monitor = Monitor(baseline)
    assert monitor._risk.proxy is not None
    told = baseline.count_labels(scores[:400], labels[:400], (scores[:400] > 0.3).astype(int))
    monitor.add(baseline.count({}, scores[:400], 400) | told, 400)
    assert monitor._risk.proxy is None
    won = monitor._risk.bets.wealth
    assert won[:5] == pytest.approx(won[6:11])  # the weight of the scores makes no difference


def test_a_monitor_that_is_kept_and_read_again_goes_on_with_the_same_bets_on_labels() -> None:
    rng = np.random.default_rng(3)
    scores = rng.beta(1, 1, 3000)
    labels = (rng.random(3000) < scores).astype(int)
    baseline = Baseline.from_frame({"x": rng.normal(size=3000)}, scores, labels)
    whole, kept = Monitor(baseline), Monitor(baseline)
    for hour in range(6):
        rows = slice(300 * hour, 300 * hour + 300)
        for monitor in (whole, kept):
            monitor.add(baseline.count({}, scores[rows], 300), 300, time=HOUR * (hour + 0.5))
            late = baseline.count_labels(scores[rows][:60], labels[rows][:60])
            monitor.add(late, 0, time=HOUR * 9, happened=HOUR * (hour + 0.5))
        kept = Monitor.from_state(baseline, kept.state())
    assert (kept._risk.pools.table == whole._risk.pools.table).all()
    assert kept._risk.pools.table[:, 4].tolist() == [60] * 6
    assert (kept._risk.bets.evidence == whole._risk.bets.evidence).all()
    assert kept._risk.bets.looks == 6
