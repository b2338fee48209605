"""Several agents on one store: each deployment is evaluated and acted for by one of them."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import postgres
import pytest
from alerting import Feed, after, beside, deploy
from receivers import webhook

from nb2prod.agent.duty import Duty
from nb2prod.home import Home
from nb2prod.lifecycle.acting import Actor
from nb2prod.lifecycle.destinations import Destinations
from nb2prod.records.alerts import Alert
from nb2prod.records.base import read
from nb2prod.records.serving import ServiceSettings
from nb2prod.store import Store
from nb2prod.targets.local import LocalTarget
from nb2prod.targets.local.canary import Canary
from nb2prod.targets.local.traffic import Pulse as Sums

AGENT = """
import sys, time
from nb2prod.agent.duty import Duty
from nb2prod.home import Home
from nb2prod.store import Store
from nb2prod.targets.local import LocalTarget
from nb2prod.targets.local.canary import Canary
from nb2prod.targets.local.traffic import Pulse as Sums
from alerting import after
home = Home(sys.argv[1], sys.argv[2])
duty = Duty(home, Store(home, sys.argv[3]))
sys.stdout.write("ready\\n"); sys.stdout.flush(); sys.stdin.readline()
for minute in range(0, 31):
    duty.turn(after(minute), ("delays",))
sys.stdout.write("done\\n"); sys.stdout.flush(); sys.stdin.readline()
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'one.db'}"
        return
    with postgres.server() as server, postgres.database(server) as database:
        yield database


@pytest.fixture
def hook() -> Iterator[Any]:
    with webhook() as server:
        yield server


def test_two_agents_on_one_store_act_once(url: str, tmp_path: Path, hook: Any) -> None:
    homes = [Home(tmp_path / name, tmp_path / "cache") for name in ("one", "two")]
    store = Store(homes[0], url)
    deploy(store)
    for section in (store.alerts, store.actions, store.leases, store.increments):
        assert section.database is store.database
    for home in homes:
        Destinations(home).add(hook.url)
    feed = Feed(store)
    for minute in range(30):
        feed.minute(minute, shift=1.0)
    agents = [_agent(home, url, tmp_path) for home in homes]
    try:
        for agent in agents:
            assert agent.stdout.readline() == b"ready\n"
        for agent in agents:
            _go_on(agent)
        for agent in agents:
            assert agent.stdout.readline() == b"done\n"
    finally:
        for agent in agents:
            agent.kill()
            agent.communicate()
    assert len(store.alerts.all("delays")) == 1
    assert len(hook.heard) == 1
    store.database.engine.dispose()


def _agent(home: Home, url: str, folder: Path) -> Any:
    command = [sys.executable, "-c", AGENT, str(home.root), str(folder / "cache"), url]
    tests = str(Path(__file__).parents[2])
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tests)


def _go_on(agent: Any) -> None:
    agent.stdin.write(b"\n")
    agent.stdin.flush()


class Desk:
    def __init__(self, home: Home) -> None:
        self.store = Store(home)
        self.rolled: list[int] = []
        self.stopped: list[int] = []
        self.duty = Duty(home, self.store, actor=Actor(home, self.store, self._roll_back, self._stop))

    def _roll_back(self, name: str, version: int) -> int:
        self.rolled.append(version)
        return version - 1

    def _stop(self, name: str, version: int) -> bool:
        self.stopped.append(version)
        self.store.deployments.end_canary(name)
        return True


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(Home(tmp_path / "home", tmp_path / "cache"))
    deploy(made.store, versions=2)
    return made


