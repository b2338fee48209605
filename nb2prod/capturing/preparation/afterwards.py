"""What a notebook makes of a model's answers, cell by cell: `np.expm1(model.predict(X))`, names for codes, a threshold."""

from __future__ import annotations

import ast
import copy
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from nb2prod.capturing.execution import Notebook
from nb2prod.capturing.expressions import evaluated
from nb2prod.capturing.preparation import forms, trial
from nb2prod.capturing.preparation.spine import part
from nb2prod.capturing.preparation.statements import Program, Statement
from nb2prod.capturing.preparation.subject import Subject, Treatment
from nb2prod.capturing.preparation.writing import fits_again
from nb2prod.capturing.values import is_frame, is_series, length

ROWS = "rows_of_the_caller"
FEW = 200
_ASKED = frozenset({"predict", "predict_proba", "decision_function"})
_GROWING = frozenset({"exp", "expm1", "exp2", "power"})
# fmt: off
_EACH = frozenset({
    "exp", "expm1", "exp2", "power", "where", "clip", "maximum", "minimum", "inverse_transform", "astype", "map", "reshape",
    "ravel", "flatten", "squeeze", "Series", "array", "asarray", "to_numpy", "float", "int", "str", "argmax", "take", "round",
    "rint",
})
# fmt: on
_HOLDING = frozenset({"ravel", "flatten", "reshape", "squeeze", "astype", "to_numpy"})
_FITTED = frozenset({"fit_transform", "transform"})
LINKS = 8
"""Names that labels go by, one after the other, before it is given up."""
_INVERSE = {
    "log1p": "{np}.expm1({answers})",
    "log": "{np}.exp({answers})",
    "log2": "{np}.exp2({answers})",
    "log10": "10 ** {answers}",
    "sqrt": "{answers} ** 2",
}


@dataclass(frozen=True)
class Afterwards:
    """What is made of the answers, where, and the words of the cell; `by_labels` where only the labels say so."""

    treatment: Treatment
    text: str
    execution: int
    line: int
    by_labels: bool = False


def afterwards(subject: Subject, notebook: Notebook) -> Afterwards | None:
    """The last thing that a cell makes of the model's answers, or what undoes what was done to the labels; None if nothing."""
    if not hasattr(subject.model, "predict") or not subject.shown.isidentifier():
        return None
    program = Program(notebook.graph, notebook.namespace)
    found = None
    for one in _Reader(subject, notebook.namespace).read(_after(program, subject)):
        found = one
    return found or _by_labels(subject, program, notebook.namespace)


def _after(program: Program, subject: Subject) -> Iterator[Statement]:
    fit = subject.fit
    for statement in program.all:
        if (statement.execution, statement.node.lineno) > (fit.execution, fit.line):
            yield statement


