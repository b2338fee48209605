"""When in the week a date-time falls: the part of it that can be compared with training at any later date."""

from __future__ import annotations

from typing import Any

import numpy as np

from nb2prod.baseline.feature import Floats

YEAR = 365.25 * 86400
ROWS_A_STEP = 25
_STEPS = {True: (2, 3, 4, 6, 8, 12, 24, 168), False: (1, 7)}
_MONDAY = 4 * 86400  # 1970-01-05


def span(instants: Floats) -> dict[str, Any]:
    """What `phase` needs: the earliest and latest date a sane value has, and whether training knows hours."""
    finite = instants[np.isfinite(instants)]
    if not len(finite):
        return {"first": 0.0, "last": 0.0, "hours": False}
    hours = bool(np.any(np.mod(finite, 86400) != 0))
    return {"first": float(finite.min() - YEAR), "last": float(finite.max() + 10 * YEAR), "hours": hours}


def phase(instants: Floats, options: dict[str, Any]) -> Floats:
    """Hour of the week (0 to 167) or day of the week (0 to 6); -1 and 1000 for dates far off training's.

    A date itself always lies past training's sooner or later; that is no drift.
    """
    unit = 3600 if options["hours"] else 86400
    with np.errstate(invalid="ignore"):
        inside = np.floor(np.mod(instants - _MONDAY, 7 * 86400) / unit)
        early = np.where(instants < options["first"], -1.0, inside)
        late = np.where(instants > options["last"], 1000.0, early)
    return np.where(np.isfinite(instants), late, instants)


def cut(phases: Floats, options: dict[str, Any]) -> Floats:
    """Edges of even steps through the week, from the first phase of training to its last: two hours, or a day.

    Steps are longer where training's rows are few.
    """
    inside = phases[np.isfinite(phases)]
    if not len(inside):
        return np.empty(0)
    week = 168 if options["hours"] else 7
    steps = _STEPS[options["hours"]]
    step = next((one for one in steps if ROWS_A_STEP * week <= one * len(inside)), steps[-1])
    low, high = float(inside.min()), float(inside.max())
    every = np.arange(step, week, step, dtype=np.float64)
    return np.concatenate(([low], every[(every > low) & (every <= high)], [np.nextafter(high, np.inf)]))
