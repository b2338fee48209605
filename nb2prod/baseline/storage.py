"""A baseline in its folder: baseline.json for what is read by people, baseline.npz for arrays; no pickle, no rows."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nb2prod.baseline.feature import Feature
from nb2prod.errors import Conflict, Failed

SCHEMA = 1
_ARRAYS = ("edges", "known", "counts", "centres")
_PLAIN = ("name", "column", "kind", "part", "role", "levels", "precision", "options")


def pack(features: Iterable[Feature]) -> tuple[list[dict[str, Any]], dict[str, NDArray[Any]]]:
    """Features as plain values and named arrays."""
    plain: list[dict[str, Any]] = []
    arrays: dict[str, NDArray[Any]] = {}
    for place, feature in enumerate(features):
        plain.append({key: getattr(feature, key) for key in _PLAIN})
        arrays |= {f"{place}.{key}": getattr(feature, key) for key in _ARRAYS}
        if len(feature.apart):
            arrays[f"{place}.apart"] = feature.apart
    return plain, arrays


def unpack(plain: list[dict[str, Any]], arrays: Mapping[str, NDArray[Any]]) -> tuple[Feature, ...]:
    """The reverse of `pack`."""
    found = []
    for place, fields in enumerate(plain):
        whole: dict[str, Any] = dict(fields)
        whole["levels"] = tuple(whole["levels"])
        whole |= {key: arrays[f"{place}.{key}"] for key in _ARRAYS}
        if f"{place}.apart" in arrays:
            whole["apart"] = arrays[f"{place}.apart"]
        found.append(Feature(**whole))
    return tuple(found)


def digest(features: Iterable[Feature]) -> str:
    """SHA-256 over names, kinds, edges, levels and counts."""
    plain, arrays = pack(features)
    seen = hashlib.sha256(json.dumps(plain, sort_keys=True).encode())
    for name in sorted(arrays):
        if not name.endswith(".centres"):
            seen.update(name.encode() + b"\0" + np.ascontiguousarray(arrays[name]).tobytes())
    return seen.hexdigest()


def write(folder: Path, document: dict[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write both files, each by rename."""
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".baseline.{os.getpid()}.npz"
    with unfinished.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    unfinished.replace(folder / "baseline.npz")
    text = folder / f".baseline.{os.getpid()}.json"
    text.write_text(
        json.dumps({"schema": SCHEMA, **document}, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    text.replace(folder / "baseline.json")


def read(folder: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read both files.

    Raises
    ------
    Conflict
        A newer nb2prod wrote them.
    Failed
        They are no baseline.
    """
    try:
        document = json.loads((folder / "baseline.json").read_text(encoding="utf-8"))
        with np.load(folder / "baseline.npz", allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (ValueError, OSError) as error:
        raise Failed(
            "The baseline cannot be read",
            code="unreadable-baseline",
            where=str(folder),
            why=str(error),
            fix="nb2prod doctor --fix",
        ) from error
    if document.get("schema", 0) > SCHEMA:
        raise Conflict(
            "The baseline was written by a newer nb2prod",
            code="newer-schema",
            where=str(folder),
            why=f"It has schema {document['schema']}; this nb2prod reads up to {SCHEMA}.",
            fix="pip install --upgrade nb2prod",
            kept="nothing was changed",
        )
    return document, arrays
