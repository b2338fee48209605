"""Live counts under calm are a Pólya urn: what a tilt of them is worth, and what one bucket of them is worth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln

Floats = NDArray[np.float64]
_STEPS = 40
_TOLERANCE = 1e-5  # ψ is flat at its root: this moves it by less than n · 1e-10
_ERROR = 0.08


class Tilts:
    """Log-tilts of many counters, (counters, tilts, buckets), made ready for ψ.

    `alive` (counters, buckets) marks the buckets that a counter has; the others are padding.
    """

    def __init__(self, tilts: Floats, alive: NDArray[np.bool_]) -> None:
        self.tilts = np.where(alive[:, None, :], tilts, 0.0)
        self._weight = np.where(alive[:, None, :], np.exp(tilts), 0.0)
        self._top = self._weight.max(axis=2, initial=1e-300)
        self._gap = np.where(alive[:, None, :], self._top[:, :, None] - self._weight, 0.0)

    def gain(self, counts: Floats, prior: Floats) -> Floats:
        """ln of what each tilt has won on `counts` (counters, buckets): Σ N h − ψ."""
        return np.asarray(np.matmul(self.tilts, counts[:, :, None])[:, :, 0] - self.psi(prior, counts.sum(axis=1)))

    def psi(self, prior: Floats, rows: Floats) -> Floats:
        """ψ = ln E over p ~ Dirichlet(prior) of (Σ p w)ⁿ with w = e^tilt, by saddlepoint (Daniels 1954).

        (Σ p w)ⁿ has expectation n! Γ(a)/Γ(a+n) [zⁿ] Π (1 − w z)^−A; the same approximation with w = 1 cancels most of
        its error. What is left is under .08 nats, which is added where it matters, at n > a/10: ψ too large costs
        evidence, too small would cost the promise.

        Returns
        -------
        (counters, tilts); 0 where a counter has no rows.
        """
        total = prior.sum(axis=1)
        alive = (rows > 0) & (total > 0)
        n = np.where(alive, rows, 1.0)[:, None]
        a = np.where(alive, total, 1.0)[:, None]
        mass = np.where(alive[:, None], prior, self._weight[:, 0, :] > 0)
        u, stretch = self._root(mass, n)
        # z = u / (1 + top u), 1 − w z = stretch / shrink
        shrink = 1 + self._top * u
        inverse = 1 / stretch
        spread = (mass[:, None, :] * self._weight * inverse * inverse).sum(axis=2) * u * shrink
        level = -n * np.log(u / shrink) - np.einsum("fb,fgb->fg", mass, np.log(stretch)) + a * np.log(shrink)
        plain = -n * np.log(n / (a + n)) - a * np.log(a / (a + n))
        psi = level - plain - 0.5 * np.log(spread * a / (n * (a + n)))
        return np.where(alive[:, None], psi + np.where(n > a / 10, _ERROR, 0.0), 0.0)

    def _root(self, mass: Floats, rows: Floats) -> tuple[Floats, Floats]:
        """Solve Σ A w u / (1 + gap u) = n: rising and concave, so Newton's steps from the left never overshoot."""
        pull = mass[:, None, :] * self._weight
        u = rows / pull.sum(axis=2)
        stretch = 1 + self._gap * u[:, :, None]
        for _ in range(_STEPS):
            part = pull / stretch
            step = (rows - part.sum(axis=2) * u) / (part / stretch).sum(axis=2)
            u = u + step
            stretch = 1 + self._gap * u[:, :, None]
            if np.all(np.abs(step) <= _TOLERANCE * u):
                break
        return u, stretch


def log_beta_ratio(x: Floats, y: Floats, alternative: tuple[Floats, Floats], null: tuple[Floats, Floats]) -> Floats:
    """ln of BB(x, y; alternative) / BB(x, y; null): x rows in a bucket, y elsewhere."""
    a, b = alternative
    c, d = null
    return np.asarray(betaln(x + a, y + b) - betaln(a, b) - betaln(x + c, y + d) + betaln(c, d))


def log_sum(values: Floats, axis: int) -> Floats:
    """ln Σ e^values along an axis; −∞ where all are. scipy's own checks cost four times as much at these sizes."""
    top = np.maximum(values.max(axis=axis, keepdims=True), -1e300)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.exp(values - top).sum(axis=axis)) + np.squeeze(top, axis=axis))
