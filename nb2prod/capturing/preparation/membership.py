"""`km.labels_` of a clustering as what it predicts for the rows that it was fitted on: a caller's rows have a cluster too."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Sequence

from nb2prod.capturing.preparation import forms


def predicted(nodes: Sequence[ast.stmt]) -> list[ast.stmt]:
    """The statements with `km.predict(X)` in the place of `km.labels_`, where a statement before fitted `km` on `X`."""
    fitted: dict[str, ast.expr] = {}
    found = []
    for node in nodes:
        reads = any(isinstance(one, ast.Attribute) and one.attr == "labels_" for one in ast.walk(node))
        found.append(_Predicted(fitted).visit(copy.deepcopy(node)) if reads and fitted else node)
        fitted |= dict(_fits(node))
    return found


def _fits(node: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """`km.fit(X)` and `km = KMeans().fit(X)`: the variable, and what it was fitted on."""
    value = node.value if isinstance(node, ast.Assign | ast.Expr) else None
    if not isinstance(value, ast.Call) or forms.called(value) not in ("fit", "fit_predict") or not value.args:
        return
    if isinstance(node, ast.Assign) and forms.called(value) == "fit" and isinstance(node.targets[0], ast.Name):
        yield node.targets[0].id, value.args[0]
    if isinstance(value.func, ast.Attribute) and isinstance(value.func.value, ast.Name):
        yield value.func.value.id, value.args[0]


class _Predicted(ast.NodeTransformer):
    def __init__(self, fitted: dict[str, ast.expr]) -> None:
        self.fitted = fitted

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        given = self.fitted.get(getattr(node.value, "id", ""))
        if node.attr != "labels_" or given is None:
            self.generic_visit(node)
            return node
        made = ast.Call(ast.Attribute(node.value, "predict", ast.Load()), [copy.deepcopy(given)], [])
        for part in ast.walk(made):
            ast.copy_location(part, node)
        return made
