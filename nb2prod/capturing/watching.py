"""When each cell ran and which one it was, noted from the moment on at which the extension was loaded."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

_NAME = "_nb2prod_watch"


@dataclass(frozen=True)
class Run:
    """One execution: when it began (epoch seconds), and the id of its cell where the front end tells."""

    at: float
    cell: str | None = None


@dataclass
class Watch:
    """The executions that were seen, by their number; what ran before `since` ran before the time of that one."""

    since: int = 0
    runs: dict[int, Run] = field(default_factory=dict)

    def note(self, number: int, cell: str | None) -> None:
        self.runs.setdefault(number, Run(time.time(), cell))  # a cell may run others under its own number

    def same(self, one: int, other: int) -> bool:
        """Whether two executions ran one and the same cell, as far as the front end tells."""
        cells = [self.runs[number].cell for number in (one, other) if number in self.runs]
        return len(cells) == 2 and cells[0] is not None and cells[0] == cells[1]


def watch(shell: Any) -> None:
    """Note from now on when each cell of an IPython shell begins."""
    if of(shell) is not None or not hasattr(shell, "events"):
        return
    now = len(shell.history_manager.input_hist_raw) - 1
    kept = Watch(since=now)
    kept.note(now, _running(shell))

    def begun(info: Any) -> None:
        if info.store_history:  # the input is stored after this, under the next number
            kept.note(len(shell.history_manager.input_hist_raw), getattr(info, "cell_id", None))

    setattr(shell, _NAME, kept)
    shell.events.register("pre_run_cell", begun)


def of(shell: Any) -> Watch | None:
    """What was noted of a shell."""
    found = getattr(shell, _NAME, None)
    return found if isinstance(found, Watch) else None


def _running(shell: Any) -> str | None:
    """The id of the cell that runs now, as the front end's request names it."""
    asked = shell.get_parent() if hasattr(shell, "get_parent") else None
    found = (asked or {}).get("metadata", {}).get("cellId")
    return found if isinstance(found, str) else None
