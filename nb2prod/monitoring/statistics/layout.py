"""All counters of a baseline side by side in padded matrices, so that one numpy call bets on every one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nb2prod.baseline import Baseline, Feature
from nb2prod.baseline.feature import BODY
from nb2prod.monitoring.statistics.scales import Floats, Ints, few, prior


@dataclass(eq=False)
class Layout:
    """Rows are counters, columns are buckets."""

    features: tuple[Feature, ...]
    width: int
    prior: Floats
    index: dict[str, int]
    numbers: NDArray[np.int64]
    levels: NDArray[np.int64]
    masks: NDArray[np.bool_] = field(repr=False)

    @classmethod
    def of(cls, baseline: Baseline) -> Layout:
        features = baseline.features
        width = max((feature.size for feature in features), default=BODY + 1)
        weights = np.zeros((len(features), width))
        masks = np.zeros((len(features), width), dtype=np.bool_)
        for row, feature in enumerate(features):
            weights[row, : feature.size] = prior(feature)
            masks[row, : feature.size] = True
        return cls(
            features,
            width,
            weights,
            {feature.name: row for row, feature in enumerate(features)},
            np.array([row for row, feature in enumerate(features) if feature.numeric], dtype=np.int64),
            np.array([row for row, feature in enumerate(features) if not feature.numeric], dtype=np.int64),
            masks,
        )

    @cached_property
    def _lumped(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        rows = [row for row, feature in enumerate(self.features) if feature.kind in ("category", "boolean")]
        last = [self.features[row].size - BODY - 1 for row in rows]
        return np.array(rows, dtype=np.int64), np.array(last, dtype=np.int64)

    def rare(self, factor: Floats) -> NDArray[np.bool_]:
        """Levels that have a bucket by their rows and would have none by their bursts: by counter, as wide as the body."""
        found = np.zeros((len(self.features), self.width - BODY), np.bool_)
        for row in self.levels[factor[self.levels] > 1]:
            mask = few(self.features[row], float(factor[row]))
            found[row, : len(mask)] = mask
        return found

    def lump(self, body: Floats, rare: NDArray[np.bool_]) -> Floats:
        """Those levels put with `other`."""
        if not rare.any():
            return body
        rows, last = self._lumped
        moved = np.where(rare, body, 0.0).sum(axis=1)
        body = np.where(rare, 0.0, body)
        body[rows, last - 1] += moved[rows]
        return body

    def body(self, values: Floats) -> Floats:
        """What follows the heads, with `other` and `unseen` as one: which rare levels training had says nothing."""
        body = values[:, BODY:].copy()
        rows, last = self._lumped
        body[rows, last - 1] += body[rows, last]
        body[rows, last] = 0.0
        return body

    def matrix(self, counts: Mapping[str, Ints]) -> Ints:
        """Counts of one increment; a counter that it lacks has no rows."""
        found = np.zeros((len(self.features), self.width), dtype=np.int64)
        for name, array in counts.items():
            row = self.index.get(name)
            if row is not None:
                found[row, : len(array)] = array
        return found
