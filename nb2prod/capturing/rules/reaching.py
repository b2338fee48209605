"""Code that reaches for what a service does not have: the environment, files, hosts, `__main__`, a module that a cell changed."""

from __future__ import annotations

import ast
import os
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlsplit

from nb2prod.capturing import contents, reading
from nb2prod.capturing.rules.base import Case, Rule
from nb2prod.records.capture import Finding, Severity

# methods that run while a model is made, not while it answers
# fmt: off
_MAKING = frozenset({
    "__init__", "__new__", "__setstate__", "fit", "partial_fit", "fit_transform", "fit_predict", "fit_resample", "train",
})
_READERS = frozenset({
    "open", "read_csv", "read_parquet", "read_json", "read_excel", "read_pickle", "read_table", "read_feather", "read_text",
    "read_bytes", "loadtxt", "genfromtxt", "fromfile", "memmap", "load", "imread", "connect", "scan_csv", "scan_parquet",
})
# fmt: on
_FETCHERS = frozenset({"get", "post", "request", "urlopen", "urlretrieve"})


class EnvironmentVariable(Rule):
    code: ClassVar[str] = "environment-variable"
    severity: ClassVar[Severity] = "refuse"
    about: ClassVar[str] = "code that travels reads a variable of the environment that was not declared"
    fix: ClassVar[str] = "%deploy model --env NAME"

    def look(self, case: Case) -> Iterator[Finding]:
        for code in case.travelling:
            for node in served(code.tree):
                name = _variable(node, code.thing)
                if name is None or name in case.variables:
                    continue
                there = name in os.environ
                yield self.finding(
                    f"`{code.name}` reads the environment variable {name}",
                    where=code.place(node),
                    why="It is set here; the service runs elsewhere, without this environment, and would answer differently."
                    if there
                    else "It is not set here either, so the service answers as this kernel does, until someone sets it there.",
                    fix=f"%deploy {case.shown} --env {name}",
                    severity="refuse" if there else "note",
                )


class FileRead(Rule):
    code: ClassVar[str] = "absolute-path"
    severity: ClassVar[Severity] = "refuse"
    about: ClassVar[str] = "code that travels opens a file that only this machine has"
    fix: ClassVar[str] = "data = pd.read_csv(PATH) in a cell, then data in the function"
    absolute: ClassVar[bool] = True

    def look(self, case: Case) -> Iterator[Finding]:
        for code in case.travelling:
            for node in served(code.tree):
                path = _opened(node, code.thing)
                if path is None or "://" in path or Path(path).is_absolute() != self.absolute:
                    continue
                data = case.fresh("data")
                read = _read(node, code.tree, data, case.fresh)
                yield self.finding(
                    f"`{code.name}` opens a file that only this machine has",
                    where=f"{code.place(node)}:  {_line(node)}",
                    why="The service runs elsewhere and does not find it.",
                    fix=f"{read.code}\n# in a cell, and the value goes along. In {code.name}: {read.then}",
                    severity="refuse" if Path(path).expanduser().exists() else "warn",
                )


class RelativeFileRead(FileRead):
    code: ClassVar[str] = "file-read"
    about: ClassVar[str] = "code that travels opens a file by a relative path, beside this notebook"
    absolute: ClassVar[bool] = False


class NetworkUse(Rule):
    code: ClassVar[str] = "network"
    severity: ClassVar[Severity] = "refuse"
    about: ClassVar[str] = "code that travels reaches for a host that was not allowed"
    fix: ClassVar[str] = "%deploy model --allow-network HOST"

    def look(self, case: Case) -> Iterator[Finding]:
        for code in case.travelling:
            for node in served(code.tree):
                url = _opened(node, code.thing) or _fetched(node, code.thing)
                host = urlsplit(url).hostname if url and "://" in url else None
                if host is None or host in case.hosts:
                    continue
                yield self.finding(
                    f"`{code.name}` reaches for {host}",
                    where=code.place(node),
                    why="The replay has no network, since a service may run where that host is not.",
                    fix=f"%deploy {case.shown} --allow-network {host}",
                )


class MainDependent(Rule):
    code: ClassVar[str] = "main-dependent"
    severity: ClassVar[Severity] = "refuse"
    about: ClassVar[str] = "code that travels looks into `__main__`, which is another module in the service"
    fix: ClassVar[str] = "def predict(frame, *, needed=VALUE): ..."

    def look(self, case: Case) -> Iterator[Finding]:
        for code in case.travelling:
            for node in served(code.tree):
                if _of_main(node):
                    yield self.finding(
                        f"`{code.name}` looks into `__main__`",
                        where=code.place(node),
                        why="Here `__main__` is this notebook; in the service it is the server, which has none of its variables.",
                        fix=_by_name(code.tree, code.name) or _carried(code.name, isinstance(code.thing, type)),
                    )


