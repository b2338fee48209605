"""Which variable is the model, and which of the notebook's variables it was trained on."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nb2prod.capturing import naming
from nb2prod.capturing.cells import FitCall
from nb2prod.capturing.execution import Notebook
from nb2prod.capturing.expressions import evaluated, whole
from nb2prod.capturing.fitting import fit_of
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
    length,
    models_in,
    own,
)
from nb2prod.errors import Refused, UsageError
from nb2prod.runtime import flavors

__all__ = [
    "Found",
    "evaluated",
    "feature_count",
    "feature_names",
    "find",
    "fits",
    "is_frame",
    "is_series",
    "models_in",
    "whole",
]

_KEPT = "nothing was captured"


@dataclass(frozen=True)
class Found:
    """The model and its data, each with the name or expression that the notebook knows it by."""

    model: Any
    variable: str | None
    name: str
    data: Any
    data_name: str
    labels: Any = None
    labels_name: str | None = None
    holdout: tuple[Any, Any] | None = None
    fit: FitCall | None = None


def find(
    model: Any,
    notebook: Notebook,
    *,
    name: str | None = None,
    data: Any = None,
    labels: Any = None,
    holdout: Any = None,
) -> Found:
    """Resolve names to values and find what was not said.

    Parameters
    ----------
    model
        The model, or the name of its variable.
    data, labels, holdout
        Values or names; None where the notebook is to tell.

    Raises
    ------
    UsageError
        No such variable, two candidates, no data, a name that is refused.
    Refused
        What was given is no model.
    """
    if name is not None:
        naming.checked(name)
    variable, value = _model(model, notebook.namespace)
    _must_be_a_model(value, variable, notebook.namespace)
    fit = fit_of(value, variable, notebook)
    data_value, data_name = _data(data, value, variable, fit, notebook)
    labels_value, labels_name = _labels(labels, fit if data is None else _fit_on(fit, data, data_name), notebook)
    answers = fit.labels if fit is not None and fit.labels is not None else "LABELS"
    _same_length(data_value, data_name, labels_value, labels_name, answers)
    _not_the_rows(data_value, data_name, labels_value, labels_name, answers)
    return Found(
        model=value,
        variable=variable,
        name=name or naming.suggested(variable or type(value).__name__),
        data=data_value,
        data_name=data_name,
        labels=labels_value,
        labels_name=labels_name,
        holdout=_holdout(holdout, notebook.namespace),
        fit=fit,
    )


def _model(model: Any, namespace: Mapping[str, Any]) -> tuple[str | None, Any]:
    if not isinstance(model, str):
        return _name_of(model, namespace), model
    if model in namespace:
        return model, namespace[model]
    if not model.isidentifier():
        value = evaluated(model, namespace)
        if value is not None:
            return _name_of(value, namespace), value
    raise UsageError(
        f"There is no variable `{model}` in this notebook",
        code="no-such-variable",
        where=f"%deploy {model}",
        why=_instead(model, namespace),
        fix=f"%deploy {_closest(model, namespace) or next(iter(models_in(namespace)), 'model')}",
        kept=_KEPT,
    )


def _instead(name: str, namespace: Mapping[str, Any]) -> str:
    close = _closest(name, namespace)
    known = list(models_in(namespace))
    if close:
        return f"There is `{close}`; was the cell that makes `{name}` run?"
    if known:
        return "The models here are " + ", ".join(f"`{one}`" for one in known[:8]) + "."
    return "No cell that has run defines it, and no other variable holds a model."


def _closest(name: str, namespace: Mapping[str, Any]) -> str | None:
    models = list(models_in(namespace))
    for candidates in (models, [one for one, _ in own(namespace)]):
        close = difflib.get_close_matches(name, candidates, n=1, cutoff=0.6)
        if close:
            return close[0]
    return models[0] if len(models) == 1 else None


def _name_of(value: Any, namespace: Mapping[str, Any]) -> str | None:
    names = [name for name, one in own(namespace) if one is value]
    if not names and callable(value):
        name = getattr(value, "__name__", None)
        return name if isinstance(name, str) and name.isidentifier() else None
    return names[-1] if names else None


def _must_be_a_model(value: Any, variable: str | None, namespace: Mapping[str, Any]) -> None:
    shown = f"`{variable}`" if variable else "What was given"
    kind = type(value).__name__
    model = next(iter(models_in(namespace)), "model")
    if (
        is_frame(value)
        or is_series(value)
        or isinstance(value, np.ndarray | list | tuple | dict | str | bytes | int | float)
    ):
        raise Refused(
            f"{shown} is a {kind}, not a model",
            code="not-a-model",
            where=f"%deploy {variable or kind}",
            why="A model has predict, or is a function predict(frame).",
            fix=f"%deploy {model}" + (f" --data {variable}" if is_frame(value) and variable else ""),
            kept=_KEPT,
        )
    if isinstance(value, type):
        raise Refused(
            f"{shown} is the class {kind if variable is None else value.__name__}, not a fitted model",
            code="not-a-model",
            where=f"%deploy {variable or value.__name__}",
            why="A class has learnt nothing; an instance of it that was fitted is a model.",
            fix=f"model = {value.__name__}().fit(X, y)",
            kept=_KEPT,
        )
    if not hasattr(value, "predict") and not callable(value):
        raise Refused(
            f"{shown} is a {kind}, which cannot predict",
            code="not-a-model",
            where=f"%deploy {variable or kind}",
            why="A model has predict, or is a function predict(frame).",
            fix="%%deploy --name NAME --data DATA\ndef predict(frame): ...",
            kept=_KEPT,
        )


def _data(data: Any, model: Any, variable: str | None, fit: FitCall | None, notebook: Notebook) -> tuple[Any, str]:
    if data is not None:
        value, name = _resolved(data, notebook.namespace, "--data")
        return _fitting_data(value, name, model, notebook.namespace), name
    found = dict(_candidates(model, variable, fit, notebook))
    if len(found) == 1:
        name, value = next(iter(found.items()))
        return value, name
    shown = variable or "model"
    _must_be_fitted(model, shown, found)
    if found:
        raise UsageError(
            f"Two or more variables could be the training data of `{shown}`",
            code="two-candidates",
            where="--data",
            why="These fit: "
            + ", ".join(f"`{name}`" for name in found)
            + "; no executed cell says which one `.fit` saw.",
            fix=f"%deploy {shown} --data {next(iter(found))}",
            kept=_KEPT,
        )
    raise UsageError(
        f"The training data of `{shown}` was not found",
        code="no-data",
        where="--data",
        why=_why_no_data(model, fit),
        fix=f"%deploy {shown} --data DATA --labels LABELS",
        kept=_KEPT,
    )


def _must_be_fitted(model: Any, shown: str, candidates: Mapping[str, Any]) -> None:
    """What was never fitted has no training data to be found."""
    if not flavors.claiming(model).fitted(model):
        raise Refused(
            f"`{shown}` is not fitted",
            code="not-fitted",
            where=f"%deploy {shown}",
            why=f"This {type(model).__name__} has learnt nothing yet: no cell that ran has fitted it.",
            fix=f"{shown}.fit({next(iter(candidates), 'ROWS')}, ANSWERS)",
            kept=_KEPT,
        )


def _why_no_data(model: Any, fit: FitCall | None) -> str:
    if fit is not None and fit.data is not None:
        place = f"In [{fit.execution}], line {fit.line}"
        return f"It was fitted on `{fit.data}` ({place}), which is no longer there or has other columns."
    names = feature_names(model)
    if names:
        return f"No frame in the notebook has its {len(names)} columns ({', '.join(names[:4])}{', …' if len(names) > 4 else ''})."
    return "No executed cell fits or calls it on a frame or an array that is still there."


def _candidates(model: Any, variable: str | None, fit: FitCall | None, notebook: Notebook) -> Iterator[tuple[str, Any]]:
    if fit is not None and fit.data is not None:
        value = evaluated(fit.data, notebook.namespace)
        if value is not None and fits(value, model):
            yield fit.data, value
            return
    training = flavors.claiming(model).training(model)
    if training is not None and is_data(training):
        yield _name_of_rows(training, notebook.namespace) or f"{variable or 'model'}.model.exog", training
        return
    if is_function(model):
        yield from _called_with(model, variable, notebook)
        return
    seen: set[int] = set()
    others = _of_others(fit, notebook)
    for name, value in own(notebook.namespace):
        if id(value) not in seen and could_be(value, model) and name not in others:
            seen.add(id(value))
            yield name, value


def _of_others(fit: FitCall | None, notebook: Notebook) -> set[str]:
    """Data of other `.fit` calls, where the model's own names something else, though that is no longer there."""
    if fit is None or fit.data is None:
        return set()
    return {call.data for call in notebook.graph.fits() if call.data and call != fit and call.data not in fit.data}


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


