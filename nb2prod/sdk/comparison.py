"""What a new version changes against the one that is live, in answers and in the hold-out metric."""

from __future__ import annotations

from nb2prod.capturing import replay
from nb2prod.errors import Nb2prodError
from nb2prod.records.base import Record
from nb2prod.records.capture import Answers, Capture, Golden
from nb2prod.sdk.client import Client


class Comparison(Record, frozen=True, kw_only=True):
    """`changed` of `compared` golden answers differ; the metric is each version's own, on its own hold-out."""

    changed: int | None = None
    compared: int | None = None
    metric: str | None = None
    now: float | None = None
    before: float | None = None


def compare(new: Capture, old: Capture | None, client: Client) -> Comparison:
    """Ask the new version's first worker the rows that stayed with the old one, and count what changed.

    Rows that the new signature refuses count as changed. Without rows that stayed nothing is compared, and the record
    says so by its empty fields.
    """
    metric = new.record.holdout
    mine = Comparison(metric=metric.name, now=metric.value) if metric else Comparison()
    if old is None:
        return mine
    theirs = old.record.holdout
    before = theirs.value if theirs and metric and theirs.name == metric.name else None
    golden = old.golden
    if golden is None or not golden.rows:
        return Comparison(metric=mine.metric, now=mine.now, before=before)
    return Comparison(
        changed=_changed(golden, client),
        compared=len(golden.batch.predictions),
        metric=mine.metric,
        now=mine.now,
        before=before,
    )


def _changed(golden: Golden, client: Client) -> int:
    expected = golden.batch
    try:
        got = client.predict(golden.rows)
    except Nb2prodError:
        return len(expected.predictions)
    labels = Answers(predictions=expected.predictions), Answers(predictions=got.predictions)
    return replay.compare(*labels, golden.tolerance).differing
