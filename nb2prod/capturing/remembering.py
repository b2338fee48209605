"""A model whose answers depend on the calls before: what `predict` changes of itself or of a global, and whether that matters."""

from __future__ import annotations

import ast
import contextlib
import copy
import hashlib
import pickle
import random
import types
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from nb2prod.capturing import contents, golden
from nb2prod.capturing.rules.base import Case
from nb2prod.capturing.rules.reaching import served
from nb2prod.errors import Refused

_CONTAINERS = (list, dict, set, deque)
_SCALARS = (str, bytes, int, float, complex, bool, type(None), np.generic)
_RANDOM = (np.random.Generator, np.random.RandomState, np.random.BitGenerator, random.Random)
_MOST = 10_000
_ROWS = 64


@dataclass(frozen=True)
class Part:
    """A value that the model holds: as it was, and how to put it back."""

    path: str
    name: str
    value: Any
    mark: str
    put: Callable[[Any], None]


@contextlib.contextmanager
def refused(case: Case, tolerance: float = 0.0) -> Iterator[None]:
    """Whoever answers differently when asked again is told which of its values remembers the calls, where one does.

    Raises
    ------
    Refused
        ``depends-on-calls``: in the place of ``nondeterministic``, or of a tolerance that would hide it.
    """
    try:
        yield
    except Refused as error:
        if error.code != "nondeterministic":
            raise
        told = _told(case)
        if told is None:
            raise
        raise told from error
    if tolerance:
        told = _told(case)
        if told is not None:
            raise told


def _told(case: Case) -> Refused | None:
    rows = golden.take(case.found.data, slice(0, _ROWS))

    def ask() -> bytes:
        return pickle.dumps(case.flavor.answer(case.found.model, golden.copied(rows)))

    before = list(_parts(case.found.model))
    first = ask()
    now = {part.path: part.mark for part in _parts(case.found.model)}
    changed = [part for part in before if now.get(part.path, part.mark) != part.mark]
    if not changed or ask() == first:
        return None
    _put_back(changed)
    again = ask()
    _put_back(changed)
    return _refusal(case, changed) if again == first else None


def _put_back(changed: list[Part]) -> None:
    for part in changed:
        part.put(copy.deepcopy(part.value))


def _refusal(case: Case, changed: list[Part]) -> Refused:
    shown = ", ".join(f"`{part.path}`" for part in changed[:3])
    line = next((found for part in changed if (found := _line(case, part.name))), None)
    where, text = line or (changed[0].path, "")
    them = "it" if len(changed) == 1 else "them"
    return Refused(
        f"The answers of `{case.shown}` depend on the calls before: predict changes {shown}",
        code="depends-on-calls",
        where=where,
        why="Asked twice with the same rows it answers differently, and alike again once that is put back. In a service each "
        "worker would count its own calls, and the answers drift further with each; no tolerance holds for long.",
        fix=f"take `{text}` out of what answers, or its value out of the answer"
        if text
        else f"leave {shown} as {them} was while answering: change a copy of {them}",
        kept="nothing was captured",
    )


def _line(case: Case, name: str) -> tuple[str, str] | None:
    """Where the code that answers changes a name or attribute, and by which statement."""
    for kinds in (ast.AugAssign | ast.Expr, ast.Assign):
        for code in case.travelling:
            for node in served(code.tree):
                if isinstance(node, kinds) and name in _touched(node):
                    return code.place(node), ast.unparse(node).splitlines()[0][:80]
    return None


def _touched(node: ast.stmt) -> set[str]:
    targets: list[ast.AST] = []
    if isinstance(node, ast.AugAssign):
        targets = [node.target]
    elif isinstance(node, ast.Assign):
        targets = list(node.targets)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
        targets = [node.value.func.value]
    found = set()
    for target in targets:
        while isinstance(target, ast.Subscript):
            target = target.value
        found.add(getattr(target, "attr", getattr(target, "id", "")))
    return found


def _parts(model: Any) -> Iterator[Part]:
    """The plain values and containers that the model and its code hold, each by its path; generators of chance are none."""
    for held in contents.walk(model):
        value = held.value
        if isinstance(value, types.FunctionType):
            names = contents.used_globals(value)
            for name, part in names.items():
                yield from _part(name, name, part, _setter(value.__globals__.__setitem__, name))
            for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=False):
                with contextlib.suppress(ValueError):  # a cell that is still empty
                    yield from _part(name, name, cell.cell_contents, _setter(_into(cell), "cell_contents"))
        elif isinstance(value, type):
            if contents.travels(value):
                for name, part in list(vars(value).items()):
                    yield from _part(f"{value.__qualname__}.{name}", name, part, _setter(_into(value), name))
        elif not isinstance(value, _RANDOM) and not contents.is_data(value):
            prefix = held.path
            for name, part in list(getattr(value, "__dict__", {}).items()):
                yield from _part(f"{prefix}.{name}", name, part, _setter(_into(value), name))


def _part(path: str, name: str, value: Any, put: Callable[[Any], None]) -> Iterator[Part]:
    mark = _mark(value)
    if mark is not None:
        yield Part(path, name, copy.deepcopy(value), mark, put)


def _mark(value: Any) -> str | None:
    """A digest of a small value; None for what is none."""
    if isinstance(value, _SCALARS):
        return repr(value)
    small = isinstance(value, np.ndarray) and value.size <= _MOST
    if not small and not (isinstance(value, _CONTAINERS) and len(value) <= _MOST):
        return None
    try:
        return hashlib.sha256(pickle.dumps(value)).hexdigest()
    except Exception:  # what a container holds cannot be saved: nothing is said of it
        return None


def _setter(put: Callable[[str, Any], None], name: str) -> Callable[[Any], None]:
    return lambda value: put(name, value)


def _into(thing: Any) -> Callable[[str, Any], None]:
    return lambda name, value: setattr(thing, name, value)
