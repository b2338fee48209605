"""Tensors of the Open Inference Protocol: JSON data or the bytes behind it, to plain values and back."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from nb2prod.errors import InputError

DTYPES: Final = {
    "BOOL": "?",
    "UINT8": "u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}


def wrong(title: str, why: str, at: str) -> InputError:
    """A tensor that is not what its words say."""
    return InputError(
        title,
        code="wrong-tensor",
        status=400,
        where=at,
        why=why,
        fix="GET /v2/models/NAME lists the inputs with datatype and shape",
        pointer=at,
    )


def flat(data: Any) -> list[Any]:
    """JSON data, nested or flat, as one list."""
    if not isinstance(data, list):
        return [data]
    if data and isinstance(data[0], list):
        return [value for part in data for value in flat(part)]
    return data


def unpack(raw: memoryview, datatype: str, count: int, at: str) -> list[Any]:
    """`count` values from the binary extension; NaN, which JSON would send as null, is None."""
    if datatype == "BYTES":
        return _texts(raw, count, at)
    dtype = np.dtype(DTYPES[datatype])
    if len(raw) != count * dtype.itemsize:
        raise wrong("A tensor's bytes do not fit its shape", f"{count} values of {datatype} are expected.", at)
    values = np.frombuffer(raw, dtype)
    if dtype.kind == "f" and np.isnan(values).any():
        return [None if math.isnan(value) else value for value in values.tolist()]
    return list(values.tolist())


def _texts(raw: memoryview, count: int, at: str) -> list[str]:
    values, position = [], 0
    try:
        for _ in range(count):
            (length,) = struct.unpack_from("<I", raw, position)
            position += 4 + length
            if position > len(raw):
                raise ValueError
            values.append(bytes(raw[position - length : position]).decode())
    except (struct.error, ValueError):
        raise wrong(
            "A tensor's bytes do not fit its shape", f"{count} length-prefixed UTF-8 texts are expected.", at
        ) from None
    if position != len(raw):
        raise wrong("A tensor's bytes do not fit its shape", f"{count} texts are expected; there are more bytes.", at)
    return values


def datatype(values: Sequence[Any]) -> str:
    """The narrowest datatype of the protocol that holds all of the values."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return "BOOL"
    if kinds == {int}:
        return "INT64"
    return "FP64" if kinds <= {int, float} else "BYTES"


def pack(values: Sequence[Any], kind: str) -> bytes:
    """Values in the binary extension; None is NaN, or an empty text."""
    if kind == "BYTES":
        texts = [b"" if value is None else str(value).encode() for value in values]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    plain = [math.nan if value is None and kind == "FP64" else value for value in values]
    return np.array(plain, DTYPES[kind]).tobytes()
