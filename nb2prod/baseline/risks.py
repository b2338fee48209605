"""What the model risks by its own scores, bucket by bucket of each column: of the hold-out's rows, as whole numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from nb2prod.baseline.columns import Column
from nb2prod.baseline.dependence import places
from nb2prod.baseline.feature import BODY, Feature, Floats, Ints

UNIT = 65536
RISK = "@risk."
"""Of a column: (body buckets × 3), hold-out rows and the sums of their two losses in units of 1/65536, one after the other."""


def losses(right: Floats) -> Floats:
    """Expected losses (…, 2) of rows that are answered rightly with these chances: an error, and the Brier score."""
    return np.stack((1 - right, right * (1 - right)), axis=-1)


def tables(features: Iterable[Feature], columns: Mapping[str, Column], rows: Floats) -> dict[str, Ints]:
    """The losses of hold-out rows (n, 2) by each column's buckets; a column that is not there is left out."""
    known = np.asarray(np.isfinite(rows).all(axis=1), dtype=np.bool_)
    whole = np.rint(np.where(known[:, None], rows, 0.0) * UNIT)
    found = {}
    for feature in features:
        column = columns.get(feature.column)
        place = places(feature, column) if column is not None else np.empty(0, np.int64)
        if len(place) != len(rows):
            continue
        inside = known & (place >= 0)
        width = feature.size - BODY
        sums = [np.bincount(place[inside], weights=part[inside], minlength=width) for part in (known, *whole.T)]
        found[RISK + feature.name] = np.stack(sums, axis=1).astype(np.int64).ravel()
    return found
