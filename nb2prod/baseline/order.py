"""Do the rows of a batch hang together in the order they came in? Whole numbers that add up over batches.

Of each counter and lag: how many pairs of rows so far apart were compared, and how many of them lay on the same side. A
number has two such splits, above its median and inside its quartiles; a category has its levels. That makes 18 numbers
(144 bytes) a counter, whatever its buckets.

What is made of them (`monitoring.statistics.hanging.Nearness`). These are join counts (Moran 1948, J. R. Stat. Soc. B 10); by
the permutation argument of the serial test (Wald & Wolfowitz 1943, Ann. Math. Stat. 14) independent rows come, given the
counts of a batch, in any order alike. So what is found here says nothing about drift, and no bet need wait for it. With s the
share of pairs alike that the counts alone give, (alike/pairs − s) / (1 − s) is the correlation r of the sides at a lag; for a
normal series split at its median that of the values is sin(πr/2) (Sheppard 1899; Van Vleck & Middleton 1966, Proc. IEEE 54).
Rows are worth fewer by f = 1 + 2 Σ ρ over all lags (Bartlett 1946, J. R. Stat. Soc. Suppl. 8), ρ read off straight lines
between the lags, down to nothing at twice the last.

Its limits. It sees the first 500 rows of a batch and lags up to 50, and no pair across two batches: what hangs together over
longer spans is left to the scatter of successive bets. Rows that something shuffled on their way show nothing. The sine is
that of normal series; for others it is near. f is held under 50, takes part from a correlation of three standard errors on, and
leaves negative correlation out, which would make rows worth more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nb2prod.baseline import words
from nb2prod.baseline.columns import Column, take, values_of
from nb2prod.baseline.feature import TYPE, Feature, Floats, Ints

NAME = "@order"
LAGS = (1, 2, 5, 10, 20, 50)
# rows of a batch that are looked at: enough to tell, and no cost where batches are large
ROWS = 500
PAIRS, SPLITS = 0, 2
SHAPE = (1 + SPLITS, len(LAGS))
Codes = dict[str, NDArray[np.int32]]


def size(features: Sequence[Feature]) -> int:
    """Length of the array of all counters."""
    return len(features) * SHAPE[0] * SHAPE[1]


def compared(features: Sequence[Feature], codes: Mapping[str, NDArray[np.int32]], rows: int) -> Ints:
    """Pairs compared and pairs alike of a batch, counters × (pairs, splits) × lags, flat."""
    found = np.zeros((len(features), *SHAPE), np.int64)
    rows = min(rows, ROWS)
    known = [place for place, one in enumerate(features) if one.name in codes and codes[one.name].shape[1] == rows]
    if rows > 1 and known:
        table = np.concatenate([codes[features[place].name] for place in known])
        for step, lag in enumerate(LAGS):
            if lag < rows:
                alike = (table[:, lag:] == table[:, :-lag]).sum(axis=1).reshape(-1, SPLITS)
                found[known, PAIRS, step] = rows - lag
                found[known, 1:, step] = alike
    return found.reshape(-1)


def of_number(feature: Feature, values: Floats) -> NDArray[np.int32]:
    """On which side of each split the first rows lie, splits × rows."""
    some = values[:ROWS]
    codes = np.zeros((SPLITS, len(some)), np.int32)
    with np.errstate(invalid="ignore"):
        for split, (low, high) in enumerate(feature.sides):
            codes[split] = (some >= low) & (some < high)
    return codes


def of_levels(feature: Feature, column: Column) -> NDArray[np.int32]:
    """Buckets of the first rows of a category, and nothing in the second place."""
    table: dict[object, int] = {}
    some = values_of(take(column, slice(0, ROWS)))
    if feature.part:
        some = [words.one_term(text) for text in words.split_texts(some)[0]]
    codes = np.zeros((SPLITS, len(some)), np.int32)
    codes[0] = [_bucket(feature, value, table) for value in some]
    return codes


def _bucket(feature: Feature, value: object, table: dict[object, int]) -> int:
    try:
        known = table.get(value)
    except TypeError:
        return TYPE
    if known is None:
        known = table[value] = words.bucket(feature, value, feature.options.get("only_text", False))
    return known
