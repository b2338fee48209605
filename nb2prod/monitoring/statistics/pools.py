"""Rows scored in each hour and those of them that have labels: whole numbers, added up as they come."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nb2prod.monitoring.statistics.reconcile import Pool
from nb2prod.monitoring.statistics.scales import Floats, Ints

UNIT = 65536
HOURS = 90 * 24
"""As long as labels find their rows."""
_HOUR, _ROWS, _SUM, _SQUARES, _LABELLED, _LABELS_SUM = range(6)


@dataclass(eq=False)
class Pools:
    """By hour: rows, sum and squares of their proxies in 1/65536, how many have labels, and the sum of the proxies of these."""

    table: Ints = field(default_factory=lambda: np.zeros((0, 6), np.int64))

    def score(self, hour: int, rows: Floats, chance: Floats) -> None:
        """Count rows by bucket of their score; `chance` is the proxy of each."""
        if not rows.any():
            return
        line = self._line(hour, make=True)
        assert line is not None
        line[_ROWS] += int(rows.sum())
        line[_SUM] += _sum(rows, chance)
        line[_SQUARES] += _sum(rows, chance**2)

    def take(self, hour: int, held: Floats, chance: Floats) -> Pool:
        """The rows of an hour that have no label yet, before the labels `held` come to them; empty where none are known."""
        line = self._line(hour)
        if line is None or line[_ROWS] <= line[_LABELLED]:
            return Pool()
        rows, labelled = float(line[_ROWS]), float(line[_LABELLED])
        mean = float(line[_SUM] - line[_LABELS_SUM]) / UNIT / (rows - labelled)
        every = float(line[_SUM]) / UNIT / rows
        line[_LABELLED] += int(held.sum())
        line[_LABELS_SUM] += _sum(held[: len(chance)], chance)
        return Pool(rows, mean, max(float(line[_SQUARES]) / UNIT / rows - every**2, 0.0), labelled)

    def _line(self, hour: int, *, make: bool = False) -> Ints | None:
        found = np.flatnonzero(self.table[:, _HOUR] == hour)
        if not len(found):
            if not make:
                return None
            fresh = np.zeros((1, 6), np.int64)
            fresh[0, _HOUR] = hour
            together = np.concatenate((self.table, fresh))
            self.table = together[np.argsort(together[:, _HOUR], kind="stable")][-HOURS:]
            found = np.flatnonzero(self.table[:, _HOUR] == hour)
        return self.table[found[0]] if len(found) else None


def _sum(rows: Floats, chance: Floats) -> int:
    return int(rows.astype(np.int64) @ np.rint(chance * UNIT).astype(np.int64))
