"""The Open Inference Protocol (KServe V2): metadata, health, and infer with JSON or binary tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import numpy as np

from nb2prod.records.capture import Answers, Column, Signature
from nb2prod.runtime import rows as decoded
from nb2prod.runtime import sparse
from nb2prod.runtime.hooks import Host, Route
from nb2prod.runtime.model import ServedModel
from nb2prod.runtime.protocol import json, tensors
from nb2prod.runtime.rows import Rows
from nb2prod.runtime.validation import found, missing_column, pointer, unknown_column

Reply = tuple[int, list[tuple[bytes, bytes]], bytes]

LENGTH: Final = b"inference-header-content-length"
JSON: Final = (b"content-type", b"application/json")
_DATATYPES: Final = {"number": "FP64", "integer": "INT64", "boolean": "BOOL"}


def routes(host: Host) -> dict[tuple[str, str], Route]:
    """Every route of the protocol for the model under its capture's and its deployment's name."""
    v2 = V2(host)
    made: dict[tuple[str, str], Route] = {
        ("GET", "/v2"): v2.server,
        ("GET", "/v2/health/live"): v2.live,
        ("GET", "/v2/health/ready"): v2.ready,
    }
    for name in {host.served.record.name, host.settings.current.name}:
        base = f"/v2/models/{name}"
        version = host.settings.current.version
        for path in (base, *([f"{base}/versions/{version}"] if version is not None else ())):
            made[("GET", path)] = v2.model
            made[("GET", f"{path}/ready")] = v2.ready
            made[("POST", f"{path}/infer")] = v2.infer
    return made


class V2:
    """The protocol over one model."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def server(self, scope: Mapping[str, Any], body: bytes) -> Reply:
        return _json({"name": "nb2prod", "version": "2", "extensions": ["binary_tensor_data"]})

    async def live(self, scope: Mapping[str, Any], body: bytes) -> Reply:
        return _json({"live": True})

    async def ready(self, scope: Mapping[str, Any], body: bytes) -> Reply:
        draining = self._host.draining
        status, headers, said = _json({"ready": not draining})
        return (503 if draining else status), headers, said

    async def model(self, scope: Mapping[str, Any], body: bytes) -> Reply:
        settings, signature = self._host.settings, self._host.served.signature
        version = settings.current.version
        return _json(
            {
                "name": settings.current.name,
                "versions": [] if version is None else [str(version)],
                "platform": "nb2prod",
                "inputs": _inputs(signature),
                "outputs": _outputs(signature),
            }
        )

    async def infer(self, scope: Mapping[str, Any], body: bytes) -> Reply:
        asked = Request(scope, body, self._host.served)
        if self._host.settings.current.canary is not None and "/versions/" not in scope["path"]:
            reply = await self._host.elsewhere(scope, body, asked.rows.n, asked.ids)
            if reply is not None:
                return reply
        request_id = asked.id or self._host.named(scope, asked.rows.n)
        answers = await self._host.ask(asked.rows, request_id, ids=asked.ids, times=asked.times)
        return self._answer(asked, answers, request_id)

    def _answer(self, asked: Request, answers: Answers, request_id: str) -> Reply:
        settings = self._host.settings.current
        outputs, blob = [], b""
        for name, shape, values in _tensors(answers, self._host.served.signature):
            if asked.wanted and name not in asked.wanted:
                continue
            kind = tensors.datatype(values)
            output: dict[str, Any] = {"name": name, "shape": shape, "datatype": kind}
            if asked.binary(name):
                packed = tensors.pack(values, kind)
                output["parameters"] = {"binary_data_size": len(packed)}
                blob += packed
            else:
                output["data"] = values
            outputs.append(output)
        said: dict[str, Any] = {"model_name": settings.name, "id": request_id, "outputs": outputs}
        if settings.version is not None:
            said["model_version"] = str(settings.version)
        if asked.rows.warnings:
            said["parameters"] = {"warnings": asked.rows.warnings}
        head = msgspec.json.encode(said)
        if not blob:
            return 200, [JSON], head
        headers = [(b"content-type", b"application/octet-stream"), (LENGTH, str(len(head)).encode())]
        return 200, headers, head + blob