def _by_name(tree: ast.AST, name: str) -> str | None:
    """A variable that is looked up in `__main__`: as a plain name it is a global, which goes along."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "__main__":
            return f"{node.attr}      # in {name}, in the place of __main__.{node.attr} and its import: a global goes along"
    return None


def _carried(name: str, is_class: bool) -> str:
    if is_class:
        return f"give `{name}` what it needs in __init__: an attribute travels with the model"
    return f"def {name}(frame, *, needed=VALUE): ...      # a default travels with the function"


class GlobalState(Rule):
    code: ClassVar[str] = "global-state"
    severity: ClassVar[Severity] = "refuse"
    about: ClassVar[str] = "a cell set an attribute of a module that the model's code comes from"
    fix: ClassVar[str] = "set it in the module's file, or pass it as an argument"

    def look(self, case: Case) -> Iterator[Finding]:
        used = {getattr(code.thing, "__module__", None) for code in case.travelling}
        used |= {held.value.__name__ for held in case.held if isinstance(held.value, types.ModuleType)}
        for cell in case.notebook.graph.cells:
            for node in ast.walk(cell.tree) if cell.tree else ():
                for target in _targets(node):
                    module = _module_of(target, case.notebook.namespace)
                    if module and module in used and contents.is_local_module(sys.modules[module]):
                        yield self.finding(
                            f"A cell changed `{ast.unparse(target)}`, which does not travel",
                            where=case.notebook.place(cell.execution, getattr(node, "lineno", None)),
                            why=f"The service imports {module} afresh, and there it has the value that its file says.",
                            fix=_set_in_file(node, target, module),
                        )


def _set_in_file(node: ast.AST, target: ast.expr, module: str) -> str:
    """The cell's own line in the module's file, where it needs nothing of the notebook."""
    file = Path(sys.modules[module].__file__ or f"{module}.py").name
    alone = isinstance(node, ast.Assign) and isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name)
    if not alone or any(isinstance(one, ast.Name) for one in ast.walk(node.value)):  # type: ignore[attr-defined]
        return f"set it in {file}, or make it an argument of the class or function that uses it"
    return f"{target.attr} = {_line(node.value)}      # in {file}, not in the cell; then Kernel, Restart and Run All"  # type: ignore[attr-defined]


def served(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a definition that run when it answers: methods that fit or construct are left out."""
    left: list[ast.AST] = [tree]
    while left:
        node = left.pop(0)
        yield node
        for child in ast.iter_child_nodes(node):
            making = isinstance(child, ast.FunctionDef) and child.name in _MAKING and isinstance(node, ast.ClassDef)
            if not making:
                left.append(child)


def _variable(node: ast.AST, thing: Any) -> str | None:
    if isinstance(node, ast.Subscript) and _is_environ(node.value) and isinstance(node.ctx, ast.Load):
        return _text(node.slice, thing)
    if isinstance(node, ast.Call) and node.args:
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        owner = function.value if isinstance(function, ast.Attribute) else None
        if name == "getenv" or (name in ("get", "pop", "setdefault") and owner is not None and _is_environ(owner)):
            return _text(node.args[0], thing)
    return None


def _is_environ(node: ast.AST) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr == "environ") or (
        isinstance(node, ast.Name) and node.id == "environ"
    )


def _opened(node: ast.AST, thing: Any) -> str | None:
    """The path of a call that reads a file, where the code states it; a call that writes is none."""
    if not isinstance(node, ast.Call):
        return None
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name not in _READERS:
        return None
    if isinstance(function, ast.Attribute) and name in ("open", "read_text", "read_bytes"):
        return _text(function.value, thing)
    if name == "open" and any(m in str(_text(a, thing)) for a in node.args[1:2] for m in "wax"):
        return None
    return _text(node.args[0], thing) if node.args else None


class _Read(NamedTuple):
    """The line that reads a file once, in a cell, and what stands in its place where it was read."""

    code: str
    then: str


