"""The statements of a slice as the body of `predict(frame)`."""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nb2prod.capturing.preparation import forms, versions
from nb2prod.capturing.preparation.columns import Columns
from nb2prod.capturing.preparation.expressions import ForOneRow, Kept, Known
from nb2prod.capturing.preparation.slicing import Slice
from nb2prod.capturing.preparation.spine import FITTED, part
from nb2prod.capturing.preparation.statements import Program, in_place
from nb2prod.capturing.values import is_frame

FRAME = "frame"


@dataclass(frozen=True)
class Body:
    """What `predict` does: its statements, what it gives the model, the values kept from the training rows."""

    statements: tuple[ast.stmt, ...]
    rows: ast.expr
    kept: tuple[Kept, ...]
    after: tuple[int, ...]
    """How many statements go before each value that is kept."""
    left: tuple[str, ...]
    imports: tuple[str, ...] = ()

    @property
    def copies(self) -> bool:
        """Whether a statement changes the frame that a caller gave."""
        first = self.statements[0] if self.statements else None
        if isinstance(first, ast.Assign) and ast.unparse(first).startswith(f"{FRAME} = ") and _fresh(first.value):
            return False
        return any(
            (isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del))
            or (isinstance(node, ast.Call) and (in_place(node) or isinstance(node.func, ast.Name)))
            for one in self.statements
            for node in ast.walk(one)
        )


def stored(made: Body) -> list[str]:
    """The columns that a statement of its own makes: `quick` of `frame["quick"] = …`."""
    targets = [one.targets[0] for one in made.statements if isinstance(one, ast.Assign)]
    names = [forms.constant(one.slice) for one in targets if isinstance(one, ast.Subscript)]
    return list(dict.fromkeys(one for one in names if isinstance(one, str)))


def body(program: Program, made: Slice, start: int, namespace: Mapping[str, Any]) -> Body:
    """The steps from `start` on, for a caller's rows."""
    return _Writer(program, made, start, namespace).written()


