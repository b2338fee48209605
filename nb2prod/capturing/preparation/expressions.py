"""An expression of the training rows as one of a caller's rows: nothing is fitted, what all rows gave is kept."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nb2prod.capturing.expressions import evaluated
from nb2prod.capturing.preparation import forms, groups
from nb2prod.capturing.preparation.wanted import by_position


@dataclass(frozen=True)
class Kept:
    """A value that the training rows gave: its name, the expression in the notebook's names, and in the cell's."""

    name: str
    outside: ast.expr
    inside: ast.expr


@dataclass
class Known:
    """What the rewriting of all expressions of a cell shares."""

    namespace: Mapping[str, Any]
    maker: Callable[[ast.expr], ast.expr | None]
    """The expression that made a transformer which is no longer what it was; None where it still is."""
    functions: Mapping[str, ast.FunctionDef]
    names: dict[str, str] = field(default_factory=dict)
    """The notebook's variables by their name in the cell."""
    kept: list[Kept] = field(default_factory=list)
    loop: tuple[str, ast.expr] | None = None
    """The loop that is read: its variable and what that runs through."""
    conditions: list[ast.expr] = field(default_factory=list)
    """What must hold of the loop's variable where a value is made."""
    imports: set[str] = field(default_factory=set)
    left: list[str] = field(default_factory=list)
    """What no line can do for one row."""

    def keep(self, name: str, outside: ast.expr, inside: ast.expr) -> ast.expr:
        """The name of a value of all rows; in a loop, of one for each turn."""
        outside, inside = copy.deepcopy(outside), copy.deepcopy(inside)
        if self.loop is None or self.loop[0] not in forms.names(outside):
            return self._kept(name, outside, inside)
        variable, turns = self.loop
        where = [copy.deepcopy(one) for one in self.conditions]
        inner = [_Names(self.names).visit(copy.deepcopy(one)) for one in self.conditions]
        kept = self._kept(f"{name}_each", _each(variable, turns, outside, where), _each(variable, turns, inside, inner))
        return ast.Subscript(kept, ast.Name(variable, ast.Load()), ast.Load())

    def _kept(self, name: str, outside: ast.expr, inside: ast.expr) -> ast.Name:
        same = next((one for one in self.kept if ast.dump(one.outside) == ast.dump(outside)), None)
        if same is None:
            same = Kept(self._free(name), outside, inside)
            self.kept.append(same)
        return ast.Name(same.name, ast.Load())

    def _free(self, name: str) -> str:
        name = re.sub(r"\W+", "_", name).strip("_").lower()
        name = name if name.isidentifier() else f"kept_{name}"
        taken = {*self.namespace, *self.names.values(), *(one.name for one in self.kept), "frame"}
        return next(one for one in (name, *(f"{name}_{n}" for n in range(2, 99))) if one not in taken)


