"""What the kernel hides: cells edited, deleted or run again after the model was made, and cells run out of order."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from nb2prod.capturing import cells, source
from nb2prod.capturing.again import made_of_itself
from nb2prod.capturing.parts import Part
from nb2prod.capturing.redefinition import maker
from nb2prod.capturing.rules.base import Case, Rule
from nb2prod.capturing.standing import Standing, Standings
from nb2prod.capturing.statements import Statement
from nb2prod.capturing.superseded import Superseded, reached, superseded, to_run_again
from nb2prod.records.capture import Finding


@dataclass(frozen=True)
class Used:
    """A definition that a part depends on, as of when it was made."""

    name: str
    by: Statement
    code: str


class Stale(Rule):
    """What a part was made with is another now: defined anew in a cell that ran later, or edited in the notebook."""

    code: ClassVar[str] = "stale"
    strict: ClassVar[bool] = True
    about: ClassVar[str] = "a cell was edited, or a name defined anew, after the model was fitted"
    fix: ClassVar[str] = "run the named cells again and %deploy again"

    def look(self, case: Case) -> Iterator[Finding]:
        told: set[str] = set()
        for part in _nearest(case):
            for used in _definitions(part):
                later = _defined_anew(case, part, used)
                if later is not None and used.name not in told:
                    told.add(used.name)
                    yield self._again(case, part, used, later)
            for old in superseded(part, case.notebook):
                if old.name not in told:
                    told |= old.used.makes
                    yield self._older(case, part, old)
        for part, execution, standing in _standings(case):
            if standing.state == "edited" and not _told_of(told, part, standing, case):
                yield self._edited(case, part, execution, standing)

    def _again(self, case: Case, part: Part, used: Used, later: Statement) -> Finding:
        place = case.notebook.place(later.execution)
        return self.finding(
            f"{_capital(place)} changed `{used.name}` after {_the(part)} was {part.made}",
            where=f"{place}: {used.name}",
            why=_which_runs(case, part, used, later),
            fix=run_again(case, part, later.execution, name=used.name),
        )

    def _older(self, case: Case, part: Part, old: Superseded) -> Finding:
        place = case.notebook.place
        made, now = listed(sorted(old.reader.makes)), place(old.later.execution)
        were = "were" if len(old.reader.makes) > 1 else "was"
        return self.finding(
            f"{made or _capital(_the(part))} {were} made before {now} changed `{old.name}`",
            where=f"{now}: {old.name}",
            why=f"{_capital(place(old.reader.execution))} used the `{old.name}` of {place(old.used.execution)} and was not run "
            f"again since; {_the(part)} was {part.made} with what it made.",
            fix=_cells_again(case, part, old.name, old.later.order),
        )

    def _edited(self, case: Case, part: Part, execution: int, standing: Standing) -> Finding:
        saved = standing.saved
        assert saved is not None
        ran = standing.again if _since(case, part, standing) else execution
        place = f"cell {saved.index} (In [{ran}])" if saved.index else f"In [{ran}]"
        name = next(
            (one for one in standing.names if any(one in by.facts.definitions for by in standing.missing)), None
        )
        shown = listed(standing.names[:4])
        were = "was" if len(standing.names) == 1 else "were"
        fits = part.fit is not None and execution == part.execution and part.name in standing.names
        cell = f"cell {saved.index}" if saved.index else f"the cell of In [{execution}]"
        if fits:
            title, at = f"`{part.name}` was fitted in {cell}, whose text was edited since", part.name
        elif name is not None and execution != part.execution and _since(case, part, standing):
            title, at = f"{_capital(place)} changed `{name}` after {_the(part)} was {part.made}", name
        elif name is not None and execution != part.execution:
            title, at = f"{_capital(cell)} was edited after it had made `{name}`{_not_run(standing)}", name
        else:
            title, at = f"{shown} {were} made in {cell}, whose text was edited since", ", ".join(standing.names[:4])
        return self.finding(
            title,
            where=f"{place}: {at}",
            why=_with_which(case, part, execution, standing),
            fix=f"{f'mend {cell}, ' if standing.failed is not None else ''}{run_again(case, part, execution, saved.index)}",
        )


class DeletedCell(Rule):
    code: ClassVar[str] = "deleted-cell"
    strict: ClassVar[bool] = True
    about: ClassVar[str] = "a cell that the model depends on is no longer in the notebook"
    fix: ClassVar[str] = "put the cell back: print(In[N])"

    def look(self, case: Case) -> Iterator[Finding]:
        told: set[int] = set()
        anew = {name for part in case.parts for old in superseded(part, case.notebook) for name in old.used.makes}
        for part, execution, standing in _standings(case):
            if standing.state in ("gone", "unknown") and execution not in told and not set(standing.names) <= anew:
                told.add(execution)
                yield self._gone(part, execution, standing)

    def _gone(self, part: Part, execution: int, standing: Standing) -> Finding:
        shown = ", ".join(standing.names[:4])
        if standing.state == "unknown":
            return self.finding(
                f"The cell that made `{shown}` is not in the notebook's file",
                where=f"In [{execution}]: {shown}",
                why="It was typed since the file was saved, or taken out before: when it ran is not known.",
                fix="save the notebook and %deploy again; or put it back:  " + f"print(In[{execution}])",
                severity="note",
            )
        return self.finding(
            f"The cell that made `{shown}` is no longer in the notebook",
            where=f"In [{execution}]: {shown}",
            why=f"`{part.name}` depends on it; run from top to bottom, the notebook would not make this "
            f"{'model' if part.model or part.fit else 'value'} again.",
            fix=f"put it back:  print(In[{execution}])",
        )


def run_again(case: Case, part: Part, execution: int, index: int | None = None, *, name: str | None = None) -> str:
    """Which cells to run again for a part that an execution, or an edit of the cell in place `index`, made stale.

    Where the places are not known they are those that read the `name` that the execution defined anew.
    """
    positions = case.notebook.positions
    start = index or (positions[execution].index if execution in positions else None)
    end = positions[part.execution].index if part.execution in positions else None
    if (start is None or end is None) and name is not None:
        return _cells_again(case, part, name, case.notebook.statements.until(execution))
    if start is None or end is None:
        makes = "fits" if part.fit is not None or part.model else "makes"
        return f"run the cell that {makes} `{part.name}` again and %deploy again"
    start = _begin(case, part, execution, min(start, end), end)
    if start == end:
        return f"run cell {end} again and %deploy again"
    return f"run cells {start} to {end} and %deploy again"


def _begin(case: Case, part: Part, execution: int, start: int, end: int) -> int:
    """The cell to run from, so that what the cells to `end` make of itself is not done twice: the one that makes it anew."""
    ran, positions = case.notebook.statements, case.notebook.positions
    places = {number: cell.index for number, cell in positions.items()}
    places.setdefault(execution, start)
    behind = [(places[one.execution], one) for one in reached(part, ran) if one.execution in places]
    changes = [(index, name, one) for index, one in behind for name in made_of_itself(one.facts.tree)]
    while True:
        makers = (maker(name, one.order - 1, ran) for index, name, one in changes if start <= index <= end)
        known = [positions[one.execution].index for one in makers if one is not None and one.execution in positions]
        if min(known, default=start) >= start:
            return start
        start = min(known)


def _cells_again(case: Case, part: Part, name: str, after: int) -> str:
    """`run cell 3, then cell 4, and %deploy again`."""
    positions = case.notebook.positions
    executions = to_run_again(part, case.notebook.statements, name, after) or [part.execution]
    cells = [f"cell {positions[one].index}" if one in positions else f"the cell of In [{one}]" for one in executions]
    return f"run {', then '.join(dict.fromkeys(cells))}{' again' if len(cells) == 1 else ','} and %deploy again"


def _definitions(part: Part) -> Iterator[Used]:
    """Each name that a part depends on with its definition as of then."""
    latest = {
        name: Used(name, one, code)
        for one in part.behind
        for name, code in one.facts.definitions.items()
        if name != part.name
    }
    yield from latest.values()


def _defined_anew(case: Case, part: Part, used: Used) -> Statement | None:
    """The statement that ran later and defined otherwise, or changed in place, what answers."""
    if used.name not in _serving(case, part):
        return None
    ran = case.notebook.statements
    if part.fit is not None:
        after = [ran.of(one) for one in ran.graph.changers(used.name, part.order, ran.graph.last)]
        touched = next((one for one in after if used.name not in one.facts.writes), None)
        if touched is not None:
            return touched
    later = ran.graph.writer(used.name)
    if later is None or later.execution <= part.order or later.definitions.get(used.name, used.code) == used.code:
        return None
    return ran.of(later)


def _serving(case: Case, part: Part) -> set[str]:
    """Names of the code and the globals that answer; that a frame's name is used again for another is everyday."""
    return (
        _serving_code(case)
        | {name for one in part.behind for name in one.facts.functions}
        | {held.path for held in case.held if held.of and held.by in ("global", "closure")}
    )


