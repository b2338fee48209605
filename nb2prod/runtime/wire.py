"""Values on the wire: frames to rows, answers to plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

import numpy as np

from nb2prod.errors import InputError
from nb2prod.records.capture import Answers, Output, Signature
from nb2prod.runtime import sparse
from nb2prod.runtime.validation import pointer


def rows_to_wire(data: Any, signature: Signature) -> tuple[Any, ...]:
    """Rows as the wire carries them.

    Parameters
    ----------
    data
        A pandas DataFrame or Series of one row, a dict of columns, a list of row dicts; an array-like of shape (n, columns)
        or (columns,) for an array model; a sparse matrix for a model of sparse rows; texts (a list, an array, a Series, a
        frame of this one column) for a model of texts. Columns that the signature does not name go along: the service says
        what it thinks of them.

    Returns
    -------
    tuple of dict, of list, or of str

    Raises
    ------
    InputError
        A value is infinite: JSON has no such number.

    Examples
    --------
    >>> from nb2prod.records.capture import Column
    >>> x = Column(name="x", kind="number", dtype="float64")
    >>> rows_to_wire({"x": np.array([1.5])}, Signature(columns=(x,), output=Output(kind="number")))
    ({'x': 1.5},)
    """
    if signature.rows == "texts":
        return _texts(data)
    if signature.rows == "array":
        return _lists(data, signature)
    if signature.rows == "sparse":
        return sparse.to_wire(data, signature)
    return _dicts(_columns(data), signature)


def answers_to_wire(predictions: Any, probabilities: Any, signature: Signature) -> Answers:
    """Answers as the wire carries them: one plain value a row, an object where there are several outputs.

    A prediction that is not finite becomes null.
    """
    output = signature.output
    rows = None
    if probabilities is not None and output.probabilities:
        scores = np.asarray(probabilities).tolist()
        rows = tuple(map(tuple, scores if math.isfinite(sum(map(sum, scores))) else plain(scores)))
    return Answers(predictions=tuple(_predictions(predictions, output)), probabilities=rows)


def plain(value: Any) -> Any:
    """Any value as JSON has it: a missing or non-finite one is None, a moment ISO 8601 text, a Decimal text."""
    if value is None or type(value) in (str, bool, int):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.ndarray | list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.datetime64 | np.timedelta64):
        return None if np.isnat(value) else str(value) if isinstance(value, np.datetime64) else int(value.astype(int))
    if isinstance(value, np.generic):
        return plain(value.item())
    return _rare(value)


def _rare(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value) if value.is_finite() else None
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, int):
        return int(value)
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, set | frozenset):
        return sorted(map(plain, value), key=str)
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _finite(values: np.ndarray[Any, Any]) -> bool:
    kind = values.dtype.kind
    return kind in "biu" or (kind == "f" and bool(np.isfinite(values).all()))


def _numbers(values: np.ndarray[Any, Any]) -> list[Any]:
    """One dimension of numbers; a sum that is finite tells at once that all of them are."""
    numbers: list[Any] = values.tolist()
    if values.dtype.kind != "f" or math.isfinite(sum(numbers)):
        return numbers
    return [number if math.isfinite(number) else None for number in numbers]


def _list(values: Any) -> list[Any]:
    """A one-dimensional thing as plain values."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "biuf" and values.ndim == 1:
        return _numbers(values)
    if isinstance(values, np.ndarray) and values.dtype.kind in "mM":
        return [plain(value) for value in values]
    return [plain(value) for value in (values.tolist() if hasattr(values, "tolist") else values)]


def _predictions(values: Any, output: Output) -> list[Any]:
    if hasattr(values, "columns") and hasattr(values, "iloc"):
        names = output.names or tuple(map(str, values.columns))
        return _objects(names, [_list(values.iloc[:, i]) for i in range(len(names))])
    if isinstance(values, Mapping):
        return _objects(tuple(map(str, values)), [_list(column) for column in values.values()])
    if isinstance(values, np.ndarray) and values.ndim == 2 and values.shape[1] == 1 and not output.names:
        values = values[:, 0]
    if isinstance(values, np.ndarray) and values.ndim == 2:
        names = output.names or tuple(f"y{i}" for i in range(values.shape[1]))
        return _objects(names, [_list(values[:, i]) for i in range(len(names))])
    if hasattr(values, "toarray"):
        return _predictions(values.toarray(), output)
    return _list(values)


