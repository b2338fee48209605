"""Do the columns still go together? The reconstruction error of a frozen principal component analysis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nb2prod.baseline.feature import Floats, Ints

COLUMNS = 256
ROWS = 20_000
LEAST_ROWS = 200
SHARE = 0.8
LIMIT = 6.0
UNIT = 1024


@dataclass(frozen=True, eq=False)
class Pca:
    """Centres, scales and components; `names` are the counters whose columns it reads.

    A null stands at the centre; values are held within six scales, so that one sentinel does not carry the error.
    """

    names: tuple[str, ...]
    centre: Floats
    scale: Floats
    components: Floats

    def residuals(self, columns: list[Floats | None], rows: int) -> Floats:
        """What the components leave of each standardised value, rows × columns."""
        matrix = np.empty((rows, len(self.names)))
        for j, values in enumerate(columns):
            matrix[:, j] = self.centre[j] if values is None else values
        return _left(_standard(matrix, self.centre, self.scale), self.components)


def errors(residuals: Floats) -> tuple[Floats, Ints]:
    """The error of each row, and the whole-number share of each column in their sum (1/1024 units, exact to add)."""
    squares = np.square(residuals)
    shares = np.rint(squares * UNIT).astype(np.int64).sum(axis=0)
    return squares.sum(axis=1), shares


def fit(names: tuple[str, ...], columns: list[Floats], rows: NDArray[np.int64]) -> Pca | None:
    """Fit on some rows; None where fewer than three columns vary or the rows are too few."""
    if len(rows) < LEAST_ROWS:
        return None
    matrix = np.stack([values[rows] for values in columns[:COLUMNS]], axis=1)
    matrix = np.where(np.isfinite(matrix), matrix, np.nan)
    alive = ~np.all(np.isnan(matrix), axis=0)
    matrix, names = matrix[:, alive], tuple(np.array(names[:COLUMNS], dtype=object)[alive])
    if matrix.shape[1] < 3:
        return None
    low, centre, high = np.nanquantile(matrix, (0.1, 0.5, 0.9), axis=0)
    spread = np.where(high > low, (high - low) / 2.563, np.nanstd(matrix, axis=0))
    varies = spread > 0
    if varies.sum() < 3:
        return None
    matrix, centre, spread = matrix[:, varies], centre[varies], spread[varies]
    components = _components(_standard(matrix, centre, 1 / spread))
    return Pca(tuple(np.array(names, dtype=object)[varies]), centre, 1 / spread, components)


def _standard(matrix: Floats, centre: Floats, scale: Floats) -> Floats:
    with np.errstate(invalid="ignore", over="ignore"):
        matrix = matrix - centre
        matrix *= scale
        np.clip(matrix, -LIMIT, LIMIT, out=matrix)
    np.copyto(matrix, 0.0, where=np.isnan(matrix))
    return matrix


def _components(standard: Floats) -> Floats:
    """The fewest directions that carry four fifths of the variance, but never all."""
    moments = standard.T @ standard / len(standard)
    values, vectors = np.linalg.eigh(moments)
    shares = np.cumsum(values[::-1]) / values.sum()
    wanted = min(int(np.searchsorted(shares, SHARE)) + 1, len(values) - 1)
    return np.ascontiguousarray(vectors[:, ::-1][:, :wanted])


def _left(standard: Floats, components: Floats) -> Floats:
    return np.asarray(standard - (standard @ components) @ components.T)
