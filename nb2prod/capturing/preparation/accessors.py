"""`t = df["visit"].dt` written out where `t` is read: a view of a column has its rows, though it is no column."""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping, Sequence

from nb2prod.capturing.preparation import forms, versions

VIEWS = frozenset({"dt", "str", "cat", "loc", "iloc"})
INDEXES = frozenset({"DatetimeIndex", "TimedeltaIndex", "PeriodIndex", "CategoricalIndex"})


def written_out(nodes: Sequence[ast.stmt]) -> list[ast.stmt]:
    """The statements with what such a variable stands for in its place, until it is bound again."""
    views: dict[str, ast.expr] = {}
    found = []
    for node in nodes:
        made = _Written(views).visit(copy.deepcopy(node)) if views and not isinstance(node, ast.FunctionDef) else node
        found.append(made)
        for name in versions.bound(node):
            views.pop(name, None)
        if isinstance(made, ast.Assign) and len(versions.bound(node)) == 1 and _views(made.value):
            views[versions.bound(node)[0]] = made.value
    return found


def _views(node: ast.expr) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr in VIEWS and not isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Call) and forms.called(node) in INDEXES


class _Written(ast.NodeTransformer):
    def __init__(self, views: Mapping[str, ast.expr]) -> None:
        self.views = views

    def visit_Name(self, node: ast.Name) -> ast.expr:
        value = self.views.get(node.id)
        if value is None or not isinstance(node.ctx, ast.Load):
            return node
        made = copy.deepcopy(value)
        for part in ast.walk(made):
            ast.copy_location(part, node)
        return made
