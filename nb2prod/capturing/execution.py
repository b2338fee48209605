"""What is known of a notebook: its namespace, the cells as executed and as saved; and a notebook run without a front end."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from nb2prod.capturing import cells, watching
from nb2prod.capturing.fingerprints import Fingerprint
from nb2prod.capturing.statements import Statements
from nb2prod.capturing.watching import Watch

_HOLDING = (ast.For, ast.AsyncFor, ast.While, ast.If, ast.Try, ast.Match, ast.With, ast.AsyncWith)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class SavedCell:
    """A code cell as the file has it: its position among all cells (from 1), id, source, the execution and texts it shows.

    `failed` is the line of it that raised, where it shows a traceback (0: none of its own).
    """

    index: int
    source: str
    id: str | None = None
    execution: int | None = None
    outputs: tuple[str, ...] = ()
    failed: int | None = None


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
    watch
        When each cell ran and which it was, as far as that was noted; None for a notebook that was run from its file.
    """

    namespace: Mapping[str, Any] = field(default_factory=dict)
    executed: tuple[tuple[int, str], ...] = ()
    saved: tuple[SavedCell, ...] | None = None
    path: Path | None = None
    watch: Watch | None = None

    @classmethod
    def from_ipython(cls, shell: Any) -> Notebook:
        """The notebook that runs in `shell`; its file through JPY_SESSION_NAME or ``__vsc_ipynb_file__``."""
        history = list(getattr(shell.history_manager, "input_hist_raw", None) or shell.user_ns.get("In", []))
        executed = tuple((number, source) for number, source in enumerate(history) if number and source.strip())
        path = find_file(shell.user_ns)
        saved = read_saved(path) if path else None
        return cls(namespace=shell.user_ns, executed=executed, saved=saved, path=path, watch=watching.of(shell))

    @cached_property
    def graph(self) -> cells.Graph:
        return cells.Graph(self.ran)

    @cached_property
    def statements(self) -> Statements:
        return Statements(self.ran)

    @cached_property
    def ran(self) -> tuple[tuple[int, str], ...]:
        """What ran to its end: of a cell that failed, the statements before the one that raised."""
        return tuple(
            (number, _until(source, self.failed[number]) if number in self.failed else source)
            for number, source in self.executed
        )

    @cached_property
    def failed(self) -> dict[int, int]:
        """The executions that failed, each with the line that raised; by the file where nobody watched."""
        typed = dict(self.executed)
        shown = {
            cell.execution: cell.failed
            for cell in self.saved or ()
            if cell.execution and cell.failed is not None and _same(cell.source, typed.get(cell.execution))
        }
        runs = self.watch.runs if self.watch is not None else {}
        seen = {number: run.failed for number, run in runs.items()}
        return {number: line for number, line in (shown | seen).items() if line is not None and number in typed}

    @cached_property
    def stale_check(self) -> Literal["full", "partial", "none"]:
        """`full` where the saved file speaks of this run, `partial` where only the executed cells are known."""
        if not self.executed:
            return "none"
        return "full" if self.saved is not None and self._file_is_of_this_run() else "partial"

    @cached_property
    def positions(self) -> dict[int, SavedCell]:
        """The saved cell that each execution came from, where that can be told: same id, else same code, else same number."""
        found: dict[int, SavedCell] = {}
        if self.saved is None:
            return found
        by_code: dict[str, SavedCell] = {cells.normal(cell.source): cell for cell in reversed(self.saved)}
        numbered = {cell.execution: cell for cell in self.saved if cell.execution is not None}
        by_id = {cell.id: cell for cell in self.saved if cell.id}
        for number, source in self.executed:
            known = by_id.get(self.cell_of(number) or "")
            same = known or by_code.get(cells.normal(source))
            cell = same or (numbered.get(number) if self.numbered else None)
            if cell is not None:
                found[number] = cell
        return found

    def place(self, execution: int, line: int | None = None) -> str:
        """`cell 7 (In [12]), line 3`; without a known file `In [12], line 3`."""
        cell = self.positions.get(execution)
        where = f"cell {cell.index} (In [{execution}])" if cell else f"In [{execution}]"
        return f"{where}, line {line}" if line else where

    def rows_at(self, execution: int) -> Mapping[str, Fingerprint]:
        """Fingerprints of the rows and labels that an execution fitted on, by their variables; empty where nobody watched."""
        run = self.watch.runs.get(execution) if self.watch is not None else None
        return run.rows if run is not None else {}

    def cell_of(self, execution: int) -> str | None:
        """The id of the cell that an execution ran, where the front end tells ids that the file has too."""
        run = self.watch.runs.get(execution) if self.watch and self._tells_ids else None
        return run.cell if run else None

    def saved_after(self, execution: int) -> bool | None:
        """Whether the file was written after an execution began, so that it has its cell; None where nobody knows."""
        known = self._saved_since(execution)
        if known is None and self.numbered:
            return execution <= self.saved_at
        return known

    def _saved_since(self, execution: int) -> bool | None:
        """By the clock: the file's time against when the cell ran."""
        written = _written(self.path)
        if self.watch is None or written is None:
            return None
        run = self.watch.runs.get(execution)
        if run is not None:
            return written > run.at
        first = self.watch.runs.get(self.watch.since)
        return True if first is not None and execution < self.watch.since and written > first.at else None

    @cached_property
    def current(self) -> tuple[SavedCell, ...]:
        """The cells as they stand now: as the file has them, those that ran since it was written as they ran."""
        ran = dict(self.executed)
        since = {
            cell: number
            for number in sorted(ran)
            if (cell := self.cell_of(number)) is not None and self.saved_after(number) is False
        }
        saved = self.saved or ()
        known = {cell.id for cell in saved}
        return (
            *(replace(cell, source=ran[since[cell.id]]) if cell.id in since else cell for cell in saved),
            *(SavedCell(0, ran[number], cell, number) for cell, number in since.items() if cell not in known),
        )

    @cached_property
    def _tells_ids(self) -> bool:
        ids = {cell.id for cell in self.saved or () if cell.id}
        return self.watch is not None and any(run.cell in ids for run in self.watch.runs.values())

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
        fitted = next((call.execution for call in self.graph.fits()), None)
        written = self._saved_since(fitted) if fitted is not None else None
        if written is not None or self.numbered:
            return self.numbered if written is None else written
        known = {cells.normal(cell.source) for cell in self.saved or ()}
        ran = [
            source for _, source in self.executed if cells.parse(source) is not None and cells.facts(0, source).writes
        ]
        shown = any(cell.execution is not None for cell in self.saved or ())
        inside = [cells.normal(source) in known for source in ran]
        return bool(inside) and (all(inside) if shown else any(inside))