def _objects(names: Sequence[str], columns: list[list[Any]]) -> list[Any]:
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _columns(data: Any) -> dict[str, list[Any]]:
    if isinstance(data, Mapping):
        return {str(name): _cells(values) for name, values in data.items()}
    if hasattr(data, "to_frame") and not hasattr(data, "columns"):
        return {str(name): [plain(value)] for name, value in data.items()}
    if hasattr(data, "iloc"):
        return {str(name): _cells(data.iloc[:, i]) for i, name in enumerate(data.columns)}
    names = dict.fromkeys(str(name) for row in data for name in row)
    return {name: [plain(row.get(name)) for row in data] for name in names}


def _cells(values: Any) -> list[Any]:
    array = values if isinstance(values, np.ndarray) else getattr(values, "array", values)
    if str(getattr(array, "dtype", "")) == "category":
        return [None if value is None else str(value) for value in _list(values)]
    _refuse_infinite(values)
    return _list(values)


def _refuse_infinite(values: Any) -> None:
    kind = getattr(getattr(values, "dtype", None), "kind", "")
    if kind != "f":
        return
    infinite = np.isinf(np.asarray(values, dtype=float))
    if infinite.any():
        raise _infinite(getattr(values, "name", None), int(infinite.argmax()))


def _infinite(name: Any, row: int) -> InputError:
    place = "" if name is None else f"Column {str(name)!r}: "
    return InputError(
        f"{place}row {row} is infinite",
        code="infinite",
        where=f"row {row}",
        why="JSON has no infinite number, so such a row cannot be sent.",
        fix="frame = frame.replace([np.inf, -np.inf], np.nan)",
        pointer="/inputs" + (pointer(row) if name is None else pointer(row, str(name))),
    )


def _dicts(columns: dict[str, list[Any]], signature: Signature) -> tuple[Any, ...]:
    for column in signature.columns:
        if column.kind == "category" and column.name in columns:
            cells = columns[column.name]
            columns[column.name] = [cell if cell is None or isinstance(cell, str) else str(cell) for cell in cells]
    names = tuple(columns)
    return tuple(dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True))


def _texts(data: Any) -> tuple[Any, ...]:
    """One text a row: of a list, an array or a Series, of the only column of a frame or a table; one text is one row."""
    if isinstance(data, str):
        return (data,)
    if isinstance(data, Mapping) or hasattr(data, "columns"):
        columns = _columns(data)
        if len(columns) != 1:
            raise _not_one_column(tuple(columns))
        data = next(iter(columns.values()))
    elif getattr(data, "ndim", 1) == 2 and data.shape[1] == 1:
        data = data[:, 0]
    return tuple(plain(value) for value in (data.tolist() if hasattr(data, "tolist") else list(data)))


def _not_one_column(names: Sequence[str]) -> InputError:
    return InputError(
        f"The model takes texts, one a row; the frame has {len(names)} columns",
        code="wrong-shape",
        where="the frame",
        why="It was trained on one column of texts.",
        fix=f"frame[{names[0] if names else 'NAME'!r}]      (the column with the texts)",
        pointer="/inputs",
    )


def _lists(data: Any, signature: Signature) -> tuple[Any, ...]:
    matrix = data.toarray() if hasattr(data, "toarray") else np.asarray(data)
    if matrix.ndim == 1 and len(signature.columns) == len(matrix):
        matrix = matrix[None, :]
    if matrix.dtype.kind == "f" and np.isinf(matrix).any():
        raise _infinite(None, int(np.isinf(matrix).any(axis=1).argmax()))
    return tuple(matrix.tolist() if _finite(matrix) else [plain(row) for row in matrix.tolist()])
