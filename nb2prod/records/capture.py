"""What a capture holds: the records of a model, its data, its environment and where it came from.

A capture is a folder:

    capture.json       CaptureRecord
    manifest.json      Manifest: SHA-256 of every other file
    signature.json     Signed: the manifest's digest, signed with the key of the home that captured it
    model/             the flavor's files and flavor.json (FlavorRecord)
    code/              local modules and packages, an importable root
    requirements.txt   the lock: hashed, names no index; model's and serving packages together
    pylock.toml        the same as PEP 751 says it
    sbom.cdx.json      the bill of materials, CycloneDX
    wheels/            wheels of what no index has
    baseline/          the training data as counts
    golden/golden.json Golden, where rows stay (`--golden`)
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import msgspec

from nb2prod.records.base import Record

Kind = Literal["number", "integer", "boolean", "category", "text", "datetime", "other"]
Severity = Literal["refuse", "warn", "note"]


class Column(Record, frozen=True, kw_only=True):
    """One input: its kind on the wire, and the pandas or numpy dtype that the model was trained on."""

    name: str
    kind: Kind
    dtype: str
    nullable: bool = False
    categories: tuple[Any, ...] = ()
    ordered: bool = False


class Output(Record, frozen=True, kw_only=True):
    """What the model answers. `classes` gives the order of a row of probabilities."""

    kind: Literal["class", "number", "text", "datetime", "object"]
    container: Literal["array", "series", "frame", "list", "dict"] = "array"
    dtype: str = ""
    names: tuple[str, ...] = ()
    classes: tuple[Any, ...] = ()
    probabilities: bool = False


class Signature(Record, frozen=True, kw_only=True):
    """The model's contract: its columns in order, the container it is called with, what it answers.

    `rows` is the container of the kernel's own call: a pandas frame, a numeric array (columns `x0 … xn`), a list of texts or a
    sparse matrix. A sparse matrix is `width` columns wide and of the class `sparse`; its `columns` are what is counted of a row.
    """

    columns: tuple[Column, ...]
    output: Output
    rows: Literal["frame", "array", "texts", "sparse"] = "frame"
    dtype: str = "float64"
    width: int = 0
    sparse: Literal["", "csr_matrix", "csr_array"] = ""
    extra_columns: Literal["refuse", "ignore"] = "refuse"
    time: str | None = None
    id: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


class FlavorRecord(Record, frozen=True, kw_only=True):
    """How the model was saved: which flavor loads it, by which format, asked by which methods."""

    flavor: str
    format: str
    model_class: str
    steps: tuple[str, ...] = ()
    detail: dict[str, Any] = {}


class Finding(Record, frozen=True, kw_only=True):
    """One thing that capture found: refuse stops it, warn is shown in the card, note is kept."""

    code: str
    severity: Severity
    title: str
    where: str = ""
    why: str = ""
    fix: str = ""


class RuleRecord(Record, frozen=True, kw_only=True):
    """A rule of capture in words. `strict` is refused with `--strict`; `accept` is the comment of a cell that accepts it."""

    code: str
    severity: Severity
    about: str
    fix: str
    strict: bool = False
    accept: str | None = None


class LocalModule(Record, frozen=True, kw_only=True):
    """A module or package copied into `code/`: its import name and the SHA-256 over its files."""

    name: str
    digest: str
    files: tuple[str, ...] = ()


class Environment(Record, frozen=True, kw_only=True):
    """What the model needs around it.

    `pins` are the captured distributions at the kernel's versions; `left_out` were loaded in the kernel and are not needed;
    `lock` is the SHA-256 of requirements.txt; `libraries` are the system's own that no wheel carries.
    """

    python: str
    implementation: str
    platform: str
    machine: str
    blas: tuple[str, ...] = ()
    pins: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    wheels: tuple[str, ...] = ()
    local: tuple[LocalModule, ...] = ()
    lock: str = ""
    unlocked: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    packages: int = 0


class Cell(Record, frozen=True, kw_only=True):
    """An executed cell that went into the model, as it ran."""

    execution: int
    index: int | None = None
    id: str | None = None
    digest: str = ""
    source: str = ""


class DataSource(Record, frozen=True, kw_only=True):
    """A data set the model saw: its name in the notebook, size, fingerprint and, where cells tell, its origin."""

    name: str
    role: Literal["training", "labels", "holdout"]
    rows: int
    columns: int
    digest: str
    source: str | None = None


class Lineage(Record, frozen=True, kw_only=True):
    """Where the model came from. `definitions` are the notebook's own functions and classes that go along, each with its cell."""

    created: str
    user: str
    nb2prod: str
    notebook: str | None = None
    cells: tuple[Cell, ...] = ()
    definitions: tuple[str, ...] = ()
    git_commit: str | None = None
    git_dirty: bool | None = None
    data: tuple[DataSource, ...] = ()
    stale_check: Literal["full", "partial", "none"] = "none"


