"""The saddlepoint of a tilt against its exact recursion, and the law of a bet."""

from __future__ import annotations

import numpy as np
import pytest

from nb2prod.monitoring.statistics.urn import Floats, Tilts, log_beta_ratio


def exact_log_tilt(prior: Floats, tilt: Floats, rows: int) -> float:
    """ψ by the recursion n cₙ = Σ_j p_j c_{n−j}, p_j = Σ A wʲ: slow, exact, the measure of `Tilts.psi`."""
    weight = np.exp(tilt - tilt.max())
    powers = np.array([prior @ weight**j for j in range(1, rows + 1)])
    plain = prior.sum()
    logs = np.zeros(rows + 1)
    for n in range(1, rows + 1):
        terms = np.log(powers[:n]) + logs[n - 1 :: -1][:n]
        top = terms.max()
        logs[n] = top + np.log(np.exp(terms - top).sum()) - np.log(n)
    base = np.sum(np.log(plain + np.arange(rows)) - np.log(np.arange(1, rows + 1)))
    return float(logs[rows] - base + rows * tilt.max())


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
