"""Each check of doctor is made to fail, and mended where it can be."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sys
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import captures
import pytest

from nb2prod import registry
from nb2prod.home import Home
from nb2prod.lifecycle import upkeep
from nb2prod.lifecycle.services import Service, Services
from nb2prod.lifecycle.upkeep.checks import machine, outside
from nb2prod.store import Store
from nb2prod.targets.local import LocalTarget, ports

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return Home(tmp_path / "home", tmp_path / "cache")


class Target(LocalTarget):
    """The home's target whose verbs are noted instead of done."""

    def __init__(self, home: Home) -> None:
        super().__init__(home, control=Path(sys.executable))
        self.done: list[str] = []
        self.left: list[int] = []
        self.state = "live"

    def move(self, name: str) -> int:
        self.done.append(f"move {name}")
        return 0

    def ensure(self) -> None:
        self.done.append("ensure")

    def settle(self) -> None:
        self.done.append("settle")

    def discard(self, name: str) -> None:
        self.done.append(f"discard {name}")

    def leftover_processes(self) -> list[int]:
        return self.left

    def status(self, name: str) -> Any:
        return SimpleNamespace(state=self.state, reason="worker-1 ended.")


@pytest.fixture
def target(home: Home) -> Target:
    return Target(home)


def found(home: Home, code: str, *, fix: bool = False, target: LocalTarget | None = None) -> tuple[str, str, str]:
    """State, text and fix of one check."""
    (one,) = [one for one in upkeep.doctor(home, fix=fix, target=target) if one.code == code]
    return one.state, one.text, one.fix


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test asks the network."""
    monkeypatch.setattr(outside, "_answers", lambda host, port: True)
    monkeypatch.setattr(registry, "reachable", lambda home: True)


def deployed(home: Home, port: int, *, version: int | None = 1) -> None:
    store = Store(home).deployments
    store.create("delays", port=port)
    run = store.add_run("delays", bento="/b", python="/p/bin/python", workers=1, capture="a" * 64).run
    if version is not None:
        store.change_run("delays", run, version=version)
        store.switch("delays", run)


def test_a_python_newer_than_any_that_was_tested_is_a_warning(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "NEWEST", (3, 10))
    assert found(home, "python")[0::2] == ("warn", "uv venv --python 3.13")


def test_another_system_is_bad(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Windows")
    assert found(home, "python")[0] == "bad"


@pytest.mark.parametrize(("free", "state"), [(2**20, "bad"), (2**29, "warn")])
def test_little_room_is_named_with_a_way_out(
    free: int, state: str, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(2**40, 2**40, free))
    home.cache = home.root
    said, _, fix = found(home, "disk")
    assert said == state
    assert fix.startswith("export NB2PROD_HOME=")


def test_a_home_past_its_cap_is_to_be_pruned(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(2**40, 0, 2**40))
    monkeypatch.setattr(machine, "HOME_CAP", 1)
    assert found(home, "disk")[0::2] == ("bad", "nb2prod prune --keep 2")


def test_a_service_elsewhere_that_nobody_pulls_is_named_and_its_agent_started(home: Home, target: Target) -> None:
    assert found(home, "elsewhere", target=target)[0] == "ok"
    Services(home)._write([Service(url="http://10.0.0.5:3000", outbox="o")])
    state, text, fix = found(home, "elsewhere", target=target)
    assert (state, fix) == ("bad", "nb2prod doctor --fix")
    assert text == "http://10.0.0.5:3000 is not watched: no agent runs."
    assert found(home, "elsewhere", fix=True, target=target)[0] == "mended"
    assert target.done == ["settle"]
    with home.lock("agent"):
        assert found(home, "elsewhere")[:2] == ("warn", "http://10.0.0.5:3000 is not pulled yet.")


def test_a_taken_port_is_named_and_the_deployment_moved(home: Home, target: Target) -> None:
    with socket.socket() as other:
        other.bind((ports.HOST, 0))
        other.listen()
        deployed(home, other.getsockname()[1])
        state, text, _ = found(home, "ports", target=target)
        assert state == "bad"
        assert str(os.getpid()) in text
        assert found(home, "ports", target=target, fix=True)[0] == "mended"
    assert target.done == ["move delays"]


def test_what_should_run_and_does_not_is_brought_up(home: Home, target: Target) -> None:
    deployed(home, 0)
    target.state = "failed"
    assert found(home, "processes", target=target)[0] == "bad"
    assert found(home, "processes", target=target, fix=True)[0] == "mended"
    assert target.done == ["ensure"]


def test_processes_that_no_deployment_needs_are_ended(home: Home, target: Target) -> None:
    target.left = [4711]
    assert found(home, "processes", target=target)[0] == "bad"
    assert found(home, "processes", target=target, fix=True)[0] == "mended"
    assert target.done == ["ensure"]


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Nothing is told of indexes, and none answers."""
    for name in [name for name in os.environ if name.startswith(("UV_", "PIP_")) or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setattr(outside, "_answers", lambda host, port: False)
    return monkeypatch


@pytest.mark.parametrize(
    ("told", "where", "fix"),
    [
        ({}, "pypi.org:443", "pip config list "),
        ({"PIP_INDEX_URL": "http://127.0.0.1:7/simple"}, "127.0.0.1:7", "unset PIP_INDEX_URL "),
        ({"UV_INDEX_URL": "http://me:secret@127.0.0.1:9/simple"}, "127.0.0.1:9", "unset UV_INDEX_URL "),
        (
            {"UV_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_INDEX_URL": "http://127.0.0.1:7/simple"},
            "127.0.0.1:9",
            "unset UV_INDEX_URL ",
        ),
        (
            {"UV_DEFAULT_INDEX": "http://index.invalid/simple", "UV_INDEX_URL": "http://127.0.0.1:9/simple"},
            "index.invalid:80",
            "unset UV_DEFAULT_INDEX ",
        ),
        (
            {"UV_INDEX": "mine=http://127.0.0.1:9/simple", "UV_DEFAULT_INDEX": "file:///nowhere"},
            "127.0.0.1:9",
            "unset UV_INDEX ",
        ),
        ({"HTTPS_PROXY": "http://127.0.0.1:3"}, "127.0.0.1:3", "unset HTTPS_PROXY "),
    ],
)
def test_an_index_that_does_not_answer_is_named_with_the_variable_that_leads_there(
    told: dict[str, str], where: str, fix: str, home: Home, silent: pytest.MonkeyPatch
) -> None:
    for name, value in told.items():
        silent.setenv(name, value)
    state, text, line = found(home, "index")
    assert state == "warn"
    assert text.startswith(f"{where} does not answer")
    assert line.startswith(fix)


def test_uv_that_is_kept_from_the_network_is_said(home: Home, silent: pytest.MonkeyPatch) -> None:
    silent.setenv("UV_OFFLINE", "1")
    state, text, fix = found(home, "index")
    assert state == "warn"
    assert text.startswith("UV_OFFLINE keeps uv from the network")
    assert fix.startswith("unset UV_OFFLINE ")


def test_a_torn_place_goes_where_nothing_runs(home: Home, target: Target) -> None:
    assert found(home, "place", target=target)[::2] == ("ok", "")
    home.local.mkdir()
    (home.local / "place.json").write_text('{"sock')
    assert found(home, "place", target=target)[::2] == ("warn", "nb2prod doctor --fix")
    assert found(home, "place", target=target, fix=True)[0] == "mended"
    assert not (home.local / "place.json").exists()


def test_a_registry_that_does_not_answer_is_shown_without_its_password(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "reachable", lambda home: False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:secret@127.0.0.1:9")
    state, text, fix = found(home, "registry")
    assert state == "bad"
    assert "secret" not in text
    assert fix.startswith("unset MLFLOW_TRACKING_URI")


def test_a_champion_that_takes_no_traffic_follows_the_store(
    home: Home, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(home, 0, version=2)
    named = {"delays": 1}
    monkeypatch.setattr(registry, "champion", lambda name, home: SimpleNamespace(version=named[name]))
    monkeypatch.setattr(registry, "set_champion", lambda name, version, home: named.update({name: version}))
    assert found(home, "champion", target=target)[0] == "bad"
    assert found(home, "champion", target=target, fix=True)[0] == "mended"
    assert named == {"delays": 2}
    assert found(home, "champion", target=target)[0] == "ok"


def test_a_run_that_never_took_traffic_is_given_up(home: Home, target: Target) -> None:
    deployed(home, 0, version=None)
    assert found(home, "leftovers", target=target)[0] == "warn"
    assert found(home, "leftovers", target=target, fix=True)[0] == "mended"
    assert target.done == ["discard delays"]


def test_bytes_are_said_by_kind(home: Home) -> None:
    home.captures.mkdir()
    (home.captures / "x").write_bytes(b"x" * 2**21)
    assert found(home, "bytes") == ("ok", "captures 2 MB", "")


def test_a_damaged_capture_is_fetched_again_from_the_registry(home: Home) -> None:
    made = captures.capture(home.captures / "made")
    registry.register(made, captures.proof(made), home=home)
    folder = home.captures / made.digest[:12]
    registry.fetch("loans", 1, home)
    assert found(home, "captures")[0] == "ok"
    damaged = next(path for path in sorted((folder / "model").rglob("*")) if path.is_file())
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"~")
    state, text, fix = found(home, "captures")
    assert (state, fix) == ("bad", "nb2prod doctor --fix")
    assert str(folder) in text
    assert damaged.name in text
    assert found(home, "captures", fix=True)[0] == "mended"
    assert found(home, "captures")[0] == "ok"
    assert registry.fetch("loans", 1, home).digest == made.digest


def test_a_damaged_capture_that_nobody_registered_is_put_aside(home: Home) -> None:
    made = captures.capture(home.captures / "made")
    folder = made.folder.rename(home.captures / made.digest[:12])
    (folder / "capture.json").unlink()
    assert found(home, "captures", fix=True)[0] == "mended"
    assert not folder.exists()
    assert (home.captures / f".gone-{folder.name}").is_dir()
