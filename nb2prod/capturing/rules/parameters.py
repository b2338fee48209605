"""Parameters that were set after the fit: what the model learnt is of the older ones."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import ClassVar

from nb2prod.capturing.rules.base import Case, Rule
from nb2prod.records.capture import Finding

# how it computes, not what
_OF_THE_MACHINE = frozenset(
    {"n_jobs", "verbose", "verbosity", "device", "nthread", "thread_count", "num_threads", "memory"}
)


class SetAfterFit(Rule):
    code: ClassVar[str] = "set-after-fit"
    about: ClassVar[str] = "parameters of the model were set after it was fitted"
    fix: ClassVar[str] = "model.fit(X, y)      # with the parameters as they are now; then %deploy again"

    def look(self, case: Case) -> Iterator[Finding]:
        for part in case.parts:
            if part.fit is None:
                continue
            for one in case.notebook.statements.all[part.order :]:
                names = [name for call in _calls(one.node, part.name) for name in _names(call)]
                if names:
                    place = case.notebook.place(one.execution, one.node.lineno)
                    given = ", ".join(text for text in (part.fit.data, part.fit.labels) if text)
                    yield self.finding(
                        f"`{names[0]}` of `{part.name}` was set after it was fitted",
                        where=f"{place}: {part.name}",
                        why=f"What `{part.name}` learnt is of the older value, and it would answer with both.",
                        fix=f"{part.name}.fit({given})      # then %deploy again",
                    )
                    break


def _calls(node: ast.stmt, model: str) -> Iterator[ast.Call]:
    """`model.set_params(…)`, of a step of it too; not inside a function that was only defined."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    for one in ast.walk(node):
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and one.func.attr == "set_params":
            of: ast.expr = one.func.value
            while isinstance(of, ast.Attribute | ast.Subscript):
                of = of.value
            if isinstance(of, ast.Name) and of.id == model:
                yield one


def _names(call: ast.Call) -> list[str]:
    found = [word.arg or ast.unparse(word.value) for word in call.keywords]
    return [name for name in found if name.rpartition("__")[2] not in _OF_THE_MACHINE]