class Request:
    """A decoded infer request."""

    def __init__(self, scope: Mapping[str, Any], body: bytes, served: ServedModel) -> None:
        head, self._blob = _parts(scope, body)
        asked = json.parse(head)
        if not isinstance(asked, dict) or not isinstance(asked.get("inputs"), list):
            raise tensors.wrong(
                "The request has no `inputs`", "It is an object with a list of input tensors.", "/inputs"
            )
        self.id = str(asked.get("id") or "")[:128]
        self.ids: list[str | None] | None = None
        self.times: list[float | None] | None = None
        self._outputs = {str(output.get("name")): output for output in _objects(asked.get("outputs") or [], "/outputs")}
        self._all_binary = bool(_parameters(asked).get("binary_data_output"))
        self.wanted = frozenset(self._outputs)
        self.rows = self._rows(_objects(asked["inputs"], "/inputs"), served)

    def binary(self, output: str) -> bool:
        """Whether that output is asked for in bytes."""
        return bool(_parameters(self._outputs.get(output, {})).get("binary_data", self._all_binary))

    def _rows(self, inputs: list[dict[str, Any]], served: ServedModel) -> Rows:
        values = {str(item.get("name")): (i, *self._values(item, i)) for i, item in enumerate(inputs)}
        n = next((shape[0] for _, shape, _ in values.values()), 0)
        for i, shape, _ in values.values():
            if shape[0] != n:
                raise tensors.wrong("The inputs differ in length", f"The first has {n} rows.", f"/inputs/{i}/shape")
        self.ids = decoded.ids_from_wire(values.pop("ids")[2], at="/inputs") if "ids" in values else None
        self.times = decoded.times_from_wire(values.pop("times")[2], at="/inputs") if "times" in values else None
        signature = served.signature
        if len(values) == 1 and signature.rows != "frame":
            ((i, shape, flat),) = values.values()
            width = math.prod(shape[1:])
            at = f"/inputs/{i}/data"
            if signature.rows == "texts":
                return served.reader.rows(flat, at=at)
            if signature.rows == "sparse":
                return served.reader.compressed(_dense(n, width, flat, signature, at))
            return served.reader.rows([flat[row * width : (row + 1) * width] for row in range(n)], at=at)
        return _by_name(n, {name: flat for name, (_, _, flat) in values.items()}, served)

    def _values(self, item: dict[str, Any], i: int) -> tuple[list[int], list[Any]]:
        at = f"/inputs/{i}"
        shape, kind = item.get("shape"), item.get("datatype")
        if not isinstance(shape, list) or not shape or not all(type(size) is int and size >= 0 for size in shape):
            raise tensors.wrong("A tensor has no shape", "A shape is a list of sizes.", at + "/shape")
        if kind not in tensors.DTYPES and kind != "BYTES":
            known = ", ".join([*tensors.DTYPES, "BYTES"])
            raise tensors.wrong("A tensor's datatype is not known", f"Known are {known}.", at + "/datatype")
        count = math.prod(shape)
        size = _parameters(item).get("binary_data_size")
        if size is None:
            values = tensors.flat(item.get("data"))
            if len(values) != count:
                raise tensors.wrong(
                    "A tensor's data do not fit its shape", f"{count} values are expected.", at + "/data"
                )
            return shape, values
        if type(size) is not int or not 0 <= size <= len(self._blob):
            raise tensors.wrong(
                "A tensor's bytes are not there", "The body is shorter than its words say.", at + "/parameters"
            )
        raw, self._blob = self._blob[:size], self._blob[size:]
        return shape, tensors.unpack(raw, kind, count, at)


def _dense(n: int, width: int, flat: list[Any], signature: Signature, at: str) -> Any:
    """A tensor of the model's whole width: the protocol has no sparse ones."""
    if width != signature.width or not all(isinstance(value, int | float) for value in flat):
        raise tensors.wrong(
            "The tensor is not of the model's width", f"{signature.width} numbers a row are expected.", at
        )
    return sparse.dense([flat[row * width : (row + 1) * width] for row in range(n)], signature)


