"""Decoded input: rows that fit the signature, by column."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from nb2prod.errors import InputError
from nb2prod.records.capture import Column, Signature
from nb2prod.runtime import sparse, validation
from nb2prod.runtime.validation import Misfit, pointer

Values = list[Any] | np.ndarray[Any, Any]


class Rows:
    """Rows that fit a signature, by column.

    Attributes
    ----------
    n
        The number of rows.
    columns
        Column name to its values: lists with None for null; date-times are ``datetime64`` arrays (UTC, NaT for null), a
        category is its text, columns of an array model are views of its matrix.
    matrix
        The rows of an array model, (n, columns), in the signature's dtype; else None.
    sparse
        The compressed matrix of a model of sparse rows, else None; its `columns` are what is counted of them.
    ids, times
        Texts and epoch seconds where the rows brought a column named by `--id` or `--time`, else None.
    warnings
        What was let pass and should be known: categories that training never saw, extra columns that were ignored.
    """

    __slots__ = ("_columns", "ids", "matrix", "n", "names", "sparse", "times", "warnings")

    def __init__(
        self,
        n: int,
        columns: dict[str, Values] | None,
        *,
        matrix: np.ndarray[Any, Any] | None = None,
        sparse: Any = None,
        names: Sequence[str] = (),
        ids: list[str | None] | None = None,
        times: list[float | None] | None = None,
        warnings: tuple[str, ...] = (),
    ) -> None:
        self.n = n
        self._columns = columns
        self.matrix = matrix
        self.sparse = sparse
        self.names = names
        self.ids = ids
        self.times = times
        self.warnings = warnings

    @property
    def columns(self) -> dict[str, Values]:
        if self._columns is None:
            matrix = self.matrix
            assert matrix is not None
            self._columns = {name: matrix[:, i] for i, name in enumerate(self.names)}
        return self._columns


def rows_from_wire(rows: Sequence[Any], signature: Signature, *, at: str = "/inputs") -> Rows:
    """Check rows in wire form against the signature, strictly.

    Parameters
    ----------
    rows
        One dict a row for a frame, one list for an array, one text for a model of texts.
    at
        JSON Pointer of `rows` in the request.

    Raises
    ------
    InputError
        With the pointer of the first place that does not fit; its words never hold a value.

    Examples
    --------
    >>> from nb2prod.records.capture import Output
    >>> age = Column(name="age", kind="integer", dtype="int64")
    >>> signature = Signature(columns=(age,), output=Output(kind="number"))
    >>> rows_from_wire([{"age": 41.0}], signature).columns
    {'age': [41]}
    """
    return Reader(signature).rows(rows, at=at)


class Reader:
    """`rows_from_wire` for one signature, with everything that does not depend on the rows prepared once."""

    def __init__(self, signature: Signature) -> None:
        self.signature = signature
        self.names = signature.names
        self._dtype = signature.dtype
        self._nullable = any(column.nullable for column in signature.columns)
        columns = signature.columns
        if signature.rows == "texts" and not columns:
            columns = (Column(name="text", kind="text", dtype="str"),)
        self._columns = tuple((column, validation.check(column)) for column in columns)
        self._beside = {name for name in (signature.id, signature.time) if name}.difference(signature.names)
        self._known = {
            column.name: frozenset(map(str, column.categories))
            for column in columns
            if column.kind == "category" and column.categories
        }

    def rows(self, rows: Any, *, at: str = "/inputs") -> Rows:
        """Rows in wire form; raises `InputError`."""
        if not isinstance(rows, list | tuple):
            raise validation.wrong_shape("a list of rows", validation.found(rows), None, at, '{"inputs": [{…}, {…}]}')
        if self.signature.rows == "texts":
            return self._texts(rows, at)
        if self.signature.rows == "array":
            return self._array(rows, at)
        if self.signature.rows == "sparse":
            return self.compressed(sparse.matrix(rows, self.signature, at=at))
        columns, ignored = self._by_column(rows, at)
        return self.by_columns(len(rows), columns, ignored, at=at)

    def by_columns(
        self, n: int, columns: Mapping[str, Sequence[Any]], ignored: Sequence[str] = (), *, at: str = "/inputs"
    ) -> Rows:
        """Whole columns of plain values; every column of the signature is there."""
        checked = {column.name: _column(column, check, columns[column.name], at) for column, check in self._columns}
        return self.finished(n, checked, columns, ignored, at=at)

    def checked(self, n: int, columns: dict[str, Any], unsure: Collection[str]) -> Rows:
        """Whole columns of which all but the `unsure` are known to fit."""
        sure: dict[str, Values] = {}
        for column, check in self._columns:
            values = columns[column.name]
            sure[column.name] = _column(column, check, values, "/inputs") if column.name in unsure else values
        return self.finished(n, sure, columns)

    def finished(
        self,
        n: int,
        checked: dict[str, Values],
        columns: Mapping[str, Sequence[Any]],
        ignored: Sequence[str] = (),
        *,
        at: str = "/inputs",
    ) -> Rows:
        """Rows from columns that passed: ids and times are read where the rows bring them, warnings are gathered."""
        signature = self.signature
        ids = columns.get(signature.id) if signature.id else None
        times = columns.get(signature.time) if signature.time else None
        return Rows(
            n,
            checked,
            ids=None if ids is None else ids_from_wire(ids, at=at, name=signature.id),
            times=None if times is None else times_from_wire(times, at=at, name=signature.time),
            warnings=self._warnings(checked, ignored),
        )

    def _by_column(self, rows: Sequence[Any], at: str) -> tuple[dict[str, list[Any]], tuple[str, ...]]:
        names = self.names
        ignored: dict[str, None] = {}
        for number, row in enumerate(rows):
            if not isinstance(row, Mapping):
                what = f"an object with the columns {validation.listed(names)}"
                raise validation.wrong_shape(what, validation.found(row), number, at + pointer(number), "GET /schema")
            for name in names:
                if name not in row:
                    raise validation.missing_column(name, number, at + pointer(number))
            if len(row) > len(names):
                ignored |= dict.fromkeys(self._extra(row, number, at))
        columns = {name: [row[name] for row in rows] for name in names}
        for name in self._beside:
            beside = [row.get(name) for row in rows]
            if any(value is not None for value in beside):
                columns[name] = beside
        return columns, tuple(ignored)

    def _extra(self, row: Mapping[str, Any], number: int, at: str) -> list[str]:
        extra = [name for name in row if name not in self.names and name not in self._beside]
        if extra and self.signature.extra_columns == "refuse":
            raise validation.unknown_column(extra[0], number, self.signature, at + pointer(number, extra[0]))
        return extra

    def _array(self, rows: Sequence[Any], at: str) -> Rows:
        width = len(self._columns)
        for number, row in enumerate(rows):
            if not isinstance(row, list | tuple) or len(row) != width:
                what = f"a list of {len(row)}" if isinstance(row, list | tuple) else validation.found(row)
                fix = '{"inputs": [[…], […]]}'
                raise validation.wrong_shape(f"a list of {width} values", what, number, at + pointer(number), fix)
            for i, (column, check) in enumerate(self._columns):
                _cell(column, check, row[i], number, at + pointer(number, i))
        return self.matrix(rows)

    def matrix(self, rows: Sequence[Any]) -> Rows:
        """Rows of an array model from lists that passed; None becomes NaN, which whole numbers do not have."""
        dtype = self._dtype
        if self._nullable and not dtype.startswith(("float", "object")) and any(None in row for row in rows):
            dtype = "float64"
        matrix = np.array(rows, dtype)
        if not rows:
            matrix = matrix.reshape(0, len(self.names))
        return Rows(len(matrix), None, matrix=matrix, names=self.names)

    def compressed(self, matrix: Any) -> Rows:
        """Rows of a model of sparse rows from the matrix itself."""
        return Rows(matrix.shape[0], sparse.watched(matrix), sparse=matrix)

    def _texts(self, rows: Sequence[Any], at: str) -> Rows:
        ((column, check),) = self._columns
        for number, row in enumerate(rows):
            _cell(column, check, row, number, at + pointer(number))
        return Rows(len(rows), {column.name: list(rows)})

    def _warnings(self, checked: Mapping[str, Values], ignored: Sequence[str]) -> tuple[str, ...]:
        said = [f"Ignored {validation.listed(ignored)}: the model has no such column"] if ignored else []
        for name, known in self._known.items():
            strange = sum(1 for value in checked[name] if value is not None and value not in known)
            if strange:
                rows = "1 row has" if strange == 1 else f"{strange} rows have"
                said.append(f"Column {name!r}: {rows} a category that training never saw")
        return tuple(said)


def ids_from_wire(values: Sequence[Any], *, at: str = "/ids", name: str | None = None) -> list[str | None]:
    """Ids as texts: text or integer on the wire, null for a row without."""
    if all(type(value) is str for value in values):
        return list(values)
    ids: list[str | None] = []
    for row, value in enumerate(values):
        whole = int(value) if isinstance(value, float) and value.is_integer() else value
        if isinstance(whole, bool) or not isinstance(whole, str | int | None):
            raise _misread("id", "text or an integer", row, validation.found(value), _place(at, row, name))
        ids.append(whole if whole is None else str(whole))
    return ids


def times_from_wire(values: Sequence[Any], *, at: str = "/times", name: str | None = None) -> list[float | None]:
    """Event times as epoch seconds: ISO 8601 text or epoch milliseconds on the wire, null for a row without."""
    times: list[float | None] = []
    for row, value in enumerate(values):
        try:
            times.append(None if value is None else validation.nanoseconds(value) / 1e9)
        except Misfit as error:
            what = "ISO 8601 text or epoch milliseconds"
            raise _misread("time", what, row, str(error), _place(at, row, name)) from None
    return times


def _place(at: str, row: int, name: str | None) -> str:
    return at + (pointer(row) if name is None else pointer(row, name))


def _misread(what: str, expected: str, row: int, found: str, at: str) -> InputError:
    why = "An id joins a row to its label." if what == "id" else "A time puts a row in its place in time."
    return InputError(
        f"The {what} of row {row} is {found}, not {expected}",
        code=f"wrong-{what}",
        where=f"row {row}",
        why=why,
        fix=f"send {expected}, or null for a row without {what}",
        pointer=at,
    )


def _column(column: Column, check: validation.Check, values: Sequence[Any], at: str) -> Values:
    nullable = column.nullable
    out: list[Any] = []
    for row, value in enumerate(values):
        if value is None:
            if not nullable:
                raise validation.misfit(column, row, "null", at + pointer(row, column.name))
            out.append(None)
            continue
        try:
            out.append(check(value))
        except Misfit as error:
            raise validation.misfit(column, row, str(error), at + pointer(row, column.name)) from None
    return moments(out) if column.kind == "datetime" else out


def moments(values: Sequence[int | None]) -> np.ndarray[Any, Any]:
    """Epoch nanoseconds as ``datetime64[ns]``, or ``[us]`` where a year lies outside 1678 to 2261."""
    least = np.iinfo(np.int64).min
    if all(value is None or least < value < 2**63 for value in values):
        return np.array([least if value is None else value for value in values], np.int64).view("datetime64[ns]")
    coarse = [least if value is None else value // 1000 for value in values]
    return np.array(coarse, np.int64).view("datetime64[us]")


def _cell(column: Column, check: validation.Check, value: Any, row: int, at: str) -> None:
    if value is None:
        if not column.nullable:
            raise validation.misfit(column, row, "null", at)
        return
    try:
        check(value)
    except Misfit as error:
        raise validation.misfit(column, row, str(error), at) from None
