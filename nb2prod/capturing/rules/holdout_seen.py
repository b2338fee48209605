"""Rows of the hold-out that the model was fitted on: what is told of rows it has not seen would flatter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from nb2prod.capturing import seen
from nb2prod.capturing.rules.base import Case, Rule
from nb2prod.capturing.rules.data_changed import DataChanged
from nb2prod.capturing.values import is_frame, is_series, name_of
from nb2prod.records.capture import Finding


class HoldoutSeen(Rule):
    """By what the rows hold; rows that happen to be alike are no finding. A split made again is told as changed data."""

    code: ClassVar[str] = "holdout-seen"
    about: ClassVar[str] = "rows of the hold-out are among those that the model was fitted on"
    fix: ClassVar[str] = "fit on the rows that are left when the hold-out is split off; then %deploy again"

    def look(self, case: Case) -> Iterator[Finding]:
        if case.found.holdout is None:
            return
        rows, labels = case.found.holdout
        found = seen.seen(case.found.data, rows)
        if found is None or any(DataChanged().look(case)):
            return
        name = name_of(rows, case.notebook.namespace) or "ROWS"
        many = "All" if found.rows == found.of else f"About {found.rows:,} of the"
        yield self.finding(
            f"{many} {found.of:,} rows of the hold-out are among those that `{case.shown}` was fitted on",
            where=f"--holdout {name}",
            why="What is measured on them is no measure of new rows: the score, the confidence that is watched and the estimated "
            "performance would be too good.",
            fix=self._without(case, name, rows, labels),
        )

    def _without(self, case: Case, name: str, rows: Any, labels: Any) -> str:
        """The lines that leave out what was seen, where the rows are frames under names of their own."""
        fitted, answers = case.found.data_name, name_of(labels, case.notebook.namespace)
        frames = is_frame(rows) and is_frame(case.found.data) and name.isidentifier() and fitted.isidentifier()
        if (
            not frames
            or rows is case.found.data
            or answers is None
            or not (is_series(labels) or hasattr(labels, "shape"))
        ):
            return self.fix
        return (
            f"new = ({name}.merge({fitted}.drop_duplicates(), how='left', indicator=True)['_merge'] == 'left_only').to_numpy()\n"
            f"%deploy {case.shown} --holdout {name}[new] {answers}[new]"
        )
