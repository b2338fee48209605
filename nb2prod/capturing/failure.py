"""What a model's failure in a clean environment says: the line of the cell where it failed, and what mends it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from nb2prod.capturing import source
from nb2prod.errors import Refused
from nb2prod.records.capture import Cell

_UNOPENED: Final = re.compile(
    r"(?i)(could not|cannot|can't|unable to|failed to) open|no such file"
)  # a library in C says it so
_IN_A_CELL: Final = re.compile(r"^<dynamic-code>, line (\d+), in (\S+)$")
_LACKS: Final = re.compile(r"AttributeError: '(\w+)' object has no attribute '(\w+)'")
_AGAIN: Final = "then run it and the cells that make the model again, and %deploy again"


def refusal(told: Mapping[str, Any], last: str, cells: Sequence[Cell]) -> Refused:
    """The refusal for what the replay told.

    Parameters
    ----------
    told
        Its error's fields.
    last
        The last line that it wrote.
    cells
        Those that made the model.
    """
    why = str(told.get("why") or last)
    place = _place(str(told.get("where") or ""), cells)
    named = told.get("fix") and told.get("code") != "replay-failed"
    error = Refused(
        told["title"],
        code=told["code"],
        where=place or "the replay, before any answer",
        why=why,
        fix=str(told["fix"]) if named else _lacking(why, cells) or _mend(why, place),
        kept="nothing was registered",
    )
    if told.get("traceback"):
        error.add_note(told["traceback"])
    return error


def _place(where: str, cells: Sequence[Cell]) -> str:
    """`cell 3 (In [3]), line 7, in predict` for a line of code that travelled by value."""
    found = _IN_A_CELL.match(where)
    if found is None:
        return where
    line, name = int(found[1]), found[2]
    holding = [cell for cell in reversed(cells) if any(_spans(node, line) for node in _named(cell, name))]
    return f"{_shown(holding[0])}, line {line}, in {name}" if holding else f"line {line} of {name}"


def _shown(cell: Cell) -> str:
    return f"cell {cell.index} (In [{cell.execution}])" if cell.index else f"In [{cell.execution}]"


def _named(cell: Cell, name: str) -> Iterator[ast.AST]:
    tree = source.parse(cell.source)
    for node in ast.walk(tree) if tree else ():
        if (isinstance(node, ast.Lambda) and name == "<lambda>") or getattr(node, "name", None) == name:
            yield node


def _spans(node: Any, line: int) -> bool:
    return bool(node.lineno <= line <= (node.end_lineno or node.lineno))


def _lacking(why: str, cells: Sequence[Cell]) -> str | None:
    """An attribute that the class sets, and that did not go along: made again where the model is loaded."""
    found = _LACKS.search(why)
    if found is None:
        return None
    for cell in reversed(cells):
        for owner in _named(cell, found[1]):
            made = _set(owner, found[2])
            if made is not None:
                return (
                    f"def __setstate__(self, state): self.__dict__.update(state); self.{found[2]} = {ast.unparse(made)}\n"
                    f"# in class {found[1]} ({_shown(cell).partition(' (')[0]}); {_AGAIN}"
                )
    return None


def _set(owner: ast.AST, attribute: str) -> ast.expr | None:
    """What a method sets the attribute to, where that needs nothing of the call."""
    for method in (one for one in ast.walk(owner) if isinstance(one, ast.FunctionDef)):
        given = {one.arg for one in ast.walk(method) if isinstance(one, ast.arg)}
        for node in ast.walk(method):
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            if isinstance(node, ast.Assign) and isinstance(target, ast.Attribute) and target.attr == attribute:
                names = {name.id for name in ast.walk(node.value) if isinstance(name, ast.Name)}
                if not names & given:
                    return node.value
    return None


def _mend(why: str, place: str) -> str:
    if "ModuleNotFoundError" in why or "ImportError" in why:
        return "import it at the top of a cell or of the module that needs it, then %deploy again"
    if "FileNotFoundError" in why or _UNOPENED.search(why):
        return "read the file once, outside predict, and use the value that was read inside it"
    if "KeyError" in why and "environ" in why:
        return "%deploy model --env NAME"
    if "Temporary failure in name resolution" in why or "Network is unreachable" in why:
        return "%deploy model --allow-network HOST"
    if "NameError" in why:
        return "define it in a cell before the function that uses it, run both cells, then %deploy again"
    mend = re.match(r"(?:cell (\d+) )?\(?In \[(\d+)\]\)?, line (\d+)", place)
    if mend:
        return f"mend line {mend[3]} of {f'cell {mend[1]}' if mend[1] else f'In [{mend[2]}]'}, {_AGAIN}"
    return "Kernel, Restart and Run All: it fails in the notebook too where it leans on what ran before; then %deploy again"
