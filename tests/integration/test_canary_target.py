"""The local target's side of a canary: who runs, who is told what, and what a kill between two steps leaves."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import pytest
from loading import until
from test_local_target import Bench, bench, load_on

from nb2prod.errors import Failed
from nb2prod.lifecycle.upkeep import prune
from nb2prod.records.base import read
from nb2prod.records.serving import CanaryShare, ServiceSettings
from nb2prod.store.deployments import Deployments, RunRow
from nb2prod.targets.local.supervisor import Supervisor

__all__ = ["bench"]
NAME = "delays"


def start(bench: Bench, version: int, percent: float = 10, **extra: str) -> None:
    bench.target.start_worker(NAME, bench.bento(f"{NAME}-{version}", **extra), None, sys.executable, 2)
    bench.target.canary.begin(NAME, version, percent)


def told(bench: Bench, row: RunRow | None) -> ServiceSettings:
    assert row is not None
    return read(bench.target.processes.run(row).service, ServiceSettings)


def share(bench: Bench) -> tuple[int, float] | None:
    """What the service that takes the traffic has been told."""
    found = told(bench, bench.target.store.live(NAME)).canary
    return None if found is None else (found.version, found.percent)


def programs(bench: Bench) -> set[str]:
    return {one.program for one in bench.processes() if one.program.startswith(NAME)}


@pytest.fixture
def live(bench: Bench) -> Bench:
    bench.deploy(3)
    until(bench.all_ready)
    return bench


def test_a_canary_runs_beside_the_champion_which_is_told_its_socket_and_share(live: Bench) -> None:
    start(live, 4)
    canary = live.target.store.canary(NAME)
    assert canary is not None
    socket = str(live.target.processes.run(canary).socket(1))
    assert told(live, live.target.store.live(NAME)).canary == CanaryShare(version=4, socket=socket, percent=10)
    assert (told(live, canary).version, told(live, canary).traffic, told(live, canary).canary) == (4, True, None)
    assert programs(live) == {"delays.1.worker-1", "delays.1.worker-2", "delays.2.worker-1"}
    status = live.target.status(NAME)
    assert (status.version, status.state) == (3, "live")
    assert status.canary is not None
    assert (status.canary.version, status.canary.percent, status.canary.state) == (4, 10, "ready")
    assert live.ask()["version"] == 3


def test_the_share_changes_without_a_restart_and_ends_with_its_process(live: Bench) -> None:
    start(live, 4)
    before = {one.program: one.pid for one in live.processes()}
    live.target.canary.share(NAME, 55.5)
    assert share(live) == (4, 55.5)
    assert {one.program: one.pid for one in live.processes()} == before
    assert live.target.canary.end(NAME) == 4
    assert share(live) is None
    assert programs(live) == {"delays.1.worker-1", "delays.1.worker-2"}
    assert live.target.canary.end(NAME) is None
    assert "canary" not in live.target.store.get(NAME).settings
    assert live.target.store.before(NAME, 9) is None  # it never had the traffic: nothing goes back to it


def test_another_canary_takes_the_place_of_the_first(live: Bench) -> None:
    start(live, 4)
    start(live, 5, 30)
    assert share(live) == (5, 30)
    until(lambda: programs(live) == {"delays.1.worker-1", "delays.1.worker-2", "delays.3.worker-1"})


def test_promotion_is_a_switch_that_fails_no_request_and_has_all_workers(live: Bench) -> None:
    start(live, 4)
    with load_on(live) as load:
        assert live.target.switch(NAME, 4) == 3
        assert live.ask()["version"] == 4
        until(live.all_ready)
        until(lambda: load.answers[-1] == "delays-4")
    assert load.lost(kills=0) == []
    assert (share(live), live.target.store.canary(NAME)) == (None, None)
    until(lambda: programs(live) == {"delays.2.worker-1", "delays.2.worker-2"})
    assert live.target.store.before(NAME, 4) == 3


def test_a_new_deploy_and_a_way_back_end_the_canary(live: Bench) -> None:
    start(live, 4)
    live.deploy(5)
    assert (share(live), live.target.store.canary(NAME)) == (None, None)
    until(lambda: programs(live) == {"delays.3.worker-1", "delays.3.worker-2"})
    start(live, 6)
    live.target.switch(NAME, 3)
    assert live.ask()["version"] == 3
    assert share(live) is None
    until(lambda: programs(live) == {"delays.1.worker-1", "delays.1.worker-2"})


def test_a_deploy_that_does_not_start_leaves_the_canary(live: Bench) -> None:
    start(live, 4)
    with pytest.raises(Failed):
        live.deploy(5, crash="no")
    assert share(live) == (4, 10)
    assert "delays.2.worker-1" in programs(live)


def test_a_switch_that_the_gateway_refuses_leaves_champion_and_canary(
    live: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(live, 4, 25)

    def refused(*_: Any) -> None:
        raise Failed("no", code="gateway")

    with monkeypatch.context() as patched:
        patched.setattr(live.target.processes, "route", refused)
        with pytest.raises(Failed):
            live.target.switch(NAME, 4)
    assert live.ask()["version"] == 3
    assert share(live) == (4, 25)
    canary = live.target.store.canary(NAME)
    assert told(live, canary).traffic
    live.target.ensure()
    assert "delays.2.worker-1" in programs(live)


def test_a_dead_canary_is_not_promoted(live: Bench) -> None:
    start(live, 4)
    canary = live.target.store.canary(NAME)
    assert canary is not None
    (live.bentos / "delays-4" / "crash").write_text("no")
    os.kill(live.pid_of("delays.2.worker-1"), signal.SIGKILL)
    with pytest.raises(Failed):
        live.target.switch(NAME, 4)
    assert live.ask()["version"] == 3
    assert share(live) == (4, 10)


def test_stop_ends_the_canary_and_start_brings_the_champion_alone(live: Bench) -> None:
    start(live, 4)
    live.target.stop(NAME)
    assert live.processes() == []
    live.target.start(NAME)
    assert (share(live), live.target.store.canary(NAME)) == (None, None)
    assert live.ask()["version"] == 3


def test_remove_leaves_nothing_of_it(live: Bench) -> None:
    start(live, 4)
    live.target.remove(NAME)
    assert live.processes() == []
    assert not live.home.deployment(NAME).exists()


def test_after_a_restart_of_the_machine_the_canary_is_there_again(live: Bench) -> None:
    start(live, 4, 40)
    live.target.shutdown()
    assert live.processes() == []
    again = live.again()
    again.ensure()
    until(lambda: (found := again.status(NAME).canary) is not None and found.state == "ready")
    assert share(live) == (4, 40)


def test_a_killed_canary_starts_again(live: Bench) -> None:
    start(live, 4)
    old = live.pid_of("delays.2.worker-1")
    os.kill(old, signal.SIGKILL)
    until(lambda: (found := live.target.status(NAME).canary) is not None and found.state == "ready")
    assert live.pid_of("delays.2.worker-1") != old


STEPS = [
    (Deployments, "begin_canary", False),
    (Supervisor, "apply", True),
]


@pytest.mark.parametrize(("room", "step", "begun"), STEPS)
def test_a_begin_that_is_cut_off_is_completed_or_taken_back_by_the_next_call(
    live: Bench, monkeypatch: pytest.MonkeyPatch, room: type, step: str, begun: bool
) -> None:
    live.target.start_worker(NAME, live.bento("delays-4"), None, sys.executable, 2)
    with monkeypatch.context() as patched:
        patched.setattr(room, step, _killed)
        with pytest.raises(SystemExit):
            live.target.canary.begin(NAME, 4, 10)
    again = live.again()
    again.discard(NAME)
    again.ensure()
    assert (share(live) is not None) is begun
    until(lambda: ("delays.2.worker-1" in programs(live)) is begun)
    assert live.ask()["version"] == 3


@pytest.mark.parametrize("step", ["tell_share", "reconcile"])
def test_an_end_that_is_cut_off_is_completed_by_the_next_call(
    live: Bench, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    start(live, 4)
    with monkeypatch.context() as patched:
        patched.setattr(type(live.target.processes), step, _killed)
        with pytest.raises(SystemExit):
            live.target.canary.end(NAME)
    live.again().ensure()
    assert share(live) is None
    until(lambda: programs(live) == {"delays.1.worker-1", "delays.1.worker-2"})


def test_a_promotion_that_is_cut_off_after_the_store_is_completed_by_the_next_call(
    live: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(live, 4)
    with monkeypatch.context() as patched:
        patched.setattr(type(live.target.processes), "route", _killed)
        with pytest.raises(SystemExit):
            live.target.switch(NAME, 4)
    live.again().ensure()
    assert live.ask()["version"] == 4
    assert share(live) is None
    until(lambda: programs(live) == {"delays.2.worker-1", "delays.2.worker-2"})


def test_prune_keeps_what_a_canary_needs(live: Bench) -> None:
    start(live, 4)
    freed = prune(live.home, dry_run=True, keep=1, target=live.target).freed
    assert not [one for one in freed if one.kind == "run"]


def _killed(*_: Any, **__: Any) -> Any:
    raise SystemExit
