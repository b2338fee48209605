"""Rows that were changed after a model was fitted on them: other rows, or a column that the fit has read."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import ClassVar

from nb2prod.capturing import cells, columns
from nb2prod.capturing.again import made_of_itself
from nb2prod.capturing.cells import FitCall, Use
from nb2prod.capturing.expressions import evaluated
from nb2prod.capturing.parts import Part
from nb2prod.capturing.rules.base import Case, Rule
from nb2prod.capturing.rules.stale import run_again
from nb2prod.capturing.statements import Statement
from nb2prod.capturing.values import is_frame, is_series
from nb2prod.records.capture import Finding


class DataChanged(Rule):
    code: ClassVar[str] = "data-changed"
    strict: ClassVar[bool] = True
    about: ClassVar[str] = "the training data was changed after the model was fitted on it"
    fix: ClassVar[str] = "fit again, or name what .fit saw: --data FRAME"

    def look(self, case: Case) -> Iterator[Finding]:
        told: set[str] = set()
        for part in case.parts:
            if part.fit is None:
                continue
            for name in part.rows:
                changed = next(_changes(case, part, part.fit, name), None)
                if changed is not None and name not in told:
                    told.add(name)
                    yield self._changed(case, part, name, changed)

    def _changed(self, case: Case, part: Part, name: str, by: Statement) -> Finding:
        return self.finding(
            f"`{name}` was changed after `{part.name}` was fitted on it",
            where=f"{case.notebook.place(by.execution)}: {name}",
            why="The baseline would describe data that the model never saw.",
            fix=f"{run_again(case, part, by.execution)}, or name what .fit saw: --data FRAME",
        )


def _changes(case: Case, part: Part, fit: FitCall, name: str) -> Iterator[Statement]:
    """Statements after the fit that changed what the fit has read under a name."""
    ran = case.notebook.statements
    read = _read(fit, name, case)
    before = {one.code for one in ran.all if one.order <= part.order}
    was = {one.code for one in ran.behind(name, part.order)}
    for one in ran.all[part.order :]:
        if name in one.facts.writes and one.code in before and was <= {b.code for b in ran.behind(name)}:
            continue  # made again as it was made before
        if name in one.facts.changes and one.code in before and name not in made_of_itself(one.facts.tree):
            continue
        found = columns.changed(one.node, name, case.notebook.namespace) if name in one.makes else None
        if (name in one.makes and columns.touch(found, read)) or _by_call(one, name, read, case):
            yield one


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
