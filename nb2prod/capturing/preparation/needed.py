"""Which columns a caller must send: found by leaving them out of the rows and looking at what the model is given."""

from __future__ import annotations

import ast
import copy
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nb2prod.capturing import golden
from nb2prod.capturing.preparation import forms, trial
from nb2prod.capturing.preparation.cell import Needs, Offer
from nb2prod.capturing.preparation.subject import Subject
from nb2prod.capturing.preparation.writing import Body
from nb2prod.capturing.values import is_frame, is_sparse, length

SECONDS = 1.5
FEW_CLASSES = 50


def needs(
    offer: Offer, labels: Sequence[str], at: Any, namespace: Mapping[str, Any], spare: Sequence[Any]
) -> Needs | None:
    """The columns without which the model would be given other rows; None where all are needed, or nothing can be told.

    Parameters
    ----------
    labels
        The columns that hold the labels.
    at
        The positions of the rows that are tried.
    """
    world = trial.sandbox(namespace, offer.inputs, spare)
    if world is None:
        return None
    try:
        with trial.quiet(), trial.limited(trial.SECONDS):
            exec(compile(offer.inputs, "<offered>", "exec"), world)
            rows = golden.take(world[offer.raw], at)
            return _without(world["inputs"], rows, labels) if _named(rows) else None
    except Exception:  # the offer as it is was tried already; that no column can be left out is no fault of it
        return None


def alike(one: Offer, other: Offer, at: Any, namespace: Mapping[str, Any], spare: Sequence[Any]) -> bool:
    """Whether two offers give the model the same rows."""
    given = [_given(offer, at, namespace, spare) for offer in (one, other)]
    return given[0] is not None and given[1] is not None and same(given[0], given[1])


def _given(offer: Offer, at: Any, namespace: Mapping[str, Any], spare: Sequence[Any]) -> Any:
    world = trial.sandbox(namespace, offer.inputs, spare)
    if world is None:
        return None
    try:
        with trial.quiet(), trial.limited(trial.SECONDS):
            exec(compile(offer.inputs, "<offered>", "exec"), world)
            return world["inputs"](golden.take(world[offer.raw], at))
    except Exception:  # it is not offered then
        return None


def _named(rows: Any) -> bool:
    return is_frame(rows) and rows.columns.is_unique and all(isinstance(one, str) for one in rows.columns)


def _without(inputs: Callable[[Any], Any], rows: Any, labels: Sequence[str]) -> Needs | None:
    right = inputs(rows.copy())
    until = time.monotonic() + SECONDS
    every = list(rows.columns)

    def alike(changed: Any) -> bool:
        try:
            return same(inputs(changed), right)
        except TimeoutError:
            raise
        except Exception:  # it cannot do without
            return False

    left = set(every)

    def leave(columns: list[str]) -> None:
        """Leave out what can be, halving a group that cannot be left out as a whole."""
        if not columns or time.monotonic() > until:
            return
        kept = [one for one in every if one in left and one not in columns]
        if kept and alike(rows[kept].copy()):
            left.difference_update(columns)
        elif len(columns) > 1:
            middle = len(columns) // 2
            leave(columns[:middle])
            leave(columns[middle:])

    answers = [one for one in every if one in labels]
    leave(answers)
    leave([one for one in every if one not in answers])
    kept = [one for one in every if one in left]
    stand_in = _stand_in(alike, rows[kept], [one for one in answers if one in left])
    needed = tuple(one for one in kept if one not in stand_in)
    return Needs(needed, stand_in) if needed and len(needed) < len(every) else None


def _stand_in(alike: Callable[[Any], bool], rows: Any, labels: Sequence[str]) -> dict[str, str]:
    """For labels that are read and make no difference: a value in their place."""
    found: dict[str, str] = {}
    for name in labels:
        held = rows[name].dropna()
        values: list[Any] = [0, ""]
        if len(held) and held.nunique() <= FEW_CLASSES and isinstance(held.iloc[0], str):
            values.append(held.mode().iloc[0])
        for value in values:
            if alike(rows.assign(**{name: value})):
                found[name] = repr(value)
                break
    return found


