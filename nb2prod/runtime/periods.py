"""Event periods: the minute of an event that is young when it arrives, the hour of an older one, else the day (UTC)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nb2prod.records.monitoring import Grain

SECONDS: dict[Grain, int] = {"minute": 60, "hour": 3600, "day": 86400}
MINUTES_FOR = 2 * 3600
HOURS_FOR = 14 * 86400
_GRAINS: dict[int, Grain] = {seconds: grain for grain, seconds in SECONDS.items()}

Period = tuple[Grain, int]


def period_of(event: float, arrived: float) -> Period:
    """Grain and start of the period that an event counts for.

    Examples
    --------
    >>> period_of(0.0, 90.0), period_of(3700.0, 86400.0), period_of(90000.0, 2e6)
    (('minute', 0), ('hour', 3600), ('day', 86400))
    """
    age = abs(arrived - event)
    grain: Grain = "minute" if age < MINUTES_FOR else "hour" if age < HOURS_FOR else "day"
    return grain, int(event // SECONDS[grain] * SECONDS[grain])


def split(times: Sequence[float | None], arrived: float) -> Iterator[tuple[Period, Any]]:
    """Each period with the places of its rows; a row without a time happened when it arrived."""
    event = np.array([arrived if time is None else time for time in times], dtype=np.float64)
    event[~np.isfinite(event)] = arrived
    age = np.abs(arrived - event)
    unit = np.where(age < MINUTES_FOR, 60, np.where(age < HOURS_FOR, 3600, 86400)).astype(np.int64)
    start = (np.floor(event / unit) * unit).astype(np.int64)
    pairs, place = np.unique(np.stack((unit, start), axis=1), axis=0, return_inverse=True)
    place = place.reshape(-1)
    for number, (seconds, begin) in enumerate(pairs.tolist()):
        yield (_GRAINS[seconds], begin), np.flatnonzero(place == number)
