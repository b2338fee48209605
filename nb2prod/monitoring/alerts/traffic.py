"""Silence and bursts: an hour's rows against the deployment's own hour of the week, once it has two weeks, else the hours before.

Counts scatter more than a Poisson law says; each hour is negative binomial with the scatter that the hours so far had. An hour
that was not watched from begin to end (the agent slept, as a laptop does) is no hour, and a silence begins when somebody looks.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import msgspec
import numpy as np
from scipy.stats import nbinom

from nb2prod.monitoring.statistics import starts

HOUR = 3600
KEPT_HOURS = 5 * 168
WEEKS, DAYS = 14 * 24, 3 * 24
ASLEEP = 300.0
SHARE = 0.01
"""Of the error budget."""
TIMES = 3.0
LEAST_SILENCE = 600.0
_LEAST_ROWS, _LEAST_HOURS, _DAY = 50, 6, 24


class Strange(NamedTuple):
    """What is strange about the traffic, since when, and how many rows were to be expected."""

    kind: Literal["silence", "burst"]
    since: float
    rows: int
    expected: float


class Rhythm(msgspec.Struct):
    """What is kept of a deployment's traffic: rows by hour, watched time, the longest silence that was none."""

    hours: dict[int, int] = {}
    watched: dict[int, float] = {}
    last_row: float | None = None
    looked: float | None = None
    awake: float | None = None
    longest: float = 0.0
    judged: int = 0
    silent: bool = False

    def add(self, arrived: float, rows: int) -> None:
        """Take rows that came in a minute."""
        if rows <= 0:
            return
        hour = int(arrived // HOUR)
        self.hours[hour] = self.hours.get(hour, 0) + rows
        begin = max(self.last_row or arrived, self.awake or arrived)
        if not self.silent:
            self.longest = max(self.longest, arrived - begin)
        self.last_row = max(self.last_row or arrived, arrived)

    def look(self, now: float) -> None:
        """Somebody watches; after a gap the watching begins anew."""
        if self.looked is None or now - self.looked > ASLEEP or now < self.looked:
            self.awake = now
        else:
            self._watch(self.looked, now)
        forget = self.looked is None or int(now // HOUR) != int(self.looked // HOUR)
        self.looked = now
        oldest = int(now // HOUR) - KEPT_HOURS if forget else 0
        for table in (self.hours, self.watched):
            for hour in [hour for hour in table if hour < oldest]:
                del table[hour]

    def _watch(self, begin: float, end: float) -> None:
        while begin < end:
            hour = int(begin // HOUR)
            until = min(end, (hour + 1) * HOUR)
            self.watched[hour] = self.watched.get(hour, 0.0) + until - begin
            begin = until

    def strange(self, now: float, rate: float = 0.05) -> Strange | None:
        """Silence or a burst that calm traffic shows with less than its share of the error budget."""
        whole = sorted(hour for hour, seconds in self.watched.items() if seconds > HOUR - ASLEEP)
        past = [hour for hour in whole if hour < int(now // HOUR)]
        if len(past) < _LEAST_HOURS or sum(self.hours.get(hour, 0) for hour in past) < _LEAST_ROWS:
            return None
        budget = -(math.log(SHARE * rate) + float(starts.log_weight(np.array([len(past)]))[0]))
        return self._silence(now, past, budget) or self._burst(past, budget)

    def _silence(self, now: float, past: list[int], budget: float) -> Strange | None:
        begin = max(self.last_row or 0.0, self.awake or now)
        patience = max(LEAST_SILENCE, 0.0 if len(past) >= WEEKS else 2 * self.longest)
        if now - begin < patience:
            self.silent = False
            return None
        expected, scatter = self._expected(begin, now, past, usual=True)
        against = expected * (math.log(scatter) / (scatter - 1) if scatter > 1.001 else 1.0)
        self.silent = against >= budget
        return Strange("silence", begin, 0, expected) if self.silent else None

    def _burst(self, past: list[int], budget: float) -> Strange | None:
        hour = past[-1]
        if hour <= self.judged:
            return None
        self.judged = hour
        rows = self.hours.get(hour, 0)
        before = past[:-1]
        if rows < _LEAST_ROWS or len(before) < _DAY:
            return None
        expected, scatter = self._expected(hour * HOUR, (hour + 1) * HOUR, before)
        cycle = _cycle(before)
        like = [self.hours.get(one, 0) for one in before if one % cycle == hour % cycle]
        if rows < TIMES * max([expected, *like]):
            return None
        size = max(expected, 0.5) / max(scatter - 1, 1e-3)
        tail = float(nbinom.logsf(rows - 1, size, 1 / max(scatter, 1.001)))
        return Strange("burst", hour * HOUR, rows, expected) if -tail >= budget else None

    def _expected(self, begin: float, end: float, past: list[int], *, usual: bool = False) -> tuple[float, float]:
        """Rows to be expected in a time, and by how much the hours scatter more than a Poisson law says.

        With `usual` no hour counts for more than a burst's multiple of what nine in ten have: one burst would hide a silence for
        hours.
        """
        cycle = _cycle(past)
        used = past if cycle > 1 else past[-24:]
        counts = np.array([self.hours.get(hour, 0) for hour in used], dtype=np.float64)
        if usual:
            counts = np.minimum(counts, TIMES * max(float(np.quantile(counts, 0.9)), 1.0))
        phase = np.array(used) % cycle
        sums, sizes = np.bincount(phase, counts, cycle), np.bincount(phase, minlength=cycle)
        overall = counts.mean()
        # each hour of the cycle leans on the mean of all by half an hour's worth
        means = (sums + 0.5 * overall) / (sizes + 0.5)
        spread = (counts - means[phase]) ** 2 / np.maximum(means[phase], 0.5)
        free = max(len(counts) - np.count_nonzero(sizes), len(counts) / 4, 1.0)
        total, at = 0.0, begin
        while at < end:
            until = min(end, (at // HOUR + 1) * HOUR)
            total += float(means[int(at // HOUR) % cycle]) * (until - at) / HOUR
            at = until
        return total, max(float(spread.sum() / free), 1.0)


def _cycle(past: list[int]) -> int:
    """Hours after which traffic is compared with itself: a week once there are two, a day once there are three, else none."""
    return 168 if len(past) >= WEEKS else 24 if len(past) >= DAYS else 1
