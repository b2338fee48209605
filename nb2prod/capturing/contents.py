"""Everything that a model holds, by its path: attributes, items, closures, and the globals of the code that travels."""

from __future__ import annotations

import dis
import functools
import logging
import sys
import types
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

MOST = 20_000
_PLAIN = (str, bytes, int, float, complex, bool, type(None), np.ndarray, np.generic, types.ModuleType, logging.Logger)
_LOOKED_UP = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "DELETE_GLOBAL"})
_PAIRED = ("steps", "transformers", "transformers_", "estimators", "transformer_list")


@dataclass(frozen=True)
class Held:
    """One thing that the model holds: where, what, and the function that uses it: its global, or what `by` says.

    `owner` is the object that holds it as its `attribute`, if need be inside a list or a dictionary.
    """

    path: str
    value: Any
    of: str | None = None
    by: Literal["global", "closure", "default", "partial", "class"] = "global"
    owner: Any = None
    attribute: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {kind(self.value)}"


def kind(value: Any) -> str:
    """`sqlite3.Connection`: module and name of a value's type, builtins without their module."""
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def walk(model: Any, root: str = "") -> Iterator[Held]:
    """The model and all below it, breadth first, each object once, at most 20,000 of them."""
    left: deque[Held] = deque([Held(root or "model", model)])
    seen: set[int] = set()
    keep: list[Any] = []  # states made on the way must outlive their ids
    while left and len(seen) < MOST:
        held = left.popleft()
        if id(held.value) in seen:
            continue
        seen.add(id(held.value))
        keep.append(held.value)
        yield held
        if not isinstance(held.value, _PLAIN) and not is_data(held.value):
            left.extend(_children(held))


def travels(thing: Any) -> bool:
    """Whether the code of a function or class goes along by value: it was defined in the notebook."""
    return getattr(thing, "__module__", None) in ("__main__", None) and hasattr(thing, "__qualname__")


def is_local(thing: Any) -> bool:
    """Whether a function or class comes from a module of the user's own, not from an installed package."""
    module = sys.modules.get(getattr(thing, "__module__", None) or "")
    return module is not None and is_local_module(module)


def is_local_module(module: types.ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    if not file:
        return False
    installed = {"site-packages", "dist-packages"} & set(Path(file).parts)
    return not installed and not file.startswith((sys.base_prefix + "/lib", "<"))


def is_data(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] in ("pandas", "polars", "pyarrow", "scipy", "torch")


def code_of(thing: Any) -> Iterator[types.CodeType]:
    """The code objects of a function, or of the methods of a class, nested ones included."""
    left = (
        [thing.__code__]
        if isinstance(thing, types.FunctionType)
        else [
            method.__code__
            for value in vars(thing).values()
            if isinstance(method := getattr(value, "__func__", getattr(value, "fget", value)), types.FunctionType)
        ]
    )
    while left:
        code = left.pop()
        yield code
        left += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]


def used_globals(function: types.FunctionType) -> dict[str, Any]:
    """The globals that a function's code names and that exist: what cloudpickle takes along."""
    names = dict.fromkeys(name for code in code_of(function) for name in _globals_of(code))
    return {name: function.__globals__[name] for name in names if name in function.__globals__}


@functools.lru_cache(maxsize=4096)
def _globals_of(code: types.CodeType) -> tuple[str, ...]:
    """The names that code looks up around it; `co_names` has its attributes too."""
    return tuple(dict.fromkeys(str(one.argval) for one in dis.get_instructions(code) if one.opname in _LOOKED_UP))


