"""What the registry holds loads anywhere: an environment of the version's own requirements, with no nb2prod in it."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import captures
import httpx
import pandas as pd
import pytest
import wheels

from nb2prod import registry
from nb2prod.home import Home
from nb2prod.records.capture import Column, Output, Signature
from nb2prod.registry import connection, store

LOCAL = "import pandas as pd\n\ndef doubled(frame):\n    return frame['x'] * 2\n"
WHEEL = "OFFSET = 7\n"
PREDICT = """
import nb2offset
from nb2local import doubled

def predict(frame):
    return (doubled(frame) + nb2offset.OFFSET).rename("twice")
"""
ASK = """
import importlib.util, json, sys
import pandas as pd
assert importlib.util.find_spec("nb2prod") is None
import mlflow
name, data = sys.argv[1:]
answers = mlflow.pyfunc.load_model(f"models:/{name}@champion").predict(pd.read_pickle(data))
index = list(map(str, getattr(answers, "index", [])))
print(json.dumps({"type": type(answers).__name__, "values": list(map(str, answers)), "index": index}))
"""
NUMBERS = Signature(
    columns=(Column(name="x", kind="number", dtype="float64"),),
    output=Output(kind="number", container="series", dtype="float64", names=("twice",)),
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def python(home: Home, tmp_path_factory: pytest.TempPathFactory, doubling: Any) -> Path:
    """The interpreter of an environment made from the registered versions' own requirements."""
    made = captures.capture(home.captures / "loans" / "made")
    registry.register(made, captures.proof(made), home=home)
    registry.set_champion("loans", 1, home)
    folder = tmp_path_factory.mktemp("environment")
    environment = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")}
    uv = str(Path(sys.executable).with_name("uv"))
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(folder / "venv")], check=True, env=environment)
    interpreter = folder / "venv" / "bin" / "python"
    for name in ("loans", "doubling"):
        with connection.session(home) as client:
            model = connection.local_path(client.get_model_version(name, "1").source)
        command = [uv, "pip", "install", "-q", "--python", str(interpreter), "-r", "requirements.txt"]
        subprocess.run(command, check=True, cwd=model, env=environment)
    return interpreter


@pytest.fixture(scope="module")
def doubling(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A function that needs a local module and a package that no index has."""
    folder = tmp_path_factory.mktemp("local")
    (folder / "nb2local.py").write_text(LOCAL)
    (folder / "nb2offset.py").write_text(WHEEL)
    sys.path.insert(0, str(folder))
    try:
        importlib.invalidate_caches()
        namespace: dict[str, Any] = {"__name__": "__main__"}
        exec(PREDICT, namespace)
        frame = pd.DataFrame({"x": [1.0, 2.5, -3.0]}, index=[5, 6, 7])
        made = captures.capture(
            home.captures / "doubling" / "made",
            name="doubling",
            model=namespace["predict"],
            frame=frame,
            signature=NUMBERS,
            wheels=[wheels.make(folder, "nb2offset", WHEEL)],
            modules={"nb2local.py": LOCAL},
            pins=("pandas==" + pd.__version__, "nb2offset==1.0", "cloudpickle==" + captures.version("cloudpickle")),
        )
        registry.register(made, captures.proof(made), home=home)
        registry.set_champion("doubling", 1, home)
        return frame, namespace["predict"](frame)
    finally:
        sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A team's MLflow server."""
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shutil.copyfile(store.template(Home(folder / "home")), folder / "mlflow.db")
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(folder / "artifacts"), "--port", str(port), "--workers", "1"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=store.quiet_environment(), stdout=log, stderr=log, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 90
        while httpx_status(f"http://127.0.0.1:{port}/health") != 200:
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # nothing of it is kept
        process.wait(30)


def httpx_status(url: str) -> int:
    """0 while nobody listens."""
    try:
        return httpx.get(url, timeout=5).status_code
    except httpx.TransportError:
        threading.Event().wait(0.1)
        return 0


def ask(python: Path, home: Home, name: str, frame: pd.DataFrame, folder: Path) -> Any:
    """What `mlflow.pyfunc.load_model("models:/NAME@champion").predict(frame)` says in that environment."""
    data = folder / "rows.pkl"
    frame.to_pickle(data)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "MLFLOW_TRACKING_URI": registry.tracking_uri(home),
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    command = [str(python), "-c", ASK, name, str(data)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_teams_server_takes_the_same_versions(
    server: str, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    made = captures.capture(tmp_path / "made", name="shared")
    first = registry.register(made, captures.proof(made), home=home)
    again = registry.register(made, captures.proof(made), home=home)
    assert (first.version, first.created, again.version, again.created) == (1, True, 1, False)
    assert first.tracking_uri == server
    registry.set_champion("shared", 1, home)
    assert [version.aliases for version in registry.versions("shared", home)] == [("champion",)]
    elsewhere = Home(tmp_path / "elsewhere", cache=home.cache)
    assert registry.fetch("shared", 1, elsewhere).digest == made.digest
    assert registry.remove("shared", home) == 1
    assert registry.champion("shared", home) is None
    assert capfd.readouterr().out == ""


def test_the_champion_gives_the_kernels_answers_with_no_nb2prod_installed(
    python: Path, home: Home, tmp_path: Path
) -> None:
    frame, labels = captures.training()
    expected = captures.fitted(frame, labels).predict(frame)
    answered = ask(python, home, "loans", frame, tmp_path)
    assert answered["values"] == [str(value) for value in expected]
    assert answered["type"] == type(expected).__name__


def test_local_modules_and_wheels_that_no_index_has_travel_with_the_version(
    python: Path, home: Home, tmp_path: Path, doubling: Any
) -> None:
    frame, expected = doubling
    answered = ask(python, home, "doubling", frame, tmp_path)
    assert answered == {"type": "Series", "values": ["9.0", "12.0", "1.0"], "index": ["5", "6", "7"]}
    assert expected.tolist() == [9.0, 12.0, 1.0]
