"""What verification found, what was registered, what was packaged."""

from __future__ import annotations

from typing import ClassVar, Literal

from nb2prod.records.base import Record
from nb2prod.records.capture import Finding

Status = Literal["verified", "refused", "unverified"]
Held = Literal["bit-for-bit", "labels exact, scores within tolerance", "not compared"]


class Replay(Record, frozen=True, kw_only=True):
    """One replay of golden rows: where, how many rows, how equal, how long."""

    way: Literal["artifact", "service, many rows", "service, one row", "first worker"]
    rows: int
    kind: Literal["sample", "synthetic", "none"]
    equal: bool
    held: Held
    largest: float = 0.0
    differing: int = 0
    first: int | None = None
    seconds: float = 0.0


class Verification(Record, frozen=True, kw_only=True):
    """The proof: did a clean environment give the kernel's own answers?

    `network` and `files` say by which means the replay was kept from the network and from the notebook's folder.
    """

    SCHEMA: ClassVar[int] = 1

    schema: int = 1
    capture: str
    status: Status
    held: Held = "not compared"
    title: str = ""
    reason: str = ""
    fix: str = ""
    kept: str | None = None
    where: str = ""
    code: str = ""
    log: tuple[str, ...] = ()
    replays: tuple[Replay, ...] = ()
    outside: tuple[str, ...] = ()
    warnings: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()
    environment: str = ""
    network: Literal["namespace", "audit hook", "open"] = "open"
    files: Literal["namespace", "audit hook", "open"] = "open"
    created: str = ""
    seconds: float = 0.0


class RegisteredVersion(Record, frozen=True, kw_only=True):
    """A model version in an MLflow registry.

    `proof` is the status of its verification; `identity` is equal for captures that may be the same (see `registry.identity`).
    """

    name: str
    version: int
    model_uri: str
    tracking_uri: str
    capture: str
    created: bool = True
    proof: str = ""
    identity: str = ""
    aliases: tuple[str, ...] = ()


class BentoRef(Record, frozen=True, kw_only=True):
    """An unpacked Bento on disk: `bentoml serve FOLDER` works on it."""

    tag: str
    folder: str
    capture: str
    bytes: int
