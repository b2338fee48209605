"""Lines to paste that run as they stand: this model's own columns, values of their kind, made up and never a training row."""

from __future__ import annotations

import json
import shlex
from typing import Any

from nb2prod.records.capture import CaptureRecord, Column, Signature

MOST_COLUMNS = 40
_VALUES: dict[str, Any] = {
    "number": 1.5,
    "integer": 1,
    "boolean": True,
    "text": "text",
    "datetime": "2026-01-31T12:00:00Z",
    "category": "a",
    "other": "text",
}


def value(column: Column) -> Any:
    """A made-up value of the column's kind; a category is the first of its own."""
    if column.kind == "category" and column.categories:
        return column.categories[0]
    return _VALUES[column.kind]


def body(signature: Signature) -> dict[str, Any]:
    """One made-up row as `POST /predict` takes it."""
    if signature.rows == "texts":
        return {"inputs": ["a text to classify" if signature.output.kind == "class" else "a text"]}
    if signature.rows == "sparse":
        return {"inputs": [{"indices": [0], "values": [value(signature.columns[1])]}]}
    if signature.rows == "array":
        return {"inputs": [[value(column) for column in signature.columns]]}
    return {"inputs": [{column.name: value(column) for column in signature.columns}]}


def curl(url: str, signature: Signature) -> str:
    """A request to paste into a terminal; for a very wide model the one that shows its columns."""
    if len(signature.columns) > MOST_COLUMNS:
        return f"curl -s {url}/schema"
    data = json.dumps(body(signature), ensure_ascii=False, default=str)
    return f"curl -s {url}/predict -d {shlex.quote(data)}"


def predict(variable: str, record: CaptureRecord) -> str | None:
    """A call with data that the notebook has under a name, or None."""
    by_role = {source.role: source.name for source in reversed(record.lineage.data)}
    name = by_role.get("holdout", "holdout")
    if name == "holdout":  # the capture's word where it has no name of the notebook's
        name = by_role.get("training") or ""
    if not name.isidentifier():
        return None
    few = ".head()" if record.signature.rows == "frame" else "[:5]"
    return f"{variable}.predict({name}{few})"
