"""Which of the notebook's variables a model was trained on: rows, labels, hold-out; said by the caller, or found."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MethodType
from typing import Any

import numpy as np

from nb2prod.capturing import naming, preparation, redefinition
from nb2prod.capturing.cells import FitCall
from nb2prod.capturing.execution import Notebook
from nb2prod.capturing.expressions import evaluated, whole
from nb2prod.capturing.fitting import fit_of, usual_pair
from nb2prod.capturing.values import (
    could_be,
    feature_count,
    feature_names,
    fits,
    is_data,
    is_frame,
    is_function,
    is_series,
    is_sparse,
    lacking,
    length,
    name_of,
    own,
    owner,
)
from nb2prod.errors import Refused, UsageError
from nb2prod.runtime import flavors

KEPT = "nothing was captured"


@dataclass(frozen=True)
class Training:
    """Rows and labels, each with the name or expression that the notebook knows it by, and the call that fitted on them."""

    data: Any
    data_name: str
    labels: Any
    labels_name: str | None
    fit: FitCall | None


def training(
    model: Any, variable: str | None, notebook: Notebook, data: Any, labels: Any, name: str | None = None
) -> Training:
    """What the caller said, else what the cells say.

    Raises
    ------
    UsageError
        No such variable, two candidates, none, or one that does not fit the model.
    Refused
        The model was never fitted, so that there is none.
    """
    fit = fit_of(model, variable, notebook)
    calls = notebook.graph.branches(fit) if fit is not None else []
    rows, rows_name = _data(data, model, variable, calls, notebook, name)
    if data is not None or len(_said(calls, "data")) > 1:  # the labels of a call belong to its own data only
        calls = [call for call in calls if call.data == rows_name]
    answers, answers_name = _labels(labels, calls, variable, notebook)
    shown = fit.labels if fit is not None and fit.labels is not None else "LABELS"
    said = f" --labels {shown}" if labels is not None else ""  # what the cells say of other rows is left out
    _same_length(rows, rows_name, answers, answers_name, f"%deploy {variable or 'model'} --data {rows_name}{said}")
    if labels is not None:  # what the fit itself was given is right by itself
        _not_the_rows(rows, rows_name, answers, answers_name, shown)
    return Training(rows, rows_name, answers, answers_name, fit)


def _data(
    data: Any, model: Any, variable: str | None, calls: Sequence[FitCall], notebook: Notebook, name: str | None
) -> tuple[Any, str]:
    if data is not None:
        value, said = _resolved(data, notebook.namespace, "--data")
        return _fitting_data(value, said, model, notebook.namespace), said
    shown = variable or "model"
    fit = next(iter(calls), None)
    in_the_call = fit is not None and fit.data is not None and "(" in fit.data
    prepared = _prepared(model, shown, name, fit, notebook) if in_the_call else None
    if prepared is not None:  # what has the right shape is not what `.fit` saw
        raise prepared
    found = dict(_candidates(model, variable, calls, notebook))
    if len(found) == 1:
        said, value = next(iter(found.items()))
        return value, said
    _must_be_fitted(owner(model), shown.partition(".")[0], usual_pair(notebook.namespace) or (*found, "ROWS")[:1])
    if found:
        raise _ambiguous("data", shown, list(found))
    gone = redefinition.no_longer_there(shown, fit, notebook) if fit is not None else None
    if gone is not None:
        raise gone
    raise UsageError(
        f"The training data of `{shown}` was not found",
        code="no-data",
        where="--data",
        why=_why_no_data(owner(model), fit, notebook),
        fix=f"%deploy {shown} --data DATA --labels LABELS",
        kept=KEPT,
    )


def _prepared(model: Any, shown: str, name: str | None, fit: FitCall | None, notebook: Notebook) -> UsageError | None:
    """`fit(prepare(df), y)`: no variable holds the rows that the model saw, and the cell that prepares them is known."""
    if fit is None or fit.data is None or evaluated(fit.data, notebook.namespace) is not None:
        return None
    labels = evaluated(fit.labels, notebook.namespace) if fit.labels else None
    named = fit.labels if labels is not None else None
    called = name or naming.suggested(shown)
    subject = preparation.Subject(model, shown, called, None, fit.data, fit, labels, named)
    found = preparation.outside(subject, notebook)
    if found is None:
        return None
    return UsageError(
        f"No variable holds the rows that `{shown}` was fitted on",
        code="no-data",
        where=notebook.place(fit.execution, fit.line),
        why=f"`{fit.data}` is made in the call of .fit, and a caller's rows would go to `{shown}` unprepared. {found.tried}",
        fix=found.fix,
        kept=KEPT,
    )


def _ambiguous(what: str, shown: str, found: Sequence[str]) -> UsageError:
    return UsageError(
        f"Two or more variables could be the {'training data' if what == 'data' else 'labels'} of `{shown}`",
        code="two-candidates",
        where=f"--{what}",
        why="These fit: "
        + ", ".join(f"`{name}`" for name in found)
        + "; the cells do not say for certain which one `.fit` saw.",
        fix=f"%deploy {shown} --{what} {found[0]}",
        kept=KEPT,
    )


def _must_be_fitted(model: Any, shown: str, known: Sequence[str]) -> None:
    """What was never fitted has no training data to be found."""
    if not flavors.claiming(model).fitted(model):
        raise Refused(
            f"`{shown}` is not fitted",
            code="not-fitted",
            where=f"%deploy {shown}",
            why=f"This {type(model).__name__} has learnt nothing yet: no cell that ran has fitted it.",
            fix=f"{shown}.fit({', '.join((*known, 'ANSWERS')[:2])})",
            kept=KEPT,
        )


def _why_no_data(model: Any, fit: FitCall | None, notebook: Notebook) -> str:
    if fit is not None and fit.data is not None:
        place = notebook.place(fit.execution, fit.line)
        made = evaluated(fit.data, notebook.namespace) is None and "(" in fit.data
        gone = "which no variable holds" if made else "which is no longer there or has other columns"
        return f"It was fitted on `{fit.data}` ({place}), {gone}."
    names = feature_names(model)
    if names:
        return f"No frame in the notebook has its {len(names)} columns ({', '.join(names[:4])}{', …' if len(names) > 4 else ''})."
    return "No executed cell fits or calls it on a frame or an array that is still there."


def _candidates(
    model: Any, variable: str | None, calls: Sequence[FitCall], notebook: Notebook
) -> Iterator[tuple[str, Any]]:
    named = [(data, evaluated(data, notebook.namespace)) for data in _said(calls, "data")]
    fitted = owner(model)
    sound = [(data, value) for data, value in named if value is not None and fits(value, fitted)]
    if sound:
        yield from sound
        return
    training = flavors.claiming(fitted).training(fitted)
    if training is not None and is_data(training):
        yield _name_of_rows(training, notebook.namespace) or f"{variable or 'model'}.model.exog", training
        return
    if is_function(model):
        called = list(_called_with(model, variable, notebook))
        yield from called
        if called or fitted is model:
            return
    seen: set[int] = set()
    others = _of_others(calls, notebook)
    for name, value in own(notebook.namespace):
        if id(value) not in seen and could_be(value, fitted) and name not in others:
            seen.add(id(value))
            yield name, value


def _said(calls: Sequence[FitCall], what: str) -> list[str]:
    """What the calls named. They stand in different branches of one statement, and nobody knows which of them ran."""
    return list(dict.fromkeys(text for call in calls if (text := getattr(call, what)) is not None))


def _of_others(calls: Sequence[FitCall], notebook: Notebook) -> set[str]:
    """Data of other `.fit` calls, where the model's own name something else, though that is no longer there."""
    own_data = _said(calls, "data")
    if not own_data:
        return set()
    others = [call.data for call in notebook.graph.fits() if call not in calls]
    return {data for data in others if data and not any(data in text for text in own_data)}


