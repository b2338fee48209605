"""What a saved model names: the modules of the globals in its pickles and in skops' schema, found without loading anything."""

from __future__ import annotations

import hashlib
import itertools
import json
import pickletools
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

STEPS = 300_000
_STRINGS = frozenset(
    {"UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING"}
)
_BYTES = frozenset({"BINBYTES", "SHORT_BINBYTES", "BINBYTES8"})
_NUMBERS = frozenset({"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"})
_PUTS = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_GETS = frozenset({"GET", "BINGET", "LONG_BINGET"})
_TUPLES = frozenset({"TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_TUPLE"})
_KEEP = frozenset({"MEMOIZE", "BUILD", "APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS", *_PUTS})


@dataclass(frozen=True)
class Named:
    """Modules named by a saved model, and a digest of the globals and of the code that it carries by value."""

    modules: frozenset[str]
    digest: str


@dataclass(frozen=True)
class _Global:
    module: str
    name: str


@dataclass
class _Walk:
    """A reading of one pickle: its globals, and the strings and short bytes inside code objects."""

    globals: set[_Global] = field(default_factory=set)
    modules: set[str] = field(default_factory=set)
    code: list[str] = field(default_factory=list)


def named(folder: Path) -> Named:
    """What the files of a flavor's folder name."""
    walk = _Walk()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            _read(path, walk)
    said = sorted(f"{item.module}:{item.name}" for item in walk.globals) + walk.code
    modules = {item.module for item in walk.globals} | walk.modules
    return Named(frozenset(name for name in modules if name), hashlib.sha256("\n".join(said).encode()).hexdigest())


class _Machine:
    """A pickle's stack as far as strings, globals and tuples go; anything else is None on it."""

    def __init__(self, walk: _Walk) -> None:
        self.walk = walk
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def step(self, operation: pickletools.OpcodeInfo, argument: Any) -> None:
        name = operation.name
        if name == "MARK":
            self.marks.append(len(self.stack))
            return
        taken = self._take(operation)
        if name == "MEMOIZE":
            self.memo[len(self.memo)] = taken[0]
        elif name in _PUTS:
            self.memo[int(argument)] = taken[0]
        if operation.stack_after:
            self.stack.append(self._made(name, argument, taken))

    def _take(self, operation: pickletools.OpcodeInfo) -> list[Any]:
        before = operation.stack_before
        start = len(self.stack) - len(before)
        if pickletools.markobject in before:
            start = self.marks.pop() - before.index(pickletools.markobject)
        taken = self.stack[start:]
        del self.stack[start:]
        return taken

    def _made(self, name: str, argument: Any, taken: list[Any]) -> Any:
        if name in _STRINGS or name in _NUMBERS:
            return argument
        if name in _BYTES:
            return argument if len(argument) < 65536 else None
        if name in _GETS:
            return self.memo.get(int(argument))
        if name in _TUPLES:
            return tuple(taken)
        if name in _KEEP:
            return taken[0]
        if name in ("GLOBAL", "STACK_GLOBAL"):
            module, attribute = argument.split(" ", 1) if argument else map(str, taken)
            found = _Global(module, attribute)
            self.walk.globals.add(found)
            return found
        return self._called(taken) if name == "REDUCE" else None

    def _called(self, taken: list[Any]) -> Any:
        """cloudpickle's ``subimport("name")`` names a module; the parts of a code object go into the digest."""
        called, arguments = taken
        if not isinstance(called, _Global) or not isinstance(arguments, tuple):
            return None
        if called.name == "subimport" and arguments:
            self.walk.modules.add(str(arguments[0]))
        if called.name == "_builtin_type" and arguments:
            return _Global("types", str(arguments[0]))
        if called.name in ("CodeType", "code"):
            self.walk.code.append("|".join(_said(arguments)))
        return None


def walk_pickle(data: bytes | IO[bytes], walk: _Walk) -> None:
    """Follow the opcodes of one pickle; ends quietly where the data is no pickle, and after so many that seconds would pass.

    What comes later in a pickle of millions of small objects is met by the fresh process.
    """
    machine = _Machine(walk)
    try:
        for operation, argument, _ in itertools.islice(pickletools.genops(data), STEPS):
            machine.step(operation, argument)
    except (ValueError, IndexError, TypeError, UnicodeDecodeError):
        return


def _said(parts: tuple[Any, ...]) -> Iterator[str]:
    """The parts of a code object as text, without the names of this kernel's own temporary files."""
    for part in parts:
        if isinstance(part, bytes):
            yield part.hex()
        elif isinstance(part, tuple):
            yield from _said(part)
        elif isinstance(part, str) and "ipykernel_" not in part and "/" not in part and not part.startswith("<ipython"):
            yield part
        elif isinstance(part, int):
            yield str(part)


def _read(path: Path, walk: _Walk) -> None:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name == "schema.json":
                    walk.modules.add("skops")
                    _schema(json.loads(archive.read(name)), walk)
                elif name.endswith((".pkl", ".pickle")):
                    walk_pickle(archive.read(name), walk)
    elif path.suffix in (".pkl", ".pickle", ".cloudpickle", ".joblib"):
        with path.open("rb") as file:
            walk_pickle(file, walk)
    elif path.name == "flavor.json":
        record = json.loads(path.read_bytes())
        for said in (record.get("model_class", ""), *record.get("steps", ())):
            module, _, name = str(said).rpartition(".")
            if module and all(part.isidentifier() for part in module.split(".")):
                walk.globals.add(_Global(module, name))


def _schema(node: Any, walk: _Walk) -> None:
    """skops states module and class of each node."""
    for item in _nodes(node):
        module, name = item.get("__module__"), item.get("__class__")
        if isinstance(module, str):
            walk.globals.add(_Global(module, str(name)))
        content = item.get("content")
        if isinstance(content, dict) and isinstance(content.get("module_path"), str):
            walk.globals.add(_Global(content["module_path"], str(content.get("function"))))


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    todo = [node]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            yield item
            todo += item.values()
        elif isinstance(item, list):
            todo += item
