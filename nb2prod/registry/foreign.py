"""Models that nb2prod did not register: brought here by their URI, as the object that their framework gives."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any, Final

from nb2prod.errors import NotFound, Refused, UsageError
from nb2prod.home import Home
from nb2prod.registry import connection
from nb2prod.registry.catalogue import resolve
from nb2prod.runtime.flavors.pyfunc import remembered

SCHEMES: Final = ("models:/", "runs:/")
_NATIVE: Final = ("sklearn", "xgboost", "lightgbm", "catboost", "statsmodels")


def is_uri(text: Any) -> bool:
    """Whether a text names a model in a registry or a run."""
    return isinstance(text, str) and text.startswith(SCHEMES)


def captured(uri: str, home: Home) -> tuple[str, int] | None:
    """Name and version of what nb2prod registered itself; None for any other model."""
    if not uri.startswith("models:/") or _logged(uri):
        return None
    found = resolve(uri, home)
    return (found.name, found.version) if found.capture else None


def suggested_name(uri: str) -> str | None:
    """The registered model's own name; a run has none to give."""
    if not uri.startswith("models:/") or _logged(uri):
        return None
    return uri.removeprefix("models:/").partition("@")[0].partition("/")[0]


def load(uri: str, home: Home) -> Any:
    """The model object that ``models:/NAME/3``, ``models:/NAME@alias``, ``models:/m-…`` or ``runs:/RUN/PATH`` names.

    Where MLflow saved it by a framework that nb2prod knows, it is that framework's own object, which has probabilities;
    else MLflow's `PyFuncModel`.

    Raises
    ------
    NotFound
        There is no such model.
    Refused
        No flavor that nb2prod deploys (``not-loadable``), or its packages are not installed here (``not-installed``).
    """
    with connection.session(home) as client:
        mlflow = connection.load_mlflow()
        folder = Path(tempfile.mkdtemp(prefix="nb2prod-model-"))
        try:
            model = _native(mlflow, _brought(mlflow, client, uri, folder, home), uri)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        weakref.finalize(model, shutil.rmtree, folder, ignore_errors=True)
        return model


def _brought(mlflow: Any, client: Any, uri: str, folder: Path, home: Home) -> Path:
    from mlflow.exceptions import MlflowException

    source = uri
    if uri.startswith("models:/") and not _logged(uri):
        found = resolve(uri, home)
        source = client.get_model_version_download_uri(found.name, str(found.version))
    local = connection.local_path(source)
    if local is not None:
        return Path(shutil.copytree(local, folder / "model"))
    try:
        return Path(
            mlflow.artifacts.download_artifacts(
                artifact_uri=source, dst_path=str(folder), tracking_uri=client.tracking_uri
            )
        )
    except (MlflowException, OSError) as error:
        raise NotFound(
            f"There is no model at {uri}",
            code="no-such-version",
            where=connection.shown(client.tracking_uri),
            why=str(error).splitlines()[0],
            fix="runs:/RUN_ID/NAME or models:/NAME/VERSION, as the MLflow page of the model shows it",
        ) from error


def _native(mlflow: Any, path: Path, uri: str) -> Any:
    flavors = mlflow.models.Model.load(str(path)).flavors
    name = next((name for name in _NATIVE if name in flavors), None)
    if name is None and "python_function" not in flavors:
        raise Refused(
            f"{uri} holds no model that can be deployed",
            code="not-loadable",
            where=uri,
            why=f"MLflow saved it as {', '.join(sorted(flavors)) or 'nothing'}.",
            fix="log it with mlflow.sklearn or mlflow.pyfunc",
        )
    try:
        if name is not None:
            return getattr(mlflow, name).load_model(str(path))
        return remembered(mlflow.pyfunc.load_model(str(path), suppress_warnings=True), path)
    except ModuleNotFoundError as error:
        raise Refused(
            f"{uri} needs `{error.name}`, which is not installed here",
            code="not-installed",
            where=uri,
            why="A model is asked in this kernel first: its answers are what the service is compared with.",
            fix=f"pip install {error.name}",
        ) from error


def _logged(uri: str) -> bool:
    """`models:/m-…` is a logged model's id, with or without a version registered."""
    rest = uri.removeprefix("models:/")
    return rest.startswith("m-") and len(rest) == 34 and rest[2:].isalnum()


def unnamed(uri: str) -> UsageError:
    """A model that brings no name needs one."""
    return UsageError(
        f"{uri} has no registered name",
        code="no-name",
        where="--name",
        why="A deployment has a name; a run's model brings none.",
        fix=f"%deploy {uri} --name NAME --data X_train",
        kept="nothing was captured",
    )
