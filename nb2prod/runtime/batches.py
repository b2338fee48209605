"""What a worker keeps of a request, as bytes: one record a request, columns as they came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from nb2prod.records.monitoring import Feedback

ROWS = 1
FEEDBACK = 2
REFUSALS = 3
_ARRAY = 1


class Batch(msgspec.Struct, array_like=True):
    """One request that was answered. `columns` is a matrix where the model takes one; times are epoch seconds."""

    request_id: str
    version: int
    arrived: float
    n: int
    columns: Any
    predictions: Any
    probabilities: Any = None
    ids: list[str | None] | None = None
    times: list[float | None] | None = None


class Labels(msgspec.Struct, array_like=True):
    """One batch of feedback."""

    version: int
    arrived: float
    items: list[Feedback]


class Refusals(msgspec.Struct, array_like=True):
    """Rows that never reached the model: column, reason and how many."""

    version: int
    arrived: float
    items: list[tuple[str, str, int]]


def _pack(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "biufMm":
            return value.tolist()
        body = msgspec.msgpack.encode([value.dtype.str, value.shape, np.ascontiguousarray(value).tobytes()])
        return msgspec.msgpack.Ext(_ARRAY, body)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    return str(value)


def _unpack(code: int, data: memoryview) -> Any:
    if code != _ARRAY:
        return None
    dtype, shape, body = msgspec.msgpack.decode(data)
    return np.frombuffer(body, np.dtype(dtype)).reshape(shape)


_encoder = msgspec.msgpack.Encoder(enc_hook=_pack)
_batches = msgspec.msgpack.Decoder(Batch, ext_hook=_unpack)
_anything = msgspec.msgpack.Decoder(ext_hook=_unpack)
_labels = msgspec.msgpack.Decoder(Labels, ext_hook=_unpack)
_refusals = msgspec.msgpack.Decoder(Refusals)


def encode(record: Batch | Labels | Refusals) -> bytes:
    """Bytes of a record.

    Raises
    ------
    Exception
        A value that has no bytes; `encode_plainly` takes any.
    """
    return _encoder.encode(record)


def encode_plainly(batch: Batch) -> bytes:
    """The same where a column holds what msgpack has no form for (an integer past 64 bits): as text."""
    columns = {name: [_plain(value) for value in values] for name, values in dict(batch.columns).items()}
    return _encoder.encode(msgspec.structs.replace(batch, columns=columns))


def encode_any(value: Any) -> bytes:
    """Plain values and numpy arrays, nested."""
    return _encoder.encode(value)


def decode_any(payload: bytes) -> Any:
    return _anything.decode(payload)


def decode_batch(payload: bytes) -> Batch:
    return _batches.decode(payload)


def decode_labels(payload: bytes) -> Labels:
    return _labels.decode(payload)


def decode_refusals(payload: bytes) -> Refusals:
    return _refusals.decode(payload)


def _plain(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return value if -(2**63) <= value < 2**64 else float(value)
    return value if value is None or isinstance(value, str | bool | float) else str(value)
