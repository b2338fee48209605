"""Few labels and many scores: the estimate of all rows, set right by what the labelled ones show, at any time.

The proxy of a row is what its calibrated score says of its outcome. A labelled row counts as
Z = outcome − λ (proxy − mean proxy of all rows scored in its hour), the control variate of prediction-powered inference
(Angelopoulos, Bates, Fannjiang, Jordan & Zrnic 2023; λ of PPI++, Angelopoulos, Duchi & Zrnic 2023). Where the labelled rows of
an hour are a random sample of those scored in it, Z has the mean of the outcome, whether the proxy is right or wrong, and less
spread where it is about right. Bets on Z (the capital of Waudby-Smith & Ramdas 2024) are

    K(m) = Σ over stakes s and weights λ of share · Π (1 + s (Z − m)),

a supermartingale while the mean is m. Stakes and weights are fixed before any label comes: half of the wealth bets on λ = 0,
labels alone, half on λ = .8. So nothing is tuned, and Π follows from counts by bucket and outcome alone. Drawn without
replacement Π is worth no more than with it (Maclaurin's inequality). The problem is that of prediction-powered risk monitoring
(arXiv 2602.02229); its equations could not be checked, and none is taken from it.

The mean of an hour's proxies is itself chance where rows are drawn from one law: each bet pays ½ s² λ (2 − λ) · variance of the
proxy · n²/N for n labels among N rows, to second order what that adds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import logsumexp

from nb2prod.baseline import Baseline
from nb2prod.baseline.feature import BODY
from nb2prod.monitoring.statistics import starts
from nb2prod.monitoring.statistics.scales import Floats
from nb2prod.records.monitoring import Reconciled

LEAST = 30
LEVEL = 0.05
METRICS = ("accuracy", "positive_share")
"""Means over rows of what a bucket and a label tell. ROC AUC, precision and recall are no means; of numbers there is no proxy."""
_WEIGHTS = np.array([0.0, 0.8])
_RISES = 0.01 * 2.0 ** np.arange(6)
"""Rises of a risk that the stakes of an alarm are best for."""
_GAPS = 0.000625 * 2.0 ** np.arange(10)
_MOST = 0.9


class Rows(NamedTuple):
    """Labelled rows by bucket of the score, and those with the outcome; the last bucket is for rows without a score."""

    held: Floats
    ones: Floats

    @property
    def n(self) -> float:
        return float(self.held.sum())

    @classmethod
    def bare(cls, n: float, ones: float, buckets: int) -> Rows:
        """Rows of whose scores nothing is known."""
        held, told = np.zeros(buckets + 1), np.zeros(buckets + 1)
        held[-1], told[-1] = n, ones
        return cls(held, told)


class Pool(NamedTuple):
    """Rows of which labelled ones are a sample: how many, mean and variance of their proxies, labels among them before."""

    rows: float = 0.0
    mean: float = 0.0
    variance: float = 0.0
    labelled: float = 0.0

    @classmethod
    def of(cls, rows: Floats, chance: Floats) -> Pool:
        many = float(rows.sum())
        if many <= 0:
            return cls()
        mean = float(rows @ chance) / many
        return cls(many, mean, max(float(rows @ chance**2) / many - mean * mean, 0.0))


@dataclass(frozen=True, eq=False)
class Proxy:
    """What a bucket of the score says of an outcome, and which label is that outcome there."""

    chance: Floats
    yes: Floats

    @classmethod
    def of(cls, baseline: Baseline, metric: str) -> Proxy | None:
        """Of the outcome of `METRICS`, or `error`; None where no calibrated scores tell."""
        said = baseline.says_yes
        if not len(baseline.right) or (metric == "positive_share" and _several(baseline)):
            return None
        told = {
            "accuracy": (baseline.right, said),
            "error": (1 - baseline.right, 1 - said),
            "positive_share": (baseline.calibrated, np.ones(len(said))),
        }
        return cls(*told[metric]) if metric in told else None

    def labelled(self, counts: Mapping[str, Any]) -> Rows | None:
        """By bucket; None where the counts have no such table."""
        table = counts.get("@labels")
        if table is None or len(table) != 2 * (len(self.chance) + 1):
            return None
        pairs = np.asarray(table, dtype=np.float64).reshape(-1, 2)
        yes = np.append(self.yes, 0.0)
        ones = pairs[:, 1] * yes + pairs[:, 0] * (1 - yes)
        ones[-1] = 0.0
        return Rows(np.append(pairs[:-1].sum(axis=1), 0.0), ones)  # a row without a score says nothing here

    def scored(self, counts: Mapping[str, Any]) -> Floats:
        """Rows by bucket."""
        live = counts.get("@score")
        found = np.zeros(len(self.chance)) if live is None else np.asarray(live, dtype=np.float64)[BODY:]
        return found if len(found) == len(self.chance) else np.zeros(len(self.chance))


def _several(baseline: Baseline) -> bool:
    return baseline.target is None or baseline.target.task != "binary"


def _logs(stakes: Floats, weights: Floats, chance: Floats, m: float, rows: Rows, pool: Pool) -> Floats:
    """ln of what each stake makes of the rows."""
    apart = np.append(chance - pool.mean, 0.0)
    without = 1 - stakes[:, None] * (m + weights[:, None] * apart)
    drawn = np.log(without) @ (rows.held - rows.ones) + np.log(without + stakes[:, None]) @ rows.ones
    before = pool.labelled
    again = ((before + rows.n) ** 2 - before**2) / pool.rows if pool.rows > 0 else 0.0
    return np.asarray(drawn - 0.5 * stakes**2 * weights * (2 - weights) * pool.variance * again)


@dataclass(eq=False)
class Bets:
    """Bets that a risk is above `limit`, over all times at which it may have begun (e-detector, Shin, Ramdas & Rinaldo 2024).

    `chance` is the proxy by bucket. `wealth` is what each bet has won since ever, `evidence` the sum over the starts.
    """

    limit: float
    chance: Floats
    stakes: Floats = field(init=False)
    weights: Floats = field(init=False)
    wealth: Floats = field(init=False)
    evidence: Floats = field(init=False)
    looked: Floats = field(init=False)
    looks: int = 0

    def __post_init__(self) -> None:
        self.weights = np.repeat(_WEIGHTS, len(_RISES))
        most = float(self.chance.max(initial=0.0))
        best = np.tile(_RISES, len(_WEIGHTS)) / max(self.limit * (1 - self.limit), 1e-9)
        self.stakes = np.minimum(best, _MOST / (self.limit + self.weights * most))
        self.wealth = np.zeros(len(self.stakes))
        self.restart()

    def take(self, rows: Rows, pool: Pool) -> None:
        """Bet on labelled rows; where more came than are left in their pool, on the labels alone."""
        if pool.rows - pool.labelled < max(rows.n, 1.0):
            rows, pool = Rows.bare(rows.n, float(rows.ones.sum()), len(self.chance)), Pool()
        self.wealth = self.wealth + _logs(self.stakes, self.weights, self.chance, self.limit, rows, pool)

    def look(self) -> float:
        """ln of the evidence; it passes −ln α with probability α at most, ever."""
        begins = float(starts.log_weight(np.array([self.looks]))[0])
        self.evidence = np.logaddexp(self.evidence, begins) + self.wealth - self.looked
        self.looked = self.wealth
        self.looks += 1
        return self.since(self.wealth - self.evidence)

    def since(self, before: Floats) -> float:
        """ln of what was won since the wealth was `before`."""
        return float(logsumexp(self.wealth - before)) - float(np.log(len(self.stakes)))

    def restart(self) -> None:
        self.looks, self.looked = 0, self.wealth
        self.evidence = np.full(len(self.stakes), -np.inf)


def reconcile(baseline: Baseline, counts: Mapping[str, Any], metric: str = "accuracy") -> Reconciled | None:
    """A metric from labels and scores together, with a confidence sequence; None where either is missing or too few labels came.

    Parameters
    ----------
    counts
        What `Baseline.count` and `Baseline.count_labels` gave. The labelled rows must be a random sample of the scored
        ones; the proxy may be as wrong as it likes.
    metric
        `accuracy` or `positive_share`: means over rows.

    Returns
    -------
    Reconciled or None
        Outside of `low` to `high` lies the figure with probability .05 at most, over all times at which one looks.
    """
    proxy = Proxy.of(baseline, metric) if metric in METRICS else None
    held = proxy.labelled(counts) if proxy is not None else None
    if proxy is None or held is None or not _answers(counts, held, metric):
        return None
    scored = proxy.scored(counts)
    if held.n < LEAST or scored.sum() < held.n:
        return None
    pool = Pool.of(scored, proxy.chance)
    value = _value(proxy.chance, held, pool)
    low, high = interval(proxy.chance, held, pool, value)
    return Reconciled(value=value, low=low, high=high, labels=int(held.n), rows=int(pool.rows))


def _answers(counts: Mapping[str, Any], rows: Rows, metric: str) -> bool:
    """Were the answers those that the scores say? Some models answer by another threshold."""
    if metric != "accuracy" or "@confusion" not in counts:
        return True
    table = np.asarray(counts["@confusion"])
    side = round(len(table) ** 0.5)
    known = table.reshape(side, side)[:-1, :-1]
    return bool(known.sum() == rows.n and np.trace(known) == rows.ones.sum())


def _value(chance: Floats, rows: Rows, pool: Pool) -> float:
    """θ = λ · mean proxy of all + mean of (outcome − λ · proxy), with the λ of least variance (PPI++)."""
    held, ones, n = rows.held[:-1], rows.ones[:-1], rows.n
    seen, meant = float(ones.sum()) / n, float(held @ chance) / n
    shared = float(ones @ chance) / n - seen * meant
    spread = (1 + n / pool.rows) * pool.variance
    weight = float(np.clip(shared / spread, 0.0, 1.0)) if spread > 0 else 0.0
    return float(np.clip(weight * pool.mean + seen - weight * meant, 0.0, 1.0))


def interval(chance: Floats, rows: Rows, pool: Pool, value: float, level: float = LEVEL) -> tuple[float, float]:
    """Means that the bets, half up and half down, do not refute."""
    sides = np.repeat([1.0, -1.0], len(_WEIGHTS) * len(_GAPS))
    weights = np.tile(np.repeat(_WEIGHTS, len(_GAPS)), 2)
    gaps = np.tile(_GAPS, 2 * len(_WEIGHTS))

    def over(m: float) -> float:
        """Positive where m is refuted."""
        room = np.where(sides > 0, m, 1 - m) + weights
        stakes = sides * np.minimum(gaps / max(m * (1 - m), 1e-9), _MOST / room)
        won = logsumexp(_logs(stakes, weights, chance, m, rows, pool)) - np.log(len(stakes))
        return float(won + np.log(level))

    tiny = 1e-9
    inner = min(max(value, 1e-6), 1 - 1e-6)
    if over(inner) > 0:
        return value, value
    low = brentq(over, tiny, inner) if over(tiny) > 0 else 0.0
    high = brentq(over, inner, 1 - tiny) if over(1 - tiny) > 0 else 1.0
    return min(float(low), value), max(float(high), value)
