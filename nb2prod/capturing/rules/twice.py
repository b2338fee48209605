"""A cell that was run more often than it stands in the notebook, and makes its data of itself each time."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import ClassVar

from nb2prod.capturing import cells, redone
from nb2prod.capturing.again import made_of_itself
from nb2prod.capturing.rules.base import Case, Rule
from nb2prod.capturing.statements import Statement, Statements
from nb2prod.capturing.superseded import reached
from nb2prod.records.capture import Finding


class RunTwice(Rule):
    code: ClassVar[str] = "run-twice"
    strict: ClassVar[bool] = True
    about: ClassVar[str] = "a cell that changes its own input was run again before the fit"
    fix: ClassVar[str] = "Kernel, Restart and Run All; then %deploy again"

    def look(self, case: Case) -> Iterator[Finding]:
        for runs in _again(case):
            names = sorted(_carried_over(case, runs))
            if not names:
                continue
            last = case.notebook.place(runs[-1].execution)
            cell = case.notebook.positions.get(runs[-1].execution)
            shown = ", ".join(f"`{name}`" for name in names)
            times = "twice" if len(runs) == 2 else f"{len(runs)} times"
            yield self.finding(
                f"{f'Cell {cell.index}' if cell else 'A cell'} was run {times} and changes {shown} each time",
                where=f"{last}: {', '.join(names)}",
                why=f"It ran as {', '.join(f'In [{run.execution}]' for run in runs)}, and `{case.shown}` was made with "
                "what all of them left; run from top to bottom, the notebook would make other data.",
                fix=self.fix,
            )
        told: set[str] = set()
        for one, seed, drawn in _drawn_again(case):
            names = sorted(one.makes - told)
            if names:
                told |= one.makes
                yield self._drawn(case, one, seed, drawn, names)

    def _drawn(self, case: Case, one: Statement, seed: Statement, drawn: str, names: list[str]) -> Finding:
        place = case.notebook.place
        return self.finding(
            f"`{drawn}` drew {', '.join(f'`{name}`' for name in names)} again from what was seeded once",
            where=f"{place(one.execution)}: {', '.join(names)}",
            why=f"Its cell ran again after {place(seed.execution)} had seeded it, and went on where the run before ended; run "
            "from top to bottom, the notebook would make other data.",
            fix=self.fix,
        )


def _drawn_again(case: Case) -> Iterator[tuple[Statement, Statement, str]]:
    """Statements behind the model that drew a second time from one seed of another cell: with that seed, and the call."""
    ran = case.notebook.statements
    for one in [one for part in case.parts for one in reached(part, ran)]:
        seeded = _seed(one, ran)
        if seeded is None or seeded[0].execution == one.execution:
            continue
        seed, drawn = seeded
        runs = {other.execution for other in ran.all if seed.order < other.order < one.order and other.code == one.code}
        if runs - {one.execution}:
            yield one, seed, drawn


def _seed(one: Statement, ran: Statements) -> tuple[Statement, str] | None:
    """What seeded the generator that a statement draws from: the one that all share, or one of its own."""
    if isinstance(one.node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return None
    shared = redone.unseeded(one.node)
    if shared is not None:
        seed = next((other for other in reversed(ran.all[: one.order - 1]) if redone.seeds([other])), None)
        return (seed, shared) if seed is not None else None
    for use in one.facts.uses:
        root, _, method = use.function.partition(".")
        maker = ran.graph.writer(root, one.order - 1) if method else None
        if maker is not None and redone.generator(ran.of(maker).node):
            return ran.of(maker), use.function
    return None


def _again(case: Case) -> Iterator[list[cells.Facts]]:
    """The runs behind the model of each cell that ran more often than it stands in the file."""
    runs: dict[str, list[cells.Facts]] = {}
    for cell in case.behind:
        runs.setdefault(cells.normal(cell.source), []).append(cell)
    for code, found in runs.items():
        stands = sum(cells.normal(saved.source) == code for saved in case.notebook.saved or ())
        if len(found) > max(stands, 1):
            yield found


def _carried_over(case: Case, runs: list[cells.Facts]) -> set[str]:
    """What the last run made of what an earlier one had made, and the model needs."""
    graph, last = case.notebook.graph, runs[-1]
    code = cells.normal(last.source)
    needed = {name for cell in case.behind if cells.normal(cell.source) != code for name in cell.reads | cell.later}
    needed |= {case.found.root} if case.found.root else set()
    if case.found.fit is not None:
        needed |= {name for text in (case.found.fit.data, case.found.fit.labels) for name in _names(text)}

    needed &= _used(case)

    def function(name: str) -> ast.FunctionDef | None:
        writer = graph.writer(name, last.execution)
        return writer.function(name) if writer else None

    return {
        name
        for name in made_of_itself(last.tree, function) & needed
        if runs[0] in graph.behind(name, at=last.execution - 1)
    }


def _used(case: Case) -> set[str]:
    """What the statements behind the model read or change; a list of scores beside them is none of its data."""
    ran = case.notebook.statements
    behind = [one.facts for part in case.parts for one in reached(part, ran)]
    return {name for one in behind for name in one.reads | one.later | one.changes | one.writes}


def _names(expression: str | None) -> set[str]:
    tree = cells.parse(expression) if expression else None
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} if tree else set()
