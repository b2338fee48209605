"""The container that the model was called with in the kernel, made again from decoded rows, dtype for dtype."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from nb2prod.records.capture import Column, Output, Signature
from nb2prod.runtime.rows import Rows, Values

if TYPE_CHECKING:
    from pandas.api.types import CategoricalDtype

Restore = Callable[[Values], Any]


def container(rows: Rows, signature: Signature) -> Any:
    """The DataFrame, ndarray or list of texts of the kernel's own call.

    Parameters
    ----------
    rows
        From `rows_from_wire` with the same signature.

    Returns
    -------
    pandas.DataFrame, numpy.ndarray of shape (n, columns), compressed sparse matrix, or list of str
    """
    return Containers(signature)(rows)


class Containers:
    """`container` for one signature, with everything that does not depend on the rows prepared once."""

    def __init__(self, signature: Signature) -> None:
        self._signature = signature
        self._restore: list[tuple[str, Restore]] = []
        if signature.rows == "frame":
            self._restore = [(column.name, restore(column)) for column in signature.columns]

    def __call__(self, rows: Rows) -> Any:
        if self._signature.rows == "array":
            return rows.matrix
        if self._signature.rows == "sparse":
            return rows.sparse
        if self._signature.rows == "texts":
            (texts,) = rows.columns.values()
            return list(texts)
        import pandas as pd

        columns = rows.columns
        return pd.DataFrame(
            {name: make(columns[name]) for name, make in self._restore}, index=pd.RangeIndex(rows.n), copy=True
        )


def predictions(values: Sequence[Any], output: Output) -> Any:
    """Predictions from the wire in the type that the kernel's model returns."""
    dtype: Any = output.dtype or None
    if output.container == "list":
        return list(values)
    if output.container == "dict":
        return {name: [row[name] for row in values] for name in output.names}
    if output.container == "array":
        return np.array(_matrix(values, output), dtype)
    import pandas as pd

    if output.container == "frame":
        frame = pd.DataFrame(list(values), columns=list(output.names) or None)
        return frame.astype(dtype) if dtype else frame
    return pd.Series(values, dtype=dtype, name=output.names[0] if output.names else None)


def _matrix(values: Sequence[Any], output: Output) -> list[Any]:
    if output.names:
        return [[row[name] for name in output.names] for row in values]
    if output.dtype.startswith("float"):
        return [math.nan if value is None else value for value in values]
    return list(values)


def restore(column: Column) -> Restore:
    """The function from a column's checked values to an array of the dtype that the model was trained on."""
    if column.dtype == "category":
        return _categorical(column)
    if column.kind == "datetime":
        return _datetimes(column.dtype)
    if column.dtype.startswith("timedelta64["):
        return _durations(column.dtype)
    if column.dtype == "object":
        return _objects(np.nan if column.kind in ("text", "category", "number") else None)
    try:
        dtype = np.dtype(column.dtype)
    except TypeError:
        return _extension(column.dtype)
    return _extension(column.dtype) if dtype.kind in "USO" else _plain(dtype)


def _plain(dtype: np.dtype[Any]) -> Restore:
    # A whole-number or boolean column with nulls is what pandas makes of one: floats, or objects.
    with_nulls = {"i": "float64", "u": "float64", "b": "object"}.get(dtype.kind)

    def make(values: Values) -> Any:
        if with_nulls is not None and isinstance(values, list) and None in values:
            return _objects(None)(values) if with_nulls == "object" else np.array(values, with_nulls)
        return np.array(values, dtype)

    return make


def _extension(dtype: str) -> Restore:
    @functools.cache
    def made() -> Any:
        from pandas.api.types import pandas_dtype

        return pandas_dtype(dtype)

    def make(values: Values) -> Any:
        import pandas as pd

        return pd.array(values, dtype=made())

    return make


def _objects(missing: Any) -> Restore:
    def make(values: Values) -> Any:
        out = np.empty(len(values), object)
        for i, value in enumerate(values):
            out[i] = missing if value is None else value
        import pandas as pd

        return pd.Series(out, dtype="object")  # a bare array of texts becomes `str` from pandas 3 on

    return make


def _categorical(column: Column) -> Restore:
    codes = {str(category): code for code, category in enumerate(column.categories)}

    @functools.cache
    def made() -> CategoricalDtype[Any]:
        import pandas as pd

        return pd.CategoricalDtype(list(column.categories), ordered=column.ordered)

    def make(values: Values) -> Any:
        import pandas as pd

        return pd.Categorical.from_codes([codes.get(value, -1) for value in values], dtype=made())

    return make


def _durations(dtype: str) -> Restore:
    def make(values: Values) -> Any:
        import pandas as pd

        seconds = np.array([math.nan if value is None else value for value in values], float)
        return pd.to_timedelta(seconds, unit="s").astype(cast(Any, dtype))

    return make


def _datetimes(dtype: str) -> Restore:
    unit, _, zone = dtype.removeprefix("datetime64[").removesuffix("]").partition(", ")

    def make(values: Values) -> Any:
        import pandas as pd

        if not dtype.startswith("datetime64["):
            return pd.Series(values).astype(cast(Any, dtype)).array
        index = pd.DatetimeIndex(np.asarray(values).astype(f"datetime64[{unit}]"))
        return index.tz_localize("UTC").tz_convert(zone) if zone else index

    return make