def _serving_code(case: Case) -> set[str]:
    return {code.name.partition(".")[0] for code in case.travelling}


def _standings(case: Case) -> Iterator[tuple[Part, int, Standing]]:
    """Each execution behind a part, with what became of its cell; a statement is asked about once, for the nearest part."""
    standings = Standings(case.notebook)
    asked: set[int] = set()
    for part in _nearest(case):
        runs: dict[int, list[Statement]] = {}
        for one in reached(part, case.notebook.statements):
            if one.order not in asked:
                runs.setdefault(one.execution, []).append(one)
        asked |= {one.order for one in part.behind}
        for execution, ran in runs.items():
            yield part, execution, standings.of(ran, part.order)


def _nearest(case: Case) -> list[Part]:
    """What is said of a value that the code reads is nearer than what is said of the code."""
    return case.parts[::-1]


def _told_of(told: set[str], part: Part, standing: Standing, case: Case) -> bool:
    """Whether it is told already: its names as defined anew, or as rows that were changed since by running it again."""
    if set(standing.names) <= told:
        return True
    return _since(case, part, standing) and set(standing.names) <= set(part.rows)


def _since(case: Case, part: Part, standing: Standing) -> bool:
    """Whether the edited cell ran again after the part was made."""
    return standing.again is not None and case.notebook.statements.until(standing.again) > part.order


