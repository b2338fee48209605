"""What a step tells while it runs, and what is to be done to a deployment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from nb2prod.records.base import Record
from nb2prod.records.capture import CaptureRecord, Finding
from nb2prod.records.proof import Verification

StepName = Literal["Notebook", "Capture", "Verify", "Register", "Package", "Deploy"]


class Step(Record, frozen=True, kw_only=True):
    """One line of progress: in the present while it runs, with what was found afterwards."""

    name: StepName
    state: Literal["running", "done", "skipped", "failed"]
    text: str
    seconds: float | None = None


Progress = Callable[[Step], None]


class Action(Record, frozen=True, kw_only=True):
    """What is to be done to a deployment, by whom it was asked and why; the agent carries it out."""

    deployment: str
    verb: str
    reason: str
    detail: dict[str, Any] = {}


def silent(step: Step) -> None:
    """The progress of a caller who does not look."""


class Outcome(Record, frozen=True, kw_only=True):
    """What a deploy did, for the card: the steps, the service, what changed against the version before.

    With `canary` the version answers that many percent beside `champion`; else it has the traffic, which `replaced` had before.
    """

    steps: tuple[Step, ...]
    capture: CaptureRecord
    verification: Verification
    name: str
    version: int
    url: str
    bento: str
    workers: int
    bytes: int
    unchanged: bool = False
    replaced: int | None = None
    canary: float | None = None
    champion: int | None = None
    changed: int | None = None
    compared: int | None = None
    not_compared: str = ""
    metric: str | None = None
    metric_now: float | None = None
    metric_before: float | None = None
    watching: str = ""
    notes: tuple[Finding, ...] = ()


class Plan(Record, frozen=True, kw_only=True):
    """What `--dry-run` shows: what would go, and nothing is made."""

    name: str
    capture: CaptureRecord
    packages: int
    bytes: int
    files: tuple[str, ...]
