"""`GET /schema`: the model's contract in plain words, with a request that runs as it stands."""

from __future__ import annotations

from typing import Any

from nb2prod.records.capture import Column, Signature

_MADE_UP = {
    "number": 1.5,
    "integer": 1,
    "boolean": True,
    "text": "text",
    "datetime": "2026-01-31T12:00:00Z",
} | dict.fromkeys(("category", "other"), "text")


def schema(signature: Signature, *, name: str, model: str) -> dict[str, Any]:
    """Columns in order, what is answered, and a made-up example."""
    output = signature.output
    answers: dict[str, Any] = {"kind": output.kind}
    if output.names:
        answers["names"] = output.names
    if output.classes:
        answers["classes"] = output.classes
    answers["probabilities"] = output.probabilities
    said: dict[str, Any] = {
        "name": name,
        "model": model,
        "rows": {"frame": "objects", "array": "lists", "texts": "texts", "sparse": "sparse"}[signature.rows],
        "columns": [_column(column) for column in signature.columns if signature.rows != "sparse"],
        "extra_columns": signature.extra_columns,
        "output": answers,
        "example": example(signature),
    }
    if signature.rows == "sparse":
        said |= {"width": signature.width, "dtype": signature.dtype}
    return said | {key: value for key, value in (("id", signature.id), ("time", signature.time)) if value}


def example(signature: Signature) -> dict[str, Any]:
    """A whole request; its values are made up or the names of categories, never a training row."""
    if signature.rows == "texts":
        return {"inputs": ["text"]}
    if signature.rows == "sparse":
        return {"inputs": [{"indices": [0], "values": [1.5]}]}
    values = {column.name: made_up(column) for column in signature.columns}
    return {"inputs": [list(values.values()) if signature.rows == "array" else values]}


def made_up(column: Column) -> Any:
    """A value of the column's kind."""
    if column.categories:
        return str(column.categories[0])
    return _MADE_UP.get(column.kind)


def _column(column: Column) -> dict[str, Any]:
    said: dict[str, Any] = {
        "name": column.name,
        "kind": column.kind,
        "dtype": column.dtype,
        "nullable": column.nullable,
    }
    if column.categories:
        said["categories"] = [str(category) for category in column.categories]
    return said
