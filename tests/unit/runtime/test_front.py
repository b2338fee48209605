"""The service's own routes, spoken to as ASGI: answers, errors in full, settings that change, what is recorded and what not."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from nb2prod.errors import Failed, InputError
from nb2prod.home import write_atomic
from nb2prod.records.base import to_json
from nb2prod.records.capture import Column, Output, Signature
from nb2prod.records.serving import ServiceSettings
from nb2prod.runtime.front import Front
from nb2prod.runtime.limits import Gate, Pace
from nb2prod.runtime.metrics import BUCKETS
from nb2prod.runtime.model import ServedModel
from nb2prod.runtime.protocol.json import Decoder
from nb2prod.runtime.rows import Reader
from nb2prod.runtime.settings import Settings

from . import captures

ROW = {"age": 1.5, "city": "a"}


class Memory:
    """A recorder that keeps everything in a list."""

    def __init__(self) -> None:
        self.kept: list[dict[str, Any]] = []
        self.rejected: list[tuple[str, str]] = []
        self.rejected_rows: list[int] = []
        self.closed = False

    def record(self, rows: Any, answers: Any, **more: Any) -> None:
        self.kept.append({"n": rows.n, "predictions": answers.predictions} | more)

    def feedback(self, items: Any) -> list[Any]:
        return []

    def reject(self, column: str, code: str, **more: Any) -> None:
        self.rejected.append((column, code))
        self.rejected_rows.append(more["rows"])

    def metrics(self) -> Mapping[str, float]:
        return {"rows_accepted_total": sum(one["n"] for one in self.kept), "seconds": 0.5}

    def close(self) -> None:
        self.closed = True


async def bento(scope: Any, receive: Any, send: Any) -> None:
    """BentoML's app in small: one page, 404 otherwise."""
    status = 200 if scope["path"] == "/schema.json" else 404
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b"bento"})


class Service:
    """A front over a capture, and a way to speak to it."""

    def __init__(self, folder: Path, model: Any, signature: Signature = captures.FRAME, **settings: Any) -> None:
        self.file = folder / "service.json"
        self.recorder = Memory()
        self.say(**settings)
        served = ServedModel.load(captures.write(folder / "capture", model, signature))
        made = Settings(self.file, name="ages", tag="ages:abc")
        self.front = Front(bento, served, made, recorder=self.recorder)

    def say(self, **settings: Any) -> None:
        given = {"name": "ages", "version": 3, "traffic": True} | settings
        write_atomic(self.file, to_json(ServiceSettings(**given)))

    def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def talk() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.front)  # type: ignore[arg-type]
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
                return await client.request(method, path, **more)

        return asyncio.run(talk())

    def predict(self, body: Any, **more: Any) -> httpx.Response:
        return self.send("POST", "/predict", json=body, **more)


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(tmp_path, lambda frame: frame["age"] * 2)


def test_rows_are_answered_under_the_versions_name(service: Service) -> None:
    said = service.predict({"inputs": [ROW, ROW]}).json()
    assert said["predictions"] == [3.0, 3.0]
    assert said["model"] == "ages/3"
    assert said["warnings"] == []
    assert "probabilities" not in said


def test_the_split_form_and_a_curl_without_a_content_type_are_understood(service: Service) -> None:
    body = json.dumps({"columns": ["city", "age"], "data": [["a", 2]]}).encode()
    assert service.send("POST", "/predict", content=body).json()["predictions"] == [4.0]


def test_what_is_answered_is_recorded_with_ids_times_and_version(service: Service) -> None:
    asked = {"inputs": [ROW], "ids": [17], "times": ["1970-01-01T00:01:00Z"]}
    said = service.predict(asked, headers={"x-request-id": "mine"}).json()
    (kept,) = service.recorder.kept
    assert said["request_id"] == kept["request_id"] == "mine"
    assert (kept["ids"], kept["times"], kept["version"]) == (["17"], [60.0], 3)


def test_nothing_is_recorded_or_counted_before_traffic_and_all_of_it_after(service: Service) -> None:
    service.say(traffic=False)
    service.predict({"inputs": [ROW]})
    assert service.recorder.kept == []
    service.say(traffic=True)
    service.predict({"inputs": [ROW]})
    assert len(service.recorder.kept) == 1