def _name_of_rows(rows: Any, namespace: Mapping[str, Any]) -> str | None:
    """The variable that holds these rows, with more columns perhaps."""
    for name, value in own(namespace):
        if value is rows:
            return name
        if is_frame(value) and is_frame(rows) and rows.index is value.index and set(rows.columns) <= set(value.columns):
            return name
    return None


def _called_with(model: Any, variable: str | None, notebook: Notebook) -> Iterator[tuple[str, Any]]:
    """What the cells called the function with: the frames themselves, not their heads."""
    names = {name for name, value in own(notebook.namespace) if value is model} | ({variable} if variable else set())
    if isinstance(model, MethodType):
        names |= _written_as(model, notebook)
    found: dict[str, Any] = {}
    for cell in notebook.graph.cells:
        for use in cell.uses:
            if use.function in names and len(use.arguments) == 1:
                expression = whole(use.arguments[0])
                value = evaluated(expression, notebook.namespace)
                if value is not None and is_data(value):
                    found[expression] = value
    if found:
        longest = max(found, key=lambda name: len(found[name]))
        yield longest, found[longest]


def _written_as(method: MethodType, notebook: Notebook) -> set[str]:
    """The calls of a method as the cells wrote them: each look at `scorer.score` gives another object, equal to the last."""
    written = {use.function for cell in notebook.graph.cells for use in cell.uses if "." in use.function}
    values = {name: evaluated(name, notebook.namespace) for name in written}
    return {name for name, value in values.items() if isinstance(value, MethodType) and value == method}


def _labels(labels: Any, calls: Sequence[FitCall], variable: str | None, notebook: Notebook) -> tuple[Any, str | None]:
    if labels is not None:
        return _resolved(labels, notebook.namespace, "--labels")
    known = {
        name: value for name in _said(calls, "labels") if (value := evaluated(name, notebook.namespace)) is not None
    }
    if len(known) > 1:
        raise _ambiguous("labels", variable or "model", list(known))
    return next(((value, name) for name, value in known.items()), (None, None))


