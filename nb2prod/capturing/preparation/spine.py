"""Which variable holds the rows before each step of a slice, from the fit back to where they came from."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nb2prod.capturing.preparation import forms
from nb2prod.capturing.values import is_data, is_sparse

if TYPE_CHECKING:
    from nb2prod.capturing.preparation.slicing import Slice

FITTED = "fitted_on"


def part(value: ast.expr, number: int, count: int) -> ast.expr:
    """The expression that one of several names on the left is given."""
    if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == count:
        return value.elts[number]
    if isinstance(value, ast.Call) and forms.called(value) == "factorize":
        return ast.Subscript(value, ast.Constant(number), ast.Load())
    if isinstance(value, ast.Call) and forms.called(value) in ("cut", "qcut") and count == 2:
        plain = ast.Call(value.func, value.args, [one for one in value.keywords if one.arg != "retbins"])
        return ast.Subscript(value, ast.Constant(1)) if number else ast.copy_location(plain, value)
    if isinstance(value, ast.Call) and value.args:
        if forms.called(value) == "train_test_split":
            return value.args[min(number // 2, len(value.args) - 1)]
        if forms.called(value) in ("shuffle", "resample", "fit_resample"):
            return value.args[min(number, len(value.args) - 1)]
    return value


def is_names(value: Any) -> bool:
    """A list of column names: short, without spaces between many words."""
    kept = isinstance(value, list | tuple) or type(value).__name__ == "Index"
    return (
        kept
        and 0 < len(value) < 2000
        and len(set(map(str, value))) == len(value)
        and all(isinstance(v, str) for v in value)
    )


def follow(made: Slice, namespace: Mapping[str, Any]) -> None:
    """Write down which variable holds the rows before each step, from the fit back to where they came from."""
    current: str | None = FITTED
    spine: list[str | None] = []
    begun = 0
    for number in range(len(made.steps) - 1, -1, -1):
        node = made.steps[number].node
        value = _given(node, current)
        if value is not None:
            current = first(value, namespace)
            if current is None:
                begun = number + 1
                break
        spine.append(current)
    made.spine = [*[None] * begun, *spine[::-1]]
    known: set[str] = set()
    for number, statement in enumerate(made.steps):
        if number >= begun and not known and made.spine[number]:
            known.add(str(made.spine[number]))
        made.rows.append(set(known))
        _bound_rows(statement.node, known)
        if number == begun - 1:
            known.clear()
            following = made.spine[begun] if begun < len(made.spine) else None
            known |= {following} if following else set()


def _given(node: ast.stmt, name: str | None) -> ast.expr | None:
    """What a statement assigns to `name`, seen as rows."""
    if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
        return None
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        if isinstance(target, ast.Name) and target.id == name:
            return node.value
        if isinstance(target, ast.Tuple | ast.List):
            ids = [getattr(one, "id", None) for one in target.elts]
            if name in ids:
                return part(node.value, ids.index(name), len(ids))
    return None


def first(node: ast.AST, namespace: Mapping[str, Any]) -> str | None:
    """The first variable in an expression that can hold rows."""
    if isinstance(node, ast.Name):
        value = namespace.get(node.id)
        data = is_data(value) or is_sparse(value) or isinstance(value, list)
        gone = node.id not in namespace and not hasattr(builtins, node.id)
        return node.id if gone or (data and not is_names(value)) else None
    if isinstance(node, ast.Lambda):
        return None
    if isinstance(node, ast.Call):
        parts: list[ast.AST] = [node.func.value] if isinstance(node.func, ast.Attribute) else []
        parts += [*node.args, *(one.value for one in node.keywords)]
    elif isinstance(node, ast.Subscript | ast.Attribute):
        parts = [forms.joined(node) or node.value]
    elif isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
        parts = [generator.iter for generator in node.generators]
    else:
        parts = list(ast.iter_child_nodes(node))
    return next((found for one in parts if (found := first(one, namespace))), None)


def _bound_rows(node: ast.stmt, rows: set[str]) -> None:
    """Add what a statement binds to rows, take away what it binds to anything else."""
    if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
        return
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        elements = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
        for number, one in enumerate(elements):
            if isinstance(one, ast.Name):
                value = part(node.value, number, len(elements)) if len(elements) > 1 else node.value
                (rows.add if forms.carries(value, rows) else rows.discard)(one.id)