def test_settings_that_break_later_leave_the_last_good_ones(service: Service) -> None:
    service.file.write_text("{")
    assert service.predict({"inputs": [ROW]}).json()["model"] == "ages/3"
    service.file.unlink()
    assert service.predict({"inputs": [ROW]}).json()["model"] == "ages/3"
    service.say(version=4)
    assert service.predict({"inputs": [ROW]}).json()["model"] == "ages/4"


def test_settings_that_are_missing_at_the_start_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(Failed):
        Settings(tmp_path / "none.json", name="ages", tag="ages:abc")


def test_without_a_target_the_service_takes_traffic_under_its_bentos_tag() -> None:
    settings = Settings(None, name="ages", tag="ages:abc")
    assert (settings.now().traffic, settings.now().counter, settings.label) == (True, "self", "ages:abc")


PROBLEM_KEYS = {"type", "title", "status", "detail", "pointer", "fix", "kept", "request_id", "code", "where"}


@pytest.mark.parametrize(
    ("body", "status", "code", "pointer"),
    [
        (b"", 400, "malformed-json", ""),
        (b'{"inputs": [', 400, "malformed-json", ""),
        (b'{"inputs": [{"age": NaN, "city": "a"}]}', 400, "malformed-json", ""),
        (b"[]", 422, "wrong-shape", ""),
        (b"{}", 422, "wrong-shape", ""),
        (b'{"inputs": 5}', 422, "wrong-shape", "/inputs"),
        (b'{"inputs": [5]}', 422, "wrong-shape", "/inputs/0"),
        (b'{"inputs": [], "input": []}', 422, "unknown-key", "/input"),
        (b'{"inputs": [{"age": "x", "city": "a"}]}', 422, "wrong-type", "/inputs/0/age"),
        (b'{"inputs": [{"age": null, "city": "a"}]}', 422, "null", "/inputs/0/age"),
        (b'{"inputs": [{"city": "a"}]}', 422, "missing-column", "/inputs/0"),
        (b'{"inputs": [{"age": 1, "city": "a", "cit": 2}]}', 422, "unknown-column", "/inputs/0/cit"),
        (b'{"columns": ["age", "city"], "data": [[1, "a"], [true, "a"]]}', 422, "wrong-type", "/data/1/0"),
        (b'{"columns": ["age", "city"], "data": [[1]]}', 422, "wrong-shape", "/data/0"),
        (b'{"inputs": [{"age": 1, "city": "a"}], "ids": [1, 2]}', 422, "wrong-ids", "/ids"),
        (b'{"inputs": [{"age": 1, "city": "a"}], "ids": [true]}', 422, "wrong-id", "/ids/0"),
        (b'{"inputs": [{"age": 1, "city": "a"}], "times": ["later"]}', 422, "wrong-time", "/times/0"),
        (b'{"inputs": [{"age": 1, "city": "a"}], "times": 5}', 422, "wrong-shape", "/times"),
        (b"\xff\xfe", 400, "malformed-json", ""),
    ],
)
def test_a_bad_request_is_a_problem_with_every_field(
    service: Service, body: bytes, status: int, code: str, pointer: str
) -> None:
    answer = service.send("POST", "/predict", content=body)
    said = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(said) == PROBLEM_KEYS
    assert (answer.status_code, said["status"], said["code"], said["pointer"]) == (status, status, code, pointer)
    assert said["type"] == f"urn:nb2prod:{code}"
    assert said["fix"]


def test_what_never_reached_the_model_is_counted_by_column_and_reason(service: Service) -> None:
    service.predict({"inputs": [{**ROW, "age": "old"}]})
    service.predict({"inputs": [{"age": 1.0}]})
    service.predict({"inputs": [{**ROW, "height": 2}]})
    service.send("POST", "/predict", content=b"{")
    assert service.recorder.rejected == [
        ("age", "wrong-type"),
        ("city", "missing-column"),
        ("", "unknown-column"),
        ("", "malformed-json"),
    ]
    service.say(traffic=False)
    service.predict({"inputs": [{**ROW, "age": "old"}]})
    assert len(service.recorder.rejected) == 4


