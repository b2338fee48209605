"""Any frame as plain columns: pandas, numpy, a mapping of sequences, or a list of texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Column = Any  # a list of plain values, or a numpy array of numbers, booleans, date-times or objects


def columns_of(frame: Any) -> tuple[dict[str, Column], int]:
    """Columns by name, and the number of rows.

    A 2-D array has columns `x0 … xn`; a list or 1-D array of texts has the column `text`; duplicate names keep the first.
    """
    if hasattr(frame, "columns") and hasattr(frame, "iloc"):
        return _of_pandas(frame), len(frame)
    if hasattr(frame, "to_frame") and hasattr(frame, "iloc"):
        return _of_pandas(frame.to_frame(frame.name if frame.name is not None else "x0")), len(frame)
    if isinstance(frame, Mapping):
        plain = {str(name): _plain(values) for name, values in frame.items()}
        return plain, max((len(values) for values in plain.values()), default=0)
    if hasattr(frame, "toarray"):
        frame = frame.toarray()
    return _of_array(frame)


def _of_array(frame: Any) -> tuple[dict[str, Column], int]:
    array = frame if isinstance(frame, np.ndarray) else np.asarray(frame, dtype=_dtype_of(frame))
    if array.ndim == 2:
        return {f"x{j}": array[:, j] for j in range(array.shape[1])}, array.shape[0]
    if array.ndim != 1:
        raise ValueError(f"a frame has rows and columns, not {array.ndim} dimensions")
    return {"text" if array.dtype.kind in "OUT" else "x0": array}, len(array)


def _dtype_of(rows: Any) -> Any:
    first = rows[0] if len(rows) else 0.0
    cells = first if isinstance(first, (list, tuple)) else [first]
    numbers = all(isinstance(cell, (int, float)) for cell in cells)
    return None if numbers else object


def _of_pandas(frame: Any) -> dict[str, Column]:
    kinds = frame.dtypes.to_numpy()
    if len(kinds) and isinstance(kinds[0], np.dtype) and kinds[0].kind in "fiu" and (kinds == kinds[0]).all():
        values = frame.to_numpy()
        return {str(name): values[:, place] for place, name in _first(frame.columns)}
    columns: dict[str, Column] = {}
    for position, name in enumerate(frame.columns):
        columns.setdefault(str(name), series_values(frame.iloc[:, position]))
    return columns


def series_values(series: Any) -> Column:
    """A pandas series as an array; nullable numbers become floats with NaN, a category stays codes and levels."""
    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        return series.to_numpy() if dtype.kind != "m" else series.dt.total_seconds().to_numpy()
    if hasattr(dtype, "categories"):
        return Coded(np.asarray(series.cat.codes), [_unbox(value) for value in dtype.categories])
    kind = getattr(dtype, "kind", "O")
    if kind in "iuf" or str(dtype).startswith("decimal"):
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    if kind == "M":
        if getattr(dtype, "tz", None) is not None:
            series = series.dt.tz_convert("UTC").dt.tz_localize(None)
        return series.to_numpy(dtype="datetime64[ns]")
    if kind == "b":
        return series.to_numpy(dtype=object, na_value=None)
    codes, levels = series.factorize()
    return Coded(codes, [_unbox(value) for value in levels])


class Coded:
    """A column as integer codes into levels; -1 is null."""

    def __init__(self, codes: NDArray[Any], levels: list[Any]) -> None:
        self.codes = codes
        self.levels = levels

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Any) -> Coded:
        return Coded(self.codes[rows], self.levels)

    def values(self) -> list[Any]:
        """The column written out."""
        padded = [*self.levels, None]
        return [padded[code] for code in self.codes.tolist()]


def _plain(values: Any) -> Column:
    if isinstance(values, (list, np.ndarray, Coded)):
        return values
    if hasattr(values, "iloc"):
        return series_values(values)
    return list(values)


def _unbox(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def take(column: Column, rows: NDArray[np.int64] | slice) -> Column:
    """Some rows of a column."""
    if isinstance(column, list):
        if isinstance(rows, slice):
            return column[rows]
        return [column[row] for row in rows.tolist()]
    return column[rows]


def values_of(column: Column) -> Sequence[Any]:
    """A column as plain Python values, whatever it was."""
    if isinstance(column, Coded):
        return column.values()
    if isinstance(column, np.ndarray):
        return column.tolist() if column.dtype.kind != "M" else list(column)
    return list(column)


def _first(names: Any) -> list[tuple[int, Any]]:
    """Places of the names in order; of equal ones the first."""
    seen: dict[str, tuple[int, Any]] = {}
    for place, name in enumerate(names):
        seen.setdefault(str(name), (place, name))
    return list(seen.values())
