"""Functions of the notebook that learn from the rows that they are given, written out where they are called.

`X = prepare(df)` fills a gap with the median of whatever rows it gets; for one row that is another median. Written out,
the median is a value of the training rows like any other, and is kept.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping
from typing import Any

from nb2prod.capturing.preparation import forms

DEEPEST = 6
LEARNING = (
    forms.AGGREGATES
    | forms.AGGREGATING
    | frozenset(forms.SCALERS)
    | {"get_dummies", "fit_transform", "fit_predict", "fit", "qcut", "cut", "factorize", "codes", "transform"}
) - {"len", "sum", "any", "all", "set", "item", "tolist", "size", "info"}


class Inliner:
    """Statements with such calls written out.

    Parameters
    ----------
    functions
        The notebook's functions by name, as they were defined last.
    taken
        Names that are in use; the variables of a function get others where theirs are among them.
    """

    def __init__(self, functions: Mapping[str, ast.FunctionDef], taken: set[str]) -> None:
        self.functions, self.taken = functions, taken
        self.made: set[str] = set()
        self.depth = 0

    def statement(self, node: ast.stmt) -> list[ast.stmt]:
        """What a statement does, without the calls; the statement itself where it has none."""
        if not isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Expr) or node.value is None:
            return [node]
        if not self._worth(node.value):
            return [node]
        before: list[ast.stmt] = []
        made = copy.copy(node)
        made.value = self._expression(node.value, before)
        if not before:
            return [node]
        nodes = [*before] if isinstance(node, ast.Expr) else [*before, made]
        for one in nodes:
            for inner in ast.walk(one):
                if isinstance(inner, ast.expr | ast.stmt):
                    ast.copy_location(inner, node)
            ast.fix_missing_locations(one)
        return nodes

    def _worth(self, node: ast.AST) -> bool:
        return any(isinstance(one, ast.Call) and self._opens(one) for one in ast.walk(node))

    def _opens(self, node: ast.Call) -> bool:
        if forms.called(node) == "assign" and isinstance(node.func, ast.Attribute):
            return any(isinstance(one.value, ast.Lambda) and _learns(one.value.body) for one in node.keywords)
        function = self._function(node)
        return function is not None and self._learning(function, frozenset())

    def _function(self, node: ast.Call) -> ast.FunctionDef | None:
        """The function that a call opens: `prepare(df)`, or `df.pipe(prepare)`."""
        if isinstance(node.func, ast.Attribute) and node.func.attr == "pipe" and node.args:
            name = getattr(node.args[0], "id", "")
        else:
            name = getattr(node.func, "id", "")
        function = self.functions.get(name)
        return function if function is not None and _plain(function) else None

    def _learning(self, function: ast.FunctionDef, seen: frozenset[str]) -> bool:
        if _learns(function):
            return True
        inner = {one.id for one in ast.walk(function) if isinstance(one, ast.Name)} & set(self.functions) - seen
        return any(self._learning(self.functions[name], seen | {function.name}) for name in inner - {function.name})

    def _expression(self, node: Any, before: list[ast.stmt]) -> Any:
        """The value of an expression whose calls are written out before it."""
        if (
            not isinstance(node, ast.expr)
            or isinstance(node, ast.Lambda | ast.ListComp | ast.DictComp)
            or self.depth > DEEPEST
        ):
            return node
        if isinstance(node, ast.Call) and self._opens(node):
            assigns = forms.called(node) == "assign" and isinstance(node.func, ast.Attribute)
            opened = self._assigned(node, before) if assigns else self._called(node, before)
            if opened is not None:
                return opened
        made = copy.copy(node)
        for name, value in ast.iter_fields(node):
            if isinstance(value, list):
                setattr(made, name, [self._inner(one, before) for one in value])
            else:
                setattr(made, name, self._inner(value, before))
        return made

    def _inner(self, node: Any, before: list[ast.stmt]) -> Any:
        if isinstance(node, ast.keyword):
            return ast.keyword(node.arg, self._expression(node.value, before))
        return self._expression(node, before)

    def _assigned(self, node: ast.Call, before: list[ast.stmt]) -> ast.expr:
        """`df.assign(big=lambda d: d.a > d.a.mean())` as the statements that it stands for."""
        assert isinstance(node.func, ast.Attribute)
        held = self._free("frame_then")
        receiver = self._expression(node.func.value, before)
        before.append(_bind(held, ast.Call(ast.Attribute(receiver, "copy", ast.Load()), [], [])))
        for one in node.keywords:
            value: ast.expr = one.value
            if isinstance(value, ast.Lambda) and len(value.args.args) == 1:
                value = _Replaced({value.args.args[0].arg: ast.Name(held, ast.Load())}).visit(copy.deepcopy(value.body))
            target = ast.Subscript(ast.Name(held, ast.Load()), ast.Constant(one.arg), ast.Store())
            before.append(ast.Assign([target], value))
        return ast.Name(held, ast.Load())

    def _called(self, node: ast.Call, before: list[ast.stmt]) -> ast.expr | None:
        function = self._function(node)
        assert function is not None
        given = list(node.args)
        if isinstance(node.func, ast.Attribute):
            given = [node.func.value, *given[1:]]
        arguments = _arguments(function, given, node.keywords)
        if arguments is None:
            return None
        bound = {one.id for one in ast.walk(function) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
        names: dict[str, ast.expr] = {}
        bindings: list[ast.stmt] = []
        for name, value in arguments.items():
            if name not in bound and (isinstance(value, ast.Name) or _literal(value)):
                names[name] = value
                continue
            own = self._free(name)
            names[name] = ast.Name(own, ast.Load())
            bindings.append(_bind(own, self._expression(value, bindings)))
        for name in bound - set(arguments):
            names[name] = ast.Name(self._free(name), ast.Load())
        body, returned = _until_return(_folded([_Replaced(names).visit(copy.deepcopy(one)) for one in function.body]))
        if any(isinstance(inner, ast.Return) for one in body for inner in ast.walk(one)):
            return None  # which statements run is decided by the rows
        before += bindings
        self.depth += 1
        for one in body:
            before.extend(self.statement(one))
        value = self._expression(returned, before) if returned is not None else ast.Constant(None)
        self.depth -= 1
        return value

    def _free(self, name: str) -> str:
        made = next(one for one in (name, *(f"{name}_{n}" for n in range(1, 10_000))) if one not in self.taken)
        self.taken.add(made)
        self.made.add(made)
        return made


def _learns(node: ast.AST) -> bool:
    return any(
        (isinstance(one, ast.Call) and forms.called(one) in LEARNING and not forms.across(one))
        or (isinstance(one, ast.Attribute) and one.attr == "codes")
        for one in ast.walk(node)
    )


def _plain(function: ast.FunctionDef) -> bool:
    """Whether a function's statements can stand elsewhere: it defines, yields and shares nothing, and returns at its end."""
    odd = (
        ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Yield | ast.YieldFrom | ast.Await | ast.Global
        | ast.Nonlocal | ast.Try | ast.With | ast.While
    )  # fmt: skip
    inner = [one for part in function.body for one in ast.walk(part)]
    return not function.decorator_list and not any(isinstance(one, odd) for one in inner)