def _which_runs(case: Case, part: Part, used: Used, later: Statement) -> str:
    """A global that the code reads is the one of today; what the model holds by itself is the one it was made with."""
    place = case.notebook.place
    today = case.notebook.namespace.get(used.name)
    held = [one for one in case.held if one.path == used.name or getattr(one.value, "__qualname__", None) == used.name]
    if any(one.value is today for one in held):
        return (
            f"The service runs the one of {place(later.execution)}; `{part.name}` was {part.made} with the one of "
            f"{place(used.by.execution)}."
        )
    if not held:
        return (
            f"`{part.name}` was {part.made} with the one of {place(used.by.execution)}, not with that of "
            f"{place(later.execution)}."
        )
    return (
        f"The service runs the one of {place(used.by.execution)}, with which `{part.name}` was {part.made}, not the one of "
        f"{place(later.execution)}."
    )


def _with_which(case: Case, part: Part, execution: int, standing: Standing) -> str:
    """What the service runs of an edited cell, and whether the cell as it stands ran; values where they are plain numbers."""
    values = "".join(f" {one}." for one in _values(standing))
    if standing.failed is not None:
        return (
            f"`{part.name}` was {part.made} with what In [{execution}] made; as it stands now the cell failed, as "
            f"In [{standing.failed}], and made nothing.{values}"
        )
    if standing.again is None:
        function = any(one.facts.functions for one in standing.missing)
        if not _travels(case, part, standing.names):
            what = f"`{part.name}` was {part.made} with what In [{execution}] made"
        elif function:
            what = f"The service runs the one of In [{execution}], with which `{part.name}` was {part.made}"
        else:
            what = f"The service runs what In [{execution}] made"
        made = "" if function else f" and would make another.{values}"
        return f"{what}; the cell as it stands now has not been run{made or '.'}"
    when = "after" if _since(case, part, standing) else "before"
    return (
        f"`{part.name}` was {part.made} with what In [{execution}] made; as it stands now the cell ran {when} that, "
        f"as In [{standing.again}].{values}"
    )


def _not_run(standing: Standing) -> str:
    """What became of the text that it has now."""
    if standing.failed is not None:
        return f", and its run as In [{standing.failed}] failed"
    return ", and not run again" if standing.again is None else ""


def listed(names: Sequence[str]) -> str:
    """`a`, `b` and `c`."""
    shown = [f"`{name}`" for name in names]
    return " and ".join((", ".join(shown[:-1]), shown[-1])) if len(shown) > 1 else "".join(shown)


def _travels(case: Case, part: Part, names: tuple[str, ...]) -> bool:
    """Whether one of the names goes along with the model: it is the model, or what its code is or reads."""
    along = {re.split(r"[.\[]", held.path)[0] for held in case.held if held.of} | _serving_code(case)
    return part.name in names or bool(along & set(names))


def _values(standing: Standing) -> Iterator[str]:
    """`alpha` was 1.0 and is 50.0: numbers that the cell states, then and now."""
    assert standing.saved is not None
    now: dict[str, Any] = {}
    for node in source.statements(cells.parse(standing.saved.source)):
        now |= _stated(node)
    for one in standing.missing:
        for name, value in _stated(one.node).items():
            if name in now and now[name] != value:
                yield f"`{name}` was {value!r} and is {now[name]!r}"


def _stated(node: ast.stmt) -> dict[str, Any]:
    if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not isinstance(node.targets[0], ast.Name):
        return {}
    try:
        value = ast.literal_eval(node.value)
    except ValueError:
        return {}
    return {node.targets[0].id: value} if isinstance(value, int | float | None) else {}


def _the(part: Part) -> str:
    """A model that has no variable of its own is `model`, for which the door says what was typed."""
    return "the model" if part.model else f"`{part.name}`"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
