"""What a service runs and cells made: the model, and each value that its function takes from the notebook."""

from __future__ import annotations

import ast
import re
import types
from collections.abc import Iterable
from dataclasses import dataclass

from nb2prod.capturing.cells import FitCall, normal, parse
from nb2prod.capturing.contents import Held
from nb2prod.capturing.discovery import Found
from nb2prod.capturing.execution import Notebook
from nb2prod.capturing.fitting import fit_of
from nb2prod.capturing.statements import Statement


@dataclass(frozen=True)
class Part:
    """One of them: when it was made, by which statements, and the fit that made it where one did.

    `order` is the place of the last of its statements, `execution` the cell's run of it; `rows` are the variables of the rows
    and labels that its fit was given, where the baseline is of these.
    """

    name: str
    order: int
    execution: int
    fit: FitCall | None
    behind: tuple[Statement, ...]
    rows: tuple[str, ...] = ()
    model: bool = False

    @property
    def made(self) -> str:
        return "fitted" if self.fit is not None else "made"


def parts(found: Found, notebook: Notebook, held: Iterable[Held]) -> list[Part]:
    """The model first, then the values that its code reads."""
    if found.root is None or not notebook.executed:
        return []
    names = {re.split(r"[.\[]", one.path)[0]: one.value for one in held if one.of and one.by == "global"}
    inner = [_value(name, found, notebook) for name in names if name != found.root and _is_value(notebook, name)]
    return [_model(found, notebook), *(part for part in inner if part is not None)]


def _model(found: Found, notebook: Notebook) -> Part:
    ran, fit, root = notebook.statements, found.fit, found.root or ""
    if fit is None:
        order = max((one.order for one in ran.makers(root)), default=0)
        return Part(root, order, _execution(order, notebook), None, tuple(ran.behind(root)), model=True)
    rows = _named(fit) if fit.data is not None and normal(fit.data) == normal(found.data_name) else ()
    return _fitted(found.variable or root, fit, rows, notebook, model=True)


def _value(name: str, found: Found, notebook: Notebook) -> Part | None:
    ran, value = notebook.statements, notebook.namespace[name]
    made = [one.order for one in ran.makers(name)]
    if not made:
        return None
    fit = fit_of(value, name, notebook) if hasattr(value, "fit") else None
    if fit is None:
        return Part(name, max(made), _execution(max(made), notebook), None, tuple(ran.behind(name, max(made))))
    rows = _named(fit) if set(_roots(fit.data)) & set(_roots(found.data_name)) else ()
    return _fitted(name, fit, rows, notebook)


def _fitted(name: str, fit: FitCall, rows: tuple[str, ...], notebook: Notebook, *, model: bool = False) -> Part:
    order = notebook.statements.place(fit)
    names = {fit.root, fit.assigned or fit.root}
    behind = {one.order: one for each in names for one in notebook.statements.behind(each, order)}
    made = tuple(behind[place] for place in sorted(behind))
    return Part(name, order, fit.execution, fit, made, rows, model)


def _execution(order: int, notebook: Notebook) -> int:
    return notebook.statements.all[order - 1].execution if order else 0


def _named(fit: FitCall) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*_roots(fit.data), *_roots(fit.labels))))


def _roots(expression: str | None) -> list[str]:
    """The variables of an expression, those that it is about first."""
    tree = parse(expression) if expression else None
    return [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)] if tree else []


def _is_value(notebook: Notebook, name: str) -> bool:
    """A variable of the notebook that holds no code: functions and classes are as they are now."""
    value = notebook.namespace.get(name)
    return name in notebook.namespace and not isinstance(value, types.ModuleType | types.FunctionType | type)