def _by_name(n: int, values: dict[str, list[Any]], served: ServedModel) -> Rows:
    signature = served.signature
    if signature.rows == "sparse":
        raise tensors.wrong("Sparse rows are one tensor", f"It has the shape [rows, {signature.width}].", "/inputs")
    known = {*signature.names, signature.id, signature.time}
    for name in signature.names:
        if name not in values:
            raise missing_column(name, 0, "/inputs")
        if len(values[name]) != n:
            raise tensors.wrong(f"Input {name!r} is not one value a row", f"{n} values are expected.", "/inputs")
    ignored = [name for name in values if name not in known]
    if ignored and signature.extra_columns == "refuse":
        raise unknown_column(ignored[0], 0, signature, "/inputs")
    if signature.rows == "frame":
        return served.reader.by_columns(n, values, ignored, at="/inputs")
    rows = [list(row) for row in zip(*(values[name] for name in signature.names), strict=True)]
    return served.reader.rows(rows if signature.rows == "array" else [row[0] for row in rows], at="/inputs")


def _parts(scope: Mapping[str, Any], body: bytes) -> tuple[bytes, memoryview]:
    for name, value in scope["headers"]:
        if name == LENGTH:
            if not value.isdigit() or int(value) > len(body):
                why = "It is the length of the JSON at the body's start."
                raise tensors.wrong("Inference-Header-Content-Length is wrong", why, "")
            return body[: int(value)], memoryview(body)[int(value) :]
    return body, memoryview(b"")


def _objects(items: Any, at: str) -> list[dict[str, Any]]:
    for i, item in enumerate(items if isinstance(items, list) else [items]):
        if not isinstance(item, dict):
            raise tensors.wrong("A tensor is not an object", f"It is {found(item)}.", at + pointer(i))
    return list(items)


def _parameters(item: dict[str, Any]) -> dict[str, Any]:
    parameters = item.get("parameters")
    return parameters if isinstance(parameters, dict) else {}


def _tensors(answers: Answers, signature: Signature) -> list[tuple[str, list[int], list[Any]]]:
    """Output tensors by the names that other servers of the protocol use."""
    values = list(answers.predictions)
    made: list[tuple[str, list[int], list[Any]]] = []
    if signature.output.names and values and isinstance(values[0], dict):
        made += [(name, [len(values)], [row[name] for row in values]) for name in signature.output.names]
    else:
        made.append(("predict", [len(values)], values))
    if answers.probabilities is not None:
        flat = [score for row in answers.probabilities for score in row]
        made.append(("predict_proba", [len(values), len(flat) // max(len(values), 1)], flat))
    return made


def _inputs(signature: Signature) -> list[dict[str, Any]]:
    if signature.rows in ("array", "sparse"):
        kind = {np.dtype(dtype): name for name, dtype in tensors.DTYPES.items()}.get(np.dtype(signature.dtype), "FP64")
        return [{"name": "input", "datatype": kind, "shape": [-1, signature.width or len(signature.columns)]}]
    return [{"name": column.name, "datatype": _datatype(column), "shape": [-1]} for column in signature.columns]


def _datatype(column: Column) -> str:
    return _DATATYPES.get(column.kind, "BYTES")


def _outputs(signature: Signature) -> list[dict[str, Any]]:
    output = signature.output
    kind = "FP64" if output.kind == "number" else tensors.datatype(output.classes) if output.classes else "BYTES"
    said: list[dict[str, Any]] = [
        {"name": name, "datatype": kind, "shape": [-1]} for name in output.names or ("predict",)
    ]
    if output.probabilities:
        said.append({"name": "predict_proba", "datatype": "FP64", "shape": [-1, len(output.classes) or -1]})
    return said


def _json(said: dict[str, Any]) -> Reply:
    return 200, [JSON], msgspec.json.encode(said)
