"""The imports in code that travels, inside functions too: from source by its syntax tree, from a function by its bytecode."""

from __future__ import annotations

import ast
import dis
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType


@dataclass(frozen=True)
class Import:
    """`import module`, or `from module import names`; relative ones are made absolute."""

    module: str
    names: tuple[str, ...] = ()


def of_source(source: str | bytes, module: str = "", *, package: bool = False) -> list[Import]:
    """Every import in a source text, wherever it stands; ``importlib.import_module("…")`` with a plain string too.

    Parameters
    ----------
    module
        The module's own name, from which relative imports start.
    package
        Whether it is a package's ``__init__``.

    Examples
    --------
    >>> of_source("def f():\\n    from . import b", "pkg.a")
    [Import(module='pkg', names=('b',))]
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    base = module if package else module.rpartition(".")[0]
    return [found for node in _walk(tree) for found in _of_node(node, base)]


def of_code(code: CodeType, package: str = "") -> list[Import]:
    """Every import in a code object and the ones inside it."""
    found = []
    todo = [code]
    while todo:
        current = todo.pop()
        todo += [constant for constant in current.co_consts if isinstance(constant, CodeType)]
        before: list[object] = []
        for step in dis.get_instructions(current):
            if step.opname == "IMPORT_NAME":
                level, names = (before[-2], before[-1]) if len(before) > 1 else (0, None)
                depth = level if isinstance(level, int) else 0
                listed = tuple(map(str, names)) if isinstance(names, tuple) else ()
                found.append(Import(absolute(str(step.argval), depth, package), listed))
            if step.opname in ("LOAD_CONST", "LOAD_SMALL_INT"):
                before.append(step.argval)
    return found


def absolute(name: str, level: int, package: str) -> str:
    """`name` as seen from `package`, `level` dots up."""
    if not level:
        return name
    parts = package.split(".")
    base = ".".join(parts[: len(parts) - level + 1])
    return ".".join(filter(None, (base, name)))


def strings(source: str | bytes) -> set[str]:
    """Every plain string in a source text that could be a file's name."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return set()
    values = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return {value for value in values if 0 < len(value) < 256 and "\n" not in value}


def _walk(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node that can run in a service: not what only a type checker or a script reads."""
    todo = [tree]
    while todo:
        node = todo.pop(0)
        yield node
        children = list(ast.iter_child_nodes(node))
        if isinstance(node, ast.If) and _never(node.test):
            children = list(node.orelse)
        todo += children


def _never(test: ast.expr) -> bool:
    if isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__":
        return isinstance(test.comparators[0], ast.Constant) and test.comparators[0].value == "__main__"
    return (test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")) == "TYPE_CHECKING"


def _of_node(node: ast.AST, package: str) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield Import(absolute(node.module or "", node.level, package), tuple(alias.name for alias in node.names))
    elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        value = node.args[0].value
        if name in ("import_module", "__import__") and isinstance(value, str) and not value.startswith("."):
            yield Import(value)
