from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
from spooling import NOON, SIGNATURE, answers, baseline, rows

from nb2prod.agent.loop import Agent
from nb2prod.home import Home
from nb2prod.records.serving import ServiceSettings
from nb2prod.runtime.recorder import SpoolRecorder
from nb2prod.store import Store


def wait_for(condition, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def service(home: Home) -> SpoolRecorder:
    folder = home.deployment("delays") / "run-1"
    (folder / "spool").mkdir(parents=True)
    settings = ServiceSettings(name="delays", version=1, traffic=True, spool=str(folder / "spool"))
    (folder / "service.json").write_bytes(msgspec.json.encode(settings))
    return SpoolRecorder(folder / "spool", name="delays", baseline=baseline(), signature=SIGNATURE, rotate=0.0)


def total(store: Store) -> int:
    return sum(rows for _, _, rows in store.panes.versions("delays"))


def test_a_turn_that_fails_is_tried_again(tmp_path: Path, monkeypatch) -> None:
    home = Home(tmp_path / "home", tmp_path / "cache")
    agent, stop, turns = Agent(home, Store(home)), threading.Event(), []

    def turn() -> None:
        turns.append(1)
        if len(turns) == 3:
            stop.set()
        raise RuntimeError

    monkeypatch.setattr(agent, "turn", turn)
    agent.run(stop, every=0.0)
    assert len(turns) == 3


def test_one_agent_a_home_and_a_killed_one_is_followed_without_double_counting(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", tmp_path / "cache")
    store, recorder = Store(home), service(home)
    command = [sys.executable, "-m", "nb2prod.agent", "--home", str(home.root)]
    first = subprocess.Popen(command, env={**os.environ, "NB2PROD_CACHE": str(home.cache)}, stderr=subprocess.PIPE)
    second = None
    try:
        for number in range(20):
            recorder.record(rows(2), answers(2), request_id=str(number), ids=None, times=None, version=1, arrived=NOON)
        wait_for(lambda: total(store) > 0)
        refused = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert refused.returncode == 1
        assert "another agent" in refused.stderr
        for number in range(20, 40):
            recorder.record(rows(2), answers(2), request_id=str(number), ids=None, times=None, version=1, arrived=NOON)
        first.kill()
        second = subprocess.Popen(command)
        wait_for(lambda: total(store) == 80)
        second.send_signal(signal.SIGTERM)
        assert second.wait(timeout=30) == 0
        assert recorder.metrics()["rows_accepted_total"] == 80
    finally:
        for process in (first, second):
            if process is not None:
                process.kill()
                process.communicate()
        recorder.close()
