"""Whether a cell that runs twice makes other values than one that runs once: names that it makes out of themselves.

Read from the syntax tree: each value is followed to the variables and columns that it comes from, and whether they were kept as
they are (`dropna`, a mask, a cast: done twice is done once) or made into something else (`* 2`, an unknown call).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence

Place = tuple[str, str | None]
"""A variable, and the part of it: a column's key; None is all of it."""
Flow = dict[Place, bool]
"""Where a value comes from, and whether it was made into something else on the way."""
Functions = Callable[[str], ast.FunctionDef | None]

# fmt: off
_KEEPING = frozenset({
    "abs", "astype", "bfill", "clip", "compute", "convert_dtypes", "copy", "drop", "drop_duplicates", "dropna", "ffill", "fillna",
    "filter", "fit", "head", "infer_objects", "lower", "lstrip", "nlargest", "nsmallest", "persist", "pipe", "query", "rename",
    "replace", "round", "rstrip", "set_index", "set_params", "sort_index", "sort_values", "squeeze", "strip", "tail", "title",
    "to_frame", "to_list", "to_numpy", "tolist", "unique", "upper", "where", "mask", "loc", "iloc",
})
_CASTING = frozenset({
    "to_datetime", "to_numeric", "to_timedelta", "get_dummies", "array", "asarray", "DataFrame", "Series", "csr_matrix", "abs",
    "round", "list", "tuple", "dict", "set", "sorted", "int", "float", "str", "bool", "deepcopy",
})
_SIZING = frozenset({"len", "range", "type", "isinstance", "print", "display", "enumerate", "zip"})
_GROWING = frozenset({"append", "appendleft", "extend", "insert", "partial_fit", "pop", "popleft", "remove"})
_VIEWS = frozenset({"values", "str", "dt", "cat", "T", "loc", "iloc", "at", "iat"})
# fmt: on
_DEEP = 4


def made_of_itself(tree: ast.AST | None, functions: Functions = lambda _: None) -> set[str]:
    """Names that a cell makes of their own former value, so that a second run makes another.

    Parameters
    ----------
    functions
        The definition of a function that the notebook has, or None.

    Examples
    --------
    >>> made_of_itself(ast.parse("X['a'] = X['a'] * 2"))
    {'X'}
    >>> made_of_itself(ast.parse("X['b'] = X['a'] * 2\\nX = X.dropna()"))
    set()
    """
    reader = _Reader(functions)
    reader.run(getattr(tree, "body", ()))
    return reader.changed


