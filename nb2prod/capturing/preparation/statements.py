"""The executed cells as one run of statements, loops over frames unrolled, each with what it binds and changes."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nb2prod.capturing.cells import FITTING, Facts, FitCall, Graph
from nb2prod.capturing.preparation import accessors, forms, membership, versions
from nb2prod.capturing.preparation.columns import ALL, Columns
from nb2prod.capturing.preparation.inlining import Inliner

FEW = 12
MUTATING = frozenset({"pop", "insert", "update", "drop_column", "setdefault"})


@dataclass(frozen=True)
class Statement:
    """One statement as it ran."""

    node: ast.stmt
    execution: int
    last: bool = False
    """The expression that the model was fitted on, as if it were assigned."""
    line: int = 0
    """Where the statement of the cell begins that it is part of: the loop's, in a loop."""


class Program:
    """The statements of all executed cells in their order.

    Parameters
    ----------
    graph
        The executed cells.
    namespace
        The notebook's variables: a loop over a list of columns is read column by column.
    apart
        Whether numbers that were made several times under one name get a name each (see `versions`).
    opened
        Whether functions that learn from the rows they are given are written out where they are called (see `inlining`).
    """

    def __init__(
        self, graph: Graph, namespace: Mapping[str, Any], *, apart: bool = False, opened: bool = False
    ) -> None:
        self.graph, self.namespace = graph, namespace
        self.functions = {
            node.name: node
            for cell in graph.cells
            for node in (cell.tree.body if cell.tree else ())
            if isinstance(node, ast.FunctionDef)
        }
        self.inliner = Inliner(self.functions, self._taken()) if opened else None
        self.all = [one for cell in graph.cells for one in self._of(cell)]
        if apart:
            nodes = accessors.written_out(membership.predicted([one.node for one in self.all]))
            nodes = versions.apart(nodes, namespace)
            self.all = [replace(one, node=node) for one, node in zip(self.all, nodes, strict=True)]

    def before(self, fit: FitCall) -> int:
        """How many statements ran before the call of `.fit`; those around it are opened."""
        for number, statement in enumerate(self.all):
            if statement.execution == fit.execution and _holds(statement.node, fit):
                inside, rest = _opened(statement.node, fit)
                opened = [replace(statement, node=node) for node in (*inside, *rest)]
                self.all[number : number + 1] = opened
                return number + len(inside)
        return next((n for n, one in enumerate(self.all) if one.execution > fit.execution), len(self.all))

    def changed(self, name: str, statement: Statement) -> Columns | None:
        """The columns of `name` that a statement changes; None where it leaves the variable alone."""
        found = [self._changed(name, node) for node in ast.walk(statement.node)]
        changes = [one for one in found if one is not None]
        if not changes:
            return None
        first, *others = changes
        for one in others:
            first = first | one
        return first

    def _changed(self, name: str, node: ast.AST) -> Columns | None:
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store | ast.Del):
            return ALL
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            return column(node) if forms.root(node) == name else None
        if isinstance(node, ast.AugAssign) and forms.root(node.target) == name:
            return ALL if isinstance(node.target, ast.Name) else column(node.target)
        if isinstance(node, ast.Call):
            return self._by_call(name, node)
        return None

    def _by_call(self, name: str, node: ast.Call) -> Columns | None:
        if isinstance(node.func, ast.Attribute) and forms.root(node.func) == name and in_place(node):
            receiver = node.func.value
            if isinstance(receiver, ast.Subscript | ast.Attribute):
                return column(receiver)
            if node.func.attr == "pop" and node.args and isinstance(forms.constant(node.args[0]), str):
                return Columns.of(str(forms.constant(node.args[0])))
            return ALL
        given = [number for number, one in enumerate(node.args) if isinstance(one, ast.Name) and one.id == name]
        return ALL if given and self.mutates(node, given[0]) else None

    def mutates(self, call: ast.Call, at: int) -> bool:
        """Whether a function of the notebook changes the frame that it is given."""
        function = self.functions.get(forms.called(call)) if isinstance(call.func, ast.Name) else None
        if function is None or at >= len(function.args.args):
            return False
        given = function.args.args[at].arg
        parts = list(ast.walk(function))
        rebound = any(isinstance(n, ast.Name) and n.id == given and isinstance(n.ctx, ast.Store) for n in parts)
        return not rebound and any(
            (isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Store | ast.Del) and forms.root(n) == given)
            or (isinstance(n, ast.Call) and in_place(n) and forms.root(n.func) == given)
            for n in parts
        )

    def _of(self, cell: Facts) -> Iterator[Statement]:
        for node in cell.tree.body if cell.tree else ():
            for one in self._unrolled(node, cell.execution):
                for plain in self.flat(one, cell.execution):
                    yield Statement(plain, cell.execution, line=node.lineno)

    def flat(self, node: ast.stmt, execution: int) -> Iterator[ast.stmt]:
        """A statement with the functions that it calls written out."""
        written = self.inliner.statement(node) if self.inliner else [node]
        if written == [node]:
            yield node
            return
        for one in written:
            for inner in self._unrolled(one, execution):
                yield from self.flat(inner, execution) if inner is not one else [inner]

    def _taken(self) -> set[str]:
        trees = [cell.tree for cell in self.graph.cells if cell.tree]
        return {*self.namespace, *(one.id for tree in trees for one in ast.walk(tree) if isinstance(one, ast.Name))}

    def _unrolled(self, node: ast.stmt, execution: int) -> Iterator[ast.stmt]:
        """`for one in [train, test]:` as its body for `train`, then for `test`; so a loop over a few columns."""
        if not isinstance(node, ast.For) or not isinstance(node.target, ast.Name):
            yield node
            return
        each = self._names_in(node.iter, execution) or self._columns_in(node.iter)
        if not each:
            yield node
        for one in each:
            for part in node.body:
                yield from self._unrolled(_Put(node.target.id, one).visit(copy.deepcopy(part)), execution)

    def _columns_in(self, node: ast.expr) -> list[ast.expr]:
        value = self.namespace.get(node.id) if isinstance(node, ast.Name) else None
        if isinstance(node, ast.List | ast.Tuple) and all(isinstance(one, ast.Constant) for one in node.elts):
            value = [forms.constant(one) for one in node.elts]
        held: Any = value if isinstance(value, list | tuple) or type(value).__name__ == "Index" else []
        listed = list(held)
        if len(listed) > FEW or not all(isinstance(one, str | int) for one in listed):
            return []
        return [ast.Constant(one) for one in listed]

    def _names_in(self, node: ast.expr, execution: int) -> list[ast.expr]:
        if isinstance(node, ast.Name):
            writer = self.graph.writer(node.id, execution)
            bound = [
                one.value
                for one in (writer.tree.body if writer and writer.tree else ())
                if isinstance(one, ast.Assign) and any(isinstance(t, ast.Name) and t.id == node.id for t in one.targets)
            ]
            node = bound[-1] if bound else node
        if isinstance(node, ast.List | ast.Tuple) and node.elts and all(isinstance(e, ast.Name) for e in node.elts):
            return list(node.elts)
        return []


