"""Which variable of the notebook is the model, and all that belongs to it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MethodType, ModuleType
from typing import Any

from nb2prod.capturing import askable, cells, naming
from nb2prod.capturing.cells import FitCall
from nb2prod.capturing.execution import Notebook
from nb2prod.capturing.expressions import evaluated
from nb2prod.capturing.training import KEPT, training
from nb2prod.capturing.training import holdout as heldout
from nb2prod.capturing.values import is_frame, models_in, name_of, own
from nb2prod.errors import UsageError


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

    @property
    def root(self) -> str | None:
        """The variable that a cell binds: `scorer` of `scorer.score`."""
        return self.variable.partition(".")[0] if self.variable else None


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
    variable, value = _model(model, notebook)
    askable.refuse_others(value, variable, notebook.namespace)
    seen = training(value, variable, notebook, data, labels, name)
    return Found(
        model=value,
        variable=variable,
        name=name or naming.suggested(variable or type(value).__name__),
        data=seen.data,
        data_name=seen.data_name,
        labels=seen.labels,
        labels_name=seen.labels_name,
        holdout=heldout(holdout, notebook.namespace),
        fit=seen.fit,
    )


def _model(model: Any, notebook: Notebook) -> tuple[str | None, Any]:
    namespace = notebook.namespace
    if not isinstance(model, str):
        return _asked(model, namespace)
    if model in namespace:
        variable, value = _asked(namespace[model], namespace)
        return (model if value is namespace[model] else variable), value
    if not model.isidentifier():
        value = evaluated(model, namespace)
        if value is not None:
            return _asked(value, namespace)
    raise UsageError(
        f"There is no variable `{model}` in this notebook",
        code="no-such-variable",
        where=f"%deploy {model}",
        why=_instead(model, namespace),
        fix=_fix(model, notebook),
        kept=KEPT,
    )


def _fix(name: str, notebook: Notebook) -> str:
    """The line that deploys what is there, else the cell to run before, else the first step."""
    there = _closest(name, notebook.namespace) or next(iter(models_in(notebook.namespace)), None)
    if there:
        return f"%deploy {there}"
    made = next((cell.index for cell in notebook.saved or () if name in cells.facts(0, cell.source).writes), None)
    if made is not None:
        return f"# run cell {made}, which makes `{name}`, and those that it needs; then\n%deploy {name}"
    rows = next((one for one, value in own(notebook.namespace) if is_frame(value)), None)
    if rows is None:
        return f"# run the cells that make `{name}`; then\n%deploy {name}"
    return f"%%deploy --data {rows}\ndef predict(frame):\n    return frame.sum(axis=1, numeric_only=True)"


def _asked(value: Any, namespace: Mapping[str, Any]) -> tuple[str | None, Any]:
    """The variable and the value to ask; a model's own `predict` is the model."""
    if isinstance(value, MethodType) and value.__name__ == "predict":
        value = value.__self__
    return name_of(value, namespace), value


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
    for candidates in (models, [one for one, value in own(namespace) if _can_be_asked(value)]):
        close = difflib.get_close_matches(name, candidates, n=1, cutoff=0.6)
        if close:
            return close[0]
    return models[0] if len(models) == 1 else None


def _can_be_asked(value: Any) -> bool:
    """Whether a value could be the model that was meant: no module and no class."""
    return not isinstance(value, ModuleType | type) and (hasattr(value, "predict") or callable(value))
