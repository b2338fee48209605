"""What a worker keeps of requests, as bytes: columns as they came, requests alike that came within a moment as one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, groupby
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np

from nb2prod.records.monitoring import Feedback

ROWS = 1
FEEDBACK = 2
REFUSALS = 3
MOMENT = 4
"""Kinds of frames: one request, feedback, refusals, and the requests of a moment."""
_ARRAY = 1

Parts = tuple[Sequence[str], Sequence[float], Sequence[int]]
Request = tuple[str, int, float, int, Any, Any, Any, Any, Any]
"""The fields of a `Batch` without parts, which cost less to keep for a moment than a struct."""


class Batch(msgspec.Struct, array_like=True):
    """One request that was answered. `columns` is a matrix where the model takes one; times are epoch seconds.

    With `parts` it is several requests of one version and minute, their rows one after another, without ids and times: the id,
    the arrival and the number of rows of each. `arrived` is the first one's.
    """

    request_id: str
    version: int
    arrived: float
    n: int
    columns: Any
    predictions: Any
    probabilities: Any = None
    ids: list[str | None] | None = None
    times: list[float | None] | None = None
    parts: Parts | None = None

    def singles(self) -> Iterator[Batch]:
        """Each request as a batch of its own."""
        if self.parts is None:
            yield self
            return
        start = 0
        for request_id, arrived, n in zip(*self.parts, strict=True):
            rows = slice(start, start + n)
            start += n
            said = None if self.probabilities is None else self.probabilities[rows]
            yield Batch(request_id, self.version, arrived, n, self.columns[rows], self.predictions[rows], said)


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
_dtype = attrgetter("dtype")
_moments = msgspec.msgpack.Decoder(list[Batch], ext_hook=_unpack)
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


def encode_moment(requests: Sequence[Request]) -> bytes:
    """Bytes of the requests of a moment; of what has none, the text.

    Neighbours alike become one batch: one matrix in place of many is written, read and counted at the cost of one.
    """
    found = _together(requests)
    try:
        return _encoder.encode(found)
    except (OverflowError, TypeError, ValueError):
        return _encoder.encode([msgspec.Raw(_bytes(batch)) for batch in found])


def _together(requests: Sequence[Request]) -> list[Batch]:
    if len(requests) > 1 and _alike(requests):
        return [_whole(requests)]
    found: list[Batch] = []
    for key, group in groupby(requests, _form):
        alike = list(group)
        found += [Batch(*one) for one in alike] if key is None or len(alike) == 1 else [_whole(alike)]
    return found


def _alike(requests: Sequence[Request]) -> bool:
    """Whether all are of one form; a loop in Python would cost as much as all else."""
    count = len(requests)
    _, versions, arrived, _, columns, _, said, ids, times = zip(*requests, strict=True)
    return (
        set(map(type, columns)) == {np.ndarray}
        and ids.count(None) == times.count(None) == versions.count(versions[0]) == count
        and said.count(None) in (0, count)
        and min(arrived) // 60 == max(arrived) // 60
        and len(set(map(_dtype, columns))) == 1
    )


def _form(request: Request) -> Any:
    """What neighbours must share; None for a request that stays as it is."""
    _, version, arrived, _, columns, _, said, ids, times = request
    if not isinstance(columns, np.ndarray) or ids is not None or times is not None:
        return None
    return version, arrived // 60, columns.dtype, said is None


def _whole(alike: Sequence[Request]) -> Batch:
    names, versions, arrived, n, columns, predictions, said, _, _ = zip(*alike, strict=True)
    return Batch(
        "",
        versions[0],
        min(arrived),
        sum(n),
        np.concatenate(columns),
        list(chain.from_iterable(predictions)),
        None if said[0] is None else list(chain.from_iterable(said)),
        parts=(names, arrived, n),
    )


def _bytes(batch: Batch) -> bytes:
    try:
        return encode(batch)
    except (OverflowError, TypeError, ValueError):
        return encode_plainly(batch)


def decode_rows(payload: bytes, kind: int) -> list[Batch]:
    """The batches of a frame of rows; empty for a frame of another kind."""
    return _moments.decode(payload) if kind == MOMENT else [decode_batch(payload)] if kind == ROWS else []


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
