"""Lives: calm ones as users run them, and delays with every column a life of its own, so that numpy simulates them together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nb2prod.baseline import Baseline
from nb2prod.monitoring import Monitor

LOOK = 200
FEATURES = 20
Draw = Callable[[np.random.Generator, int, int], np.ndarray]


def normal(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    return rng.normal(size=(rows, columns))


def mixed(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Correlated, skewed, heavy-tailed, with atoms and nulls, by turns."""
    shared = rng.normal(size=(rows, 1))
    values = 0.7 * shared + 0.7 * rng.normal(size=(rows, columns))
    kind = np.arange(columns) % 5
    values[:, kind == 1] = np.exp(values[:, kind == 1])
    values[:, kind == 2] = rng.standard_t(2, size=(rows, int((kind == 2).sum())))
    values[:, kind == 3] = np.where(rng.random((rows, int((kind == 3).sum()))) < 0.3, 0.0, values[:, kind == 3])
    values[:, kind == 4] = np.where(rng.random((rows, int((kind == 4).sum()))) < 0.1, np.nan, values[:, kind == 4])
    return values


def autoregressive(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    from scipy.signal import lfilter

    return lfilter([np.sqrt(0.75)], [1, -0.5], rng.normal(size=(rows + 50, columns)), axis=0)[50:]


def bursts(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    return np.repeat(rng.normal(size=(-(-rows // 20), columns)), 20, axis=0)[:rows]


def repeated_levels(count: int) -> Draw:
    """Bursts of 20 equal rows of texts."""

    def draw(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
        return np.repeat(levels(count)(rng, -(-rows // 20), columns), 20, axis=0)[:rows]

    return draw


def levels(count: int) -> Draw:
    """Texts of `count` levels with falling shares."""
    share = 1 / np.arange(1, count + 1) ** 0.7
    share /= share.sum()
    names = np.array([f"level {k}" for k in range(count)], dtype=object)

    def draw(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
        return names[rng.choice(count, (rows, columns), p=share)]

    return draw


def named(frame: np.ndarray) -> dict[str, np.ndarray]:
    return {f"x{column}": frame[:, column] for column in range(frame.shape[1])}


def monitor(draw: Draw, rng: np.random.Generator, rows: int, columns: int, effect: float = 0.04) -> Monitor:
    """A monitor over independent columns, each a life of its own at the limit that it has among twenty: for delays alone, since
    it leaves out the counter that reads all columns."""
    from dataclasses import replace

    baseline = Baseline.from_frame(named(draw(rng, rows, columns)))
    single = tuple(feature for feature in baseline.features if feature.role == "feature")
    watch = Monitor(replace(baseline, features=single, pca=None), effect=effect)
    watch._episodes.limits[:] = np.log(FEATURES / (0.8 * 0.05))
    return watch


def calm(
    draw: Draw, rows: int, lives: int, looks: int = 500, seed: int = 0, look: int = LOOK, shuffled: bool = False
) -> tuple[float, float]:
    """Share of lives with any alarm, and with any crossing of the limit at all (before the gate): whole frames of twenty
    columns, all counters on. Rows go on where training ended; `shuffled` gives training the order of a random split."""
    told = crossed = 0
    for life in range(lives):
        rng = np.random.default_rng((seed, life))
        frame = draw(rng, rows + looks * look, FEATURES)
        known = frame[rng.permutation(rows)] if shuffled else frame[:rows]
        watch = Monitor(Baseline.from_frame(named(known)))
        for first in range(rows, len(frame), look):
            watch.update(named(frame[first : first + look]))
            watch.alarms()
        told += bool(watch.alarms())
        crossed += bool(watch._episodes.crossed.any() or watch.alarms())
    return told / lives, crossed / lives


def delays(
    draw: Draw, change: Draw, rows: int, lives: int, quiet: int = 0, most: int = 30_000, seed: int = 0
) -> np.ndarray:
    """Rows from the change to the alarm, a life a column; `most` where none came."""
    rng = np.random.default_rng(seed)
    watch = monitor(draw, rng, rows, lives)
    for _ in range(quiet // LOOK):
        watch.update(named(draw(rng, LOOK, lives)))
        watch.alarms()
    before = {alarm.feature for alarm in watch.alarms()}
    for _ in range(most // LOOK):
        watch.update(named(change(rng, LOOK, lives)))
        if len({alarm.feature for alarm in watch.alarms()}) == lives:
            break
    first: dict[str, int] = {}
    for alarm in watch.alarms():
        if alarm.feature not in before:
            first.setdefault(alarm.feature, alarm.raised - quiet)
    found = [first.get(f"x{column}", most) for column in range(lives) if f"x{column}" not in before]
    return np.array(found)


def shifted(size: float) -> Draw:
    return lambda rng, rows, columns: rng.normal(size, 1, (rows, columns))


def spread(factor: float) -> Draw:
    return lambda rng, rows, columns: rng.normal(0, factor, (rows, columns))


def moved(count: int, size: float) -> Draw:
    """The mix of `levels`, with a total variation of `size` gone from the most frequent level to the next three."""
    share = 1 / np.arange(1, count + 1) ** 0.7
    share /= share.sum()
    share[0] -= size
    share[1:4] += size / 3
    share = np.clip(share, 0, None)
    names = np.array([f"level {k}" for k in range(count)], dtype=object)
    return lambda rng, rows, columns: names[rng.choice(count, (rows, columns), p=share / share.sum())]
