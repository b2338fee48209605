"""An environment that is begun while its capture is still being made."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nb2prod import environments
from nb2prod.capturing.settled import Settled
from nb2prod.environments import Environment, Lock
from nb2prod.errors import Unverified
from nb2prod.home import Home
from nb2prod.sdk import ahead as module
from nb2prod.sdk.ahead import Ahead

SETTLED = Settled(Lock(text="", key="one", packages=()), ("json",))
BUILT = Environment(Path("/env/bin/python"), "key", created=False)


class Server:
    closed = False

    def close(self) -> None:
        self.closed = True


def capture(lock: str) -> Any:
    return SimpleNamespace(record=SimpleNamespace(environment=SimpleNamespace(lock=lock)))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    monkeypatch.setattr(environments, "build", lambda lock, home: BUILT)
    monkeypatch.setattr(module, "preloaded", lambda settled, python, home: made)
    return made


def test_what_was_begun_is_taken_by_the_capture_with_that_lock_alone(server: Server, tmp_path: Path) -> None:
    with Ahead(Home(tmp_path)) as ahead:
        assert ahead.take(capture("one")) is None
        ahead(SETTLED)
        assert ahead.take(capture("another")) is None
        assert ahead.take(capture("one")) == (BUILT, server)
    assert server.closed


def test_an_environment_that_cannot_be_built_is_told_to_who_takes_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: Any) -> Any:
        raise Unverified("no index", code="index-unreachable", where="", why="", fix="")

    monkeypatch.setattr(environments, "build", fail)
    with Ahead(Home(tmp_path)) as ahead:
        ahead(SETTLED)
        with pytest.raises(Unverified, match="no index"):
            ahead.take(capture("one"))


def test_one_that_is_left_while_it_is_built_starts_no_server(
    monkeypatch: pytest.MonkeyPatch, server: Server, tmp_path: Path
) -> None:
    left, done = threading.Event(), threading.Event()

    def build(*_: Any) -> Environment:
        left.wait(10)
        return BUILT

    monkeypatch.setattr(environments, "build", build)
    monkeypatch.setattr(module, "preloaded", lambda *_: done.set())
    with Ahead(Home(tmp_path)) as ahead:
        ahead(SETTLED)
    left.set()
    assert ahead.take(capture("one")) == (BUILT, None)
    assert not done.is_set()
