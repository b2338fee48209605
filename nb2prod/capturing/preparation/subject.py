"""A model, what it is called, and what it was fitted on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nb2prod.capturing.cells import FitCall


@dataclass(frozen=True)
class Treatment:
    """What a cell makes of a model's answers: an expression with `\\0` for the rows, and the same as a function.

    `labels` is the expression that makes the labels of the same kind, with `\\0` for what `.fit` saw; None where nothing does.
    """

    text: str
    ask: Callable[[Any], Any]
    labels: str | None = None


@dataclass(frozen=True)
class Subject:
    """A model, what it is called, and what it was fitted on; `data` is None where that is not there any more."""

    model: Any
    shown: str
    name: str
    data: Any
    expression: str
    fit: FitCall
    labels: Any = None
    labels_name: str | None = None
    treated: Treatment | None = None
    """What the notebook makes of the answers."""

    @property
    def call(self) -> str:
        return f"{self.shown}.predict" if hasattr(self.model, "predict") else self.shown

    def answer(self, rows: str) -> str:
        """The expression that answers the rows of another."""
        return self.treated.text.replace("\0", rows) if self.treated else f"{self.call}({rows})"

    def ask(self, rows: Any) -> Any:
        if self.treated is not None:
            return self.treated.ask(rows)
        return self.model.predict(rows) if hasattr(self.model, "predict") else self.model(rows)