def _arguments(
    function: ast.FunctionDef, given: list[ast.expr], keywords: list[ast.keyword]
) -> dict[str, ast.expr] | None:
    """What each parameter is given; None where that is not written."""
    args = function.args
    names = [one.arg for one in (*args.posonlyargs, *args.args)]
    starred = any(isinstance(one, ast.Starred) for one in given) or any(one.arg is None for one in keywords)
    if args.vararg or args.kwarg or starred or len(given) > len(names):
        return None
    found = dict(zip(names[len(names) - len(args.defaults) :], args.defaults, strict=True))
    found |= {
        one.arg: default for one, default in zip(args.kwonlyargs, args.kw_defaults, strict=True) if default is not None
    }
    found |= dict(zip(names, given, strict=False))
    found |= {str(one.arg): one.value for one in keywords}
    every = {*names, *(one.arg for one in args.kwonlyargs)}
    return {name: found[name] for name in found} if set(found) == every else None


def _literal(node: ast.expr) -> bool:
    if isinstance(node, ast.List | ast.Tuple):
        return all(isinstance(one, ast.Constant) for one in node.elts)
    return isinstance(node, ast.Constant)


def _bind(name: str, value: ast.expr) -> ast.Assign:
    return ast.Assign([ast.Name(name, ast.Store())], value)


def _folded(body: list[ast.stmt]) -> list[ast.stmt]:
    """Without branches that are decided: `if fit:` of a call with `fit=True`."""
    found: list[ast.stmt] = []
    for one in body:
        test = one.test if isinstance(one, ast.If) else None
        turned = isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
        asked = test.operand if isinstance(test, ast.UnaryOp) and turned else test
        if isinstance(one, ast.If) and isinstance(asked, ast.Constant):
            found += _folded(one.body if bool(asked.value) != turned else one.orelse)
        elif not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)):
            found.append(one)
    return found


def _until_return(body: list[ast.stmt]) -> tuple[list[ast.stmt], ast.expr | None]:
    for number, one in enumerate(body):
        if isinstance(one, ast.Return):
            return body[:number], one.value
    return body, None


class _Replaced(ast.NodeTransformer):
    """Names as what stands for them."""

    def __init__(self, names: Mapping[str, ast.expr]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.expr:
        value = self.names.get(node.id)
        if value is None:
            return node
        made = copy.deepcopy(value)
        if isinstance(made, ast.Name):
            made.ctx = node.ctx
        return made