class _Writer:
    def __init__(self, program: Program, made: Slice, start: int, namespace: Mapping[str, Any]) -> None:
        self.program, self.made, self.start, self.namespace = program, made, start, namespace
        self.known = Known(namespace, self._maker, program.functions)
        root = made.spine[start]
        self.known.names = {root: FRAME} if root else {}
        self.out: list[ast.stmt] = []
        self.after: list[int] = []
        self.returned: ast.expr = ast.Name(FRAME, ast.Load())
        self.place = 0
        self.inside: ast.stmt | None = None

    def written(self) -> Body:
        before = [number for number in range(self.start) if self._learnt(number)]
        for number in (*before, *range(self.start, len(self.made.steps))):
            self.place = self.made.places[number]
            wanted = self.made.wants[number + 1] if number + 1 < len(self.made.wants) else {FITTED: Columns()}
            self._statement(self.made.steps[number].node, self.made.rows[number], wanted)
            self.after += [len(self.out)] * (len(self.known.kept) - len(self.after))
        made = Body(
            tuple(self.out),
            self.returned,
            tuple(self.known.kept),
            tuple(self.after),
            tuple(self.known.left),
            tuple(sorted(self.known.imports)),
        )
        return _living(_short(_living(made)))

    def _learnt(self, number: int) -> bool:
        """Whether a step before the first change only reads the very rows: `low = df.age.quantile(.01)`."""
        node, rows = self.made.steps[number].node, self.made.rows[number]
        same = self.made.spine[number] is not None and self.made.spine[number] == self.made.spine[self.start]
        return (
            same and isinstance(node, ast.Assign) and bool(versions.bound(node)) and not forms.carries(node.value, rows)
        )

    def _statement(self, node: ast.stmt, rows: set[str], wanted: Mapping[str, Columns]) -> None:
        rewrite = ForOneRow(self.known, rows)
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            self._popped(node.value)
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                self._assigned(target, node.value, rewrite, wanted)
        elif isinstance(node, ast.AugAssign) and forms.root(node.target) in rows:
            made = copy.deepcopy(node)
            made.target = self._target(node.target, rewrite)
            made.value = rewrite(node.value)
            self._emit(made)
        elif isinstance(node, ast.Delete):
            for target in node.targets:
                if isinstance(target, ast.Subscript):
                    self._without(forms.root(target), target.slice)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            self._in_place(node.value, rewrite)
        elif isinstance(node, ast.For | ast.While | ast.If | ast.With | ast.Try):
            self._block(node, rewrite, set(wanted))

    def _block(
        self, node: ast.For | ast.While | ast.If | ast.With | ast.Try, rewrite: ForOneRow, wanted: set[str]
    ) -> None:
        made = copy.deepcopy(node)
        if isinstance(made, ast.For) and isinstance(made.target, ast.Name):
            made.iter = rewrite(made.iter)
            self.known.loop = (made.target.id, made.iter)
            self.inside = node
        made = _Inside(rewrite).visit(made)
        self.known.loop = self.inside = None
        needed = {FRAME, *(self.known.names.get(one, one) for one in rewrite.rows | wanted)}
        made.body = _read([one for one in made.body if not _fits_only(one)], needed)
        if made.body or getattr(made, "orelse", []):
            made.body = made.body or [ast.Pass()]
            self._emit(made)

    def _assigned(self, target: ast.expr, value: ast.expr, rewrite: ForOneRow, wanted: Mapping[str, Columns]) -> None:
        if isinstance(target, ast.Name):
            self._bound(target.id, value, rewrite, wanted)
        elif isinstance(target, ast.Tuple | ast.List):
            self._unpacked(target, value, rewrite, wanted)
        elif forms.root(target) in rewrite.rows:
            made = rewrite(value)
            self._emit(ast.Assign([self._target(target, rewrite)], made, lineno=0))

    def _bound(self, name: str, value: ast.expr, rewrite: ForOneRow, wanted: Mapping[str, Columns]) -> None:
        if name not in wanted:
            return
        if not forms.carries(value, rewrite.rows):
            if name not in self.namespace:
                self._one_for_all(name, value, rewrite)
            return
        unchanged = not any(self.program.changed(name, one) for one in self.program.all[self.place + 1 :])
        dummies = isinstance(value, ast.Call) and forms.called(value) == "get_dummies"
        if dummies and unchanged and is_frame(self.namespace.get(name)):
            rewrite = ForOneRow(self.known, rewrite.rows, name)
        made = rewrite(value)
        if name == FITTED:
            self.returned = made
        elif isinstance(made, ast.Name):
            self.known.names[name] = made.id
        else:
            self.known.names.pop(name, None)
            self._emit(ast.Assign([ast.Name(name, ast.Store())], made, lineno=0))

    def _one_for_all(self, name: str, value: ast.expr, rewrite: ForOneRow) -> None:
        """What is the same for every row and the notebook does not hold any more."""
        if forms.names(value) & rewrite.rows:
            self.known.names[name] = ast.unparse(self.known.keep(name, value, rewrite.renamed(value)))
        else:
            self._emit(ast.Assign([ast.Name(name, ast.Store())], rewrite(value), lineno=0))

    def _unpacked(
        self, target: ast.Tuple | ast.List, value: ast.expr, rewrite: ForOneRow, wanted: Mapping[str, Columns]
    ) -> None:
        count = len(target.elts)
        parts = [part(value, number, count) for number in range(count)]
        if any(one is not value for one in parts):
            for one, given in zip(target.elts, parts, strict=True):
                self._assigned(one, given, rewrite, wanted)
            return
        elements = [one if getattr(one, "id", "") in wanted else ast.Name("_", ast.Store()) for one in target.elts]
        for one in elements:
            if isinstance(one, ast.Name):
                self.known.names.pop(one.id, None)
        self._emit(ast.Assign([ast.Tuple(elements, ast.Store())], rewrite(value), lineno=0))

    def _popped(self, value: ast.expr) -> None:
        if isinstance(value, ast.Call) and forms.called(value) == "pop" and isinstance(value.func, ast.Attribute):
            self._without(forms.root(value.func), value.args[0])

    def _in_place(self, node: ast.Call, rewrite: ForOneRow) -> None:
        name = forms.called(node)
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            across = forms.keyword(node, "columns") or (
                node.args[0] if node.args and (forms.across(node) or forms.constant(node.args[-1]) == 1) else None
            )
            if name == "drop":
                if across is not None:
                    self._without(node.func.value.id, across)
                return
            if name in ("pop", "set_index") and node.args:
                self._without(node.func.value.id, node.args[0])
                return
            if name in forms.ROWS:
                return
        made = ForOneRow.generic_visit(rewrite, copy.deepcopy(node))
        self._emit(ast.Expr(made))  # type: ignore[arg-type]

    def _without(self, name: str | None, columns: ast.expr) -> None:
        if name is None:
            return
        local = self.known.names.get(name, name)
        listed = ast.List([columns], ast.Load()) if isinstance(forms.constant(columns), str) else columns
        keywords = [ast.keyword("columns", listed), ast.keyword("errors", ast.Constant("ignore"))]
        call = ast.Call(ast.Attribute(ast.Name(local, ast.Load()), "drop", ast.Load()), [], keywords)
        self._emit(ast.Assign([ast.Name(local, ast.Store())], call, lineno=0))

    def _target(self, target: ast.expr, rewrite: ForOneRow) -> Any:
        """A place in a frame: the rows that it names are the caller's too."""
        if isinstance(target, ast.Subscript):
            made = copy.deepcopy(target)
            made.value = self._target(target.value, rewrite)
            made.slice = rewrite(target.slice)
            return made
        if isinstance(target, ast.Attribute):
            return ast.Attribute(self._target(target.value, rewrite), target.attr, target.ctx)
        name = getattr(target, "id", "")
        return ast.Name(self.known.names.get(name, name), getattr(target, "ctx", ast.Load()))

    def _emit(self, node: Any) -> None:
        self.after += [len(self.out)] * (len(self.known.kept) - len(self.after))
        self.out.append(ast.fix_missing_locations(node))

    def _maker(self, receiver: ast.expr) -> ast.expr | None:
        """What made a transformer that was made or fitted anew since; a dict that a loop filled still holds its own."""
        text = ast.unparse(receiver)
        later = self.program.all[self.place + 1 :]
        turns = self.known.loop is not None and self.known.loop[0] not in forms.names(receiver)
        anew = turns and self.inside is not None and fits_again(self.inside, text)
        if not anew and not any(fits_again(one.node, text) for one in later):
            return None
        before = [statement.node for statement in self.program.all[: self.place + 1]]
        for node in reversed([*before, *getattr(self.inside, "body", [])]):
            if isinstance(node, ast.Assign) and any(ast.unparse(one) == text for one in node.targets):
                value = node.value
                if (
                    isinstance(value, ast.Call)
                    and forms.called(value) == "fit"
                    and isinstance(value.func, ast.Attribute)
                ):
                    value = value.func.value
                return value if isinstance(value, ast.Call) else None
        return None