class Answers(Record, frozen=True, kw_only=True):
    """Answers in wire form: plain values, one a row; a row of probabilities has the order of the signature's classes."""

    predictions: tuple[Any, ...]
    probabilities: tuple[tuple[float | None, ...], ...] | None = None


class Golden(Record, frozen=True, kw_only=True):
    """Rows in wire form and the kernel's own answers to them, asked once as one batch and once row by row.

    `kind` is `sample` (real rows), `synthetic` (drawn from the baseline) or `none`. The single answers cover the first
    `len(single.predictions)` rows.
    """

    kind: Literal["sample", "synthetic", "none"]
    rows: tuple[Any, ...] = ()
    batch: Answers = Answers(predictions=())
    single: Answers = Answers(predictions=())
    tolerance: float = 0.0


class HoldoutMetric(Record, frozen=True, kw_only=True):
    """The model's own quality on its hold-out: ROC AUC of two classes, accuracy of more, R² of numbers."""

    name: str
    value: float
    rows: int


class CaptureRecord(Record, frozen=True, kw_only=True):
    """A captured model in words: everything about it but its bytes.

    `answers` is the SHA-256 over the real rows of the proof and the answers to them: no row can be read from it.
    """

    SCHEMA: ClassVar[int] = 1

    schema: int = 1
    name: str
    model: FlavorRecord
    signature: Signature
    environment: Environment
    lineage: Lineage
    golden: Literal["sample", "synthetic", "none"]
    golden_rows: int
    baseline_rows: int
    answers: str = ""
    code: str = ""
    baseline: str = ""
    scores: str = ""
    holdout: HoldoutMetric | None = None
    findings: tuple[Finding, ...] = ()


class Manifest(Record, frozen=True, kw_only=True):
    """SHA-256 of every file of a capture, by its relative path."""

    SCHEMA: ClassVar[int] = 1

    schema: int = 1
    files: dict[str, str]

    @property
    def digest(self) -> str:
        """SHA-256 over the sorted paths and hashes; its first 12 digits are the Bento's version."""
        lines = "".join(f"{path}\0{self.files[path]}\n" for path in sorted(self.files))
        return hashlib.sha256(lines.encode()).hexdigest()


class Signed(Record, frozen=True, kw_only=True):
    """An Ed25519 signature of a manifest's digest: the public key in hexadecimal digits, the signature in base64."""

    SCHEMA: ClassVar[int] = 1

    schema: int = 1
    key: str
    signature: str


@dataclass(frozen=True)
class Capture:
    """A capture folder, and, in the process that made it, the real golden rows in memory.

    `live` is None for a capture that was opened from disk or fetched from a registry.
    """

    folder: Path
    record: CaptureRecord
    manifest: Manifest
    live: Golden | None = None

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def digest(self) -> str:
        return self.manifest.digest

    @property
    def tag(self) -> str:
        return f"{self.record.name}:{self.digest[:12]}"

    @property
    def golden(self) -> Golden | None:
        """The rows that stay with the capture, or None where none do."""
        path = self.folder / "golden" / "golden.json"
        return msgspec.json.decode(path.read_bytes(), type=Golden) if path.is_file() else None
