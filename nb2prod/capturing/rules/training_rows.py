"""Training rows that go along inside the model: those it answers from, and a table that its code holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from nb2prod.capturing.contents import Held
from nb2prod.capturing.rules.base import Case, Rule
from nb2prod.capturing.values import is_frame, length, name_of
from nb2prod.records.capture import Finding, FlavorRecord
from nb2prod.runtime import flavors

_READ = "Whoever reads the model's file can read them."
# where scikit-learn's models that answer from their training rows keep them
_MEMORY = frozenset({"_fit_X", "X_train_", "X_fit_", "support_vectors_", "X_"})


class TrainingRows(Rule):
    """A note where the model answers from its rows; a warning where they need not be there."""

    code: ClassVar[str] = "training-rows"
    about: ClassVar[str] = "rows of the training data go along inside the model"
    fix: ClassVar[str] = "keep in a variable of its own what predict reads of the frame"

    def look(self, case: Case) -> Iterator[Finding]:
        left_behind = case.flavor is not None and case.flavor.training(case.found.model) is not None
        for held in case.held:
            owner, _, last = held.path.rpartition(".")
            if last in _MEMORY and np.ndim(held.value) == 2:
                yield self._answers_from(held, owner or type(case.found.model).__name__, case)
                return
            rows = (
                None
                if left_behind or isinstance(held.value, type)
                else flavors.claiming(held.value).training(held.value)
            )
            if rows is not None:
                yield self._inside(held, rows, case)
                return
            if not left_behind and _of_training(held.value, case.found.data):
                yield self._holds(held, case.found.data_name)
                return

    def saved(self, record: FlavorRecord, shown: str) -> Iterator[Finding]:
        """What a flavor could not leave behind when it saved the model."""
        if why := record.detail.get("rows"):
            yield self.finding(
                f"Training rows of `{shown}` go along",
                where=record.model_class,
                why=f"{why[0].upper()}{why[1:]}. {_READ}",
                fix=record.detail.get("fix", self.fix),
            )

    def _answers_from(self, held: Held, by: str, case: Case) -> Finding:
        kind = "Regressor" if case.flavor is None or case.flavor.classes(case.found.model) is None else "Classifier"
        return self.finding(
            f"{length(held.value)} training rows go along inside the model",
            where=held.path,
            why=f"`{by}` answers from rows that it was trained on. {_READ}",
            fix=f"where they are confidential, a model that keeps none: HistGradientBoosting{kind}().fit(X, y)",
            severity="note",
        )

    def _inside(self, held: Held, rows: Any, case: Case) -> Finding:
        there = name_of(held.value, case.notebook.namespace)  # a closure has a name of its own for it
        return self.finding(
            f"`{held.path}` goes along with the {length(rows)} rows that it was fitted on",
            where=held.path + (f" (used in {held.of})" if held.of else ""),
            why=f"Only where it is the model itself are they left behind. {_READ}",
            fix=f"%deploy {there or held.path} --data {case.found.data_name}",
        )

    def _holds(self, held: Held, data_name: str) -> Finding:
        columns = f" ({', '.join(map(str, held.value.columns[:3]))}, …)" if is_frame(held.value) else ""
        return self.finding(
            f"`{held.path}` goes along with {length(held.value)} training rows",
            where=held.path + (f" (used in {held.of})" if held.of else ""),
            why=f"It holds the rows of `{data_name}`{columns}. {_READ}",
            fix=f"{self.fix}: means = {held.path}.mean(numeric_only=True)" if columns else self.fix,
        )


def _of_training(value: Any, data: Any) -> bool:
    """Whether it is the training data, or a frame with as many rows and a column in common."""
    if value is data:
        return True
    if not (is_frame(value) and is_frame(data)) or len(value) != len(data) or len(data) < 2:
        return False
    return bool(set(map(str, value.columns)) & set(map(str, data.columns)))
