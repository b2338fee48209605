"""An app that is made at its first request."""

from __future__ import annotations

import asyncio
from typing import Any

from nb2prod.runtime.later import Later


class App:
    """Answers with its path, and keeps what it is told of its life."""

    made = 0

    def __init__(self) -> None:
        type(self).made += 1
        self.told: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for _ in range(2):
                what = (await receive())["type"]
                self.told.append(what)
                await send({"type": what + ".complete"})
            return
        assert self.told == ["lifespan.startup"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode()})


async def asked(later: Later, path: str) -> list[Any]:
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    await later({"type": "http", "path": path}, None, send)  # type: ignore[arg-type]
    return said


async def lived(later: Later, paths: list[str]) -> list[list[Any]]:
    """The worker's own life around some requests."""
    heard: asyncio.Queue[Any] = asyncio.Queue()
    said: asyncio.Queue[Any] = asyncio.Queue()
    life = asyncio.create_task(later({"type": "lifespan"}, heard.get, said.put))
    await heard.put({"type": "lifespan.startup"})
    assert (await said.get())["type"] == "lifespan.startup.complete"
    answers = await asyncio.gather(*(asked(later, path) for path in paths))
    await heard.put({"type": "lifespan.shutdown"})
    assert (await said.get())["type"] == "lifespan.shutdown.complete"
    await life
    return list(answers)


def test_the_first_request_of_its_own_makes_it_once_with_a_whole_life() -> None:
    made: list[App] = []

    def make() -> App:
        made.append(App())
        return made[-1]

    answers = asyncio.run(lived(Later(make, ("/schema.json",)), ["/schema.json", "/schema.json"]))
    assert [said[1]["body"] for said in answers] == [b"/schema.json"] * 2
    assert [app.told for app in made] == [["lifespan.startup", "lifespan.shutdown"]]


def test_other_paths_are_not_found_and_make_nothing() -> None:
    def never() -> App:
        raise AssertionError("it was made")

    answers = asyncio.run(lived(Later(never, ("/schema.json",)), ["/favicon.ico", "/"]))
    assert [said[0]["status"] for said in answers] == [404, 404]


def test_an_app_that_cannot_be_made_fails_that_request_and_is_tried_again() -> None:
    tries: list[int] = []

    def make() -> App:
        tries.append(1)
        if len(tries) == 1:
            raise ImportError("no room")
        return App()

    async def both() -> Any:
        later = Later(make, ("/",))
        try:
            await asked(later, "/a")
        except ImportError as error:
            return error, await asked(later, "/a")

    error, said = asyncio.run(both())
    assert str(error) == "no room"
    assert said[1]["body"] == b"/a"
