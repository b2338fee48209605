"""What makes two captures the same but for their answers: environment, code, contract, training data; never a pickle's hash."""

from __future__ import annotations

import hashlib

import msgspec

from nb2prod.records.capture import CaptureRecord


def identity(record: CaptureRecord) -> str:
    """SHA-256 over lock, code digest, runtime version, signature and the baseline's counts.

    Two captures of equal identity are candidates to be the same; whether they are is said by their answers.
    """
    parts = [record.environment.lock, record.code, record.lineage.nb2prod, record.signature, record.baseline]
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()
