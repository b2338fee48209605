"""Lives whose rows follow the hours of the day and of the week: calm ones, and changes on top of the season.

`python tests/benchmarks/monitoring/seasons.py [--delays]` prints the tables of SEASONS.md. Every column is one of a life of
twenty; many lives share a monitor, so that numpy simulates them together.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from nb2prod.baseline import Baseline
from nb2prod.monitoring import Monitor
from nb2prod.records.monitoring import Alarm

FEATURES = 20
MONDAY = (4 + 7 * 2857) * 86_400.0
HOUR = 3600.0
NAMES = np.array([f"level {k}" for k in range(6)], dtype=object)


@dataclass(frozen=True)
class World:
    """Columns by turns: strong and mild seasons, skewed ones, nulls and levels that follow the hours, and calm ones.

    `swing` is by how much every hour differs from the same one of other weeks, in standard deviations of the noise; `hang`
    is the AR(1) coefficient of successive rows.
    """

    columns: int
    amplitude: float = 1.5
    swing: float = 0.0
    hang: float = 0.0

    def frame(self, rng: np.random.Generator, when: np.ndarray, shift: float = 0.0) -> dict[str, np.ndarray]:
        day, weekend = 2 * np.pi * (when / 86_400 % 1), ((when - MONDAY) / 86_400 % 7 >= 5).astype(float)
        hour, own = np.unique(when // HOUR, return_inverse=True)
        found: dict[str, np.ndarray] = {}
        for column in range(self.columns):
            kind, phase = column % FEATURES % 10, 0.7 * (column % FEATURES)
            season = self.amplitude * (np.sin(day + phase) + 0.4 * np.sin(2 * day + phase) - 0.7 * weekend)
            season = season * (0.0, 1.0, 1.0, 0.3, 1.0, 1.0, 1.0, 1.0, 1.0, 0.1)[kind]
            noise = rng.normal(size=len(when))
            if self.hang:
                from scipy.signal import lfilter

                noise = lfilter([np.sqrt(1 - self.hang**2)], [1, -self.hang], rng.normal(size=len(when) + 50))[50:]
            noise = noise + self.swing * rng.normal(size=len(hour))[own] + shift
            values = season + noise
            if kind in (5, 6):
                found[f"x{column}"] = NAMES[np.clip(np.floor(season + 1.2 * noise + 2.5), 0, 5).astype(int)]
                continue
            if kind == 4:
                values = np.exp(values)
            if kind == 7:
                values = np.where(rng.random(len(when)) < 0.02 + 0.2 * weekend, np.nan, values)
            if kind == 8:
                values = np.where(rng.random(len(when)) < 0.3 - 0.2 * weekend, 0.0, values)
            found[f"x{column}"] = values
        return found


def moments(rng: np.random.Generator, start: float, hours: float, rows: int) -> np.ndarray:
    """Times of `rows` rows, fewer at night."""
    drawn = start + rng.random(4 * rows + 100) * hours * HOUR
    kept = drawn[rng.random(len(drawn)) < 0.55 + 0.45 * np.sin(2 * np.pi * (drawn / 86_400 % 1) - 1.5)]
    return np.sort(kept[:rows])


def monitor(world: World, rng: np.random.Generator, rows: int, weeks: float, timed: bool = True) -> Monitor:
    """A monitor over independent columns, each held to the limit that it has among twenty."""
    when = moments(rng, MONDAY - weeks * 7 * 86_400, weeks * 168, rows)
    baseline = Baseline.from_frame(world.frame(rng, when), times=when * 1e3 if timed else None)
    single = tuple(feature for feature in baseline.features if feature.role == "feature")
    watch = Monitor(replace(baseline, features=single, pca=None))
    watch._episodes.limits[:] = np.log(FEATURES / (0.8 * 0.05))
    return watch


def panes(
    watch: Monitor,
    world: World,
    rng: np.random.Generator,
    days: tuple[float, float],
    stream: Stream,
    shift: float = 0.0,
    timed: bool = True,
) -> Iterator[float]:
    """Play the panes between two days; gives the hours since the first of them after each."""
    first, last = days
    for pane in range(round((last - first) * 1440 / stream.minutes)):
        begin = MONDAY + first * 86_400 + pane * stream.minutes * 60
        quiet = 0.55 + 0.45 * np.sin(2 * np.pi * ((begin + stream.minutes * 30) / 86_400 % 1) - 1.5)
        rows = int(rng.poisson(stream.daily * stream.minutes / 1440 * quiet / 0.55))
        when = np.sort(begin + rng.random(rows) * stream.minutes * 60)
        if rows:
            watch.update(world.frame(rng, when, shift), times=when * 1e3 if timed else None)
        watch.alarms()
        yield (pane + 1) * stream.minutes / 60


def calm(world: World, stream: Stream, days: float, seed: int) -> dict[int, list[Alarm]]:
    """Alarms by life."""
    rng = np.random.default_rng(seed)
    watch = monitor(world, rng, stream.rows, stream.weeks)
    for _ in panes(watch, world, rng, (0, days), stream):
        pass
    found: dict[int, list[Alarm]] = {}
    for alarm in watch.alarms():
        found.setdefault(int(alarm.feature[1:]) // FEATURES, []).append(alarm)
    return found


def delays(
    world: World, stream: Stream, shift: float, seed: int, *, quiet: float = 3, most: float = 10, timed: bool = True
) -> dict[int, tuple[float, float]]:
    """Rows and hours from the change to the alarm by column, infinite where none came; what alarmed before is left out."""
    rng = np.random.default_rng(seed)
    watch = monitor(world, rng, stream.rows, stream.weeks, timed)
    for _ in panes(watch, world, rng, (0, quiet), stream, timed=timed):
        pass
    told: dict[str, tuple[float, float]] = {alarm.feature: (-1, -1) for alarm in watch.alarms()}
    before = watch.rows
    for hours in panes(watch, world, rng, (quiet, quiet + most), stream, shift, timed):
        for alarm in watch.alarms():
            told.setdefault(alarm.feature, (float(watch.rows - before), hours))
        if len(told) == world.columns:
            break
    every = {column: told.get(f"x{column}", (np.inf, np.inf)) for column in range(world.columns)}
    return {column: found for column, found in every.items() if found[0] >= 0}


@dataclass(frozen=True)
class Stream:
    """Training rows over so many weeks, then so many rows a day in panes of so many minutes."""

    rows: int
    weeks: float
    daily: int
    minutes: float


CASES = {
    "20k rows, 8 weeks; 5,000 rows a day, panes of 20 minutes": (World(0), Stream(20_000, 8, 5000, 20)),
    "20k rows, 8 weeks; 24,000 rows a day, panes of 10 minutes": (World(0), Stream(20_000, 8, 24_000, 10)),
    "5k rows, 4 weeks; 5,000 rows a day, panes of an hour": (World(0), Stream(5000, 4, 5000, 60)),
    "50k rows, 4 weeks; 500 rows a day, panes of an hour": (World(0), Stream(50_000, 4, 500, 60)),
    "20k rows, 8 weeks; each hour swings by .3 σ": (World(0, swing=0.3), Stream(20_000, 8, 5000, 60)),
    "20k rows, 8 weeks; AR(1) φ = .5": (World(0, hang=0.5), Stream(20_000, 8, 5000, 60)),
}
KINDS = {"numbers": (1, 2, 3, 9), "no season of its own": (0,), "skewed": (4,), "levels": (5, 6)}


def told(chosen: argparse.Namespace) -> Iterator[str]:
    yield f"| calm lives of {chosen.days:.0f} days and twenty columns | with any alarm |\n|---|---|"
    for place in chosen.only:
        title, (world, stream) = list(CASES.items())[place]
        lives = replace(world, columns=10 * FEATURES)
        count = sum(len(calm(lives, stream, chosen.days, seed)) for seed in range(chosen.lives // 10))
        yield f"| {title} | {count} of {chosen.lives // 10 * 10} |"


def delayed(chosen: argparse.Namespace) -> Iterator[str]:
    yield "\n| shift | " + " | ".join(KINDS) + " | numbers that have no season, no times |"
    yield "|---|" + "---|" * (len(KINDS) + 1)
    stream = Stream(20_000, 8, 5000, 20)
    for shift in (0.2, 0.3, 0.5, 1.0):
        seasons = delays(World(3 * FEATURES), stream, shift, 0)
        plain = delays(World(3 * FEATURES, amplitude=0.0), stream, shift, 0, timed=False)
        cells = [_median(seasons, kinds) for kinds in KINDS.values()] + [_median(plain, KINDS["numbers"])]
        yield f"| {shift} σ | " + " | ".join(cells) + " |"


def _median(found: dict[int, tuple[float, float]], kinds: tuple[int, ...]) -> str:
    chosen = np.array([one for column, one in found.items() if column % 10 in kinds])
    rows, hours = np.median(chosen, axis=0)
    return f"{rows:,.0f} rows, {hours:.1f} h ({np.isfinite(chosen[:, 0]).sum()} of {len(chosen)} told)"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lives", type=int, default=40)
    parser.add_argument("--days", type=float, default=21)
    parser.add_argument("--only", type=int, nargs="*", default=list(range(len(CASES))))
    parser.add_argument("--delays", action="store_true")
    chosen = parser.parse_args()
    for line in delayed(chosen) if chosen.delays else told(chosen):
        print(line, flush=True)


if __name__ == "__main__":
    main()
