"""Versions that are there: list, alias, fetch, resolve, remove."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nb2prod.errors import NotFound, Refused, UsageError
from nb2prod.home import Home
from nb2prod.records.base import read
from nb2prod.records.capture import Capture, CaptureRecord
from nb2prod.records.proof import RegisteredVersion
from nb2prod.registry import connection, mlflow_model
from nb2prod.registry.registration import CAPTURE_TAG, MODEL_TAG, as_record
from nb2prod.runtime import manifest

CHAMPION = "champion"


def versions(name: str, home: Home) -> list[RegisteredVersion]:
    """All versions of `name` that nb2prod registered, the newest first; empty where there is none."""
    with connection.session(home) as client:
        found = [v for v in client.search_model_versions(_named(name)) if CAPTURE_TAG in v.tags]
        if not found:
            return []
        held = _aliases(client, name)
        made = [as_record(v, client.tracking_uri, aliases=held.get(int(v.version), ())) for v in found]
        return sorted(made, key=lambda version: -version.version)


def set_champion(name: str, version: int, home: Home) -> None:
    """Move `@champion` to that version: it takes traffic now."""
    with connection.session(home) as client:
        client.set_registered_model_alias(name, CHAMPION, str(version))


def champion(name: str, home: Home) -> RegisteredVersion | None:
    """The version that `@champion` names, or None."""
    from mlflow.exceptions import MlflowException

    with connection.session(home) as client:
        try:
            found = client.get_model_version_by_alias(name, CHAMPION)
        except MlflowException as error:
            if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                return None
            raise
        return as_record(found, client.tracking_uri, aliases=(CHAMPION,))


def resolve(uri: str, home: Home) -> RegisteredVersion:
    """The version that ``models:/NAME/3``, ``models:/NAME@alias`` or ``models:/NAME`` (the newest) names.

    Raises
    ------
    UsageError
        It is no such URI.
    NotFound
        There is no such version.
    """
    from mlflow.exceptions import MlflowException

    name, version, alias = _parse(uri)
    with connection.session(home) as client:
        try:
            if alias:
                found = client.get_model_version_by_alias(name, alias)
            else:
                found = client.get_model_version(name, version or _newest(client, name, uri))
        except MlflowException as error:
            raise _missing(client, name, uri) from error
        return as_record(found, client.tracking_uri)


def fetch(name: str, version: int, home: Home) -> Capture:
    """The capture of a registered version, brought into the home where it is not there already, its manifest checked.

    Raises
    ------
    NotFound
        There is no such version.
    Refused
        ``tampered``: a file is not what was registered; ``not-captured``: nb2prod did not register it.
    """
    found = resolve(f"models:/{name}/{version}", home)
    if not found.capture:
        raise Refused(
            f"{name} version {version} was not registered by nb2prod",
            code="not-captured",
            where=found.model_uri,
            why="It holds no capture: no lock, no baseline, no proof.",
            fix=f"model = mlflow.pyfunc.load_model({found.model_uri!r})      %deploy model",
        )
    kept = home.captures / found.capture[:12]
    if not kept.is_dir():
        _download(found, kept, home)
    capture = open_capture(kept)
    if capture.digest != found.capture:
        raise Refused(
            f"The capture of {name} version {version} is not the one that was registered",
            code="tampered",
            where=str(kept),
            why="Its manifest differs from the digest that the registry holds.",
            fix="nb2prod doctor --fix",
            kept="nothing was loaded",
        )
    return capture


def holding(key: str, home: Home) -> RegisteredVersion | None:
    """The newest version, under whatever name, of the capture whose folder is called `key`; None where there is none."""
    with connection.session(home) as client:
        found = [v for v in _every(client) if v.tags.get(CAPTURE_TAG, "").startswith(key)]
        newest = max(found, key=lambda version: int(version.creation_timestamp or 0), default=None)
        return None if newest is None else as_record(newest, client.tracking_uri)


def open_capture(folder: Path) -> Capture:
    """A capture from its folder, every file's hash compared with the manifest."""
    checked = manifest.check(folder)
    return Capture(folder=folder, record=read(folder / "capture.json", CaptureRecord), manifest=checked)