def test_a_limit_that_asks_for_it_rolls_the_version_back(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.store.alerts.declare("delays", [Alert("conversion", below=0.5, over="1h", then=("rollback",))])
    feed = Feed(desk.store, version=2)
    for minute in range(20):
        feed.minute(minute)
        feed.outcome(minute, np.zeros(50))
    desk.duty.turn(after(20))
    desk.duty.turn(after(21))
    assert desk.rolled == [2]
    (one,) = [record for record in desk.store.alerts.all("delays") if record.kind == "limit"]
    assert one.done == ("rolled back from version 2 to 1 by conversion below 0.5 over 1h",)


def test_a_limit_that_a_canary_passes_stops_it_and_leaves_the_champion(desk: Desk) -> None:
    desk.store.alerts.declare("delays", [Alert("conversion", below=0.5, over="1h", then=("stop canary", "notify"))])
    beside(desk.store, 3)
    champion, canary = Feed(desk.store, version=2), Feed(desk.store, version=3, source="c")
    for minute in range(20):
        for feed, worth in ((champion, 1.0), (canary, 0.0)):
            feed.minute(minute)
            feed.outcome(minute, np.full(50, worth))
    desk.duty.turn(after(20))
    assert (desk.stopped, desk.rolled) == ([3], [])
    (one,) = [record for record in desk.store.alerts.all("delays") if record.kind == "limit"]
    assert one.version == 3
    assert one.title == "delays, canary of version 3: conversion is below 0.5 over 1h"
    assert re.fullmatch(r'canary of version 3 stopped at 12:2\d by rule "conversion below 0.5 over 1h"', one.done[0])
    desk.duty.turn(after(21))
    (one,) = [record for record in desk.store.alerts.all("delays") if record.kind == "limit"]
    assert one.ended is not None
    (gone,) = one.done[1:]
    assert gone.startswith("version 3 takes no traffic any more, version 2 does: conversion is 1 (")
    assert gone.endswith("there, inside this limit")
    assert desk.stopped == [3]


def test_requests_that_a_canary_does_not_answer_are_its_own_availability(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.store.alerts.declare("delays", [Alert("availability", below=0.99, over="1h", then=("rollback",))])
    beside(desk.store, 3)
    champion, canary = Feed(desk.store, version=2), Feed(desk.store, version=3, source="c")
    asked = iter(range(0, 100_000, 500))

    def seen(target: Any, name: str, slow_ms: Any = None) -> tuple[int, Sums]:
        return 2, Sums(next(asked), 0, 0)

    monkeypatch.setattr(LocalTarget, "pulse", seen)
    monkeypatch.setattr(Canary, "pulse", lambda *_: (3, Sums(n := next(asked), n // 2, 0)))
    for minute in range(10):
        champion.minute(minute)
        canary.minute(minute)
        desk.duty.turn(after(minute))
    assert (desk.stopped, desk.rolled) == ([3], [])


def test_a_deployment_that_fails_does_not_stop_the_others(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(desk.store, "churn")
    turn: Callable[..., Any] = desk.duty._evaluator.turn
    turned: list[str] = []

    def failing(name: str, *given: Any, **more: Any) -> Any:
        if name == "churn":
            raise RuntimeError
        turned.append(name)
        return turn(name, *given, **more)

    monkeypatch.setattr(desk.duty._evaluator, "turn", failing)
    desk.duty.turn(time.time())
    assert turned == ["delays"]


def test_what_another_agent_holds_is_left_alone_until_it_lets_go(desk: Desk) -> None:
    assert desk.store.leases.take("delays", "another", 600)
    feed = Feed(desk.store, version=2)
    for minute in range(20):
        feed.minute(minute, shift=1.0)
    desk.duty.turn(after(20))
    assert desk.store.alerts.all("delays") == ()
    desk.store.leases.release("another")
    desk.duty.turn(after(20))
    assert len(desk.store.alerts.all("delays")) == 1


def test_a_version_that_takes_over_has_none_of_the_figures_of_the_one_before(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", tmp_path / "cache")
    store = Store(home)
    deploy(store)
    store.alerts.declare("delays", [Alert("refunds", above=0.5, over="7d", min_count=10)])
    feed, duty = Feed(store), Duty(home, store)
    feed.minute(1)
    feed.outcome(1, np.zeros(50), "refunds")
    duty.turn(after(1))
    figures = home.root / "figures" / "delays.prom"
    assert "nb2prod_alert_value{" in figures.read_text()
    deploy(store)
    duty.turn(after(1) + 5)
    assert "nb2prod_alert_value{" not in figures.read_text()


def test_figures_for_prometheus_are_written_and_the_service_is_told_where(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", tmp_path / "cache")
    store = Store(home)
    deploy(store)
    folder = home.deployment("delays") / "run-1"
    folder.mkdir(parents=True)
    told = ServiceSettings(name="delays", version=1, traffic=True)
    (folder / "service.json").write_bytes(msgspec.json.encode(told))
    feed, duty = Feed(store), Duty(home, store)
    for minute in range(3):
        feed.minute(minute)
    duty.turn(after(3))
    path = read(folder / "service.json", ServiceSettings).figures
    assert path is not None
    first = Path(path).read_text()
    assert 'nb2prod_drift_effect{deployment="delays",feature="age"}' in first
    (folder / "service.json").write_bytes(msgspec.json.encode(told))  # as a run that starts anew has it
    duty.turn(after(3) + 5)
    assert read(folder / "service.json", ServiceSettings).figures == path
    assert Path(path).read_text() == first
    duty.turn(after(5))
    assert Path(path).read_text() != first
    beside(store, 2, percent=15)  # by a verb that was cut off
    duty.turn(after(6))
    share = read(folder / "service.json", ServiceSettings).canary
    assert share is not None
    assert (share.version, share.percent) == (2, 15)
    duty.close()
