"""Which columns of a frame a statement changes, and which a fit has read: a new column beside those is no change."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from typing import Any

from nb2prod.capturing.facts import CHANGING

Patterns = set[str]
"""Regular expressions of column names; most are plain names."""

_BY_LABEL = frozenset({"loc", "at"})


def changed(tree: ast.AST, name: str, namespace: Mapping[str, Any]) -> Patterns | None:
    """The columns of the frame `name` that a statement changes, as patterns; None where it may be any of them.

    Examples
    --------
    >>> changed(ast.parse("df['pred'] = model.predict(df[['a', 'b']])"), "df", {})
    {'pred'}
    >>> changed(ast.parse("df.drop(index=3, inplace=True)"), "df", {}) is None
    True
    """
    found: Patterns = set()
    for node in ast.walk(tree):
        for target in _targets(node):
            at = _of_target(target, name, namespace)
            if at is None:
                return None
            found |= at
        if isinstance(node, ast.Assign) and name in _bound(node):
            direct = all(isinstance(one, ast.Name) for one in node.targets)
            at = _of_new(node.value, name) if direct else None
            if at is None:
                return None
            found |= at
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            at = _of_call(node, node.func, name, namespace)
            if at is None:
                return None
            found |= at
    return found


def touch(patterns: Patterns | None, read: Iterable[str] | None) -> bool:
    """Whether columns that a statement changes are among those that were read; unknown ones may be."""
    if patterns is None or read is None:
        return True
    return any(re.fullmatch(pattern, column) for pattern in patterns for column in read)


def _targets(node: ast.AST) -> list[ast.expr]:
    """What a node stores into, names apart."""
    if isinstance(node, ast.Assign | ast.Delete):
        return [one for one in _flat(node.targets) if not isinstance(one, ast.Name)]
    if isinstance(node, ast.AugAssign | ast.AnnAssign | ast.For | ast.AsyncFor):
        return _flat([node.target])
    return []


def _flat(targets: Iterable[ast.expr]) -> list[ast.expr]:
    return [part for one in targets for part in (one.elts if isinstance(one, ast.Tuple | ast.List) else [one])]


def _bound(node: ast.Assign) -> set[str]:
    return {one.id for one in _flat(node.targets) if isinstance(one, ast.Name)}


def _of_target(target: ast.expr, name: str, namespace: Mapping[str, Any]) -> Patterns | None:
    if isinstance(target, ast.Name):
        return None if target.id == name else set()
    first = _first(target, name)
    return set() if first is None else _column(first, namespace)


def _first(node: ast.expr, name: str) -> ast.Attribute | ast.Subscript | None:
    """The step of a chain that stands next to the name: `df['a']` of `df['a'].values[0]`."""
    found: ast.Attribute | ast.Subscript | None = None
    inner: ast.expr = node
    while isinstance(inner, ast.Attribute | ast.Subscript | ast.Call | ast.Starred):
        if isinstance(inner, ast.Attribute | ast.Subscript):
            found = inner
        before = inner
        inner = inner.func if isinstance(inner, ast.Call) else inner.value
        labelled = isinstance(inner, ast.Attribute) and inner.attr in _BY_LABEL and _is(inner.value, name)
        if labelled and isinstance(before, ast.Subscript):
            return before
    return found if _is(inner, name) else None


def _is(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _column(step: ast.Attribute | ast.Subscript, namespace: Mapping[str, Any]) -> Patterns | None:
    if isinstance(step, ast.Attribute):
        return None if step.attr in ("values", "iloc", "iat", "index", "columns", "T") else {re.escape(step.attr)}
    key = step.slice
    if isinstance(step.value, ast.Attribute):  # df.loc[rows, 'a']; a row of its own would be a new one
        if not isinstance(key, ast.Tuple) or len(key.elts) != 2 or isinstance(key.elts[0], ast.Constant):
            return None
        key = key.elts[1]
    return _keys(key, namespace)


def _keys(node: ast.expr, namespace: Mapping[str, Any]) -> Patterns | None:
    if isinstance(node, ast.List | ast.Tuple):
        found: Patterns = set()
        for part in node.elts:
            at = _keys(part, namespace)
            if at is None:
                return None
            found |= at
        return found
    if isinstance(node, ast.Name):
        value = namespace.get(node.id)
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, list | tuple) or not all(isinstance(one, str) for one in names):
            return None
        return {re.escape(one) for one in names}
    pattern = _pattern(node)
    return None if pattern is None or pattern == ".*" else {pattern}


def _pattern(node: ast.expr) -> str | None:
    """`pred_.*` of an f-string or a sum of texts."""
    if isinstance(node, ast.Constant):
        return re.escape(node.value) if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join((_pattern(part) if isinstance(part, ast.Constant) else None) or ".*" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return (_pattern(node.left) or ".*") + (_pattern(node.right) or ".*")
    return None


def _of_new(value: ast.expr, name: str) -> Patterns | None:
    """The name bound again: to itself with more columns, or to anything."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        of = value.func.value
        if isinstance(of, ast.Name) and of.id == name and not value.args:
            if value.func.attr == "copy":
                return set()
            if value.func.attr == "assign" and all(word.arg for word in value.keywords):
                return {re.escape(word.arg or "") for word in value.keywords}
    return None


def _of_call(node: ast.Call, function: ast.Attribute, name: str, namespace: Mapping[str, Any]) -> Patterns | None:
    """A method that changes what it is called on: of the frame itself, or of one column of it."""
    inplace = any(word.arg == "inplace" and getattr(word.value, "value", False) for word in node.keywords)
    if not inplace and function.attr not in CHANGING:
        return set()
    first = _first(function, name)
    if first is None:
        return set()
    if first is not function:
        return _column(first, namespace)
    if function.attr == "pop" and node.args:
        return _keys(node.args[0], namespace)
    if function.attr == "insert" and len(node.args) > 1:
        return _keys(node.args[1], namespace)
    named = {word.arg: word.value for word in node.keywords}
    if function.attr == "drop" and "columns" in named and "index" not in named and not node.args:
        return _keys(named["columns"], namespace)
    return None
