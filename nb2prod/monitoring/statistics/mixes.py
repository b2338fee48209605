"""Bets on the levels of a category, given the urn that calm rows are drawn from.

Four ways to be wrong about a mix are bet on at once, and their mean is an e-value again:

- sticks: the most frequent level against all later ones, the next against those after it, and so on. Each stick of a
  Dirichlet is a Beta of its own, so each level is beta-binomial under calm whatever the others do, and the product over
  the levels is an e-value (compare Lindon & Malek 2022). A level moves with a probability that grows with the root of its
  share, by up to a half or a quarter of it: what a mix moves by lies mostly with levels that have rows to give, and every
  stick that did not move costs;
- one level against all others, for a level that takes from everywhere;
- the first so many levels against the rest, for a mix that tilts to the frequent or to the rare;
- all levels a little, each its own way: a Dirichlet-multinomial around the same shares.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from nb2prod.monitoring.statistics.scales import Floats
from nb2prod.monitoring.statistics.urn import log_sum

# (spread c of the alternative Beta(cp/4pq, cq/4pq), ρ of a level of average share): p moves by about 2 q / √c of itself
STICKS = ((20.0, 0.3), (80.0, 0.5))
# where levels are few each may well be the one that moved
_MORE_LEVELS, _SUREST = 3, 0.95
SPREADS = (20.0, 20.0, 160.0)
WHOLE = 800.0
# sticks, sticks, one against all, the first against the rest, all at once
STAKES = np.array([0.41, 0.41, 0.08, 0.03, 0.07])
_LESS, _MORE = 0.5, 50.0
# an alternative that is narrower than the urn would win on rows that are calmer than independent ones, and say nothing
_WIDER = 2.0


class Urn:
    """The Dirichlet parameters of many categories, (categories, levels in falling order), made ready for bets.

    `parts` holds one row a category in every array, so that a category can begin anew with another urn.
    """

    def __init__(self, urn: Floats) -> None:
        here, there = _sides(urn)
        alive = (np.tile(urn, 3) > 0) & (here > 1e-9) & (there > 1e-9)
        a, b = np.where(alive, here, 1.0), np.where(alive, there, 1.0)
        filled = urn > 0
        safe, total = np.where(filled, urn, 1.0), np.maximum(urn.sum(axis=1, keepdims=True), 1e-9)
        whole = np.minimum(WHOLE, total / _WIDER)
        wide = np.where(filled, whole * urn / total, 1.0)
        even = np.sqrt(urn / total * (filled.sum(axis=1, keepdims=True) + _MORE_LEVELS))
        first, second = _alternatives(a, b, urn.shape[1])
        self.parts: dict[str, Floats] = {
            "alive": alive.astype(np.float64),
            "a": a,
            "b": b,
            "null": _log_beta(a, b),
            "first": first,
            "second": second,
            "flat": _log_beta(first, second),
            "moves": np.concatenate([np.minimum(rho * even, _SUREST) for _, rho in STICKS], axis=1),
            "filled": filled.astype(np.float64),
            "urn": safe,
            "total": total,
            "wide": wide,
            "worth": whole,
            "whole": ((gammaln(wide) - gammaln(safe)) * filled).sum(axis=1, keepdims=True)
            - gammaln(whole)
            + gammaln(total),
        }

    def replace(self, place: int, other: Urn) -> None:
        """Give one category the urn that it has in another."""
        self.parts = {name: array.copy() for name, array in self.parts.items()}
        for name, array in self.parts.items():
            array[place] = other.parts[name][place]

    def evidence(self, rows: Floats) -> Floats:
        """ln of the mean of all bets on rows (categories, levels), a figure a category."""
        levels = rows.shape[1]
        null, ways = self._ratios(rows)
        alive = self.parts["alive"] > 0
        sticks, one, upto = (slice(k * levels, (k + 1) * levels) for k in range(3))
        found = []
        for way in range(len(STICKS)):
            here = slice(way * levels, (way + 1) * levels)
            moves = np.where(alive[:, sticks], self.parts["moves"][:, here], 0.5)
            step = np.logaddexp(np.log(1 - moves), np.log(moves) + ways[:, here] - null[:, sticks])
            found.append(np.where(alive[:, sticks], step, 0.0).sum(axis=1))
        first = len(STICKS) * levels
        spreads = np.stack(np.split(ways[:, first : first + 3 * levels], 3, axis=1))
        found.append(_mean(log_sum(spreads, axis=0) - np.log(3) - null[:, one], alive[:, one]))
        found.append(_mean(ways[:, first + 3 * levels :] - null[:, upto], alive[:, upto]))
        found.append(self._together(rows))
        return np.asarray(log_sum(np.stack(found) + np.log(STAKES)[:, None], axis=0))

    def _ratios(self, rows: Floats) -> tuple[Floats, Floats]:
        """ln of each beta-binomial under the urn, and under each alternative."""
        x, y = _sides(rows)
        parts = self.parts
        null = _log_beta(x + parts["a"], y + parts["b"]) - parts["null"]
        x, y = _by_way(x, rows.shape[1]), _by_way(y, rows.shape[1])
        return null, _log_beta(x + parts["first"], y + parts["second"]) - parts["flat"]

    def _together(self, rows: Floats) -> Floats:
        """ln of a Dirichlet-multinomial of WHOLE rows' worth against the urn's own."""
        parts = self.parts
        total = rows.sum(axis=1)
        gained = ((gammaln(rows + parts["wide"]) - gammaln(rows + parts["urn"])) * parts["filled"]).sum(axis=1)
        scale = gammaln(total + parts["total"][:, 0]) - gammaln(total + parts["worth"][:, 0])
        return np.asarray(gained + scale - parts["whole"][:, 0])


def _sides(levels: Floats) -> tuple[Floats, Floats]:
    """Each level and all later ones, each and all others, the first so many and the rest."""
    total = levels.sum(axis=1, keepdims=True)
    upto = np.cumsum(levels, axis=1)
    here = np.concatenate((levels, levels, upto), axis=1)
    return here, np.concatenate((total - upto, total - levels, total - upto), axis=1)


def _by_way(sides: Floats, levels: int) -> Floats:
    """The sides once for every alternative: sticks twice, one against all three times, the first so many once."""
    sticks, one, upto = (sides[:, k * levels : (k + 1) * levels] for k in range(3))
    return np.concatenate((*[sticks] * len(STICKS), *[one] * 3, upto), axis=1)


def _alternatives(a: Floats, b: Floats, levels: int) -> tuple[Floats, Floats]:
    """Beta parameters of every alternative, side by side as `_by_way` puts them."""
    p = _by_way(a / (a + b), levels)
    c = np.repeat([*(spread for spread, _ in STICKS), *SPREADS, SPREADS[0]], levels)
    # of the three spreads around one level the first is for a rare one that becomes many times as frequent
    rare = np.repeat([*[0.0] * len(STICKS), 1.0, 0.0, 0.0, 0.0], levels) > 0
    held = np.minimum(c / (4 * p * (1 - p)), _by_way(a + b, levels) / _WIDER)
    first = np.where(rare, np.where(p < 0.5, _LESS, _MORE), held * p)
    return first, np.where(rare, np.where(p < 0.5, _MORE, _LESS), held * (1 - p))


def _log_beta(a: Floats, b: Floats) -> Floats:
    return np.asarray(gammaln(a) + gammaln(b) - gammaln(a + b))


def _mean(ratio: Floats, alive: NDArray[np.bool_]) -> Floats:
    """ln of the mean over what is alive."""
    held = np.maximum(alive.sum(axis=1), 1)
    return np.asarray(log_sum(np.where(alive, ratio, -np.inf), axis=1) - np.log(held))
