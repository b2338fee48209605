"""A canary through the SDK, of real services: beside the champion, sticky, killed, larger, stopped, promoted."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from homes import uninstalled
from loading import until
from sklearn.linear_model import LogisticRegression

import nb2prod
from nb2prod import registry
from nb2prod.cli.run import run
from nb2prod.errors import Conflict, NotFound, Refused, Unavailable, UsageError
from nb2prod.home import Home
from nb2prod.sdk import proof
from nb2prod.store import Store

RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(400, 3)), columns=["a", "b", "c"])
Y = (X["a"] + X["b"] > 0).astype(int)
ROW = {"a": 0.5, "b": 0.1, "c": 0.0}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    made = Home(tmp_path_factory.mktemp("home"))
    yield made
    uninstalled(made)


def fitted(C: float) -> Any:
    return LogisticRegression(C=C).fit(X, Y)


def registered(home: Home, model: Any, name: str = "late") -> int:
    """A version that takes no traffic, as the steps make it one by one."""
    captured = nb2prod.capture(model, name=name, data=X, labels=Y, holdout=(X, Y), home=home)
    return nb2prod.register(captured, nb2prod.verify(captured, home=home), home=home).version


@pytest.fixture(scope="module")
def live(home: Home) -> Any:
    made = nb2prod.deploy(fitted(1.0), name="late", data=X, labels=Y, holdout=(X, Y), workers=2, home=home)
    assert registered(home, fitted(0.01)) == 2
    return made


@pytest.fixture
def beside(live: Any) -> Iterator[Any]:
    """Version 2 at 30 % beside version 1."""
    live.canary(2, percent=30)
    until(lambda: live.status().canary.state == "ready")
    yield live
    if live.status().canary is not None:
        live.canary(percent=0)


def answered(url: str, ids: range) -> dict[int, str]:
    """Which version answered each id."""
    found = {}
    with httpx.Client(timeout=30) as client:
        for one in ids:
            reply = client.post(f"{url}/predict", json={"inputs": [ROW], "ids": [one]})
            assert reply.status_code == 200, reply.text
            found[one] = reply.json()["model"]
    return found


class Asking:
    """Requests without a pause until the block ends."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.statuses: list[int] = []
        self.models: Counter[str] = Counter()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Asking:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _ask(self) -> None:
        number = 0
        with httpx.Client(timeout=30) as client:
            while not self._done.is_set():
                number += 1
                reply = client.post(f"{self.url}/predict", json={"inputs": [ROW], "ids": [number]})
                self.statuses.append(reply.status_code)
                self.models[reply.json().get("model", "")] += 1


def test_the_share_is_about_right_sticky_and_grows_without_losing_anyone(beside: Any, home: Home) -> None:
    before = {one.name: one.pid for one in beside.status().workers}
    first = answered(beside.url, range(400))
    theirs = {one for one, model in first.items() if model == "late/2"}
    assert 80 < len(theirs) < 160
    assert answered(beside.url, range(100)) == {one: first[one] for one in range(100)}
    beside.canary(percent=60)
    more = {one for one, model in answered(beside.url, range(400)).items() if model == "late/2"}
    assert theirs < more
    assert 190 < len(more) < 290
    assert {one.name: one.pid for one in beside.status().workers} == before
    told = beside.status().canary
    assert (told.version, told.percent, told.not_answered) == (2, 60, 0)
    assert told.answered >= len(theirs) + len(more)
    champion = registry.champion("late", home)
    assert champion is not None
    assert champion.version == 1


def test_rows_and_labels_count_for_the_version_that_answered(beside: Any, home: Home) -> None:
    models = answered(beside.url, range(1000, 1200))
    beside.feedback([{"id": one, "label": 1} for one in models])
    theirs = Counter(models.values())

    def counted(version: int) -> tuple[int, int]:
        found = beside.performance("accuracy", version=version)
        return max((one.n for one in found), default=0), sum(
            rows for number, _, rows in Store(home).panes.versions("late") if number == version
        )

    until(lambda: counted(1)[0] >= theirs["late/1"] and counted(2)[0] >= theirs["late/2"])
    assert counted(2) == (theirs["late/2"], counted(2)[1])
    assert beside.drift(version=2)[0].rows == counted(2)[1]
    assert beside.report(version=2).as_dict()["version"] == 2
    assert beside.report().as_dict()["version"] == 1


