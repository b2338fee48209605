"""A cell's text as Python: magics blanked out, parsed, compared without its layout."""

from __future__ import annotations

import ast
import functools
import hashlib
import re

_PYTHON_MAGICS = frozenset({"time", "timeit", "capture", "prun", "deploy", "memit", "mprun", "snakeviz"})

_DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

_MAGIC_LINE = re.compile(r"^(\s*)(?:[%!?].*|[\w.,\s]+=\s*[%!].*|.*[^\s#]\?{1,2}\s*)$")

_ASSIGNED_MAGIC = re.compile(r"^(\s*)([A-Za-z_][\w.,\s]*?)=\s*[%!].*$")


def python_source(source: str) -> str:
    """A cell's Python with its magics blanked out, line numbers kept; an unknown cell magic leaves nothing."""
    lines = source.split("\n")
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    head = lines[first].strip() if lines else ""
    if head.startswith("%%"):
        if (head[2:].split() or [""])[0] not in _PYTHON_MAGICS:
            return ""
        lines[first] = ""
    return "\n".join(_without_magic(line) for line in lines)


def parse(source: str) -> ast.Module | None:
    """The syntax tree of a cell, or None where it is no Python."""
    plain = source if _parses(source) else python_source(source)
    try:
        return ast.parse(plain)
    except (SyntaxError, ValueError):
        return None


@functools.lru_cache(maxsize=4096)
def normal(source: str) -> str:
    """A cell's code without comments and layout: what two cells are compared by."""
    tree = parse(source)
    return ast.dump(tree) if tree is not None else " ".join(source.split())


def code(node: ast.AST) -> str:
    """A statement's code without comments, layout and docstrings: what two statements are compared by."""
    documented = [one for one in ast.walk(node) if _has_docstring(one)]
    if not documented:
        return ast.dump(node)
    kept = [(one, one.body) for one in documented if isinstance(one, _DOCUMENTED)]
    for one, body in kept:
        one.body = body[1:]
    try:
        return ast.dump(node)
    finally:
        for one, body in kept:
            one.body = body


def statements(tree: ast.Module | None) -> list[ast.stmt]:
    """The statements of a cell, an import of several names as one for each."""
    return [one for node in (tree.body if tree else ()) for one in _single(node)]


def digest(source: str) -> str:
    """SHA-256 of a cell's code, layout aside."""
    return hashlib.sha256(normal(source).encode()).hexdigest()


def _has_docstring(node: ast.AST) -> bool:
    return isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None


def _single(node: ast.stmt) -> list[ast.stmt]:
    if isinstance(node, ast.Import):
        return [ast.copy_location(ast.Import(names=[name]), node) for name in node.names]
    if isinstance(node, ast.ImportFrom):
        module, level = node.module, node.level
        return [ast.copy_location(ast.ImportFrom(module=module, names=[n], level=level), node) for n in node.names]
    return [node]


def _parses(source: str) -> bool:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError):
        return False
    return True


def _without_magic(line: str) -> str:
    assigned = _ASSIGNED_MAGIC.match(line)
    if assigned:
        return f"{assigned[1]}{assigned[2].strip()} = None"
    magic = _MAGIC_LINE.match(line)
    return f"{magic[1]}pass" if magic and not line.lstrip().startswith("#") else line
