"""Live counts under calm are a Pólya urn: what a tilt of them is worth, and what one bucket of them is worth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln

Floats = NDArray[np.float64]
_STEPS = 40
_TOLERANCE = 1e-10
_ERROR = 0.08


def log_tilt(prior: Floats, tilts: Floats, rows: Floats) -> Floats:
    """ψ = ln E over p ~ Dirichlet(prior) of (Σ p w)ⁿ with w = e^tilt, by saddlepoint (Daniels 1954).

    (Σ p w)ⁿ has expectation n! Γ(a)/Γ(a+n) [zⁿ] Π (1 − w z)^−A; the same approximation with w = 1 cancels most of its
    error. What is left is under .08 nats of either sign, which is added where it matters, at n > a/10.

    Parameters
    ----------
    prior
        (features, buckets); zero for a bucket that is not there.
    tilts
        (features, tilts, buckets).
    rows
        (features,); need not be whole.

    Returns
    -------
    (features, tilts); 0 where a feature has no rows.
    """
    total = prior.sum(axis=1)
    alive = (rows > 0) & (total > 0)
    safe = np.where(alive, rows, 1.0)[:, None]
    weight = np.exp(tilts)
    mass = np.where(prior.sum(axis=1)[:, None, None] > 0, prior[:, None, :], 1.0)
    top = np.max(np.where(mass > 0, weight, 0.0), axis=2, keepdims=True)
    u = _root(mass * weight, top - np.where(mass > 0, weight, top), safe)
    stretch = 1 + (top - np.where(mass > 0, weight, top)) * u[:, :, None]
    shrink = 1 + top * u[:, :, None]
    # z = u / (1 + top u), 1 − w z = stretch / shrink
    z = u / shrink[:, :, 0]
    a = mass.sum(axis=2)
    level = -safe * np.log(z) - (mass * np.log(stretch)).sum(axis=2) + a * np.log(shrink[:, :, 0])
    spread = (mass * weight / stretch**2).sum(axis=2) * z * shrink[:, :, 0] ** 2
    plain = -safe * np.log(safe / (a + safe)) - a * np.log(a / (a + safe))
    psi = level - plain - 0.5 * np.log(spread * a / (safe * (a + safe)))
    return np.where(alive[:, None], psi + np.where(safe > a / 10, _ERROR, 0.0), 0.0)


def _root(pull: Floats, gap: Floats, rows: Floats) -> Floats:
    """Solve Σ pull u / (1 + gap u) = rows: increasing and concave, so Newton's steps from the left never overshoot."""
    u = np.asarray(rows / pull.sum(axis=2))
    for _ in range(_STEPS):
        stretch = 1 / (1 + gap * u[:, :, None])
        part = pull * stretch
        value = part.sum(axis=2) * u
        step = (rows - value) / (part * stretch).sum(axis=2)
        u = u + step
        if np.all(np.abs(step) <= _TOLERANCE * u):
            break
    return u


def exact_log_tilt(prior: Floats, tilt: Floats, rows: int) -> float:
    """ψ by the recursion n cₙ = Σ_j p_j c_{n−j}, p_j = Σ A wʲ: slow, exact, the measure of `log_tilt`."""
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


def log_beta_ratio(x: Floats, y: Floats, alternative: tuple[Floats, Floats], null: tuple[Floats, Floats]) -> Floats:
    """ln of BB(x, y; alternative) / BB(x, y; null): x rows in a bucket, y elsewhere."""
    a, b = alternative
    c, d = null
    return np.asarray(betaln(x + a, y + b) - betaln(a, b) - betaln(x + c, y + d) + betaln(c, d))
