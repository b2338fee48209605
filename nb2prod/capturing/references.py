"""What a saved model names: the modules of the globals in its pickles and in skops' schema, found without loading anything."""

from __future__ import annotations

import hashlib
import json
import pickletools
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_STRINGS = ("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING")
_BYTES = ("BINBYTES", "SHORT_BINBYTES", "BINBYTES8")
_PUTS = ("PUT", "BINPUT", "LONG_BINPUT")
_GETS = ("GET", "BINGET", "LONG_BINGET")
_QUIET = frozenset({"MEMOIZE", "FRAME", "PROTO", "STOP", "TUPLE1", "TUPLE2", "TUPLE3", "TUPLE", "MARK"})


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


def walk_pickle(data: bytes, walk: _Walk) -> None:
    """Follow the opcodes of one pickle as far as strings and globals go; ends quietly where the data is no pickle."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    try:
        for operation, argument, _ in pickletools.genops(data):
            _step(operation.name, argument, stack, memo, walk)
    except (ValueError, IndexError, UnicodeDecodeError):
        return


def _step(name: str, argument: Any, stack: list[Any], memo: dict[int, Any], walk: _Walk) -> None:
    if name in _STRINGS:
        stack.append(argument)
    elif name in _GETS:
        stack.append(memo.get(int(argument)))
    elif name == "MEMOIZE":
        memo[len(memo)] = stack[-1] if stack else None
    elif name in _PUTS:
        memo[int(argument)] = stack[-1] if stack else None
    elif name == "GLOBAL":
        module, _, attribute = argument.partition(" ")
        stack.append(_add(_Global(module, attribute), walk))
    elif name == "STACK_GLOBAL":
        module, attribute = stack[-2:]
        stack.append(_add(_Global(str(module), str(attribute)), walk))
    elif name == "REDUCE":
        _reduced(stack, walk)
    elif name not in _QUIET:
        stack.append(_Raw(argument) if name in _BYTES and len(argument) < 65536 else None)
    del stack[:-4096]


@dataclass(frozen=True)
class _Raw:
    data: bytes


def _add(found: _Global, walk: _Walk) -> _Global:
    walk.globals.add(found)
    return found


def _reduced(stack: list[Any], walk: _Walk) -> None:
    """A call: cloudpickle's `subimport("name")` names a module; a code object's parts go into the digest."""
    argument, called = (stack[-1], stack[-2]) if len(stack) > 1 else (None, None)
    if isinstance(called, _Global) and called.name == "subimport" and isinstance(argument, str):
        walk.modules.add(argument)
    for position in range(len(stack) - 1, -1, -1):
        item = stack[position]
        if isinstance(item, _Global) and item.name in ("CodeType", "code", "_builtin_type"):
            walk.code += [said for part in stack[position + 1 :] if (said := _said(part))]
            break
    stack.append(None)


def _said(part: Any) -> str:
    """A part of a code object as text, without the names of this kernel's own temporary files."""
    if isinstance(part, _Raw):
        return part.data.hex()
    if not isinstance(part, str) or "ipykernel_" in part or part.startswith("<ipython") or "/" in part:
        return ""
    return part


def _read(path: Path, walk: _Walk) -> None:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name == "schema.json":
                    _schema(json.loads(archive.read(name)), walk)
                elif name.endswith((".pkl", ".pickle")):
                    walk_pickle(archive.read(name), walk)
    elif path.suffix in (".pkl", ".pickle", ".cloudpickle", ".joblib"):
        walk_pickle(path.read_bytes(), walk)
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
