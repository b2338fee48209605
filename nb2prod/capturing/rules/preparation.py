"""Preparation that stays in the notebook: the model is fitted on prepared rows, and a caller sends raw ones."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from nb2prod.capturing import preparation
from nb2prod.capturing.rules.base import Case, Rule
from nb2prod.records.capture import Finding

SHOWN = 8


class PreparationOutside(Rule):
    code: ClassVar[str] = "preparation-outside"
    about: ClassVar[str] = "a scaler, encoder, vectoriser, get_dummies or a derived column stays in the notebook"
    fix: ClassVar[str] = "%deploy make_pipeline(scaler, model) --data X_raw"

    def look(self, case: Case) -> Iterator[Finding]:
        try:
            found = case.prepared_outside
        except Exception as error:  # a reading of code that goes astray must not keep a model from being captured
            yield self._unread(case, error)
            return
        if found is None:
            return
        names = list(dict.fromkeys(f"`{one}`" for step in found.steps for one in step.by))
        more = f" and {len(names) - 4} more" if len(names) > 4 else ""
        named = f"{', '.join(names[:4])}{more}"
        first = found.steps[0]
        yield self.finding(
            f"{named} {'stays' if len(names) == 1 else 'stay'} in the notebook",
            where=case.notebook.place(first.execution, first.line),
            why=_why(case, found),
            fix=found.fix,
        )

    def _unread(self, case: Case, error: Exception) -> Finding:
        return self.finding(
            f"What `{case.shown}` was fitted on could not be followed through the cells",
            where=case.shown,
            why=f"{type(error).__name__}: {error}. Whether a scaler or an encoder stays in the notebook was not told.",
            fix="see that predict takes rows as callers have them",
            severity="note",
        )


class DerivedColumns(Rule):
    code: ClassVar[str] = "derived-columns"
    severity: ClassVar[Any] = "note"
    about: ClassVar[str] = "columns made of other rows (lags, moving means) must be sent by the caller"
    fix: ClassVar[str] = "send the columns ready-made, or deploy a function that looks the other rows up"

    def look(self, case: Case) -> Iterator[Finding]:
        subject = case.subject
        steps: Sequence[preparation.Step] = ()
        with contextlib.suppress(Exception):  # the rule above says that the cells could not be followed
            steps = preparation.by_neighbours(subject, case.notebook) if subject else ()
        if not steps:
            return
        named = ", ".join(dict.fromkeys(f"`{one}`" for step in steps for one in step.by))
        yield self.finding(
            f"{named} {'is' if len(steps) == 1 else 'are'} made of other rows than the caller's",
            where=case.notebook.place(steps[0].execution, steps[0].line),
            why="Callers of the service send them ready-made, and must make them the same way: "
            + "; ".join(step.text for step in steps[:SHOWN]),
            fix=self.fix,
        )


def _why(case: Case, found: preparation.Outside) -> str:
    steps = [f"{case.notebook.place(step.execution, step.line)}: {step.text}" for step in found.steps[:SHOWN]]
    more = f"; and {len(found.steps) - SHOWN} more" if len(found.steps) > SHOWN else ""
    return (
        f"`{case.shown}` was fitted on what these made of the raw rows; a caller's rows would go to it unprepared. "
        f"{'; '.join(steps)}{more}. {found.tried}"
    )
