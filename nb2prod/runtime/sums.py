"""Sums of floats as whole numbers by exponent: adding is integer addition, so a merge in any order gives the same bits.

Each value is m · 2^x with a whole m of 30 bits; m is added to the bucket of x (a small superaccumulator, after Kulisch 2013).
A value keeps 30 bits (1e-9 of itself); bucket 0 counts the values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

_BITS = 30
_OFFSET = 1200


def exact(values: Sequence[float]) -> list[tuple[int, int]]:
    """Sparse counts of a sum; values that are not finite are left out.

    Examples
    --------
    >>> total(exact([1.5, 2.25, -0.75])), count(exact([1.5, 2.25]))
    (3.0, 2)
    """
    numbers = np.asarray(values, dtype=np.float64)
    numbers = numbers[np.isfinite(numbers)]
    mantissa, exponent = np.frexp(numbers)
    whole = np.rint(np.ldexp(mantissa, _BITS)).astype(np.int64)
    buckets: dict[int, int] = {0: len(numbers)} if len(numbers) else {}
    for place, part in zip((exponent + _OFFSET).tolist(), whole.tolist(), strict=True):
        buckets[place] = buckets.get(place, 0) + part
    return sorted((place, part) for place, part in buckets.items() if part)


def total(pairs: Iterable[tuple[int, int]]) -> float:
    """The sum that sparse counts stand for."""
    return float(sum(part * 2.0 ** (place - _OFFSET - _BITS) for place, part in sorted(pairs) if place))


def count(pairs: Iterable[tuple[int, int]]) -> int:
    """How many values it is the sum of."""
    return next((part for place, part in pairs if place == 0), 0)