def _read(node: ast.AST, tree: ast.AST, data: str, fresh: Callable[[str], str]) -> _Read:
    """What gives the content, not the open file, which cannot be saved: the call on it or with it, else all of its text."""
    assert isinstance(node, ast.Call)
    above = {id(child): parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}
    function = node.func
    called = getattr(function, "attr", getattr(function, "id", ""))
    if called == "connect" and (queried := _queried(node, tree)):
        return _Read(_set(data, queried[0]), f"{data} in the place of {_line(queried[1])}, and no connection")
    if called == "connect":
        lines = reading.whole(tree, ast.unparse(node), fresh)
        names = " and ".join(line.partition(" = ")[0] for line in lines.splitlines())
        return _Read(lines, f"look up in {names}, and no connection")
    if called != "open":
        return _Read(_set(data, node), f"{data} in the place of {_line(node)}")
    parent = above.get(id(node))
    user = above.get(id(parent)) if isinstance(parent, ast.Attribute) else parent
    if isinstance(user, ast.Call) and not isinstance(parent, ast.withitem):
        return _Read(_set(data, user), f"{data} in the place of {_line(user)}")
    binary = any("b" in str(part.value) for part in node.args[1:2] if isinstance(part, ast.Constant))
    kind = "BytesIO" if binary else "StringIO"
    content = ast.Call(ast.Attribute(node, "read", ast.Load()), [], [])
    return _Read(_set(data, content), f"io.{kind}({data}) in the place of {_line(node)}, with import io in a cell")


def _set(name: str, value: ast.expr) -> str:
    return f"{name} = {ast.unparse(value)}"


def _queried(node: ast.Call, tree: ast.AST) -> tuple[ast.expr, ast.expr] | None:
    """What is read through a connection that a function opens: as a cell reads it, and as it stands there."""
    functions = (one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef))
    inside = next((one for one in functions if any(part is node for part in ast.walk(one))), None)
    if inside is None:
        return None
    names = {name for one in ast.walk(inside) if (name := _named(one, node))}

    def is_named(one: ast.AST) -> bool:
        return isinstance(one, ast.Name) and one.id in names

    read = reading.reading(inside, is_named if names else lambda one: one is node)
    return (reading.replaced(read, is_named, node), reading.shown(read)) if read is not None else None


def _named(one: ast.AST, node: ast.Call) -> str | None:
    """The name that an assignment or a `with` gives the call's value."""
    if isinstance(one, ast.Assign) and one.value is node:
        return getattr(one.targets[0], "id", None)
    if isinstance(one, ast.withitem) and any(part is node for part in ast.walk(one.context_expr)):
        return getattr(one.optional_vars, "id", None)
    return None


def _fetched(node: ast.AST, thing: Any) -> str | None:
    if not isinstance(node, ast.Call) or not node.args:
        return None
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return _text(node.args[0], thing) if name in _FETCHERS else None


def _text(node: ast.AST, thing: Any) -> str | None:
    """The text that an expression states: a constant, a path of one, a global that holds one, the start of an f-string."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Call) and node.args and getattr(node.func, "id", getattr(node.func, "attr", "")) == "Path":
        return _text(node.args[0], thing)
    if isinstance(node, ast.Name):
        value = _globals(thing).get(node.id)
        return str(value) if isinstance(value, str | Path) else None
    if isinstance(node, ast.JoinedStr) and node.values:
        return _text(node.values[0], thing)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.Add):
        left, right = _text(node.left, thing), _text(node.right, thing)
        return (str(Path(left) / right) if isinstance(node.op, ast.Div) else left + right) if left and right else left
    return None


def _globals(thing: Any) -> dict[str, Any]:
    if isinstance(thing, types.FunctionType):
        return thing.__globals__
    for method in vars(thing).values() if isinstance(thing, type) else ():
        if isinstance(method, types.FunctionType):
            return method.__globals__
    return {}


def _of_main(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(name.name == "__main__" for name in node.names)
    if isinstance(node, ast.ImportFrom):
        return node.module == "__main__"
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id == "get_ipython"
    return (
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "modules"
        and isinstance(node.slice, ast.Constant)
        and node.slice.value == "__main__"
    )


def _targets(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Assign):
        return [target for target in node.targets if isinstance(target, ast.Attribute | ast.Subscript)]
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Attribute | ast.Subscript):
        return [node.target]
    return []


def _module_of(target: ast.AST, namespace: Any) -> str | None:
    """The module whose state a target is: `delayutils.LIMIT`, or an attribute of a class or function imported from it."""
    while isinstance(target, ast.Attribute | ast.Subscript):
        target = target.value
    value = namespace.get(target.id) if isinstance(target, ast.Name) else None
    name = getattr(value, "__name__" if isinstance(value, types.ModuleType) else "__module__", None)
    known = isinstance(value, types.ModuleType | type | types.FunctionType) and name in sys.modules
    return str(name) if known else None


def _line(node: ast.AST) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 80 else text[:77] + "…"
