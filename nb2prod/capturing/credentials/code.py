"""Texts that code spells out, each with the names that it is given to."""

from __future__ import annotations

import ast
import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass

# what these give is looked up at run time; their arguments are names of places
_LOOKED_UP = re.compile(
    r"(?i)(get|environ|input|prompt|read|load|fetch|resolve|lookup|find|ask|select|drop|rename|column|col|hasattr|isin)"
)
_LOGGING_IN = re.compile(
    r"(?i)(log_?in|sign_?in|logon|authenticate|connect|basic_?auth(entication)?|credentials?|bind(_s)?)$"
)
_SIGNING_IN = re.compile(r"(?i)(log_?in|sign_?in|logon|authenticate|basic_?auth(entication)?|bind_s)$")
_NAMES = frozenset(
    {"name", "scope", "key_name", "secret_name", "secret_id", "username", "user", "service", "help", "description"}
)


@dataclass(frozen=True)
class Spelled:
    """A text in code. `pair` says that name and value were written as such: an assignment, an argument, a key."""

    text: str
    node: ast.AST
    names: tuple[str, ...] = ()
    pair: bool = True


def texts(tree: ast.AST) -> Iterator[Spelled]:
    """Every text of a piece of code, parts that are joined taken together.

    Examples
    --------
    >>> [(one.text, one.names) for one in texts(ast.parse("client(token='abc' + 'def')"))]
    [('abcdef', ('token',))]
    """
    reader = _Reader()
    reader.read(tree, (), pair=True)
    yield from reader.found


