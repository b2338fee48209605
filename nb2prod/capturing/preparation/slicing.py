"""The statements between the raw rows and `.fit`, read backwards from the expression that the model was fitted on."""

from __future__ import annotations

import ast
import builtins
import functools
import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nb2prod.capturing.cells import FitCall
from nb2prod.capturing.preparation import forms
from nb2prod.capturing.preparation.columns import ALL, NONE, Columns
from nb2prod.capturing.preparation.spine import FITTED, follow, is_names, part
from nb2prod.capturing.preparation.statements import Program, Statement, column, in_place, written
from nb2prod.capturing.values import is_data, is_frame, is_sparse


@dataclass
class Slice:
    """The statements that made the rows, in order, and what was wanted of each variable before each."""

    steps: list[Statement]
    places: list[int]
    wants: list[dict[str, Columns]]
    spine: list[str | None] = field(default_factory=list)
    """The variable that holds the rows before each step; None before they came to be."""
    rows: list[set[str]] = field(default_factory=list)
    """The variables that hold one value a row, before each step."""


def backward(program: Program, fit: FitCall, expression: ast.expr, data: Any, namespace: Mapping[str, Any]) -> Slice:
    """Every statement that the fitted rows depend on, the fitted expression as the last."""
    end = program.before(fit)
    last = ast.Assign(targets=[ast.Name(FITTED, ast.Store())], value=expression, lineno=fit.line, col_offset=0)
    reader = _Backward(program, namespace)
    final = Columns.of(*map(str, data.columns)) if is_frame(data) else ALL
    reader.wants = {FITTED: final}
    *before, fitted = program.flat(last, fit.execution)
    reader.take(Statement(fitted, fit.execution, last=True, line=fit.line), end)
    for node in reversed(before):
        reader.take(Statement(node, fit.execution, line=fit.line), end)
    for number in range(end - 1, -1, -1):
        reader.take(program.all[number], number)
    made = Slice(reader.steps[::-1], reader.places[::-1], reader.before[::-1])
    follow(made, namespace)
    return made


