"""The model whose rows lie in a spool: its baseline and signature, kept there so that counting needs nothing else."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from nb2prod.baseline import Baseline
from nb2prod.baseline.scores import Target
from nb2prod.baseline.words import level
from nb2prod.records.base import read, to_json
from nb2prod.records.capture import Signature

_SLICES = "slices.json"


@dataclass(frozen=True)
class Watched:
    """What counting must know of a model, and the deployment's name."""

    name: str
    baseline: Baseline
    signature: Signature

    @property
    def key(self) -> str:
        """32 hex digits that name deployment, baseline and signature together."""
        told = f"{self.name}\n{self.baseline.digest}\n{self.baseline.scores_digest}\n".encode() + to_json(
            self.signature
        )
        return hashlib.sha256(told).hexdigest()[:32]

    def save(self, folder: Path) -> None:
        """Keep it under its key; a folder that is there is whole."""
        target = folder / "models" / self.key
        if target.exists():
            return
        unfinished = folder / "models" / f".{self.key}.{os.getpid()}"
        try:
            self.baseline.save(unfinished)
            (unfinished / "name").write_text(self.name, encoding="utf-8")
            (unfinished / "signature.json").write_bytes(to_json(self.signature))
            with contextlib.suppress(OSError):  # another worker was first
                unfinished.rename(target)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


def load(folder: Path, key: str) -> Watched:
    """What `save` kept; `FileNotFoundError` where it is not there."""
    home = folder / "models" / key
    return watched(home)


def watched(folder: Path) -> Watched:
    """Read a model's folder. A baseline that saw no labels is told the task, so that labels count the same every time."""
    signature = read(folder / "signature.json", Signature)
    baseline = Baseline.load(folder)
    if baseline.target is None:
        baseline = replace(baseline, target=_target(signature))
    return Watched((folder / "name").read_text(encoding="utf-8"), baseline, signature)


def _target(signature: Signature) -> Target | None:
    output = signature.output
    if output.kind == "number" and len(output.names) < 2 and output.container not in ("frame", "dict"):
        return Target("regression")
    if output.kind != "class" or not output.classes:
        return None
    names = tuple(str(level(value)) for value in output.classes)
    if not output.probabilities:
        return Target("class", names)
    return Target("binary" if len(names) == 2 else "multiclass", names)


def bring(key: str, spool: Path, side: Path) -> Watched:
    """From the side folder; from the spool at first, and then kept in the side folder, which outlives it."""
    try:
        return load(side, key)
    except (OSError, FileNotFoundError):
        found = load(spool, key)
        found.save(side)
        return found


def declare(folder: Path, slices: Sequence[tuple[str, str]]) -> None:
    """Keep in a spool by which slices its rows are to be counted apart."""
    unfinished = folder / f".{_SLICES}.{os.getpid()}"
    unfinished.write_bytes(msgspec.json.encode(slices))
    unfinished.replace(folder / _SLICES)


def declared(folder: Path) -> tuple[tuple[str, str], ...]:
    """The slices that are declared in a spool."""
    try:
        return msgspec.json.decode((folder / _SLICES).read_bytes(), type=tuple[tuple[str, str], ...])
    except FileNotFoundError:
        return ()


def load_name(folder: Path, key: str) -> str:
    """The deployment that a key stands for."""
    return (folder / "models" / key / "name").read_text(encoding="utf-8")
