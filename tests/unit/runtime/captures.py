"""Captures made by hand, small and quick, for the tests of what ships."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nb2prod.baseline import Baseline
from nb2prod.records.base import to_json
from nb2prod.records.capture import CaptureRecord, Column, Environment, Lineage, Output, Signature
from nb2prod.runtime import flavors, manifest

AGE = Column(name="age", kind="number", dtype="float64")
CITY = Column(name="city", kind="text", dtype="str")
NUMBER = Output(kind="number", dtype="float64")
FRAME = Signature(columns=(AGE, CITY), output=NUMBER)


def write(
    folder: Path,
    model: Any,
    signature: Signature = FRAME,
    *,
    name: str = "ages",
    code: dict[str, str] | None = None,
    variables: tuple[str, ...] = (),
    training: Any = None,
) -> Path:
    """A capture of `model`; `code` maps file names to the sources of local modules, `training` is the baseline's frame."""
    record = flavors.save(model, folder / "model")
    for file, source in (code or {}).items():
        (folder / "code").mkdir(exist_ok=True)
        (folder / "code" / file).write_text(source)
    if training is not None:
        Baseline.from_frame(training).save(folder / "baseline")
    (folder / "requirements.txt").write_text("")
    environment = Environment(
        python="3.11", implementation="cpython", platform="linux", machine="any", variables=variables
    )
    capture = CaptureRecord(
        name=name,
        model=record,
        signature=signature,
        environment=environment,
        lineage=Lineage(created="2026-01-01T00:00:00Z", user="tester", nb2prod="0"),
        golden="none",
        golden_rows=0,
        baseline_rows=0,
    )
    (folder / "capture.json").write_bytes(to_json(capture))
    manifest.write(folder)
    return folder
