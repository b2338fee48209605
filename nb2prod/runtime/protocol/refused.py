"""How many rows a refused request would have brought: a request is refused whole, so every row of it went unanswered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class _Rows(msgspec.Struct):
    inputs: list[msgspec.Raw] = []
    data: list[msgspec.Raw] = []


class _Tensor(msgspec.Struct):
    shape: list[int] = []


class _Tensors(msgspec.Struct):
    inputs: list[_Tensor] = []


_rows = msgspec.json.Decoder(_Rows)
_tensors = msgspec.json.Decoder(_Tensors)


def rows_in(path: str, scope: Mapping[str, Any], body: bytes) -> int:
    """Rows of a request as it names them; 1 where it cannot be read that far.

    Examples
    --------
    >>> rows_in("/predict", {"headers": []}, b'{"inputs": [{"age": 1}, {"age": "old"}]}')
    2
    """
    try:
        if path.endswith("/infer"):
            found = _tensors.decode(body[: _header(scope, len(body))]).inputs
            rows = max((tensor.shape[0] for tensor in found if tensor.shape), default=1)
        else:
            asked = _rows.decode(body)
            rows = len(asked.inputs or asked.data)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        return 1
    return max(1, min(rows, len(body)))  # a shape may claim anything; a row has a byte


def _header(scope: Mapping[str, Any], whole: int) -> int:
    """Bytes of the JSON before binary tensors."""
    return next((int(value) for name, value in scope["headers"] if name == b"inference-header-content-length"), whole)
