"""The Bento's service: BentoML's own, with our front before it. The one module that knows BentoML.

`nb2prod.runtime.service:svc` is what a Bento names. It is made from the capture beside the runtime's own code:
``src/capture`` next to ``src/nb2prod``, or the Bento's one model under ``models/``.
"""

import functools
import logging
import os
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

import bentoml
from _bentoml_sdk import Service

from nb2prod.errors import Failed
from nb2prod.records.base import read
from nb2prod.records.capture import CaptureRecord
from nb2prod.runtime.front import Front
from nb2prod.runtime.model import ServedModel, environment_file
from nb2prod.runtime.protocol import feedback
from nb2prod.runtime.recorder import SpoolRecorder
from nb2prod.runtime.rows import rows_from_wire
from nb2prod.runtime.settings import Settings

SPOOL = "NB2PROD_SPOOL"
log = logging.getLogger("nb2prod")


class FrontedService(Service):  # type: ignore[misc]
    """A BentoML service whose app stands behind `Front`; the model is loaded in workers only."""

    def to_asgi(self, is_main: bool = True) -> Any:
        folder = capture_folder()
        record = read(folder / "capture.json", CaptureRecord)
        settings = Settings.from_environment(name=record.name, tag=_tag(self, record, folder))
        model = served(settings.current.environment)
        log.info("%s was loaded: %s hold", record.name, model.checked)
        app = super().to_asgi(is_main)
        recorder = _recorder(model, settings)
        return Front(app, model, settings, recorder=recorder, routes=feedback.spooled(recorder, settings.now))


class Model:
    """The model as BentoML's clients see it; `Front` answers `/predict` before it."""

    @bentoml.api(route="/predict")  # type: ignore[untyped-decorator]
    def predict(
        self, inputs: list[Any], ids: list[Any] | None = None, times: list[Any] | None = None
    ) -> dict[str, Any]:
        model = served(None)
        answers = model.answer(rows_from_wire(inputs, model.signature))
        said: dict[str, Any] = {"predictions": list(answers.predictions)}
        if answers.probabilities is not None:
            said["probabilities"] = [list(row) for row in answers.probabilities]
        return said


def build() -> FrontedService:
    """The service object; nothing of the model is loaded yet."""
    record = read(capture_folder() / "capture.json", CaptureRecord)
    access = {"access": {"enabled": False}}
    return FrontedService(name=record.name, config={"logging": access, "workers": 1}, inner=Model)


def capture_folder() -> Path:
    """Where this Bento keeps its capture."""
    source = Path(__file__).resolve().parents[2]
    here = source / "capture"
    if (here / "capture.json").is_file():
        return here
    found = sorted(source.parent.glob("models/*/*/capture.json"))
    if len(found) != 1:
        raise Failed(
            "This is no Bento of nb2prod",
            code="no-capture",
            where=str(source),
            why="Neither `capture` beside the runtime nor one model of the Bento holds a capture.",
            fix="%deploy model      (builds the Bento again)",
        )
    return found[0].parent


@functools.cache
def served(environment: str | None) -> ServedModel:
    """The loaded model, once a process."""
    return ServedModel.load(capture_folder(), environment=environment_file(environment))


def load(bento: Path) -> Any:
    """The service of an unpacked Bento, with BentoML's context filled as its own worker does."""
    from bentoml._internal.context import server_context

    service = bentoml.load(str(bento))
    server_context.service_type = "entry_service"
    server_context.service_name = service.name
    server_context.service_routes = [api.route for api in service.apis.values()]
    if service.bento is not None:
        server_context.bento_name = service.bento.tag.name
        server_context.bento_version = service.bento.tag.version or "not available"
    return service


def _tag(service: Any, record: CaptureRecord, folder: Path) -> str:
    if service.bento is not None:
        return str(service.bento.tag)
    from nb2prod.records.capture import Manifest

    return f"{record.name}:{read(folder / 'manifest.json', Manifest).digest[:12]}"


def _recorder(model: ServedModel, settings: Settings) -> SpoolRecorder | None:
    """The recorder over the spool that the settings name, or over one of its own where no target speaks to the service."""
    now = settings.current
    spool = Path(now.spool) if now.spool else None if settings.told else _spool(settings.label)
    if spool is None or model.baseline is None:
        log.info("nothing is recorded: %s", "the capture has no baseline" if spool else "no spool is named")
        return None
    return SpoolRecorder(
        spool,
        name=now.name,
        baseline=model.baseline,
        signature=model.signature,
        limit=now.spool_limit,
        outcomes=now.outcomes,
        counter=now.counter,
        slices=lambda: settings.current.slices,
    )


def _spool(tag: str) -> Path:
    folder = os.environ.get(SPOOL)
    return Path(folder) if folder else Path(tempfile.gettempdir()) / f"nb2prod-{os.getuid()}" / tag.replace(":", "-")


def __getattr__(name: str) -> Any:
    if name != "svc":
        raise AttributeError(name)
    globals()["svc"] = service = build()
    return service
