"""Two captures are one model where environment, code, contract and answers are equal."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec

from nb2prod.capturing.identity import digest, identical
from nb2prod.records.capture import (
    Answers,
    Capture,
    CaptureRecord,
    Column,
    Environment,
    FlavorRecord,
    Golden,
    Lineage,
    Manifest,
    Output,
    Signature,
)

ROWS = Golden(kind="sample", rows=("late again", "fine"), batch=Answers(predictions=(0, 1)))
OTHER = msgspec.structs.replace(ROWS, batch=Answers(predictions=(1, 1)))


def texts(folder: Path, rows: Golden) -> Capture:
    """A capture of a model of texts, which keeps none."""
    signature = Signature(
        columns=(Column(name="text", kind="text", dtype="str"),), output=Output(kind="number"), rows="texts"
    )
    record = CaptureRecord(
        name="reviews",
        model=FlavorRecord(flavor="sklearn", format="skops", model_class="x"),
        signature=signature,
        environment=Environment(python="3.11", implementation="cpython", platform="linux", machine="any"),
        lineage=Lineage(created="2026-01-01T00:00:00Z", user="tester", nb2prod="0"),
        golden="none",
        golden_rows=0,
        baseline_rows=2,
        answers=digest(rows),
    )
    return Capture(folder, record, Manifest(files={}), live=rows)


def test_a_model_that_keeps_no_rows_is_known_again_by_its_answers_digest(tmp_path: Path) -> None:
    there = dataclasses.replace(texts(tmp_path, ROWS), live=None)
    assert identical(texts(tmp_path, ROWS), there)
    assert not identical(texts(tmp_path, OTHER), there)


def test_no_row_can_be_read_from_what_stays(tmp_path: Path) -> None:
    assert "late again" not in str(texts(tmp_path, ROWS).record)