def remove(name: str, home: Home, version: int | None = None) -> int:
    """Delete the versions that nb2prod registered (or one of them), with runs and, in the home's own store, their files.

    Returns
    -------
    int
        How many versions went. A model that others also registered versions of stays, with theirs.
    """
    with connection.session(home) as client:
        every = client.search_model_versions(_named(name))
        ours = [v for v in every if CAPTURE_TAG in v.tags and version in (None, int(v.version))]
        for one in ours:
            _remove_one(client, home, one)
        if len(ours) == len(every):
            _remove_model(client, name)
        return len(ours)


def _remove_one(client: Any, home: Home, version: Any) -> None:
    client.delete_model_version(version.name, version.version)
    model_id = version.model_id or version.tags.get(MODEL_TAG)
    if model_id:
        location = client.get_logged_model(model_id).artifact_location
        client.delete_logged_model(model_id)
        if connection.own(home, client.tracking_uri):
            folder = connection.local_path(location)
            if folder is not None and folder.is_relative_to(home.mlflow):
                shutil.rmtree(folder.parent if folder.name == "artifacts" else folder, ignore_errors=True)
    if version.run_id:
        client.delete_run(version.run_id)


def _remove_model(client: Any, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.delete_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise


def _download(found: RegisteredVersion, kept: Path, home: Home) -> None:
    """Copy or download the capture's files beside where they will be, then rename."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    with connection.session(home) as client, tempfile.TemporaryDirectory(dir=kept.parent, prefix=".fetch-") as half:
        source = client.get_model_version_download_uri(found.name, str(found.version))
        path = _bring(f"{source.rstrip('/')}/{mlflow_model.CAPTURE}", Path(half), client.tracking_uri)
        if not kept.is_dir():
            path.rename(kept)


def _bring(source: str, folder: Path, uri: str) -> Path:
    local = connection.local_path(source)
    if local is not None and local.is_dir():  # MLflow would start four threads to copy it
        return Path(shutil.copytree(local, folder / mlflow_model.CAPTURE))
    mlflow = connection.load_mlflow()
    return Path(mlflow.artifacts.download_artifacts(artifact_uri=source, dst_path=str(folder), tracking_uri=uri))


def _parse(uri: str) -> tuple[str, str, str]:
    rest = uri.removeprefix("models:/")
    if rest == uri or not rest:
        raise UsageError(
            f"{uri!r} names no registered model",
            code="bad-model-uri",
            where=uri,
            why="A registered model is named models:/NAME/VERSION or models:/NAME@ALIAS.",
            fix='nb2prod.deploy("models:/delays@champion")',
        )
    name, at, alias = rest.partition("@")
    if at:
        return name, "", alias
    name, _, version = rest.partition("/")
    return name, "" if version == "latest" else version, ""


def _newest(client: Any, name: str, uri: str) -> str:
    found = _numbers(client, name)
    if not found:
        raise _missing(client, name, uri)
    return str(max(found))


def _every(client: Any) -> Iterator[Any]:
    token = None
    while True:
        page = client.search_model_versions(page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _numbers(client: Any, name: str) -> list[int]:
    return sorted(int(found.version) for found in client.search_model_versions(_named(name)))


def _missing(client: Any, name: str, uri: str) -> NotFound:
    known = _numbers(client, name)[-10:]
    return NotFound(
        f"The registry has no {uri.removeprefix('models:/')}",
        code="no-such-version",
        where=connection.shown(client.tracking_uri),
        why=f"`{name}` has the versions {', '.join(map(str, known))}."
        if known
        else f"No registered model is called `{name}`.",
        fix=f"%deploy models:/{name}/{known[-1]}" if known else "nb2prod list",
    )


def _aliases(client: Any, name: str) -> dict[int, tuple[str, ...]]:
    held: dict[int, tuple[str, ...]] = {}
    for alias, version in client.get_registered_model(name).aliases.items():
        held[int(version)] = (*held.get(int(version), ()), alias)
    return held


def _named(name: str) -> str:
    quote = '"' if "'" in name else "'"
    return f"name = {quote}{name}{quote}"
