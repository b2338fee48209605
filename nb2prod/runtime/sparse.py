"""Rows of a model that was fitted on a sparse matrix: ``{"indices": […], "values": […]}``, the columns that are not zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import numpy as np

from nb2prod.errors import InputError
from nb2prod.records.capture import Column, Signature
from nb2prod.runtime import validation
from nb2prod.runtime.validation import Misfit, pointer

WATCHED: Final = (
    Column(name="stored", kind="integer", dtype="int64"),
    Column(name="total", kind="number", dtype="float64"),
)
"""What is counted of a sparse row, which may be fifty thousand columns wide: how many are not zero, and their sum."""
FIX: Final = '{"inputs": [{"indices": [3, 17], "values": [0.5, 1.0]}]}'
_KEYS: Final = {"indices", "values"}


def matrix(rows: Sequence[Any], signature: Signature, *, at: str = "/inputs") -> Any:
    """Rows from the wire as the compressed matrix of the kernel's own call, indices in order.

    Raises
    ------
    InputError
        A row of another shape, an index out of range or named twice, a value that is no finite number.
    """
    pointers = np.zeros(len(rows) + 1, np.int64)
    columns: list[Any] = []
    values: list[Any] = []
    check = validation.check(Column(name="values", kind="number", dtype=signature.dtype))
    for number, row in enumerate(rows):
        indices, numbers = _row(row, number, signature, at + pointer(number))
        order = np.argsort(indices, kind="stable")
        columns.append(indices[order])
        values.append(_values(numbers, check, number, at + pointer(number, "values"))[order])
        pointers[number + 1] = pointers[number] + len(indices)
    flat = np.concatenate([*columns, np.empty(0, np.int64)]).astype(np.int32)
    data = np.concatenate([*values, np.empty(0)]).astype(signature.dtype)
    return _made(signature)((data, flat, pointers.astype(np.int32)), shape=(len(rows), signature.width))


def dense(rows: Any, signature: Signature) -> Any:
    """A dense table of the model's width as that matrix."""
    return canonical(_made(signature)(np.asarray(rows, signature.dtype).reshape(-1, signature.width)))


def canonical(data: Any) -> Any:
    """Any sparse matrix as compressed rows with sorted indices: sums then have one order, here and in the service."""
    import scipy.sparse

    kind = scipy.sparse.csr_array if isinstance(data, scipy.sparse.sparray) else scipy.sparse.csr_matrix
    made = kind(data, copy=True)
    made.sum_duplicates()
    made.sort_indices()
    return made


def kind(data: Any) -> Literal["csr_matrix", "csr_array"]:
    """``csr_matrix`` or ``csr_array``: they multiply differently."""
    import scipy.sparse

    return "csr_array" if isinstance(data, scipy.sparse.sparray) else "csr_matrix"


def to_wire(data: Any, signature: Signature) -> tuple[Any, ...]:
    """A sparse matrix, or a dense table of the same width, as rows for the wire; rows in wire form go as they are."""
    if isinstance(data, Mapping):
        return (dict(data),)
    if not hasattr(data, "shape"):
        rows = list(data)
        if rows and isinstance(rows[0], Mapping):
            return tuple(dict(row) for row in rows)
    found = canonical(data) if hasattr(data, "tocsr") else dense(data, signature)
    ends = zip(found.indptr[:-1], found.indptr[1:], strict=True)
    return tuple({"indices": found.indices[a:b].tolist(), "values": found.data[a:b].tolist()} for a, b in ends)


def watched(data: Any) -> dict[str, Any]:
    """What is counted of sparse rows, by column."""
    return {
        "stored": np.diff(data.indptr).astype(np.int64),
        "total": np.asarray(data.sum(axis=1)).ravel().astype(float),
    }


def _made(signature: Signature) -> Any:
    import scipy.sparse

    return getattr(scipy.sparse, signature.sparse)


def _row(row: Any, number: int, signature: Signature, at: str) -> tuple[Any, Any]:
    if hasattr(row, "indices") and hasattr(row, "values") and not isinstance(row, Mapping):
        row = {"indices": row.indices, "values": row.values}  # decoded by the struct that the signature made
    if not isinstance(row, Mapping) or set(row) != _KEYS:
        what = "an object with " + validation.listed(sorted(map(str, row))) if isinstance(row, Mapping) else None
        raise validation.wrong_shape(
            "an object with `indices` and `values`", what or validation.found(row), number, at, FIX
        )
    indices, values = row["indices"], row["values"]
    if not isinstance(indices, list) or not isinstance(values, list) or len(indices) != len(values):
        raise validation.wrong_shape("two lists of one length", "something else", number, at, FIX)
    for place, index in enumerate(indices):
        if type(index) is not int or not 0 <= index < signature.width:
            raise _index(number, place, signature.width, at)
    if len(set(indices)) < len(indices):
        raise _twice(number, at)
    return np.array(indices, np.int64), values


def _values(values: list[Any], check: Any, number: int, at: str) -> Any:
    checked = []
    for place, value in enumerate(values):
        try:
            checked.append(check(value))
        except Misfit as error:
            column = Column(name="values", kind="number", dtype="float64")
            raise validation.misfit(column, number, str(error), at + pointer(place)) from None
    return np.array(checked, float)


def _index(number: int, place: int, width: int, at: str) -> InputError:
    return InputError(
        f"Row {number} has an index that is no whole number from 0 to {width - 1}",
        code="wrong-index",
        where=f"row {number}, indices",
        why=f"The model was fitted on {width:,} columns.",
        fix="rows.indices.tolist()      of the matrix that the vectoriser made",
        pointer=at + pointer("indices", place),
    )


def _twice(number: int, at: str) -> InputError:
    return InputError(
        f"Row {number} names an index twice",
        code="wrong-index",
        where=f"row {number}, indices",
        why="Each column has one value in a row.",
        fix="matrix.sum_duplicates()",
        pointer=at + pointer("indices"),
    )
