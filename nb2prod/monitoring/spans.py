"""Panes of one version put together by event period: all time, a month, a week, a day."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal

from nb2prod.errors import NotFound, UsageError
from nb2prod.records.base import Record
from nb2prod.runtime.watched import Watched, watched
from nb2prod.store import Store
from nb2prod.store.panes import SECONDS, Pane, Sparse, add_sparse

By = Literal["month", "week", "day"]
_FORMATS = {"month": "%Y-%m", "week": "%G-W%V", "day": "%Y-%m-%d"}
_STEPS = {"minute": 60, "2 minutes": 120, "5 minutes": 300, "10 minutes": 600, "30 minutes": 1800, "hour": 3600}
"""Periods of a life too short for days, in seconds."""
_LONGEST, _LEAST, _ROWS = 48, 4, 40
"""Of a time line in these: the most periods, the fewest where there may be more, and the rows that one should have."""
_MOMENT = "%Y-%m-%dT%H:%MZ"


class Span(Record, frozen=True, kw_only=True):
    """Counts of a period; `period` is None for all time, else its text (`2013-06`)."""

    period: str | None
    rows: int
    counts: Sparse


class Watch(Record, frozen=True, kw_only=True):
    """A version's spans, in order, and the model that they stand against."""

    version: int
    model: Watched
    spans: tuple[Span, ...]


def watch(store: Store, name: str, by: str | None = None, version: int | None = None) -> Watch | None:
    """What was counted of a version, by default the one that takes traffic; None where nothing was counted of it yet.

    Where nothing takes traffic here (a service that is pulled), it is the version whose rows came last: another version's figures
    never stand for one that has none.

    Raises
    ------
    UsageError
        `by` is no period.
    """
    if by is not None and by not in (*_FORMATS, *_STEPS):
        raise UsageError(
            f"There are no figures by {by}",
            code="no-such-period",
            where=f"by={by!r}",
            why=f"Figures come over all time or by {', '.join(_FORMATS)}.",
            fix='by="month"',
        )
    found = _which(store, name, version)
    if found is None:
        return None
    number, key = found
    parts: dict[str | None, list[tuple[int, Sparse]]] = defaultdict(list)
    for pane in store.panes.of(name, number, key):
        parts[period_of(pane.period, by)].append((pane.rows, pane.counts))
    spans = (
        Span(period=period, rows=sum(rows for rows, _ in found), counts=add_sparse(counts for _, counts in found))
        for period, found in sorted(parts.items(), key=lambda one: one[0] or "")
    )
    return Watch(version=number, model=model_of(store, key), spans=tuple(spans))


def grain(periods: Sequence[str]) -> str:
    """Days, weeks or months: what a time line of these days is told in."""
    first, last = (date.fromisoformat(one) for one in (min(periods), max(periods)))
    days = (last - first).days
    return "day" if days <= 45 else "week" if days <= 200 else "month"


def line(panes: Sequence[Pane]) -> str:
    """The period in which a time line of these panes is told: minutes while the life is short, then hours, days, weeks, months.

    Never finer than the panes are kept, and with so many rows in each that a picture of them says something.
    """
    first = min(pane.period for pane in panes)
    last = max(pane.period + SECONDS[pane.grain] for pane in panes)
    kept, rows = max(SECONDS[pane.grain] for pane in panes), sum(pane.rows for pane in panes)
    many = {by: -(-(last - first) // step) for by, step in _STEPS.items() if step >= kept}
    fit = [by for by, count in many.items() if count <= _LONGEST]
    for by in fit:
        if rows >= _ROWS * many[by]:
            return by
    rough = [by for by in fit if many[by] >= _LEAST]
    return (
        rough[-1] if rough else fit[0] if fit else grain([period_of(when, "day") or "" for when in (first, last - 1)])
    )


def between(first: str, last: str, by: str | None) -> list[str]:
    """All periods from one to another, those without rows too; none where they are days or longer."""
    step = _STEPS.get(by or "")
    if step is None:
        return []
    begin, end = (datetime.strptime(one, _MOMENT).replace(tzinfo=UTC).timestamp() for one in (first, last))
    return [_moment(when) for when in range(int(begin), int(end) + 1, step)]


def _moment(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).strftime(_MOMENT)


def taking(store: Store, name: str) -> int | None:
    """The version that takes traffic here, though none of its rows came yet; None where nothing does."""
    live = store.deployments.find(name)
    return live.version if live is not None else None


def latest(store: Store, name: str) -> int | None:
    """The version whose rows came last, whether it takes traffic still or not."""
    current = store.increments.current(name)
    known = [] if current is not None else store.panes.versions(name)
    return current.version if current is not None else known[-1][0] if known else None


def _which(store: Store, name: str, version: int | None) -> tuple[int, str] | None:
    if version is None:
        version = taking(store, name)
        current = store.increments.current(name, version)
        if current is not None:
            return current.version, current.model
    known = [one for one in store.panes.versions(name) if version is None or one[0] == version]
    return known[-1][:2] if known else None


def period_of(start: float, by: str | None) -> str | None:
    """The period that a time lies in, as text; None for all time."""
    if by is None:
        return None
    step = _STEPS.get(by)
    return _moment(start // step * step) if step else datetime.fromtimestamp(start, UTC).strftime(_FORMATS[by])


def model_of(store: Store, key: str) -> Watched:
    """The model that counts stand against."""
    files = store.baselines.files(key)
    if files is None:
        raise NotFound(
            "The store has counts but not the baseline that they stand against",
            code="no-baseline",
            where=key,
            fix="nb2prod doctor --fix",
        )
    return _unpacked(tuple(sorted(files.items())))


@lru_cache(maxsize=8)
def _unpacked(files: tuple[tuple[str, bytes], ...]) -> Watched:
    with tempfile.TemporaryDirectory(prefix="nb2prod-") as folder:
        for name, content in files:
            (Path(folder) / Path(name).name).write_bytes(content)
        return watched(Path(folder))
