"""How MLflow is reached: which registry, a client that fails in seconds, and MLflow's errors in nb2prod's words."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from nb2prod.errors import OURS, REPORT, Failed, Nb2prodError, NoSpace, Refused, Unavailable
from nb2prod.home import Home
from nb2prod.registry import store

PATIENCE = 4.0
_HASTE = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": str(int(PATIENCE)),
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
}
_STEADY = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


def tracking_uri(home: Home) -> str:
    """The registry in force: a URI set in a cell or ``MLFLOW_TRACKING_URI``, else the home's own store."""
    loaded = sys.modules.get("mlflow")
    if loaded is not None and loaded.is_tracking_uri_set():
        return str(loaded.get_tracking_uri())
    return os.environ.get("MLFLOW_TRACKING_URI") or store.local_uri(home)


def own(home: Home, uri: str) -> bool:
    """Whether `uri` is the home's own store."""
    return uri == store.local_uri(home)


def load_mlflow() -> Any:
    """MLflow, imported at its first need, with its telemetry off."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow

    return mlflow


def client(home: Home, uri: str | None = None) -> Any:
    """An `MlflowClient` of the registry in force, known to answer.

    Raises
    ------
    Unavailable
        The registry does not answer within a few seconds.
    """
    uri = uri or tracking_uri(home)
    if own(home, uri):
        store.ensure(home)
    else:
        _knock(uri)
    mlflow = load_mlflow()
    made = mlflow.MlflowClient(tracking_uri=uri)
    if not own(home, uri):
        with translated(uri), _environment(_HASTE, override=True):
            made.search_registered_models(max_results=1)
    return made


def reachable(home: Home) -> bool:
    """Whether the registry in force answers within a few seconds."""
    try:
        client(home)
    except Nb2prodError:
        return False
    return True


@contextlib.contextmanager
def session(home: Home, uri: str | None = None) -> Iterator[Any]:
    """A client whose errors come out in nb2prod's words and whose retries end in seconds, not minutes."""
    uri = uri or tracking_uri(home)
    with _quiet():
        made = client(home, uri)
        with translated(uri), _environment(_STEADY, override=False):
            yield made


@contextlib.contextmanager
def translated(uri: str) -> Iterator[None]:
    """Turn MLflow's, SQLAlchemy's and the network's errors into nb2prod's."""
    try:
        yield
    except Nb2prodError:
        raise
    except OSError as error:  # requests' errors are OSErrors too
        if error.errno == 28:
            raise NoSpace(
                "There is no room for the model's artifacts",
                code="disk-full",
                where=shown(uri),
                why=str(error),
                fix="nb2prod prune",
                kept="nothing was registered",
            ) from error
        raise unreachable(uri, error) from error
    except Exception as error:
        raise _translate(uri, error) from error


def unreachable(uri: str, error: object) -> Unavailable:
    return Unavailable(
        "The model registry does not answer",
        code="registry-unreachable",
        where=shown(uri),
        why=_first_line(error).replace(uri, shown(uri)),
        fix=f"%env MLFLOW_TRACKING_URI=      # the registry of this machine; or see that {shown(uri)} answers",
        kept="nothing was registered; the capture and its proof are kept, and running the line again goes on from there",
    )


def shown(uri: str) -> str:
    """The URI without its password."""
    parts = urlsplit(uri)
    if "@" not in parts.netloc:
        return uri
    return urlunsplit(parts._replace(netloc="…@" + parts.netloc.rpartition("@")[2]))


def local_path(location: str) -> Path | None:
    """The folder that a file URI or a path names; None for any other."""
    parts = urlsplit(location)
    return Path(unquote(parts.path)) if parts.scheme in {"", "file"} else None


def _translate(uri: str, error: Exception) -> Nb2prodError:
    code = getattr(error, "error_code", "")
    text = _first_line(error)
    network = ("API request to", "Max retries exceeded", "Connection refused", "OperationalError", "timed out")
    if any(mark in str(error) for mark in network):
        return unreachable(uri, text)
    if code in {"INVALID_PARAMETER_VALUE", "BAD_REQUEST"}:
        kind: type[Nb2prodError] = Refused
    elif code in {"UNAUTHENTICATED", "PERMISSION_DENIED"}:
        kind = Unavailable
    else:
        kind = Failed
    return kind(
        "MLflow refused what nb2prod asked of it"
        if kind is not Failed
        else "MLflow failed at what nb2prod asked of it",
        code="registry-refused" if kind is not Failed else "registry-failed",
        where=shown(uri),
        why=text if kind is not Failed else f"{text}. {OURS}",
        fix="nb2prod doctor"
        if kind is not Failed
        else f"{REPORT}\nor the Bento without a registry, in a cell: nb2prod.package(nb2prod.capture('model'))",
        kept="nothing was registered",
    )


def _first_line(error: object) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__


def _knock(uri: str) -> None:
    """One connection to the registry's port: a host that is gone costs seconds here, minutes inside MLflow."""
    parts = urlsplit(uri)
    ports = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
    port = parts.port or ports.get(parts.scheme.partition("+")[0])
    proxied = any(os.environ.get(name) for name in (f"{parts.scheme}_proxy", f"{parts.scheme}_proxy".upper()))
    if not parts.hostname or port is None or proxied:
        return
    try:
        socket.create_connection((parts.hostname, port), timeout=PATIENCE).close()
    except OSError as error:
        raise unreachable(uri, error) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """MLflow's progress notes and its libraries' deprecations are not the notebook's."""
    logger = logging.getLogger("mlflow")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


@contextlib.contextmanager
def _environment(values: dict[str, str], *, override: bool) -> Iterator[None]:
    """Set environment variables for a while; a user's own stay unless `override`."""
    before = {key: os.environ.get(key) for key in values}
    for key, value in values.items():
        if override or before[key] is None:
            os.environ[key] = value
    try:
        yield
    finally:
        for key, value_before in before.items():
            if value_before is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value_before
