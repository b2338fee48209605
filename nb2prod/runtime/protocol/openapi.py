"""`GET /docs.json`: the service as OpenAPI 3.1, made from the signature; `GET /docs`: a page for it that fetches nothing else."""

from __future__ import annotations

from typing import Any, Final

from nb2prod.records.capture import Column, Signature
from nb2prod.runtime.protocol.schema import example

_TYPES: Final[dict[str, dict[str, Any]]] = {
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "category": {"type": "string"},
    "text": {"type": "string"},
    "datetime": {"type": ["string", "integer"], "format": "date-time", "description": "ISO 8601 or epoch milliseconds"},
    "other": {},
}

# BentoML's own page fetches a tracker; this one uses only the Swagger UI that ships with BentoML.
PAGE: Final = b"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Service</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="static_content/swagger-ui.css"></head>
<body><div id="ui"></div>
<script src="static_content/swagger-ui-bundle.js"></script>
<script>SwaggerUIBundle({url: "docs.json", dom_id: "#ui", validatorUrl: null, deepLinking: true})</script>
</body></html>
"""


def openapi(signature: Signature, *, name: str, model: str, protected: bool) -> dict[str, Any]:
    """The document."""
    paths: dict[str, Any] = {
        "/predict": {"post": _predict(signature)},
        "/feedback": {"post": _feedback()},
        "/schema": {"get": _get("The model's columns, output and an example request.")},
        "/livez": {"get": _get("Whether the process lives.")},
        "/readyz": {"get": _get("Whether it takes requests.")},
        "/metrics": {"get": _get("Prometheus metrics.", "text/plain")},
        f"/v2/models/{name}": {"get": _get("The model's metadata (Open Inference Protocol).")},
        f"/v2/models/{name}/infer": {"post": _infer()},
    }
    said: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": name, "version": model, "description": "A model deployed by nb2prod."},
        "paths": paths,
        "components": {"schemas": {"Row": _row(signature), "Problem": _problem()}},
    }
    if protected:
        said["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        said["security"] = [{"token": []}]
    return said


def _row(signature: Signature) -> dict[str, Any]:
    if signature.rows == "texts":
        return {"type": "string"}
    if signature.rows == "sparse":
        return _sparse(signature.width)
    if signature.rows == "array":
        width = len(signature.columns)
        return {"type": "array", "minItems": width, "maxItems": width, "items": {"type": ["number", "null"]}}
    return {
        "type": "object",
        "properties": {column.name: _value(column) for column in signature.columns},
        "required": list(signature.names),
        "additionalProperties": signature.extra_columns == "ignore" or bool(signature.id or signature.time),
    }


def _sparse(width: int) -> dict[str, Any]:
    index = {"type": "integer", "minimum": 0, "maximum": width - 1}
    properties = {
        "indices": {"type": "array", "uniqueItems": True, "items": index},
        "values": {"type": "array", "items": {"type": "number"}},
    }
    return {
        "type": "object",
        "description": f"The columns that are not zero, of {width}, and their values.",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _value(column: Column) -> dict[str, Any]:
    made = dict(_TYPES[column.kind])
    if column.nullable and "type" in made:
        kinds = made["type"] if isinstance(made["type"], list) else [made["type"]]
        made["type"] = [*kinds, "null"]
    if column.categories:
        made["examples"] = [str(category) for category in column.categories[:5]]
    return made


def _predict(signature: Signature) -> dict[str, Any]:
    each = {"type": ["array", "null"], "items": {}}
    rows = {"type": "array", "items": {"$ref": "#/components/schemas/Row"}}
    named = {"inputs": rows, "ids": each, "times": each}
    columns = {
        "columns": {"type": "array", "items": {"type": "string"}},
        "data": {"type": "array"},
        "ids": each,
        "times": each,
    }
    shapes = [
        {"type": "object", "required": ["inputs"], "properties": named},
        {"type": "object", "required": ["columns", "data"], "properties": columns},
    ]
    answers: dict[str, Any] = {
        "predictions": {"type": "array"},
        "request_id": {"type": "string"},
        "model": {"type": "string"},
    }
    answers["warnings"] = {"type": "array", "items": {"type": "string"}}
    if signature.output.probabilities:
        classes = ", ".join(str(label) for label in signature.output.classes)
        answers["probabilities"] = {"type": "array", "description": f"rows × classes, in this order: {classes}"}
    return {
        "summary": "Ask the model.",
        "requestBody": _body({"oneOf": shapes}, example(signature)),
        "responses": _responses("200", {"type": "object", "properties": answers}),
    }


def _feedback() -> dict[str, Any]:
    item = {
        "type": "object",
        "properties": {
            "id": {"type": ["string", "integer"]},
            "request_id": {"type": "string"},
            "row": {"type": "integer"},
            "label": {},
            "outcomes": {"type": "object", "additionalProperties": {"type": "number"}},
            "time": {"type": ["string", "integer"]},
        },
        "additionalProperties": False,
    }
    either = {"oneOf": [item, {"type": "array", "items": item}]}
    return {
        "summary": "Send labels and outcomes of earlier predictions, one or a list, late or twice.",
        "requestBody": _body(either, {"id": "order-17", "label": 1}),
        "responses": _responses("202", {"type": "object"}),
    }


def _infer() -> dict[str, Any]:
    return {
        "summary": "Ask the model by the Open Inference Protocol.",
        "requestBody": _body({"type": "object", "required": ["inputs"]}, None),
        "responses": _responses("200", {"type": "object"}),
    }


def _body(shape: dict[str, Any], made: Any) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": shape}
    if made is not None:
        content["example"] = made
    return {"required": True, "content": {"application/json": content}}


def _responses(status: str, shape: dict[str, Any]) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": "Answered.", "content": {"application/json": {"schema": shape}}},
        "default": {"description": "RFC 9457 problem details.", "content": problem},
    }


def _get(summary: str, kind: str = "application/json") -> dict[str, Any]:
    return {"summary": summary, "responses": {"200": {"description": "Answered.", "content": {kind: {}}}}}


def _problem() -> dict[str, Any]:
    texts = ("type", "title", "detail", "pointer", "fix", "request_id", "code", "where")
    properties: dict[str, Any] = {name: {"type": "string"} for name in texts}
    return {
        "type": "object",
        "properties": properties | {"status": {"type": "integer"}, "kept": {"type": ["string", "null"]}},
    }
