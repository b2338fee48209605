"""How an object leaves behind what belongs to this process: lines for its class, which make it again where it is needed."""

from __future__ import annotations

import ast
import functools
import inspect
import io
import re
import sqlite3
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nb2prod.capturing import contents, reading
from nb2prod.capturing.contents import Held

_ASKED = ("predict", "predict_proba", "decision_function", "transform", "score_samples", "__call__")
_MAKING = frozenset({"__init__", "__del__", "__enter__", "__exit__", "__getstate__", "__setstate__", "close"})
_MAKING_TOO = frozenset({"fit", "partial_fit", "fit_transform", "fit_predict"})
_MOST = 64_000_000

Tree = Callable[[type], tuple[ast.AST, str] | None]
"""A class's definition and the cell or file that it stands in."""


def lines(held: Held, tree: Tree, namespace: Mapping[str, Any], made: ast.expr | None = None) -> str | None:
    """The methods that leave it behind, and where to put them; None where the class is none of the notebook's.

    Parameters
    ----------
    made
        The expression that a cell made it by, where it was handed to the object.
    """
    cls = type(held.owner)
    if not held.attribute.isidentifier() or not (contents.travels(cls) or contents.is_local(cls)):
        return None
    defined = tree(cls)
    case = _Left(held, cls, defined[0] if defined else None, namespace, made)
    place = f"class {cls.__qualname__.rpartition('.')[2]}" + (f" ({_short(defined[1])})" if defined else "")
    return case.written(place)


@dataclass(frozen=True)
class _Left:
    """An attribute, the class whose code uses it, and the expression that made it."""

    held: Held
    cls: type
    tree: ast.AST | None
    namespace: Mapping[str, Any]
    made: ast.expr | None

    @property
    def attribute(self) -> str:
        return self.held.attribute

    def written(self, place: str) -> str:
        name = self.attribute
        if "__dict__" not in dir(self.held.owner):
            return f"{self._slotted()}\n# in {place}; then run what makes the model again, and %deploy again"
        users = self._users()
        left = f"def __getstate__(self): return {{**self.__dict__, {name!r}: None}}"
        after = f"# in {place}; then run it and the cells that make the model again, and %deploy again"
        if not users:
            return f"{left}\n{after}"
        if isinstance(self.held.value, types.GeneratorType):
            return self._listed(place)
        if self._readable() and (read := self._read(users)) is not None:
            return f"{read}\n{left}\n{after}"
        if type(self.held.value) is sqlite3.Connection and _size(self.held.value) < _MOST:
            return f"{self._carried()}\n{after}: the whole database goes along with the model"
        if _is_file_for_reading(self.held.value):
            return f"{self._copied()}\n{after}: what the file holds goes along with the model"
        again, first = self._again()
        if again is None:
            return f"{left}\n# in {place}, and make self.{name} anew in {users[0]}: nothing tells how it was made"
        back = f"def __setstate__(self, state): self.__dict__.update(state); self.{name} = {again}"
        return "\n".join((*first, left, back, after))

    def _slotted(self) -> str:
        rest = f"{{n: None if n == {self.attribute!r} else getattr(self, n) for n in self.__slots__}}"
        return f"def __getstate__(self): return None, {rest}"

    def _listed(self, place: str) -> str:
        """A generator that the model goes through: its items, which can be saved."""
        made = self._assigned()
        items = f"list({ast.unparse(made) if made is not None else f'self.{self.attribute}'})"
        text = f"self.{self.attribute} = {f'iter({items})' if self._steps() else items}"
        return (
            f"{text}\n# in {place}, where self.{self.attribute} is set: a list travels with the model. "
            "Then run it and the cells that make the model again, and %deploy again"
        )

    def _steps(self) -> bool:
        """Whether items are taken one by one with `next`."""
        calls = (node for node in ast.walk(self.tree) if isinstance(node, ast.Call)) if self.tree else ()
        return any(getattr(call.func, "id", "") == "next" and any(map(self._is_it, call.args)) for call in calls)

    def _carried(self) -> str:
        name = self.attribute
        module = _known("sqlite3", sqlite3, self.namespace)
        return (
            f"def __getstate__(self): return {{**self.__dict__, {name!r}: self.{name}.serialize()}}\n"
            f"def __setstate__(self, state): self.__dict__.update(state); "
            f"self.{name} = {module}.connect(':memory:', check_same_thread=False); "
            f"self.{name}.deserialize(state[{name!r}])"
        )

    def _copied(self) -> str:
        """A file that is read: its content, which can be read as it was."""
        name, module = self.attribute, _known("io", io, self.namespace)
        text = isinstance(self.held.value, io.TextIOBase)
        opened = f"open(self.{name}.name, encoding=self.{name}.encoding)" if text else f"open(self.{name}.name, 'rb')"
        content = f"{module}.{'StringIO' if text else 'BytesIO'}({opened}.read())"
        return f"def __getstate__(self): return {{**self.__dict__, {name!r}: {content}}}"

    def _readable(self) -> bool:
        """Whether it reads what lies on this machine."""
        value = self.held.value
        return contents.kind(value) in LOCAL or _is_file_for_reading(value)

    def _read(self, users: list[str]) -> str | None:
        """The value that a method reads through it, read once while the model is made."""
        method, start = self._method(users[0]), self._method("fit") or self._method("__init__")
        if len(users) > 1 or method is None or start is None:
            return None
        read = reading.reading(method, self._is_it)
        if read is None:
            return None
        once = f"self.{self.attribute.rstrip('_')}_read_"
        at = f"as the first line of {start.name}" if start.name == "fit" else f"as the last line of {start.name}"
        used = ast.unparse(reading.shown(read))
        return f"{once} = {ast.unparse(read)}\n# {at}, and in {users[0]} {once} in the place of {used}"

    def _again(self) -> tuple[str | None, list[str]]:
        """The expression that makes it where the model is loaded, and the lines that keep what it needs."""
        made = self._assigned()
        if made is not None:
            init = next(one for one in self._functions() if any(made is node for node in ast.walk(one)))
            given = {argument.arg for argument in ast.walk(init.args) if isinstance(argument, ast.arg)} - {"self"}
            needed = {node.id for node in ast.walk(made) if isinstance(node, ast.Name)} & given
            if not (isinstance(made, ast.Name) and made.id in needed) and not self._locals(init) & _names(made):
                kept = {name: self._kept(init, name) for name in sorted(needed)}
                first = [f"self.{name} = {name}      # in {init.name}" for name, at in kept.items() if at is None]
                return ast.unparse(_renamed(made, {name: at or name for name, at in kept.items()})), first
        if self.made is not None and _names(self.made) <= self.namespace.keys() | set(dir(__builtins__)):
            return ast.unparse(self.made), []
        kind = contents.kind(self.held.value)
        simple = {"_thread.lock": "threading.Lock()", "_thread.RLock": "threading.RLock()"}.get(kind)
        if simple is None:
            return None, []
        import threading

        return simple.replace("threading", _known("threading", threading, self.namespace)), []

    @staticmethod
    def _locals(function: ast.FunctionDef) -> set[str]:
        stored = (node for node in ast.walk(function) if isinstance(node, ast.Name))
        return {node.id for node in stored if isinstance(node.ctx, ast.Store)}

    @staticmethod
    def _kept(function: ast.FunctionDef, parameter: str) -> str | None:
        """The attribute that keeps a parameter as it is."""
        return next((name for name, value in _attributes_set(function) if _is_name(value, parameter)), None)

    def _assigned(self) -> ast.expr | None:
        """What the class sets the attribute to, in `__init__` before all."""
        for function in sorted(self._functions(), key=lambda one: one.name != "__init__"):
            for name, value in _attributes_set(function):
                if name == self.attribute:
                    return value
        return None

    def _functions(self) -> list[ast.FunctionDef]:
        return [one for one in ast.walk(self.tree) if isinstance(one, ast.FunctionDef)] if self.tree else []

    def _method(self, name: str) -> ast.FunctionDef | None:
        return next((one for one in self._functions() if one.name == name), None)

    def _is_it(self, node: ast.AST) -> bool:
        return (
            isinstance(node, ast.Attribute) and node.attr == self.attribute and getattr(node.value, "id", "") == "self"
        )

    def _users(self) -> list[str]:
        """The methods that use it while the model answers."""
        uses = dict(_names_in_methods(self.cls))
        left = [name for name in _ASKED if name in uses] or [name for name in uses if name not in _MAKING | _MAKING_TOO]
        reached: dict[str, None] = {}
        while left:
            name = left.pop(0)
            if name in reached or name in _MAKING:
                continue
            reached[name] = None
            left += [one for one in uses[name] if one in uses]
        return [name for name in reached if self.attribute in uses[name]]