class _Reader:
    """Follows the answers through the statements after the fit."""

    def __init__(self, subject: Subject, namespace: Mapping[str, Any]) -> None:
        self.subject, self.namespace = subject, namespace
        self.models = {name for name, value in namespace.items() if value is subject.model} | {subject.shown}
        self.known: dict[str, ast.expr] = {}
        """Variables that hold answers, as expressions of `rows_of_the_caller`."""
        self.rows: dict[str, str] = {}

    def read(self, statements: Iterator[Statement]) -> Iterator[Afterwards]:
        for statement in statements:
            node = statement.node
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.Expr) and node.value is not None:
                assigned = not isinstance(node, ast.Expr)
                yield from self._found(node.value, statement, assigned=assigned)
                targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
                for target in targets:
                    self._bind(target, node.value)

    def _bind(self, target: ast.AST | None, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self.known.pop(target.id, None)
            made = self._inlined(value)
            if made is not None:
                self.known[target.id], self.rows[target.id] = made

    def _found(self, value: ast.expr, statement: Statement, *, assigned: bool) -> Iterator[Afterwards]:
        """The largest expressions of the answers alone within a statement."""
        if isinstance(value, ast.Name):
            return  # what it holds was told where it was made
        made = self._inlined(value)
        if made is not None and (_undoes(made[0]) or (assigned and (_cuts(made[0]) or _names(made[0])))):
            treatment = self._tried(made[0])
            if treatment is not None:
                yield Afterwards(treatment, ast.unparse(value), statement.execution, value.lineno)
                return
        for child in ast.iter_child_nodes(value):
            inner = child.value if isinstance(child, ast.keyword) else child
            if isinstance(inner, ast.expr):
                yield from self._found(inner, statement, assigned=False)

    def _inlined(self, value: ast.expr) -> tuple[ast.expr, str] | None:
        """An expression of nothing but answers to the same rows, those put in their place."""
        inliner = _Inliner(self)
        try:
            made = inliner.visit(copy.deepcopy(value))
        except _Other:
            return None
        if len(inliner.rows) != 1:
            return None
        return ast.fix_missing_locations(made), next(iter(inliner.rows))

    def _tried(self, template: ast.expr) -> Treatment | None:
        """The treatment, if it gives each row another answer than the model's."""
        treatment = treated(template, self.namespace)
        given = self.subject.data
        try:
            some = given.iloc[:FEW] if hasattr(given, "iloc") else given[:FEW]
            with trial.quiet(), trial.limited(trial.SECONDS):
                plain, made = self.subject.model.predict(some), treatment.ask(some)
                if length(made) != length(some) or _same(plain, made):
                    return None
                if treatment.labels == "\0" and not _among(made, plain):
                    return replace(treatment, labels=None)
        except Exception:  # what cannot be asked again cannot be offered
            return None
        return treatment


class _Other(Exception):
    """Something else than answers is read."""


class _Inliner(ast.NodeTransformer):
    def __init__(self, reader: _Reader) -> None:
        self.reader = reader
        self.rows: set[str] = set()
        self.own: set[str] = set()

    def visit_Call(self, node: ast.Call) -> ast.expr:
        name, reader = forms.called(node), self.reader
        receiver = node.func.value if isinstance(node.func, ast.Attribute) else None
        if name in _ASKED and isinstance(receiver, ast.Name) and receiver.id in reader.models:
            if len(node.args) != 1 or node.keywords:
                raise _Other
            self.rows.add(ast.unparse(node.args[0]))
            node.args = [ast.Name(ROWS, ast.Load())]
            return node
        if name not in _EACH:
            raise _Other
        node.args = [self.visit(one) for one in node.args]
        for one in node.keywords:
            one.value = self.visit(one.value)
        if receiver is not None and isinstance(node.func, ast.Attribute):
            node.func.value = self.visit(receiver)
        return node

    def visit_ListComp(self, node: ast.ListComp) -> ast.expr:
        """`[names[i] for i in answers]`."""
        run = node.generators[0]
        if len(node.generators) != 1 or run.ifs or not isinstance(run.target, ast.Name):
            raise _Other
        run.iter = self.visit(run.iter)
        self.own.add(run.target.id)
        node.elt = self.visit(node.elt)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        key = node.slice
        first = key.elts[0] if isinstance(key, ast.Tuple) else key
        if isinstance(first, ast.Slice) and (
            first.lower or first.upper or first.step or not isinstance(key, ast.Tuple)
        ):
            raise _Other  # some of the answers
        node.value = self.visit(node.value)
        node.slice = self.visit(key)
        return node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.reader.known:
            self.rows.add(self.reader.rows[node.id])
            return copy.deepcopy(self.reader.known[node.id])
        if node.id not in self.own and not _same_for_all(node.id, self.reader.namespace):
            raise _Other
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        value = evaluated(ast.unparse(node), self.reader.namespace)
        if value is not None and (callable(value) or _few(value)):
            return node
        node.value = self.visit(node.value)
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        raise _Other


def _same_for_all(name: str, namespace: Mapping[str, Any]) -> bool:
    """A module, a number, a fitted encoder, a short list of names: nothing that has a value for each row."""
    if name not in namespace:
        return name in ("int", "float", "str", "bool")
    value = namespace[name]
    return isinstance(value, types.ModuleType | type | int | float | str | dict) or (
        hasattr(value, "inverse_transform") or _few(value)
    )


def _few(value: Any) -> bool:
    if is_frame(value) or is_series(value) or callable(value):
        return False
    try:
        return length(value) <= 50
    except TypeError:
        return isinstance(value, int | float | str)


def _undoes(template: ast.expr) -> bool:
    """`expm1`, `10 **`, `inverse_transform`: the answers are brought back to what the labels were."""
    for node in ast.walk(template):
        if isinstance(node, ast.Call) and forms.called(node) == "inverse_transform":
            return True
        if isinstance(node, ast.Call) and forms.called(node) in _GROWING and _asks(node, "predict"):
            return True
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and _asks(node.right, "predict"):
            return True
    return False


def _cuts(template: ast.expr) -> bool:
    """A threshold of one's own, or a bound."""
    for node in ast.walk(template):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Gt | ast.GtE | ast.Lt | ast.LtE):
            return True
        if isinstance(node, ast.Call) and forms.called(node) in ("clip", "maximum", "minimum"):
            return True
    return False


def _names(template: ast.expr) -> bool:
    """Names for codes."""
    for node in ast.walk(template):
        if isinstance(node, ast.Call) and forms.called(node) in ("map", "where", "take"):
            return True
        if isinstance(node, ast.ListComp) or (isinstance(node, ast.Subscript) and _asks(node.slice, "predict")):
            return True
    return False


def _asks(node: ast.AST, method: str) -> bool:
    return any(isinstance(one, ast.Call) and forms.called(one) == method for one in ast.walk(node))


