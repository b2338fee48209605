"""The saddlepoint of a tilt against its exact recursion, and the law of a bet."""

from __future__ import annotations

import numpy as np
import pytest

from nb2prod.monitoring.statistics.urn import Tilts, exact_log_tilt, log_beta_ratio


@pytest.mark.parametrize("rows", [1, 2, 10, 200, 1500])
@pytest.mark.parametrize("scale", [0.05, 0.4, 1.5])
@pytest.mark.parametrize("prior", [[50.0] * 20, [1.0, 5.0, 80.0, 300.0, 80.0, 5.0, 1.0], [0.5, 2000.0, 0.5]])
def test_psi_is_the_exact_one_within_its_stated_error(rows: int, scale: float, prior: list[float]) -> None:
    masses = np.array(prior)
    tilt = np.clip(scale * np.linspace(-2, 2, len(masses)), -1.5, 1.5)
    near = Tilts(tilt[None, None], masses[None] > 0).psi(masses[None], np.array([float(rows)]))[0, 0]
    exact = exact_log_tilt(masses, tilt, rows)
    # too much costs evidence, too little would cost the promise
    assert exact - 0.002 <= near <= exact + (0.25 if rows > masses.sum() / 10 else 0.02)


def test_a_bucket_that_is_not_there_changes_nothing() -> None:
    masses, padded = np.array([[30.0, 40.0]]), np.array([[30.0, 40.0, 0.0]])
    plain = Tilts(np.array([[[0.3, -0.2]]]), masses > 0)
    a = plain.psi(masses, np.array([25.0]))
    b = Tilts(np.array([[[0.3, -0.2, 1.5]]]), padded > 0).psi(padded, np.array([25.0]))
    assert a == pytest.approx(b)
    assert plain.psi(masses, np.zeros(1)) == 0


def test_a_beta_binomial_bet_is_worth_one_under_calm() -> None:
    rng = np.random.default_rng(0)
    rows = 50
    share = rng.beta(3, 400, 200_000)
    x = rng.binomial(rows, share)
    ratio = np.exp(log_beta_ratio(x, rows - x, (np.array(0.5), np.array(200.0)), (np.array(3.0), np.array(400.0))))
    assert ratio.mean() == pytest.approx(1, abs=0.03)
