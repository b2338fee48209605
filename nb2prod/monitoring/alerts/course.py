"""A metric over its last window: sums from the grid of starts on, and the interval that holds at every time.

The window's length is cut in eight; a window begins at one of these marks and ends now, so it is between seven eighths and
the whole of what was asked for. Every mark of the whole life has a share of the error budget, so that the interval may be
looked at at any time, and a window after six good months is as good as the first.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec
import numpy as np

from nb2prod.monitoring.statistics import sequences, starts
from nb2prod.records.alerts import Alert, Reading, Verdict

CUT = 8
SHARE = 0.08
"""Of the error budget for all limits together; the j-th gets 6/(π²j²) of it. Refusals and traffic have .01 each."""


class Sums(NamedTuple):
    """Of what an increment says of a metric: how many, their sum and sum of squares, how many were neither 0 nor 1."""

    n: float = 0.0
    total: float = 0.0
    squares: float = 0.0
    rest: float = 0.0


class Stand(msgspec.Struct, array_like=True, frozen=True):
    """Running sums, and those of the stakes (Waudby-Smith & Ramdas)."""

    n: float = 0.0
    total: float = 0.0
    squares: float = 0.0
    rest: float = 0.0
    stakes: float = 0.0
    staked: float = 0.0
    spent: float = 0.0

    def minus(self, other: Stand) -> Stand:
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return Stand(*(a - b for a, b in pairs))


class Course(msgspec.Struct):
    """What is kept of a metric: the sums now, and as they stood at the last marks (mark, sums before it)."""

    unit: float
    first: int | None = None
    now: Stand = Stand()
    marks: list[tuple[int, Stand]] = []
    began: float | None = None
    """When the first of it arrived."""

    @classmethod
    def of(cls, alert: Alert) -> Course:
        return cls(unit=alert.seconds / CUT)

    def add(self, alert: Alert, sums: Sums, arrived: float, log_level: float) -> None:
        """Take what an increment says; increments come in the order of their arrival."""
        mark = int(arrived // self.unit)
        self.first = mark if self.first is None else self.first
        self.began = arrived if self.began is None else self.began
        if not self.marks or self.marks[-1][0] < mark:
            self.marks = [*self.marks[-2 * CUT :], (mark, self.now)]
        self.now = self._grown(alert, sums, log_level)

    def window(self, now: float) -> tuple[Stand, int]:
        """Sums of the window that ends now, and its first mark."""
        begin = math.ceil(now / self.unit) - CUT
        for mark, before in self.marks:
            if mark >= begin:
                return self.now.minus(before), begin
        return Stand(), begin

    def read(self, alert: Alert, now: float, alpha: float) -> Reading:
        """Where the metric stands; `alpha` is the alert's own share of the error budget."""
        seen, begin = self.window(now)
        if seen.n < alert.min_count or self.first is None:
            return Reading(n=max(int(seen.n), 0))
        begin = max(begin, self.first)
        level = math.log(alpha) + float(starts.log_weight(np.array([begin - self.first]))[0])
        (low, high), method = _interval(alert, seen, level)
        value = seen.total / seen.n
        if alert.metric == "f1":
            value, low, high = map(_f1, (value, low, high))
        return Reading(
            verdict=_verdict(alert, value, low, high),
            n=int(seen.n),
            value=value,
            low=low,
            high=high,
            since=max(begin * self.unit, self.began or 0.0),
            method=method,
        )

    def _grown(self, alert: Alert, sums: Sums, log_level: float) -> Stand:
        was = self.now
        stakes = staked = spent = 0.0
        if alert.within is not None:
            stakes, staked, spent = _stakes(was, sums, alert.within, log_level)
        return Stand(
            was.n + sums.n,
            was.total + sums.total,
            was.squares + sums.squares,
            was.rest + sums.rest,
            was.stakes + stakes,
            was.staked + staked,
            was.spent + spent,
        )


def share(place: int, rate: float = 0.05) -> float:
    """Of the error budget, what the alert that was added j-th has."""
    return SHARE * rate * 6 / (math.pi**2 * place**2)


def _stakes(was: Stand, sums: Sums, within: tuple[float, float], log_level: float) -> tuple[float, float, float]:
    """One stake for all rows of the increment, chosen before them: mean and variance are those of the rows so far."""
    least, most = within
    span = most - least
    n, total = sums.n, (sums.total - least * sums.n) / span
    squares = (sums.squares - 2 * least * sums.total + least * least * sums.n) / span**2
    before = max(was.n, 0.0) + 1
    mean = (0.5 + (was.total - least * was.n) / span) / before
    mean2 = (0.25 + 0.25 + (was.squares - 2 * least * was.total + least * least * was.n) / span**2) / before
    mean = min(max(mean, 0.0), 1.0)
    size = sequences.stake(max(mean2 - mean * mean, 1e-4), max(was.n / CUT, 500.0), log_level)
    apart = max(squares - 2 * mean * total + mean * mean * n, 0.0)
    return size * n, size * total, sequences.cost(size) * apart


def _interval(alert: Alert, seen: Stand, level: float) -> tuple[sequences.Interval, str]:
    if alert.within is not None:
        least, most = alert.within
        low, high = sequences.of_bounded(seen.stakes, seen.staked, seen.spent, level)
        return sequences.Interval(least + low * (most - least), least + high * (most - least)), "empirical Bernstein"
    each = alert.each or 1.0
    if seen.rest <= 0 and -1e-6 <= seen.total <= each * seen.n * (1 + 1e-9):
        low, high = sequences.of_shares(seen.total / each, seen.n, level)
        return sequences.Interval(each * low, each * high), "beta-binomial"
    return sequences.of_many(seen.n, seen.total, seen.squares, level, max(2.0 * alert.min_count, 1000.0)), "asymptotic"


def _f1(share: float) -> float:
    """F1 of the share of hits among all rows that are said or truly positive: it grows with it, so intervals carry over."""
    return 2 * share / (1 + share)


def _verdict(alert: Alert, value: float, low: float, high: float) -> Verdict:
    limit = alert.limit
    if alert.above is not None:
        past, certain, safe = value > limit, low > limit, high <= limit
    else:
        past, certain, safe = value < limit, high < limit, low >= limit
    return "page" if certain else "warn" if past else "fine" if safe else "unsure"
