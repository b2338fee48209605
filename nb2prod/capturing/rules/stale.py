"""What the kernel hides: cells edited, deleted or run again after the fit, cells run out of order, data changed since."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from nb2prod.capturing import cells
from nb2prod.capturing.execution import SavedCell
from nb2prod.capturing.rules.base import Case, Rule
from nb2prod.records.capture import Finding


@dataclass(frozen=True)
class Used:
    """A definition that the model depends on, as of the fit."""

    name: str
    cell: cells.Facts
    code: str


class Stale(Rule):
    """A definition that the model depends on is another one now: in the file, or in a cell that ran after the fit."""

    code: ClassVar[str] = "stale"
    strict: ClassVar[bool] = True
    about: ClassVar[str] = "a cell was edited, or a name defined anew, after the model was fitted"
    fix: ClassVar[str] = "run the named cells again and %deploy again"

    def look(self, case: Case) -> Iterator[Finding]:
        told: set[int] = set()
        for used in _definitions(case):
            later = case.notebook.graph.writer(used.name)
            fitted = case.fitted_at or used.cell.execution
            changed = _changed_in_place(case, used.name, fitted)
            if changed is not None and used.name in _serving(case):
                yield self._again(case, used, changed)
            elif later and later.execution > fitted and later.definitions.get(used.name, used.code) != used.code:
                if used.name in _serving(case):
                    yield self._again(case, used, later)
            else:
                edited = _edited(case, used)
                if edited is not None:
                    told.add(used.cell.execution)
                    yield self._edited(case, used, edited)
        for cell, saved in _rewritten(case):
            if cell.execution not in told:
                yield self._rewritten(case, cell, saved)

    def _again(self, case: Case, used: Used, later: cells.Facts) -> Finding:
        place = case.notebook.place(later.execution)
        return self.finding(
            f"{_capital(place)} changed `{used.name}` after the model was fitted",
            where=f"{place}: {used.name}",
            why=_which_runs(case, used, later),
            fix=_run_again(case, later.execution),
        )

    def _edited(self, case: Case, used: Used, edited: SavedCell) -> Finding:
        if used.cell.execution == case.fitted_at:
            return self._rewritten(case, used.cell, edited)
        place = f"cell {edited.index} (In [{used.cell.execution}])"
        return self.finding(
            f"{_capital(place)} changed `{used.name}` after the model was fitted",
            where=f"{place}: {used.name}",
            why=f"The service runs the one of In [{used.cell.execution}], with which `{case.shown}` was made; the cell "
            "as it stands now has not been run.",
            fix=_run_again(case, used.cell.execution, edited.index),
        )

    def _rewritten(self, case: Case, cell: cells.Facts, saved: SavedCell) -> Finding:
        """The cell of the fit, or one that made its data, reads otherwise now."""
        names = sorted((cell.writes | cell.changes) & _needed(case))
        fits = cell.execution == case.fitted_at
        made = "fitted" if case.found.fit is not None else "made"
        thing = f"`{case.shown}` was {made}" if fits else f"{', '.join(f'`{name}`' for name in names[:4])} was made"
        return self.finding(
            f"{thing} in cell {saved.index}, whose text was edited since",
            where=f"cell {saved.index} (In [{cell.execution}]): {case.shown if fits else ', '.join(names[:4])}",
            why=f"The service runs what In [{cell.execution}] made; the cell as it stands now has not been run and would "
            "make another.",
            fix=_run_again(case, cell.execution, saved.index),
        )


class DeletedCell(Rule):
    code: ClassVar[str] = "deleted-cell"
    strict: ClassVar[bool] = True
    about: ClassVar[str] = "a cell that the model depends on is no longer in the notebook"
    fix: ClassVar[str] = "put the cell back: print(In[N])"

    def look(self, case: Case) -> Iterator[Finding]:
        if case.notebook.stale_check != "full":
            return
        edited = {used.cell.execution for used in _definitions(case) if _edited(case, used) is not None}
        for cell in case.behind:
            names = sorted(cell.writes | cell.changes)
            if not names or cell.execution in case.notebook.positions or cell.execution in edited:
                continue
            if case.notebook.numbered and cell.execution > case.notebook.saved_at:
                continue  # it ran after the file was written, which cannot have it yet
            if any(_defines(saved, name) for name in names for saved in case.notebook.saved or ()):
                continue
            shown = ", ".join(names[:4])
            yield self.finding(
                f"The cell that made `{shown}` is no longer in the notebook",
                where=f"In [{cell.execution}]: {shown}",
                why=f"`{case.shown}` depends on it; run from top to bottom, the notebook would not make this model again.",
                fix=f"put it back:  print(In[{cell.execution}])",
            )


class OutOfOrder(Rule):
    code: ClassVar[str] = "out-of-order"
    strict: ClassVar[bool] = True
    about: ClassVar[str] = "cells were run in another order than they stand in"
    fix: ClassVar[str] = "move the cell up; Kernel, Restart and Run All"

    def look(self, case: Case) -> Iterator[Finding]:
        if case.notebook.stale_check != "full":
            return
        positions, graph = case.notebook.positions, case.notebook.graph
        for cell in case.behind:
            user = positions.get(cell.execution)
            for name in sorted(cell.reads):
                maker = graph.writer(name, cell.execution - 1)
                made = positions.get(maker.execution) if maker else None
                if maker is None or user is None or made is None or made.index <= user.index:
                    continue
                yield self.finding(
                    f"Cell {user.index} uses `{name}` of cell {made.index}, which stands below it",
                    where=f"{case.notebook.place(cell.execution)}: {name}",
                    why="Run from top to bottom, the notebook would stop there or make another model.",
                    fix=f"move cell {made.index} above cell {user.index}; Kernel, Restart and Run All",
                )


class DataChanged(Rule):
    code: ClassVar[str] = "data-changed"
    strict: ClassVar[bool] = True
    about: ClassVar[str] = "the training data was changed after the model was fitted on it"
    fix: ClassVar[str] = "fit again, or name what .fit saw: --data FRAME"

    def look(self, case: Case) -> Iterator[Finding]:
        fit = case.found.fit
        if fit is None or fit.data is None or case.found.data_name != fit.data:
            return
        before = {cells.normal(cell.source) for cell in case.notebook.graph.cells if cell.execution <= fit.execution}
        for name in dict.fromkeys(_roots(fit.data) + _roots(fit.labels or "")):
            for cell in case.notebook.graph.cells:
                touched = name in cell.changes or (name in cell.writes and cells.normal(cell.source) not in before)
                touched = touched or name in changed_by_calls(cell, case.notebook.graph)
                if cell.execution > fit.execution and touched:
                    place = case.notebook.place(cell.execution)
                    yield self.finding(
                        f"`{name}` was changed after `{case.shown}` was fitted on it",
                        where=f"{place}: {name}",
                        why="The baseline would describe data that the model never saw.",
                        fix=f"{_run_again(case, cell.execution)}, or name what .fit saw: --data FRAME",
                    )
                    break


def changed_by_calls(cell: cells.Facts, graph: cells.Graph) -> set[str]:
    """Names that a cell's calls change inside the function that is called: what it is given, or a global."""
    found: set[str] = set()
    for use in cell.uses:
        writer = graph.writer(use.function, cell.execution)
        node = writer.function(use.function) if writer else None
        if node is None:
            continue
        body = cells.facts(0, "\n".join(ast.unparse(part) for part in node.body))
        changed = body.changes - body.writes
        given = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
        pairs = zip(given, use.arguments, strict=False)
        found |= changed - set(given)
        found |= {argument for name, argument in pairs if name in changed and argument.isidentifier()}
    return found


