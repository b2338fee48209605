"""What the expression that a model was fitted on meant then and means now: which cell changed a name in it since."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from nb2prod.capturing import cells
from nb2prod.capturing.cells import FitCall
from nb2prod.capturing.execution import Notebook
from nb2prod.capturing.preparation.versions import makes
from nb2prod.capturing.statements import Statement, Statements
from nb2prod.errors import UsageError


@dataclass(frozen=True)
class Redefinition:
    """A name, the statement that had made it when the fit read it, and the one that made or changed it since."""

    name: str
    was: Statement
    now: Statement


def redefined(fit: FitCall, notebook: Notebook) -> Redefinition | None:
    """`fit(df[features], y)`, and `features` is another list since: bound anew, changed in place, or behind a frame made anew."""
    if fit.data is None:
        return None
    ran = notebook.statements
    at = ran.place(fit)
    names = sorted(cells.free_names(ast.parse(fit.data)))
    every = (_since(name, at, ran.graph.last, ran, frozenset()) for name in names)
    return next((found for found in every if found is not None), None)


def _since(name: str, then: int, now: int, ran: Statements, seen: frozenset[str]) -> Redefinition | None:
    """What became of a name between two places among the statements."""
    before, later = (ran.graph.writer(name, until) for until in (then, now))
    if before is None or later is None or name in seen:
        return None
    was, last = ran.of(before), ran.of(later)
    if was.code != last.code or (was.order != last.order and name in last.facts.reads):
        return Redefinition(name, was, last)
    for read in sorted(last.facts.reads) if was.order != last.order else ():
        found = _since(read, was.order - 1, last.order - 1, ran, seen | {name})
        if found is not None:
            return found
    changed = [one for one in ran.graph.changers(name, max(then, last.order), now) if name not in one.writes]
    return Redefinition(name, was, ran.of(changed[-1])) if changed else None


def maker(name: str, until: int, ran: Statements) -> Statement | None:
    """The last statement up to a place that made a variable of something else than itself: from it all is made anew."""
    return next((one for one in reversed(ran.all[:until]) if makes(one.node, name)), None)


def no_longer_there(shown: str, fit: FitCall, notebook: Notebook) -> UsageError | None:
    """The rows that the model `shown` was fitted on are gone by a redefinition: the cells between make them again."""
    found = redefined(fit, notebook)
    if found is None:
        return None
    name, was, now = found.name, found.was.execution, found.now.execution
    place, failed = notebook.place(now), now in notebook.failed
    mend = f"mend {notebook.place(now).partition(' (')[0]}, " if failed else ""
    half = f" In [{now}] failed half-way, and fails again until it is mended." if failed else ""
    return UsageError(
        f"The rows that `{shown}` was fitted on are no longer there: {place} changed `{name}`{' and failed' if failed else ''}",
        code="no-data",
        where=f"{place}: {name}",
        why=f"It was fitted on `{fit.data}` ({notebook.place(fit.execution, fit.line)}) with the `{name}` of In [{was}], "
        f"which is another now.{half}",
        fix=f"{mend}run {_again(found, shown, fit, notebook)} again and %deploy again",
        kept="nothing was captured",
    )


def _again(found: Redefinition, shown: str, fit: FitCall, notebook: Notebook) -> str:
    """The cells from the one that makes the name to the fit; where the change stands below the fit, the fit alone."""
    first = maker(found.name, found.now.order, notebook.statements) or found.now
    executions = (first.execution, found.now.execution, fit.execution)
    start, changed, last = (notebook.positions.get(one) for one in executions)
    if start is None or changed is None or last is None or max(start.index, changed.index) >= last.index:
        return f"the cell that fits `{shown}`"
    return f"cells {min(start.index, changed.index)} to {last.index}"
