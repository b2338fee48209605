"""A real Bento behind real servers: our worker on a unix socket, and plain `bentoml serve`."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nb2prod.home import Home, write_atomic
from nb2prod.packaging import build
from nb2prod.records.base import read, to_json
from nb2prod.records.capture import Capture, CaptureRecord, Column, Manifest, Output, Signature
from nb2prod.records.serving import ServiceSettings

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from runtime import captures

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame({"a": RNG.normal(size=300), "b": RNG.normal(size=300)})
SIGNATURE = Signature(
    columns=tuple(Column(name=name, kind="number", dtype="float64") for name in FRAME),
    output=Output(kind="class", dtype="object", classes=("late", "on time"), probabilities=True),
)
MODEL = make_pipeline(StandardScaler(), LogisticRegression()).fit(FRAME, np.where(FRAME["a"] > 0, "late", "on time"))
ROWS = FRAME.head(5).to_dict("records")


@pytest.fixture(scope="module")
def bento(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = captures.write(tmp_path_factory.mktemp("capture"), MODEL, SIGNATURE, name="delays", training=FRAME)
    record, checked = read(folder / "capture.json", CaptureRecord), read(folder / "manifest.json", Manifest)
    home = Home(tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("cache"))
    return Path(build(Capture(folder, record, checked), home=home).folder)


def until(ready: Callable[[], Any], seconds: float = 90.0) -> Any:
    deadline = time.monotonic() + seconds
    pause = 0.02
    while True:
        try:
            if found := ready():
                return found
        except (httpx.TransportError, OSError):
            pass
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(pause)


@contextmanager
def process(command: list[str], log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("NB2PROD")}
    with log.open("wb") as file:
        made = subprocess.Popen(
            command, env=kept | environment, cwd=log.parent, stdout=file, stderr=file, start_new_session=True
        )
        try:
            yield made
        finally:
            if made.poll() is None:
                os.killpg(made.pid, signal.SIGKILL)
            made.wait()


class Worker:
    """A worker of the Bento with settings of its own."""

    def __init__(self, folder: Path, bento: Path) -> None:
        self.log = folder / "worker.log"
        self.settings = folder / "service.json"
        self.socket = folder / "w.sock"
        self.spool = folder / "spool"
        self.say(traffic=False)
        module = [sys.executable, "-m", "nb2prod.runtime.worker", "--bento", str(bento), "--uds", str(self.socket)]
        environment = {"PYTHONPATH": str(bento / "src"), "NB2PROD_SERVICE": str(self.settings)}
        environment["PROMETHEUS_MULTIPROC_DIR"] = str(folder / "metrics")
        self.process = process(module, self.log, **environment)
        self.client = httpx.Client(transport=httpx.HTTPTransport(uds=str(self.socket)), base_url="http://worker")

    def say(self, **more: Any) -> None:
        given = {"name": "delays", "version": 3, "spool": str(self.spool)} | more
        write_atomic(self.settings, to_json(ServiceSettings(**given)))

    def ready(self) -> bool:
        return self.client.get("/readyz").status_code == 200


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def counter(text: str, name: str) -> float:
    return next((float(line.split()[-1]) for line in text.splitlines() if line.startswith(name + " ")), 0.0)


def test_a_worker_answers_as_the_kernel_counts_from_the_switch_on_and_drains(folder: Path, bento: Path) -> None:
    worker = Worker(folder, bento)
    with worker.process as running:
        until(worker.ready)
        said = worker.client.post("/predict", json={"inputs": ROWS}).json()
        assert said["predictions"] == MODEL.predict(FRAME.head(5)).tolist()
        assert said["probabilities"] == MODEL.predict_proba(FRAME.head(5)).tolist()
        assert counter(worker.client.get("/metrics").text, "nb2prod_rows_accepted_total") == 0
        worker.say(traffic=True)
        worker.client.post("/predict", json={"inputs": ROWS})
        text = worker.client.get("/metrics").text
        assert counter(text, "nb2prod_rows_accepted_total") == counter(text, "nb2prod_rows_total") == 5
        assert worker.client.get("/schema.json").status_code == 200

        running.send_signal(signal.SIGTERM)
        until(lambda: worker.client.get("/readyz").status_code == 503)
        assert worker.client.post("/predict", json={"inputs": ROWS}).status_code == 200
        assert worker.client.get("/readyz").status_code == 503
        assert running.wait(30) == 0
    assert not worker.socket.exists()
    assert list(worker.spool.rglob("*"))
    log = worker.log.read_text()
    assert "/predict" not in log
    assert "ready: delays/3 (hashes checked)" in log


def test_a_worker_refuses_a_bento_that_was_touched(folder: Path, bento: Path, tmp_path_factory: Any) -> None:
    import shutil

    copy = Path(shutil.copytree(bento, folder / "bento"))
    (copy / "src" / "capture" / "requirements.txt").write_text("evil")
    worker = Worker(folder, copy)
    with worker.process as running:
        assert running.wait(60) == 1
    last = json.loads(worker.log.read_text().splitlines()[-1])
    assert last["error"]["code"] == "tampered"


def test_plain_bentoml_serve_answers_counts_and_shows_it(folder: Path, bento: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(Path(sys.executable).with_name("bentoml")), "serve", str(bento), "--port", str(port)]
    spool = folder / "spool"
    environment = {"NB2PROD_SPOOL": str(spool), "BENTOML_HOME": str(folder / "bentoml"), "BENTOML_DO_NOT_TRACK": "True"}
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}")
    with process(command, folder / "serve.log", **environment) as running:
        until(lambda: client.get("/readyz").status_code == 200)
        said = client.post("/predict", json={"inputs": ROWS}).json()
        assert said["predictions"] == MODEL.predict(FRAME.head(5)).tolist()
        assert said["model"] == f"delays:{bento.name}"
        text = client.get("/metrics").text
        assert counter(text, "nb2prod_rows_accepted_total") == counter(text, "nb2prod_rows_total") == 5
        assert counter(text, 'nb2prod_requests_total{route="/predict",status="200"}') == 1
        os.killpg(running.pid, signal.SIGINT)
        running.wait(30)
    assert list(spool.rglob("*"))
