"""The Bento is an ordinary one: BentoML alone serves it, in an environment of its own lock, with no nb2prod in it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import captures
import httpx
import pytest

from nb2prod import environments, packaging
from nb2prod.home import Home
from nb2prod.records.capture import Capture
from nb2prod.records.proof import BentoRef


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("homes") / "hö me 50%")


@pytest.fixture(scope="module")
def loans(home: Home) -> Capture:
    pins = [f"{name}=={captures.version(name)}" for name in captures.PINS]
    lock = environments.lock(environments.LockRequest(pins=pins), home)
    return captures.capture(home.captures / "loans" / "made", lock=lock.text)


@pytest.fixture(scope="module")
def python(home: Home, loans: Capture) -> Path:
    """The interpreter of the environment that the lock makes."""
    made = environments.build_for(loans, home)
    looked = subprocess.run([str(made.python), "-I", "-c", "import nb2prod"], capture_output=True, check=False)
    assert looked.returncode == 1
    return made.python


@pytest.fixture(scope="module")
def bento(home: Home, loans: Capture) -> BentoRef:
    return packaging.build(loans, home=home)


@pytest.fixture(scope="module")
def url(python: Path, bento: BentoRef, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Plain `bentoml serve FOLDER`, nothing else."""
    folder = tmp_path_factory.mktemp("served")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "BENTOML_HOME": str(folder / "bentoml")}
    environment |= {"BENTOML_DO_NOT_TRACK": "True", "NB2PROD_SPOOL": str(folder / "spool")}
    command = [str(python), "-m", "bentoml", "serve", bento.folder, "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_until(lambda: status(f"http://127.0.0.1:{port}/readyz") == 200, folder / "log", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def wait_until(true, log: Path, process: subprocess.Popen[bytes] | None = None, seconds: float = 60) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + seconds
    while not true():
        assert process is None or process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        threading.Event().wait(0.1)


def status(url: str) -> int:
    """0 while nobody listens."""
    try:
        return httpx.get(url, timeout=5).status_code
    except httpx.TransportError:
        return 0


def metric(url: str, name: str) -> float:
    """The sum of a counter over its labels."""
    lines = [line for line in httpx.get(f"{url}/metrics").text.splitlines() if line.startswith(name)]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def test_bentoml_serve_answers_as_the_kernel_with_no_nb2prod_installed(url: str, loans: Capture) -> None:
    golden = loans.golden
    assert golden is not None
    answered = httpx.post(f"{url}/predict", json={"inputs": list(golden.rows)}, timeout=30)
    assert answered.status_code == 200, answered.text
    body = answered.json()
    assert body["predictions"] == list(golden.batch.predictions)
    assert body["probabilities"] == [list(row) for row in golden.batch.probabilities or ()]
    assert body["model"] == loans.tag


def test_what_is_served_is_counted_and_shown_on_metrics(url: str, loans: Capture) -> None:
    golden = loans.golden
    assert golden is not None
    before = metric(url, "nb2prod_rows_total")
    for _ in range(3):
        httpx.post(f"{url}/predict", json={"inputs": list(golden.rows)}, timeout=30).raise_for_status()
    assert metric(url, "nb2prod_rows_total") == before + 3 * len(golden.rows)


def test_bentoml_load_opens_the_folder(python: Path, bento: BentoRef, tmp_path: Path) -> None:
    code = "import bentoml, sys; service = bentoml.load(sys.argv[1]); print(service.bento.tag, *service.apis)"
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "BENTOML_DO_NOT_TRACK": "True"}
    done = subprocess.run(
        [str(python), "-c", code, bento.folder],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"{bento.tag} predict"
