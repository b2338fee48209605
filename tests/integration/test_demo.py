"""`nb2prod demo --json`: the whole main job, in a home of its own that is gone afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

DEADLINE = 280


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(folder), "NB2PROD_HOME": str(folder / "users-own")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def found(folder: Path) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "nb2prod", "demo", "--json"],
        capture_output=True,
        text=True,
        env=environment(folder),
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_it_prints_one_document_of_these_keys(found: Any) -> None:
    keys = ["url", "name", "version", "requests", "p50_ms", "p99_ms", "drifted", "auc", "late_share", "verified"]
    assert list(found) == keys
    assert found["verified"] is True
    assert 2500 <= found["requests"] <= 3300


def test_the_months_are_the_years_rest(found: Any) -> None:
    months = [f"2013-{month:02d}" for month in range(4, 13)]
    assert list(found["auc"]) == months
    assert list(found["late_share"]) == months
    assert all(0.55 < value < 0.75 for value in found["auc"].values())
    assert all(0 < share["predicted"] < 1 and 0 < share["realised"] < 1 for share in found["late_share"].values())


def test_drift_is_named_with_its_month_and_not_for_every_column(found: Any) -> None:
    since = {item["feature"]: item["since"] for item in found["drifted"]}
    assert "temp" in since
    assert since["temp"] in ("2013-04", "2013-05", "2013-06")
    assert len(since) < 14


def test_its_home_is_gone_and_nothing_runs(found: Any, folder: Path) -> None:
    assert list(folder.glob("nb2prod-demo-*")) == []
    assert running(folder) == []


def test_a_term_signal_in_the_middle_cleans_up_too(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "nb2prod", "demo"],
        env=environment(tmp_path),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: list(tmp_path.glob("nb2prod-demo-*/captures/*")), process)
    process.send_signal(signal.SIGTERM)
    # Python ends by SIGINT itself where the exception passed through `exec` of a text; a shell calls both 130
    assert process.wait(timeout=60) in (130, -signal.SIGINT)
    assert list(tmp_path.glob("nb2prod-demo-*")) == []
    assert running(tmp_path) == []


def running(folder: Path) -> list[str]:
    lines = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    return [line for line in lines if str(folder) in line]


def until(condition: Any, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, "the demo ended before it could be stopped"
        assert time.monotonic() < deadline
        time.sleep(0.05)
