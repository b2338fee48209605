"""What the model says, as numbers to watch: score, margin and entropy of probabilities, or a prediction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nb2prod.baseline.columns import Coded, is_pandas, series_values, unmasked, values_of
from nb2prod.baseline.feature import Floats, Ints
from nb2prod.baseline.numbers import numbers
from nb2prod.baseline.words import level, missing
from nb2prod.errors import UsageError

Task = Literal["binary", "multiclass", "regression", "class"]
CONFUSED = 50
UNIT = 65536
LIMIT = 1e4
UNREAD = "@unread"
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
    """Scores or labels as an array or a list, whatever they came in.

    Raises
    ------
    UsageError
        They are one value.
    """
    if is_pandas(values):
        parts = [numbers(series_values(values.iloc[:, place]))[0] for place in range(values.shape[1])]
        if values.shape[1] != 1:
            return np.stack(parts, axis=1) if parts else np.empty((len(values), 0))
        values = values.iloc[:, 0]
    if hasattr(values, "iloc"):
        values = series_values(values)
    if isinstance(values, Coded):
        return values.values()
    if isinstance(values, np.ndarray) and values.ndim > 0:
        flat = unmasked(values)
        return flat[:, 0] if flat.ndim == 2 and flat.shape[1] == 1 else flat
    if isinstance(values, str | bytes | Mapping | np.ndarray) or not isinstance(values, Iterable):
        raise UsageError(
            f"`{type(values).__name__}` is no column of scores or labels",
            code="no-column",
            where="scores, labels",
            why="Scores and labels are one for each row, in the order of the rows; None stands for one that is not known.",
            fix="scores=[0.3]      # of one row",
            kept="nothing was counted",
        )
    return values if isinstance(values, list) else list(values)


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


def must_fit(given: Any, target: Target | None) -> None:
    """Refuse scores with another number of columns than the model has classes.

    Raises
    ------
    UsageError
        They have.
    """
    if target is None or target.task == "regression" or given is None:
        return
    width = _width(plain(given))
    widths = {"binary": (1, 2), "class": (1,)}.get(target.task, (len(target.classes),))
    if width in (0, *widths):
        return
    shown = ", ".join(target.classes[:8]) + (", …" if len(target.classes) > 8 else "")
    kind = "one predicted class a row" if target.task == "class" else f"probabilities of the classes {shown}"
    raise UsageError(
        f"The scores have {width:,} columns; the baseline's have {' or '.join(map(str, widths))}",
        code="other-classes",
        where="scores",
        why=f"The baseline was made from {kind}, in that order.",
        fix="scores=model.predict(rows)" if target.task == "class" else "scores=model.predict_proba(rows)",
        kept="nothing was counted",
    )


def _width(given: Any) -> int:
    """Columns of scores; 0 where all are null."""
    if isinstance(given, np.ndarray):
        return int(given.shape[1]) if given.ndim > 1 else min(len(given), 1)
    wide = (len(row) if isinstance(row, list | tuple | np.ndarray) else 1 for row in given if not missing(row))
    return max(wide, default=0)


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
    width = _width(rows) or 1
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
        _must_name(names, values.shape[1], classes)
        return Target("multiclass", names if len(names) == values.shape[1] else tuple(map(str, range(values.shape[1]))))
    if _probable(values) and (len(names) == 2 or labels is None or values.shape[1] == 2):
        return Target("binary", names if len(names) == 2 else ("0", "1"))
    if names and classes is not None:
        return Target("class", names)
    return Target("regression", scale=_scale(values, labels))


def _must_name(names: tuple[str, ...], width: int, classes: Sequence[Any] | None) -> None:
    """Refuse labels of which nobody can tell the column of the scores: those of other names than places, and too few."""
    if classes is not None or not names or len(names) == width or set(names) <= set(map(str, range(width))):
        return
    raise UsageError(
        f"The scores have {width:,} columns, the labels {len(names):,} classes",
        code="other-classes",
        where="scores, labels",
        why="Which column speaks for which class cannot be told from labels that do not show every one of them.",
        fix="classes=model.classes_",
        kept="nothing was made",
    )


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
    if values.shape[1] != len(target.classes):  # no row has a probability of each
        values = np.full((len(values), len(target.classes)), np.nan)
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
        return {"@errors": 6, UNREAD: 2}
    sizes = {UNREAD: 2}
    if target.task in ("binary", "multiclass"):
        sizes["@labels"] = 2 * (len(edges) + 2)
    if 1 < len(target.classes) <= CONFUSED:
        sizes["@confusion"] = (len(target.classes) + 1) ** 2
    return sizes


def label_counts(target: Target, edges: Floats, scores: Any, labels: Any, predictions: Any = None) -> dict[str, Ints]:
    """Whole-number counts from which every realised figure follows; a label that is null is none.

    `@labels` is score bucket × (0, 1), the last bucket for rows without a score; for several classes 1 means that the
    first choice was right. `@confusion` is predicted × true class, the last of each for anything else. `@errors` is
    n, |e|, e, e², y, y² of a regression in units of `scale` / 65536. `@unread` is there where labels came that no figure
    follows from: those of rows without an answer, and those that are no class or no number.
    """
    if target.task == "regression":
        return _errors(target, scores if scores is not None else predictions, labels)
    sizes = label_sizes(target, edges)
    column = values_of(plain(labels))
    truth = target.index(column)
    there = np.array([not missing(value) for value in column], dtype=np.bool_)
    known = truth < len(target.classes)
    said = _said(target, scores, predictions, len(truth))
    answered = said >= 0
    found = _unread(known & ~answered, there & ~known)
    if "@labels" in sizes:
        outcome = (truth == 1) if target.task == "binary" else (truth == said)
        value = np.full(len(truth), np.nan) if scores is None else parts(scores, target)["@score"]
        place = np.where(np.isnan(value), len(edges) + 1, edges.searchsorted(value, side="right"))
        found["@labels"] = np.bincount((2 * place + outcome)[known], minlength=sizes["@labels"]).astype(np.int64)
    if "@confusion" in sizes:
        width = len(target.classes) + 1
        cells = (said * width + truth)[there & answered]
        found["@confusion"] = np.bincount(cells, minlength=width * width).astype(np.int64)
    return found


def unread(labels: Any) -> dict[str, Ints]:
    """`@unread` of labels of which nobody knows what they are."""
    there = np.array([not missing(value) for value in values_of(plain(labels))], dtype=np.bool_)
    return _unread(np.zeros(0, np.bool_), there)


def _unread(unanswered: NDArray[np.bool_], strange: NDArray[np.bool_]) -> dict[str, Ints]:
    counts = np.array([unanswered.sum(), strange.sum()], dtype=np.int64)
    return {UNREAD: counts} if counts.any() else {}


def _said(target: Target, scores: Any, predictions: Any, rows: int) -> NDArray[np.int64]:
    """Place of the predicted class, -1 where nothing was answered."""
    if predictions is not None or (scores is not None and target.task == "class"):
        answers = values_of(plain(scores if predictions is None else predictions))
        return np.where([missing(value) for value in answers], -1, target.index(answers))
    if scores is None:
        return np.full(rows, -1, dtype=np.int64)
    values = matrix(scores)
    best = (
        values[:, -1] >= 0.5 if target.task == "binary" else np.argmax(np.where(np.isnan(values), -1, values), axis=1)
    )
    lost = np.isnan(values[:, -1:] if target.task == "binary" else values).any(axis=1)
    return np.where(lost, -1, best.astype(np.int64))


def _errors(target: Target, scores: Any, labels: Any) -> dict[str, Ints]:
    column = plain(labels)
    truth = numbers(column)[0]
    said = np.full(len(truth), np.nan) if scores is None else matrix(scores)[:, 0]
    known, answered = np.isfinite(truth), np.isfinite(said)
    there = np.array([not missing(value) for value in values_of(column)], dtype=np.bool_)
    good = known & answered
    error = np.clip((said[good] - truth[good]) / target.scale, -LIMIT, LIMIT)
    value = np.clip(truth[good] / target.scale, -LIMIT, LIMIT)
    rows = np.stack((np.abs(error), error, error**2, value, value**2))
    sums = np.rint(rows * UNIT).astype(np.int64).sum(axis=1)
    return {"@errors": np.concatenate(([len(error)], sums)).astype(np.int64)} | _unread(
        known & ~answered, there & ~known
    )
