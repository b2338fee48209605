"""An alarm from labels: the live risk is certainly above the hold-out's and a tolerance (Podkopaev & Ramdas 2022, Algorithm 1).

Told when a lower confidence bound of the live risk that holds at every time passes the upper bound of the reference's risk and
the tolerance. Each has half of the budget. The live risk is taken from every start, with the weights of `starts`, so that a fall
after a long good time is not diluted: the sum over the starts keeps the budget.

Errors of classes are bet on (`reconcile`): of the live half, one half on labels alone, one half on labels and scores together.
The labels of an hour are taken for those of a random sample of the rows scored in it; labels that came with their rows and
without a time, for those of a sample of these. Errors of numbers have no proxy: their bounds are asymptotic, at the starts that
are still looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from msgspec.structs import replace
from scipy.stats import beta, norm

from nb2prod.baseline import Baseline
from nb2prod.baseline.seasons import HOUR
from nb2prod.monitoring.statistics import sequences, starts
from nb2prod.monitoring.statistics.pools import Pools
from nb2prod.monitoring.statistics.reconcile import Bets, Pool, Proxy, Rows
from nb2prod.monitoring.statistics.scales import Floats
from nb2prod.records.monitoring import Alarm

UNIT = 65536
TOLERANCE = 0.02
"""In shares of errors; for numbers in the labels' own standard deviations."""
_LOOK = 50
_LEAST_NUMBERS = 100
_OVER = 1000.0
_ENOUGH = float(np.log(0.05))


@dataclass(frozen=True)
class Losses:
    """Number, sum and sum of squares of losses; `shares` where each is 0 or 1."""

    n: float = 0.0
    total: float = 0.0
    squares: float = 0.0
    shares: bool = True

    def __add__(self, other: Losses) -> Losses:
        return Losses(self.n + other.n, self.total + other.total, self.squares + other.squares, other.shares)

    def __sub__(self, other: Losses) -> Losses:
        return Losses(self.n - other.n, self.total - other.total, self.squares - other.squares, self.shares)

    @property
    def mean(self) -> float:
        return self.total / self.n if self.n > 0 else 0.0


def losses(counts: Mapping[str, Any]) -> Losses | None:
    """Errors of classes, or absolute errors of numbers in units of the labels' spread; None where no labels came."""
    if "@confusion" in counts:
        table = np.asarray(counts["@confusion"])
        side = round(len(table) ** 0.5)
        known = table.reshape(side, side)[:-1, :-1]  # the last of each is for what is no class
        n, right = float(known.sum()), float(np.trace(known))
        return Losses(n, n - right, n - right)
    if "@errors" in counts:
        sums = [float(value) for value in counts["@errors"]]
        return Losses(sums[0], sums[1] / UNIT, sums[3] / UNIT, False)
    return None


def upper(reference: Losses, level: float) -> float:
    """What the risk on the hold-out is at most, with probability 1 − level (Clopper & Pearson 1934; normal for numbers)."""
    if reference.shares:
        wrong = min(max(reference.total, 0.0), reference.n)
        return float(beta.isf(level, wrong + 1, max(reference.n - wrong, 1e-9)))
    spread = max(reference.squares / reference.n - reference.mean**2, 0.0)
    return reference.mean + float(norm.isf(level)) * float(np.sqrt(spread / reference.n))


@dataclass(frozen=True, eq=False)
class Mark:
    """A look: its number, the losses and rows before it, and what the bets had won."""

    look: int
    seen: Losses
    rows: int
    won: Floats


