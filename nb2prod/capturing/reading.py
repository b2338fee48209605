"""What a function reads through a connection or an open file, as the expression that a cell can read once."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

_NOT_READ = frozenset({"cursor", "commit", "rollback", "close", "executemany", "executescript", "write", "flush"})
_INDEXERS = frozenset({"loc", "iloc", "at", "iat"})
_TABLE = re.compile(r"\b(?:from|join)\s+([A-Za-z_][\w.]*)", re.IGNORECASE)

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
    if isinstance(found, ast.Attribute) and (found.attr in _INDEXERS or _is_called(found, function)):
        found = found.value  # what it is called or looked up with only the call has
    if found is None or is_source(found) or _is_not_read(found, is_source):
        return None
    inside = {id(node) for node in ast.walk(found)}
    if any(is_source(node) and id(node) not in inside for node in _expressions(function)):
        return None
    rows = isinstance(found, ast.Call) and isinstance(found.func, ast.Attribute) and found.func.attr == "execute"
    return ast.Call(ast.Attribute(found, "fetchall", ast.Load()), [], []) if rows else found


def tables(function: ast.AST) -> list[str]:
    """The tables that its queries name, in their order.

    Examples
    --------
    >>> tables(ast.parse("db.execute(f'select rate from rates where zone = {zone!r}')"))
    ['rates']
    """
    texts = [one.value for one in ast.walk(function) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    queries = [text for text in texts if "select" in text.lower()]
    return list(dict.fromkeys(name for text in queries for name in _TABLE.findall(text)))


def whole(function: ast.AST, source: str, fresh: Callable[[str], str]) -> str:
    """The lines of a cell that read the tables of a database, where what is asked of it depends on the request.

    `fresh` gives a name that the notebook does not have yet; `source` is the connection, as a cell writes it.
    """
    found = tables(function) or ["TABLE"]
    known = {table: fresh(re.sub(r"\W", "_", table).lower()) for table in found}
    read = [f'{name} = pd.read_sql("select * from {table}", {source})' for table, name in known.items()]
    return "\n".join(read)


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


def _is_not_read(node: ast.expr, is_source: Finds) -> bool:
    if isinstance(node, ast.Attribute):
        return is_source(node.value)
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _NOT_READ


def _is_called(node: ast.expr, function: ast.AST) -> bool:
    return any(isinstance(one, ast.Call) and one.func is node for one in ast.walk(function))