def column(node: ast.expr) -> Columns:
    """The column that `df["a"]`, `df.a`, `df.loc[rows, "a"]` or `df[["a", "b"]]` names; all where that is not written."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return ALL if node.attr in ("columns", "index") else Columns.of(node.attr)
    while isinstance(node, ast.Subscript | ast.Attribute) and not isinstance(node.value, ast.Name):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute) and node.value.attr == "loc":
            break
        node = node.value
    if isinstance(node, ast.Attribute):
        return ALL if node.attr in forms.ABOUT else Columns.of(node.attr)
    if not isinstance(node, ast.Subscript):
        return ALL
    key = node.slice
    if isinstance(node.value, ast.Attribute) and node.value.attr == "loc":
        key = key.elts[1] if isinstance(key, ast.Tuple) and len(key.elts) == 2 else ast.Slice()
    return written(key) or ALL


def written(key: ast.AST) -> Columns | None:
    """Column names that stand in the code."""
    if isinstance(key, ast.Constant) and isinstance(key.value, str):
        return Columns.of(key.value)
    if isinstance(key, ast.List | ast.Tuple) and all(isinstance(forms.constant(one), str) for one in key.elts):
        return Columns.of(*(str(forms.constant(one)) for one in key.elts))
    return None


def in_place(node: ast.Call) -> bool:
    asked = forms.constant(forms.keyword(node, "inplace"))
    return bool(asked) or forms.called(node) in MUTATING


def _holds(node: ast.stmt, fit: FitCall) -> bool:
    if not node.lineno <= fit.line <= (node.end_lineno or node.lineno):
        return False
    calls = [part for part in ast.walk(node) if isinstance(part, ast.Call)]
    fitting = [one for one in calls if forms.called(one) in FITTING and one.lineno == fit.line]
    same = [
        one for one in fitting if isinstance(one.func, ast.Attribute) and ast.unparse(one.func.value) == fit.receiver
    ]
    return bool(same) or not fitting


def _opened(node: ast.stmt, fit: FitCall) -> tuple[list[ast.stmt], list[ast.stmt]]:
    """What ran before the call inside the loop, branch or block that it stands in, and the call's own statement with the rest.

    A loop's names hold what its last turn gave them, which is what its body says.
    """
    bodies: list[Sequence[ast.stmt]] = [
        body for name in ("body", "orelse", "finalbody") if (body := getattr(node, name, None))
    ]
    for body in bodies:
        for number, part in enumerate(body):
            if isinstance(part, ast.stmt) and _holds(part, fit) and not isinstance(node, ast.FunctionDef):
                inside, rest = _opened(part, fit)
                return [*body[:number], *inside], [*rest, *body[number + 1 :]]
    return [], [node]


class _Put(ast.NodeTransformer):
    """A loop's variable replaced by what it stood for; f-strings of it become texts."""

    def __init__(self, name: str, value: ast.expr) -> None:
        self.name, self.value = name, value

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id != self.name or isinstance(node.ctx, ast.Store):
            return node
        return ast.copy_location(copy.deepcopy(self.value), node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        self.generic_visit(node)
        parts = [
            one.value if isinstance(one, ast.FormattedValue) and one.format_spec is None else one for one in node.values
        ]
        if not all(isinstance(one, ast.Constant) for one in parts):
            return node
        return ast.copy_location(ast.Constant("".join(str(forms.constant(one)) for one in parts)), node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        left, right = forms.constant(node.left), forms.constant(node.right)
        if isinstance(node.op, ast.Add) and isinstance(left, str) and isinstance(right, str):
            return ast.copy_location(ast.Constant(left + right), node)
        return node
