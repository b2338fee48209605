"""Rows and labels of one segment, gathered by version and event period, and counted once each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from nb2prod.baseline import sparse
from nb2prod.baseline.words import level
from nb2prod.records.capture import Signature
from nb2prod.records.monitoring import Increment
from nb2prod.runtime import sums
from nb2prod.runtime.batches import Batch, Refusals
from nb2prod.runtime.join import Delta
from nb2prod.runtime.labelling import same
from nb2prod.runtime.periods import Period, period_of, split
from nb2prod.runtime.segments import Head
from nb2prod.runtime.watched import Watched

PREDICTED = "@predicted"
AGREED = "@agreed"
SLICE, REFUSED = "@slice.", "@refused."
OUTCOME, SQUARES, REST = "@outcome.", "@squares.", "@rest."
"""Of each outcome: sum and count, sum of squares, and how many values were neither 0 nor 1. ``|column=value`` names a slice."""
Counts = dict[str, NDArray[np.int64]]
Sparse = dict[str, list[tuple[int, int]]]
Cell = tuple[int, str, Period]
Slice = tuple[str, str]


class Tally:
    """Gather batches and label changes; `increments` counts them."""

    def __init__(
        self, head: Head, watched: Watched, other: Callable[[str], Watched], slices: Sequence[Slice] = ()
    ) -> None:
        self._head = head
        self._watched = watched
        self._other = other
        self._slices = slices
        self._refused: dict[Cell, Sparse] = defaultdict(dict)
        self._rows: dict[Cell, _Gathered] = defaultdict(_Gathered)
        self._labels: dict[Cell, dict[int, list[Delta]]] = defaultdict(lambda: defaultdict(list))

    def add(self, batch: Batch) -> list[Period]:
        """Gather a request; returns its period, or one a row."""
        if batch.times is None or all(time is None for time in batch.times):
            period = period_of(batch.arrived, batch.arrived)
            self._rows[batch.version, self._head.key, period].add(batch, None)
            return [period]
        periods: list[Period] = [("minute", 0)] * batch.n
        for period, places in split(batch.times, batch.arrived):
            self._rows[batch.version, self._head.key, period].add(batch, None if len(places) == batch.n else places)
            for row in places.tolist():
                periods[row] = period
        return periods

    def slices(self, batch: Batch) -> dict[str, list[int]]:
        """The rows of a request in each declared slice."""
        return _within(self._slices, batch.columns, self._watched.signature)

    def refuse(self, refusals: Refusals) -> None:
        """Gather what never reached the model."""
        cell = refusals.version, self._head.key, period_of(refusals.arrived, refusals.arrived)
        for column, code, count in refusals.items:
            _add(self._refused[cell], {f"{REFUSED}{code}|{column}": [(0, count)]})

    def change(self, deltas: Iterable[Delta]) -> None:
        """Gather what labels change."""
        for delta in deltas:
            self._labels[delta.version, delta.model, delta.period][delta.sign].append(delta)

    def increments(self, arrived: float) -> list[Increment]:
        """One increment for each version and event period."""
        made = []
        for cell in sorted({*self._rows, *self._labels, *self._refused}):
            version, model, period = cell
            gathered = self._rows.get(cell)
            counts: Sparse = {}
            if gathered is not None:
                counts = sparse(_of_rows(gathered, self._watched))
                found = _within(self._slices, gathered.whole(self._watched.signature), self._watched.signature)
                counts |= {f"{SLICE}{key}": [(0, len(rows))] for key, rows in found.items()}
            _add(counts, self._refused.get(cell, {}))
            for sign, deltas in self._labels.get(cell, {}).items():
                _add(counts, _of_labels(deltas, self._other(model), sign))
            first, moment = (arrived, arrived) if gathered is None else (gathered.arrived, gathered.moment)
            made.append(
                Increment(
                    source=self._head.source,
                    sequence=self._head.sequence,
                    name=self._head.name,
                    version=version,
                    model=model,
                    grain=period[0],
                    period=period[1],
                    arrived=int(first // 60 * 60),
                    moment=round(moment, 3),
                    rows=gathered.n if gathered is not None else 0,
                    counts={name: pairs for name, pairs in counts.items() if pairs},
                )
            )
        return made


class _Gathered:
    """Rows of one version and period, column by column; they arrived at `moment` on average, the first at `arrived`."""

    def __init__(self) -> None:
        self.n = 0
        self.arrived = float("inf")
        self.moment = 0.0
        self.columns: dict[str, list[Any]] = {}
        self.matrices: list[NDArray[Any]] = []
        self.predictions: list[Any] = []
        self.probabilities: list[Any] = []

    def whole(self, signature: Signature) -> Any:
        """All rows as columns, or as one matrix."""
        return np.concatenate(self.matrices) if self.matrices else self.columns

    def add(self, batch: Batch, places: NDArray[np.int64] | None) -> None:
        rows = batch.n if places is None else len(places)
        self.arrived = min(self.arrived, batch.arrived)
        self.moment += (batch.arrived - self.moment) * rows / max(self.n + rows, 1)
        if isinstance(batch.columns, np.ndarray):
            self.matrices.append(batch.columns if places is None else batch.columns[places])
        else:
            for name, values in batch.columns.items():
                held = self.columns.get(name)
                if held is None:
                    held = self.columns[name] = [None] * self.n
                held.extend(_taken(values, places))
        self.n += rows
        if not self.matrices and len(batch.columns) < len(self.columns):
            for held in self.columns.values():
                held.extend([None] * (self.n - len(held)))
        self.predictions.extend(_taken(batch.predictions, places))
        if batch.probabilities is not None:
            self.probabilities.extend(_taken(batch.probabilities, places))


def _taken(values: Any, places: NDArray[np.int64] | None) -> Any:
    if isinstance(values, np.ndarray):
        chosen = values if places is None else values[places]
        return list(chosen) if chosen.dtype.kind in "mM" else chosen.tolist()
    return values if places is None else [values[place] for place in places.tolist()]


def _of_rows(gathered: _Gathered, watched: Watched) -> Counts:
    columns = _by_name(gathered.whole(watched.signature), watched.signature)
    plain = all(not isinstance(value, list | dict) for value in gathered.predictions)
    said: Any = gathered.predictions if plain else None
    if len(gathered.probabilities) == gathered.n and gathered.n:
        said = np.array(gathered.probabilities, dtype=np.float64)
    counts = watched.baseline.count(columns, scores=said, n=gathered.n, ordered=True)
    found = _predicted(gathered.predictions, watched.signature) if plain else None
    return counts if found is None else {**counts, PREDICTED: found}


def _predicted(predictions: list[Any], signature: Signature) -> NDArray[np.int64] | None:
    """How often each class was said, in the signature's order; the last place is for anything else."""
    classes = signature.output.classes
    if signature.output.kind != "class" or not classes:
        return None
    table = {same(value): place for place, value in enumerate(classes)}
    places = [table.get(same(value), len(classes)) for value in predictions]
    return np.bincount(places, minlength=len(classes) + 1).astype(np.int64)


