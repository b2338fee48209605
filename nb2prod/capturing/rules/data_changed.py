"""Rows that were changed after a model was fitted on them: other rows, or a column that the fit has read."""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from nb2prod.capturing import cells, columns, fingerprints, redone, seen
from nb2prod.capturing.again import made_of_itself
from nb2prod.capturing.cells import FitCall, Use
from nb2prod.capturing.expressions import evaluated
from nb2prod.capturing.fingerprints import Verdict
from nb2prod.capturing.parts import Part
from nb2prod.capturing.rules.base import Case, Rule
from nb2prod.capturing.rules.stale import listed, run_again
from nb2prod.capturing.statements import Statement
from nb2prod.capturing.values import is_data, is_frame, is_series, own
from nb2prod.records.capture import Finding

_WORK = 1000


class DataChanged(Rule):
    code: ClassVar[str] = "data-changed"
    strict: ClassVar[bool] = True
    about: ClassVar[str] = "the training data was changed after the model was fitted on it"
    fix: ClassVar[str] = "fit again, or name what .fit saw: --data FRAME"

    def look(self, case: Case) -> Iterator[Finding]:
        told: set[str] = set()
        for part in case.parts:
            changes: dict[int, list[Change]] = {}
            for name in dict.fromkeys(part.rows if part.fit is not None else ()):
                change = _change(case, part, name) if name not in told else None
                if change is not None:
                    told.add(name)
                    changes.setdefault(change.by.order if change.by is not None else 0, []).append(change)
            for found in changes.values():
                yield self._changed(case, part, found[0], listed([one.name for one in found]))

    def _changed(self, case: Case, part: Part, change: Change, shown: str) -> Finding:
        several = " and " in shown
        title, why = _told(case, part, change, shown, several)
        by = change.by.execution if change.by is not None else part.execution
        again = run_again(case, part, by)
        seeded = f"{change.drawn}(…, random_state=0); " if change.drawn and "." not in change.drawn else ""
        return self.finding(
            title,
            where=f"{case.notebook.place(by)}: {shown.replace('`', '').replace(' and ', ', ')}",
            why=f"{why}The baseline would describe data that the model never saw.{_held_out(case, part)}",
            fix=f"{seeded}{again}" if change.again else f"{again}, or name what .fit saw: --data FRAME",
        )


@dataclass(frozen=True)
class Change:
    """A variable that holds other rows than the fit saw, and the statement that changed it where one is known.

    `again` says that the same text made it as before; `drawn` is the call in it that draws by chance, `read` one that reads.
    """

    name: str
    by: Statement | None
    again: bool = False
    drawn: str | None = None
    read: str | None = None


def _change(case: Case, part: Part, name: str) -> Change | None:
    """By the values where they were noted at the fit, else by what the cells say."""
    assert part.fit is not None
    written = next(_changes(case, part, part.fit, name), None)
    verdict = _by_values(case, part, name)
    if verdict == "same" and (written is None or written.execution != part.execution):
        return None
    if written is not None:
        return Change(name, written)
    ran = case.notebook.statements
    after = [one for one in ran.behind(name) if one.order > part.order]
    if verdict == "other":
        drawn = next((one for one in after if redone.unseeded(one.node)), None)
        by = drawn or next((one for one in after if redone.read_from(one.node)), after[-1] if after else None)
        read = redone.read_from(by.node) if by is not None and drawn is None else None
        return Change(name, by, bool(after), redone.unseeded(drawn.node) if drawn else None, read)
    if verdict is None and not redone.seeds(ran.all[part.order :]):
        split = next((one for one in after if redone.unseeded(one.node)), None)
        return Change(name, split, True, redone.unseeded(split.node)) if split is not None else None
    return None


def _by_values(case: Case, part: Part, name: str) -> Verdict | None:
    """Whether a variable holds what it held when the model was fitted; None where that was not noted."""
    assert part.fit is not None
    before = case.notebook.rows_at(part.execution).get(name)
    now = fingerprints.of(case.notebook.namespace.get(name)) if before is not None else None
    return fingerprints.compared(before, now, _read(part.fit, name, case)) if before and now else None


