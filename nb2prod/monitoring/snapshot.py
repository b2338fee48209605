"""A monitor's evidence as bytes, and back: so that a restart goes on with the same bets and takes none of them twice.

The objects of a monitor are written field by field, arrays as their bytes, what is shared once. What follows from the baseline
alone is left out. Only classes of monitoring are ever made again, and no code is read from the bytes.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import zlib
from collections import deque
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from nb2prod.baseline import Baseline, Feature
from nb2prod.errors import Conflict
from nb2prod.records.base import Record

_PLAIN = (bool, int, float, str, type(None))
_GROUPS: dict[str, Any] = {"list": list, "tuple": tuple, "set": set, "deque": deque}
_ROOMS = ("nb2prod.monitoring.", "nb2prod.records.")


class Saved(msgspec.Struct, array_like=True):
    """`layout` names the code that wrote it: other code bets otherwise, and must not go on with these bets."""

    layout: str
    baseline: str
    nodes: list[Any]


def pack(root: Any, baseline: Baseline, fixed: dict[str, Any]) -> bytes:
    """Bytes of an object and all that it refers to; `fixed` are objects that whoever unpacks has already."""
    writer = _Writer(fixed)
    writer.put(root)
    saved = Saved(_layout(), baseline.digest, writer.nodes)
    return zlib.compress(msgspec.msgpack.encode(saved), 1)


def unpack(data: bytes, baseline: Baseline, fixed: dict[str, Any]) -> Any:
    """What `pack` was given.

    Raises
    ------
    Conflict
        Another version of nb2prod wrote it, or it belongs to another baseline.
    """
    saved = _decoded(data)
    if saved is None or saved.layout != _layout() or saved.baseline != baseline.digest:
        raise Conflict(
            "The evidence that was kept cannot be gone on with",
            code="other-evidence",
            why="Another version of nb2prod wrote it, it belongs to another baseline, or it is no state at all.",
            fix="begin a new life from the counts that are kept",
            kept="all counts",
        )
    return _Reader(saved.nodes, fixed, baseline).get(0)


def _decoded(data: Any) -> Saved | None:
    try:
        return msgspec.msgpack.decode(zlib.decompress(data), type=Saved)
    except (TypeError, zlib.error, msgspec.MsgspecError):
        return None


class _Writer:
    """Each object becomes a node once; a node names others by their place."""

    def __init__(self, fixed: dict[str, Any]) -> None:
        self.nodes: list[Any] = []
        self._fixed = {id(value): name for name, value in fixed.items()}
        self._places: dict[int, int] = {}
        self._held: list[Any] = []  # an id is an object's only while it lives

    def put(self, value: Any) -> int:
        if type(value) in _PLAIN:  # a numpy number is a float too, and another one
            self.nodes.append(["=", value])
            return len(self.nodes) - 1
        place = self._places.get(id(value))
        if place is None:
            place = self._places[id(value)] = len(self.nodes)
            self._held.append(value)
            self.nodes.append(None)
            self.nodes[place] = self._node(value)
        return place

    def _node(self, value: Any) -> list[Any]:
        if id(value) in self._fixed:
            return ["fixed", self._fixed[id(value)]]
        if isinstance(value, Feature):
            return ["feature", value.name]
        if isinstance(value, np.ndarray | np.generic):
            array = np.asarray(value)
            kind = "array" if isinstance(value, np.ndarray) else "number"
            return [kind, array.dtype.str, list(array.shape), np.ascontiguousarray(array).tobytes()]
        if isinstance(value, dict):
            return ["dict", [[self.put(key), self.put(one)] for key, one in value.items()]]
        group = type(value).__name__
        if _GROUPS.get(group) is type(value):
            return [group, [self.put(one) for one in value], getattr(value, "maxlen", None)]
        fields = value.__struct_fields__ if isinstance(value, Record) else vars(value)
        return [_name(type(value)), {name: self.put(getattr(value, name)) for name in fields}]


class _Reader:
    def __init__(self, nodes: list[Any], fixed: dict[str, Any], baseline: Baseline) -> None:
        self._nodes = nodes
        self._fixed = fixed
        self._baseline = baseline
        self._made: dict[int, Any] = {}

    def get(self, place: int) -> Any:
        if place not in self._made:
            self._made[place] = self._object(place, *self._nodes[place])
        return self._made[place]

    def _object(self, place: int, kind: str, *rest: Any) -> Any:
        match kind:
            case "=":
                return rest[0]
            case "fixed":
                return self._fixed[rest[0]]
            case "feature":
                return self._baseline.feature(rest[0])
            case "array" | "number":
                array = np.frombuffer(rest[2], np.dtype(rest[0])).reshape(rest[1])
                return array.copy() if kind == "array" else array[()]
            case "dict":
                return {self.get(key): self.get(value) for key, value in rest[0]}
            case "deque":
                return deque((self.get(one) for one in rest[0]), rest[1])
            case "list" | "tuple" | "set":
                return _GROUPS[kind](self.get(one) for one in rest[0])
        return self._instance(place, _class(kind), rest[0])

    def _instance(self, place: int, kind: type, fields: dict[str, int]) -> Any:
        if issubclass(kind, Record):
            return kind(**{name: self.get(one) for name, one in fields.items()})
        made = self._made[place] = object.__new__(kind)  # known before its fields are: they may refer to it
        for name, one in fields.items():
            object.__setattr__(made, name, self.get(one))
        return made


def _name(kind: type) -> str:
    name = f"{kind.__module__}:{kind.__qualname__}"
    if not name.startswith(_ROOMS):
        raise TypeError(f"{name} is no part of a monitor's state")
    return name


def _class(name: str) -> type:
    module, _, path = name.partition(":")
    found = getattr(importlib.import_module(module), path, None) if name.startswith(_ROOMS) else None
    if not isinstance(found, type):
        raise TypeError(f"{name} is no part of a monitor's state")
    return found


@functools.cache
def _layout() -> str:
    """A digest of the code that bets."""
    here = Path(__file__).parent
    files = [here / "monitor.py", Path(__file__), *sorted((here / "statistics").glob("*.py"))]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()[:16]
