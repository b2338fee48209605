"""A model that was never fitted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from nb2prod.capturing.expressions import evaluated
from nb2prod.capturing.fitting import usual_pair
from nb2prod.capturing.rules.base import Case, Rule
from nb2prod.records.capture import Finding, Severity


class NotFitted(Rule):
    code: ClassVar[str] = "not-fitted"
    severity: ClassVar[Severity] = "refuse"
    acceptable: ClassVar[bool] = False
    about: ClassVar[str] = "the model was not fitted"
    fix: ClassVar[str] = "model.fit(ROWS, ANSWERS)"

    def look(self, case: Case) -> Iterator[Finding]:
        model = case.found.model
        if case.flavor is None or case.flavor.fitted(model):
            return
        if case.found.variable is None:
            yield self._nameless(case)
            return
        shown = case.shown
        yield self.finding(
            f"`{shown}` is not fitted",
            where=f"%deploy {shown}",
            why=f"This {type(model).__name__} has learnt nothing yet: no cell that ran has fitted it.",
            fix=f"{shown}.fit({_arguments(case)})",
        )

    def _nameless(self, case: Case) -> Finding:
        """An estimator made in the line itself: it needs a variable, which is not the deployment's name."""
        kind = type(case.found.model).__name__
        return self.finding(
            f"This {kind} is not fitted",
            where=f"%deploy {kind}(…)",
            why=f"The line makes a new {kind}, which has learnt nothing yet.",
            fix=f"model = {kind}().fit({_arguments(case)})\n%deploy model --name {case.found.name}",
        )


def _arguments(case: Case) -> str:
    """What the notebook fits on, where it has such names."""
    found = case.found
    known = evaluated(found.data_name, case.notebook.namespace) is not None
    rows = found.data_name if known else "ROWS"
    rows, answers = (rows, found.labels_name) if found.labels_name else _usual(rows, case)
    return f"{rows}, {answers}"


def _usual(rows: str, case: Case) -> tuple[str, str]:
    pair = usual_pair(case.notebook.namespace)
    return pair if pair is not None and rows in ("ROWS", pair[0]) else (rows, "ANSWERS")
