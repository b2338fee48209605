"""The home's own MLflow store: an SQLite file copied from a migrated, empty template, and migrated when MLflow is newer."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

from nb2prod.errors import Failed
from nb2prod.home import Home, locked, write_atomic

TOUCH = "import sys, mlflow; mlflow.MlflowClient(sys.argv[1]).search_experiments(max_results=1)"
DATABASE = "mlflow.db"


def local_uri(home: Home) -> str:
    """Where the home's own store lies; makes nothing."""
    return f"sqlite:///{home.mlflow / DATABASE}"


def artifacts(home: Home) -> str:
    """The file URI under which the home keeps its models' artifacts."""
    return (home.mlflow / "artifacts").as_uri()


def ensure(home: Home) -> str:
    """The home's store, made or migrated where that is due; returns its URI."""
    database = home.mlflow / DATABASE
    mark = home.mlflow / "mlflow.version"
    version = importlib.metadata.version("mlflow")
    if database.is_file() and mark.is_file() and mark.read_text() == version:
        return local_uri(home)
    with home.lock("mlflow-store", timeout=180):
        home.mlflow.mkdir(exist_ok=True)
        if not database.is_file():
            _copy_template(home, database)
        elif not (mark.is_file() and mark.read_text() == version):
            _migrate(home, database)
        write_atomic(mark, version.encode())
    return local_uri(home)


def template(home: Home) -> Path:
    """The migrated, empty store of this MLflow version, made once in the shared cache (2 to 10 s)."""
    home.templates.mkdir(parents=True, exist_ok=True)
    path = home.templates / f"mlflow-{importlib.metadata.version('mlflow')}.db"
    if path.is_file():
        return path
    with locked(home.templates / ".lock", timeout=180):
        if not path.is_file():
            _make_template(path)
    return path


def ui_command(home: Home, port: int = 5000) -> list[str]:
    """The command that opens MLflow's own UI on the home's store; to be run in `quiet_environment`."""
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", ensure(home)]
    return [*command, "--default-artifact-root", artifacts(home), "--host", "127.0.0.1", "--port", str(port)]


def quiet_environment() -> dict[str, str]:
    """The environment of a process that we start for MLflow: no telemetry, no notebook's settings, bytecode written."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "_MLFLOW_"))}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**kept, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


def _make_template(path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".making-") as folder:
        made = Path(folder) / DATABASE
        _mlflow(["-c", TOUCH, f"sqlite:///{made}"], folder, "MLflow's store could not be made")
        made.replace(path)


def _copy_template(home: Home, database: Path) -> None:
    half = database.with_suffix(".making")
    shutil.copyfile(template(home), half)
    connection = sqlite3.connect(half)
    with connection:  # the default experiment's folder was the template's
        connection.execute("UPDATE experiments SET artifact_location = ? || '/0'", (artifacts(home),))
    connection.close()
    half.replace(database)


def _migrate(home: Home, database: Path) -> None:
    """Bring an older MLflow's store up to this one, after a backup beside it."""
    backup = database.with_suffix(".backup")
    shutil.copyfile(database, backup)
    try:
        _mlflow(["-m", "mlflow", "db", "upgrade", local_uri(home)], home.mlflow, "MLflow's store could not be migrated")
    except Failed as error:
        backup.replace(database)
        raise error.keeping("the store is as it was") from error


def _mlflow(arguments: list[str], folder: str | Path, title: str) -> None:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=quiet_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Failed(
            title,
            code="registry-store",
            where=str(folder),
            why=(done.stderr.strip().splitlines() or ["MLflow said nothing"])[-1],
            fix="nb2prod doctor",
        )
