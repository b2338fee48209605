"""Cells that were run in another order than they stand in: what they use is made, or changed, below them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import ClassVar

from nb2prod.capturing import cells, columns
from nb2prod.capturing.execution import SavedCell
from nb2prod.capturing.parts import Part
from nb2prod.capturing.rules.base import Case, Rule
from nb2prod.capturing.statements import Statement
from nb2prod.capturing.superseded import reached, reads
from nb2prod.capturing.values import is_frame
from nb2prod.records.capture import Finding


class OutOfOrder(Rule):
    code: ClassVar[str] = "out-of-order"
    strict: ClassVar[bool] = True
    about: ClassVar[str] = "cells were run in another order than they stand in"
    fix: ClassVar[str] = "move the cell up; Kernel, Restart and Run All"

    def look(self, case: Case) -> Iterator[Finding]:
        if case.notebook.stale_check != "full":
            return
        told: set[tuple[int, str]] = set()
        for execution, user, name, made in _made_below(case):
            told.add((user.index, name))
            yield self._found(
                case, execution, user, name, made, f"uses `{name}` of cell {made.index}, which stands below it"
            )
        for reader, name, by in _changed_below(case):
            user, made = (case.notebook.positions[one.execution] for one in (reader, by))
            if (user.index, name) not in told:
                told.add((user.index, name))
                ran = f"uses `{name}` as cell {made.index} (In [{by.execution}]) changed it, which stands below it"
                yield self._found(case, reader.execution, user, name, made, ran)

    def _found(self, case: Case, execution: int, user: SavedCell, name: str, made: SavedCell, what: str) -> Finding:
        return self.finding(
            f"Cell {user.index} {what}",
            where=f"{case.notebook.place(execution)}: {name}",
            why="Run from top to bottom, the notebook would stop there or make another model.",
            fix=f"move cell {made.index} above cell {user.index}; Kernel, Restart and Run All",
        )


def _made_below(case: Case) -> Iterator[tuple[int, SavedCell, str, SavedCell]]:
    positions, graph = case.notebook.positions, case.notebook.graph
    for cell in case.behind:
        user = positions.get(cell.execution)
        for name in sorted(cell.reads):
            maker = graph.writer(name, cell.execution - 1)
            made = positions.get(maker.execution) if maker else None
            if user is not None and made is not None and made.index > user.index:
                yield cell.execution, user, name, made


def _changed_below(case: Case) -> Iterator[tuple[Statement, str, Statement]]:
    """Statements behind the model that read a name after a cell below theirs had changed it in place."""
    ran, positions = case.notebook.statements, case.notebook.positions
    for part in case.parts:
        for reader in reached(part, ran):
            for name in sorted(reads(reader, ran)):
                for by in ran.makers(name, reader.order - 1):
                    user, made = positions.get(reader.execution), positions.get(by.execution)
                    below = user is not None and made is not None and made.index > user.index
                    if below and name not in by.facts.writes and _matters(by, name, reader, part, case):
                        yield reader, name, by


def _matters(by: Statement, name: str, reader: Statement, part: Part, case: Case) -> bool:
    """Whether the change reaches what is read: a column beside those of the rows, or one more fit, does not."""
    if any(fit.root == name and fit.method != "partial_fit" for fit in by.facts.fits):
        return False
    found = columns.changed(by.node, name, case.notebook.namespace)
    return columns.touch(found, _read(reader, case) if is_frame(case.notebook.namespace.get(name)) else None)


def _read(reader: Statement, case: Case) -> set[str]:
    """Columns that a statement may have read: those of the rows and labels, and every word in it and in what it calls."""
    found = case.found
    words = {str(one) for one in getattr(found.data, "columns", ())} | {str(getattr(found.labels, "name", ""))}
    graph = case.notebook.statements.graph
    called = [writer.function(use.function) for use in reader.facts.uses if (writer := graph.writer(use.function))]
    for tree in (reader.node, *(one for one in called if one is not None), *map(cells.parse, _lists(reader, case))):
        for node in ast.walk(tree) if tree is not None else ():
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                words.add(node.value)
            elif isinstance(node, ast.Attribute):
                words.add(node.attr)
    return words


def _lists(reader: Statement, case: Case) -> Iterator[str]:
    """Names of columns that a statement takes from a list of the notebook."""
    for name in reader.facts.reads:
        value = case.notebook.namespace.get(name)
        if isinstance(value, list | tuple) and len(value) < 1000 and all(isinstance(one, str) for one in value):
            yield repr(value)