def _changed_in_place(case: Case, name: str, fitted: int) -> cells.Facts | None:
    """The first cell after the fit that changed what the name stands for, though not the name."""
    if case.found.fit is None:
        return None
    after = case.notebook.graph.changers(name, fitted, case.notebook.graph.last)
    return next((cell for cell in after if name not in cell.writes), None)


def _serving(case: Case) -> set[str]:
    """Names of the code and the globals that answer; that a frame's name is used again for another is everyday."""
    return (
        {code.name.partition(".")[0] for code in case.travelling}
        | {name for cell in case.behind for name in cell.functions}
        | {held.path for held in case.held if held.of and held.by in ("global", "closure")}
    )


def _definitions(case: Case) -> Iterator[Used]:
    """Each name that the model depends on with its definition as of the fit, the latest in each case."""
    latest: dict[str, Used] = {}
    for cell in case.behind:
        for name, code in cell.definitions.items():
            latest[name] = Used(name, cell, code)
    yield from latest.values()


def _edited(case: Case, used: Used) -> SavedCell | None:
    """The saved cell that defines the name otherwise, where no saved cell defines it as it was used."""
    if case.notebook.stale_check != "full":
        return None
    saved = [cell for cell in case.notebook.saved or () if _defines(cell, used.name)]
    if any(used.code in _codes(cell, used.name) for cell in saved):
        return None
    same = [cell for cell in saved if cell.execution == used.cell.execution]
    return next(iter(same or saved), None)


