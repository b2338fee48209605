"""Rows value for value: those that tell most about a preparation, and in how many two tables differ."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from nb2prod.capturing import golden
from nb2prod.capturing.values import is_frame, is_sparse

MOST = 5000
POOL = 50_000
"""Rows among which the telling ones are looked for."""
EACH = 10
"""Rows without a value, of each column."""
LEVELS = 200
WIDEST = 20_000_000
"""Values of a sparse table that are compared."""


def chosen(rows: Any, at: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Up to 5,000 places of `at`, the same at each call.

    Those whose raw rows lack a value, are the first of a category or an extreme come first: a step that goes wrong
    goes wrong there.
    """
    order = np.random.default_rng(0).permutation(len(at))[:POOL]
    telling = np.array(list(dict.fromkeys(_telling(golden.take(rows, at[order])))), dtype=int)[: MOST // 2]
    places = order[telling]
    rest = order[~np.isin(order, places)]
    return np.concatenate([places, rest])[:MOST]


def _telling(rows: Any) -> Iterator[int]:
    """The places of the telling rows, those of all columns in turn."""
    if not is_frame(rows):
        return
    each = [_telling_of(rows.iloc[:, place]) for place in range(rows.shape[1])]
    yield from (int(one) for turn in itertools.zip_longest(*each) for one in turn if one is not None)


def _telling_of(values: Any) -> list[Any]:
    with contextlib.suppress(TypeError):  # lists in the cells: no level of theirs is known
        missing = list(np.flatnonzero(values.isna())[:EACH])
        if values.dtype.kind not in "fiu":
            return [*missing, *np.flatnonzero(~values.duplicated())[:LEVELS]]
        held = np.nan_to_num(np.asarray(values, dtype=float))
        return [*missing, *((held.argmin(), held.argmax()) if len(held) else ())]
    return []


def columns(table: Any) -> list[Any] | None:
    """The columns of what a model is given; None where it is no table."""
    if is_sparse(table):
        table = table.toarray() if np.prod(table.shape) <= WIDEST else None
    if is_frame(table):
        return [table.iloc[:, place] for place in range(table.shape[1])]
    try:
        values = np.asarray(table)
    except Exception:  # ragged lists, tensors of another device
        return None
    if values.ndim == 0 or not len(values):
        return None
    return list(values.reshape(len(values), -1).T)


def differing(made: list[Any], right: list[Any], count: int) -> int:
    """In how many rows two tables differ; values that are missing in both are the same."""
    if len(made) != len(right) or any(len(one) != len(other) for one, other in zip(made, right, strict=True)):
        return count
    wrong = np.zeros(count, dtype=bool)
    for one, other in zip(made, right, strict=True):
        wrong |= ~_same(one, other)
    return int(wrong.sum())


def _same(one: Any, other: Any) -> np.ndarray[Any, Any]:
    import pandas as pd

    first, second = (pd.Series(np.asarray(values, dtype=object)).infer_objects() for values in (one, other))
    if first.dtype.kind in "fiub" and second.dtype.kind in "fiub":
        one, other = (np.asarray(values, dtype=float) for values in (first, second))
        return np.asarray(np.isclose(one, other, rtol=1e-6, atol=1e-9, equal_nan=True))
    missing = np.asarray(first.isna() & second.isna())
    equal = [bool(np.all(a == b)) for a, b in zip(first, second, strict=True)]
    return np.asarray(missing | np.array(equal, dtype=bool))
