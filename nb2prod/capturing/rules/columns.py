"""Columns that a request could not name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from nb2prod.capturing.rules.base import Case, Rule
from nb2prod.capturing.values import is_frame
from nb2prod.records.capture import Finding, Severity


class DuplicateColumns(Rule):
    code: ClassVar[str] = "duplicate-columns"
    severity: ClassVar[Severity] = "refuse"
    acceptable: ClassVar[bool] = False
    about: ClassVar[str] = "two columns of the training rows have one name"
    fix: ClassVar[str] = "X = X.loc[:, ~X.columns.duplicated()]"

    def look(self, case: Case) -> Iterator[Finding]:
        if not is_frame(case.found.data) or not hasattr(case.found.data.columns, "duplicated"):
            return
        columns = case.found.data.columns
        twice = list(dict.fromkeys(map(str, columns[columns.duplicated()])))
        if not twice:
            return
        name = case.found.data_name if case.found.data_name.isidentifier() else "X"
        shown = ", ".join(f"`{column}`" for column in twice[:5]) + (
            f" and {len(twice) - 5} more" if len(twice) > 5 else ""
        )
        yield self.finding(
            f"{shown} {'stands' if len(twice) == 1 else 'stand'} more than once among the columns of `{name}`",
            where=f"{name}.columns",
            why="A request names each of its columns once; which of those with one name is meant could not be told.",
            fix=f"{name} = {name}.loc[:, ~{name}.columns.duplicated()]      # the first of each; then fit and %deploy again",
        )
