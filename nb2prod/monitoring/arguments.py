"""What a monitor is given: refused or told where it is not what it should be."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from nb2prod.baseline.columns import colliding
from nb2prod.baseline.numbers import instant
from nb2prod.errors import UsageError


def must_be(given: Any, kind: type, where: str, fix: str) -> None:
    """Refuse what is of another kind.

    Raises
    ------
    UsageError
        It is.
    """
    if not isinstance(given, kind):
        raise UsageError(
            f"A `{type(given).__name__}` is no {kind.__name__}",
            code=f"no-{kind.__name__.lower()}",
            where=where,
            why=f"Expected is a {kind.__name__}.",
            fix=fix,
            kept="nothing was changed",
        )


def must_be_rate(name: str, value: Any, kind: str, example: float, above: bool = True, below: float = np.inf) -> None:
    """Refuse a number that is none, or out of its range; as `must_be`."""
    number = not isinstance(value, bool) and isinstance(value, (int, float, np.integer, np.floating))
    if number and above and 0 <= value < below:
        return
    raise UsageError(
        f"`{name}` is {kind}",
        code="wrong-rate",
        where=f"Monitor(…, {name}={value!r})",
        why=f"{value!r} is none.",
        fix=f"{name}={example:.10g}",
        kept="nothing was made",
    )


def must_count(counts: Any, sizes: Mapping[str, int]) -> None:
    """Refuse counts that are not of these lengths; as `must_be`."""
    must_be(counts, Mapping, "monitor.add(counts, rows)", "counts = baseline.count(frame)")
    for name, array in counts.items():
        if len(array) != sizes.get(name, len(array)):
            raise UsageError(
                f"The counts of `{name}` have {len(array):,} places; the baseline's have {sizes[name]:,}",
                code="other-counts",
                where="monitor.add(counts, rows)",
                why="Counts add up where they were counted on the same baseline.",
                fix="counts = monitor.baseline.count(frame)",
                kept="nothing was counted",
            )


def moment(time: Any) -> float | None:
    """Epoch seconds of a date-time, or of a number of them; None for none."""
    if time is None or (isinstance(time, int | float | np.number) and not isinstance(time, bool)):
        return None if time is None else float(time)
    found = instant(time)
    if found is None or not np.isfinite(found):
        raise UsageError(
            f"A `{type(time).__name__}` is no time",
            code="no-time",
            where="time",
            why="The time at which rows arrived is in epoch seconds, or a date-time.",
            fix="time=time.time()",
            kept="nothing was counted",
        )
    return found


def tell_double(frame: Any, columns: Mapping[str, Any], names: tuple[str, ...]) -> None:
    """Warn of live columns that share the name of a watched one."""
    twice = [name for name in colliding(frame) if name in columns and name in names]
    if twice:
        warnings.warn(
            f"Several columns are named {', '.join(twice[:8])}: it cannot be told which is meant, so every row counts as of "
            "another type there. Keep one: rows = rows.loc[:, ~rows.columns.astype(str).duplicated()]",
            stacklevel=3,
        )
