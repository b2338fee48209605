"""A share of the requests goes to a challenger, always the same; whatever the challenger does, the caller has an answer."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st

from nb2prod.records.serving import CanaryShare
from nb2prod.runtime import canary
from nb2prod.runtime.canary import key_of, takes

from .test_front import ROW, Service


def share(percent: float, version: int = 4, socket: str = "/nobody") -> CanaryShare:
    return CanaryShare(version=version, socket=socket, percent=percent)


# Who is of the share.


@given(key=st.binary(min_size=1), small=st.floats(0, 100), more=st.floats(0, 100))
def test_a_share_that_grows_keeps_those_that_it_has(key: bytes, small: float, more: float) -> None:
    low, high = sorted((small, more))
    assert takes(key, share(low)) <= takes(key, share(high))


@given(key=st.binary())
def test_all_of_a_hundred_percent_are_taken_and_none_of_none(key: bytes) -> None:
    assert takes(key, share(100))
    assert not takes(key, share(0))


@pytest.mark.parametrize("percent", [1, 10, 50])
def test_of_many_keys_the_share_is_about_right(percent: int) -> None:
    n = 20_000
    taken = sum(takes(b"caller %d" % one, share(percent)) for one in range(n))
    assert abs(taken / n - percent / 100) < 5 * (percent / 100 * (1 - percent / 100) / n) ** 0.5


def test_another_version_takes_other_keys() -> None:
    first, second = ({one for one in range(2000) if takes(b"%d" % one, share(10, version))} for version in (4, 5))
    assert len(first & second) < len(first) / 2


def test_a_request_is_known_by_its_header_then_its_first_id_then_its_own_id() -> None:
    header = [(b"x-nb2prod-key", b"anna")]
    assert key_of(header, ["17"], "r") == b"anna"
    assert key_of([(b"x-nb2prod-key", b"")], [None, "17", "18"], "r") == b"17"
    assert key_of([], None, "r") == b"r"


# What becomes of a request.


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="nb", dir="/tmp") as short:
        yield Path(short)


def champion(folder: Path, percent: float = 100, socket: str | None = None) -> Service:
    told = share(percent, socket=socket or str(folder / "s"))
    (folder / "champion").mkdir(parents=True)
    return Service(folder / "champion", lambda frame: frame["age"] * 2, canary=told)


def challenger(folder: Path, model: Callable[[Any], Any] = lambda frame: frame["age"] * 3) -> Service:
    (folder / "challenger").mkdir()
    return Service(folder / "challenger", model, version=4)


@contextlib.asynccontextmanager
async def serving(app: Any, socket: Path) -> AsyncIterator[None]:
    config = uvicorn.Config(app, uds=str(socket), lifespan="off", log_level="error", access_log=False)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = server.force_exit = True
        await task
        socket.unlink(missing_ok=True)


@contextlib.asynccontextmanager
async def asking(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=service.front)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client
    service.front._canary.close()


async def predict(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    reply = await client.post("/predict", json={"inputs": [ROW], **more})
    assert reply.status_code == 200, reply.text
    said: dict[str, Any] = reply.json()
    return said


def outcomes(service: Service, before: dict[str, float] | None = None) -> dict[str, float]:
    """Requests of the share by what became of them, since `before`; the counters are the process's."""
    lines = service.front._metrics.text().decode().splitlines()
    found = {}
    for line in lines:
        if line.startswith("nb2prod_canary_requests_total{"):
            outcome = line.split('outcome="')[1].split('"')[0]
            found[outcome] = float(line.split()[-1]) - (before or {}).get(outcome, 0.0)
    return {outcome: count for outcome, count in found.items() if count}


def test_the_challenger_answers_and_records_its_share_under_its_own_version(folder: Path) -> None:
    first, second = champion(folder, 30), challenger(folder)

    async def talk() -> dict[int, str]:
        async with serving(second.front, folder / "s"), asking(first) as client:
            answers = {one: await predict(client, ids=[one]) for one in range(60)}
            again = {one: (await predict(client, ids=[one]))["model"] for one in range(60)}
        for one, said in answers.items():
            assert said["predictions"] == [4.5 if said["model"] == "ages/4" else 3.0]
            assert said["model"] == again[one]
        return again

    before = outcomes(first)
    models = asyncio.run(talk())
    theirs = [one for one, model in models.items() if model == "ages/4"]
    assert 5 < len(theirs) < 35
    assert [kept["version"] for kept in second.recorder.kept] == [4] * 2 * len(theirs)
    assert [kept["ids"] for kept in second.recorder.kept] == [[str(one)] for one in theirs] * 2
    assert len(first.recorder.kept) == 2 * (60 - len(theirs))
    assert outcomes(first, before) == {"answered": 2 * len(theirs)}


def test_a_request_keeps_its_own_id_and_its_headers_on_the_way(folder: Path) -> None:
    first, second = champion(folder), challenger(folder)
    first.say(canary=share(100, socket=str(folder / "s")), tokens=("sesame",))
    second.say(version=4, tokens=("sesame",))

    async def talk() -> tuple[Any, Any]:
        async with serving(second.front, folder / "s"), asking(first) as client:
            client.headers["authorization"] = "Bearer sesame"
            mine = await client.post("/predict", json={"inputs": [ROW]}, headers={"x-request-id": "mine"})
            return mine.json(), (await client.post("/predict", json={"inputs": [ROW, ROW]})).json()

    mine, ours = asyncio.run(talk())
    assert (mine["request_id"], mine["model"]) == ("mine", "ages/4")
    assert ours["request_id"].endswith(".2")  # as many rows as it has: a label for a third one is refused at once
    assert [kept["request_id"] for kept in second.recorder.kept] == ["mine", ours["request_id"]]


