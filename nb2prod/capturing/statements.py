"""The statements that ran, one by one: a cell holds much that the model does not depend on."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from nb2prod.capturing import cells, source
from nb2prod.capturing.cells import Facts, FitCall
from nb2prod.capturing.facts import of_statement


@dataclass(frozen=True)
class Statement:
    """A statement that ran: in which execution, and its place among all that ran (`facts.execution` is that place)."""

    execution: int
    node: ast.stmt
    facts: Facts

    @property
    def order(self) -> int:
        return self.facts.execution

    @cached_property
    def code(self) -> str:
        return source.code(self.node)

    @property
    def makes(self) -> set[str]:
        """What it binds or changes."""
        return self.facts.writes | self.facts.changes


class Statements:
    """All statements of the executed cells in their order.

    Parameters
    ----------
    executed
        Pairs of execution number and source.

    Examples
    --------
    >>> ran = Statements([(1, "a = 1; x = 2"), (2, "b = a + 1")])
    >>> [ast.unparse(one.node) for one in ran.behind("b")]
    ['a = 1', 'b = a + 1']
    """

    def __init__(self, executed: Iterable[tuple[int, str]]) -> None:
        nodes = [(n, node) for n, text in sorted(executed) for node in source.statements(cells.parse(text))]
        self.all = [Statement(n, node, of_statement(order, node)) for order, (n, node) in enumerate(nodes, start=1)]
        self.graph = cells.Graph.of(one.facts for one in self.all)

    def of(self, facts: Facts) -> Statement:
        return self.all[facts.execution - 1]

    def behind(self, name: str, at: int | None = None) -> list[Statement]:
        """Every statement that `name`'s value depends on, as of the one in place `at`."""
        return [self.of(facts) for facts in self.graph.behind(name, at)]

    def makers(self, name: str, until: int | None = None) -> list[Statement]:
        """The statement that bound `name` last and those that changed it since."""
        last = self.graph.last if until is None else until
        return [self.of(facts) for facts in self.graph.makers(name, last)]

    def place(self, call: FitCall) -> int:
        """The place of the statement that a `.fit` call stands in."""
        inside = [one for one in self.all if one.execution == call.execution]
        held = [one for one in inside if one.node.lineno <= call.line <= (one.node.end_lineno or one.node.lineno)]
        return (held or inside or self.all)[-1].order

    def until(self, execution: int) -> int:
        """The place of an execution's last statement."""
        return max((one.order for one in self.all if one.execution <= execution), default=0)