def _children(held: Held) -> Iterator[Held]:
    value = held.value
    if isinstance(value, type):
        if travels(value) or is_local(value):
            yield from (
                Held(f"{value.__qualname__}.{name}", part, by="class")
                for name, part in vars(value).items()
                if not _dunder(name)
            )
        return
    if isinstance(value, types.FunctionType):
        yield from _of_function(held, value)
    elif isinstance(value, types.MethodType):
        yield Held(held.path, value.__self__, owner=held.owner, attribute=held.attribute)
        yield Held(held.path, value.__func__)
    elif isinstance(value, classmethod | staticmethod):
        yield Held(held.path, value.__func__)
    elif isinstance(value, property):
        yield from (Held(held.path, part) for part in (value.fget, value.fset) if part is not None)
    elif isinstance(value, functools.partial):
        yield from _of_partial(held, value)
    elif isinstance(value, types.BuiltinMethodType) and not isinstance(value.__self__, _PLAIN):
        yield replace(held, path=f"{held.path}.__self__", value=value.__self__)
    elif isinstance(value, Mapping):
        yield from (replace(held, path=f"{held.path}[{key!r}]", value=part) for key, part in list(value.items())[:5000])
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        yield from (
            replace(held, path=f"{held.path}.{name}", value=part)
            for name, part in zip(value._fields, value, strict=False)
        )
    elif isinstance(value, list | tuple | set | frozenset | deque):
        yield from (replace(held, path=f"{held.path}[{i}]", value=part) for i, part in enumerate(list(value)[:5000]))
    else:
        yield from _of_object(held)


def _of_function(held: Held, function: types.FunctionType) -> Iterator[Held]:
    if not (travels(function) or is_local(function)):
        return
    for name, part in used_globals(function).items():
        yield Held(name, part, function.__qualname__)
        if isinstance(part, types.ModuleType) and is_local_module(part):
            used = dict.fromkeys(one for code in code_of(function) for one in code.co_names)
            yield from (
                Held(f"{name}.{one}", vars(part)[one], function.__qualname__) for one in used if one in vars(part)
            )
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            yield Held(name, cell.cell_contents, function.__qualname__, "closure")
        except ValueError:  # a cell that is still empty
            continue
    yield from (Held(name, part, function.__qualname__, "default") for name, part in _defaults(function))


def _defaults(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """The parameters of a function that have a default, and it."""
    given = function.__defaults__ or ()
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    yield from zip(names[len(names) - len(given) :], given, strict=False)
    yield from (function.__kwdefaults__ or {}).items()


def _of_partial(held: Held, partial: functools.partial[Any]) -> Iterator[Held]:
    """The function, and what it is given, by the attributes of the partial."""
    prefix = "" if held.path == "model" else f"{held.path}."
    of = getattr(partial.func, "__qualname__", type(partial.func).__qualname__)
    yield Held(f"{prefix}func", partial.func)
    yield from (Held(f"{prefix}args[{i}]", part, of, "partial") for i, part in enumerate(partial.args))
    yield from (Held(f"{prefix}keywords[{name!r}]", part, of, "partial") for name, part in partial.keywords.items())


def _of_object(held: Held) -> Iterator[Held]:
    yield Held(f"{held.path}.__class__", type(held.value))
    prefix = "" if held.path == "model" else f"{held.path}."
    for name, part in _state(held.value).items():
        if name in _PAIRED and isinstance(part, list):
            yield from (Held(f"{prefix}{name}[{i}]", _second(pair)) for i, pair in enumerate(part))
        else:
            yield Held(f"{prefix}{name}", part, owner=held.value, attribute=name)


def _state(value: Any) -> Mapping[str, Any]:
    """What pickle would take of an object: its own `__getstate__` where it has one, else its attributes."""
    own = getattr(type(value), "__getstate__", None)
    if own is not None and own is not getattr(object, "__getstate__", None):
        try:
            state = value.__getstate__()
        except Exception:  # what a class does there is its own; its attributes are the next best thing
            state = None
        if isinstance(state, tuple):  # attributes and slots
            state = {name: part for one in state if isinstance(one, Mapping) for name, part in one.items()}
        if isinstance(state, Mapping):
            return {str(key): part for key, part in state.items()}
    slots = (name for cls in type(value).__mro__ for name in _slots(cls) if hasattr(value, name))
    return {**getattr(value, "__dict__", {}), **{name: getattr(value, name) for name in slots}}


def _slots(cls: type) -> tuple[str, ...]:
    """The attributes that a class written in Python keeps outside of ``__dict__``."""
    named = vars(cls).get("__slots__", ())
    names = (named,) if isinstance(named, str) else tuple(named)
    return tuple(name for name in names if name not in ("__dict__", "__weakref__"))


def _second(pair: Any) -> Any:
    return pair[1] if isinstance(pair, tuple) and len(pair) >= 2 else pair


def _dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__") and name not in ("__init__", "__call__")
