"""Whether two captures are one model."""

from __future__ import annotations

import hashlib
from typing import Any

from nb2prod.capturing import threads
from nb2prod.errors import Nb2prodError
from nb2prod.records.base import to_json
from nb2prod.records.capture import Answers, Capture, CaptureRecord, Golden
from nb2prod.runtime import flavors
from nb2prod.runtime.frames import container
from nb2prod.runtime.model import ServedModel
from nb2prod.runtime.rows import rows_from_wire
from nb2prod.runtime.wire import answers_to_wire


def identical(capture: Capture, other: Capture, model: Any = None) -> bool:
    """Whether two captures are one model: same lock, code, runtime, signature and feature counts, same answers, bit for bit.

    The answers are those to the other's stored rows. Rows that stay are drawn with a seed from the baseline's digest, so
    equal data gives equal rows and the kernel's answers can be compared as they are; where the rows differ in kind, the live
    `model` is asked, else the one in this capture's folder. A capture that keeps no rows (texts cannot be drawn) is known by
    the digest of the real rows that its proof used and of the answers to them: equal data gives the same rows.
    """
    if _identity(capture.record) != _identity(other.record):
        return False
    if capture.record.answers and capture.record.answers == other.record.answers:
        return True
    theirs = other.golden or other.live
    if theirs is None or not theirs.rows:
        return False
    for ours in (capture.golden, capture.live):
        if ours is not None and ours.rows == theirs.rows:
            return ours.batch == theirs.batch
    return _answers(capture, theirs, model) == theirs.batch


def same_in_all(one: CaptureRecord, two: CaptureRecord) -> bool:
    """Beyond identity: reference scores, what is declared and found, which rows stay."""
    return _identity(one) == _identity(two) and all(
        getattr(one, field) == getattr(two, field) for field in ("scores", "holdout", "golden", "findings")
    )


def digest(rows: Golden) -> str:
    """SHA-256 over golden rows and the answers to them, as a batch and one by one."""
    return hashlib.sha256(to_json(rows)).hexdigest()


def _identity(record: CaptureRecord) -> tuple[Any, ...]:
    around = record.environment
    return (
        around.lock,
        around.variables,
        around.hosts,
        record.code,
        record.lineage.nb2prod,
        record.signature,
        record.baseline,
    )


def _answers(capture: Capture, rows: Golden, model: Any) -> Answers | None:
    """This capture's model asked for other rows; None where they do not fit it."""
    signature = capture.record.signature
    try:
        with threads.one():
            if model is None or isinstance(model, str | Capture):
                served = ServedModel.load(capture.folder)
                return served.answer(served.reader.rows(rows.rows))
            ask = flavors.named(capture.record.model.flavor).answer
            return answers_to_wire(*ask(model, container(rows_from_wire(rows.rows, signature), signature)), signature)
    except Nb2prodError:
        return None
