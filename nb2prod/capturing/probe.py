"""A fresh process of the kernel's interpreter: loads the model, asks it, and says which modules that took.

Run as ``python -m nb2prod.capturing.probe``: a pickled job on stdin, one JSON document on the last line of stdout.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FunctionType
from typing import Any

from nb2prod.capturing import libraries
from nb2prod.capturing.imports import of_code
from nb2prod.home import write_atomic

MARK = "nb2prod-probe:"
TIMEOUT = 120.0
SCHEMA = "4"


def modules(folder: Path, sample: Any, *, path: Sequence[str], cwd: Path, kept: Path) -> dict[str, Any]:
    """``{"modules": {name: file}, "imports": [[module, [names]]], "error": text}`` of a fresh process; kept in `kept`."""
    try:
        found = json.loads(kept.read_bytes())
        os.utime(kept)
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError):
        pass
    answer = _ask(folder, sample, path, cwd)
    if not answer.get("error"):
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(kept, json.dumps(answer).encode())
    return answer


def key(*said: str) -> str:
    """The name under which an answer is kept."""
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:32]


def main() -> None:
    """The fresh process itself."""
    job = pickle.loads(sys.stdin.buffer.read())
    sys.path[:] = [*job["path"], *(entry for entry in sys.path if entry not in job["path"])]
    import numpy  # noqa: F401  (every service has it: not the model's doing)

    from nb2prod.runtime import flavors

    before = set(sys.modules)
    error = ""
    functions: list[tuple[str, tuple[str, ...]]] = []
    try:
        model = flavors.load(Path(job["folder"]))
        functions = _by_value()
        sample = pickle.loads(job["sample"]) if job["sample"] is not None else None
        if sample is not None:
            flavors.of(model).answer(model, sample)
    except BaseException as problem:
        error = f"{type(problem).__name__}: {problem}"
    met = {name: getattr(sys.modules[name], "__file__", None) for name in sorted(set(sys.modules) - before)}
    said = {"modules": met, "imports": functions, "libraries": libraries.mapped(), "error": error}
    sys.stdout.write(f"\n{MARK}{json.dumps(said, default=str)}\n")
    sys.stdout.flush()
    os._exit(0)


def _ask(folder: Path, sample: Any, path: Sequence[str], cwd: Path) -> dict[str, Any]:
    job = pickle.dumps({"folder": str(folder), "sample": _pickled(sample), "path": list(path)})
    command = [sys.executable, "-c", "from nb2prod.capturing.probe import main; main()"]
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    try:
        done = subprocess.run(
            command, input=job, cwd=cwd, env=environ, capture_output=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        return {"modules": {}, "imports": [], "error": f"it gave no answer in {TIMEOUT:.0f} s"}
    for line in reversed(done.stdout.decode("utf-8", "replace").splitlines()):
        if line.startswith(MARK):
            found = json.loads(line[len(MARK) :])
            return found if isinstance(found, dict) else {}
    last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
    return {"modules": {}, "imports": [], "error": "".join(last) or f"it ended with status {done.returncode}"}


def _pickled(sample: Any) -> bytes | None:
    try:
        return pickle.dumps(sample, protocol=5) if sample is not None else None
    except Exception:
        return None  # rows of a type of the notebook's own: then loading alone is watched


def _by_value() -> list[tuple[str, tuple[str, ...]]]:
    """Imports inside the functions that came with the pickle itself: no loaded module holds their code."""
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    found = []
    for item in gc.get_objects():
        if isinstance(item, FunctionType) and not _of_a_module(item, files):
            found += [(met.module, met.names) for met in of_code(item.__code__)]
    return sorted(set(found))


def _of_a_module(function: FunctionType, files: set[Any]) -> bool:
    """Not so a function of the notebook's; the probe's own line has no module, and skops is taken out again once it was used."""
    file = function.__code__.co_filename
    installed = {"site-packages", "dist-packages"} & set(Path(file).parts)
    if installed or file in files or file.startswith("<frozen") or function.__module__ is None:
        return True
    return function.__module__ != "__main__" and function.__module__ in sys.modules
