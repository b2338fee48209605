"""Bets on the levels of a category: together an e-value, exactly."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.special import gammaln

from nb2prod.monitoring.statistics.mixes import STAKES, Urn


@pytest.mark.parametrize("urn", [(5.0, 3.0, 1.5), (40.0, 2.0, 0.5), (7.0, 7.0, 0.0)])
def test_the_mean_of_all_bets_under_the_urn_is_one(urn: tuple[float, ...]) -> None:
    rows = 9
    prior = np.array([urn])
    found = [np.array(cell, float) for cell in itertools.product(range(rows + 1), repeat=3) if sum(cell) == rows]
    found = [cell for cell in found if not cell[prior[0] == 0].any()]
    filled = prior[0] > 0
    total = 0.0
    for cell in found:
        a, x = prior[0][filled], cell[filled]
        log = gammaln(rows + 1) - gammaln(x + 1).sum() + gammaln(a + x).sum() - gammaln(a).sum()
        log += gammaln(a.sum()) - gammaln(a.sum() + rows)
        total += np.exp(log + Urn(prior).evidence(cell[None, :])[0])
    assert total == pytest.approx(1.0, abs=1e-9)


def test_a_level_that_moves_wins_and_the_stakes_are_spent() -> None:
    prior = np.array([[400.0, 300.0, 200.0, 100.0]])
    calm, moved = np.array([[80.0, 60.0, 40.0, 20.0]]), np.array([[50.0, 90.0, 40.0, 20.0]])
    assert Urn(prior).evidence(calm)[0] < 0 < Urn(prior).evidence(moved)[0]
    assert STAKES.sum() == pytest.approx(1.0)


def test_one_category_begins_anew_alone() -> None:
    both, other = np.array([[50.0, 30.0], [50.0, 30.0]]), np.array([[50.0, 30.0], [10.0, 90.0]])
    urn = Urn(both)
    urn.replace(1, Urn(other))
    rows = np.array([[20.0, 5.0], [20.0, 5.0]])
    np.testing.assert_allclose(urn.evidence(rows)[0], Urn(both).evidence(rows)[0])
    np.testing.assert_allclose(urn.evidence(rows)[1], Urn(other).evidence(rows)[1])
