"""Which call of a notebook fitted a model: under its own name, inside a function that made it, or nobody else's."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

from nb2prod.capturing import contents, golden
from nb2prod.capturing.cells import Facts, FitCall, Use, facts
from nb2prod.capturing.execution import Notebook
from nb2prod.capturing.values import is_function, name_of, own, owner


def fit_of(model: Any, variable: str | None, notebook: Notebook) -> FitCall | None:
    """The latest `.fit` call of the model, or of the owner of a bound method, under any variable that holds the same object.

    A model that a function fitted and returned has the call of that function, its data and labels as they were given there.
    Else the notebook's only `.fit` call is taken, unless it fitted something that has nothing to do with the model.
    """
    fitted = owner(model)
    if fitted is not model:
        variable = name_of(fitted, notebook.namespace)
    names = {name for name, value in own(notebook.namespace) if value is fitted} | ({variable} if variable else set())
    names |= {alias for name in set(names) for alias in notebook.graph.aliases(name)}
    for call in notebook.graph.fits():
        if any(call.fits(name) for name in names):
            return call
    if is_function(fitted) and fitted is model:
        return None
    inside = next(_inside_functions(names, notebook), None)
    if inside is not None or is_function(model):
        return inside
    calls = list(notebook.graph.fits())
    return calls[0] if len(calls) == 1 and not _of_another(calls[0], model, notebook) else None


def _inside_functions(names: set[str], notebook: Notebook) -> Iterator[FitCall]:
    """The fits of functions whose result was given one of the names, the latest first."""
    for cell in reversed(notebook.graph.cells):
        for use in reversed(cell.uses):
            if use.assigned in names:
                writer = notebook.graph.writer(use.function, use.execution)
                found = _through(use, writer.function(use.function)) if writer else None
                if found is not None:
                    yield found


def _through(use: Use, node: ast.FunctionDef | None) -> FitCall | None:
    """The fit of what the function returns, its data in the words of the caller."""
    if node is None:
        return None
    body = facts(use.execution, "\n".join(ast.unparse(part) for part in node.body))
    returned = [ast.unparse(part.value) for part in ast.walk(node) if isinstance(part, ast.Return) and part.value]
    inner = next((call for call in reversed(body.fits) if _returns(returned, call)), None)
    if inner is None:
        return None
    parameters = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    given = {**dict(zip(parameters, use.arguments, strict=False)), **dict(use.named)}
    hidden = body.writes | set(parameters) | {argument.arg for argument in node.args.kwonlyargs}
    data, labels = (_outside(text, given, hidden - set(given)) for text in (inner.data, inner.labels))
    return FitCall(
        execution=use.execution,
        line=use.line,
        receiver=use.assigned or "",
        assigned=use.assigned,
        method=inner.method,
        data=data,
        labels=labels,
    )


def _returns(returned: list[str], call: FitCall) -> bool:
    return any(text in (call.receiver, call.assigned) or f"{call.receiver}.{call.method}(" in text for text in returned)


def _outside(text: str | None, given: dict[str, str], hidden: set[str]) -> str | None:
    """An expression of a function's body as its caller would write it; None where it stands on a variable of the body."""
    if text is None:
        return None
    tree = ast.parse(text, mode="eval")
    if any(isinstance(part, ast.Name) and part.id in hidden for part in ast.walk(tree)):
        return None
    return ast.unparse(_Given(given).visit(tree))


class _Given(ast.NodeTransformer):
    """Parameters replaced by what was given for them."""

    def __init__(self, given: dict[str, str]) -> None:
        self.given = given

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.parse(self.given[node.id], mode="eval").body if node.id in self.given else node


def _of_another(call: FitCall, model: Any, notebook: Notebook) -> bool:
    """Whether the call fitted a thing that is not the model, no part of it, and does not hold it."""
    cell = notebook.graph.cell(call.execution)
    for name in (call.receiver, call.assigned):
        if name and name in notebook.namespace and not (cell and name in _loops(cell)):
            other = notebook.namespace[name]
            return other is not model and not _holds(model, other) and not _holds(other, model)
    made = re.match(r"(\w+)\(", call.receiver)
    kind = notebook.namespace.get(made[1]) if made else None
    return isinstance(kind, type) and not any(isinstance(held.value, kind) for held in contents.walk(model))


def _loops(cell: Facts) -> set[str]:
    """Variables of loops: at the end they hold the last of many."""
    loops = [node.target for node in ast.walk(cell.tree) if isinstance(node, ast.For)] if cell.tree else []
    return {name.id for target in loops for name in ast.walk(target) if isinstance(name, ast.Name)}


def _holds(whole: Any, part: Any) -> bool:
    return any(held.value is part for held in contents.walk(whole))


def usual_pair(namespace: Mapping[str, Any]) -> tuple[str, str] | None:
    """The variables of rows and answers, by the names that everybody gives them, where both are there and of one length."""
    for rows, answers in (("X_train", "y_train"), ("x_train", "y_train"), ("X", "y"), ("x", "y")):
        lengths = [golden.length(namespace.get(name)) for name in (rows, answers)]
        if lengths[0] and lengths[0] == lengths[1]:
            return rows, answers
    return None