class _Backward:
    def __init__(self, program: Program, namespace: Mapping[str, Any]) -> None:
        self.program, self.namespace = program, namespace
        self.wants: dict[str, Columns] = {}
        self.loops: dict[str, Columns] = {}
        self.steps: list[Statement] = []
        self.places: list[int] = []
        self.before: list[dict[str, Columns]] = []

    def take(self, statement: Statement, place: int) -> None:
        if self._reached(statement.node, final=True):
            self.steps.append(statement)
            self.places.append(place)
            self.before.append(dict(self.wants))

    def _reached(self, node: ast.stmt, *, final: bool) -> bool:
        """Whether a statement made something that is wanted; what it read is wanted from then on."""
        if isinstance(node, ast.Assign | ast.AnnAssign):
            return self._assigned(node, final)
        if isinstance(node, ast.AugAssign):
            return self._augmented(node)
        if isinstance(node, ast.Delete):
            return bool([target for target in node.targets if self._deleted(target)])
        if isinstance(node, ast.Expr):
            return self._in_place(node.value)
        if isinstance(node, ast.For | ast.While | ast.If | ast.With | ast.Try):
            return self._compound(node)
        return False

    def _assigned(self, node: ast.Assign | ast.AnnAssign, final: bool) -> bool:
        if node.value is None:
            return False
        hit = self._popped(node.value)
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if isinstance(target, ast.Name):
                if target.id in self.wants:
                    wanted = self.wants.pop(target.id) if final else self.wants[target.id]
                    self.spread(node.value, wanted)
                    hit = True
            elif isinstance(target, ast.Tuple | ast.List):
                hit |= self._unpacked(target, node.value, final)
            else:
                hit |= self._stored(target, node.value, final)
        return hit

    def _unpacked(self, target: ast.Tuple | ast.List, value: ast.expr, final: bool) -> bool:
        ids = [getattr(one, "id", None) for one in target.elts]
        wanted = [(number, name) for number, name in enumerate(ids) if name in self.wants]
        asked = {name: self.wants[name] for _, name in wanted if name}
        for name in asked if final else ():
            self.wants.pop(name)
        for number, name in wanted:
            self.spread(part(value, number, len(ids)), asked[str(name)])
        places = [(n, one) for n, one in enumerate(target.elts) if not isinstance(one, ast.Name)]
        stored = [one for n, one in places if self._stored(one, part(value, n, len(ids)), final)]
        return bool(wanted or stored)

    def _stored(self, target: ast.expr, value: ast.expr, final: bool) -> bool:
        name = forms.root(target)
        if name not in self.wants:
            return False
        made = self._columns(target)
        if not made.meets(self.wants[name]):
            return False
        whole = isinstance(target, ast.Subscript) and not isinstance(target.value, ast.Attribute)
        if final and whole and made.only is not None:
            self.wants[name] = self.wants[name] - made.only
        if isinstance(target, ast.Attribute) and target.attr in forms.ABOUT:
            self.wants[name] = ALL
        if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Attribute):
            self.spread(target.slice, ALL)
        self.spread(value, ALL)
        return True

    def _augmented(self, node: ast.AugAssign) -> bool:
        name = forms.root(node.target)
        if name not in self.wants:
            return False
        if not isinstance(node.target, ast.Name) and not self._columns(node.target).meets(self.wants[name]):
            return False
        self.spread(node.value, ALL)
        return True

    def _deleted(self, target: ast.expr) -> bool:
        name = forms.root(target)
        gone = self._columns(target)
        if isinstance(target, ast.Name) or name not in self.wants or gone.only is None:
            return False
        self.wants[name] = self.wants[name] - gone.only
        return True

    def _popped(self, value: ast.expr) -> bool:
        """`y = df.pop("y")`."""
        popped = isinstance(value, ast.Call) and forms.called(value) == "pop" and bool(value.args)
        return popped and isinstance(value, ast.Call) and self._in_place(value)

    def _in_place(self, node: ast.expr) -> bool:
        if not isinstance(node, ast.Call):
            return False
        name = forms.root(node.func)
        if isinstance(node.func, ast.Attribute) and name in self.wants and in_place(node):
            return self._by_method(node, node.func, name)
        hit = False
        for number, given in enumerate(node.args):
            if isinstance(given, ast.Name) and given.id in self.wants and self.program.mutates(node, number):
                self.wants[given.id] = ALL
                hit = True
        for given in node.args if hit else ():
            self.spread(given, ALL)
        return hit

    def _by_method(self, node: ast.Call, function: ast.Attribute, name: str) -> bool:
        if not isinstance(function.value, ast.Name):
            touched = self._columns(function.value)
            if not touched.meets(self.wants[name]):
                return False
        elif function.attr == "insert" and len(node.args) > 2:
            made = written(node.args[1])
            if made is None or not made.meets(self.wants[name]):
                return made is None
            self.wants[name] = self.wants[name] - (made.only or ())
        elif function.attr in ("drop", "pop", "set_index"):
            self.wants[name] = self.wants[name] - (self._dropped(node).only or ())
            return True
        elif function.attr == "rename":
            self.wants[name] = ALL
        elif function.attr in forms.ROWS:
            return True
        for given in (*node.args, *(one.value for one in node.keywords)):
            self.spread(given, ALL)
        return True

    def _compound(self, node: ast.For | ast.While | ast.If | ast.With | ast.Try) -> bool:
        if isinstance(node, ast.For) and isinstance(node.target, ast.Name):
            listed = self._listed(node.iter)
            if listed is not None:
                self.loops[node.target.id] = listed
        hit = False
        for name in ("finalbody", "orelse", "body"):
            for inner in reversed(getattr(node, name, [])):
                hit |= self._reached(inner, final=False)
        if hit and isinstance(node, ast.For):
            self.spread(node.iter, NONE)
        return hit

    def _columns(self, target: ast.expr) -> Columns:
        found = column(target)
        if found.only is None and isinstance(target, ast.Subscript):
            return self._listed(target.slice) or ALL
        return found

    def _listed(self, node: ast.AST) -> Columns | None:
        """Columns that are written out, or held by a list that is still there, or run through by a loop."""
        found = written(node)
        if found is not None:
            return found
        if isinstance(node, ast.Name):
            if node.id in self.loops:
                return self.loops[node.id]
            value: Any = self.namespace.get(node.id)
            return Columns.of(*value) if is_names(value) else None
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left, right = self._listed(node.left), self._listed(node.right)
            return left | right if left is not None and right is not None else None
        return None

    def _dropped(self, node: ast.Call) -> Columns:
        """The columns that `drop`, `pop` or `set_index` takes away; none where it takes rows."""
        given = forms.keyword(node, "columns")
        if given is None and node.args:
            axis = forms.keyword(node, "axis")
            across = forms.constant(axis if axis is not None else (node.args[1] if len(node.args) > 1 else None))
            given = node.args[0] if forms.called(node) != "drop" or across in (1, "columns") else None
        if given is None:
            given = forms.keyword(node, "labels") if forms.across(node) else forms.keyword(node, "keys")
        return (self._listed(given) if given is not None else None) or NONE

    def spread(self, node: ast.AST, wanted: Columns) -> None:
        """Columns that are wanted of an expression's value are wanted of what it is made of."""
        if isinstance(node, ast.Name):
            if self._followed(node.id):
                self.wants[node.id] = self.wants.get(node.id, NONE) | wanted
        elif isinstance(node, ast.Subscript):
            self._spread_subscript(node, wanted)
        elif isinstance(node, ast.Attribute):
            self._spread_attribute(node, wanted)
        elif isinstance(node, ast.Call):
            self._spread_call(node, wanted)
        else:
            for child in ast.iter_child_nodes(node):
                self.spread(child, ALL)

    def _spread_grouped(self, node: ast.Subscript | ast.Attribute) -> bool:
        """`df.groupby(["a", "b"])["c"]` reads three columns."""
        call = node.value
        if (
            not isinstance(call, ast.Call)
            or forms.called(call) != "groupby"
            or not isinstance(call.func, ast.Attribute)
        ):
            return False
        keys = self._listed(call.args[0]) if call.args else None
        chosen = Columns.of(node.attr) if isinstance(node, ast.Attribute) else self._listed(node.slice)
        if keys is None or chosen is None:
            return False
        self.spread(call.func.value, keys | chosen)
        return True

    def _spread_subscript(self, node: ast.Subscript, wanted: Columns) -> None:
        if self._spread_grouped(node):
            return
        beside = forms.joined(node)
        if beside is not None:
            self.spread(beside, ALL)
            return
        key: ast.AST = node.slice
        value = node.value
        if isinstance(value, ast.Attribute) and value.attr in ("loc", "iloc"):
            key = key.elts[1] if isinstance(key, ast.Tuple) and len(key.elts) == 2 else ast.Slice()
            positions = value.attr == "iloc"
            value = value.value
            chosen = by_position(value, key, self.namespace) if positions else self._listed(key)
        else:
            chosen = self._listed(key)
        self.spread(value, chosen if chosen is not None else wanted)

    def _spread_attribute(self, node: ast.Attribute, wanted: Columns) -> None:
        if node.attr in forms.ABOUT or self._spread_grouped(node):
            return
        if isinstance(node.value, ast.Attribute) and node.value.attr in ("str", "dt", "cat"):
            self.spread(node.value, ALL)  # `df[c].cat.codes`: no column is called `codes`
            return
        held = node.attr in ("values", "T", "str", "dt", "cat", "loc", "iloc", "array")
        self.spread(node.value, wanted if held else Columns.of(node.attr))

    def _spread_call(self, node: ast.Call, wanted: Columns) -> None:
        name = forms.called(node)
        receiver = node.func.value if isinstance(node.func, ast.Attribute) else None
        if name in ("drop", "pop", "set_index") and receiver is not None:
            self.spread(receiver, wanted - (self._dropped(node).only or ()))
            return
        if (
            name == "concat"
            and node.args
            and isinstance(node.args[0], ast.List | ast.Tuple)
            and not forms.stacks_columns(node)
        ):
            for one in node.args[0].elts:
                self.spread(one, wanted)
            return
        if name == "assign" and receiver is not None:
            read = [read_by(one.value) for one in node.keywords if isinstance(one.value, ast.Lambda)]
            self.spread(
                receiver, functools.reduce(operator.or_, read, wanted - [k.arg for k in node.keywords if k.arg])
            )
        elif receiver is not None and (name in forms.AGGREGATES or name == "fit"):
            if not forms.across(node):
                return
            self.spread(receiver, ALL)
        elif name == "apply" and receiver is not None and (function := self._applied(node)) is not None:
            self.spread(receiver, read_by(function) if forms.across(node) else ALL)
        elif receiver is not None:
            same = name in forms.ROWS or name in (
                "copy",
                "astype",
                "fillna",
                "replace",
                "clip",
                "round",
                "abs",
                "to_numpy",
            )
            self.spread(receiver, wanted if same else ALL)
        elif name in forms.AGGREGATING:
            return
        wrapped = wanted if name in ("DataFrame", "array", "asarray", "add_constant") else ALL
        for given in node.args:
            self.spread(given, wrapped)
        for given in (keyword.value for keyword in node.keywords):
            self.spread(given, ALL)

    def _applied(self, node: ast.Call) -> ast.Lambda | ast.FunctionDef | None:
        """What `df.apply(…)` calls, where the notebook wrote it."""
        given = node.args[0] if node.args else None
        return given if isinstance(given, ast.Lambda) else self.program.functions.get(getattr(given, "id", ""))

    def _followed(self, name: str) -> bool:
        if name not in self.namespace:
            return not hasattr(builtins, name)
        value = self.namespace[name]
        return ((is_data(value) or is_sparse(value)) and not is_names(value)) or isinstance(value, list)