def _labels(labels: Any, fit: FitCall | None, notebook: Notebook) -> tuple[Any, str | None]:
    if labels is not None:
        value, name = _resolved(labels, notebook.namespace, "--labels")
        return value, name
    if fit is None or fit.labels is None:
        return None, None
    value = evaluated(fit.labels, notebook.namespace)
    return (value, fit.labels) if value is not None else (None, None)


def _fit_on(fit: FitCall | None, data: Any, data_name: str) -> FitCall | None:
    """The labels of the fit call belong to its own data only."""
    return fit if fit is not None and fit.data == data_name else None


def _same_length(data: Any, data_name: str, labels: Any, labels_name: str | None, answers: str) -> None:
    if labels is None or length(labels) == length(data):
        return
    raise UsageError(
        f"`{labels_name}` has {length(labels)} rows, `{data_name}` has {length(data)}",
        code="labels-do-not-fit",
        where="--labels",
        why="Each row of the training data needs its label.",
        fix=f"%deploy model --data {data_name} --labels {answers}",
        kept=_KEPT,
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
        kept=_KEPT,
    )


def _holdout(holdout: Any, namespace: Mapping[str, Any]) -> tuple[Any, Any] | None:
    if holdout is None:
        return None
    if isinstance(holdout, str) or len(holdout) != 2:
        raise UsageError(
            "A hold-out is two things: its rows and their labels",
            code="bad-holdout",
            where="--holdout",
            why="Scores on rows that the model has not seen need the answers to those rows.",
            fix="%deploy model --holdout ROWS ANSWERS",
            kept=_KEPT,
        )
    rows, _ = _resolved(holdout[0], namespace, "--holdout")
    labels, _ = _resolved(holdout[1], namespace, "--holdout")
    if length(labels) != length(rows):
        raise UsageError(
            f"The hold-out has {length(rows)} rows and {length(labels)} labels",
            code="labels-do-not-fit",
            where="--holdout",
            why="Each row of the hold-out needs its label.",
            fix="%deploy model --holdout ROWS ANSWERS",
            kept=_KEPT,
        )
    return rows, labels


