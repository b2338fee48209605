"""Which of the raw rows a model was fitted on, what it answers to them, and which labels are theirs."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from nb2prod.capturing import golden
from nb2prod.capturing.expressions import evaluated
from nb2prod.capturing.preparation import comparing, forms, trial
from nb2prod.capturing.preparation.raw import Raw
from nb2prod.capturing.preparation.slicing import Slice
from nb2prod.capturing.preparation.spine import part
from nb2prod.capturing.preparation.statements import Program, Statement
from nb2prod.capturing.preparation.subject import Subject
from nb2prod.capturing.values import fits, is_frame, length


def among(subject: Subject, made: Slice, raw: Raw, data: Any, namespace: Mapping[str, Any]) -> Raw | None:
    """The raw rows that the model was fitted on, where a variable's index tells which they are."""
    if data is None or not is_frame(raw.value) or length(raw.value) <= length(data):
        return None
    named = [subject.expression, *filter(None, reversed(made.spine)), subject.labels_name or ""]
    for name in dict.fromkeys(one for one in named if one.isidentifier() and one in namespace):
        value = namespace[name]
        if _length(value) == length(data) and trial.by_index(raw.value, value, length(data)) is not None:
            return replace(raw, among=name)
    return None


def truth(subject: Subject, data: Any, namespace: Mapping[str, Any], made: Slice, raw: Raw) -> trial.Truth | None:
    """The model's answers to the fitted rows, or, where they cannot be traced, to what they were chosen from."""
    rows = raw.value
    if rows is None or data is None:
        return None
    try:
        at = positions(subject, data, namespace, made, raw)
        if at is not None:
            among = golden.take(rows, rows.index.get_indexer(namespace[raw.among].index)) if raw.among else rows
            few = comparing.chosen(among, at)
            return trial.Truth.of(at[few], golden.take(data, few), subject.ask)
        for one in _alike(subject, namespace, made):
            if _length(one) == length(rows) and one is not rows and fits(one, subject.model):
                few = comparing.chosen(rows, np.arange(length(rows)))
                return trial.Truth.of(few, golden.take(one, few), subject.ask)
    except Exception:  # a model that no longer answers its own rows is another finding's
        return None
    return None


def positions(subject: Subject, data: Any, namespace: Mapping[str, Any], made: Slice, raw: Raw) -> Any:
    """Where each fitted row lies in the raw ones: by an index, or by the positions that a cell chose (`X[train]`)."""
    if raw.among:
        return np.arange(length(data))
    alike = [one for one in _alike(subject, namespace, made) if _length(one) == length(data)]
    found = trial.positions(raw.value, data, alike)
    if found is not None:
        return found
    every = np.arange(length(raw.value))
    for key in _chosen(made, raw):
        at = every[np.asarray(namespace[key])] if key in namespace else every
        if len(at) == length(data):
            return at
    return None


def _alike(subject: Subject, namespace: Mapping[str, Any], made: Slice) -> list[Any]:
    """Tables whose rows may lie as the fitted ones do."""
    named = dict.fromkeys(filter(None, reversed(made.spine)))
    return [namespace[name] for name in named if name in namespace] + (
        [subject.labels] if subject.labels is not None else []
    )


def _chosen(made: Slice, raw: Raw) -> Iterator[str]:
    """The names of positions in `X[train]`, `X.iloc[train]`, for the raw rows X."""
    for statement in made.steps[raw.at :]:
        for node in ast.walk(statement.node):
            if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Name) and _whole_rows(node) == raw.name:
                yield node.slice.id


def _whole_rows(node: ast.Subscript) -> str | None:
    value = node.value
    if isinstance(value, ast.Attribute) and value.attr in ("iloc", "values"):
        value = value.value
    return value.id if isinstance(value, ast.Name) else None


def labels_of(subject: Subject, raw: Raw, program: Program, namespace: Mapping[str, Any]) -> str | None:
    """The expression of the labels of the raw rows: those of `.fit`, or what they were chosen or resampled from."""
    text = subject.labels_name
    if text is None or raw.value is None:
        return None
    if raw.among:
        return text
    seen: set[str] = set()
    while text is not None and text not in seen:
        value = evaluated(text, namespace)
        if _length(value) == length(raw.value):
            return text
        seen.add(text)
        text = _before(text, program)
    return None


def _before(text: str, program: Program) -> str | None:
    """`y` of `y[train]`, and of the `y_more` that `X_more, y_more = SMOTE().fit_resample(X, y)` made."""
    node = ast.parse(text, mode="eval").body
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Name):
        located = isinstance(node.value, ast.Attribute) and node.value.attr in ("iloc", "loc", "values")
        return ast.unparse(node.value.value if located and isinstance(node.value, ast.Attribute) else node.value)
    if isinstance(node, ast.Name):
        given = next((one for one in map(_giving(node.id), reversed(program.all)) if one is not None), None)
        return ast.unparse(given) if given is not None else None
    return None


def _giving(name: str) -> Callable[[Statement], ast.expr | None]:
    """What a statement gives a name, where that chooses rows of a variable by position or makes more of them."""

    def given(statement: Statement) -> ast.expr | None:
        node = statement.node
        if not isinstance(node, ast.Assign):
            return None
        target = node.targets[0]
        elements = target.elts if isinstance(target, ast.Tuple) else [target]
        ids = [getattr(one, "id", None) for one in elements]
        if name not in ids:
            return None
        value = part(node.value, ids.index(name), len(ids)) if len(ids) > 1 else node.value
        more = isinstance(node.value, ast.Call) and forms.called(node.value) == "fit_resample"
        return value if more or (isinstance(value, ast.Subscript) and isinstance(value.slice, ast.Name)) else None

    return given


def made_again(subject: Subject, namespace: Mapping[str, Any]) -> Any:
    """The fitted rows where only the call of `.fit` had them: `fit(prepare(df), y)`, evaluated on copies."""
    world = trial.sandbox(namespace, subject.expression, (subject.model,))
    if world is None:
        return None
    try:
        with trial.quiet(), trial.limited(trial.SECONDS):
            return eval(compile(subject.expression, "<offered>", "eval"), world)
    except Exception:  # it ran once in a cell; if it no longer does, nothing can be compared
        return None


def _length(value: Any) -> int:
    try:
        return length(value)
    except TypeError:
        return -1