LOCAL = ("sqlite3.Connection", "_duckdb.DuckDBPyConnection", "duckdb.DuckDBPyConnection")


def _is_file_for_reading(value: Any) -> bool:
    mode = getattr(value, "mode", "")
    return isinstance(mode, str) and "r" in mode and hasattr(value, "read")


def _attributes_set(function: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Each attribute of `self` that a method sets, and to what; `self.a, self.b = a, b` sets two."""
    for node in (one for one in ast.walk(function) if isinstance(one, ast.Assign)):
        for target in node.targets:
            several = isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
            pairs = zip(target.elts, node.value.elts, strict=False) if several else ((target, node.value),)  # type: ignore[attr-defined]
            for one, value in pairs:
                if isinstance(one, ast.Attribute) and getattr(one.value, "id", "") == "self":
                    yield one.attr, value


def _names_in_methods(cls: type) -> Iterator[tuple[str, set[str]]]:
    for owner in reversed(cls.__mro__):
        if not (contents.travels(owner) or contents.is_local(owner)):
            continue
        for name, value in vars(owner).items():
            function = inspect.unwrap(getattr(value, "__func__", getattr(value, "fget", value)) or value)
            if isinstance(function, types.FunctionType):
                yield name, {one for code in contents.code_of(function) for one in code.co_names}


def _renamed(expression: ast.expr, kept: Mapping[str, str]) -> ast.expr:
    for name, attribute in kept.items():
        by = ast.Attribute(ast.Name("self", ast.Load()), attribute, ast.Load())
        expression = reading.replaced(expression, functools.partial(_is_name, name=name), by)
    return expression


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _names(expression: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)} - {"self"}


def _known(name: str, module: types.ModuleType, namespace: Mapping[str, Any]) -> str:
    """The module's name in the notebook, or an expression that imports it."""
    found = next((one for one, value in namespace.items() if value is module), None)
    return found or f"__import__({name!r})"


def _size(connection: sqlite3.Connection) -> int:
    try:
        return int(
            connection.execute("select page_count * page_size from pragma_page_count, pragma_page_size").fetchone()[0]
        )
    except sqlite3.Error:  # closed, or another thread's
        return _MOST


def _short(where: str) -> str:
    return re.sub(r" \(In \[\d+\]\)", "", where)
