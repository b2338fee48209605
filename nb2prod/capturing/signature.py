"""The model's contract from the frame it was trained on and the answers it gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nb2prod.capturing.values import is_frame, is_series
from nb2prod.errors import Refused, UsageError
from nb2prod.records.capture import Column, Kind, Output, Signature
from nb2prod.runtime import sparse

FEW = 1000
_NUMPY_KINDS: dict[str, Kind] = {"b": "boolean", "i": "integer", "u": "integer", "f": "number", "M": "datetime"}
_INFERRED: dict[str, Kind] = {"boolean": "boolean", "decimal": "number", "datetime": "datetime"}


def signature(
    data: Any,
    predictions: Any,
    probabilities: Any,
    classes: Sequence[Any] | None,
    *,
    nullable: Sequence[str] = (),
    extra_columns: str = "refuse",
    time: str | None = None,
    id: str | None = None,
) -> Signature:
    """Read columns off the training data and outputs off the model's own answers.

    Parameters
    ----------
    data
        A DataFrame, a two-dimensional array, a sparse matrix, or texts.
    predictions, probabilities
        What the model answered on some of these rows.
    classes
        The model's classes in the order of its probabilities, None for what is no classifier.

    Raises
    ------
    UsageError
        A column named by `nullable` that is not there; duplicate column names.
    Refused
        Rows of a kind that cannot travel as JSON (arrays of other than two dimensions or numbers).
    """
    rows, columns = _columns(data)
    _known(nullable, [column.name for column in columns], "--nullable")
    return Signature(
        columns=tuple(_with_null(column, column.name in nullable) for column in columns),
        output=output(predictions, probabilities, classes),
        rows=rows,
        dtype=str(data.dtype) if rows in ("array", "sparse") else "float64",
        width=int(data.shape[1]) if rows == "sparse" else 0,
        sparse=sparse.kind(data) if rows == "sparse" else "",
        extra_columns="ignore" if extra_columns == "ignore" else "refuse",
        time=time,
        id=id,
    )


def column(name: str, values: Any) -> Column:
    """One column of a frame: its kind on the wire, its dtype, whether it has nulls, its categories where pandas keeps them."""
    dtype = str(values.dtype)
    nulls = bool(values.isna().any())
    if dtype == "category":
        categories = tuple(_plain(category) for category in values.cat.categories)
        return Column(
            name=name,
            kind="category",
            dtype=dtype,
            nullable=nulls,
            categories=categories,
            ordered=bool(values.cat.ordered),
        )
    return Column(name=name, kind=_kind(name, values), dtype=dtype, nullable=nulls)


def output(predictions: Any, probabilities: Any, classes: Sequence[Any] | None) -> Output:
    """What the model answers: kind, container, dtype, names where there are several."""
    values, names = _values(predictions), _output_names(predictions)
    known = tuple(_plain(one) for one in classes) if classes is not None else ()
    return Output(
        kind="class" if classes is not None else _answer_kind(values, predictions),
        container=_container(predictions),
        dtype=str(getattr(predictions, "dtype", "") or (values.dtype if _container(predictions) == "array" else "")),
        names=names,
        classes=known,
        probabilities=probabilities is not None,
    )


def _columns(data: Any) -> tuple[Any, list[Column]]:
    if is_frame(data):
        names = [str(name) for name in data.columns]
        if len(set(names)) < len(names):
            double = next(name for name in names if names.count(name) > 1)
            raise UsageError(
                f"The training data has two columns named `{double}`",
                code="double-column",
                where="--data",
                why="A row on the wire is an object, which has each name once.",
                fix="frame.columns = [...]",
                kept="nothing was captured",
            )
        return "frame", [column(name, data.iloc[:, i]) for i, name in enumerate(names)]
    if is_texts(data):
        return "texts", [Column(name="text", kind="text", dtype="str")]
    if hasattr(data, "toarray"):
        return "sparse", list(sparse.WATCHED)
    array = np.asarray(data)
    kind = _NUMPY_KINDS.get(array.dtype.kind)
    if array.ndim != 2 or kind is None:
        raise Refused(
            f"The training data is an array of {array.ndim} dimensions and dtype {array.dtype}",
            code="wrong-data",
            where="--data",
            why="Rows of numbers, a DataFrame or a list of texts can be sent to a service.",
            fix="--data X.reshape(len(X), -1)" if array.ndim != 2 else "--data pd.DataFrame(X)",
            kept="nothing was captured",
        )
    holes = np.isnan(array).any(axis=0) if array.dtype.kind == "f" else np.zeros(array.shape[1], bool)
    return "array", [
        Column(name=f"x{i}", kind=kind, dtype=str(array.dtype), nullable=bool(holes[i])) for i in range(array.shape[1])
    ]


def is_texts(data: Any) -> bool:
    """Whether the rows are raw texts, not columns."""
    if is_series(data) or (isinstance(data, np.ndarray) and data.ndim == 1):
        first = data.iloc[0] if is_series(data) and len(data) else data[0] if len(data) else None
        return isinstance(first, str)
    return isinstance(data, list) and bool(data) and all(isinstance(item, str) for item in data[:50])


def _kind(name: str, values: Any) -> Kind:
    import pandas as pd
    from pandas.api import types

    dtype = values.dtype
    if types.is_bool_dtype(dtype):
        return "boolean"
    if types.is_integer_dtype(dtype):
        return "integer"
    if types.is_timedelta64_dtype(dtype):
        return "number"  # seconds
    if types.is_float_dtype(dtype):
        return "number"
    if types.is_datetime64_any_dtype(dtype):
        return "datetime"
    inferred = str(types.infer_dtype(values, skipna=True))
    if inferred in ("string", "empty") or isinstance(dtype, pd.StringDtype):
        return "category" if _few(values) else "text"
    return _INFERRED.get(inferred, "other")


def _few(values: Any) -> bool:
    """Whether texts repeat as categories do; names and free text hardly ever do."""
    present = values.dropna()
    distinct = int(present.nunique())
    return distinct <= FEW and (distinct <= 20 or distinct <= len(present) / 5)


def _with_null(column: Column, nullable: bool) -> Column:
    import msgspec

    return msgspec.structs.replace(column, nullable=True) if nullable and not column.nullable else column


def _known(names: Sequence[str], there: Sequence[str], flag: str) -> None:
    for name in names:
        if name not in there:
            raise UsageError(
                f"There is no column `{name}`",
                code="no-such-column",
                where=f"{flag} {name}",
                why="The model's columns are " + ", ".join(there[:8]) + ("" if len(there) <= 8 else ", …"),
                fix=f"{flag} {there[0] if there else 'COLUMN'}",
                kept="nothing was captured",
            )


def _answer_kind(values: np.ndarray[Any, Any], predictions: Any) -> Any:
    if values.ndim > 2 or (values.ndim == 2 and isinstance(predictions, list | tuple)):
        return "object"  # a row's answer is a list
    if values.dtype.kind in "iufb":
        return "number"
    if values.dtype.kind == "M":
        return "datetime"
    flat = values.ravel()
    if values.dtype.kind in "US" or (flat.size and all(isinstance(one, str) for one in flat[:50])):
        return "text"
    if flat.size and all(isinstance(one, int | float | np.number) for one in flat[:50]):
        return "number"
    return "object"


def _values(predictions: Any) -> np.ndarray[Any, Any]:
    """Predictions as an array: a dict's columns one after another, lists of uneven lengths as objects."""
    if hasattr(predictions, "toarray"):
        return np.asarray(predictions.toarray())
    if isinstance(predictions, Mapping):
        columns = [_values(column).ravel() for column in predictions.values()]
        numbers = all(column.dtype.kind in "biuf" for column in columns)
        return np.concatenate(columns if numbers else [column.astype(object) for column in columns])
    try:
        return np.asarray(predictions)
    except ValueError:
        made = np.empty(len(predictions), object)
        made[:] = list(predictions)
        return made


def _container(predictions: Any) -> Any:
    if isinstance(predictions, Mapping):
        return "dict"
    if is_frame(predictions):
        return "frame"
    if is_series(predictions):
        return "series"
    return "list" if isinstance(predictions, list | tuple) else "array"


def _output_names(predictions: Any) -> tuple[str, ...]:
    if is_frame(predictions):
        return tuple(str(name) for name in predictions.columns)
    if is_series(predictions):
        return (str(predictions.name),) if predictions.name is not None else ()
    if isinstance(predictions, Mapping):
        return tuple(map(str, predictions))
    shape: tuple[int, ...] = getattr(predictions, "shape", ())
    if len(shape) == 2 and shape[1] > 1:
        return tuple(f"y{i}" for i in range(shape[1]))
    return ()


def _plain(value: Any) -> Any:
    from nb2prod.runtime.wire import plain

    return plain(value)
