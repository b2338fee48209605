"""Kept rows as a DataFrame: a draw from all of them, or those around what set off the open alarms."""

from __future__ import annotations

import warnings
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal

from nb2prod.errors import UsageError
from nb2prod.home import Home
from nb2prod.runtime.samples import FILE, Kept, Samples
from nb2prod.runtime.watched import load
from nb2prod.store import Store

if TYPE_CHECKING:
    import pandas as pd

LIMITS = ("limit", "rejected")
"""Kinds of alerts whose window begins long before: what set them off are the rows before they were told."""
OURS = ("@prediction", "@score", "@version", "@request_id", "@row")


def sample(home: Home, store: Store, name: str, n: int, where: Literal["all", "alarm"], seed: int) -> pd.DataFrame:
    """As `Deployment.sample`."""
    if where not in ("all", "alarm") or not _some(n):
        raise UsageError(
            "That is no sample",
            code="wrong-sample",
            where=f"sample({n!r}, where={where!r})",
            why='`where` is "all" or "alarm", and at least one row is asked for.',
            fix='deployment.sample(100, where="alarm")',
            kept="nothing was changed",
        )
    folder = home.deployment(name) / "counts"
    if not (folder / FILE).exists():
        raise _nothing(name, bool(store.deployments.get(name).settings.get("sample")))
    told = store.alerts.open(name) if where == "alarm" else ()
    if where == "alarm" and not told:
        warnings.warn(f"{name}: no alarm stands, so there are no rows around one", stacklevel=3)
    samples = Samples(folder)
    try:
        around = [record.first for record in told if record.kind not in LIMITS]
        before = [record.raised for record in told if record.kind in LIMITS]
        kept = [] if where == "alarm" and not told else samples.draw(n, around, before=before, seed=seed)
    finally:
        samples.close()
    return _frame(kept, {one.model: load(folder, one.model).signature for one in kept})


def _some(n: Any) -> bool:
    return not isinstance(n, bool) and isinstance(n, Integral) and int(n) > 0


def _frame(kept: list[Kept], signatures: dict[str, Any]) -> pd.DataFrame:
    """Columns in the newest model's order, then ours; the index is when a row happened (UTC)."""
    import pandas as pd

    columns = [column for key in reversed(signatures) for column in signatures[key].columns]
    known = {name for one in kept for name in one.values}
    names = list(dict.fromkeys(column.name for column in columns if column.name in known))
    names += sorted(known.difference(names))
    ours = [(one.prediction, one.score, one.version, one.request_id, one.row) for one in kept]
    frame = pd.DataFrame([one.values for one in kept], columns=names)
    for column in columns:
        if column.kind == "datetime" and column.name in known:
            frame[column.name] = pd.to_datetime(frame[column.name], utc=True, format="ISO8601")
    told = pd.DataFrame(ours, columns=list(OURS))
    happened = [one.arrived if one.event is None else one.event for one in kept]
    frame = pd.concat([frame, told], axis=1)
    frame.index = pd.DatetimeIndex(pd.to_datetime(happened, unit="s", utc=True), name="@time")
    return frame


def _nothing(name: str, asked: bool) -> UsageError:
    return UsageError(
        f"No rows of `{name}` are kept" + (" yet" if asked else ""),
        code="no-sample",
        where=name,
        why="None was drawn so far."
        if asked
        else "Nobody asked for a sample: raw rows are let go once they are counted.",
        fix="wait for more requests" if asked else "%deploy model --sample 0.01 --sample-deny COLUMN",
        kept="nothing was changed",
    )