class ForOneRow(ast.NodeTransformer):
    """Rewrites one expression."""

    def __init__(self, known: Known, rows: set[str], made: str = "") -> None:
        self.known, self.rows = known, rows
        self.made = made  # the variable that is still what the expression gave

    def __call__(self, node: ast.expr) -> ast.expr:
        made: ast.expr = self.visit(copy.deepcopy(node))
        return ast.fix_missing_locations(made)

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.expr) and self._of_all_rows(node):
            return self.known.keep(_named(node), node, self.renamed(node))
        return super().visit(node)

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.known.names.get(node.id, node.id), node.ctx)

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        if not forms.carries(node.value, self.rows):
            return self.generic(node)
        if (
            isinstance(node.value, ast.Call)
            and forms.called(node.value) == "factorize"
            and forms.constant(node.slice) == 0
        ):
            return self._numbered(node.value)
        if isinstance(node.value, ast.Attribute) and node.value.attr in ("loc", "iloc"):
            return self._located(node, node.value)
        if forms.masks(node.slice, self.known.namespace, self.rows):
            return self.visited(node.value)
        return self.generic(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if node.attr == "codes" and forms.carries(node.value, self.rows):
            return self._codes(node.value)
        return self.generic(node)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        name = forms.called(node)
        method = node.func if isinstance(node.func, ast.Attribute) else None
        carried = method is not None and forms.carries(method.value, self.rows)
        if method is not None and carried and name in forms.ROWS:
            return self.visited(method.value)
        if method is not None and name in ("transform", "fit_transform", "fit_predict") and node.args:
            return groups.looked_up(self, node, method) if carried else self._transformed(node, method)
        if name in forms.SCALERS and method is None and node.args:
            return self._scaled(node)
        if carried and method is not None and name == "apply" and "LabelEncoder().fit_transform" in ast.unparse(node):
            return self._each_encoded(node, method)
        special = getattr(self, f"_{name}", None) if name in _SPECIAL else None
        return special(node) if special else self.generic(node)

    def generic(self, node: ast.AST) -> ast.expr:
        made: ast.expr = self.generic_visit(node)  # type: ignore[assignment]
        return made

    def visited(self, node: ast.AST) -> ast.expr:
        made: ast.expr = self.visit(node)
        return made

    def renamed(self, node: ast.expr) -> ast.expr:
        """In the cell's names, still over all rows."""
        return _Tolerant(self.known.names).visit(copy.deepcopy(node))  # type: ignore[no-any-return]

    def _of_all_rows(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name | ast.Lambda | ast.Starred | ast.Slice) or forms.carries(node, self.rows):
            return False
        if not forms.names(node) & self.rows or (isinstance(node, ast.Call) and forms.called(node) == "fit"):
            return False
        text = ast.unparse(node)
        return not _about(node) or "dtypes" in text

    def _located(self, node: ast.Subscript, place: ast.Attribute) -> ast.expr:
        value = self.visited(place.value)
        key = node.slice
        if not isinstance(key, ast.Tuple) or len(key.elts) != 2:
            return value
        columns = key.elts[1]
        if place.attr == "loc":
            every = isinstance(columns, ast.Slice) and columns.lower is None and columns.upper is None
            return value if every else ast.Subscript(value, self.visited(columns), ast.Load())
        chosen = by_position(place.value, columns, self.known.namespace)
        if chosen is None or chosen.only is None:
            return ast.Subscript(ast.Attribute(value, "iloc", ast.Load()), key, ast.Load())
        frame = self.known.namespace[ast.unparse(place.value)]
        names = [ast.Constant(str(one)) for one in frame.columns if str(one) in chosen]
        single = isinstance(columns, ast.Constant | ast.UnaryOp)
        return ast.Subscript(value, names[0] if single else ast.List(list(names), ast.Load()), ast.Load())

    def _transformed(self, node: ast.Call, method: ast.Attribute) -> ast.expr:
        receiver = method.value
        asked = "predict" if method.attr == "fit_predict" else "transform"
        if (
            isinstance(receiver, ast.Call)
            and forms.called(receiver) == "fit"
            and isinstance(receiver.func, ast.Attribute)
        ):
            receiver = receiver.func.value
        argument = copy.deepcopy(node.args[0])
        given = self.visited(node.args[0])
        made = receiver if isinstance(receiver, ast.Call) else self.known.maker(receiver)
        if made is not None:
            outside, inside = (
                ast.Call(ast.Attribute(made, "fit", ast.Load()), [one, *node.args[1:]], [])
                for one in (argument, self.renamed(argument))
            )
            receiver = self.known.keep(f"{_column(node.args[0])}_{_kind(made)}", outside, inside)
        elif method.attr != "transform":
            live = evaluated(ast.unparse(receiver), self.known.namespace)
            if live is not None and not hasattr(live, asked):
                self.known.left.append(f"`{type(live).__name__}` cannot {asked} rows that it was not fitted on")
        return ast.Call(ast.Attribute(receiver, asked, ast.Load()), [given], [])

    def _get_dummies(self, node: ast.Call) -> ast.expr:
        held = ast.Name(self.made, ast.Load()) if self.made else node
        outside, inside = (
            ast.Call(ast.Name("list", ast.Load()), [ast.Attribute(one, "columns", ast.Load())], [])
            for one in (held, self.renamed(node))
        )
        kept = self.known.keep("columns" if self.made else f"{_column(node)}_columns", outside, inside)
        made = self.generic(copy.deepcopy(node))
        assert isinstance(made, ast.Call)
        made.keywords = [one for one in made.keywords if one.arg != "drop_first"]
        filled = [ast.keyword("columns", kept), ast.keyword("fill_value", ast.Constant(0))]
        return ast.Call(ast.Attribute(made, "reindex", ast.Load()), [], filled)

    def _qcut(self, node: ast.Call) -> ast.expr:
        return self._binned(node)

    def _cut(self, node: ast.Call) -> ast.expr:
        bins = node.args[1] if len(node.args) > 1 else forms.keyword(node, "bins")
        number = bins if not isinstance(bins, ast.Name) else ast.Constant(self.known.namespace.get(bins.id))
        return self._binned(node) if isinstance(forms.constant(number), int) else self.generic(node)

    def _binned(self, node: ast.Call) -> ast.expr:
        """Bins that are made of all rows are kept; where they have names of their own, the outer two are open."""
        labelled = forms.keyword(node, "labels") is not None
        whole = copy.deepcopy(node)
        whole.keywords = [
            *(k for k in whole.keywords if k.arg != "retbins"),
            ast.keyword("retbins", ast.Constant(True)),
        ]
        edges: ast.expr = ast.Subscript(whole, ast.Constant(1), ast.Load())
        if labelled:
            inner = ast.Subscript(
                edges, ast.Slice(ast.Constant(1), ast.UnaryOp(ast.USub(), ast.Constant(1))), ast.Load()
            )
            ends = [ast.parse(f"float('{end}inf')", mode="eval").body for end in ("-", "")]
            edges = ast.List([ends[0], ast.Starred(inner, ast.Load()), ends[1]], ast.Load())
        kept = self.known.keep(f"{_column(node.args[0])}_bins", edges, self.renamed(edges))
        keywords = [k for k in node.keywords if k.arg in ("labels", "right", "precision", "ordered")]
        function = (
            ast.Attribute(node.func.value, "cut", ast.Load()) if isinstance(node.func, ast.Attribute) else node.func
        )
        lowest = ast.keyword("include_lowest", ast.Constant(True))
        return ast.Call(function, [self.visited(node.args[0]), kept], [*keywords, lowest])

    def _numbered(self, node: ast.Call) -> ast.expr:
        """`pd.factorize(df.a)[0]`: the values of all rows are kept in their order."""
        carried = isinstance(node.func, ast.Attribute) and forms.carries(node.func.value, self.rows)
        given = node.func.value if carried and isinstance(node.func, ast.Attribute) else node.args[0]
        outside = ast.Subscript(node, ast.Constant(1), ast.Load())
        kept = self.known.keep(f"{_column(given)}_values", outside, self.renamed(outside))
        return ast.Call(ast.Attribute(kept, "get_indexer", ast.Load()), [self.visited(given)], [])

    def _scaled(self, node: ast.Call) -> ast.expr:
        """`scale(X)` scales by all rows that it is given: the transformer of the same kind is fitted once."""
        made = ast.Call(ast.Name(forms.SCALERS[forms.called(node)], ast.Load()), [], node.keywords)
        self.known.imports.add(f"from sklearn.preprocessing import {forms.SCALERS[forms.called(node)]}")
        return self._fitted(made, node.args[0])

    def _fitted(self, made: ast.expr, given: ast.expr) -> ast.expr:
        outside, inside = (
            ast.Call(ast.Attribute(made, "fit", ast.Load()), [one], []) for one in (given, self.renamed(given))
        )
        kept = self.known.keep(f"{_column(given)}_{_kind(made)}", outside, inside)
        return ast.Call(ast.Attribute(kept, "transform", ast.Load()), [self.visited(given)], [])

    def _each_encoded(self, node: ast.Call, method: ast.Attribute) -> ast.expr:
        """`df[cats].apply(LabelEncoder().fit_transform)`: one encoder for all columns gives the same numbers."""
        self.known.imports.add("from sklearn.preprocessing import OrdinalEncoder")
        return self._fitted(ast.Call(ast.Name("OrdinalEncoder", ast.Load()), [], []), method.value)

    def _codes(self, node: ast.expr) -> ast.expr:
        """`df.a.astype("category").cat.codes`: the categories of all rows are kept."""
        held = node.value if isinstance(node, ast.Attribute) and node.attr == "cat" else node
        outside: ast.expr = ast.Attribute(node, "categories", ast.Load())
        kept = self.known.keep(f"{_column(held)}_categories", outside, self.renamed(outside))
        bare = held
        while isinstance(bare, ast.Call) and forms.called(bare) in ("astype", "Categorical"):
            bare = bare.func.value if forms.called(bare) == "astype" else bare.args[0]  # type: ignore[attr-defined]
        made = ast.Call(
            ast.parse("pd.Categorical", mode="eval").body, [self.visited(bare)], [ast.keyword("categories", kept)]
        )
        return ast.Attribute(made, "codes", ast.Load())

    def _add_constant(self, node: ast.Call) -> ast.expr:
        """One row is constant in every column: without `add` it would be given none."""
        made = self.generic(node)
        assert isinstance(made, ast.Call)
        made.keywords = [k for k in made.keywords if k.arg != "has_constant"]
        made.keywords.append(ast.keyword("has_constant", ast.Constant("add")))
        return made

    def _drop(self, node: ast.Call) -> ast.expr:
        if not isinstance(node.func, ast.Attribute) or not forms.carries(node.func.value, self.rows):
            return self.generic(node)
        if not _drops_columns(node):
            return self.visited(node.func.value)
        made = self.generic(node)
        assert isinstance(made, ast.Call)
        return _tolerant(made)

    def _concat(self, node: ast.Call) -> ast.expr:
        given = node.args[0] if node.args else None
        if forms.stacks_columns(node) or not isinstance(given, ast.List | ast.Tuple):
            return self.generic(node)
        return self.visited(next(one for one in given.elts if forms.carries(one, self.rows)))

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in self.known.functions:
            node.keywords = [k for k in node.keywords if not self._asks_to_fit(node.func.id, k)]
        return super().generic_visit(node)

    def _asks_to_fit(self, function: str, given: ast.keyword) -> bool:
        """`prepare(frame, fit=True)`, of a function that does not fit unless it is asked to."""
        node = self.known.functions[function]
        arguments = [*node.args.args[len(node.args.args) - len(node.args.defaults) :], *node.args.kwonlyargs]
        values = [*node.args.defaults, *node.args.kw_defaults]
        default = dict(zip((one.arg for one in arguments), values, strict=False)).get(given.arg or "")
        fits = any(isinstance(n, ast.Attribute) and n.attr in ("fit", "fit_transform") for n in ast.walk(node))
        return fits and forms.constant(given.value) is True and forms.constant(default) is False


_SPECIAL = frozenset({"get_dummies", "qcut", "cut", "add_constant", "drop", "concat"})


def _each(variable: str, turns: ast.expr, value: ast.expr, where: list[ast.expr]) -> ast.expr:
    run = ast.comprehension(ast.Name(variable, ast.Store()), turns, where, 0)
    return ast.fix_missing_locations(ast.DictComp(ast.Name(variable, ast.Load()), value, [run]))


def _tolerant(node: ast.Call) -> ast.Call:
    """`drop(columns=…)` of columns that a caller does not send."""
    node.keywords = [k for k in node.keywords if k.arg not in ("errors", "inplace")]
    node.keywords.append(ast.keyword("errors", ast.Constant("ignore")))
    return node


class _Names(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)


class _Tolerant(_Names):
    """In the cell's names, where the labels need not be among the columns."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        made = self.generic_visit(node)
        named = isinstance(made, ast.Call) and forms.called(made) == "drop" and isinstance(made.func, ast.Attribute)
        return _tolerant(made) if named and isinstance(made, ast.Call) and _drops_columns(made) else made


def _drops_columns(node: ast.Call) -> bool:
    across = forms.keyword(node, "columns") is not None or forms.across(node)
    return across or (len(node.args) > 1 and forms.constant(node.args[1]) in (1, "columns"))


def _about(node: ast.AST) -> bool:
    """`df.columns`, `len(df)`: of the frame that is there."""
    while isinstance(node, ast.Subscript | ast.Attribute | ast.Call):
        if isinstance(node, ast.Attribute) and node.attr in forms.ABOUT:
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "len":
            return True
        node = node.func if isinstance(node, ast.Call) else node.value
    return False


def _column(node: ast.AST) -> str:
    """The first column that an expression names, else its variable."""
    for one in ast.walk(node):
        if isinstance(one, ast.Subscript) and isinstance(forms.constant(one.slice), str):
            return str(forms.constant(one.slice))
        if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name) and not isinstance(one.ctx, ast.Store):
            return one.attr if one.attr not in ("loc", "iloc", "values") else one.value.id
    return forms.root(node) or "kept"


def _named(node: ast.expr) -> str:
    """`age_median` of `df["age"].median()`."""
    calls = [one for one in ast.walk(node) if isinstance(one, ast.Call)]
    how = forms.called(calls[0]) if calls else "value"
    inner = calls[0].func.value if calls and isinstance(calls[0].func, ast.Attribute) else node
    return f"{_column(inner)}_{how}"


def _kind(made: ast.expr) -> str:
    """`encoder` of `LabelEncoder()`."""
    name = forms.called(made) if isinstance(made, ast.Call) else "transformer"
    words = re.findall(r"[A-Z][a-z]+", name)
    return words[-1].lower() if words else name.lower()
