"""Do the rows of a batch hang together in the order they came in? Whole numbers that add up over batches.

Of each counter and lag: how many pairs of rows so far apart were compared, and how many of them lay on the same side. A
number has two such splits, above its median and inside its quartiles; a category has its levels. Given the counts of a
batch, independent rows come in any order alike: what is found here says nothing about drift, and needs no bet to wait.
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
