"""The frozen bins of one counter: where its buckets lie and how many training rows each holds.

Every counter begins with the same three buckets, null, infinite and wrong type; then comes its body:

    number, datetime    below, blocks and atoms in the order of their values, above
    category, boolean   levels by falling frequency, other (known but rare), unseen
    other               present
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Role = Literal["feature", "prediction", "confidence", "multivariate"]

NULL, INFINITE, TYPE, BODY = 0, 1, 2, 3
HEAD = ("null", "infinite", "type")
_LOWEST = -np.finfo(np.float64).max


def _no_floats() -> Floats:
    return np.empty(0)


class Grid:
    """Where values lie among cuts, without sorting those that no cut can be near.

    A value's cell is found by one multiplication; only values of cells that hold a cut are sorted, all others stand in whole
    cells below or above. Rounding keeps the order of values, so that the counts are exact.
    """

    CELLS = 4096

    def __init__(self, cuts: Floats, low: float, scale: float) -> None:
        self._cuts, self._low, self._scale = cuts, low, scale
        cells = self._cells(cuts)
        self._held = np.zeros(self.CELLS, np.bool_)
        self._held[cells] = self._held[-1] = True  # infinite values and nulls are in the outer ones
        self._whole = np.append(cells[:-1], self.CELLS)  # all that is a number lies before NaN

    def before(self, values: Floats) -> Ints:
        """How many values lie before each of the cuts; as `np.sort(values).searchsorted(cuts)`."""
        cells = self._cells(values)
        counts = np.bincount(cells, minlength=self.CELLS)
        counts[self._held] = 0
        near = np.sort(values[self._held[cells]]).searchsorted(self._cuts)
        return np.asarray(near + np.concatenate(([0], np.cumsum(counts)))[self._whole], np.int64)

    def _cells(self, values: Floats) -> Ints:
        with np.errstate(over="ignore"):
            place = (values - self._low) * self._scale
        np.fmax(place, -1.0, out=place)  # NaN too
        np.minimum(place, self.CELLS - 2, out=place)
        place += 1.0
        return place.astype(np.int64)


@dataclass(frozen=True, eq=False)
class Feature:
    """One counter's bins.

    Parameters
    ----------
    name
        The counter's name: the column's, `column#part` for a part of a text, `@score` and such for what the model says.
    column
        The column it reads; empty for scores and the multivariate error.
    kind
        `number`, `boolean`, `category`, `datetime`, `other`: the layout of the buckets (a text's parts are of these kinds).
    edges
        Rising cuts of a number; bucket i of the body is [edges[i-1], edges[i]).
    levels
        Texts of the levels of a category, most frequent first.
    known
        Hashes of rare levels that training had: they count as `other`, not as `unseen`.
    counts
        Training rows in each bucket.
    apart
        Of a category: the same of those rows alone that had no say in which levels have a bucket, and in which order; a row
        whose level no other row has counts as `unseen`, which it would have been. Empty where `counts` says it all.
    centres
        Mean of the training rows in each bucket of a number's body.
    """

    name: str
    column: str
    kind: str
    part: str = ""
    role: Role = "feature"
    edges: Floats = field(default_factory=_no_floats)
    levels: tuple[str, ...] = ()
    known: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    counts: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    apart: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    centres: Floats = field(default_factory=_no_floats)
    precision: str = "float64"
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def numeric(self) -> bool:
        return self.kind in ("number", "datetime")

    @cached_property
    def size(self) -> int:
        """Number of buckets."""
        if self.kind == "other":
            return BODY + 1
        return BODY + (len(self.edges) + 1 if self.numeric else len(self.levels) + 2)

    @cached_property
    def buckets(self) -> tuple[str, ...]:
        """A short name for each bucket."""
        if self.kind == "other":
            return (*HEAD, "present")
        if not self.numeric:
            return (*HEAD, *self.levels, "other", "unseen")
        if not len(self.edges):
            return (*HEAD, "value")
        inner = tuple(f"{low:.6g}" for low in self.edges[:-1])
        return (*HEAD, "below", *inner, "above")

    @property
    def reference(self) -> Ints:
        """Training rows in each bucket as live rows are compared with them: no bucket was chosen for what it holds."""
        return self.apart if len(self.apart) else self.counts

    @property
    def rows(self) -> int:
        """Training rows that this counter saw."""
        return int(self.counts.sum())

    @cached_property
    def cuts(self) -> Floats:
        """The edges between sentinels, so that one search of sorted values answers every bucket."""
        return np.concatenate(([_LOWEST], self.edges, [np.inf, np.nan]))

    @cached_property
    def grid(self) -> Grid | None:
        """Even cells over the middle of the edges; None where they are too few to save a sort."""
        skipped = min(4, len(self.edges) // 4)
        if not skipped:
            return None
        low, high = self.edges[skipped], self.edges[-1 - skipped]
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            scale = (Grid.CELLS - 2) / (high - low)
            sane = np.isfinite(scale * low) and scale > 0
        return Grid(self.cuts, low, scale) if sane else None

    @cached_property
    def halves(self) -> NDArray[np.bool_]:
        """Of a number: which buckets of the body lie above the median, and which between the quartiles."""
        body = self.counts[BODY:].astype(np.float64)
        found = np.zeros((2, len(body)), np.bool_)
        if len(self.edges) < 2 or not body.any():
            return found
        below = np.cumsum(body)[:-1] / body.sum()
        low, middle, high = (int(np.argmin(np.abs(below - share))) + 1 for share in (0.25, 0.5, 0.75))
        found[0, middle:] = found[1, low:high] = True
        return found

    @cached_property
    def sides(self) -> list[tuple[float, float]]:
        """Both as values, the first within and the last beyond; NaN where there is none."""
        ends = np.concatenate(([-np.inf], self.edges, [np.inf]))
        found = [np.flatnonzero(half) for half in self.halves]
        return [(float(ends[one[0]]), float(ends[one[-1] + 1])) if len(one) else (np.nan, np.nan) for one in found]

    @cached_property
    def index(self) -> dict[str, int]:
        """Bucket of each level."""
        return {level: BODY + i for i, level in enumerate(self.levels)}

    @cached_property
    def known_set(self) -> frozenset[int]:
        return frozenset(self.known.tolist())

    @property
    def other(self) -> int:
        """Bucket of known but rare levels; the next one is `unseen`."""
        return BODY + len(self.levels)
