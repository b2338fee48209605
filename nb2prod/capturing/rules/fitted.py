"""A model that was never fitted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from nb2prod.capturing.rules.base import Case, Rule
from nb2prod.records.capture import Finding, Severity


class NotFitted(Rule):
    code: ClassVar[str] = "not-fitted"
    severity: ClassVar[Severity] = "refuse"
    acceptable: ClassVar[bool] = False
    about: ClassVar[str] = "the model was not fitted"
    fix: ClassVar[str] = "model.fit(X_train, y_train)"

    def look(self, case: Case) -> Iterator[Finding]:
        model = case.found.model
        if case.flavor is None or case.flavor.fitted(model):
            return
        if case.found.variable is None:
            yield self._nameless(type(model).__name__, case.found.name)
            return
        shown = case.shown
        yield self.finding(
            f"`{shown}` is not fitted",
            where=f"%deploy {shown}",
            why=f"This {type(model).__name__} has learnt nothing yet: no cell that ran has fitted it.",
            fix=f"{shown}.fit(X_train, y_train)",
        )

    def _nameless(self, kind: str, name: str) -> Finding:
        """An estimator made in the line itself: it needs a variable, which is not the deployment's name."""
        return self.finding(
            f"This {kind} is not fitted",
            where=f"%deploy {kind}(…)",
            why=f"The line makes a new {kind}, which has learnt nothing yet.",
            fix=f"model = {kind}().fit(X_train, y_train)\n%deploy model --name {name}",
        )