def test_the_open_inference_protocol_goes_the_same_way_but_not_where_it_names_a_version(folder: Path) -> None:
    first, second = champion(folder), challenger(folder)
    body = {
        "inputs": [
            {"name": "age", "shape": [1], "datatype": "FP64", "data": [1.5]},
            {"name": "city", "shape": [1], "datatype": "BYTES", "data": ["a"]},
        ]
    }

    async def talk() -> list[Any]:
        async with serving(second.front, folder / "s"), asking(first) as client:
            paths = "/v2/models/ages/infer", "/v2/models/ages/versions/3/infer"
            return [(await client.post(path, json=body)).json() for path in paths]

    shared, named = asyncio.run(talk())
    assert (shared["model_version"], shared["outputs"][0]["data"]) == ("4", [4.5])
    assert (named["model_version"], named["outputs"][0]["data"]) == ("3", [3.0])


def test_where_nobody_listens_the_champion_answers_and_it_is_counted(folder: Path) -> None:
    first = champion(folder)
    before = outcomes(first)

    async def talk() -> dict[str, Any]:
        async with asking(first) as client:
            return await predict(client)

    assert asyncio.run(talk())["model"] == "ages/3"
    assert outcomes(first, before) == {"unreachable": 1}


def test_a_challenger_that_breaks_or_refuses_costs_the_caller_nothing(folder: Path) -> None:
    def broken(frame: Any) -> Any:
        raise RuntimeError

    def refusing(frame: Any) -> Any:
        from nb2prod.errors import InputError

        raise InputError("no", code="no", where="here", why="so", fix="none")

    for model, outcome in ((broken, "failed"), (refusing, "refused")):
        first = champion(folder / outcome, socket=str(folder / "s"))
        second = challenger(folder / outcome, model)
        before = outcomes(first)

        async def talk(first: Service = first, second: Service = second) -> dict[str, Any]:
            async with serving(second.front, folder / "s"), asking(first) as client:
                return await predict(client)

        assert asyncio.run(talk())["model"] == "ages/3"
        assert outcomes(first, before) == {outcome: 1}


def test_a_challenger_that_hangs_is_waited_for_once_and_left_alone_for_a_while(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canary, "patience", lambda expected: 0.05)
    first = champion(folder)
    before = outcomes(first)

    async def hanging(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(60)

    async def talk() -> None:
        async with serving(hanging, folder / "s"), asking(first) as client:
            for _ in range(3):
                assert (await predict(client))["model"] == "ages/3"

    asyncio.run(talk())
    assert outcomes(first, before) == {"slow": 1, "busy": 2}


def test_what_is_no_answer_of_http_costs_the_caller_nothing(folder: Path) -> None:
    first = champion(folder)
    said = iter(
        [b"SSH-2.0\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", b"x" * 2**17]
    )

    async def talk() -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(next(said))
            writer.close()

        server = await asyncio.start_unix_server(answer, str(folder / "s"))
        async with server, asking(first) as client:
            for _ in range(4):
                assert (await predict(client))["model"] == "ages/3"

    before = outcomes(first)
    asyncio.run(talk())
    assert outcomes(first, before) == {"unreachable": 4}


def test_a_challenger_that_was_started_again_is_found_again_and_connections_are_kept(folder: Path) -> None:
    first, second = champion(folder), challenger(folder)

    async def talk() -> None:
        async with asking(first) as client:
            for _ in range(2):
                async with serving(second.front, folder / "s"):
                    models = [(await predict(client))["model"] for _ in range(5)]
                    assert models == ["ages/4"] * 5
                    assert first.front._canary._connections is not None
                    assert len(first.front._canary._connections._idle) == 1
                assert (await predict(client))["model"] == "ages/3"

    asyncio.run(talk())


def test_many_at_once_are_answered_each_with_its_own(folder: Path) -> None:
    first, second = champion(folder), challenger(folder)

    async def talk() -> None:
        async with serving(second.front, folder / "s"), asking(first) as client:
            asked = [client.post("/predict", json={"inputs": [{"age": float(one), "city": "a"}]}) for one in range(50)]
            for one, reply in enumerate(await asyncio.gather(*asked)):
                assert reply.json()["predictions"] == [3.0 * one]

    asyncio.run(talk())


def test_the_share_follows_the_file_and_goes_with_it(folder: Path) -> None:
    first, second = champion(folder, 100), challenger(folder)

    async def talk() -> list[str]:
        async with serving(second.front, folder / "s"), asking(first) as client:
            models = [(await predict(client))["model"]]
            first.say()
            return [*models, (await predict(client))["model"]]

    assert asyncio.run(talk()) == ["ages/4", "ages/3"]


def test_what_the_champion_refuses_is_refused_for_all(folder: Path) -> None:
    first, second = champion(folder), challenger(folder)

    async def talk() -> int:
        async with serving(second.front, folder / "s"), asking(first) as client:
            return (await client.post("/predict", json={"inputs": [{"age": "old"}]})).status_code

    assert asyncio.run(talk()) == 422
    assert second.recorder.rejected == []


def test_a_slow_model_is_given_time() -> None:
    assert canary.patience(None) == canary.UNKNOWN_SECONDS
    assert canary.patience(0.001) == canary.LEAST_SECONDS
    assert canary.patience(5.0) == 20.0
    assert canary.patience(600.0) == 60.0


def test_settings_without_a_canary_are_read_as_before() -> None:
    from nb2prod.records.serving import ServiceSettings

    assert msgspec.json.decode(b'{"name": "ages"}', type=ServiceSettings).canary is None
