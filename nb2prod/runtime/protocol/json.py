"""`POST /predict`: rows as objects, lists or texts, or `{"columns", "data"}`; typed structs first, words where they fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from nb2prod.errors import InputError
from nb2prod.records.capture import Answers, Column, Signature
from nb2prod.runtime import rows as decoded
from nb2prod.runtime import sparse, validation
from nb2prod.runtime.rows import Reader, Rows

_ENCODE: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Asked:
    """A decoded request."""

    rows: Rows
    ids: Sequence[str | None] | None = None
    times: Sequence[float | None] | None = None


class Answer(msgspec.Struct, omit_defaults=True):
    """The body of an answer, in the order of its keys."""

    predictions: Any
    probabilities: Any | UnsetType = UNSET
    request_id: str = ""
    model: str = ""
    warnings: Sequence[str] | UnsetType = UNSET


def encode(answers: Answers, *, request_id: str, model: str, warnings: Sequence[str]) -> bytes:
    """An answer as JSON."""
    scores = UNSET if answers.probabilities is None else answers.probabilities
    return _ENCODE(Answer(answers.predictions, scores, request_id, model, warnings))


class Decoder:
    """Decodes bodies for one signature.

    A struct made from the signature decodes and checks types at once. What it refuses is decoded plainly and checked value by
    value: that accepts a little more (3.0 for an integer) and knows the words for the rest.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        signature = reader.signature
        self._quick = _quick(reader)
        row = _row_type(signature)
        fields: list[Any] = [("inputs", list[row]), ("ids", list[Any] | None, None), ("times", list[Any] | None, None)]  # type: ignore[valid-type]
        body = msgspec.defstruct("Body", fields, forbid_unknown_fields=True)
        self._decode = msgspec.json.Decoder(body).decode

    def __call__(self, body: bytes) -> Asked:
        """The request in `body`; raises `InputError`."""
        try:
            asked: Any = self._decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._slowly(body)
        rows = self._quick(asked.inputs)
        return _asked(rows, asked.ids, asked.times)

    def _slowly(self, body: bytes) -> Asked:
        asked = parse(body)
        if not isinstance(asked, dict):
            raise _shape("The request is " + validation.found(asked) + ", not an object")
        beside = {"ids", "times"}
        if "inputs" in asked:
            _only(asked, beside | {"inputs"})
            rows = self._reader.rows(asked["inputs"])
        elif "columns" in asked and "data" in asked:
            _only(asked, beside | {"columns", "data"})
            rows = split(asked["columns"], asked["data"], self._reader)
        else:
            raise _shape("The request has no `inputs`")
        return _asked(rows, _listed(asked, "ids"), _listed(asked, "times"))


def parse(body: bytes) -> Any:
    """JSON, or an `InputError` (400) that says at which byte it breaks."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        why = str(error) if body else "The body is empty."
        if b"NaN" in body or b"Infinity" in body:
            why += ". JSON has no NaN and no Infinity; a missing value is null."
        raise InputError(
            "The request is not JSON",
            code="malformed-json",
            status=400,
            where="the request's body",
            why=why,
            fix='{"inputs": [{…}]}      (GET /schema shows a whole request)',
        ) from error


def split(columns: Any, data: Any, reader: Reader) -> Rows:
    """Rows from ``{"columns": […], "data": [[…], …]}``."""
    if reader.signature.rows == "sparse":
        raise validation.wrong_shape("a list of sparse rows", "a table", None, "/data", sparse.FIX)
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise validation.wrong_shape(
            "a list of column names", validation.found(columns), None, "/columns", "GET /schema"
        )
    if not isinstance(data, list):
        raise validation.wrong_shape("a list of rows", validation.found(data), None, "/data", "GET /schema")
    for number, row in enumerate(data):
        if not isinstance(row, list) or len(row) != len(columns):
            what = f"a list of {len(row)}" if isinstance(row, list) else validation.found(row)
            at = "/data" + validation.pointer(number)
            raise validation.wrong_shape(f"a list of {len(columns)} values", what, number, at, "GET /schema")
    by_name = [dict(zip(columns, row, strict=True)) for row in data]
    try:
        return reader.rows(_ordered(by_name, reader.signature), at="/data")
    except InputError as error:
        error.pointer = _by_position(error.pointer, columns, reader.signature)
        raise


def _ordered(rows: list[dict[str, Any]], signature: Signature) -> list[Any]:
    """Named rows as the signature's own rows: lists for an array, texts for texts."""
    if signature.rows == "frame":
        return rows
    names = signature.names
    for number, row in enumerate(rows):
        for name in names:
            if name not in row:
                raise validation.missing_column(name, number, "/data" + validation.pointer(number))
    lists = [[row[name] for name in names] for row in rows]
    return lists if signature.rows == "array" else [row[0] for row in lists]


