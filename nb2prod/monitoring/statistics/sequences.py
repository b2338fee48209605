"""Confidence sequences: intervals of a mean that hold at every time at once, from sums alone.

0 and 1: the beta-binomial mixture (Robbins 1970; Howard et al. 2021). Values in a known range: predictable plug-in
empirical Bernstein (Waudby-Smith & Ramdas 2024, Thm 2), where one stake holds for all rows of an increment, so that sums and
squares are enough. Anything else: the asymptotic sequence (Waudby-Smith et al. 2024, Thm 2.2), for means of many.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import betaln

_MOST_STAKE = 0.5
_PRIOR = 0.5


class Interval(NamedTuple):
    low: float
    high: float


def of_shares(ones: float, n: float, log_level: float) -> Interval:
    """The probability of a 1; it lies outside at any time with probability e^`log_level` at most.

    Examples
    --------
    >>> low, high = of_shares(30, 1000, np.log(0.05))
    >>> bool(0.01 < low < 0.03 < high < 0.06)
    True
    """
    if n <= 0:
        return Interval(0.0, 1.0)
    ones = min(max(ones, 0.0), n)
    mixed = float(betaln(_PRIOR + ones, _PRIOR + n - ones) - betaln(_PRIOR, _PRIOR)) + log_level
    share = ones / n

    def over(p: float) -> float:
        """Positive where p is refuted."""
        with np.errstate(divide="ignore"):
            return mixed - float(_xlogy(ones, p) + _xlogy(n - ones, 1 - p))

    tiny = 1e-12
    low = brentq(over, tiny, share) if share > tiny and over(tiny) > 0 else 0.0
    high = brentq(over, share, 1 - tiny) if share < 1 - tiny and over(1 - tiny) > 0 else 1.0
    return Interval(float(low), float(high))


def _xlogy(x: float, y: float) -> float:
    return x * float(np.log(y)) if x else 0.0


def stake(variance: float, rows: float, log_level: float) -> float:
    """λ for an increment, from what was known before it: best for a window of so many rows."""
    if rows <= 0:
        return _MOST_STAKE
    return min(float(np.sqrt(2 * (np.log(2) - log_level) / (max(variance, 1e-6) * rows))), _MOST_STAKE)


def cost(staked: float) -> float:
    """ψ_E(λ) times 4, the price of a row's squared distance."""
    return float(-np.log1p(-staked) - staked)


def of_bounded(stakes: float, staked_total: float, spent: float, log_level: float) -> Interval:
    """The mean of values in [0, 1] from Σλ, Σλx and Σψ(λ)(x − μ̂)²."""
    if stakes <= 0:
        return Interval(0.0, 1.0)
    half = (np.log(2) - log_level + spent) / stakes
    middle = staked_total / stakes
    return Interval(float(max(middle - half, 0.0)), float(min(middle + half, 1.0)))


def of_many(n: float, total: float, squares: float, log_level: float, expected: float = 1000.0) -> Interval:
    """The mean of any values with a variance, for n that is not small; narrowest at about `expected` of them."""
    if n < 2:
        return Interval(-np.inf, np.inf)
    mean = total / n
    variance = max(squares / n - mean * mean, 0.0)
    half = errors_wide(n, log_level, expected) * float(np.sqrt(variance / n))
    return Interval(mean - half, mean + half)


def errors_wide(n: float, log_level: float, expected: float = 1000.0) -> float:
    """How many standard errors the asymptotic sequence reaches to each side; 1.96 would be those of one look."""
    rho2 = (-2 * log_level + np.log(1 - 2 * log_level)) / max(expected, 1.0)
    return float(np.sqrt(2 * (n * rho2 + 1) / (n * rho2) * (0.5 * np.log(n * rho2 + 1) - log_level)))