def _same_length(data: Any, data_name: str, labels: Any, labels_name: str | None, fix: str) -> None:
    if labels is None or length(labels) == length(data):
        return
    raise UsageError(
        f"`{labels_name}` has {length(labels)} rows, `{data_name}` has {length(data)}",
        code="labels-do-not-fit",
        where="--labels",
        why="Each row of the training data needs its label.",
        fix=fix,
        kept=KEPT,
    )


def _not_the_rows(data: Any, data_name: str, labels: Any, labels_name: str | None, answers: str) -> None:
    """Rows given as labels."""
    columns, inputs = (getattr(table, "columns", None) for table in (labels, data))
    if columns is None or inputs is None or not set(columns) & set(inputs):
        return
    raise UsageError(
        f"`{labels_name}` holds the model's inputs, not the answers to them",
        code="wrong-labels",
        where=f"--labels {labels_name}",
        why=f"It has columns of `{data_name}`; --labels takes the column that the model was fitted to predict.",
        fix=f"%deploy model --data {data_name} --labels {answers}",
        kept=KEPT,
    )


def holdout(given: Any, namespace: Mapping[str, Any]) -> tuple[Any, Any] | None:
    """Rows that the model has not seen, and their labels."""
    if given is None:
        return None
    if isinstance(given, str) or len(given) != 2:
        raise UsageError(
            "A hold-out is two things: its rows and their labels",
            code="bad-holdout",
            where="--holdout",
            why="Scores on rows that the model has not seen need the answers to those rows.",
            fix="%deploy model --holdout ROWS ANSWERS",
            kept=KEPT,
        )
    rows, _ = _resolved(given[0], namespace, "--holdout")
    labels, _ = _resolved(given[1], namespace, "--holdout")
    if length(labels) != length(rows):
        raise UsageError(
            f"The hold-out has {length(rows)} rows and {length(labels)} labels",
            code="labels-do-not-fit",
            where="--holdout",
            why="Each row of the hold-out needs its label.",
            fix="%deploy model --holdout ROWS ANSWERS",
            kept=KEPT,
        )
    return rows, labels


def _resolved(given: Any, namespace: Mapping[str, Any], flag: str) -> tuple[Any, str]:
    if not isinstance(given, str):
        return given, name_of(given, namespace) or flag.removeprefix("--")
    if given in namespace:
        return namespace[given], given
    value = evaluated(given, namespace)
    if value is not None:
        return value, given
    close = difflib.get_close_matches(given, [name for name, _ in own(namespace)], n=1, cutoff=0.5)
    raise UsageError(
        f"There is no variable `{given}` in this notebook",
        code="no-such-variable",
        where=f"{flag} {given}",
        why=f"There is `{close[0]}`." if close else "No cell that has run defines it.",
        fix=f"%deploy model {flag} {close[0] if close else flag.removeprefix('--').upper()}",
        kept=KEPT,
    )


def _fitting_data(value: Any, name: str, model: Any, namespace: Mapping[str, Any]) -> Any:
    names = feature_names(model)
    rows = next((one for one, other in own(namespace) if could_be(other, model)), "DATA")
    if is_frame(value) and names:
        missing = lacking(value, model)
        if missing:
            raise UsageError(
                f"`{name}` lacks columns that the model was fitted on",
                code="wrong-data",
                where=f"--data {name}",
                why="Missing: " + ", ".join(missing[:6]) + ("" if len(missing) <= 6 else ", …"),
                fix=f"%deploy model --data {rows}      # the frame that .fit saw",
                kept=KEPT,
            )
        return value if list(map(str, value.columns)) == names else value[names]
    if _one_column(value) and feature_count(model) is not None:
        raise _not_rows(name, model, rows, namespace)
    if not is_data(value) and not is_sparse(value):
        raise UsageError(
            f"`{name}` is a {type(value).__name__}, which is no data",
            code="wrong-data",
            where=f"--data {name}",
            why="The baseline is made of a frame, a two-dimensional array or a list of texts.",
            fix=f"%deploy model --data {rows}",
            kept=KEPT,
        )
    return value


def _one_column(value: Any) -> bool:
    return is_series(value) or (isinstance(value, np.ndarray) and value.ndim == 1)


def _not_rows(name: str, model: Any, rows: str, namespace: Mapping[str, Any]) -> UsageError:
    """Labels given as data, most often."""
    shown = name_of(model, namespace) or "model"
    return UsageError(
        f"`{name}` is one column, `{shown}` was fitted on {feature_count(model)}",
        code="wrong-data",
        where=f"--data {name}",
        why="--data takes the rows that the model was fitted on; the answers to them go to --labels.",
        fix=f"%deploy {shown} --data {rows}",
        kept=KEPT,
    )
