"""What the model says, as numbers to watch: score, margin and entropy of probabilities, or a prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nb2prod.baseline.columns import columns_of, values_of
from nb2prod.baseline.feature import Floats, Ints
from nb2prod.baseline.numbers import numbers
from nb2prod.baseline.words import level
from nb2prod.errors import UsageError

Task = Literal["binary", "multiclass", "regression", "class"]
CONFUSED = 50
UNIT = 65536
LIMIT = 1e4
# two machines, or a batch and a single row, may differ in the last bits of a probability
_DIGITS = 10


@dataclass(frozen=True, eq=False)
class Target:
    """What kind of answers the model gives; `scale` is the unit of a regression's errors."""

    task: Task
    classes: tuple[str, ...] = ()
    scale: float = 1.0

    def index(self, labels: Any) -> NDArray[np.int64]:
        """Place of each label among the classes; `len(classes)` for one that is none."""
        table = {name: place for place, name in enumerate(self.classes)}
        for text, twin in (("True", "1"), ("False", "0"), ("1", "True"), ("0", "False")):
            if twin in table:
                table.setdefault(text, table[twin])
        last = len(self.classes)
        return np.array([table.get(level(value), last) for value in values_of(labels)], dtype=np.int64)


def plain(values: Any) -> Any:
    """Scores or labels as an array or a list, whatever they came in."""
    if hasattr(values, "iloc"):
        columns, rows = columns_of(values)
        if getattr(values, "ndim", 1) == 1 or len(columns) == 1:
            return next(iter(columns.values()), [])
        return (
            np.stack([numbers(column)[0] for column in columns.values()], axis=1)
            if rows
            else np.empty((0, len(columns)))
        )
    return values if isinstance(values, (list, np.ndarray)) else list(values)


def must_match(noun: str, given: Any, rows: int, of: str) -> None:
    """Refuse labels or scores that are not one a row.

    Raises
    ------
    UsageError
        They are more or fewer.
    """
    count = len(plain(given))
    if count != rows:
        raise UsageError(
            f"There are {count:,} {noun} for {rows:,} {of}",
            code="other-length",
            where=noun,
            why=f"{noun.capitalize()} are one for each of the {of}, in their order; None stands for one that is not known.",
            fix=f"{noun} = {noun}[:{rows}]" if count > rows else f"give the {noun} of all {rows:,} {of}",
            kept="nothing was counted",
        )


def alike(scores: Any, labels: Any) -> None:
    """Refuse labels that are not one a score, as `must_match`."""
    if scores is not None and labels is not None:
        must_match("labels", labels, len(plain(scores)), "scores")


def matrix(scores: Any) -> Floats:
    """Scores as rows × columns of floats; a row that is null or of the wrong length is NaN."""
    scores = plain(scores)
    if isinstance(scores, np.ndarray) and scores.dtype.kind in "fiub":
        found = scores.astype(np.float64, copy=False)
        return found.reshape(len(found), -1) if found.ndim > 1 else found[:, None]
    rows = values_of(scores)
    width = max((len(row) for row in rows if isinstance(row, Sequence) and not isinstance(row, str)), default=1)
    blank = [np.nan] * width
    full = [_row(row, width, blank) for row in rows]
    return np.array(full, dtype=np.float64).reshape(len(full), width)


def _row(row: Any, width: int, blank: list[float]) -> list[float]:
    cells = list(row) if isinstance(row, (list, tuple, np.ndarray)) else [row]
    if len(cells) != width:
        return blank
    try:
        return [float(cell) if cell is not None else np.nan for cell in cells]
    except (TypeError, ValueError):
        return blank


def recognise(scores: Any, labels: Any, classes: Sequence[Any] | None) -> Target | None:
    """Tell what the model does from its hold-out scores and labels."""
    names = tuple(str(level(value)) for value in classes) if classes is not None else _names(labels)
    if scores is None:
        return Target("binary" if len(names) == 2 else "class", names) if names else None
    scores = plain(scores)
    if isinstance(scores, list) or scores.dtype.kind not in "fiub":
        flat = [value for value in values_of(scores) if value is not None]
        if flat and isinstance(flat[0], (str, bool)):
            return Target("class", names or tuple(sorted({str(level(value)) for value in flat})))
    values = matrix(scores)
    if len(names) == 1 and classes is None and values.shape[1] <= 2 and _probable(values):
        names = _both(names[0], values) if values.shape[1] == 2 or _says_class(labels) else names
    if values.shape[1] > 2:
        return Target("multiclass", names if len(names) == values.shape[1] else tuple(map(str, range(values.shape[1]))))
    if _probable(values) and (len(names) == 2 or labels is None or values.shape[1] == 2):
        return Target("binary", names if len(names) == 2 else ("0", "1"))
    if names and classes is not None:
        return Target("class", names)
    return Target("regression", scale=_scale(values, labels))


def _names(labels: Any) -> tuple[str, ...]:
    """Classes in the order of their values, where labels are few and no fractions."""
    if labels is None:
        return ()
    found = {value for value in values_of(plain(labels)) if value is not None and value == value}
    whole = all(
        not isinstance(value, float) or value == int(value) for value in found if value not in (np.inf, -np.inf)
    )
    if len(found) > CONFUSED or not whole:
        return ()
    numeric = all(isinstance(value, (int, float)) for value in found)
    ordered = sorted(found) if numeric else sorted(found, key=str)
    return tuple(str(level(value)) for value in ordered)


