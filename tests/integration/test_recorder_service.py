"""From a real service to verdicts: through the home's collector, and pulled from services that count for themselves."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import alerting
import httpx
import numpy as np
import pandas as pd
import pytest
import receivers
from prometheus_client.parser import text_string_to_metric_families
from sklearn.linear_model import LogisticRegression

from nb2prod import monitoring
from nb2prod.baseline import Baseline
from nb2prod.home import Home
from nb2prod.lifecycle.destinations import Destinations
from nb2prod.monitoring import Collector
from nb2prod.monitoring.remote import Remote
from nb2prod.packaging import build
from nb2prod.records.base import read, to_json
from nb2prod.records.capture import Capture, CaptureRecord, Column, Manifest, Output, Signature
from nb2prod.records.serving import ServiceSettings
from nb2prod.runtime import manifest, ring
from nb2prod.sdk import limits
from nb2prod.sdk.deployment import Deployment
from nb2prod.sdk.wish import Limits
from nb2prod.store import Store

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from runtime import captures

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame({"a": RNG.normal(size=2000), "b": RNG.normal(size=2000)})
LATE = (RNG.random(2000) < 1 / (1 + np.exp(-2 * FRAME["a"]))).astype(int)
MODEL = LogisticRegression().fit(FRAME, LATE)
SIGNATURE = Signature(
    columns=tuple(Column(name=name, kind="number", dtype="float64") for name in FRAME),
    output=Output(kind="class", dtype="int64", classes=(0, 1), probabilities=True),
)


@pytest.fixture(scope="module")
def bento(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = captures.write(tmp_path_factory.mktemp("capture"), MODEL, SIGNATURE, name="delays")
    Baseline.from_frame(FRAME, scores=MODEL.predict_proba(FRAME), labels=LATE).save(folder / "baseline")
    manifest.write(folder)
    record, checked = read(folder / "capture.json", CaptureRecord), read(folder / "manifest.json", Manifest)
    home = Home(tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("cache"))
    return Path(build(Capture(folder, record, checked), home=home).folder)


def until(ready: Callable[[], Any], seconds: float = 120.0) -> Any:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if found := ready():
                return found
        except (httpx.TransportError, OSError):
            pass
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


@contextmanager
def serving(bento: Path, log: Path, **environment: str) -> Iterator[tuple[httpx.Client, subprocess.Popen[bytes]]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "nb2prod.runtime.worker", "--bento", str(bento), "--port", str(port)]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("NB2PROD")}
    with log.open("wb") as file:
        told = kept | {"PYTHONPATH": str(bento / "src")} | environment
        process = subprocess.Popen(command, env=told, cwd=log.parent, stdout=file, stderr=file)
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False)
        try:
            until(lambda: client.get("/readyz").status_code == 200)
            yield client, process
        finally:
            client.close()
            process.kill()
            process.wait()


def send(client: httpx.Client, frame: pd.DataFrame, name: str, times: list[str] | None = None) -> None:
    body: dict[str, Any] = {"inputs": frame.to_dict("records"), "ids": [f"{name}-{row}" for row in range(len(frame))]}
    if times:
        body["times"] = times
    assert client.post("/predict", json=body).status_code == 200


def test_from_request_and_label_to_drift_and_performance_by_month(tmp_path: Path, bento: Path) -> None:
    home = Home(tmp_path / "home", tmp_path / "cache")
    store = Store(home)
    folder = home.deployment("delays") / "run-1"
    folder.mkdir(parents=True)
    settings = ServiceSettings(name="delays", version=3, traffic=True, spool=str(folder / "spool"))
    (folder / "service.json").write_bytes(to_json(settings))
    with serving(bento, tmp_path / "log", NB2PROD_SERVICE=str(folder / "service.json")) as (client, _):
        for month, shift in ((4, 0.0), (5, 1.0)):
            frame = FRAME.assign(a=FRAME["a"] + shift).head(1000)
            send(client, frame, str(month), [f"2013-{month:02d}-15T10:00:00Z"] * 1000)
            labels = [{"id": f"{month}-{row}", "label": int(LATE[row])} for row in range(1000)]
            said = client.post("/feedback", json=[*labels, {"id": "nobody", "label": 1}, {"id": "x", "label": "?"}])
            assert (said.status_code, said.json()["accepted"]) == (207, 1001)
        assert monitoring.count_spool(home, "delays", 60.0, store=store).complete
        text = client.get("/metrics").text
        assert "nb2prod_rows_accepted_total 2000" in text
        assert "nb2prod_rows_counted_total 2000" in text
    drifted = {(one.feature, one.since) for one in monitoring.drift(store, "delays", by="month") if one.drifted}
    assert ("a", "2013-05") in drifted
    assert not any(since == "2013-04" or feature == "b" for feature, since in drifted)
    april, may = monitoring.performance(store, "delays", "roc_auc", by="month")
    assert (april.period, april.n, may.n) == ("2013-04", 1000, 1000)
    assert april.realised == pytest.approx(april.predicted, abs=0.05)
    (told,) = store.labels.of("delays")
    assert told.held == 2


AGENT = """
import functools, sys, time
from nb2prod.agent import __main__ as agent
agent.Agent = functools.partial(agent.Agent, clock=lambda: time.time() + 300)  # the minutes of now are settled
sys.exit(agent.main(["--home", sys.argv[1]]))
"""


@contextmanager
def watching(home: Home) -> Iterator[subprocess.Popen[bytes]]:
    """The home's agent, killed in the end."""
    environment = os.environ | {"NB2PROD_CACHE": str(home.cache)}
    process = subprocess.Popen([sys.executable, "-c", AGENT, str(home.root)], env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def figures(client: httpx.Client) -> dict[tuple[str, ...], float]:
    found = text_string_to_metric_families(client.get("/metrics").text)
    return {(one.name, *one.labels.values()): one.value for family in found for one in family.samples}


def test_from_an_outcome_to_a_webhook_once_though_agent_and_worker_are_killed(tmp_path: Path, bento: Path) -> None:
    home = Home(tmp_path / "home", tmp_path / "cache")
    store = Store(home)
    alerting.deploy(store)
    folder = home.deployment("delays") / "run-1"
    folder.mkdir(parents=True)
    settings = ServiceSettings(name="delays", version=1, traffic=True, spool=str(folder / "spool"))
    (folder / "service.json").write_bytes(to_json(settings))
    limits.apply(home, "delays", Limits.of(["conversion below 0.5 over 7d"], None))
    told = {"NB2PROD_SERVICE": str(folder / "service.json"), "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "shared")}
    (tmp_path / "shared").mkdir()
    with receivers.webhook() as hook, serving(bento, tmp_path / "log", **told) as (client, worker):
        Destinations(home).add(hook.url)
        send(client, FRAME.head(400), "first")
        with watching(home):
            until(lambda: figures(client).get(("nb2prod_rows_counted_total",)) == 400)
        items = [{"id": f"first-{row}", "outcomes": {"conversion": float(row % 20 == 0)}} for row in range(400)]
        assert client.post("/feedback", json=[*items, {"id": "first-1", "outcomes": {"profit": 1}}]).status_code == 207
        with watching(home):
            until(lambda: hook.heard)
            until(lambda: figures(client).get(("nb2prod_alerts_open", "delays", "limit")))
        (record,) = store.alerts.open("delays")
        deployment = Deployment("delays", home=home)
        assert deployment.acknowledge(record.id).acknowledged is not None
        with watching(home) as agent:
            send(client, FRAME.head(300), "second")
            until(lambda: figures(client).get(("nb2prod_rows_counted_total",)) == 700)
            agent.terminate()
            assert agent.wait(60) == 0
        found = figures(client)
        assert found["nb2prod_alert_state", "conversion below 0.5 over 7d", "delays", "page"] == 1
        send(client, FRAME.head(200), "third")
        worker.kill()
        worker.wait()
    assert len(hook.heard) == 1
    assert "conversion is below 0.5" in hook.heard[0]["title"] + hook.heard[0]["message"]
    assert sorted(row.verb for row in deployment.alert_log()) == ["notify", "tell"]
    assert Collector(home, store).run_once()
    assert sum(rows for _, _, rows in store.panes.versions("delays")) == 900
    totals = [ring.peek(path) for path in ring.rings(folder / "spool")]
    assert sum(one[1].accepted for one in totals if one) == sum(one[1].persisted for one in totals if one) == 900


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="mounts a small file system")
def test_with_a_full_disk_predictions_go_on_and_what_is_not_kept_is_counted(tmp_path: Path, bento: Path) -> None:
    spool = tmp_path / "small" / "spool"
    spool.parent.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(spool.parent)], check=False).returncode:
        pytest.skip("may not mount here")
    try:
        settings = tmp_path / "service.json"
        settings.write_bytes(to_json(ServiceSettings(name="delays", version=1, traffic=True, spool=str(spool))))
        with serving(bento, tmp_path / "log", NB2PROD_SERVICE=str(settings)) as (client, _):
            send(client, FRAME.head(1), "first")
            fill(spool.parent / "filler")
            sent = 0
            while not (dropped := figure(client, "nb2prod_rows_dropped_total")):
                send(client, FRAME, f"full-{sent}")
                sent += len(FRAME)
                assert sent < 2_000_000
            assert dropped <= sent + 1 == figure(client, "nb2prod_rows_accepted_total")
    finally:
        subprocess.run(["umount", "-l", str(spool.parent)], check=True)


