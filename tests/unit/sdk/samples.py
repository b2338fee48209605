"""Records as a deploy of the flights would leave them, for the tests of what a person sees."""

from __future__ import annotations

from nb2prod.records.capture import (
    CaptureRecord,
    Cell,
    Column,
    DataSource,
    Environment,
    Finding,
    FlavorRecord,
    Lineage,
    LocalModule,
    Output,
    Signature,
)
from nb2prod.records.lifecycle import Outcome, Step
from nb2prod.records.proof import Replay, Verification
from nb2prod.records.serving import ServiceStatus, Worker

URL = "http://127.0.0.1:3080"

STEPS = (
    Step(
        name="Capture",
        state="done",
        seconds=0.9,
        text="HistGradientBoostingClassifier in a Pipeline · 3 columns · delayutils.py · 63 packages",
    ),
    Step(
        name="Verify",
        state="done",
        seconds=4.2,
        text="114 rows answer as in this kernel, bit for bit, in a clean environment and over HTTP",
    ),
    Step(name="Register", state="done", seconds=0.2, text="delays version 3"),
    Step(name="Package", state="done", seconds=0.1, text="41 MB"),
    Step(name="Deploy", state="done", seconds=1.4, text="2 workers"),
)

STALE = Finding(
    code="stale-function",
    severity="warn",
    title="Cell 7 (In [12]) changed `clean` after the model was fitted",
    why="The service runs the older one, as the model does. To use the new one, run cells 7 to 9 and %deploy again",
)

SIGNATURE = Signature(
    columns=(
        Column(name="hour", kind="integer", dtype="int64"),
        Column(name="temp", kind="number", dtype="float64", nullable=True),
        Column(name="origin", kind="category", dtype="category", categories=("EWR", "JFK", "LGA")),
    ),
    output=Output(kind="class", dtype="int64", classes=(0, 1), probabilities=True),
)


def record(*findings: Finding, signature: Signature = SIGNATURE) -> CaptureRecord:
    return CaptureRecord(
        name="delays",
        model=FlavorRecord(
            flavor="sklearn",
            format="skops",
            model_class="Pipeline",
            steps=("ColumnTransformer", "HistGradientBoostingClassifier"),
        ),
        signature=signature,
        environment=Environment(
            python="3.11.9",
            implementation="CPython",
            platform="Linux",
            machine="x86_64",
            pins=("scikit-learn==1.9.0", "pandas==3.1.0"),
            left_out=("matplotlib",),
            local=(LocalModule(name="delayutils", digest="0" * 64),),
            packages=63,
        ),
        lineage=Lineage(
            created="2026-11-24T15:00:00Z",
            user="ada",
            nb2prod="0.1.0",
            notebook="delays.ipynb",
            cells=(Cell(execution=3, index=2), Cell(execution=12, index=7)),
            data=(
                DataSource(name="X_train", role="training", rows=81204, columns=3, digest="1" * 64),
                DataSource(name="y_train", role="labels", rows=81204, columns=1, digest="2" * 64),
                DataSource(name="X_test", role="holdout", rows=20000, columns=3, digest="3" * 64),
            ),
        ),
        golden="synthetic",
        golden_rows=114,
        baseline_rows=81204,
        findings=findings,
    )


PROOF = Verification(
    capture="a" * 64,
    status="verified",
    held="bit-for-bit",
    replays=(
        Replay(way="artifact", rows=114, kind="sample", equal=True, held="bit-for-bit", seconds=2.2),
        Replay(way="service, many rows", rows=114, kind="sample", equal=True, held="bit-for-bit", seconds=3.1),
    ),
)


def outcome(**changes: object) -> Outcome:
    fields: dict[str, object] = {
        "steps": STEPS,
        "capture": record(),
        "verification": PROOF,
        "name": "delays",
        "version": 3,
        "url": URL,
        "bento": "delays:abcdef123456",
        "workers": 2,
        "bytes": 41_000_000,
        "watching": "3 columns, score and confidence against 81,204 training rows. One false alarm in 20 such lives.",
    }
    return Outcome(**{**fields, **changes})  # type: ignore[arg-type]


STATUS = ServiceStatus(
    name="delays",
    state="live",
    url=URL,
    version=3,
    workers=(Worker(name="worker-1", pid=4711, state="running"), Worker(name="worker-2", pid=4712, state="running")),
    model_uri="models:/delays/3",
    bento="/home/ada/.local/share/nb2prod/bentos/delays/abcdef123456",
    proof="verified",
    requests=3002,
    p50_ms=2.04,
    p99_ms=7.1,
    errors=0,
)
