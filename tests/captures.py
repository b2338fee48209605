"""A real capture, made by hand in a second: for tests of the rooms that only need one to work on."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from nb2prod import __version__
from nb2prod.baseline import Baseline
from nb2prod.records.base import to_json
from nb2prod.records.capture import (
    Answers,
    Capture,
    CaptureRecord,
    Column,
    DataSource,
    Environment,
    Golden,
    Lineage,
    Output,
    Signature,
)
from nb2prod.records.proof import Replay, Verification
from nb2prod.runtime import flavors, manifest
from nb2prod.runtime.wire import answers_to_wire, rows_to_wire

PINS = ("cloudpickle", "joblib", "numpy", "pandas", "scikit-learn", "scipy", "skops", "threadpoolctl")

SIGNATURE = Signature(
    columns=(
        Column(name="age", kind="integer", dtype="int64"),
        Column(name="income", kind="number", dtype="float64", nullable=True),
        Column(name="town", kind="category", dtype="category", categories=("Bern", "Genf", "Uri")),
        Column(name="when", kind="datetime", dtype="datetime64[ns]"),
    ),
    output=Output(kind="class", container="array", dtype="str", classes=("no", "yes"), probabilities=True),
)


def training(n: int = 300, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray[Any, Any]]:
    """Frame and labels with an integer, a number with nulls, a category and a date-time."""
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": draw.integers(18, 90, n),
            "income": np.where(draw.random(n) < 0.05, np.nan, draw.normal(50_000, 9_000, n)),
            "town": pd.Categorical(draw.choice(["Bern", "Genf", "Uri"], n), categories=["Bern", "Genf", "Uri"]),
            "when": pd.Timestamp("2026-01-01") + pd.to_timedelta(draw.integers(0, 300, n), unit="D"),
        }
    )
    frame["when"] = frame["when"].astype("datetime64[ns]")
    labels = np.where(frame["age"] + draw.normal(0, 10, n) > 50, "yes", "no")
    return frame, labels


def fitted(frame: pd.DataFrame, labels: np.ndarray[Any, Any]) -> Any:
    columns = make_column_transformer((StandardScaler(), ["age"]), (OneHotEncoder(), ["town"]))
    return make_pipeline(columns, LogisticRegression()).fit(frame, labels)


def capture(
    folder: Path,
    *,
    name: str = "loans",
    seed: int = 0,
    golden: bool = True,
    model: Any = None,
    frame: Any = None,
    signature: Signature = SIGNATURE,
    lock: str = "",
    pins: Sequence[str] = (),
    wheels: Sequence[Path] = (),
    modules: dict[str, str] | None = None,
) -> Capture:
    """Write a capture of `model` (default: a small pipeline) into `folder`, which is made."""
    folder.mkdir(parents=True)
    if model is None:
        frame, labels = training(seed=seed)
        model = fitted(frame, labels)
    (folder / "code").mkdir()
    for path, text in (modules or {}).items():
        (folder / "code" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "code" / path).write_text(text)
    record = flavors.save(model, folder / "model", by_value=())
    rows = _golden(model, frame, signature, folder) if golden else 0
    scores = flavors.of(model).answer(model, frame)[1]
    baseline = Baseline.from_frame(frame, scores)
    baseline.save(folder / "baseline")
    (folder / "requirements.txt").write_text(lock)
    for wheel in wheels:
        (folder / "wheels").mkdir(exist_ok=True)
        (folder / "wheels" / wheel.name).write_bytes(wheel.read_bytes())
    written = CaptureRecord(
        name=name,
        model=record,
        signature=signature,
        environment=_environment(pins, [wheel.name for wheel in wheels]),
        lineage=_lineage(len(frame)),
        golden="synthetic" if golden else "none",
        golden_rows=rows,
        baseline_rows=len(frame),
        baseline=baseline.digest,
        code="0" * 64,
    )
    (folder / "capture.json").write_bytes(to_json(written))
    return Capture(folder=folder, record=written, manifest=manifest.write(folder))


def proof(made: Capture, status: Any = "verified") -> Verification:
    """A proof of that capture."""
    replay = Replay(way="artifact", rows=20, kind="synthetic", equal=True, held="bit-for-bit")
    return Verification(capture=made.digest, status=status, held="bit-for-bit", replays=(replay,), reason="made up")


def _golden(model: Any, frame: Any, signature: Signature, folder: Path) -> int:
    head = frame[:20]
    flavor = flavors.of(model)
    batch = answers_to_wire(*flavor.answer(model, head), signature)
    kept = Golden(kind="synthetic", rows=rows_to_wire(head, signature), batch=batch, single=Answers(predictions=()))
    (folder / "golden").mkdir()
    (folder / "golden" / "golden.json").write_bytes(to_json(kept))
    return len(kept.rows)


def _environment(pins: Sequence[str], wheels: Sequence[str]) -> Environment:
    import platform
    import sys

    return Environment(
        python=platform.python_version(),
        implementation="CPython",
        platform=sys.platform,
        machine=platform.machine(),
        pins=tuple(pins) or tuple(f"{name}=={version(name)}" for name in PINS),
        wheels=tuple(wheels),
        lock="1" * 64,
    )


def _lineage(rows: int) -> Lineage:
    return Lineage(
        created="2026-01-01T00:00:00Z",
        user="someone",
        nb2prod=__version__,
        notebook="loans.ipynb",
        data=(
            DataSource(name="X_train", role="training", rows=rows, columns=4, digest="ab" * 32, source=None),
            DataSource(
                name="y_train",
                role="labels",
                rows=rows,
                columns=1,
                digest="cd" * 32,
                source="https://example.org/y.csv",
            ),
        ),
    )