def treated(template: ast.expr, namespace: Mapping[str, Any]) -> Treatment:
    """An expression of `rows_of_the_caller` as a treatment; the labels go the same way where it is one of `predict` alone."""
    text = ast.unparse(template)
    code = compile(text, "<answers>", "eval")

    def ask(rows: Any) -> Any:
        return eval(code, {**namespace, ROWS: rows})

    same = _cuts(template) and not _undoes(template)
    labels = ROWS if same else ast.unparse(_Labelled().visit(copy.deepcopy(template)))
    return Treatment(text.replace(ROWS, "\0"), ask, labels.replace(ROWS, "\0"))


class _Labelled(ast.NodeTransformer):
    """The labels in the place of the answers."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if forms.called(node) == "predict":
            return ast.Name(ROWS, ast.Load())
        self.generic_visit(node)
        return node


def _among(made: Any, plain: Any) -> bool:
    """Whether answers that were cut are still of the labels' kind."""
    import numpy as np

    one, other = np.asarray(made), np.asarray(plain)
    return (one.dtype.kind in "fiub") == (other.dtype.kind in "fiub")


def _same(plain: Any, made: Any) -> bool:
    import numpy as np

    one, other = np.asarray(plain), np.asarray(made)
    if one.shape != other.shape:
        one, other = one.ravel(), other.ravel()
    if one.shape != other.shape:
        return False
    if {one.dtype.kind, other.dtype.kind} <= set("fiub"):
        return bool(np.allclose(one.astype(float), other.astype(float), equal_nan=True))
    return bool((one.astype(str) == other.astype(str)).all())


def _by_labels(subject: Subject, program: Program, namespace: Mapping[str, Any]) -> Afterwards | None:
    """The labels were made by what can be undone: a logarithm, an encoder that is still there."""
    made = _made(subject, program)
    if made is None:
        return None
    call, statement = made
    asked = f"{subject.shown}.predict({ROWS})"
    text = _undone(call, asked, namespace)
    if text is None:
        return None
    template = ast.parse(text, mode="eval").body
    treatment = _Reader(subject, namespace)._tried(template)
    if treatment is None:
        return None
    return Afterwards(treatment, ast.unparse(call), statement.execution, call.lineno, by_labels=True)


def _undone(call: ast.Call, asked: str, namespace: Mapping[str, Any]) -> str | None:
    name = forms.called(call)
    receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
    if (
        name in _INVERSE
        and receiver is not None
        and getattr(namespace.get(ast.unparse(receiver)), "__name__", "") == "numpy"
    ):
        return _INVERSE[name].format(np=ast.unparse(receiver), answers=asked)
    if name not in ("fit_transform", "transform") or not isinstance(receiver, ast.Name):
        return None
    made = namespace.get(receiver.id)
    if not hasattr(made, "inverse_transform"):
        return None
    flat = hasattr(made, "classes_")
    rows = asked if flat else f"{asked}.reshape(-1, 1)"
    return f"{receiver.id}.inverse_transform({rows})" + ("" if flat else ".ravel()")


def _made(subject: Subject, program: Program) -> tuple[ast.Call, Statement] | None:
    """The call that made the labels, through splits and other names."""
    before = list(_before(program, subject))
    value, found = ast.parse(subject.fit.labels or "0", mode="eval").body, before[-1] if before else None
    for _ in range(LINKS):
        value = _held(value)
        if found is not None and isinstance(value, ast.Call) and forms.called(value) in {*_INVERSE, *_FITTED}:
            anew = isinstance(value.func, ast.Attribute) and any(
                fits_again(one.node, ast.unparse(value.func.value))
                for one in program.all[program.all.index(found) + 1 :]
            )
            return None if anew and forms.called(value) in _FITTED else (value, found)
        name = ast.unparse(value)
        found = next((one for one in reversed(before) if _binds(one.node, name)), None)
        if found is None:
            return None
        value = _value(found.node, name)
    return None


def _held(node: ast.expr) -> ast.expr:
    """Without calls that only hold the same values in another way."""
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _HOLDING:
        node = node.func.value
    return node


def _before(program: Program, subject: Subject) -> Iterator[Statement]:
    for one in program.all:
        if (one.execution, one.node.lineno) < (subject.fit.execution, subject.fit.line):
            yield one


def _binds(node: ast.stmt, name: str) -> bool:
    if not isinstance(node, ast.Assign):
        return False
    targets = [one for target in node.targets for one in (target.elts if isinstance(target, ast.Tuple) else [target])]
    return any(ast.unparse(one).replace('"', "'") == name for one in targets)


def _value(node: ast.stmt, name: str) -> ast.expr:
    assert isinstance(node, ast.Assign)
    target = node.targets[0]
    if isinstance(target, ast.Tuple):
        number = next(n for n, one in enumerate(target.elts) if ast.unparse(one) == name)
        return part(node.value, number, len(target.elts))
    return node.value