def test_a_canary_that_is_killed_fails_no_request_and_comes_back(beside: Any, home: Home) -> None:
    program = "late.2.worker-1"
    target = beside._target
    beside.canary(percent=50)
    with Asking(beside.url) as asking:
        until(lambda: asking.models["late/2"] > 20)
        for _ in range(2):
            canary = target.store.canary("late")
            program = target.processes.run(canary).program_name(1)
            pid = target.supervisor.processes()[program].pid
            assert pid
            os.kill(pid, signal.SIGKILL)
            until(lambda: beside.status().canary.state == "ready")
            seen = asking.models["late/2"]
            until(lambda seen=seen: asking.models["late/2"] > seen + 10)
    assert set(asking.statuses) == {200}
    told = beside.status().canary
    assert told.not_answered > 0
    assert set(told.outcomes) <= {"unreachable", "failed", "busy"}


def test_a_restart_of_everything_keeps_the_canary(beside: Any) -> None:
    beside._target.shutdown()
    beside._target.ensure()
    until(lambda: beside.status().state == "live" and beside.status().canary.state == "ready")
    assert (beside.status().canary.version, beside.status().canary.percent) == (2, 30)
    until(lambda: "late/2" in answered(beside.url, range(30)).values())


def test_a_way_back_takes_back_the_canary_first_and_says_so(beside: Any) -> None:
    with pytest.warns(UserWarning, match="the canary of version 2 ended; version 1 answers everything"):
        assert beside.rollback() == 1
    assert beside.status().canary is None
    assert set(answered(beside.url, range(60)).values()) == {"late/1"}
    with pytest.raises(NotFound) as nothing:
        beside.rollback()
    assert nothing.value.code == "no-run"


def test_a_stop_ends_it_and_a_start_brings_the_champion_alone(beside: Any) -> None:
    beside.stop()
    assert beside.status().canary is None
    beside.start()
    assert beside.status().canary is None
    assert set(answered(beside.url, range(60)).values()) == {"late/1"}


def test_wrong_calls_say_what_is_off_and_change_nothing(live: Any, home: Home) -> None:
    for percent in (-1, 101, float("nan"), "ten", True):
        with pytest.raises(UsageError) as wrong:
            live.canary(2, percent=percent)
        assert wrong.value.code == "wrong-percent"
        assert wrong.value.fix == "nb2prod canary late 2 --percent 10"
    with pytest.raises(Conflict) as same:
        live.canary(1)
    assert same.value.code == "already-live"
    with pytest.raises(NotFound):
        live.canary(99)
    with pytest.raises(UsageError) as which:
        live.canary()
    assert which.value.fix == "nb2prod canary late 2 --percent 10"
    for verb in (live.promote, lambda: live.canary(percent=0)):
        with pytest.raises(NotFound) as none:
            verb()
        assert none.value.code == "no-canary"
    with pytest.raises(Unavailable) as bare:
        nb2prod.deploy(fitted(5.0), name="nobody", data=X, labels=Y, canary=10, home=home)
    assert bare.value.code == "no-champion"
    assert live.status().canary is None


