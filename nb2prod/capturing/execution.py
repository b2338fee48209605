"""What is known of a notebook: its namespace, the cells as executed and as saved; and a notebook run without a front end."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from nb2prod.capturing import cells


@dataclass(frozen=True)
class SavedCell:
    """A code cell as the file has it: its position among all cells (from 1), id, source, the execution and texts it shows."""

    index: int
    source: str
    id: str | None = None
    execution: int | None = None
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Notebook:
    """A notebook as capture sees it.

    Parameters
    ----------
    namespace
        The user's variables.
    executed
        Execution number and source of every cell that ran, magics as typed.
    saved
        The code cells as the file has them; None where there is no file or it cannot be found.
    path
        The file.
    """

    namespace: Mapping[str, Any] = field(default_factory=dict)
    executed: tuple[tuple[int, str], ...] = ()
    saved: tuple[SavedCell, ...] | None = None
    path: Path | None = None

    @classmethod
    def from_ipython(cls, shell: Any) -> Notebook:
        """The notebook that runs in `shell`; its file through JPY_SESSION_NAME or ``__vsc_ipynb_file__``."""
        history = list(getattr(shell.history_manager, "input_hist_raw", None) or shell.user_ns.get("In", []))
        executed = tuple((number, source) for number, source in enumerate(history) if number and source.strip())
        path = find_file(shell.user_ns)
        return cls(namespace=shell.user_ns, executed=executed, saved=read_saved(path) if path else None, path=path)

    @cached_property
    def graph(self) -> cells.Graph:
        return cells.Graph(self.executed)

    @cached_property
    def stale_check(self) -> Literal["full", "partial", "none"]:
        """`full` where the saved file speaks of this run, `partial` where only the executed cells are known."""
        if not self.executed:
            return "none"
        return "full" if self.saved is not None and self._file_is_of_this_run() else "partial"

    @cached_property
    def positions(self) -> dict[int, SavedCell]:
        """The saved cell that each execution came from, where that can be told: same number, else same code."""
        found: dict[int, SavedCell] = {}
        if self.saved is None:
            return found
        by_code: dict[str, SavedCell] = {cells.normal(cell.source): cell for cell in reversed(self.saved)}
        numbered = {cell.execution: cell for cell in self.saved if cell.execution is not None}
        for number, source in self.executed:
            same = by_code.get(cells.normal(source))
            cell = same or (numbered.get(number) if self.numbered else None)
            if cell is not None:
                found[number] = cell
        return found

    def place(self, execution: int, line: int | None = None) -> str:
        """`cell 7 (In [12]), line 3`; without a known file `In [12], line 3`."""
        cell = self.positions.get(execution)
        where = f"cell {cell.index} (In [{execution}])" if cell else f"In [{execution}]"
        return f"{where}, line {line}" if line else where

    @cached_property
    def numbered(self) -> bool:
        """Whether the execution numbers in the file are this run's: it was saved after the fit that it is compared with."""
        fitted = next((call.execution for call in self.graph.fits()), 0)
        return bool(self.saved_at) and (self.saved_at >= fitted or self._edited(fitted))

    @cached_property
    def saved_at(self) -> int:
        """The latest execution that the file shows as it ran: it was written after that; 0 where it shows none."""
        ran = dict(self.executed)
        return max(
            (
                cell.execution
                for cell in self.saved or ()
                if cell.execution and _same(cell.source, ran.get(cell.execution))
            ),
            default=0,
        )

    def _edited(self, execution: int) -> bool:
        """Whether the file has another text under the number of a cell that ran, and was written since this kernel began."""
        ran = cells.normal(dict(self.executed).get(execution, ""))
        saved = [cell.execution for cell in self.saved or () if cells.normal(cell.source) != ran]
        return execution in saved and len(saved) == len(self.saved or ()) and _written_here(self.path)

    def _file_is_of_this_run(self) -> bool:
        """Saved after what it is compared with ran, or without numbers of its own: then the code itself must tell."""
        if self.numbered:
            return True
        known = {cells.normal(cell.source) for cell in self.saved or ()}
        ran = [
            source for _, source in self.executed if cells.parse(source) is not None and cells.facts(0, source).writes
        ]
        shown = any(cell.execution is not None for cell in self.saved or ())
        inside = [cells.normal(source) in known for source in ran]
        return bool(inside) and (all(inside) if shown else any(inside))


def find_file(namespace: Mapping[str, Any]) -> Path | None:
    """The file of the running notebook, or None."""
    candidates = [namespace.get("__vsc_ipynb_file__"), os.environ.get("JPY_SESSION_NAME")]
    for candidate in candidates:
        if not candidate:
            continue
        path = Path(str(candidate).split("RTC:")[-1]).expanduser()
        for place in (path, Path.cwd() / path.name):
            if place.suffix == ".ipynb" and place.is_file():
                return place.absolute()
    return None


def read_saved(path: Path) -> tuple[SavedCell, ...] | None:
    """The code cells of a notebook file, or None where it cannot be read."""
    import nbformat

    try:
        document = nbformat.read(path, as_version=4)
    except Exception:  # an unreadable file is an unsaved notebook: the check is partial and says so
        return None
    return tuple(
        SavedCell(
            index,
            str(cell.source),
            cell.get("id"),
            cell.get("execution_count"),
            tuple(_texts(cell.get("outputs", ()))),
        )
        for index, cell in enumerate(document.cells, start=1)
        if cell.cell_type == "code" and str(cell.source).strip()
    )


def _texts(outputs: Iterable[Any]) -> Iterator[str]:
    """What an output says in text: prints, values, tables, tracebacks; no pictures, no widgets."""
    for output in outputs:
        if output.output_type == "stream":
            yield str(output.text)
        elif output.output_type == "error":
            yield "\n".join([str(output.get("evalue", "")), *map(str, output.get("traceback", ()))])
        else:
            shown = output.get("data", {})
            texts = [
                shown[kind] for kind in ("text/plain", "text/html", "text/markdown", "text/latex") if kind in shown
            ]
            yield from map(str, texts)
            if "application/json" in shown:
                yield json.dumps(shown["application/json"], default=str)


def _written_here(path: Path | None) -> bool:
    """Whether a file was written since this process began: an older one shows the numbers of another session."""
    if path is None or not path.is_file():
        return True
    import psutil

    return bool(path.stat().st_mtime >= psutil.Process().create_time())


def _same(saved: str, ran: str | None) -> bool:
    return ran is not None and cells.normal(saved) == cells.normal(ran)
