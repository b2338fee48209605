"""Which columns of which variables are wanted, so that an expression can be made."""

from __future__ import annotations

import ast
import builtins
import functools
import operator
from collections.abc import Mapping
from typing import Any

from nb2prod.capturing.preparation import forms
from nb2prod.capturing.preparation.columns import ALL, NONE, Columns
from nb2prod.capturing.preparation.spine import is_names
from nb2prod.capturing.preparation.statements import Program, column, written
from nb2prod.capturing.values import is_data, is_frame, is_sparse


class Wanted:
    """What is wanted of each variable before a statement.

    Parameters
    ----------
    program
        The statements, with the notebook's functions.
    namespace
        The notebook's variables: lists of columns, and the other table of a merge, are read from it.
    """

    def __init__(self, program: Program, namespace: Mapping[str, Any]) -> None:
        self.program, self.namespace = program, namespace
        self.wants: dict[str, Columns] = {}
        self.loops: dict[str, Columns] = {}

    def columns_of(self, target: ast.expr) -> Columns:
        found = column(target)
        if found.only is None and isinstance(target, ast.Subscript):
            return self.listed(target.slice) or ALL
        return found

    def listed(self, node: ast.AST) -> Columns | None:
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
            left, right = self.listed(node.left), self.listed(node.right)
            return left | right if left is not None and right is not None else None
        return None

    def dropped(self, node: ast.Call) -> Columns:
        """The columns that `drop`, `pop` or `set_index` takes away; none where it takes rows."""
        given = forms.keyword(node, "columns")
        if given is None and node.args:
            axis = forms.keyword(node, "axis")
            across = forms.constant(axis if axis is not None else (node.args[1] if len(node.args) > 1 else None))
            given = node.args[0] if forms.called(node) != "drop" or across in (1, "columns") else None
        if given is None:
            given = forms.keyword(node, "labels") if forms.across(node) else forms.keyword(node, "keys")
        return (self.listed(given) if given is not None else None) or NONE

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
        keys = self.listed(call.args[0]) if call.args else None
        chosen = Columns.of(node.attr) if isinstance(node, ast.Attribute) else self.listed(node.slice)
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
            chosen = by_position(value, key, self.namespace) if positions else self.listed(key)
        else:
            chosen = self.listed(key)
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
        if name == "merge" and self._spread_merge(node, wanted):
            return
        if name in ("drop", "pop", "set_index") and receiver is not None:
            self.spread(receiver, wanted - (self.dropped(node).only or ()))
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

    def _spread_merge(self, node: ast.Call, wanted: Columns) -> bool:
        """`df.merge(towns, on="town")`: of the left the keys, and what the other table does not bring."""
        frame = (
            node.func.value
            if isinstance(node.func, ast.Attribute) and self._followed(forms.root(node.func) or "")
            else None
        )
        given = [frame, *node.args] if frame is not None else list(node.args)
        right: Any = self.namespace.get(getattr(given[1], "id", "")) if len(given) > 1 else None
        keys = forms.keyword(node, "on") or forms.keyword(node, "left_on")
        on = self.listed(keys) if keys is not None else None
        if not is_frame(right) or on is None or on.only is None or wanted.only is None:
            return False
        if any(name.endswith(("_x", "_y")) for name in wanted.only) or forms.keyword(node, "suffixes") is not None:
            return False
        self.spread(given[0], (wanted - {*map(str, right.columns)}) | on)
        self.spread(given[1], ALL)
        return True

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
    every = isinstance(key, ast.Slice) and key.lower is None and key.upper is None
    if not is_frame(frame) or forms.names(key) or every:
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
