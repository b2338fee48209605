"""How a cell that ran stands in the notebook now: as it ran, edited, taken out, or not saved yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from nb2prod.capturing import cells, source
from nb2prod.capturing.execution import Notebook, SavedCell
from nb2prod.capturing.facts import of_statement
from nb2prod.capturing.statements import Statement

State = Literal["there", "edited", "gone", "unknown"]


@dataclass(frozen=True)
class Standing:
    """Where a cell stands, and what became of it.

    `names` are those that it made with statements that stand nowhere any more; `saved` is the cell as it is now where it was
    edited, `again` the execution that ran it so, `failed` the one that
    did not come to its end. A cell that was not saved since it ran is ``there``: nothing speaks against it.
    """

    state: State
    names: tuple[str, ...] = ()
    saved: SavedCell | None = None
    again: int | None = None
    failed: int | None = None
    missing: tuple[Statement, ...] = field(default=())


class Standings:
    """The notebook's cells as they are now, asked about the ones that ran."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self._full = notebook.stale_check == "full"

    def of(self, ran: Iterable[Statement], until: int) -> Standing:
        """What became of the cell of these statements, all of one execution; `until` is what was made with them."""
        missing = tuple(one for one in ran if one.makes and one.code not in self._standing)
        if not missing or not self._notebook.executed or self._notebook.saved is None:
            return Standing("there")
        execution = missing[0].execution
        names = tuple(sorted({name for one in missing for name in one.makes}))
        after = self._notebook.saved_after(execution)
        own = self._notebook.cell_of(execution)
        now = self._counterpart(execution, own)
        if now is None and own is None and self._full and after is not False:
            now = self._rewritten(set(names), until)
        if now is not None:
            rerun, failed = self._ran_as(now), self._failed_as(now)
            if self._full or rerun is not None or failed is not None:
                return Standing("edited", names, now, rerun, failed, missing)
        if not self._full or after is False:
            return Standing("there")
        return Standing("gone" if after else "unknown", names, missing=missing)

    @cached_property
    def _standing(self) -> set[str]:
        return {code for cell in self._notebook.current for code in _made(cell)}

    def _counterpart(self, execution: int, own: str | None) -> SavedCell | None:
        """The cell of the same id; where no ids are known, of the same number."""
        if own is not None:
            return next((cell for cell in self._notebook.current if cell.id == own), None)
        if not self._notebook.numbered:
            return None
        return next((cell for cell in self._notebook.saved or () if cell.execution == execution), None)

    def _rewritten(self, names: set[str], until: int) -> SavedCell | None:
        """A cell that makes one of the names with a statement that had not run by then."""
        ran = {one.code for one in self._notebook.statements.all if one.order <= until}
        return next(
            (
                cell
                for cell in self._notebook.saved or ()
                if any(makes & names for code, makes in _made(cell).items() if code not in ran)
            ),
            None,
        )

    def _ran_as(self, cell: SavedCell) -> int | None:
        """The latest execution that ran a cell as it stands now, to its end."""
        return next((number for number in self._runs_of(cell) if number not in self._notebook.failed), None)

    def _failed_as(self, cell: SavedCell) -> int | None:
        """The latest run of a cell as it stands now, where it failed."""
        latest = next(iter(self._runs_of(cell)), None)
        return latest if latest in self._notebook.failed else None

    def _runs_of(self, cell: SavedCell) -> list[int]:
        code = cells.normal(cell.source)
        return [number for number, text in reversed(self._notebook.executed) if cells.normal(text) == code]


def _made(cell: SavedCell) -> dict[str, set[str]]:
    """The statements of a cell that make or change something, each with what."""
    found = {}
    for node in source.statements(cells.parse(cell.source)):
        facts = of_statement(0, node)
        found[source.code(node)] = facts.writes | facts.changes
    return {code: names for code, names in found.items() if names}