@contextlib.contextmanager
def excluded(namespace: Mapping[str, Any], names: Sequence[str]) -> Iterator[None]:
    """Take names out of the notebook while its code is pickled and asked, and put them back."""
    taken: dict[str, Any] = {}
    if names and isinstance(namespace, MutableMapping):
        taken = {name: namespace.pop(name) for name in names if name in namespace}
    try:
        yield
    finally:
        if taken and isinstance(namespace, MutableMapping):
            namespace.update(taken)


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
            None if str(cell.source).lstrip().startswith("%%") else _raised(cell.get("outputs", ())),
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


def _raised(outputs: Iterable[Any]) -> int | None:
    """The cell's line in the traceback that it shows."""
    for output in outputs:
        if output.output_type == "error":
            text = _COLOUR.sub("", "\n".join(map(str, output.get("traceback", ()))))
            line = re.search(r"^-+> *(\d+)", text, re.MULTILINE)
            return int(line[1]) if line else 0
    return None


def _until(source: str, line: int) -> str:
    """The text of a cell before the statement that stands in a line; one that holds others may have run some of them."""
    for node in getattr(cells.parse(source), "body", ()):
        if node.lineno <= line <= (node.end_lineno or node.lineno):
            whole = isinstance(node, _HOLDING)
            return "\n".join(source.split("\n")[: (node.end_lineno or line) if whole else node.lineno - 1])
    return ""


def _written(path: Path | None) -> float | None:
    """When a file was written last."""
    try:
        return path.stat().st_mtime if path is not None else None
    except OSError:
        return None


def _written_here(path: Path | None) -> bool:
    """Whether a file was written since this process began: an older one shows the numbers of another session."""
    if path is None or not path.is_file():
        return True
    import psutil

    return bool(path.stat().st_mtime >= psutil.Process().create_time())


def _same(saved: str, ran: str | None) -> bool:
    return ran is not None and cells.normal(saved) == cells.normal(ran)