def read_by(function: ast.Lambda | ast.FunctionDef) -> Columns:
    """The columns that `lambda row: row["a"] + row.b` reads."""
    given = function.args.args[0].arg if function.args.args else ""
    found, named = NONE, 0
    parts = [
        part
        for one in (function.body if isinstance(function.body, list) else [function.body])
        for part in ast.walk(one)
    ]
    for node in parts:
        if (
            isinstance(node, ast.Subscript | ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == given
        ):
            chosen = written(node.slice) if isinstance(node, ast.Subscript) else Columns.of(node.attr)
            found, named = found | (chosen if chosen is not None else ALL), named + 1
    uses = sum(isinstance(node, ast.Name) and node.id == given for node in parts)
    return found if uses == named else ALL


def by_position(value: ast.AST, key: ast.AST, namespace: Mapping[str, Any]) -> Columns | None:
    """The columns of `df.iloc[:, 1:4]`, of a frame that is still there."""
    frame: Any = namespace.get(value.id) if isinstance(value, ast.Name) else None
    if not is_frame(frame) or forms.names(key):
        return None
    try:
        chosen = eval(compile(ast.Expression(_index(key)), "<nb2prod>", "eval"), {"slice": slice})
        names = frame.columns[chosen]
    except Exception:  # positions that the frame no longer has: nothing is known
        return None
    return Columns.of(names) if isinstance(names, str) else Columns.of(*map(str, names))


def _index(key: ast.AST) -> ast.expr:
    if not isinstance(key, ast.Slice):
        return key  # type: ignore[return-value]
    ends = [part if part is not None else ast.Constant(None) for part in (key.lower, key.upper, key.step)]
    return ast.fix_missing_locations(ast.Call(ast.Name("slice", ast.Load()), ends, []))