def fits_again(node: ast.stmt, text: str) -> bool:
    if isinstance(node, ast.Assign) and any(ast.unparse(one) == text for one in node.targets):
        return True
    return any(
        isinstance(one, ast.Call)
        and forms.called(one) in ("fit", "fit_transform", "fit_predict", "partial_fit")
        and isinstance(one.func, ast.Attribute)
        and ast.unparse(one.func.value) == text
        for one in ast.walk(node)
        if not isinstance(node, ast.FunctionDef)
    )


class _Inside(ast.NodeTransformer):
    """The statements of a loop or branch, each expression for one row."""

    def __init__(self, rewrite: ForOneRow) -> None:
        self.rewrite = rewrite

    def visit(self, node: ast.AST) -> Any:
        return self.rewrite(node) if isinstance(node, ast.expr) and not _stores(node) else super().visit(node)

    def visit_If(self, node: ast.If) -> ast.If:
        """What is made of all rows in a branch is made of those columns alone that come to it."""
        asked = copy.deepcopy(node.test)
        test, conditions = self.visit(node.test), self.rewrite.known.conditions
        parts = []
        for condition, body in ((asked, node.body), (ast.UnaryOp(ast.Not(), asked), node.orelse)):
            conditions.append(condition)
            parts.append([self.visit(one) for one in body])
            conditions.pop()
        return ast.copy_location(ast.If(test, *parts), node)

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.rewrite.known.names.get(node.id, node.id), node.ctx)


