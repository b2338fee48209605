"""An error as a card: where, why, fix, kept, always in this order; a traceback only where the error is ours or unknown."""

from __future__ import annotations

import traceback

from nb2prod.errors import Failed, Nb2prodError
from nb2prod.sdk.card.shape import Card, Code, Fold, Row

_NOT_DONE = {"deploy": "Not deployed", "verify": "Not verified", "start": "Not started", "remove": "Not removed"}


def error(problem: Nb2prodError, *, verb: str = "", steps: tuple = ()) -> Card:  # type: ignore[type-arg]
    """The card of an error; `verb` names what was not done, `steps` how far it came."""
    said = [("where", problem.where), ("why", problem.why), ("kept", problem.kept)]
    rows = [Row(label, (text,)) for label, text in said if text]
    if problem.fix:
        rows.insert(len(rows) - bool(problem.kept), Row("fix", (Code(problem.fix),)))
    prefix = f"{_NOT_DONE[verb]}: " if verb in _NOT_DONE else ""
    return Card(
        head=prefix + problem.title, rows=tuple(rows), steps=steps, folds=_trace(problem), tone="wrong", indent=2
    )


def _trace(problem: Nb2prodError) -> tuple[Fold, ...]:
    log = (Fold("What it wrote last", text="\n".join(problem.log)),) if problem.log else ()
    if not isinstance(problem, Failed) or problem.code == "interrupted":
        return log
    return (*log, Fold("Traceback", text="".join(traceback.format_exception(problem))))
