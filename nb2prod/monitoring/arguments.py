"""What a monitor is given: refused or told where it is not what it should be."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from nb2prod.baseline.columns import colliding
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


def tell_double(frame: Any, columns: Mapping[str, Any], names: tuple[str, ...]) -> None:
    """Warn of live columns that share the name of a watched one."""
    twice = [name for name in colliding(frame) if name in columns and name in names]
    if twice:
        warnings.warn(
            f"Several columns are named {', '.join(twice[:8])}: it cannot be told which is meant, so every row counts as of "
            "another type there. Keep one: rows = rows.loc[:, ~rows.columns.astype(str).duplicated()]",
            stacklevel=3,
        )
