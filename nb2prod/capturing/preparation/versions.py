"""Values that were made several times under one name, told apart: `lo` of each column that a loop ran through."""

from __future__ import annotations

import ast
import copy
import numbers
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any


def apart(nodes: Sequence[ast.stmt], namespace: Mapping[str, Any]) -> list[ast.stmt]:
    """The statements with a name of its own for each value but the last, which the notebook's variable still holds.

    Only numbers and texts that plain assignments made are told apart; what a loop, a branch or a function reads or
    writes stays as it is written.
    """
    names = _made_again(nodes, namespace)
    if not names:
        return list(nodes)
    left = Counter(name for node in nodes for name in bound(node) if name in names)
    taken = {*namespace, *(one.id for node in nodes for one in ast.walk(node) if isinstance(one, ast.Name))}
    now: dict[str, str] = {}
    found = []
    for node in nodes:
        writes = [name for name in bound(node) if name in names]
        before = dict(now)
        for name in writes:
            left[name] -= 1
            now[name] = _free(name, taken) if left[name] else name
        found.append(_Renamed(before, now).visit(copy.deepcopy(node)) if writes or now else node)
    return found


def _made_again(nodes: Sequence[ast.stmt], namespace: Mapping[str, Any]) -> set[str]:
    counted = Counter(name for node in nodes for name in bound(node))
    again = {name for name, times in counted.items() if times > 1 and _single(namespace.get(name))}
    for node in nodes:
        if again and not isinstance(node, ast.Assign | ast.AnnAssign | ast.Expr):
            again -= {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
        for inner in ast.walk(node):
            if isinstance(inner, ast.Lambda | ast.NamedExpr):
                again -= {one.id for one in ast.walk(inner) if isinstance(one, ast.Name)}
    return again


def _single(value: Any) -> bool:
    return isinstance(value, numbers.Number | str)


def bound(node: ast.stmt) -> list[str]:
    """The plain names that an assignment binds."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    inner = [one for each in targets for one in (each.elts if isinstance(each, ast.Tuple | ast.List) else [each])]
    return [one.id for one in inner if isinstance(one, ast.Name)]


def makes(node: ast.stmt, name: str) -> bool:
    """Whether an assignment makes a variable of something else than itself."""
    read = {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)}
    return name in bound(node) and name not in read


def _free(name: str, taken: set[str]) -> str:
    made = next(one for one in (f"{name}_{number}" for number in range(1, 10_000)) if one not in taken)
    taken.add(made)
    return made


class _Renamed(ast.NodeTransformer):
    """What is read goes by its name before the statement, what is bound by its name after it."""

    def __init__(self, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        self.before, self.after = before, after

    def visit_Name(self, node: ast.Name) -> ast.Name:
        names = self.after if isinstance(node.ctx, ast.Store) else self.before
        return ast.copy_location(ast.Name(names.get(node.id, node.id), node.ctx), node)