def test_a_refused_request_counts_with_all_its_rows_which_nobody_answered(service: Service) -> None:
    bad = {**ROW, "age": "old"}
    service.predict({"inputs": [ROW] * 49 + [bad]})
    service.predict({"columns": list(ROW), "data": [list(bad.values())] * 3})
    service.predict({"inputs": 7})
    service.send("POST", "/predict", content=b"{")
    shape = {"name": "age", "shape": [4, 1], "datatype": "BYTES", "data": ["old"] * 4}
    assert service.send("POST", "/v2/models/ages/infer", json={"inputs": [shape]}).status_code == 422
    boast = {"name": "age", "shape": [10**15], "datatype": "FP64", "data": [1.0]}
    said = service.send("POST", "/v2/models/ages/infer", json={"inputs": [boast]})
    assert said.status_code in (400, 422)
    assert service.recorder.rejected_rows[:5] == [50, 3, 1, 1, 4]
    assert service.recorder.rejected_rows[5] <= len(said.request.content)


def test_a_request_id_of_ours_tells_its_rows_and_a_callers_own_stays(service: Service) -> None:
    assert service.predict({"inputs": [ROW] * 3}).json()["request_id"].endswith(".3")
    given = service.predict({"inputs": [ROW]}, headers={"x-request-id": "mine.7"}).json()["request_id"]
    assert given == "mine.7"


def test_a_whole_float_for_an_integer_passes_the_slow_way(tmp_path: Path) -> None:
    made = Signature(columns=(Column(name="k", kind="integer", dtype="int64"),), output=captures.NUMBER)
    service = Service(tmp_path, lambda frame: frame["k"] + 1, made)
    assert service.send("POST", "/predict", content=b'{"inputs": [{"k": 3.0}]}').json()["predictions"] == [4]


