"""Any frame as plain columns: pandas, numpy, a mapping of columns, rows as mappings, or a list of texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nb2prod.errors import UsageError

Column = Any  # a list of plain values, or a numpy array of numbers, booleans, date-times or objects


def columns_of(frame: Any) -> tuple[dict[str, Column], int]:
    """Columns by name, and the number of rows.

    A 2-D array has columns `x0 … xn`, a structured one its fields; a list or 1-D array of texts has the column `text`. A name
    that several columns have (`colliding`) is a column of the wrong type in every row: which one is meant cannot be told.

    Raises
    ------
    UsageError
        It has no rows and columns.
    """
    if is_pandas(frame):
        return _of_pandas(frame), len(frame)
    if _is_series(frame):
        return _of_pandas(frame.to_frame(frame.name if frame.name is not None else "x0")), len(frame)
    if isinstance(frame, Mapping):
        return _of_pairs(frame.items())
    if hasattr(frame, "to_pandas"):
        return columns_of(frame.to_pandas())
    if _are_records(frame):
        names = dict.fromkeys(name for row in frame if isinstance(row, Mapping) for name in row)
        return _of_pairs(
            (name, [row.get(name) if isinstance(row, Mapping) else None for row in frame]) for name in names
        )
    return _of_array(_array(frame.toarray() if hasattr(frame, "toarray") else frame))


def aligned(frame: Any, names: Sequence[str]) -> tuple[dict[str, Column], int]:
    """`columns_of` rows that are compared with columns of these names: where nobody gave names, by position.

    A pandas Series whose labels are among the names is one row.

    Raises
    ------
    UsageError
        Rows without names have another number of columns.
    """
    if _is_series(frame) and len(names) > 1 and set(map(str, frame.index)) & set(names):
        frame = frame.to_frame().T
    columns, rows = columns_of(frame)
    if not (names and rows and columns):
        return columns, rows
    if len(columns) == len(names):
        return (dict(zip(names, columns.values(), strict=True)) if _by_place(frame, columns, names) else columns), rows
    if set(columns) & set(names) or not _nameless(frame):
        return columns, rows
    shown = ", ".join(repr(name) for name in names[:6]) + (", …" if len(names) > 6 else "")
    raise UsageError(
        f"The rows have {_many(len(columns))} and no names; the baseline has {_many(len(names))}",
        code="no-names",
        where="an array",
        why="Columns of an array are taken by their position, which needs as many as the baseline has.",
        fix=f"pd.DataFrame(rows, columns=[{shown}])      # the names of those that there are",
        kept="nothing was counted",
    )


def _many(columns: int) -> str:
    return "one column" if columns == 1 else f"{columns:,} columns"


def _by_place(frame: Any, columns: Mapping[str, Column], names: Sequence[str]) -> bool:
    """Did nobody give names, to the rows or to the baseline?"""
    if not is_pandas(frame) or set(columns) & set(names):
        return _nameless(frame)
    places = range(len(names))
    return list(columns) == [str(place) for place in places] or list(names) == [f"x{place}" for place in places]


def _nameless(frame: Any) -> bool:
    named = is_pandas(frame) or isinstance(frame, Mapping) or hasattr(frame, "to_pandas") or _are_records(frame)
    return not named and not _fields(frame) and getattr(frame, "name", None) is None


def colliding(frame: Any) -> list[str]:
    """Names that more than one column of a frame has, once they are text: `1` and `"1"` are one name."""
    given = frame.columns if is_pandas(frame) else frame if isinstance(frame, Mapping) else ()
    names = [str(name) for name in given]
    return list(dict.fromkeys(name for name in names if names.count(name) > 1)) if len(set(names)) < len(names) else []


def is_pandas(frame: Any) -> bool:
    """Is it a frame of pandas?"""
    return hasattr(frame, "columns") and hasattr(frame, "iloc")


def _is_series(frame: Any) -> bool:
    return hasattr(frame, "to_frame") and hasattr(frame, "iloc")


def _are_records(frame: Any) -> bool:
    return isinstance(frame, list | tuple) and any(isinstance(row, Mapping) for row in frame)


def _fields(frame: Any) -> tuple[str, ...]:
    return getattr(getattr(frame, "dtype", None), "names", None) or ()


def _of_pairs(pairs: Iterable[tuple[Any, Any]]) -> tuple[dict[str, Column], int]:
    columns: dict[str, Column] = {}
    twice: set[str] = set()
    for name, values in pairs:
        key = str(name)
        twice |= {key} & columns.keys()
        columns[key] = _plain(values, key)
    rows = max((len(values) for values in columns.values()), default=0)
    return columns | {name: _ambiguous(rows) for name in twice}, rows


def _ambiguous(rows: int) -> Column:
    return [()] * rows


def _of_array(array: NDArray[Any]) -> tuple[dict[str, Column], int]:
    if _fields(array) and array.ndim == 1:
        return _of_pairs((name, array[name]) for name in _fields(array))
    if array.ndim == 2:
        return {f"x{j}": array[:, j] for j in range(array.shape[1])}, array.shape[0]
    if array.ndim != 1:
        raise _unreadable(f"an array of {array.ndim} dimensions", "rows.reshape(len(rows), -1)")
    return {"text" if array.dtype.kind in "OUT" else "x0": array}, len(array)


def _array(rows: Any) -> NDArray[Any]:
    if isinstance(rows, np.ndarray):
        return unmasked(rows)
    if isinstance(rows, str | bytes) or not (hasattr(rows, "__len__") and hasattr(rows, "__getitem__")):
        raise _unreadable("None" if rows is None else f"`{type(rows).__name__}`", "pd.DataFrame(rows)")
    several = [isinstance(row, list | tuple | np.ndarray) for row in rows]
    if any(several) and (not all(several) or len({len(row) for row in rows}) > 1):
        raise _unreadable("rows of different lengths", "pd.DataFrame(rows)")
    cells = (cell for row in rows for cell in (row if any(several) else [row]))
    return np.asarray(rows, dtype=None if all(isinstance(cell, int | float | np.number) for cell in cells) else object)


def unmasked(array: NDArray[Any]) -> NDArray[Any]:
    """What is masked is null."""
    if not isinstance(array, np.ma.MaskedArray) or _fields(array):
        return np.asarray(array)
    plain: Any = array.astype(np.float64 if array.dtype.kind in "fiu" else object)
    return np.asarray(plain.filled(None if plain.dtype == object else np.nan))


def _unreadable(what: str, fix: str) -> UsageError:
    return UsageError(
        f"There are no rows and columns in {what}",
        code="no-frame",
        where="frame",
        why="Rows come as a DataFrame, a 2-D array, a mapping of columns, a list of mappings or a list of texts.",
        fix=fix,
        kept="nothing was counted",
    )


def _of_pandas(frame: Any) -> dict[str, Column]:
    kinds = frame.dtypes.to_numpy()
    names = [str(name) for name in frame.columns]
    if len(kinds) and isinstance(kinds[0], np.dtype) and kinds[0].kind in "fiu" and (kinds == kinds[0]).all():
        values = frame.to_numpy()
        columns = {name: values[:, place] for place, name in enumerate(names)}
    else:
        columns = {name: series_values(frame.iloc[:, place]) for place, name in enumerate(names)}
    return columns | {name: _ambiguous(len(frame)) for name in colliding(frame)}


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


def _plain(values: Any, name: str) -> Column:
    if isinstance(values, np.ndarray) and values.ndim > 0:
        flat = unmasked(values)
        return flat if flat.ndim == 1 else flat[:, 0] if flat.shape[1:] == (1,) else list(flat)
    if isinstance(values, list | Coded):
        return values
    if _is_series(values):
        return series_values(values)
    if isinstance(values, Mapping):
        return list(values.values())
    if isinstance(values, str | bytes) or not isinstance(values, Iterable) or isinstance(values, np.ndarray):
        raise UsageError(
            f"`{name}` is one value, not a column",
            code="no-column",
            where=f"column {name}",
            why="A mapping holds columns: each name has the values of all rows.",
            fix="rows = [row]      # one row is a list of one mapping",
            kept="nothing was counted",
        )
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
