"""Silence and bursts: told where the deployment's own rhythm says so, and never for a machine that slept."""

from __future__ import annotations

import numpy as np

from nb2prod.monitoring.alerts.traffic import HOUR, Rhythm, Strange

BEGIN = 1_700_000_000 // (168 * HOUR) * 168 * HOUR
MINUTE = 60


def rate(hour: int, busy: float = 200.0) -> float:
    """Rows of an hour: busy days, quiet nights, weekends with a third."""
    day, clock = hour // 24 % 7, hour % 24
    return busy * (0.05 + max(0.0, np.sin((clock - 6) / 24 * 2 * np.pi))) * (0.33 if day >= 5 else 1.0)


class World:
    """Hours of traffic, looked at every ten minutes."""

    def __init__(self, seed: int = 0, busy: float = 200.0) -> None:
        self.rhythm = Rhythm()
        self.random = np.random.default_rng(seed)
        self.busy = busy
        self.found: list[tuple[int, Strange]] = []

    def hours(self, begin: int, end: int, *, times: float = 1.0, asleep: bool = False) -> None:
        for hour in range(begin, end):
            # negative binomial: twice to four times the scatter of a Poisson law
            mean = rate(hour, self.busy) * times * self.random.gamma(20, 1 / 20)
            for tenth in range(6):
                now = BEGIN + hour * HOUR + tenth * 600
                if asleep:
                    continue
                self._slot(now, mean / 6)
                strange = self.rhythm.strange(now + 599)
                if strange is not None:
                    self.found.append((hour, strange))

    def _slot(self, now: float, mean: float) -> None:
        for minute in range(10):
            rows = int(self.random.poisson(mean / 10))
            self.rhythm.look(now + minute * MINUTE)
            self.rhythm.add(now + minute * MINUTE, rows)
        self.rhythm.look(now + 599)


def test_calm_weeks_with_nights_and_weekends_are_no_news() -> None:
    alarmed = 0
    for seed in range(10):
        world = World(seed)
        world.hours(0, 24 * 21)
        alarmed += any(hour >= 24 * 3 for hour, _ in world.found)
    assert alarmed == 0


def test_silence_in_a_busy_hour_is_told_soon_and_a_quiet_night_is_not() -> None:
    world = World(1)
    world.hours(0, 24 * 16 + 10)
    assert world.found == []
    world.hours(24 * 16 + 10, 24 * 16 + 13, times=0.0)
    hour, strange = world.found[0]
    assert strange.kind == "silence"
    assert hour <= 24 * 16 + 11
    assert strange.expected > 20


def test_a_burst_is_told_with_what_was_to_be_expected() -> None:
    world = World(2)
    world.hours(0, 24 * 16 + 10)
    world.hours(24 * 16 + 10, 24 * 16 + 12, times=8.0)
    strange = world.found[0][1]
    assert strange.kind == "burst"
    assert strange.rows > 4 * strange.expected


def test_a_burst_does_not_hide_a_silence_that_follows() -> None:
    rhythm, random = Rhythm(), np.random.default_rng(5)
    for minute in range(48 * 60):
        now = BEGIN + minute * MINUTE
        rhythm.look(now)
        rhythm.add(now, int(random.poisson(150 if minute // 60 == 45 else 17)))
    last = BEGIN + 48 * HOUR
    for minute in range(120):
        rhythm.look(last + minute * MINUTE)
        found = rhythm.strange(last + minute * MINUTE)
        if found is not None and found.kind == "silence":
            break
    assert 10 <= minute <= 45


def test_a_laptop_that_slept_is_no_silence() -> None:
    world = World(3)
    world.hours(0, 24 * 16 + 8)
    world.hours(24 * 16 + 8, 24 * 16 + 14, asleep=True)
    world.hours(24 * 16 + 14, 24 * 17)
    assert world.found == []


def test_with_little_history_nothing_is_said() -> None:
    world = World(4)
    world.hours(8, 11)
    world.hours(11, 14, times=0.0)
    assert world.found == []