def test_a_model_that_fails_says_so_without_its_values(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def broken(frame: pd.DataFrame) -> Any:
        raise ValueError(f"cannot take {frame['city'].iloc[0]}")

    answer = Service(tmp_path, broken).predict({"inputs": [{"age": 1, "city": "secret-7"}]})
    assert (answer.status_code, answer.json()["code"]) == (500, "model-failed")
    assert "secret-7" not in answer.text
    assert answer.json()["request_id"] in caplog.text


def test_a_body_past_the_limit_is_refused_packed_or_not(service: Service) -> None:
    service.say(body_limit=100)
    packed = gzip.compress(b" " * 5000)
    for content, headers in ((b" " * 101, {}), (packed, {"content-encoding": "gzip"})):
        answer = service.send("POST", "/predict", content=content, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


def test_a_packed_body_is_unpacked(service: Service) -> None:
    body = gzip.compress(json.dumps({"inputs": [ROW]}).encode())
    assert service.send("POST", "/predict", content=body, headers={"content-encoding": "gzip"}).status_code == 200
    answer = service.send("POST", "/predict", content=body, headers={"content-encoding": "br"})
    assert answer.status_code == 415


def test_with_tokens_only_their_holders_are_answered_and_health_stays_open(service: Service) -> None:
    service.say(tokens=("open-sesame", "sha256:" + __import__("hashlib").sha256(b"hashed").hexdigest()))
    assert service.predict({"inputs": [ROW]}).status_code == 401
    assert service.predict({"inputs": [ROW]}, headers={"authorization": "Bearer wrong"}).status_code == 401
    assert service.send("GET", "/schema.json").status_code == 401
    for token in ("open-sesame", "hashed"):
        assert service.predict({"inputs": [ROW]}, headers={"authorization": f"Bearer {token}"}).status_code == 200
    assert service.send("GET", "/readyz").status_code == service.send("GET", "/livez").status_code == 200


def test_a_draining_service_is_not_ready_and_still_answers(service: Service) -> None:
    service.front.draining = True
    assert service.send("GET", "/readyz").status_code == 503
    assert service.predict({"inputs": [ROW]}).status_code == 200


def test_unknown_paths_and_wrong_methods_are_problems_and_the_rest_is_bentomls(service: Service) -> None:
    assert service.send("GET", "/predict").json()["code"] == "wrong-method"
    assert service.send("GET", "/predicts").json()["code"] == "not-found"
    assert service.send("GET", "/schema.json").text == "bento"


def test_the_schema_holds_a_request_that_runs_as_it_stands(service: Service) -> None:
    said = service.send("GET", "/schema").json()
    assert [column["name"] for column in said["columns"]] == ["age", "city"]
    assert service.predict(said["example"]).status_code == 200


def test_the_description_names_every_route_and_the_page_fetches_nothing_else(service: Service) -> None:
    said = service.send("GET", "/docs.json").json()
    assert {"/predict", "/feedback", "/v2/models/ages/infer"} <= set(said["paths"])
    assert "http" not in service.send("GET", "/docs").text
    assert service.send("GET", "/").headers["location"] == "docs"


def test_metrics_count_requests_rows_errors_and_what_the_recorder_says(service: Service) -> None:
    def value(name: str) -> float:
        lines = service.send("GET", "/metrics").text.splitlines()
        return next((float(line.split()[-1]) for line in lines if line.startswith(name + " ")), 0.0)

    good = 'nb2prod_requests_total{route="/predict",status="200"}'
    before, rows, errors = value(good), value("nb2prod_rows_total"), value('nb2prod_errors_total{code="null"}')
    service.predict({"inputs": [ROW, ROW]})
    service.predict({"inputs": [{"age": None, "city": "a"}]})
    assert value(good) == before + 1
    assert value("nb2prod_rows_total") == rows + 2
    assert value('nb2prod_errors_total{code="null"}') == errors + 1
    assert value("nb2prod_rows_accepted_total") == 2
    assert value("nb2prod_seconds") == 0.5


def test_buckets_are_fine_enough_to_read_a_quantile_within_a_third() -> None:
    assert all(high / low < 1.3 for low, high in itertools.pairwise(BUCKETS))


CLASSIFIER = Signature(
    columns=tuple(Column(name=f"x{i}", kind="number", dtype="float64") for i in range(2)),
    output=Output(kind="class", dtype="int64", classes=(0, 1), probabilities=True),
    rows="array",
)


@pytest.fixture
def classifier(tmp_path: Path) -> Service:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(50, 2))
    return Service(tmp_path, LogisticRegression().fit(matrix, (matrix[:, 0] > 0).astype(int)), CLASSIFIER)


def test_plain_lists_are_answered_with_probabilities(classifier: Service) -> None:
    said = classifier.predict({"inputs": [[5.0, 0.0], [-5, 0]]}).json()
    assert said["predictions"] == [1, 0]
    assert np.shape(said["probabilities"]) == (2, 2)
    refusal = classifier.predict({"inputs": [[1.0, 2.0], [1.0]]}).json()
    assert refusal["pointer"] == "/inputs/1"


def infer(service: Service, body: Any, blob: bytes = b"") -> httpx.Response:
    head = msgspec.json.encode(body)
    headers = {"inference-header-content-length": str(len(head))} if blob else {}
    return service.send("POST", "/v2/models/ages/infer", content=head + blob, headers=headers)


def test_open_inference_json_and_binary_give_the_same_answers(classifier: Service) -> None:
    matrix = np.array([[5.0, 0.0], [-5.0, 0.0], [0.25, 1.0]])
    plain = classifier.predict({"inputs": matrix.tolist()}).json()
    tensor = {"name": "input", "shape": [3, 2], "datatype": "FP64"}
    said = infer(classifier, {"id": "a1", "inputs": [tensor | {"data": matrix.ravel().tolist()}]}).json()
    by_name = {output["name"]: output for output in said["outputs"]}
    assert (said["id"], said["model_name"], said["model_version"]) == ("a1", "ages", "3")
    assert by_name["predict"]["data"] == plain["predictions"]
    assert by_name["predict_proba"]["shape"] == [3, 2]

    asked = {
        "inputs": [tensor | {"parameters": {"binary_data_size": matrix.nbytes}}],
        "outputs": [{"name": "predict_proba", "parameters": {"binary_data": True}}],
    }
    answer = infer(classifier, asked, matrix.tobytes())
    length = int(answer.headers["inference-header-content-length"])
    (output,) = json.loads(answer.content[:length])["outputs"]
    scores = np.frombuffer(answer.content[length:]).reshape(output["shape"])
    assert scores.tolist() == plain["probabilities"]


def test_open_inference_takes_columns_by_name_and_texts_as_bytes(service: Service) -> None:
    text = struct.pack("<I", 2) + b"ab"
    asked = {
        "inputs": [
            {"name": "age", "shape": [1], "datatype": "INT64", "data": [4]},
            {"name": "city", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": len(text)}},
        ]
    }
    (output,) = infer(service, asked, text).json()["outputs"]
    assert (output["datatype"], output["data"]) == ("FP64", [8.0])
    metadata = service.send("GET", "/v2/models/ages").json()
    assert [item["datatype"] for item in metadata["inputs"]] == ["FP64", "BYTES"]
    assert service.send("GET", "/v2/models/ages/versions/3/ready").json() == {"ready": True}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"shape": [2, 2]}, "/inputs/0/data"),
        ({"shape": [-1]}, "/inputs/0/shape"),
        ({"datatype": "FP128"}, "/inputs/0/datatype"),
        ({"parameters": {"binary_data_size": 99}}, "/inputs/0/parameters"),
        ({"data": [1.0, "x"]}, "/inputs/0/data/0/1"),
    ],
)
def test_a_tensor_that_lies_is_refused_with_its_place(classifier: Service, change: Any, pointer: str) -> None:
    tensor = {"name": "input", "shape": [1, 2], "datatype": "FP64", "data": [1.0, 2.0]} | change
    said = infer(classifier, {"inputs": [tensor]}).json()
    assert said["pointer"] == pointer