def test_a_canary_whose_worker_answers_otherwise_never_gets_a_request(
    live: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    equal = proof.require_equal

    def different(replays: Any, capture: Any, *more: Any) -> None:
        if any(one.way == "first worker" for one in replays):
            raise Refused("other answers", code="answers-differ")
        equal(replays, capture, *more)

    with monkeypatch.context() as patched:
        patched.setattr(proof, "require_equal", different)
        with pytest.raises(Refused) as refused:
            live.canary(2)
    assert "version 1 goes on answering" in str(refused.value.kept)
    assert live.status().canary is None
    assert live._target.store.candidate("late") is None


def test_the_command_begins_changes_shows_and_ends_it(
    live: Any, home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NB2PROD_HOME", str(home.root))
    assert run(["canary", "late", "2", "--percent", "20"]) == 0
    out = capsys.readouterr().out
    assert "late 2 answers 20 % beside version 1 at http://127.0.0.1:" in out
    assert "nb2prod promote late" in out
    assert run(["canary", "late", "--percent", "35"]) == 0
    assert "late: version 1 · canary 2 at 35 %" in capsys.readouterr().out
    assert run(["list"]) == 0
    assert "1 · canary 2 at 35 %" in capsys.readouterr().out
    assert run(["status", "late"]) == 0
    assert "version 1 · canary 2 at 35 %: ● ready" in capsys.readouterr().out
    assert run(["canary", "late", "--json"]) == 0
    assert '"percent": 35.0' in capsys.readouterr().out
    assert run(["canary", "late", "--stop"]) == 0
    assert "the canary of version 2 ended; version 1 answers everything" in capsys.readouterr().out
    assert run(["canary", "late", "--stop"]) == 1
    assert "`late` has no canary" in capsys.readouterr().err
    assert run(["canary", "late", "2", "--percent", "0.0001", "--stop"]) == 2
    capsys.readouterr()
    assert run(["promote", "late"]) == 1


def test_a_deploy_may_begin_as_a_canary_and_is_promoted_without_a_failed_request(live: Any, home: Home) -> None:
    made = nb2prod.deploy(fitted(0.1), name="late", data=X, labels=Y, holdout=(X, Y), workers=2, canary=25, home=home)
    assert (made.outcome.version, made.outcome.canary, made.outcome.champion, made.version) == (3, 25, 1, 1)
    assert made.outcome.compared
    before = live._target.store.canary("late")
    again = nb2prod.deploy(fitted(0.1), name="late", data=X, labels=Y, holdout=(X, Y), workers=2, canary=30, home=home)
    assert (again.outcome.unchanged, again.outcome.version, again.status().canary.percent) == (True, 3, 30)
    assert live._target.store.canary("late") == before
    assert any("ready: late/3" in line or "late" in line for line in live.logs(version=3))
    with Asking(live.url) as asking:
        until(lambda: asking.models["late/3"] > 10)
        champion = live._target.store.live("late")
        live._target.start_worker("late", Path(champion.bento), None, champion.python, 1)  # by a deploy that was killed
        assert live.promote() == 3
        until(lambda: sum(asking.models.values()) and set(answered(live.url, range(20)).values()) == {"late/3"})
    assert set(asking.statuses) == {200}
    champion = registry.champion("late", home)
    assert champion is not None
    assert champion.version == live.version == 3
    assert live.status().canary is None
    assert live.rollback() == 1


def test_the_homes_agent_stops_a_canary_whose_rows_pass_a_limit_and_says_so(live: Any, home: Home) -> None:
    version = live.version
    live.add_alert("conversion below 0.5 over 30m min 30 then rollback then notify")
    live.canary(2, percent=50)
    models = answered(live.url, range(2000, 2300))
    worth = {one: float(model != "late/2") for one, model in models.items()}
    live.feedback([{"id": one, "outcomes": {"conversion": value}} for one, value in worth.items()])
    until(lambda: live.status().canary is None and any(one.done for one in live.alerts() if one.kind == "limit"), 240)
    assert live.version == version
    assert set(answered(live.url, range(3000, 3040)).values()) == {f"late/{version}"}
    (told,) = [one for one in live.alerts() if one.kind == "limit"]
    assert (told.version, told.title) == (2, "late, canary of version 2: conversion is below 0.5 over 30m")
    assert re.fullmatch(
        r'canary of version 2 stopped at \d\d:\d\d by rule "conversion below 0.5 over 30m min 30"', told.done[0]
    )
    assert ("stop", "done", "canary of version 2 stopped") in [
        (one.verb, one.state, one.said) for one in live.alert_log()
    ]


def test_a_new_deploy_ends_the_canary(live: Any, home: Home) -> None:
    live.canary(2)
    made = nb2prod.deploy(fitted(0.5), name="late", data=X, labels=Y, holdout=(X, Y), workers=2, home=home)
    assert made.status().canary is None
    assert set(answered(made.url, range(60)).values()) == {f"late/{made.version}"}
    assert made.rollback() == 1
