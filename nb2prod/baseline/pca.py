"""Do the columns still go together? The reconstruction error of a frozen principal component analysis."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nb2prod.baseline.feature import Floats, Ints

COLUMNS = 256
ROWS = 20_000
LEAST_ROWS = 200
SHARE = 0.8
LIMIT = 6.0
UNIT = 1024
_ONE_THREAD = 200_000
ROWS_AT_ONCE = 2**16


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
        """What the components leave of each standardised value, columns × rows."""
        return _left(_standard(columns, rows, self.centre, self.scale), self.components, self._rest)

    @cached_property
    def block(self) -> int:
        """Rows to take at once: whole blocks of the linear algebra, so that many rows give the same bits and take no memory."""
        step = _step(self.components, self._rest)
        return step * max(1, ROWS_AT_ONCE // step)

    @cached_property
    def _rest(self) -> Floats:
        """Directions at right angles to the components: where they are fewer, they are the cheaper way."""
        whole = np.linalg.svd(self.components, full_matrices=True)[0]
        return np.ascontiguousarray(whole[:, self.components.shape[1] :])


def errors(residuals: Floats) -> tuple[Floats, Ints]:
    """The error of each row, and the whole-number share of each column in their sum (1/1024 units, exact to add)."""
    squares = np.multiply(residuals, residuals, out=residuals)
    whole = squares.sum(axis=0)
    squares *= UNIT
    return whole, np.rint(squares, out=squares).sum(axis=1).astype(np.int64)


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
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        low, centre, high = np.nanquantile(matrix, (0.1, 0.5, 0.9), axis=0)
        unit = np.maximum(
            np.nanmax(np.abs(matrix), axis=0), np.finfo(float).tiny
        )  # squares of it may be past every float
        scale = 1 / np.where(high > low, (high - low) / 2.563, np.nanstd(matrix / unit, axis=0) * unit)
    varies = np.isfinite(scale) & (scale > 0) & np.isfinite(centre)  # else it has no spread, or one that no float holds
    if varies.sum() < 3:
        return None
    kept: list[Floats | None] = list(matrix[:, varies].T)
    centre, scale = centre[varies], scale[varies]
    components = _components(_standard(kept, len(rows), centre, scale))
    return Pca(tuple(np.array(names, dtype=object)[varies]), centre, scale, components)


def _standard(columns: list[Floats | None], rows: int, centre: Floats, scale: Floats) -> Floats:
    """Columns × rows; a null stands at the centre."""
    matrix = np.zeros((len(columns), rows))
    with np.errstate(invalid="ignore", over="ignore"):
        for line, values, middle, unit in zip(matrix, columns, centre, scale, strict=True):
            if values is None:
                continue
            np.subtract(values, middle, out=line)
            line *= unit
            np.clip(line, -LIMIT, LIMIT, out=line)
            if np.isnan(line @ line):
                line[np.isnan(line)] = 0.0
    return matrix


def _components(standard: Floats) -> Floats:
    """The fewest directions that carry four fifths of the variance, but never all."""
    moments = standard @ standard.T / standard.shape[1]
    values, vectors = np.linalg.eigh(moments)
    shares = np.cumsum(values[::-1]) / values.sum()
    wanted = min(int(np.searchsorted(shares, SHARE)) + 1, len(values) - 1)
    return np.ascontiguousarray(vectors[:, ::-1][:, :wanted])


def _fewer(components: Floats, rest: Floats) -> Floats:
    return rest if rest.shape[1] <= components.shape[1] else components


def _step(components: Floats, rest: Floats) -> int:
    return max(64, _ONE_THREAD // max(_fewer(components, rest).size, 1))


def _left(standard: Floats, components: Floats, rest: Floats) -> Floats:
    """Blocks of rows small enough that the linear algebra library wakes no threads for them: waking costs far more."""
    fewer, step = _fewer(components, rest), _step(components, rest)
    for first in range(0, standard.shape[1], step):
        block = standard[:, first : first + step]
        shadow = fewer @ (fewer.T @ block)
        block[:] = shadow if fewer is rest else block - shadow
    return standard
