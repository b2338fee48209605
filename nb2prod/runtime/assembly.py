"""The front of a capture, put together: model, settings, recorder and routes. BentoML's app is given, or comes later."""

from __future__ import annotations

import functools
import logging
import os
import tempfile
from pathlib import Path

from nb2prod.errors import Failed
from nb2prod.records.base import read
from nb2prod.records.capture import CaptureRecord, Manifest
from nb2prod.runtime.front import App, Front
from nb2prod.runtime.model import ServedModel, environment_file
from nb2prod.runtime.protocol import feedback
from nb2prod.runtime.recorder import SpoolRecorder
from nb2prod.runtime.settings import Settings

SPOOL = "NB2PROD_SPOOL"
log = logging.getLogger("nb2prod")


def front(app: App, tag: str = "") -> Front:
    """The capture beside this code behind its front; `app` gets what is not ours.

    Parameters
    ----------
    tag
        The Bento's; default: the capture's name and the first 12 digits of its manifest.
    """
    folder = capture_folder()
    record = read(folder / "capture.json", CaptureRecord)
    tag = tag or f"{record.name}:{read(folder / 'manifest.json', Manifest).digest[:12]}"
    settings = Settings.from_environment(name=record.name, tag=tag)
    model = served(settings.current.environment)
    log.info("%s was loaded: %s hold", record.name, model.checked)
    recorder = _recorder(model, settings)
    return Front(app, model, settings, recorder=recorder, routes=feedback.spooled(recorder, settings.now))


def capture_folder() -> Path:
    """Where this Bento keeps its capture: ``src/capture`` next to ``src/nb2prod``, or its one model under ``models/``."""
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
