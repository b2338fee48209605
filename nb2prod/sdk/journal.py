"""The lines of a deploy: each step in the present while it runs, with what was found afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from nb2prod.records.capture import CaptureRecord
from nb2prod.records.lifecycle import Progress, Step, StepName
from nb2prod.records.proof import Verification


class Line:
    """One step's line while it is being written."""

    def __init__(self) -> None:
        self.text = ""
        self.skipped = False

    def found(self, text: str) -> None:
        """Say what was found, once the step is done."""
        self.text = text

    def skip(self, text: str) -> None:
        """Say why the step had nothing to do."""
        self.text, self.skipped = text, True


class Journal:
    """Collects the steps of one run and tells each to `progress` as it goes."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.steps: list[Step] = []

    @contextmanager
    def step(self, name: StepName, doing: str) -> Iterator[Line]:
        """Time a step; an error in it is told as failed and goes on."""
        start = time.perf_counter()
        self._progress(Step(name=name, state="running", text=doing))
        line = Line()
        try:
            yield line
        except BaseException as error:
            stopped = isinstance(error, KeyboardInterrupt)
            title = "interrupted" if stopped else getattr(error, "title", None) or type(error).__name__
            self._tell(Step(name=name, state="failed", text=str(title), seconds=time.perf_counter() - start))
            raise
        seconds = time.perf_counter() - start
        self._tell(
            Step(name=name, state="skipped" if line.skipped else "done", text=line.text or doing, seconds=seconds)
        )

    def _tell(self, step: Step) -> None:
        self.steps.append(step)
        self._progress(step)


def captured(record: CaptureRecord) -> str:
    """`HistGradientBoostingClassifier in a Pipeline · 14 columns · delayutils · 63 packages`."""
    model = record.model
    kind = model.model_class.rpartition(".")[2]
    name = f"{model.steps[-1]} in a {kind}" if model.steps else kind
    local = [module.name for module in record.environment.local]
    columns = len(record.signature.columns)
    parts = [name, f"{columns} column{'s' * (columns != 1)}", *local[:3]]
    if len(local) > 3:
        parts.append(f"{len(local) - 3} more modules")
    parts.append(f"{record.environment.packages} packages")
    return " · ".join(parts)


def verified(proof: Verification) -> str:
    """`114 rows answer as in this kernel, bit for bit, in a clean environment and over HTTP`."""
    if proof.status != "verified":
        return f"{proof.status}: {proof.title}"
    rows = max((one.rows for one in proof.replays), default=0)
    exact = "bit for bit" if proof.held == "bit-for-bit" else "labels exact and scores within tolerance"
    answer = "1 row answers" if rows == 1 else f"{rows} rows answer"
    return f"{answer} as in this kernel, {exact}, in a clean environment and over HTTP"
