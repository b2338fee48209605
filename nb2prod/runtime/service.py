"""The Bento's service: BentoML's own, with our front before it. The one module that knows BentoML.

`nb2prod.runtime.service:svc` is what a Bento names. It is made from the capture beside the runtime's own code.
"""

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

import bentoml
from _bentoml_sdk import Service

from nb2prod.records.base import read
from nb2prod.records.capture import CaptureRecord
from nb2prod.runtime import assembly
from nb2prod.runtime.rows import rows_from_wire


class FrontedService(Service):  # type: ignore[misc]
    """A BentoML service whose app stands behind `Front`; the model is loaded in workers only."""

    def to_asgi(self, is_main: bool = True) -> Any:
        return assembly.front(self.behind(is_main), str(self.bento.tag) if self.bento is not None else "")

    def behind(self, is_main: bool = True) -> Any:
        """BentoML's app alone."""
        return super().to_asgi(is_main)


class Model:
    """The model as BentoML's clients see it; `Front` answers `/predict` before it."""

    @bentoml.api(route="/predict")  # type: ignore[untyped-decorator]
    def predict(
        self, inputs: list[Any], ids: list[Any] | None = None, times: list[Any] | None = None
    ) -> dict[str, Any]:
        model = assembly.served(None)
        answers = model.answer(rows_from_wire(inputs, model.signature))
        said: dict[str, Any] = {"predictions": list(answers.predictions)}
        if answers.probabilities is not None:
            said["probabilities"] = [list(row) for row in answers.probabilities]
        return said


def build() -> FrontedService:
    """The service object; nothing of the model is loaded yet."""
    record = read(assembly.capture_folder() / "capture.json", CaptureRecord)
    access = {"access": {"enabled": False}}
    return FrontedService(name=record.name, config={"logging": access, "workers": 1}, inner=Model)


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


def __getattr__(name: str) -> Any:
    if name != "svc":
        raise AttributeError(name)
    globals()["svc"] = service = build()
    return service
