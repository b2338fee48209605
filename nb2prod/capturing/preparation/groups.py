"""`df.groupby("city")["price"].transform(…)` for a caller's rows: what each group of the training rows gave is looked up."""

from __future__ import annotations

import ast
import copy
from typing import TYPE_CHECKING, Any

from nb2prod.capturing.preparation import forms

if TYPE_CHECKING:
    from nb2prod.capturing.preparation.expressions import ForOneRow


def looked_up(rewrite: ForOneRow, node: ast.Call, method: ast.Attribute) -> ast.expr:
    """The same value for each row, of groups that are known; what cannot be learnt of a group is left as it is, and said."""
    call = next((c for c in ast.walk(method.value) if isinstance(c, ast.Call) and forms.called(c) == "groupby"), None)
    keys = _keys(call) if call is not None else []
    how = node.args[0]
    frame = call.func.value if call is not None and isinstance(call.func, ast.Attribute) else None
    plain = isinstance(forms.constant(how), str) and len(node.args) == 1 and not node.keywords
    if frame is not None and keys and plain:
        return _of_group(
            rewrite, ast.Call(ast.Attribute(method.value, str(forms.constant(how)), ast.Load()), [], []), frame, keys
        )
    if (
        frame is not None
        and keys
        and isinstance(how, ast.Lambda)
        and len(how.args.args) == 1
        and _one_column(method.value)
    ):
        return _each(rewrite, how, method.value, frame, keys)
    rewrite.known.left.append(f"`{ast.unparse(node)}` reads other rows than the caller's")
    return rewrite.generic(node)


def _keys(call: ast.Call) -> list[str]:
    """The columns that rows are grouped by, where they are named."""
    given = call.args[0] if call.args else forms.keyword(call, "by")
    listed = given.elts if isinstance(given, ast.List | ast.Tuple) else [given]
    found = [forms.constant(one) for one in listed]
    return [str(one) for one in found] if all(isinstance(one, str) for one in found) else []


def _one_column(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) or (
        isinstance(node, ast.Subscript) and isinstance(forms.constant(node.slice), str)
    )


def _of_group(rewrite: ForOneRow, of_all: ast.expr, frame: ast.expr, keys: list[str]) -> ast.expr:
    """A value of each group, kept, for the groups of a caller's rows."""
    how = forms.called(of_all) if isinstance(of_all, ast.Call) else "value"
    kept = rewrite.known.keep(f"{keys[0]}_{how}", of_all, rewrite.renamed(of_all))
    rows = rewrite.visited(copy.deepcopy(frame))
    if len(keys) == 1:
        column = ast.Subscript(rows, ast.Constant(keys[0]), ast.Load())
        return ast.Call(ast.Attribute(column, "map", ast.Load()), [kept], [])
    named = ast.List([ast.Constant(one) for one in keys], ast.Load())
    value = ast.Call(ast.Attribute(kept, "rename", ast.Load()), [ast.Constant("of_group")], [])
    chosen = ast.Subscript(rows, named, ast.Load())
    joined = ast.Call(ast.Attribute(chosen, "join", ast.Load()), [value], [ast.keyword("on", copy.deepcopy(named))])
    return ast.Subscript(joined, ast.Constant("of_group"), ast.Load())


def _each(rewrite: ForOneRow, how: ast.Lambda, grouped: ast.expr, frame: ast.expr, keys: list[str]) -> ast.expr:
    """`lambda s: s.fillna(s.median())`: the median of each group is kept, the rest is done for each row."""
    given = how.args.args[0].arg
    column = forms.constant(grouped.slice) if isinstance(grouped, ast.Subscript) else getattr(grouped, "attr", "")
    rows = ast.Subscript(rewrite.visited(copy.deepcopy(frame)), ast.Constant(column), ast.Load())
    made: ast.expr = _Lookup(rewrite, given, rows, grouped, frame, keys).visit(copy.deepcopy(how.body))
    return made


class _Lookup(ast.NodeTransformer):
    def __init__(
        self, rewrite: ForOneRow, given: str, rows: ast.expr, grouped: ast.expr, frame: ast.expr, keys: list[str]
    ) -> None:
        self.rewrite, self.given, self.rows = rewrite, given, rows
        self.grouped, self.frame, self.keys = grouped, frame, keys

    def visit(self, node: ast.AST) -> Any:
        of_all = (
            isinstance(node, ast.expr) and self.given in forms.names(node) and not forms.carries(node, {self.given})
        )
        if of_all and isinstance(node, ast.expr):
            return _of_group(self.rewrite, self._aggregated(node), self.frame, self.keys)
        if isinstance(node, ast.Name) and node.id == self.given:
            return copy.deepcopy(self.rows)
        return super().visit(node)

    def _aggregated(self, node: ast.expr) -> ast.expr:
        """`groups.median()` of `s.median()`, `groups.agg(lambda s: …)` of anything else."""
        method = node.func if isinstance(node, ast.Call) else None
        own = isinstance(method, ast.Attribute) and isinstance(method.value, ast.Name) and method.attr != "mode"
        if own and isinstance(node, ast.Call) and isinstance(method, ast.Attribute):
            return ast.Call(ast.Attribute(self.grouped, method.attr, ast.Load()), node.args, node.keywords)
        arguments = ast.arguments(
            posonlyargs=[], args=[ast.arg(self.given)], kwonlyargs=[], kw_defaults=[], defaults=[]
        )
        return ast.Call(ast.Attribute(self.grouped, "agg", ast.Load()), [ast.Lambda(arguments, node)], [])
