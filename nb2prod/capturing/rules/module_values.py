"""A value of the user's own module that was changed after the import: the service imports the file, where it is another."""

from __future__ import annotations

import ast
import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, ClassVar

from nb2prod.capturing import contents, local_code
from nb2prod.capturing.rules.base import Case, Rule
from nb2prod.records.capture import Finding

_PLAIN = (bool, int, float, str, bytes, tuple, frozenset, type(None))


class ModuleValue(Rule):
    """Constants alone are compared: what a module fills or counts up by itself it does in the service too."""

    code: ClassVar[str] = "module-value"
    about: ClassVar[str] = "a constant of an imported module was changed in the notebook, and its file says another"
    fix: ClassVar[str] = "write it into the module's file, or pass it to predict"

    def look(self, case: Case) -> Iterator[Finding]:
        for module in _modules(case):
            for name, (line, written) in _constants(module).items():
                live = vars(module).get(name, written)
                other = isinstance(live, _PLAIN) and (type(live), live) != (type(written), written)
                if not other or _set_in_cell(case, name):
                    continue
                file = Path(str(module.__file__)).name
                if not _edited(module, case):
                    yield self.finding(
                        f"`{module.__name__}.{name}` is {_short(live)} here and {_short(written)} in {file}",
                        where=f"{file}, line {line}",
                        why=f"The service imports {file} as it is written; what the notebook set afterwards stays here.",
                        fix=f"{name} = {_short(live)}      # in {file}, line {line}; then restart and run all",
                    )
                elif not local_code.differs(module, Path(str(module.__file__))):  # which is told as it is taken along
                    yield self._of_file(module, name, live, written, f"{file}, line {line}")

    def _of_file(self, module: ModuleType, name: str, live: Any, written: Any, where: str) -> Finding:
        return Finding(
            code="edited-module",
            severity="warn",
            title=f"{module.__name__} was edited after this kernel imported it: `{name}` is {_short(written)} there now",
            where=where,
            why=f"The file as it is now goes along; the kernel still runs what it imported, with {_short(live)}. The proof "
            "compares the two.",
            fix="restart the kernel and run the notebook again",
        )


def _edited(module: ModuleType, case: Case) -> bool:
    """Whether the file is another than this kernel imported: by the code that Python kept of it then, else by the clock."""
    file = Path(str(module.__file__))
    if local_code.recompiled(file):
        return True
    runs = case.notebook.watch.runs if case.notebook.watch is not None else {}
    imports = re.compile(rf"^\s*(import|from)\s[^\n]*\b{module.__name__.partition('.')[0]}\b", re.MULTILINE)
    began = [runs[number].at for number, text in case.notebook.executed if number in runs and imports.search(text)]
    reloads = any("reload" in text for _, text in case.notebook.executed)
    try:
        return bool(began) and file.stat().st_mtime > (max(began) if reloads else min(began))
    except OSError:
        return False


def _modules(case: Case) -> list[ModuleType]:
    """The user's own modules whose code the model runs."""
    found: dict[str, ModuleType] = {}
    for held in case.held:
        thing = held.value
        if isinstance(thing, FunctionType | type):
            thing = sys.modules.get(getattr(thing, "__module__", None) or "")
        if isinstance(thing, ModuleType) and thing.__name__ != "__main__" and contents.is_local_module(thing):
            found.setdefault(thing.__name__, thing)
    return list(found.values())


def _set_in_cell(case: Case, name: str) -> bool:
    """Whether a cell sets an attribute of that name, which `global-state` tells by its line."""
    sets = re.compile(rf"\.{name}\s*([-+*/|&]?=)(?!=)")
    return any(sets.search(source) for _, source in case.notebook.executed)


def _constants(module: ModuleType) -> dict[str, tuple[int, Any]]:
    """Names that the module's file sets once, at its top, to a constant, with line and value."""
    try:
        tree = ast.parse(Path(str(module.__file__)).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return {}
    writes: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            writes[node.id] = writes.get(node.id, 0) + 1
    found = {}
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if len(targets) == 1 and isinstance(target := targets[0], ast.Name) and writes[target.id] == 1:
            with contextlib.suppress(ValueError):  # it is no constant
                value = ast.literal_eval(node.value)
                if isinstance(value, _PLAIN):
                    found[target.id] = (node.lineno, value)
    return found


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"