@dataclass(eq=False)
class LabelRisk:
    """Labels as they came, looked at every fifty of them.

    `limit` is what the live risk must certainly pass; None where the hold-out had no labels, then nothing is ever told.
    `proxy` is what a row's score says of its error; None where it says nothing, and once answers were not those of the scores.
    `least` labels are needed to say that it is over: errors come in bad days and good ones, and one good day ends nothing.
    `unit` is what one unit of a loss is worth in the label's own.
    """

    level: float
    reference: float
    limit: float | None
    shares: bool = True
    proxy: Proxy | None = None
    bets: Bets | None = None
    pools: Pools = field(default_factory=Pools)
    seen: Losses = field(default_factory=Losses)
    marks: list[Mark] = field(default_factory=list)
    looks: int = 0
    pending: int = 0
    standing: int | None = None
    least: float = 0.0
    unit: float = 1.0

    def __post_init__(self) -> None:
        self.seen = Losses(shares=self.shares)
        if self.shares and self.limit is not None and self.limit < 1:
            self.bets = Bets(self.limit, np.zeros(0) if self.proxy is None else self.proxy.chance)
        self.marks = [self._mark(0)]

    @classmethod
    def of(cls, baseline: Baseline, level: float) -> LabelRisk:
        known = losses(baseline.reference)
        if known is None or known.n < 1:
            return cls(level, 0.0, None)
        proxy = Proxy.of(baseline, "error") if known.shares else None
        unit = 1.0 if known.shares or baseline.target is None else baseline.target.scale
        return cls(level, known.mean, upper(known, level / 2) + TOLERANCE, known.shares, proxy, unit=unit)

    def add(self, counts: Mapping[str, Any], rows: int, alarms: list[Alarm], happened: float | None = None) -> None:
        """Take labels that came when `rows` rows had been seen; what is certain is put into `alarms`.

        `happened` is when the rows of these counts were scored, those with labels as well as those without.
        """
        if self.limit is None:
            return
        hour = int(happened // HOUR) if happened is not None and np.isfinite(happened) else None
        if self.proxy is not None and hour is not None:
            self.pools.score(hour, self.proxy.scored(counts), self.proxy.chance)
        fresh = losses(counts)
        if fresh is None:
            return
        self.seen += fresh
        self._bet(fresh, counts, hour)
        self.pending += int(fresh.n)
        if self.pending < _LOOK:
            return
        self.pending = 0
        if self.standing is None:
            self._look(rows, alarms)
        else:
            self._over(rows, alarms)
        self.looks += 1
        self.marks = [mark for mark in self.marks if starts.kept(mark.look, self.looks)]
        self.marks.append(self._mark(rows))

    def _mark(self, rows: int) -> Mark:
        return Mark(self.looks, self.seen, rows, np.zeros(0) if self.bets is None else self.bets.wealth)

    def _bet(self, fresh: Losses, counts: Mapping[str, Any], hour: int | None) -> None:
        if self.bets is None:
            return
        known = self.proxy.labelled(counts) if self.proxy is not None else None
        if known is not None and known.n == fresh.n and known.ones.sum() != fresh.total:
            self.proxy = None  # the model answers by another threshold: whether a score is wrong is another question
        if self.proxy is None or known is None or known.n != fresh.n:
            self.bets.take(Rows.bare(fresh.n, fresh.total, len(self.bets.chance)), Pool())
            return
        chance = self.proxy.chance
        pool = (
            self.pools.take(hour, known.held, chance)
            if hour is not None
            else Pool.of(self.proxy.scored(counts), chance)
        )
        self.bets.take(known, pool)

    def _look(self, rows: int, alarms: list[Alarm]) -> None:
        assert self.limit is not None
        enough = float(np.log(2 / self.level))
        if self.bets is not None:
            if self.bets.look() < enough:
                return
            told = np.array([self.bets.since(mark.won) for mark in self.marks]) + self._weights()
            self._tell(self.marks[int(np.argmax(told))], rows, alarms)
            return
        for mark, weight in zip(self.marks, self._weights(), strict=True):
            if _interval(self.seen - mark.seen, float(weight) - enough).low > self.limit:
                self._tell(mark, rows, alarms)
                return

    def _weights(self) -> Floats:
        return starts.log_weight(np.array([mark.look for mark in self.marks]))

    def _tell(self, mark: Mark, rows: int, alarms: list[Alarm]) -> None:
        assert self.limit is not None
        window = self.seen - mark.seen
        weight = float(starts.log_weight(np.array([mark.look]))[0])
        low = max(_interval(window, weight + float(np.log(self.level / 2))).low, self.limit)
        self.standing = len(alarms)
        self.least = max(window.n, _OVER)
        alarms.append(self._alarm(window, low, mark.rows, rows, alarms))
        self.marks = []  # whether it is over is read from what comes now

    def _over(self, rows: int, alarms: list[Alarm]) -> None:
        """The labels of some window that ends now are certainly within the limit again."""
        assert self.standing is not None
        assert self.limit is not None
        for mark in self.marks:
            window = self.seen - mark.seen
            if window.n >= self.least and _interval(window, _ENOUGH).high < self.limit:
                alarms[self.standing] = replace(alarms[self.standing], ended=rows)
                self.standing, self.marks, self.looks = None, [], 0
                if self.bets is not None:
                    self.bets.restart()
                return

    def _alarm(self, window: Losses, low: float, when: int, rows: int, alarms: list[Alarm]) -> Alarm:
        what = "errors" if window.shares else "mean error"
        held, now, least = (f"{self.unit * value:.3g}" for value in (self.reference, window.mean, low))
        words = f"{what} {held} on the hold-out to {now}, certainly above {least}"
        return Alarm(
            feature="@labels",
            kind="performance",
            effect=window.mean - self.reference,
            bound=low - self.reference,
            first_row=when,
            earliest=max([mark.rows for mark in self.marks if mark.rows < when], default=0),
            latest=min([mark.rows for mark in self.marks if mark.rows > when], default=rows),
            raised=rows,
            direction=words,
            group=1 + max((one.group for one in alarms), default=-1),
            evidence=float(-np.log(self.level)),
            matters="realised: what labels say, not an estimate",
        )


def _interval(window: Losses, log_level: float) -> sequences.Interval:
    if window.shares:
        return sequences.of_shares(window.total, window.n, log_level)
    if window.n < _LEAST_NUMBERS:
        return sequences.Interval(-np.inf, np.inf)
    return sequences.of_many(window.n, window.total, window.squares, log_level)