def _rewritten(case: Case) -> Iterator[tuple[cells.Facts, SavedCell]]:
    """Cells behind the model that stand otherwise in the file, under their number: in a statement that the model needs."""
    if case.notebook.stale_check != "full" or not case.notebook.numbered:
        return
    saved = {cell.execution: cell for cell in case.notebook.saved or () if cell.execution}
    standing = {one for cell in case.notebook.saved or () for one in _statements(cell.source)}
    needed = _needed(case)
    for cell in case.behind:
        now = saved.get(cell.execution)
        own = [one for one, names in _statements(cell.source).items() if names & needed]
        if now is not None and any(one not in standing for one in own):
            yield cell, now


def _statements(source: str) -> dict[str, set[str]]:
    """The statements of a cell that make or change something, each with what."""
    tree = cells.parse(source)
    found = {}
    for node in tree.body if tree else ():
        said = cells.facts(0, ast.unparse(node))
        found[ast.dump(node)] = said.writes | said.changes
    return {one: names for one, names in found.items() if names}


def _needed(case: Case) -> set[str]:
    """The names that lead to the model."""
    found = {name for cell in case.behind for name in cell.reads | cell.later}
    return found | ({case.found.root} if case.found.root else set())


def _which_runs(case: Case, used: Used, later: cells.Facts) -> str:
    """A global that the code reads is the one of today; what the model holds by itself is the one it was made with."""
    place = case.notebook.place
    made = "fitted" if case.found.fit is not None else "made"
    today = case.notebook.namespace.get(used.name)
    held = [one for one in case.held if one.path == used.name or getattr(one.value, "__qualname__", None) == used.name]
    if any(one.value is today for one in held):
        return (
            f"The service runs the one of {place(later.execution)}; `{case.shown}` was {made} with the one of "
            f"{place(used.cell.execution)}."
        )
    return (
        f"The service runs the one of {place(used.cell.execution)}, with which `{case.shown}` was {made}, not the one of "
        f"{place(later.execution)}."
    )


def _defines(saved: SavedCell, name: str) -> bool:
    return name in cells.facts(saved.execution or 0, saved.source).definitions


def _codes(saved: SavedCell, name: str) -> set[str]:
    found = cells.facts(saved.execution or 0, saved.source).definitions.get(name)
    return {found} if found else set()


def _roots(expression: str) -> list[str]:
    """The variables of an expression, those that it is about first."""
    tree = cells.parse(expression)
    if tree is None:
        return []
    return [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]


def _run_again(case: Case, execution: int, index: int | None = None) -> str:
    positions = case.notebook.positions
    start = index or (positions[execution].index if execution in positions else None)
    end = positions[case.fitted_at].index if case.fitted_at in positions else None
    if start is None or end is None:
        return f"run the cell that fits `{case.shown}` again and %deploy again"
    if start >= end:
        return f"run cell {end} again and %deploy again"
    return f"run cells {start} to {end} and %deploy again"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