def _resolved(given: Any, namespace: Mapping[str, Any], flag: str) -> tuple[Any, str]:
    if not isinstance(given, str):
        return given, _name_of(given, namespace) or flag.removeprefix("--")
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
        kept=_KEPT,
    )


def _fitting_data(value: Any, name: str, model: Any, namespace: Mapping[str, Any]) -> Any:
    names = feature_names(model)
    rows = next((one for one, other in own(namespace) if could_be(other, model)), "DATA")
    if is_frame(value) and names:
        missing = [column for column in names if column not in set(map(str, value.columns))]
        if missing:
            raise UsageError(
                f"`{name}` lacks columns that the model was fitted on",
                code="wrong-data",
                where=f"--data {name}",
                why="Missing: " + ", ".join(missing[:6]) + ("" if len(missing) <= 6 else ", …"),
                fix=f"%deploy model --data {rows}      # the frame that .fit saw",
                kept=_KEPT,
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
            kept=_KEPT,
        )
    return value


def _one_column(value: Any) -> bool:
    return is_series(value) or (isinstance(value, np.ndarray) and value.ndim == 1)


def _not_rows(name: str, model: Any, rows: str, namespace: Mapping[str, Any]) -> UsageError:
    """Labels given as data, most often."""
    shown = _name_of(model, namespace) or "model"
    return UsageError(
        f"`{name}` is one column, `{shown}` was fitted on {feature_count(model)}",
        code="wrong-data",
        where=f"--data {name}",
        why="--data takes the rows that the model was fitted on; the answers to them go to --labels.",
        fix=f"%deploy {shown} --data {rows}",
        kept=_KEPT,
    )
