"""Labels from a file, cell by cell as the model's own kind: a column with one odd cell is read as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nb2prod.records.capture import Output

_FLAGS = {"true": True, "false": False}


def fitting(cells: Sequence[Any], output: Output) -> list[Any]:
    """Each cell as a label of this model, where its text says one; what says none stays, for the service to refuse it alone.

    Examples
    --------
    >>> fitting(["1", "x", None], Output(kind="class", classes=(0, 1)))
    [1, 'x', None]
    >>> fitting([1.0, "b"], Output(kind="class", classes=("1", "b")))
    ['1', 'b']
    """
    texts = output.kind == "text" or (bool(output.classes) and all(isinstance(one, str) for one in output.classes))
    if texts:
        return [_text(cell) for cell in cells]
    if output.kind == "number" or (output.kind == "class" and output.classes):
        return numbers(cells)
    return list(cells)


def numbers(cells: Sequence[Any]) -> list[Any]:
    """Each cell as the number or truth value that its text says."""
    return [_number(cell) if isinstance(cell, str) else cell for cell in cells]


def _text(cell: Any) -> Any:
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return cell
    return str(int(cell)) if cell == int(cell) else str(cell)


def _number(cell: str) -> Any:
    for read in (int, float):
        try:
            return read(cell)
        except ValueError:
            continue
    return _FLAGS.get(cell.strip().lower(), cell)
