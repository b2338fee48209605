"""What a function reads through a connection or an open file, as the expression that a cell can read once."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

_NOT_READ = frozenset({"cursor", "commit", "rollback", "close", "executemany", "executescript", "write", "flush"})

Finds = Callable[[ast.AST], bool]


def reading(function: ast.AST, is_source: Finds) -> ast.expr | None:
    """The largest expression that reads through the source and needs nothing else of the call; None where there is no one.

    Examples
    --------
    >>> code = "def f(X, db):\\n    return X.b.map(dict(db.execute('select * from rates')))"
    >>> ast.unparse(reading(ast.parse(code).body[0], lambda node: getattr(node, "id", "") == "db"))
    "dict(db.execute('select * from rates'))"
    """
    local = _bound(function, is_source)
    found = next(
        (node for node in _expressions(function) if _holds(node, is_source) and not _names(node) & local), None
    )
    if found is None or is_source(found) or _is_not_read(found):
        return None
    inside = {id(node) for node in ast.walk(found)}
    if any(is_source(node) and id(node) not in inside for node in _expressions(function)):
        return None
    rows = isinstance(found, ast.Call) and isinstance(found.func, ast.Attribute) and found.func.attr == "execute"
    return ast.Call(ast.Attribute(found, "fetchall", ast.Load()), [], []) if rows else found


def shown(whole: ast.expr) -> ast.expr:
    """The expression as it stands in the function: without the `fetchall` that was added to it."""
    added = not hasattr(whole, "lineno")
    return (
        whole.func.value if added and isinstance(whole, ast.Call) and isinstance(whole.func, ast.Attribute) else whole
    )


def replaced(expression: ast.expr, is_source: Finds, by: ast.expr) -> ast.expr:
    """The expression with another one in the source's place."""

    class Replace(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return by if is_source(node) else self.generic_visit(node)

    copied = ast.parse(ast.unparse(expression), mode="eval").body
    changed = Replace().visit(copied)
    assert isinstance(changed, ast.expr)
    return changed


def _expressions(function: ast.AST) -> Iterator[ast.expr]:
    """Those of the body that are read, outer ones first."""
    for node in ast.walk(function):
        stored = isinstance(getattr(node, "ctx", None), ast.Store | ast.Del)
        if isinstance(node, ast.expr) and not stored:
            yield node


def _holds(node: ast.AST, is_source: Finds) -> bool:
    return any(is_source(one) and not isinstance(getattr(one, "ctx", None), ast.Store) for one in ast.walk(node))


def _names(node: ast.AST) -> set[str]:
    """The names that an expression needs from around it."""
    inside = {name.id for name in ast.walk(node) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)}
    return {name.id for name in ast.walk(node) if isinstance(name, ast.Name)} - inside


def _bound(function: ast.AST, is_source: Finds) -> set[str]:
    """The names that only the call has: parameters but `self`, and what the body assigns."""
    names = {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)} - {"self"}
    stored = [n for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    return (names | {node.id for node in stored}) - {
        n.id for n in ast.walk(function) if isinstance(n, ast.Name) and is_source(n)
    }


def _is_not_read(node: ast.expr) -> bool:
    called = node.func if isinstance(node, ast.Call) else node
    return isinstance(called, ast.Attribute) and (called.attr in _NOT_READ or called is node)
