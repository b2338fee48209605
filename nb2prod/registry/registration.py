"""Capture and proof → a version in the registry. Each step looks for what an interrupted run left, so that there is no twin."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from nb2prod.capturing import naming
from nb2prod.errors import Failed, Refused
from nb2prod.home import Home
from nb2prod.records.base import to_json
from nb2prod.records.capture import Capture, DataSource
from nb2prod.records.proof import BentoRef, RegisteredVersion, Verification
from nb2prod.registry import connection, mlflow_model, store
from nb2prod.registry.identity import identity

CAPTURE_TAG = "nb2prod.capture"
PROOF_TAG = "nb2prod.proof"
IDENTITY_TAG = "nb2prod.identity"
BENTO_TAG = "nb2prod.bento"
MODEL_TAG = "nb2prod.model_id"


def register(
    capture: Capture,
    verification: Verification,
    *,
    home: Home,
    tracking_uri: str | None = None,
    bento: BentoRef | None = None,
) -> RegisteredVersion:
    """Make the capture a version of the registered model of its name; the same capture gives the same version.

    Parameters
    ----------
    verification
        Its proof; what was refused is not registered.
    tracking_uri
        Default: the registry in force.
    bento
        Its Bento, named in a tag.

    Raises
    ------
    Refused
        The proof was refused.
    UsageError
        MLflow does not take the name.
    Unavailable
        The registry does not answer within a few seconds; running it again goes on from there.
    """
    naming.checked(capture.name)
    _check_proof(capture, verification)
    with connection.session(home, tracking_uri) as client, home.lock(f"register-{capture.name}", timeout=600):
        uri = client.tracking_uri
        version = find(client, capture.name, capture.digest)
        created = version is None
        if version is None:
            version = _create(client, home, uri, capture, verification)
        _keep_current(client, version, capture, verification, bento)
        return as_record(version, uri, created=created)


def find(client: Any, name: str, digest: str) -> Any | None:
    """The version of `name` that holds the capture of that digest, or None."""
    for version in client.search_model_versions(f"name = '{name}'"):
        if version.tags.get(CAPTURE_TAG) == digest:
            return version
    return None


def as_record(version: Any, uri: str, *, created: bool = False, aliases: tuple[str, ...] = ()) -> RegisteredVersion:
    """MLflow's version as nb2prod's record."""
    return RegisteredVersion(
        name=version.name,
        version=int(version.version),
        model_uri=f"models:/{version.name}/{version.version}",
        tracking_uri=connection.shown(uri),
        capture=version.tags.get(CAPTURE_TAG, ""),
        created=created,
        proof=version.tags.get(PROOF_TAG, ""),
        identity=version.tags.get(IDENTITY_TAG, ""),
        aliases=aliases or tuple(version.aliases or ()),
    )


def _check_proof(capture: Capture, verification: Verification) -> None:
    if verification.capture != capture.digest:
        raise Failed(
            "The proof is of another capture",
            code="foreign-proof",
            where=capture.tag,
            why=f"It names the capture {verification.capture[:12]}.",
            fix="proof = nb2prod.verify(capture)",
            kept="nothing was registered",
        )
    if verification.status == "refused":
        raise Refused(
            f"`{capture.name}` was refused and is not registered",
            code=verification.code or "refused",
            where=verification.where,
            why=verification.reason,
            fix=verification.fix,
            kept="nothing was registered",
        )


def _keep_current(
    client: Any, version: Any, capture: Capture, verification: Verification, bento: BentoRef | None
) -> None:
    """A later proof of the same capture takes the place of the first."""
    changed = {k: v for k, v in _tags(capture, verification, bento).items() if version.tags.get(k) != v}
    model_id = version.tags.get(MODEL_TAG)
    if PROOF_TAG in changed and model_id:
        with tempfile.TemporaryDirectory(prefix="nb2prod-proof-") as folder:
            Path(folder, mlflow_model.PROOF).write_bytes(to_json(verification))
            client.log_model_artifacts(model_id, folder)
    for key, value in changed.items():
        client.set_model_version_tag(version.name, version.version, key, value)
        version.tags[key] = value


def _create(client: Any, home: Home, uri: str, capture: Capture, verification: Verification) -> Any:
    if connection.own(home, uri):
        size = sum(path.stat().st_size for path in capture.folder.rglob("*") if path.is_file())
        home.require_space(2 * size + 2**20, what=f"the artifacts of {capture.name}")
    experiment = _experiment(client, home, uri)
    logged = _logged_model(client, experiment, capture)
    if str(logged.status) != "READY":
        with tempfile.TemporaryDirectory(prefix="nb2prod-model-") as folder:
            mlflow_model.write(
                capture, verification, Path(folder), model_id=logged.model_id, run_id=logged.source_run_id
            )
            client.log_model_artifacts(logged.model_id, folder)
        client.finalize_logged_model(logged.model_id, "READY")
        client.set_terminated(logged.source_run_id, "FINISHED")
    _registered_model(client, capture)
    version = client.create_model_version(
        capture.name,
        # A database is asked in this process, where MLflow would look "models:/m-…" up in its global registry.
        source=f"models:/{logged.model_id}" if uri.startswith("http") else logged.artifact_location,
        run_id=logged.source_run_id,
        model_id=logged.model_id,
        tags={**_tags(capture, verification, None), MODEL_TAG: logged.model_id},
    )
    if not uri.startswith("http"):  # where a server would link the two
        link = json.dumps([{"name": version.name, "version": version.version}])
        client.set_logged_model_tags(logged.model_id, {"mlflow.modelVersions": link})
    return version


def _experiment(client: Any, home: Home, uri: str) -> str:
    name = "nb2prod"
    found = client.get_experiment_by_name(name)
    if found is not None and found.lifecycle_stage == "active":
        return str(found.experiment_id)
    if found is not None:
        client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)
    where = store.artifacts(home) if connection.own(home, uri) else None
    return str(client.create_experiment(name, artifact_location=where))


def _logged_model(client: Any, experiment: str, capture: Capture) -> Any:
    """The logged model of this capture, made with its run unless an interrupted run left them."""
    same = f"tags.`{CAPTURE_TAG}` = '{capture.digest}'"
    for logged in client.search_logged_models([experiment], filter_string=same):
        if str(logged.status) in {"READY", "PENDING"}:
            return logged
    runs = client.search_runs([experiment], filter_string=same, max_results=1)
    run = runs[0] if runs else _run(client, experiment, capture)
    record = capture.record
    return client.create_logged_model(
        experiment,
        name=capture.name,
        source_run_id=run.info.run_id,
        tags={CAPTURE_TAG: capture.digest, "nb2prod.name": capture.name},
        params={"model": record.model.model_class, "flavor": record.model.flavor, "format": record.model.format},
        model_type=record.model.model_class.rpartition(".")[2],
    )


def _run(client: Any, experiment: str, capture: Capture) -> Any:
    lineage = capture.record.lineage
    tags = {
        CAPTURE_TAG: capture.digest,
        "mlflow.user": lineage.user,
        "mlflow.source.type": "NOTEBOOK",
        "mlflow.source.name": lineage.notebook or "notebook",
    }
    if lineage.git_commit:
        tags["mlflow.source.git.commit"] = lineage.git_commit
    run = client.create_run(experiment, tags=tags, run_name=capture.tag)
    if lineage.data:
        client.log_inputs(run.info.run_id, datasets=[_dataset(source, lineage.notebook) for source in lineage.data])
    return run


def _dataset(source: DataSource, notebook: str | None) -> Any:
    """Where the model's data came from, as MLflow's lineage has it: name, digest, size, source; never the data."""
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.dataset_source_registry import resolve_dataset_source
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.entities import Dataset, DatasetInput, InputTag
    from mlflow.exceptions import MlflowException

    origin = CodeDatasetSource({"mlflow.source.name": notebook or "notebook", "mlflow.source.type": "NOTEBOOK"})
    if source.source:
        try:
            origin = resolve_dataset_source(source.source)
        except MlflowException:
            origin = CodeDatasetSource({"mlflow.source.name": source.source})
    made = MetaDataset(origin, name=source.name, digest=source.digest[:32])
    fields = made.to_dict()
    fields["profile"] = f'{{"num_rows": {source.rows}, "num_columns": {source.columns}}}'
    kept = {key: fields[key] for key in ("name", "digest", "source_type", "source", "profile")}
    return DatasetInput(Dataset(**kept), [InputTag("mlflow.data.context", source.role)])


def _registered_model(client: Any, capture: Capture) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(capture.name, tags={"nb2prod": capture.record.lineage.nb2prod})
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _tags(capture: Capture, verification: Verification, bento: BentoRef | None) -> dict[str, str]:
    record = capture.record
    tags = {
        CAPTURE_TAG: capture.digest,
        PROOF_TAG: verification.status,
        IDENTITY_TAG: identity(record),
        "nb2prod.held": verification.held,
        "nb2prod.lock": record.environment.lock,
        "nb2prod.model": record.model.model_class,
        "nb2prod.python": record.environment.python,
        "nb2prod.version": record.lineage.nb2prod,
    }
    if bento is not None:
        tags[BENTO_TAG] = bento.tag
    return {key: value for key, value in tags.items() if value}