def same(one: Any, other: Any) -> bool:
    """Whether two tables hold the same values under the same names."""
    if is_sparse(one) or is_sparse(other):
        return is_sparse(one) and is_sparse(other) and one.shape == other.shape and abs(one - other).nnz == 0
    if is_frame(one) or is_frame(other):
        return (
            is_frame(one) and is_frame(other) and bool(one.reset_index(drop=True).equals(other.reset_index(drop=True)))
        )
    first, second = np.asarray(one), np.asarray(other)
    if first.shape != second.shape or first.dtype.kind != second.dtype.kind:
        return False
    return bool(np.array_equal(first, second, equal_nan=first.dtype.kind == "f"))


def columns_of_labels(subject: Subject, rows: Any, fitted: Any) -> list[str]:
    """The columns that hold the labels: by their name, or because they hold the same values or classes.

    `fitted` are the raw rows in the order of the labels; None where they cannot be traced.
    """
    labels = subject.labels
    if labels is None or not _named(rows):
        return []
    found = names_of_labels(subject)
    if fitted is None or np.ndim(labels) != 1 or length(labels) != length(fitted):
        return found
    return found + [one for one in rows.columns if one not in found and _alike(fitted[one], labels)]


def names_of_labels(subject: Subject) -> list[str]:
    """What the labels are called, as a series and where a cell wrote them: `df["churn"]`."""
    said = [getattr(subject.labels, "name", None), *_words(subject.labels_name or "")]
    return list(dict.fromkeys(one for one in said if isinstance(one, str)))


def _words(expression: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(expression or "0", mode="eval")):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(forms.constant(node), str):
            yield forms.constant(node)


def _alike(column: Any, labels: Any) -> bool:
    """Whether one is the other, or the same classes under other names."""
    import pandas as pd

    mine, theirs = np.asarray(column), np.asarray(labels)
    if mine.dtype.kind in "fiub" and theirs.dtype.kind in "fiub" and np.array_equal(mine, theirs):
        return True
    classes = pd.unique(pd.Series(theirs))
    few = 1 < len(classes) <= min(FEW_CLASSES, len(theirs) // 2)
    return few and bool(np.array_equal(pd.factorize(mine)[0], pd.factorize(theirs)[0]))


def without(written: Body, labels: Sequence[str]) -> Body:
    """The steps without what makes, chooses or drops the columns of the labels."""
    named = frozenset(labels)
    changed = [
        None if forms.stores(one, named) else _Unlabelled(named).visit(copy.deepcopy(one)) for one in written.statements
    ]
    statements = [None if one is None or _idle(one) else ast.fix_missing_locations(one) for one in changed]
    after = tuple(sum(one is not None for one in statements[:place]) for place in written.after)
    return replace(written, statements=tuple(one for one in statements if one is not None), after=after)


def _idle(node: ast.stmt) -> bool:
    """`frame = frame`."""
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == ast.unparse(node.value)


class _Unlabelled(ast.NodeTransformer):
    """Lists of columns without the labels, and no call that only drops them."""

    def __init__(self, labels: frozenset[str]) -> None:
        self.labels = labels

    def visit_List(self, node: ast.List) -> ast.expr:
        texts = node.elts and all(isinstance(forms.constant(one), str) for one in node.elts)
        kept = [one for one in node.elts if forms.constant(one) not in self.labels] if texts else node.elts
        return ast.List(kept, node.ctx)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if forms.called(node) == "drop" and isinstance(node.func, ast.Attribute):
            given = forms.keyword(node, "columns") or (node.args[0] if node.args else None)
            if forms.constant(given) in self.labels or (isinstance(given, ast.List) and not given.elts):
                return node.func.value
        return node
