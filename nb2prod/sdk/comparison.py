"""What a new version changes against the one that is live, in answers and in the hold-out metric."""

from __future__ import annotations

import msgspec

from nb2prod.capturing import replay
from nb2prod.errors import Nb2prodError
from nb2prod.records.base import Record
from nb2prod.records.capture import Answers, Capture, Golden
from nb2prod.sdk.client import Client


class Comparison(Record, frozen=True, kw_only=True):
    """`changed` of `compared` golden answers differ, or `why` none were compared; the metric is each version's own."""

    changed: int | None = None
    compared: int | None = None
    why: str = ""
    metric: str | None = None
    now: float | None = None
    before: float | None = None


def compare(new: Capture, old: Capture | None, client: Client) -> Comparison:
    """Ask the new version's first worker the rows that stayed with the old one, and count what changed.

    A row goes without the columns that the new version does not read. Where it reads more, or refuses the rows, nothing is
    compared and `why` says so: a refusal is no other answer. Without rows that stayed the fields are empty.
    """
    metric = new.record.holdout
    mine = Comparison(metric=metric.name, now=metric.value) if metric else Comparison()
    if old is None:
        return mine
    theirs = old.record.holdout
    before = theirs.value if theirs and metric and theirs.name == metric.name else None
    mine = msgspec.structs.replace(mine, before=before)
    golden = old.golden
    if golden is None or not golden.rows:
        return mine
    came, went = columns(new) - columns(old), columns(old) - columns(new)
    if came:
        return msgspec.structs.replace(mine, why=_also_reads(came, went))
    try:
        got = client.predict(restricted(golden, went).rows)
    except Nb2prodError as error:
        return msgspec.structs.replace(mine, why=error.title)
    return msgspec.structs.replace(mine, changed=differing(golden, got), compared=len(golden.batch.predictions))


def columns(capture: Capture) -> set[str]:
    """The columns by which rows differ: those of an array have their places alone."""
    signature = capture.record.signature
    return set(signature.names) if signature.rows == "frame" else set()


def restricted(golden: Golden, without: set[str]) -> Golden:
    """Stored rows with the columns that both versions know."""
    if not without:
        return golden
    rows = tuple({name: value for name, value in row.items() if name not in without} for row in golden.rows)
    return msgspec.structs.replace(golden, rows=rows)


def differing(golden: Golden, got: Answers) -> int:
    """How many stored answers are others now."""
    labels = Answers(predictions=golden.batch.predictions), Answers(predictions=got.predictions)
    return replay.compare(*labels, golden.tolerance).differing


def _also_reads(came: set[str], went: set[str]) -> str:
    those = f", that one {', '.join(sorted(went)[:6])}" if went else ""
    return f"this one also reads {', '.join(sorted(came)[:6])}{those}"
