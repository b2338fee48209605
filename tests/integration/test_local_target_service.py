"""The packaged service on the local target: the real worker, environment and control environment."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import captures
import httpx
import pytest
from loading import Load, until

from nb2prod import environments, packaging
from nb2prod.capturing import signing
from nb2prod.home import Home
from nb2prod.lifecycle import upkeep
from nb2prod.records.capture import Capture
from nb2prod.targets.local import LocalTarget, orphans

PORT = 24080 + 40 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("homes") / "hö me 50%")


@pytest.fixture(scope="module")
def lock(home: Home) -> str:
    pins = [f"{name}=={captures.version(name)}" for name in captures.PINS]
    return environments.lock(environments.LockRequest(pins=pins), home).text


@pytest.fixture(scope="module")
def made(home: Home, lock: str) -> dict[int, Capture]:
    """Two captures of one name, different models."""
    made = {n: captures.capture(home.captures / "loans" / f"made{n}", seed=n, lock=lock) for n in (1, 2)}
    for capture in made.values():
        signing.sign(capture.folder, capture.manifest, home)
    return made


@pytest.fixture(scope="module")
def target(home: Home, made: dict[int, Capture]) -> Iterator[LocalTarget]:
    target = LocalTarget(home, first_port=PORT)
    deploy(target, made[1], 1)
    yield target
    sockets = target.sockets
    target.shutdown()
    assert orphans.find(sockets) == []


def deploy(target: LocalTarget, capture: Capture, version: int) -> None:
    bento = packaging.build(capture, home=target.home)
    python = environments.build_for(capture, target.home).python
    target.start_worker("loans", bento, None, python, 2)
    target.switch("loans", version, model_uri=f"models:/loans/{version}", proof="verified")


def load_on(target: LocalTarget, capture: Capture) -> Load:
    """Golden rows; every answer has one prediction a row, and names the version that gave it."""
    assert capture.golden is not None
    rows = list(capture.golden.rows)
    url = target.url("loans")
    return Load(url, rows, lambda said: said["model"] if len(said["predictions"]) == len(rows) else None)


def test_the_service_answers_as_the_kernel_behind_its_port(target: LocalTarget, made: dict[int, Capture]) -> None:
    golden = made[1].golden
    assert golden is not None
    reply = httpx.post(target.url("loans") + "/predict", json={"inputs": list(golden.rows)}, timeout=30)
    assert reply.status_code == 200
    assert reply.json()["model"] == "loans/1"
    assert reply.json()["predictions"] == list(golden.batch.predictions)


def test_status_has_workers_uri_bento_and_what_was_served(target: LocalTarget, made: dict[int, Capture]) -> None:
    until(lambda: all(worker.state == "ready" for worker in target.status("loans").workers))
    until(lambda: (target.status("loans").requests or 0) > 0)
    status = target.status("loans")
    assert (status.state, status.version, status.model_uri, status.proof) == ("live", 1, "models:/loans/1", "verified")
    assert status.bento
    assert Path(status.bento).name == made[1].digest[:12]
    assert all(worker.pid for worker in status.workers)
    assert status.p50_ms is not None
    assert status.errors == 0


def test_the_gateways_metrics_are_the_sum_over_the_workers(target: LocalTarget) -> None:
    def served() -> int:
        return target.status("loans").requests or 0

    before = served()
    for _ in range(20):
        httpx.get(target.url("loans") + "/schema", timeout=10).raise_for_status()
    until(lambda: served() >= before + 20 or "schema" not in httpx.get(target.url("loans") + "/metrics").text)
    assert "nb2prod_requests_total" in httpx.get(target.url("loans") + "/metrics", timeout=10).text


def test_version_2_replaces_version_1_under_load_and_a_killed_worker_fails_nothing(
    target: LocalTarget, made: dict[int, Capture]
) -> None:
    with load_on(target, made[1]) as load:
        deploy(target, made[2], 2)
        until(lambda: load.answers[-1] == "loans/2")
        until(lambda: all(worker.state == "ready" for worker in target.status("loans").workers))
        victim = target.status("loans").workers[0].pid
        assert victim
        os.kill(victim, signal.SIGKILL)
        until(lambda: all(w.state == "ready" and w.pid != victim for w in target.status("loans").workers))
        seen = len(load.answers)
        until(lambda: len(load.answers) > seen + 20)
    assert load.lost(kills=1) == []
    assert set(load.answers) == {"loans/1", "loans/2"}


def test_a_body_past_the_limit_is_a_problem_however_it_is_sent(target: LocalTarget) -> None:
    for content in (b" " * (11 * 2**20), (b" " * 2**20 for _ in range(11))):
        reply = httpx.post(target.url("loans") + "/predict", content=content, timeout=30)
        assert (reply.status_code, reply.headers["content-type"]) == (413, "application/problem+json")
    assert httpx.get(target.url("loans") + "/readyz", timeout=5).status_code == 200


def test_prune_keeps_what_runs_and_its_environment(target: LocalTarget) -> None:
    status = target.status("loans")
    pruned = upkeep.prune(target.home, dry_run=True, keep=1, target=target)
    assert status.bento
    assert not [one for one in pruned.freed if one.kind == "bento" and Path(status.bento).name in one.what]
    live = target.store.live("loans")
    assert live
    assert not [one for one in pruned.freed if one.kind == "cache" and one.what in live.python]