def _stores(node: ast.expr) -> bool:
    return isinstance(getattr(node, "ctx", None), ast.Store | ast.Del)


def _fits_only(node: ast.stmt) -> bool:
    call = node.value if isinstance(node, ast.Expr) else None
    return isinstance(call, ast.Call) and forms.called(call) in ("fit", "append", "print", "display")


def _read(nodes: list[ast.stmt], needed: set[str]) -> list[ast.stmt]:
    """Without what a loop keeps elsewhere: `encoders[c] = le`, and `le` itself where nothing reads it any more.

    What changes a variable that is needed afterwards stays.
    """
    kept: list[ast.stmt] = []
    for node in reversed(nodes):
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if target is not None and forms.root(target) in needed:
            kept.insert(0, node)
            continue
        unread = isinstance(target, ast.Name) and not any(target.id in forms.names(one) for one in kept)
        elsewhere = (
            isinstance(target, ast.Subscript) and isinstance(node, ast.Assign) and isinstance(node.value, ast.Name)
        )
        if not unread and not elsewhere:
            kept.insert(0, node)
    return kept


def _short(made: Body) -> Body:
    """`X = scale(frame)` as `frame = scale(frame)` wherever `frame` itself is not read any more."""
    statements = [copy.deepcopy(one) for one in made.statements]
    rows, kept = copy.deepcopy(made.rows), list(made.kept)
    for number, one in enumerate(statements):
        if not isinstance(one, ast.Assign) or not isinstance(one.targets[0], ast.Name) or one.targets[0].id == FRAME:
            continue
        name = one.targets[0].id
        after: list[ast.AST] = [*statements[number + 1 :], rows]
        later_kept = [k.inside for k, place in zip(kept, made.after, strict=True) if place > number]
        if any(FRAME in forms.names(node) for node in (*after, *later_kept)):
            continue
        rename = _Renamed(name)
        one.targets[0] = ast.Name(FRAME, ast.Store())
        statements[number + 1 :] = [rename.visit(node) for node in statements[number + 1 :]]
        rows = rename.visit(rows)
        kept = [
            Kept(k.name, k.outside, rename.visit(copy.deepcopy(k.inside))) if place > number else k
            for k, place in zip(kept, made.after, strict=True)
        ]
    return Body(tuple(statements), rows, tuple(kept), made.after, made.left, made.imports)


def _fresh(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and forms.called(node) == "copy"


def _living(made: Body) -> Body:
    """Without assignments that nobody reads, and without copies of a copy."""
    statements: list[ast.stmt] = []
    after = list(made.after)
    for number in range(len(made.statements) - 1, -1, -1):
        one = made.statements[number]
        later = [
            *statements,
            made.rows,
            *(k.inside for k, place in zip(made.kept, made.after, strict=True) if place > number),
        ]
        bound = one.targets[0].id if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name) else None
        unread = bound is not None and not any(bound in forms.names(node) for node in later)
        if unread or ast.unparse(one) == f"{FRAME} = {FRAME}.copy()":
            after = [place - (place > number) for place in after]
        else:
            statements.insert(0, one)
    return Body(tuple(statements), made.rows, made.kept, tuple(after), made.left, made.imports)


class _Renamed(ast.NodeTransformer):
    def __init__(self, name: str) -> None:
        self.name = name

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(FRAME if node.id == self.name else node.id, node.ctx)
