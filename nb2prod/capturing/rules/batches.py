"""A model whose answer to a row depends on the rows that it is asked together with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from nb2prod.capturing.replay import compare
from nb2prod.capturing.rules.base import Case, Rule
from nb2prod.records.capture import Answers, Finding, Golden


class BatchDependent(Rule):
    """Found where the golden rows are asked: all at once, and one by one."""

    code: ClassVar[str] = "batch-dependent"
    about: ClassVar[str] = "a row alone gets another answer than among others"
    fix: ClassVar[str] = "compute means, ranks and shares of the training rows above predict, and use these in it"

    def look(self, case: Case) -> Iterator[Finding]:
        yield from ()

    def asked(self, rows: Golden, shown: str) -> Iterator[Finding]:
        """What the kernel's own answers, all at once and one by one, say of it."""
        alone, n = rows.single, len(rows.single.predictions)
        among = Answers(
            predictions=rows.batch.predictions[:n],
            probabilities=rows.batch.probabilities[:n] if rows.batch.probabilities is not None else None,
        )
        found = compare(among, alone, rows.tolerance)
        if not found.equal:
            by = f" by up to {found.largest:.3g}" if found.largest < float("inf") else ""
            yield self.finding(
                f"`{shown}` answers a row alone otherwise than among others",
                where=f"{found.differing} of {n} rows, first in row {found.first}",
                why=f"Asked one by one, its answers differ{by} from those to {len(rows.batch.predictions)} rows at once: it "
                "reckons with the request's other rows, and a service is asked with as many as its callers send.",
                fix=self.fix,
            )