class _Reader:
    """Runs statements on flows in the place of values."""

    def __init__(self, functions: Functions, deep: int = 0) -> None:
        self.functions = functions
        self.deep = deep
        self.known: dict[Place, Flow] = {}
        self.changed: set[str] = set()
        self.returned: Flow = {}

    def run(self, statements: Iterable[ast.stmt]) -> None:
        for node in statements:
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    self._assign(target, node.value)
            elif isinstance(node, ast.AnnAssign) and node.value is not None:
                self._assign(node.target, node.value)
            elif isinstance(node, ast.AugAssign):
                self._augment(node)
            elif isinstance(node, ast.Expr):
                self._in_place(node.value)
            elif isinstance(node, ast.Return) and node.value is not None:
                self.returned |= self.flow(node.value)
            elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                self._inner(node)

    def _inner(self, node: ast.stmt) -> None:
        """The statements within one, as if each of them ran."""
        if isinstance(node, ast.For):
            self._store(node.target, {})
        for part in ("body", "orelse", "finalbody"):
            self.run(getattr(node, part, ()))
        for handler in getattr(node, "handlers", ()):
            self.run(handler.body)

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
                flows = [self.flow(part) for part in value.elts]
            else:
                flows = [self.flow(value)] * len(target.elts)
            for part, flow in zip(target.elts, flows, strict=True):
                self._store(part, flow)
        else:
            self._store(target, self.flow(value))

    def _augment(self, node: ast.AugAssign) -> None:
        flow = {**self.flow(node.target), **self.flow(node.value)}
        keeps = isinstance(node.op, ast.BitOr | ast.BitAnd)
        self._store(node.target, flow if keeps else _moved(flow))

    def _store(self, target: ast.expr, flow: Flow) -> None:
        if isinstance(target, ast.Starred | ast.Tuple | ast.List):
            for part in getattr(target, "elts", None) or [target.value]:  # type: ignore[union-attr]
                self._store(part, flow)
            return
        place = _place(target)
        if place is None:
            return
        if any(moved and one[0] == place[0] and _overlap(one[1], place[1]) for one, moved in flow.items()):
            self.changed.add(place[0])
        self.known[place] = flow

    def _in_place(self, node: ast.expr) -> None:
        self.flow(node)
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            return
        root = _root(node.func)
        inplace = any(word.arg == "inplace" and getattr(word.value, "value", False) for word in node.keywords)
        if root is None or ((root, None) in self.known and (root, None) not in self.known[root, None]):
            return  # made in this cell: it begins anew each time
        if node.func.attr in _GROWING or (inplace and any(self.flow(node).values())):
            self.changed.add(root)

    def flow(self, node: ast.AST | None) -> Flow:
        """Where the value of an expression comes from."""
        if node is None or isinstance(node, ast.Constant):
            return {}
        if isinstance(node, ast.Name):
            return self._read((node.id, None))
        if isinstance(node, ast.Subscript | ast.Attribute):
            return self._part(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.IfExp):
            return {**self.flow(node.body), **self.flow(node.orelse)}
        if isinstance(node, ast.List | ast.Tuple | ast.Set | ast.Dict | ast.Starred | ast.keyword):
            return self._all(ast.iter_child_nodes(node))
        if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp):
            return self._comprehension(node)
        flow = self._all(ast.iter_child_nodes(node))
        keeps = isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr | ast.BitAnd)
        return flow if keeps else _moved(flow)

    def _all(self, nodes: Iterable[ast.AST]) -> Flow:
        found: Flow = {}
        for node in nodes:
            for place, moved in self.flow(node).items():
                found[place] = found.get(place, False) or moved
        return found

    def _read(self, place: Place) -> Flow:
        if place in self.known:
            return self.known[place]
        whole = self.known.get((place[0], None))
        if whole is None:
            return {place: False}
        return {(name, place[1] if part is None else part): moved for (name, part), moved in whole.items()}

    def _part(self, node: ast.Subscript | ast.Attribute) -> Flow:
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            flow = self.flow(node.value)
            return _moved(flow) if node.slice.lower is not None else flow
        place = _place(node)
        if place is not None and place[1] is not None:
            return self._read(place)
        return self.flow(node.value)

    def _call(self, node: ast.Call) -> Flow:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        own = self.functions(name) if isinstance(node.func, ast.Name) else None
        if own is not None and self.deep < _DEEP:
            return self._of_function(own, node)
        if name in _SIZING:
            return {}
        if name in _CASTING and node.args:
            return self.flow(node.args[0])
        if isinstance(node.func, ast.Attribute):
            grouped = self._grouped(node)
            if grouped is not None:
                return grouped
            if name == "assign":
                return self._assigned(node, node.func)
            if name == "apply" and node.args and isinstance(node.args[0], ast.Lambda):
                return _moved(self._by_row(node.func.value, node.args[0]))
            if name in _KEEPING or (name == "reset_index" and any(one.arg == "drop" for one in node.keywords)):
                return self.flow(node.func.value)
            return _moved(self._all((node.func.value, *node.args, *node.keywords)))
        return _moved(self._all((*node.args, *node.keywords)))

    def _of_function(self, own: ast.FunctionDef, node: ast.Call) -> Flow:
        """What a function of the notebook returns; what it changes of its arguments and globals is changed here."""
        inner = _Reader(self.functions, self.deep + 1)
        inner.run(own.body)
        given = dict(zip((one.arg for one in (*own.args.posonlyargs, *own.args.args)), node.args, strict=False))
        given |= {word.arg: word.value for word in node.keywords if word.arg}
        self.changed |= {root for name in inner.changed if (root := _root(given[name]) if name in given else name)}
        found: Flow = {}
        for (name, part), moved in inner.returned.items():
            flow = self.flow(given[name]) if name in given else {(name, part): False}
            for (root, known), was in flow.items():
                place = (root, part if known is None else known)
                found[place] = found.get(place, False) or moved or was
        return found

    def _assigned(self, node: ast.Call, function: ast.Attribute) -> Flow:
        """`frame.assign(b=…)`: the frame kept, unless a column is made of itself."""
        found = self.flow(function.value)
        for word in node.keywords:
            made = (
                self._by_row(function.value, word.value)
                if isinstance(word.value, ast.Lambda)
                else self.flow(word.value)
            )
            key = _key(ast.Constant(word.arg))
            for place, moved in made.items():
                if moved and _overlap(place[1], key):
                    found[place[0], None] = True
        return found

    def _by_row(self, frame: ast.expr, function: ast.Lambda) -> Flow:
        """A lambda on a frame or its rows: the columns that it names, where it names them."""
        inner = _Reader(self.functions, self.deep)
        inner.known = dict(self.known)
        for parameter in function.args.args[:1]:
            inner.known[parameter.arg, None] = self.flow(frame)
        return inner.flow(function.body)

    def _grouped(self, node: ast.Call) -> Flow | None:
        """`frame.groupby('a')['b'].mean()`: the columns that it names."""
        inner: ast.AST = node
        names: list[str] = []
        while isinstance(inner, ast.Call | ast.Attribute | ast.Subscript):
            parts: Sequence[ast.AST] = (
                (*inner.args, *inner.keywords)
                if isinstance(inner, ast.Call)
                else [getattr(inner, "slice", inner.value)]
            )
            names += [
                one.value
                for part in parts
                if not isinstance(part, ast.Call | ast.Attribute | ast.Name)
                for one in ast.walk(part)
                if isinstance(one, ast.Constant) and isinstance(one.value, str)
            ]
            if isinstance(inner, ast.Attribute) and inner.attr == "groupby" and isinstance(inner.value, ast.Name):
                return {(inner.value.id, _key(ast.Constant(name))): True for name in names}
            inner = inner.func if isinstance(inner, ast.Call) else inner.value
        return None

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Flow:
        inner = _Reader(self.functions, self.deep)
        inner.known = dict(self.known)
        for generator in node.generators:
            for name in ast.walk(generator.target):
                if isinstance(name, ast.Name):
                    inner.known[name.id, None] = self.flow(generator.iter)
        return inner.flow(node.elt)


def _moved(flow: Flow) -> Flow:
    return dict.fromkeys(flow, True)


def _overlap(one: str | None, other: str | None) -> bool:
    return one is None or other is None or one == other


def _place(node: ast.AST) -> Place | None:
    """The variable and the part of it that an expression names; of a mask, a position or a method all of it."""
    if isinstance(node, ast.Name):
        return node.id, None
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return node.value.id, None if node.attr in _VIEWS else _key(ast.Constant(node.attr))
    if isinstance(node, ast.Subscript):
        key = node.slice.elts[-1] if isinstance(node.slice, ast.Tuple) and node.slice.elts else node.slice
        root = _root(node)
        plain = isinstance(key, ast.Constant | ast.List | ast.Name | ast.JoinedStr)
        near = isinstance(node.value, ast.Name) or (isinstance(node.value, ast.Attribute) and node.value.attr in _VIEWS)
        return (root, _key(key) if plain and near else None) if root else None
    root = _root(node)
    return (root, None) if root else None


def _key(node: ast.AST) -> str:
    return ast.dump(node)


def _root(node: ast.AST | None) -> str | None:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None
