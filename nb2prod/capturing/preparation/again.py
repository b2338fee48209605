"""The raw rows made again where a cell overwrote them: by the statements that made them, if they touch nothing else."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from nb2prod.capturing.preparation import forms, trial
from nb2prod.capturing.preparation.harmless import WRITING
from nb2prod.capturing.preparation.raw import Raw
from nb2prod.capturing.preparation.statements import Program

LARGEST = 100_000_000
_MODULES = frozenset(
    {"numpy", "pandas", "sklearn", "scipy", "math", "random", "datetime", "statistics", "string", "itertools"}
)
# fmt: off
_PLAIN = frozenset({
    "range", "len", "list", "int", "float", "str", "bool", "zip", "enumerate", "dict", "set", "tuple", "sorted", "min", "max",
    "sum", "abs", "round", "map", "filter", "reversed", "any", "all",
})
_NEVER = WRITING | {
    "fit", "fit_transform", "fit_predict", "partial_fit", "show", "plot", "hist", "system",
    "read_sql", "read_sql_query", "read_sql_table", "read_html", "read_clipboard", "read_gbq",
}
# fmt: on


def made_again(program: Program, raw: Raw, namespace: Mapping[str, Any]) -> Any:
    """The rows as they were before the first step; None where that cannot be had without touching anything else."""
    kept = (ModuleType, type, FunctionType)
    world = {name: value for name, value in namespace.items() if isinstance(value, kept) or name == "__builtins__"}
    statements = [one.node for one in program.all[: raw.statement]]
    harmless = [node for node in statements if not _defines(node) and _harmless(node, world)]
    if not any(raw.name in _bound(node) for node in harmless):
        return None
    module = ast.fix_missing_locations(ast.Module(harmless, []))
    try:
        with trial.quiet(), trial.limited(trial.SECONDS):
            exec(compile(module, "<offered>", "exec"), world)
    except Exception:  # what one statement lacks was made by another that is not run again
        return None
    return world.get(raw.name)


def _bound(node: ast.stmt) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}


def _defines(node: ast.stmt) -> bool:
    kinds = ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef | ast.Import | ast.ImportFrom
    return isinstance(node, kinds)


def _harmless(node: ast.stmt, known: Mapping[str, Any]) -> bool:
    odd = ast.While | ast.With | ast.Try | ast.Raise | ast.Global | ast.Await | ast.Yield
    parts = list(ast.walk(node))
    return not any(isinstance(one, odd) for one in parts) and all(
        _harmless_call(one, known) for one in parts if isinstance(one, ast.Call)
    )


def _harmless_call(node: ast.Call, known: Mapping[str, Any]) -> bool:
    name = forms.called(node)
    if name in _NEVER:
        return False
    if name.startswith(forms.SOURCES):
        return name.startswith("load_") or _small_file(node)
    if isinstance(node.func, ast.Name):
        value = known.get(name)
        module = getattr(value, "__module__", "") or ""
        return (name in _PLAIN and name not in known) or module.partition(".")[0] in _MODULES
    at = forms.root(node.func)
    value = known.get(at) if at else None
    return (
        not isinstance(value, ModuleType | type) or value.__name__.partition(".")[0] in _MODULES or _of_library(value)
    )


def _of_library(value: Any) -> bool:
    return (getattr(value, "__module__", "") or "").partition(".")[0] in _MODULES


def _small_file(node: ast.Call) -> bool:
    path = forms.constant(node.args[0]) if node.args else None
    if not isinstance(path, str) or "://" in path:
        return False
    file = Path(path).expanduser()
    return file.is_file() and file.stat().st_size <= LARGEST
