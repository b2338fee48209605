"""The parameters of functions and classes that code defines: they name what a call passes by position."""

from __future__ import annotations

import ast

from nb2prod.capturing.credentials import folding


def of(tree: ast.AST) -> dict[str, tuple[str, ...]]:
    """The parameters of each function, class and named tuple, by its name.

    Examples
    --------
    >>> of(ast.parse("def connect(host, password): ..."))
    {'connect': ('host', 'password')}
    """
    found: dict[str, tuple[str, ...]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.setdefault(node.name, _arguments(node.args))
        elif isinstance(node, ast.ClassDef):
            found[node.name] = _of_class(node)
        elif (
            isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and isinstance(node.targets[0], ast.Name)
        ):
            fields = _fields(node.value)
            if fields:
                found[node.targets[0].id] = fields
    return {name: asked for name, asked in found.items() if asked}


def _arguments(given: ast.arguments) -> tuple[str, ...]:
    asked = tuple(one.arg for one in (*given.posonlyargs, *given.args))
    return asked[1:] if asked[:1] in (("self",), ("cls",)) else asked


def _of_class(node: ast.ClassDef) -> tuple[str, ...]:
    """What its `__init__` asks, else its annotated fields, as dataclasses, named tuples and settings have them."""
    for part in node.body:
        if isinstance(part, ast.FunctionDef) and part.name == "__init__":
            return _arguments(part.args)
    return tuple(
        part.target.id for part in node.body if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
    )


def _fields(call: ast.Call) -> tuple[str, ...]:
    """`namedtuple("Login", "user password")` and `make_dataclass("Login", ["user", "password"])`."""
    called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if called not in ("namedtuple", "NamedTuple", "make_dataclass") or len(call.args) < 2:
        return ()
    fields = folding.fold(call.args[1], {})
    if isinstance(fields, str):
        return tuple(fields.replace(",", " ").split())
    if not isinstance(fields, list):
        return ()
    return tuple(str(one[0] if isinstance(one, list) else one) for one in fields if one)
