"""Bursts of a long-tailed category: calm lives with any alarm (`calm 20`), rows until a new level is told (`delays 10`)."""

from __future__ import annotations

import sys
from collections import Counter

import lives
import numpy as np

from nb2prod.baseline import Baseline
from nb2prod.monitoring import Monitor

ROWS, LOOKS = 20_000, 100
CELLS = [(levels, burst, shuffled) for levels in (400, 100, 40) for burst in (1, 5, 20) for shuffled in (False, True)]


def zipf(levels: int, burst: int, new: float = 0.0) -> lives.Draw:
    """Bursts of equal rows of levels whose shares go as k^-1.3, of which a share `new` is of a level that is in no other draw."""
    share = 1 / np.arange(1, levels + 1) ** 1.3
    names = np.array([*(f"level {k}" for k in range(levels)), "new"], dtype=object)

    def draw(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
        found = rng.choice(levels, (-(-rows // burst), columns), p=share / share.sum())
        found = np.where(rng.random(found.shape) < new, levels, found)
        return np.repeat(names[found], burst, axis=0)[:rows]

    return draw


def silent(levels: int, burst: int, shuffled: bool, seed: int) -> str:
    """What a calm life of one column alarms: nothing, or the kind."""
    rng = np.random.default_rng((seed, levels, burst))
    rows = zipf(levels, burst)(rng, ROWS + LOOKS * lives.LOOK, 1)
    known = rows[rng.permutation(ROWS)] if shuffled else rows[:ROWS]
    watch = Monitor(Baseline.from_frame(lives.named(known)))
    for first in range(ROWS, len(rows), lives.LOOK):
        watch.update(lives.named(rows[first : first + lives.LOOK]))
        watch.alarms()
    return watch.alarms()[0].kind if watch.alarms() else ""


def calm(count: int) -> None:
    for levels, burst, shuffled in CELLS:
        found = Counter(silent(levels, burst, shuffled, seed) for seed in range(count))
        quiet = found.pop("", 0)
        order = "shuffled" if shuffled else "in order"
        print(f"| {levels} | {burst} | {order} | {count - quiet}/{count} | {dict(found) or ''} |", flush=True)


def delays(count: int) -> None:
    for burst in (1, 5, 20):
        for levels in (400, 40):
            for new in (0.01, 0.05, 0.2):
                found = lives.delays(zipf(levels, burst), zipf(levels, burst, new), ROWS, count, most=10_000)
                told = f"{np.median(found):,.0f} ({np.quantile(found, 0.9):,.0f})" if len(found) else "alarmed before"
                print(f"| {levels} | {burst} | {100 * new:.0f} % | {told} | of {len(found)} |", flush=True)


if __name__ == "__main__":
    {"calm": calm, "delays": delays}[sys.argv[1]](int(sys.argv[2]))
