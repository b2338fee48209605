"""A model that was never fitted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from nb2prod.capturing.rules.base import Case, Rule
from nb2prod.records.capture import Finding, Severity


class NotFitted(Rule):
    code: ClassVar[str] = "not-fitted"
    severity: ClassVar[Severity] = "refuse"
    about: ClassVar[str] = "the model was not fitted"

    def look(self, case: Case) -> Iterator[Finding]:
        model = case.found.model
        if case.flavor is None or case.flavor.fitted(model):
            return
        shown = case.shown
        yield self.finding(
            f"`{shown}` is not fitted",
            where=f"%deploy {shown}",
            why=f"This {type(model).__name__} has learnt nothing yet: no cell that ran has fitted it.",
            fix=f"{shown}.fit(X_train, y_train)",
        )