def _by_position(at: str, columns: list[str], signature: Signature) -> str:
    head, _, name = at.rpartition("/")
    name = name.replace("~1", "/").replace("~0", "~")
    if name.isdigit() and signature.rows == "array" and int(name) < len(signature.names):
        name = signature.names[int(name)]
    return f"{head}/{columns.index(name)}" if name in columns and head.count("/") == 2 else at


def _asked(rows: Rows, ids: Any, times: Any) -> Asked:
    if ids is None and times is None:
        return Asked(rows, rows.ids, rows.times)
    for name, values in (("ids", ids), ("times", times)):
        if values is not None and len(values) != rows.n:
            raise InputError(
                f"There are {len(values)} {name} for {rows.n} rows",
                code=f"wrong-{name}",
                where=name,
                why="Each row has its own, in their order.",
                fix=f"send one of `{name}` a row, null for a row without",
                pointer=f"/{name}",
            )
    return Asked(
        rows,
        rows.ids if ids is None else decoded.ids_from_wire(ids),
        rows.times if times is None else decoded.times_from_wire(times),
    )


def _listed(asked: dict[str, Any], name: str) -> list[Any] | None:
    values = asked.get(name)
    if values is not None and not isinstance(values, list):
        raise validation.wrong_shape("a list", validation.found(values), None, f"/{name}", f'"{name}": […]')
    return values


def _only(asked: dict[str, Any], known: set[str]) -> None:
    for name in asked:
        if name not in known:
            raise InputError(
                f"The request has an unknown key {name[:80]!r}",
                code="unknown-key",
                where="the request's body",
                why=f"Beside the rows it may have {' and '.join(sorted(known & {'ids', 'times'}))}.",
                fix="GET /schema shows a whole request",
                pointer=validation.pointer(name),
            )


def _shape(title: str) -> InputError:
    return InputError(
        title,
        code="wrong-shape",
        where="the request's body",
        why='It is an object with the rows: {"inputs": […]} or {"columns": […], "data": [[…]]}.',
        fix='{"inputs": [{…}]}      (GET /schema shows a whole request)',
    )


# The struct that a signature makes.


def _row_type(signature: Signature) -> Any:
    if signature.rows == "texts":
        return str
    if signature.rows == "sparse":
        return msgspec.defstruct(
            "Row", [("indices", list[int]), ("values", list[float])], forbid_unknown_fields=True, gc=False
        )
    if signature.rows == "array":
        kinds = {_type(column) for column in signature.columns}
        cell: Any = kinds.pop() if len(kinds) == 1 else Any
        row: Any = list[cell]
        width = len(signature.columns)
        return Annotated[row, Meta(min_length=width, max_length=width)]
    fields: list[Any] = [(f"f{i}", _type(column)) for i, column in enumerate(signature.columns)]
    names = {f"f{i}": column.name for i, column in enumerate(signature.columns)}
    for i, name in enumerate(_beside(signature)):
        fields.append((f"b{i}", Any, None))
        names[f"b{i}"] = name
    return msgspec.defstruct("Row", fields, rename=names, forbid_unknown_fields=True, gc=False)


def _beside(signature: Signature) -> list[str]:
    """Columns of ids and times that are no features."""
    return sorted({name for name in (signature.id, signature.time) if name}.difference(signature.names))


def _type(column: Column) -> Any:
    made = _plain_type(column)
    return made | None if column.nullable and made is not Any else made


def _plain_type(column: Column) -> Any:
    if column.kind == "number" and column.dtype != "object":
        most = validation.largest(column.dtype)
        return float if most is None else Annotated[float, Meta(ge=-most, le=most)]
    if column.kind == "integer":
        low, high = validation.bounds(column.dtype)
        return Annotated[int, Meta(ge=max(low, -(2**63)), le=min(high, 2**63 - 1))]
    return {"boolean": bool, "category": str, "text": str}.get(column.kind, Any)


def _quick(reader: Reader) -> Callable[[Any], Rows]:
    """From decoded structs to Rows; what the struct could not check is checked here."""
    signature = reader.signature
    if signature.rows in ("texts", "sparse"):
        return reader.rows
    if signature.rows == "array":
        if len({_type(column) for column in signature.columns}) != 1:
            return reader.rows
        return reader.matrix
    names = [*signature.names, *_beside(signature)]
    checks = {column.name for column in signature.columns if _plain_type(column) is Any}
    astuple = msgspec.structs.astuple

    def quick(rows: Sequence[Any]) -> Rows:
        values = zip(*map(astuple, rows), strict=True) if rows else ((),) * len(names)
        columns: dict[str, Any] = {name: list(column) for name, column in zip(names, values, strict=True)}
        for name in _beside(signature):
            if all(value is None for value in columns[name]):
                del columns[name]
        return reader.checked(len(rows), columns, checks)

    return quick