def test_what_is_quick_runs_inline_and_what_is_slow_or_unknown_does_not() -> None:
    pace = Pace(inline=0.01)
    assert not pace.quick(1)
    pace.saw(1, 0.001)
    assert pace.quick(1)
    assert not pace.quick(100)
    pace.saw(100, 0.002)
    assert pace.quick(100)


def test_a_slow_model_leaves_room_for_health_and_too_many_are_turned_away() -> None:
    import threading

    release = threading.Event()

    async def scene() -> tuple[Any, Any]:
        gate = Gate(at_once=1)
        slow = asyncio.ensure_future(gate.run(lambda rows: release.wait(10), None, 1))
        while not gate.inside:
            await asyncio.sleep(0)
        with pytest.raises(Exception, match="busy") as refusal:
            await gate.run(lambda rows: None, None, 1)
        release.set()
        return await slow, refusal.value

    done, refusal = asyncio.run(scene())
    assert done
    assert refusal.status == 503


def test_an_answer_that_does_not_come_in_time_is_a_504() -> None:
    import threading

    release = threading.Event()

    async def scene() -> None:
        gate = Gate(seconds=0.01)
        try:
            await gate.run(lambda rows: release.wait(10), None, 1)
        finally:
            release.set()

    with pytest.raises(Exception, match="did not answer") as refusal:
        asyncio.run(scene())
    assert refusal.value.status == 504  # type: ignore[attr-defined]


def test_closing_hands_over_what_the_recorder_holds(service: Service) -> None:
    sent: list[Any] = []

    async def scene() -> None:
        async def app(scope: Any, receive: Any, send: Callable[[Any], Any]) -> None:
            await send({"type": "lifespan.shutdown.complete"})

        async def send(message: Any) -> None:
            sent.append(message)

        service.front.app = app
        await service.front({"type": "lifespan"}, None, send)  # type: ignore[arg-type]

    asyncio.run(scene())
    assert service.recorder.closed
    assert sent


WIRED = Signature(
    columns=(
        Column(name="n", kind="number", dtype="float32", nullable=True),
        Column(name="i", kind="integer", dtype="int8"),
        Column(name="c", kind="category", dtype="category", categories=("a", "1", "True")),
        Column(name="d", kind="datetime", dtype="datetime64[ns]", nullable=True),
        Column(name="m", kind="number", dtype="object"),
    ),
    output=captures.NUMBER,
    id="order",
)
GOOD = {"n": 1.5, "i": 3, "c": "a", "d": "2026-01-01", "m": "1.10"}
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=3), st.just([]), st.just({})
)


DECODER = Decoder(Reader(WIRED))


@given(st.dictionaries(st.sampled_from([*GOOD, "order", "extra"]), VALUES, max_size=2), st.sampled_from(["", *GOOD]))
@settings(deadline=None, max_examples=150)
def test_the_typed_way_and_the_plain_way_decode_alike(change: dict[str, Any], without: str) -> None:
    row = {name: value for name, value in (GOOD | change).items() if name != without}
    decode = DECODER
    body = msgspec.json.encode({"inputs": [row, GOOD]})

    def said(way: Callable[[bytes], Any]) -> Any:
        try:
            asked = way(body)
        except InputError as error:
            return error.code, error.pointer
        return {name: [str(value) for value in column] for name, column in asked.rows.columns.items()}, asked.ids

    assert said(decode) == said(decode._slowly)
