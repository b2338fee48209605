"""Training rows as they are given: what cannot be watched is refused by name, with the line that mends it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nb2prod.baseline.columns import Column, aligned, colliding, columns_of, is_pandas
from nb2prod.baseline.scores import must_match
from nb2prod.errors import UsageError


def read(frame: Any, scores: Any = None) -> tuple[dict[str, Column], int]:
    """Columns and number of training rows.

    Raises
    ------
    UsageError
        They are no rows, two columns have one name, columns are of different lengths, or there is nothing to watch.
    """
    columns, rows = columns_of(frame)
    _distinct(frame, "frame")
    if not columns and scores is None:
        raise UsageError(
            "There is nothing to watch: the frame has no columns",
            code="no-columns",
            where="frame",
            why="A baseline watches the columns of training, what the model says, or both.",
            fix="Baseline.from_frame(X_train)",
            kept="nothing was made",
        )
    short = [name for name, column in columns.items() if len(column) < rows]
    if short:
        raise UsageError(
            f"Column `{short[0]}` has {len(columns[short[0]]):,} values, others have {rows:,}",
            code="other-length",
            where=f"column {short[0]}",
            why="Every column has one value for each row of training; None stands for one that is missing.",
            fix=f"give {', '.join(short[:6])} of all {rows:,} rows",
            kept="nothing was made",
        )
    return columns, rows


def holdout(frame: Any, scores: Any, names: Sequence[str]) -> tuple[dict[str, Column], int]:
    """Columns and number of the hold-out's own rows, one for each of its scores; `names` are those of training."""
    columns, rows = aligned(frame, names)
    _distinct(frame, "holdout")
    must_match("scores", scores, rows, "rows of the hold-out")
    return columns, rows


def _distinct(frame: Any, noun: str) -> None:
    twice = colliding(frame)
    if not twice:
        return
    given = list(map(str, frame.columns if is_pandas(frame) else frame))
    unique = f"{noun} = {noun}.loc[:, ~{noun}.columns.astype(str).duplicated()]      # the first of each"
    renamed = f"{noun} = {{f'{{name}}_{{place}}': {noun}[name] for place, name in enumerate({noun})}}"
    shown = ", ".join(f"`{name}`" for name in twice[:8]) + (", …" if len(twice) > 8 else "")
    raise UsageError(
        f"{max(map(given.count, twice))} columns have one name: {shown}",
        code="double-column",
        where=noun,
        why="Names are compared as text, and each stands for one column: of the others nothing would be watched.",
        fix=unique if is_pandas(frame) else renamed,
        kept="nothing was made",
    )
