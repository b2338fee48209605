"""Out of fold: copies of the model, fitted on parts of its rows and asked the rest, of as many folds as the scores need."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nb2prod.capturing import golden
from nb2prod.capturing.discovery import Found

FOLDS = 3
ENOUGH = 5000
"""Rows with scores from which on another fold makes no estimate better: tests/benchmarks/monitoring/RESULTS.md."""
PATIENCE = 30.0
_BLOCKS = 10
_FEW, _MORE = 500, 2000
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class OutOfFold:
    """What the copies said, and of which rows, in their order; in place of both why there is nothing."""

    values: Any = None
    rows: Any = None
    why: str = ""


def out_of_fold(found: Found) -> OutOfFold:
    """Scores of rows that the copy which was asked has not seen, where that takes 30 s at most.

    The model itself is left alone. The first fold tells how long the others take; where it is large, fits on few rows tell that
    before.
    """
    n = len(found.labels)
    asked = enough(n)
    try:
        fold = folds(found)
        if n * (FOLDS - 1) > _MORE * FOLDS and (seconds := _forecast(found, asked)) > PATIENCE:
            return _too_long(seconds)
        said = []
        for one in range(asked):
            began = time.perf_counter()
            said.append(_asked(found, fold == one))
            seconds = (time.perf_counter() - began) * asked
            if seconds > PATIENCE and one + 1 < asked:
                return _too_long(seconds)
    except Exception:  # a fold without a class, groups that a splitter needs, a model that clone does not know
        return OutOfFold(why="fitting out of fold failed")
    rows = np.concatenate([np.flatnonzero(fold == one) for one in range(asked)])
    order = np.argsort(rows)
    return OutOfFold(np.concatenate(said)[order], rows[order])


def enough(rows: int) -> int:
    """How many of the folds are asked: by the number of rows alone, so that the same model always gives the same capture."""
    return min(FOLDS, math.ceil(ENOUGH * FOLDS / rows)) if rows else FOLDS


def folds(found: Found) -> Ints:
    """The fold of each row, each with its share of every class: thirds; where not all are asked many blocks, from all times.

    Neighbours stay together, since rows that follow each other may be of one customer or one day.
    """
    from sklearn.base import is_classifier

    n = len(found.labels)
    blocks = FOLDS if enough(n) == FOLDS else FOLDS * _BLOCKS
    if not is_classifier(found.model):
        return np.arange(n) * blocks // max(n, 1) % FOLDS
    _, which, held = np.unique(np.asarray(found.labels).ravel(), return_inverse=True, return_counts=True)
    order = np.argsort(which, kind="stable")
    rank = np.empty(n, np.int64)
    rank[order] = np.arange(n) - np.repeat(np.cumsum(held) - held, held)
    return rank * blocks // held[which] % FOLDS


def _asked(found: Found, inside: npt.NDArray[np.bool_]) -> Any:
    """What a copy says of the rows `inside` that was fitted on the others; a class that it never met has no chance."""
    copy = _fitted(found, np.flatnonzero(~inside))
    rows = golden.take(found.data, np.flatnonzero(inside))
    if not hasattr(copy, "predict_proba"):
        return np.asarray(copy.predict(rows))
    values = np.asarray(copy.predict_proba(rows))
    known, met = np.asarray(found.model.classes_).tolist(), np.asarray(copy.classes_).tolist()
    if known == met:
        return values
    whole = np.zeros((len(values), len(known)))
    whole[:, [known.index(one) for one in met]] = values
    return whole


def _fitted(found: Found, chosen: Ints) -> Any:
    from sklearn.base import clone

    return clone(found.model).fit(golden.take(found.data, chosen), golden.take(found.labels, chosen))


def _forecast(found: Found, asked: int) -> float:
    """Seconds that the folds would take at most, from a fit on 2,000 rows; where that may be long, from another on 500, too."""
    part = len(found.labels) * (FOLDS - 1) / FOLDS
    more = _took(found, _MORE)
    if more * asked * (part / _MORE) ** 3 <= PATIENCE:  # no usual model's time goes by more than the cube
        return 0.0
    slope = max(more - _took(found, _FEW), 0.0) / (_MORE - _FEW)
    return 1.5 * asked * (more + slope * (part - _MORE))


def _took(found: Found, rows: int) -> float:
    chosen = np.random.default_rng(0).permutation(len(found.labels))[:rows]
    began = time.perf_counter()
    _fitted(found, chosen)
    return time.perf_counter() - began


def _too_long(seconds: float) -> OutOfFold:
    return OutOfFold(why=f"fitting out of fold would take about {seconds:.0f} s")