def fill(file: Path) -> None:
    """Write until the disk is full."""
    with file.open("wb", buffering=0) as into:
        try:
            while True:
                into.write(b"x" * 4096)
        except OSError:
            return


def figure(client: httpx.Client, name: str) -> float:
    lines = [line for line in client.get("/metrics").text.splitlines() if line.startswith(name)]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def test_a_service_without_a_target_counts_for_itself_and_is_pulled_from(tmp_path: Path, bento: Path) -> None:
    ((feature, rows, *_), *_) = verdicts_of(1, tmp_path, bento)
    assert (feature, rows) == ("a", 1200)


@pytest.mark.proof
def test_three_services_that_count_for_themselves_give_what_one_gives(tmp_path: Path, bento: Path) -> None:
    assert verdicts_of(1, tmp_path, bento) == verdicts_of(3, tmp_path, bento)


def verdicts_of(services: int, tmp_path: Path, bento: Path) -> list[tuple[Any, ...]]:
    """The same traffic over so many services, pulled from each; what drift and performance say of it."""
    home = Home(tmp_path / f"home-{services}", tmp_path / "cache")
    store = Store(home)
    collector = Collector(home, store)
    with ExitStack() as stack:
        running = []
        for number in range(services):
            spool = tmp_path / f"spool-{services}-{number}"
            log = tmp_path / f"log-{services}-{number}"
            running.append((*stack.enter_context(serving(bento, log, NB2PROD_SPOOL=str(spool))), spool))
        for number in range(12):
            send(running[number % services][0], FRAME[number * 100 : number * 100 + 100], f"r{number}")
        remotes = [Remote(str(client.base_url)) for client, _, _ in running]
        until(lambda: pulled(store, collector, remotes) == 1200)
        assert sum(collector.pull(remote) for remote in remotes) == 0
        for client, _, _ in running:
            assert client.get("/monitoring/panes?after=no").status_code == 400
        for _, process, _ in running:
            process.send_signal(signal.SIGTERM)
        for _, process, spool in running:
            assert process.wait(60) == 0
            until(lambda spool=spool: not counting(spool))
    return [(one.feature, one.rows, one.effect, one.p_value) for one in monitoring.drift(store, "delays")] + [
        (one.metric, one.n, one.value) for one in monitoring.performance(store, "delays")
    ]


def pulled(store: Store, collector: Collector, remotes: list[Remote]) -> int:
    for remote in remotes:
        collector.pull(remote)
    return sum(rows for _, _, rows in store.panes.versions("delays"))


def counting(spool: Path) -> bool:
    from nb2prod.runtime import selfcount, side

    with (spool / selfcount.LOCK).open("a") as file:
        return not side.try_lock(file.fileno())
