"""The statements between the raw rows and `.fit`, read backwards from the expression that the model was fitted on."""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nb2prod.capturing.cells import FitCall
from nb2prod.capturing.preparation import forms
from nb2prod.capturing.preparation.columns import ALL, NONE, Columns
from nb2prod.capturing.preparation.spine import FITTED, follow, part
from nb2prod.capturing.preparation.statements import Program, Statement, in_place, written
from nb2prod.capturing.preparation.wanted import Wanted
from nb2prod.capturing.values import is_frame


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


class _Backward(Wanted):
    def __init__(self, program: Program, namespace: Mapping[str, Any]) -> None:
        super().__init__(program, namespace)
        self.steps: list[Statement] = []
        self.places: list[int] = []
        self.before: list[dict[str, Columns]] = []

    def take(self, statement: Statement, place: int) -> None:
        statement = replace(statement, node=self._lean(statement.node))
        if self._reached(statement.node, final=True):
            self.steps.append(statement)
            self.places.append(place)
            self.before.append(dict(self.wants))

    def _lean(self, node: ast.stmt) -> ast.stmt:
        """`X = X.assign(a=…)` without what no later step reads; the frame itself where that is all."""
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if not isinstance(node, ast.Assign) or not isinstance(target, ast.Name) or target.id not in self.wants:
            return node
        wanted = self.wants[target.id]
        value = node.value
        if (
            not isinstance(value, ast.Call)
            or forms.called(value) != "assign"
            or not isinstance(value.func, ast.Attribute)
        ):
            return node
        kept = [one for one in value.keywords if one.arg is None or one.arg in wanted]
        if len(kept) == len(value.keywords):
            return node
        made = copy.copy(node)
        made.value = ast.copy_location(ast.Call(value.func, value.args, kept), value) if kept else value.func.value
        return made

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
        made = self.columns_of(target)
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
        if not isinstance(node.target, ast.Name) and not self.columns_of(node.target).meets(self.wants[name]):
            return False
        self.spread(node.value, ALL)
        return True

    def _deleted(self, target: ast.expr) -> bool:
        name = forms.root(target)
        gone = self.columns_of(target)
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
            touched = self.columns_of(function.value)
            if not touched.meets(self.wants[name]):
                return False
        elif function.attr == "insert" and len(node.args) > 2:
            made = written(node.args[1])
            if made is None or not made.meets(self.wants[name]):
                return made is None
            self.wants[name] = self.wants[name] - (made.only or ())
        elif function.attr in ("drop", "pop", "set_index"):
            self.wants[name] = self.wants[name] - (self.dropped(node).only or ())
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
            listed = self.listed(node.iter)
            if listed is not None:
                self.loops[node.target.id] = listed
        hit = False
        for name in ("finalbody", "orelse", "body"):
            for inner in reversed(getattr(node, name, [])):
                hit |= self._reached(inner, final=False)
        if hit and isinstance(node, ast.For):
            self.spread(node.iter, NONE)
        return hit
