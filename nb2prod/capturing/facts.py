"""What one executed cell did, from its syntax tree: names read, bound and changed, `.fit` calls, calls of functions."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from nb2prod.capturing.source import code, parse

FITTING = frozenset({"fit", "fit_transform", "fit_predict", "fit_resample", "partial_fit"})

CHANGING = FITTING | frozenset(
    {
        "append",
        "extend",
        "insert",
        "pop",
        "update",
        "add",
        "remove",
        "clear",
        "sort",
        "setdefault",
        "set_params",
        "setInputCol",
    }
)

_CONDITIONAL = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.Match)

_BUILTINS = frozenset(dir(builtins)) | {"get_ipython", "display", "In", "Out", "exit", "quit"}


@dataclass(frozen=True)
class FitCall:
    """A call of `.fit` or its kin: what was fitted and on what, as the cell wrote it."""

    execution: int
    line: int
    receiver: str
    assigned: str | None
    method: str
    data: str | None
    labels: str | None
    arms: tuple[tuple[int, int], ...] = ()
    """The branching statements around it, outermost first: the line of each, and which of its branches this is."""

    @property
    def root(self) -> str:
        """The variable that the receiver begins with (`grid` of `grid.best_estimator_.fit(X)`)."""
        return re.split(r"[^\w]", self.receiver, maxsplit=1)[0]

    def fits(self, name: str) -> bool:
        """Whether this call fitted the variable `name`."""
        return name in (self.receiver, self.assigned)

    def instead_of(self, other: FitCall) -> bool:
        """Whether the two stand in different branches of one statement, so that only one of them ran."""
        mine, theirs = dict(self.arms), dict(other.arms)
        return any(mine[line] != theirs[line] for line in mine.keys() & theirs.keys())


@dataclass(frozen=True)
class Use:
    """A call of a name or of a method (`scorer.score`), with its arguments as written, those given by name in `named`."""

    execution: int
    line: int
    function: str
    arguments: tuple[str, ...]
    assigned: str | None = None
    named: tuple[tuple[str, str], ...] = ()


@dataclass
class Facts:
    """One executed cell: names it read before binding them, names it bound, changed in place, deleted, and defined."""

    execution: int
    source: str
    reads: set[str] = field(default_factory=set)
    later: set[str] = field(default_factory=set)
    writes: set[str] = field(default_factory=set)
    changes: set[str] = field(default_factory=set)
    deletes: set[str] = field(default_factory=set)
    definitions: dict[str, str] = field(default_factory=dict)
    functions: set[str] = field(default_factory=set)
    imports: dict[str, str] = field(default_factory=dict)
    fits: list[FitCall] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    tree: ast.Module | None = None

    def function(self, name: str) -> ast.FunctionDef | None:
        """The definition of a function of this cell."""
        nodes = ast.walk(self.tree) if self.tree else ()
        return next((node for node in nodes if isinstance(node, ast.FunctionDef) and node.name == name), None)


def facts(execution: int, source: str) -> Facts:
    """Read one cell."""
    found = Facts(execution=execution, source=source, tree=parse(source))
    if found.tree is not None:
        _Reader(found).visit(found.tree)
    return found


def of_statement(number: int, node: ast.stmt) -> Facts:
    """What one statement of a cell did. What it binds only on a condition, or in a loop, it changes: it may leave it."""
    tree = ast.Module(body=[node], type_ignores=[])
    found = Facts(execution=number, source="", tree=tree)
    _Reader(found).visit(tree)
    if isinstance(node, _CONDITIONAL):
        found.changes |= found.writes
        found.writes.clear()
    return found


def free_names(node: ast.AST) -> set[str]:
    """Names that a function, lambda or class body takes from outside itself."""
    return _free(node) - _BUILTINS


class _Reader(ast.NodeVisitor):
    """Walks a cell in the order in which it runs."""

    def __init__(self, found: Facts) -> None:
        self.found = found
        self.scopes: list[set[str]] = []
        self.assigned: str | None = None
        self.arms: list[tuple[int, int]] = []

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        self._branches(node, (node.body, node.orelse))

    def visit_Try(self, node: ast.Try) -> None:
        self._branches(node, ([*node.body, *node.orelse], *([handler] for handler in node.handlers)))
        for part in node.finalbody:
            self.visit(part)

    def visit_Match(self, node: ast.Match) -> None:
        self.visit(node.subject)
        self._branches(node, [[case] for case in node.cases])

    def _branches(self, node: ast.stmt, branches: Iterable[Sequence[ast.AST]]) -> None:
        for number, parts in enumerate(branches):
            self.arms.append((node.lineno, number))
            for part in parts:
                self.visit(part)
            self.arms.pop()

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self._bind(node.id)
        elif isinstance(node.ctx, ast.Del):
            self.found.deletes.add(node.id)
            self.found.writes.discard(node.id)
        else:
            self._read(node.id)

    def visit_Assign(self, node: ast.Assign) -> None:
        only = node.targets[0]
        self.assigned = only.id if isinstance(only, ast.Name) else None
        self.visit(node.value)
        self.assigned = None
        for target in node.targets:
            self._target(target)
        if isinstance(only, ast.Name) and not self.scopes:
            self.found.definitions[only.id] = ast.dump(node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)
        self._target(node.target)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.visit(node.value)
        if isinstance(node.target, ast.Name):
            self._read(node.target.id)
            self._change(node.target.id)
        else:
            self._target(node.target)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self._target(node.target)
        for part in (*node.body, *node.orelse):
            self.visit(part)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self._bind(node.target.id)

    def visit_Import(self, node: ast.Import) -> None:
        for name in node.names:
            bound = name.asname or name.name.split(".")[0]
            self._bind(bound)
            self.found.imports[bound] = name.name if name.asname else bound

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for name in node.names:
            self._bind(name.asname or name.name)
            self.found.imports[name.asname or name.name] = f"{'.' * node.level}{node.module or ''}.{name.name}"

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for part in (*node.decorator_list, *node.args.defaults, *(d for d in node.args.kw_defaults if d)):
            self.visit(part)
        self._defined(node.name, node)
        self.found.later |= free_names(node) - {node.name}

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in (*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)):
            self.visit(part)
        self._defined(node.name, node)
        self.found.later |= free_names(node) - {node.name}

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.found.later |= free_names(node) - set().union(*self.scopes, set())

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> None:
        self._comprehension(node.generators, [node.elt])

    visit_SetComp = visit_ListComp
    visit_GeneratorExp = visit_ListComp

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._comprehension(node.generators, [node.key, node.value])

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute):
            root = _root(node.func)
            inplace = any(
                k.arg == "inplace" and isinstance(k.value, ast.Constant) and k.value.value for k in node.keywords
            )
            if root and (node.func.attr in CHANGING or inplace):
                self._change(root)
            if node.func.attr in FITTING:
                self.found.fits.append(self._fit(node, node.func))
        if isinstance(node.func, ast.Name | ast.Attribute):
            arguments = tuple(ast.unparse(argument) for argument in node.args)
            named = tuple((one.arg, ast.unparse(one.value)) for one in node.keywords if one.arg)
            function = ast.unparse(node.func)
            use = Use(self.found.execution, node.lineno, function, arguments, self.assigned, named)
            self.found.uses.append(use)
        self.generic_visit(node)

    def _fit(self, node: ast.Call, function: ast.Attribute) -> FitCall:
        named = {keyword.arg: keyword.value for keyword in node.keywords}
        data = node.args[0] if node.args else named.get("X")
        labels = node.args[1] if len(node.args) > 1 else named.get("y")
        return FitCall(
            execution=self.found.execution,
            line=node.lineno,
            receiver=ast.unparse(function.value),
            assigned=self.assigned if function.attr in ("fit", "partial_fit") else None,
            method=function.attr,
            data=ast.unparse(data) if data is not None else None,
            labels=ast.unparse(labels) if labels is not None and not _is_none(labels) else None,
            arms=tuple(self.arms),
        )

    def _comprehension(self, generators: list[ast.comprehension], results: list[ast.expr]) -> None:
        self.scopes.append(set())
        for generator in generators:
            self.visit(generator.iter)
            for name in ast.walk(generator.target):
                if isinstance(name, ast.Name):
                    self.scopes[-1].add(name.id)
            for condition in generator.ifs:
                self.visit(condition)
        for result in results:
            self.visit(result)
        self.scopes.pop()

    def _target(self, node: ast.expr) -> None:
        if isinstance(node, ast.Tuple | ast.List):
            for part in node.elts:
                self._target(part)
        elif isinstance(node, ast.Starred):
            self._target(node.value)
        elif isinstance(node, ast.Name):
            self._bind(node.id)
        else:
            root = _root(node)
            if root:
                self._read(root)
                self._change(root)
            self.generic_visit(node)

    def _defined(self, name: str, node: ast.AST) -> None:
        self._bind(name)
        self.found.definitions[name] = code(node)
        self.found.functions.add(name)

    def _bind(self, name: str) -> None:
        if not any(name in scope for scope in self.scopes):
            self.found.writes.add(name)

    def _change(self, name: str) -> None:
        if not any(name in scope for scope in self.scopes):
            self.found.changes.add(name)

    def _read(self, name: str) -> None:
        if name not in self.found.writes and name not in _BUILTINS and not any(name in scope for scope in self.scopes):
            self.found.reads.add(name)


def _free(node: ast.AST) -> set[str]:
    """Loads in `node`'s own scope and below that no scope in between binds."""
    bound: set[str] = set()
    loads: set[str] = set()
    inner: set[str] = set()
    shared: set[str] = set()
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        bound |= {a.arg for a in every} | {a.arg for a in (arguments.vararg, arguments.kwarg) if a}
    body = node.body if isinstance(node.body, list) else [node.body]  # type: ignore[attr-defined]
    left: list[ast.AST] = list(body)
    while left:
        part = left.pop()
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            inner |= _free(part)
            if not isinstance(part, ast.Lambda):
                bound.add(part.name)
                left += part.decorator_list
            if isinstance(part, ast.ClassDef):
                left += part.bases
            else:
                left += part.args.defaults
            continue
        if isinstance(part, ast.Name):
            (loads if isinstance(part.ctx, ast.Load) else bound).add(part.id)
        elif isinstance(part, ast.Import | ast.ImportFrom):
            bound |= {(name.asname or name.name).split(".")[0] for name in part.names}
        elif isinstance(part, ast.Global):
            shared |= set(part.names)
        elif isinstance(part, ast.ExceptHandler) and part.name:
            bound.add(part.name)
        left += ast.iter_child_nodes(part)
    if isinstance(node, ast.ClassDef):
        return (loads - bound) | inner
    return ((loads | inner) - bound) | (shared & loads)


def _root(node: ast.AST) -> str | None:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