def _told(case: Case, part: Part, change: Change, shown: str, several: bool) -> tuple[str, str]:
    """Title and reason."""
    were, them = ("were", "them") if several else ("was", "it")
    fitted = f"after `{part.name}` was fitted"
    if change.drawn is not None:
        split = change.drawn == "train_test_split"
        title = (
            f"The split was made again without random_state {fitted}"
            if split
            else f"{shown} {were} drawn again {fitted}"
        )
        return (
            title,
            f"`{change.drawn}` draws others each time: {shown} {'are' if several else 'is'} not what .fit saw. ",
        )
    if change.read is not None:
        return f"{shown} {were} read again {fitted} on {them}, and hold{'' if several else 's'} other rows", (
            f"What `{change.read}` reads has changed in between. "
        )
    if change.again:
        return f"{shown} {were} made again {fitted} on {them}, with other values", ""
    return f"{shown} {were} changed {fitted} on {them}", ""


def _held_out(case: Case, part: Part) -> str:
    """Of a split that was made again: rows that the fit saw are called unseen now."""
    holdout, fit = case.found.holdout, part.fit
    before = case.notebook.rows_at(part.execution).get(fit.data or "") if fit is not None else None
    if holdout is None or before is None:
        return ""
    found = seen.among(before.rows, before.shape[0], holdout[0])
    return (
        f" About {found.rows:,} of the {found.of:,} rows of the hold-out were trained on." if found is not None else ""
    )


def _changes(case: Case, part: Part, fit: FitCall, name: str) -> Iterator[Statement]:
    """Statements after the fit that changed what the fit has read under a name, or under another name for the same rows."""
    ran = case.notebook.statements
    read = _read(fit, name, case)
    before = {one.code for one in ran.all if one.order <= part.order}
    was = {one.code for one in ran.behind(name, part.order)}
    others = _other_names(name, case)
    for one in ran.all[part.order :]:
        if name in one.facts.writes and one.code in before and was <= {b.code for b in ran.behind(name)}:
            continue  # made again as it was made before
        for each in (name, *(other for other in others if other in one.facts.changes)):
            if each in one.facts.changes and one.code in before and each not in made_of_itself(one.facts.tree):
                continue
            found = columns.changed(one.node, each, case.notebook.namespace) if each in one.makes else None
            if (each in one.makes and columns.touch(found, read)) or _by_call(one, each, read, case):
                yield one


def _other_names(name: str, case: Case) -> list[str]:
    """Variables that hold the very same rows, or an array in the same memory."""
    rows = case.notebook.namespace.get(name)
    if not is_data(rows):
        return []
    return [other for other, value in own(case.notebook.namespace) if other != name and _shared(rows, value)]


def _shared(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if type(one) is not np.ndarray or type(other) is not np.ndarray:
        return False
    with contextlib.suppress(Exception):  # whether two strided views meet can be too hard to tell
        return bool(np.shares_memory(one, other, max_work=_WORK))  # type: ignore[arg-type]
    return False


def _read(fit: FitCall, name: str, case: Case) -> set[str] | None:
    """The columns of a frame that a fit has read; None where that cannot be told."""
    found: set[str] = set()
    for text in (fit.data, fit.labels):
        if text is None or not re.search(rf"\b{name}\b", text):
            continue
        value = evaluated(text, case.notebook.namespace)
        if is_frame(value):
            found |= {str(column) for column in value.columns}
        elif is_series(value):
            found.add(str(value.name))
        else:
            return None
        found |= _named(text)
    return found if is_frame(case.notebook.namespace.get(name)) else None


def _named(text: str) -> set[str]:
    """Texts and attributes in an expression: any of them may be a column, such as that of a mask."""
    tree = cells.parse(text)
    nodes = list(ast.walk(tree)) if tree else []
    said = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return said | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def _by_call(one: Statement, name: str, read: set[str] | None, case: Case) -> bool:
    """Whether a call in a statement changes the frame inside the function that is called: what it is given, or a global."""
    return any(_inside(use, one, name, read, case) for use in one.facts.uses)


def _inside(use: Use, one: Statement, name: str, read: set[str] | None, case: Case) -> bool:
    writer = case.notebook.statements.graph.writer(use.function, one.order)
    node = writer.function(use.function) if writer else None
    if node is None:
        return False
    body = ast.Module(body=node.body, type_ignores=[])
    facts = cells.facts(0, ast.unparse(body))
    given = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    inner = [own for own, argument in zip(given, use.arguments, strict=False) if argument == name]
    inner += [own for own, argument in use.named if argument == name]
    inner += [name] if name not in given else []
    changed = facts.changes - facts.writes
    return any(
        columns.touch(columns.changed(body, each, case.notebook.namespace), read) for each in inner if each in changed
    )
