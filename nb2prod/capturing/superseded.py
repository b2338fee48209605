"""Values that an older definition made: a name that they read was defined anew, and they were not made again since."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from nb2prod.capturing.execution import Notebook
from nb2prod.capturing.parts import Part
from nb2prod.capturing.statements import Statement, Statements


@dataclass(frozen=True)
class Superseded:
    """A statement behind a part that read `name` as `used` had defined it, and the statement that defined it anew since."""

    name: str
    reader: Statement
    used: Statement
    later: Statement


def superseded(part: Part, notebook: Notebook) -> Iterator[Superseded]:
    """What lies behind a part and was made before a name that it read was defined otherwise, though the part came after.

    A definition counts where the notebook, run from top to bottom, would give it to the reader: the same cell as before,
    edited, or one between. Where the place of a cell is not known a function counts, and a plain value where a cell that
    ran before it was run again after it.
    """
    ran = notebook.statements
    behind = reached(part, ran)
    codes = {(one.code, one.order) for one in behind}
    for reader in behind:
        for name in sorted(reads(reader, ran)):
            used = _writer(name, reader.order - 1, ran)
            if used is None or name == part.name:
                continue
            case = _Place(part, notebook, behind, reader, used, name)
            later = max((one for one in ran.all if case.takes_over(one)), key=lambda one: one.order, default=None)
            if later is None or _definition(later, name) == _definition(used, name):
                continue
            if not any(code == reader.code and order > later.order for code, order in codes if order != reader.order):
                yield Superseded(name, reader, used, later)


def to_run_again(part: Part, ran: Statements, name: str, after: int) -> list[int]:
    """Executions whose cells are to be run again, in order, where `name` was defined anew by the statement in place `after`.

    Those that were made with the older definition and all that was made from them, up to the part; what ran again since
    is as it should be.
    """
    fresh, made, executions = after, set[str](), list[int]()
    for one in reached(part, ran):
        direct = one.order < after and name in reads(one, ran)
        if not direct and not made & (one.facts.reads | one.facts.changes):
            continue
        made |= one.makes
        again = max((other.order for other in ran.all if other.code == one.code), default=0)
        if one.order != part.order and not executions and again > fresh:
            fresh = again
        elif one.execution not in executions:
            executions.append(one.execution)
    return executions


def reached(part: Part, ran: Statements) -> list[Statement]:
    """The statements behind a part: of several fits of a model the last alone made it."""
    if not part.order:
        return []
    last = ran.all[part.order - 1]
    seen = {last.order: last}
    left = [last] if part.fit is not None and not last.facts.functions else list(part.behind)
    seen |= {one.order: one for one in left}
    while left:
        reader = left.pop()
        for name in reads(reader, ran):
            for one in ran.makers(name, reader.order - 1):
                refits = (
                    one.order != part.order
                    and name in reader.makes
                    and any(fit.root == name and fit.method != "partial_fit" for fit in one.facts.fits)
                )
                if one.order not in seen and not refits:
                    seen[one.order] = one
                    left.append(one)
    return [seen[order] for order in sorted(seen)]


def reads(reader: Statement, ran: Statements) -> set[str]:
    """What a statement read: by itself, and by the functions that it read. What a function reads is read when it is called."""
    found: set[str] = set()
    left = set(reader.facts.reads) | (set() if reader.facts.functions else reader.facts.later)
    while left:
        name = left.pop()
        found.add(name)
        maker = _writer(name, reader.order - 1, ran)
        if maker is not None and (name in maker.facts.functions or _is_lambda(maker)):
            left |= maker.facts.later - found
    return found


@dataclass(frozen=True)
class _Place:
    """Who read a name, of whom, for what."""

    part: Part
    notebook: Notebook
    behind: list[Statement]
    reader: Statement
    used: Statement
    name: str

    def takes_over(self, later: Statement) -> bool:
        """Whether the reader, made again, would get the name from this statement."""
        if self.name not in later.facts.writes or not self.reader.order < later.order < self.part.order:
            return False
        watch, positions = self.notebook.watch, self.notebook.positions
        if watch is not None and watch.same(self.reader.execution, later.execution):
            return False
        if watch is not None and watch.same(self.used.execution, later.execution):
            return True
        reader, used, now = (positions.get(one.execution) for one in (self.reader, self.used, later))
        if reader is not None and now is not None:
            return now.index < reader.index and (used is None or used.index <= now.index)
        return self._looks_edited(later)

    def _looks_edited(self, later: Statement) -> bool:
        if all(self.name in one.facts.functions for one in (self.used, later)):
            return True
        if not (_is_plain(self.used) and _is_plain(later)):
            return False
        before = {one.code for one in self.notebook.statements.all if one.order < later.order}
        return any(one.order > later.order and one.code in before for one in self.behind)


def _writer(name: str, until: int, ran: Statements) -> Statement | None:
    facts = ran.graph.writer(name, until)
    return ran.of(facts) if facts is not None else None


def _definition(one: Statement, name: str) -> str:
    return one.facts.definitions.get(name, one.code)


def _is_lambda(one: Statement) -> bool:
    return isinstance(one.node, ast.Assign) and isinstance(one.node.value, ast.Lambda)


def _is_plain(one: Statement) -> bool:
    """Whether a statement states a value: numbers, texts, lists of them."""
    if not isinstance(one.node, ast.Assign):
        return False
    try:
        ast.literal_eval(one.node.value)
    except ValueError:
        return False
    return True