def _by_name(columns: Any, signature: Signature) -> dict[str, Any]:
    if isinstance(columns, np.ndarray):
        return {name: columns[:, place] for place, name in enumerate(signature.names)}
    return dict(columns)


def _within(slices: Sequence[Slice], columns: Any, signature: Signature) -> dict[str, list[int]]:
    """Of each slice, the places of its rows; values are compared as the text that they are on the wire."""
    found: dict[str, list[int]] = {}
    named = _by_name(columns, signature) if slices else {}
    for column, value in slices:
        values = named.get(column)
        if values is not None:
            rows = [row for row, one in enumerate(values) if level(one) == value]
            found[f"{column}={value}"] = rows
    return {key: rows for key, rows in found.items() if rows}


def _of_labels(deltas: list[Delta], watched: Watched, sign: int) -> Sparse:
    """What labels and outcomes say, of all rows and of each slice."""
    counts = _of_all_labels(deltas, watched)
    for key in sorted({key for delta in deltas for key in delta.slices}):
        inside = _of_all_labels([delta for delta in deltas if key in delta.slices], watched)
        counts |= {f"{name}|{key}": pairs for name, pairs in inside.items()}
    return {name: [(place, sign * count) for place, count in pairs] for name, pairs in counts.items()}


def _of_all_labels(deltas: list[Delta], watched: Watched) -> Sparse:
    counts: Sparse = {}
    known = [delta for delta in deltas if delta.label is not msgspec.UNSET]
    if known:
        labels = [delta.label for delta in known]
        predictions = [delta.prediction for delta in known]
        scores = None if any(delta.scores is None for delta in known) else np.array([delta.scores for delta in known])
        found = watched.baseline.count_labels(scores, labels, predictions)
        if watched.signature.output.kind != "number":
            right = sum(same(a) == same(b) for a, b in zip(predictions, labels, strict=True))
            found[AGREED] = np.array([len(known) - right, right])
        counts = sparse(found)
    for name in sorted({name for delta in deltas for name in delta.outcomes}):
        values = [delta.outcomes[name] for delta in deltas if name in delta.outcomes]
        rest = sum(value not in (0, 1) for value in values)
        counts[OUTCOME + name] = sums.exact(values)
        counts[SQUARES + name] = sums.exact([value * value for value in values])
        counts |= {REST + name: [(0, rest)]} if rest else {}
    return counts


def _add(total: Sparse, more: Mapping[str, list[tuple[int, int]]]) -> None:
    for name, pairs in more.items():
        held = dict(total.get(name, ()))
        for place, count in pairs:
            held[place] = held.get(place, 0) + count
        total[name] = sorted((place, count) for place, count in held.items() if count)
