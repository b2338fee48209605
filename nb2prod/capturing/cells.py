"""The executed cells in their order: who wrote a name, who changed it, what lies behind it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from nb2prod.capturing.facts import CHANGING, FITTING, Facts, FitCall, Use, facts, free_names
from nb2prod.capturing.source import digest, normal, parse, python_source

__all__ = [
    "CHANGING",
    "FITTING",
    "Facts",
    "FitCall",
    "Graph",
    "Use",
    "digest",
    "facts",
    "free_names",
    "normal",
    "parse",
    "python_source",
]


class Graph:
    """The executed cells in their order, and who depends on whom.

    Parameters
    ----------
    executed
        Pairs of execution number and source, in any order.

    Examples
    --------
    >>> graph = Graph([(1, "a = 1"), (2, "b = a + 1"), (3, "c = 5")])
    >>> [cell.execution for cell in graph.behind("b")]
    [1, 2]
    """

    def __init__(self, executed: Iterable[tuple[int, str]]) -> None:
        self.cells = [facts(execution, source) for execution, source in sorted(executed)]
        self._by_number = {cell.execution: cell for cell in self.cells}

    @classmethod
    def of(cls, read: Iterable[Facts]) -> Graph:
        """A graph of what was read already: statements in the place of cells, say."""
        graph = cls(())
        graph.cells = list(read)
        graph._by_number = {cell.execution: cell for cell in graph.cells}
        return graph

    def cell(self, execution: int) -> Facts | None:
        return self._by_number.get(execution)

    @property
    def last(self) -> int:
        return self.cells[-1].execution if self.cells else 0

    def fits(self) -> Iterator[FitCall]:
        """Every `.fit` call, the latest first."""
        for cell in reversed(self.cells):
            yield from reversed(cell.fits)

    def branches(self, call: FitCall) -> list[FitCall]:
        """A `.fit` call, and those of the same thing in other branches of the statement that it stands in."""
        cell = self.cell(call.execution)
        same = (
            [one for one in cell.fits if one.receiver == call.receiver or one.assigned == call.assigned is not None]
            if cell
            else []
        )
        return [call, *(one for one in same if one.instead_of(call))]

    def aliases(self, name: str) -> set[str]:
        """`name` and the variables it was assigned from by a bare `a = b` (or `a = b.best_estimator_`)."""
        found, left = {name}, [name]
        while left:
            current = left.pop()
            source = self._assigned_from(current)
            if source and source not in found:
                found.add(source)
                left.append(source)
        return found

    def writer(self, name: str, at: int | None = None) -> Facts | None:
        """The latest cell up to execution `at` that bound `name`."""
        limit = self.last if at is None else at
        return next((cell for cell in reversed(self.cells) if cell.execution <= limit and name in cell.writes), None)

    def changers(self, name: str, after: int, until: int) -> list[Facts]:
        """Cells in between that changed `name` in place."""
        return [cell for cell in self.cells if after < cell.execution <= until and name in cell.changes]

    def behind(self, name: str, at: int | None = None) -> list[Facts]:
        """Every executed cell that `name`'s value at `at` depends on, in order of execution."""
        limit = self.last if at is None else at
        found: set[int] = set()
        seen: set[tuple[str, int]] = set()
        left = [(name, limit)]
        while left:
            current, until = left.pop()
            if (current, until) in seen:
                continue
            seen.add((current, until))
            for cell in self.makers(current, until):
                found.add(cell.execution)
                left += [(read, cell.execution - 1) for read in cell.reads]
                left += [(read, until) for read in cell.later]
        return [cell for cell in self.cells if cell.execution in found]

    def makers(self, name: str, until: int) -> list[Facts]:
        """What bound `name` last, and what changed it since."""
        writer = self.writer(name, until)
        start = writer.execution if writer else 0
        made = self.changers(name, start, until)
        return [writer, *made] if writer else made

    def _assigned_from(self, name: str) -> str | None:
        writer = self.writer(name)
        if writer is None or writer.tree is None:
            return None
        for node in reversed(writer.tree.body):
            if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
                value = node.value
                while isinstance(value, ast.Attribute):
                    value = value.value
                return value.id if isinstance(value, ast.Name) else None
        return None
