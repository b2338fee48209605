"""What was noted of each cell that ran, from the moment on at which the extension was loaded: when, which, how it ended."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nb2prod.capturing.fingerprints import Fingerprint

_NAME = "_nb2prod_watch"
_CALL = re.compile(r"(\w+)\s*\(")
_MOST = 100  # fits whose rows are remembered


@dataclass(frozen=True)
class Run:
    """One execution: when it began (epoch seconds), and the id of its cell where the front end tells.

    `failed` is the line that raised (0: none of its own); None for a cell that ran to its end. `rows` are the variables that
    a `.fit` of it was given, as it left them.
    """

    at: float
    cell: str | None = None
    failed: int | None = None
    rows: Mapping[str, Fingerprint] = field(default_factory=dict)


@dataclass
class Watch:
    """The executions that were seen, by their number; what ran before `since` ran before the time of that one."""

    since: int = 0
    runs: dict[int, Run] = field(default_factory=dict)
    fitted: deque[int] = field(default_factory=deque)

    def note(self, number: int, cell: str | None) -> None:
        self.runs.setdefault(number, Run(time.time(), cell))  # a cell may run others under its own number

    def ended(self, number: int, failed: int | None, rows: Mapping[str, Fingerprint]) -> None:
        """Note how a cell ended; of the oldest fits the rows are forgotten."""
        self.runs[number] = replace(self.runs[number], failed=failed, rows=rows)
        if rows:
            self.fitted.append(number)
        if len(self.fitted) > _MOST:
            oldest = self.fitted.popleft()
            self.runs[oldest] = replace(self.runs[oldest], rows={})

    def same(self, one: int, other: int) -> bool:
        """Whether two executions ran one and the same cell, as far as the front end tells."""
        cells = [self.runs[number].cell for number in (one, other) if number in self.runs]
        return len(cells) == 2 and cells[0] is not None and cells[0] == cells[1]


def watch(shell: Any) -> None:
    """Note from now on when each cell of an IPython shell begins, and how it ends."""
    if of(shell) is not None or not hasattr(shell, "events"):
        return
    now = len(shell.history_manager.input_hist_raw) - 1
    kept = Watch(since=now)
    kept.note(now, _running(shell))
    running: list[int | None] = [now]

    def begun(info: Any) -> None:
        number = len(shell.history_manager.input_hist_raw) if info.store_history else None
        running.append(number)  # the input is stored after this, under the next number
        if number is not None:
            kept.note(number, getattr(info, "cell_id", None))

    def ended(result: Any) -> None:
        number = running.pop() if running else None
        source = getattr(getattr(result, "info", None), "raw_cell", None)
        if number is not None and isinstance(source, str):
            kept.ended(number, _failed(result, source), _rows(source, shell.user_ns))

    setattr(shell, _NAME, kept)
    shell.events.register("pre_run_cell", begun)
    shell.events.register("post_run_cell", ended)


def of(shell: Any) -> Watch | None:
    """What was noted of a shell."""
    found = getattr(shell, _NAME, None)
    return found if isinstance(found, Watch) else None


def _running(shell: Any) -> str | None:
    """The id of the cell that runs now, as the front end's request names it."""
    asked = shell.get_parent() if hasattr(shell, "get_parent") else None
    found = (asked or {}).get("metadata", {}).get("cellId")
    return found if isinstance(found, str) else None


def _failed(result: Any, source: str) -> int | None:
    """The line of the cell that raised; 0 where it did not begin; None too where a magic does not tell how far it came."""
    error = getattr(result, "error_in_exec", None)
    if error is None:
        return None if getattr(result, "error_before_exec", None) is None else 0
    lines = []
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_name.startswith(("<module>", "<cell line")):
            lines.append(int(trace.tb_lineno))
        trace = trace.tb_next
    if source.lstrip().startswith("%%"):
        return lines[1] + 1 if len(lines) > 1 else None  # the first is the magic's own, which takes the lines below it
    return lines[0] if lines else 0


def _rows(source: str, namespace: Mapping[str, Any]) -> dict[str, Fingerprint]:
    """Fingerprints of what the `.fit` calls of a cell were given, by the names of the variables; whatever fails is left out."""
    if not any(_fits(name, namespace) for name in set(_CALL.findall(source))):
        return {}
    try:
        from nb2prod.capturing import fingerprints

        until = time.perf_counter() + fingerprints.SECONDS
        found = {name: fingerprints.of(namespace[name], until) for name in _given(source, namespace)}
        return {name: one for name, one in found.items() if one is not None}
    except Exception:  # a watcher that goes astray must not show in a cell that went well
        return {}


def _given(source: str, namespace: Mapping[str, Any]) -> dict[str, None]:
    """The variables in the words of `.fit` calls, and those of functions of the notebook that fit something."""
    from nb2prod.capturing import cells

    facts = cells.facts(0, source)
    texts = [text for fit in facts.fits for text in (fit.data, fit.labels) if text]
    names: list[str] = []
    for use in facts.uses:
        inside = _inside(use.function, namespace)
        if "fit" in inside:
            texts += [*use.arguments, *(text for _, text in use.named)]
            names += sorted(inside)
    for text in texts:
        tree = cells.parse(text)
        names = [*sorted(cells.free_names(tree)), *names] if tree is not None else names
    return dict.fromkeys(name for name in names if name in namespace)


def _fits(name: str, namespace: Mapping[str, Any]) -> bool:
    """Whether a call of that name may fit something."""
    return "fit" in name or "fit" in _inside(name, namespace)


def _inside(name: str, namespace: Mapping[str, Any]) -> set[str]:
    """The words in the code of a function."""
    function = namespace.get(name)
    return set(_words(function.__code__)) if type(function) is FunctionType else set()


def _words(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _words(inner)
