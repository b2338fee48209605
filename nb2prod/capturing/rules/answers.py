"""Answers that the notebook goes on to change: the service would give what the model says before that."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import ClassVar

from nb2prod.capturing import preparation
from nb2prod.capturing.rules.base import Case, Rule
from nb2prod.records.capture import Finding

SHOWN = 80


class AnswersOutside(Rule):
    code: ClassVar[str] = "answers-outside"
    about: ClassVar[str] = (
        "the notebook undoes a logarithm or a code, or sets a threshold, after the model has answered"
    )
    fix: ClassVar[str] = "%%deploy --data X\ndef predict(frame):\n    return np.expm1(model.predict(frame))"

    def look(self, case: Case) -> Iterator[Finding]:
        found = case.answers_outside
        with contextlib.suppress(Exception):  # that the cells could not be followed is told with the preparation
            taken = _taken(case) if found else None
            if found is not None and taken is not None:
                yield self._told(case, found, taken)

    def _told(self, case: Case, found: preparation.Afterwards, taken: preparation.Outside) -> Finding:
        made = found.text if len(found.text) < SHOWN else f"{found.text[: SHOWN - 2]} …"
        if found.by_labels:
            title = f"The answers of `{case.shown}` are of the kind that `{made}` made of the labels"
            why = f"Nothing undoes it after `{case.shown}` has answered, and callers would get such values."
        else:
            title = f"The notebook goes on with the answers of `{case.shown}`: `{made}`"
            why = f"The service gives what `{case.shown}.predict` answers, before that."
        where = case.notebook.place(found.execution, found.line)
        return self.finding(title, where=where, why=f"{why} {taken.tried}", fix=taken.fix)


def _taken(case: Case) -> preparation.Outside | None:
    """The cell that takes it in; where the rows are prepared in the notebook too, one cell does both."""
    prepared = case.prepared_outside
    if prepared is not None or case.subject is None:
        return prepared
    return preparation.taking(case.subject, case.notebook)