def _says_class(labels: Any) -> bool:
    """Is the one label of a hold-out a class: text, a truth value, 0 or 1? Any other number may be a regression's."""
    found = next(value for value in values_of(plain(labels)) if value is not None and value == value)
    return isinstance(found, (str, bool)) or found in (0, 1)


def _both(name: str, values: Floats) -> tuple[str, str]:
    """Two classes of which a hold-out shows one; text is the class that its scores speak for."""
    for pair in (("0", "1"), ("False", "True")):
        if name in pair:
            return pair
    return (f"not {name}", name) if np.nanmean(values[:, -1]) >= 0.5 else (name, f"not {name}")


def _probable(values: Floats) -> bool:
    finite = values[np.isfinite(values)]
    return bool(len(finite)) and bool(finite.min() >= 0) and bool(finite.max() <= 1)


def _scale(values: Floats, labels: Any) -> float:
    truth = numbers(plain(labels))[0] if labels is not None else values[:, 0]
    finite = truth[np.isfinite(truth)]
    spread = float(finite.std()) if len(finite) else 0.0
    return spread if spread > 0 else 1.0


def parts(scores: Any, target: Target) -> dict[str, Any]:
    """Counter name → one value a row."""
    if target.task == "class":
        return {"@prediction": plain(scores)}
    values = matrix(scores)
    if target.task == "regression":
        with np.errstate(over="ignore"):
            return {"@prediction": values[:, 0].astype(np.float32).astype(np.float64)}
    if target.task == "binary":
        positive = np.round(values[:, -1], _DIGITS)
        return {"@score": positive} | _sureness(np.stack((1 - positive, positive), axis=1))
    values = np.round(values, _DIGITS)
    best = np.argmax(np.where(np.isnan(values), -1, values), axis=1)
    said: list[Any] = [str(place) for place in best.tolist()]
    lost = np.isnan(values).any(axis=1)
    for row in np.flatnonzero(lost):
        said[row] = None
    return {"@score": values.max(axis=1, initial=-np.inf) if len(values) else np.empty(0), "@class": said} | _sureness(
        values
    )


def _sureness(values: Floats) -> dict[str, Floats]:
    """Margin between the first two classes, and entropy in nats."""
    ordered = np.sort(values, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(
            values > 0, values * np.log(np.where(values > 0, values, 1.0)), np.where(np.isnan(values), np.nan, 0.0)
        )
    return {
        "@margin": np.round(ordered[:, -1] - ordered[:, -2], _DIGITS),
        "@entropy": np.round(-terms.sum(axis=1), _DIGITS),
    }


def label_sizes(target: Target, edges: Floats) -> dict[str, int]:
    """Names and lengths of the counters that labels fill."""
    if target.task == "regression":
        return {"@errors": 6}
    sizes = {}
    if target.task in ("binary", "multiclass"):
        sizes["@labels"] = 2 * (len(edges) + 2)
    if 1 < len(target.classes) <= CONFUSED:
        sizes["@confusion"] = (len(target.classes) + 1) ** 2
    return sizes


def label_counts(target: Target, edges: Floats, scores: Any, labels: Any, predictions: Any = None) -> dict[str, Ints]:
    """Whole-number counts from which every realised figure follows.

    `@labels` is score bucket × (0, 1), the last bucket for rows without a score; for several classes 1 means that the
    first choice was right. `@confusion` is predicted × true class, the last of each for anything else. `@errors` is
    n, |e|, e, e², y, y² of a regression in units of `scale` / 65536.
    """
    if target.task == "regression":
        return {"@errors": _errors(target, scores if scores is not None else predictions, labels)}
    sizes = label_sizes(target, edges)
    truth = target.index(plain(labels))
    said = _said(target, scores, predictions, len(truth))
    found: dict[str, Ints] = {}
    if "@labels" in sizes:
        outcome = (truth == 1) if target.task == "binary" else (truth == said)
        value = np.full(len(truth), np.nan) if scores is None else parts(scores, target)["@score"]
        place = np.where(np.isnan(value), len(edges) + 1, edges.searchsorted(value, side="right"))
        known = truth < len(target.classes)
        found["@labels"] = np.bincount((2 * place + outcome)[known], minlength=sizes["@labels"]).astype(np.int64)
    if "@confusion" in sizes:
        width = len(target.classes) + 1
        found["@confusion"] = np.bincount(said * width + truth, minlength=width * width).astype(np.int64)
    return found


def _said(target: Target, scores: Any, predictions: Any, rows: int) -> NDArray[np.int64]:
    """Place of the predicted class."""
    if predictions is not None:
        return target.index(plain(predictions))
    if scores is None:
        return np.full(rows, len(target.classes), dtype=np.int64)
    if target.task == "class":
        return target.index(plain(scores))
    values = matrix(scores)
    if target.task == "binary":
        return np.asarray(values[:, -1] >= 0.5, dtype=np.int64)
    return np.asarray(np.argmax(np.where(np.isnan(values), -1, values), axis=1), dtype=np.int64)


def _errors(target: Target, scores: Any, labels: Any) -> Ints:
    said = matrix(scores)[:, 0]
    truth = numbers(plain(labels))[0]
    good = np.isfinite(said) & np.isfinite(truth)
    error = np.clip((said[good] - truth[good]) / target.scale, -LIMIT, LIMIT)
    value = np.clip(truth[good] / target.scale, -LIMIT, LIMIT)
    rows = np.stack((np.abs(error), error, error**2, value, value**2))
    return np.concatenate(([len(error)], np.rint(rows * UNIT).astype(np.int64).sum(axis=1))).astype(np.int64)