class _Reader:
    def __init__(self) -> None:
        self.found: list[Spelled] = []

    def read(self, node: ast.AST | None, names: tuple[str, ...], *, pair: bool) -> None:
        """Walk down with the names that a value is given to; a call between name and value makes the pair a loose one."""
        if node is None:
            return
        text = _text(node)
        if text is not None:
            self.found.append(Spelled(text, node, names, pair))
            return
        handler = getattr(self, f"_of_{type(node).__name__.lower()}", None)
        if handler is not None:
            handler(node, names, pair)
            return
        for child in ast.iter_child_nodes(node):
            self.read(child, names if isinstance(node, _CARRYING) else (), pair=pair)

    def _of_assign(self, node: ast.Assign, names: tuple[str, ...], pair: bool) -> None:
        targets = node.targets
        if len(targets) == 1 and isinstance(targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
            for target, value in zip(targets[0].elts, node.value.elts, strict=False):
                self.read(value, _named(target), pair=True)
            return
        self.read(node.value, tuple(name for target in targets for name in _named(target)), pair=True)

    def _of_annassign(self, node: ast.AnnAssign, names: tuple[str, ...], pair: bool) -> None:
        self.read(node.value, _named(node.target), pair=True)

    def _of_augassign(self, node: ast.AugAssign, names: tuple[str, ...], pair: bool) -> None:
        self.read(node.value, _named(node.target), pair=True)

    def _of_namedexpr(self, node: ast.NamedExpr, names: tuple[str, ...], pair: bool) -> None:
        self.read(node.value, (node.target.id,), pair=True)

    def _of_dict(self, node: ast.Dict, names: tuple[str, ...], pair: bool) -> None:
        for key, value in zip(node.keys, node.values, strict=True):
            told = _text(key) if key is not None else None
            self.read(key, (), pair=False)
            self.read(value, (told,) if told else names, pair=True)

    def _of_compare(self, node: ast.Compare, names: tuple[str, ...], pair: bool) -> None:
        sides = [node.left, *node.comparators]
        told = tuple(name for side in sides for name in _named(side))
        for side in sides:
            self.read(side, told, pair=False)

    def _of_tuple(self, node: ast.Tuple | ast.List | ast.Set, names: tuple[str, ...], pair: bool) -> None:
        parts = [_text(part) for part in node.elts]
        for at, part in enumerate(node.elts):
            before = parts[at - 1] if at and len(parts) == 2 and isinstance(node, ast.Tuple) else None
            login = at == 1 and len(parts) == 2 and isinstance(node, ast.Tuple) and _is_login(names)
            if login:
                self.read(part, ("password",), pair=True)
            else:
                self.read(part, (*names, *((before,) if before else ())), pair=False)

    _of_list = _of_tuple
    _of_set = _of_tuple

    def _of_call(self, node: ast.Call, names: tuple[str, ...], pair: bool) -> None:
        called = _last(node.func)
        looked_up = bool(_LOOKED_UP.search(called))
        self.read(node.func, (), pair=False)
        before: str | None = None
        for argument in node.args:
            last = argument is node.args[-1] and len(node.args) > 1 and _LOGGING_IN.search(called)
            told = (*((before,) if before else ()), *(("password",) if last else ()))
            if not looked_up:
                told = (*told, called, *names)
            self.read(argument, told, pair=bool(last and _SIGNING_IN.search(called)))
            before = _text(argument)
        for keyword in node.keywords:
            inner = (keyword.arg,) if keyword.arg and keyword.arg not in _NAMES else ()
            self.read(keyword.value, inner, pair=not looked_up)

    def _of_functiondef(self, node: ast.FunctionDef | ast.AsyncFunctionDef, names: tuple[str, ...], pair: bool) -> None:
        for part in node.decorator_list:
            self.read(part, (), pair=False)
        self.read(node.args, (), pair=True)
        for line in node.body:
            self.read(line, (node.name,) if isinstance(line, ast.Return) else (), pair=False)

    _of_asyncfunctiondef = _of_functiondef

    def _of_arguments(self, node: ast.arguments, names: tuple[str, ...], pair: bool) -> None:
        given = [*node.posonlyargs, *node.args][-len(node.defaults) :] if node.defaults else []
        given_to: list[tuple[ast.arg, ast.expr | None]] = [
            *zip(given, node.defaults, strict=True),
            *zip(node.kwonlyargs, node.kw_defaults, strict=True),
        ]
        for argument, default in given_to:
            self.read(default, (argument.arg,), pair=True)

    def _of_subscript(self, node: ast.Subscript, names: tuple[str, ...], pair: bool) -> None:
        self.read(node.value, (), pair=False)
        self.read(node.slice, (), pair=False)


_CARRYING = (ast.BoolOp, ast.IfExp, ast.Lambda, ast.Return, ast.Await, ast.Starred, ast.BinOp, ast.Attribute)


def _is_login(names: tuple[str, ...]) -> bool:
    return any("auth" in name.lower() or "cred" in name.lower() for name in names)


def _text(node: ast.AST | None) -> str | None:
    """The text of a constant, of joined constants, and of an f-string with `{…}` for what it is filled with."""
    if isinstance(node, ast.Constant):
        return (
            node.value if isinstance(node.value, str) else _plain(node.value) if isinstance(node.value, bytes) else None
        )
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "{…}" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _text(node.left), _text(node.right)
        return left + right if left is not None and right is not None else None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return _called(node, node.func)
    return None


def _called(node: ast.Call, function: ast.Attribute) -> str | None:
    """What joins, encodes or turns a text around gives that text."""
    if function.attr in ("b64decode", "urlsafe_b64decode", "standard_b64decode") and node.args:
        return _from_base64(_text(node.args[0]))
    if function.attr in ("fromhex", "unhexlify") and node.args:
        return _from_hex(_text(node.args[0]))
    text = _text(function.value)
    if text is None:
        return None
    if function.attr in ("encode", "decode", "strip", "rstrip", "lstrip"):
        return text
    if function.attr == "join" and node.args and isinstance(node.args[0], ast.List | ast.Tuple):
        parts = [_text(part) for part in node.args[0].elts]
        return (
            text.join(part for part in parts if part is not None)
            if parts and all(p is not None for p in parts)
            else None
        )
    return None


def _from_hex(text: str | None) -> str | None:
    try:
        return bytes.fromhex(text).decode() if text else None
    except ValueError:
        return text


def _from_base64(text: str | None) -> str | None:
    try:
        return base64.b64decode(text, altchars=b"-_").decode() if text else None
    except ValueError:
        return text


def _plain(value: bytes) -> str:
    return value[:200_000].decode("latin-1")


def _named(target: ast.AST) -> tuple[str, ...]:
    """The names of a target: `password`, `self.password`, `config["db"]["password"]`."""
    if isinstance(target, ast.Name):
        return (target.id,)
    if isinstance(target, ast.Attribute):
        return (target.attr,)
    if isinstance(target, ast.Subscript):
        told = _text(target.slice)
        return (told,) if told else _named(target.value)
    if isinstance(target, ast.Tuple | ast.List):
        return tuple(name for part in target.elts for name in _named(part))
    return ()


def _last(function: ast.AST) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
