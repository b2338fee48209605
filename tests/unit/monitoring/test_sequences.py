"""The law of the confidence sequences: with probability 1 − α no look of a whole life has the mean outside."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from nb2prod.monitoring.alerts.course import Course, Sums, share
from nb2prod.monitoring.statistics import sequences
from nb2prod.records.alerts import Alert, Reading

HOUR, DAY = 3600.0, 86400.0
Draw = Callable[[np.random.Generator, int], np.ndarray]


def sums(values: np.ndarray) -> Sums:
    return Sums(len(values), values.sum(), (values**2).sum(), np.count_nonzero((values != 0) & (values != 1)))


def life(alert: Alert, draws: list[np.ndarray], alpha: float, every: float = DAY) -> list[Reading]:
    """One reading after each increment."""
    course, readings = Course.of(alert), []
    for turn, values in enumerate(draws):
        now = every * (turn + 1)
        course.add(alert, sums(values), now - 1, math.log(alpha))
        readings.append(course.read(alert, now, alpha))
    return readings


def paged(alert: Alert, draw: Draw, lives: int, turns: int, rows: int, alpha: float) -> int:
    """How many of the calm lives had any page."""
    found = 0
    for seed in range(lives):
        random = np.random.default_rng(seed)
        readings = life(alert, [draw(random, rows) for _ in range(turns)], alpha)
        found += any(reading.verdict == "page" for reading in readings)
    return found


# the mean lies on the limit itself: the worst that is calm
LAWS: dict[str, tuple[Alert, Draw]] = {
    "shares": (
        Alert("conversion", below=0.03, over="7d", min_count=50),
        lambda r, n: (r.random(n) < 0.03).astype(float),
    ),
    "bounded": (
        Alert("cost", above=0.2 * 500, over="7d", within=(0, 500), min_count=50),
        lambda r, n: 500 * r.beta(0.4, 1.6, n),
    ),
    "any": (
        Alert("cost", above=math.exp(0.5), over="7d", min_count=200),
        lambda r, n: r.lognormal(0, 1, n),
    ),
}


@pytest.mark.parametrize("law", LAWS)
def test_a_metric_on_its_limit_pages_in_few_lives_however_often_one_looks(law: str) -> None:
    alert, draw = LAWS[law]
    assert paged(alert, draw, lives=100, turns=100, rows=60, alpha=0.2) <= 20


@pytest.mark.proof
@pytest.mark.parametrize("law", LAWS)
def test_the_stated_rate_holds_over_long_lives(law: str) -> None:
    alert, draw = LAWS[law]
    assert paged(alert, draw, lives=400, turns=400, rows=60, alpha=0.05) <= 20


@pytest.mark.parametrize(
    ("alert", "before", "after"),
    [
        (Alert("conversion", below=0.03, over="7d"), 0.05, 0.015),
        (Alert("complaints", above=0.02, over="7d"), 0.01, 0.05),
    ],
)
def test_a_fall_after_six_good_months_is_seen_within_days(alert: Alert, before: float, after: float) -> None:
    random = np.random.default_rng(1)
    rates = [before] * 180 + [after] * 14
    readings = life(alert, [(random.random(2000) < rate).astype(float) for rate in rates], share(1))
    verdicts = [reading.verdict for reading in readings]
    assert "page" not in verdicts[:180]
    assert verdicts.count("fine") > 150
    assert "page" in verdicts[180:190]
    assert "warn" in verdicts[180:190]


def test_costs_of_any_size_are_told_and_a_known_range_tells_exactly() -> None:
    random = np.random.default_rng(2)
    draws = [random.lognormal(0, 0.8, 1500).clip(0, 50) * size for size in [1.0] * 60 + [2.2] * 10]
    for alert in (
        Alert("cost", above=2.0, over="7d"),
        Alert("cost", above=2.0, over="7d", within=(0, 110)),
    ):
        readings = life(alert, draws, share(1))
        assert all(reading.verdict == "fine" for reading in readings[30:60])
        assert readings[-1].verdict == "page"
        assert readings[-1].method in ("asymptotic", "empirical Bernstein")
        assert readings[-1].low is not None
        assert readings[-1].low > 2.0


def test_too_few_say_nothing_and_an_old_window_is_forgotten() -> None:
    alert = Alert("conversion", below=0.5, over="7d", min_count=100)
    course = Course.of(alert)
    course.add(alert, Sums(99, 0, 0), 0.0, -3.0)
    assert course.read(alert, HOUR, 0.01).verdict == "waiting"
    course.add(alert, Sums(200, 0, 0), HOUR, -3.0)
    assert course.read(alert, 2 * HOUR, 0.01).verdict == "page"
    assert course.read(alert, 30 * DAY, 0.01).verdict == "waiting"


def test_corrections_take_back_what_was_said() -> None:
    alert = Alert("conversion", below=0.5, over="7d", min_count=10)
    course = Course.of(alert)
    course.add(alert, Sums(400, 0, 0), 0.0, -3.0)
    course.add(alert, Sums(0, 390, 390), HOUR, -3.0)
    assert course.read(alert, 2 * HOUR, 0.01).verdict == "fine"


def test_the_interval_of_shares_is_that_of_the_mixture() -> None:
    level = math.log(0.01)
    low, high = sequences.of_shares(40, 1000, level)
    for p in (low, high):
        mixed = np.trapezoid(
            [q**40 * (1 - q) ** 960 * (q * (1 - q)) ** -0.5 / math.pi for q in np.linspace(1e-6, 1 - 1e-6, 400_001)],
            dx=(1 - 2e-6) / 400_000,
        )
        assert mixed / (p**40 * (1 - p) ** 960) == pytest.approx(100, rel=0.01)
    assert sequences.of_shares(0, 100, level).low == 0
    assert sequences.of_shares(100, 100, level).high == 1


def test_the_shares_of_all_alerts_add_up_to_the_budget() -> None:
    assert sum(share(place) for place in range(1, 10_000)) < 0.1 * 0.05
