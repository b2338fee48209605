"""What a cell wrote as an argument, evaluated again where that touches nothing."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

# calls that give a new value and touch nothing: an argument written with them may be evaluated again
# fmt: off
_PURE = frozenset({
    "drop", "copy", "head", "tail", "sample", "astype", "fillna", "dropna", "to_numpy", "reset_index", "set_index",
    "to_frame", "select_dtypes", "map", "eq", "ne", "gt", "lt", "ge", "le", "ravel", "reshape", "squeeze", "filter",
    "reindex", "rename", "toarray", "isin", "notna", "isna", "values", "sort_index", "sort_values", "flatten",
    "get", "abs", "round"
})
# fmt: on
_SHORTENING = frozenset({"head", "tail", "sample", "iloc", "loc"})


def whole(expression: str) -> str:
    """`frame.head(3)`, `frame[:5]` and `frame.iloc[:5]` are all about `frame`."""
    try:
        node = ast.parse(expression, mode="eval").body
    except SyntaxError:
        return expression
    while True:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _SHORTENING:
            node = node.func.value
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            node = node.value
        elif (
            isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute) and node.value.attr in _SHORTENING
        ):
            node = node.value.value
        else:
            return ast.unparse(node)


def evaluated(expression: str, namespace: Mapping[str, Any]) -> Any:
    """The value of an expression of names, attributes, subscripts and pure methods; None where it is anything else."""
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except SyntaxError:
        return None
    if not all(_harmless(node) for node in ast.walk(tree)):
        return None
    try:
        return eval(compile(tree, "<nb2prod>", "eval"), dict(namespace))
    except Exception:  # it ran once in a cell; if it no longer does, the caller says that the data was not found
        return None


def _harmless(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Attribute) and node.func.attr in _PURE
    return not isinstance(node, ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom | ast.Lambda)
