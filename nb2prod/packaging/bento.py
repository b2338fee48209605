"""Capture → Bento: an ordinary one, whose sources are a service module, the serving part of nb2prod and the capture.

bento.yaml                    BentoML's, with our lock in image.python_requirements
env/python/requirements.txt   the capture's lock, hashed; env/python/wheels holds what no index has
src/service.py                three lines
src/nb2prod/                  the serving part of nb2prod
src/capture/                  the capture as it is, with its manifest
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from nb2prod import environments
from nb2prod.errors import Failed, Nb2prodError, NotFound
from nb2prod.home import Home, unfinished, write_atomic
from nb2prod.records.capture import Capture
from nb2prod.records.proof import BentoRef
from nb2prod.runtime import manifest, shipped, signatures

SERVICE = '''"""Made by nb2prod: serves the capture that lies beside this file. `bentoml serve` on the folder above starts it."""

from nb2prod.runtime.service import svc

__all__ = ["svc"]
'''
BUILDER = Path(__file__).with_name("builder.py")
CAPTURE = "src/capture"
REQUIREMENTS = "env/python/requirements.txt"


class Builder:
    """The process in which BentoML builds one Bento, in a folder of its own; started before its job is known, it is sooner done.

    Parameters
    ----------
    home
        On the disk of its Bentos the folder is made, so that the last step of a build is a rename.

    Examples
    --------
    ::

        with Builder(home) as builder:
            build(capture, home=home, builder=builder)
    """

    def __init__(self, home: Home) -> None:
        self.folder = unfinished(home.bentos)
        self.context = self.folder / "context"
        self.output = self.folder / "output"
        for folder in (self.context, self.folder / "bentoml"):
            folder.mkdir()
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(BUILDER)],
            cwd=self.context,
            env=_environment(self.folder / "bentoml"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )

    def __enter__(self) -> Builder:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def run(self, job: Mapping[str, Any]) -> str:
        """Build; empty, or what the process said where it failed."""
        _, said = self._process.communicate(json.dumps(job))
        return (said or f"it ended with status {self._process.returncode}") if self._process.returncode else ""

    def close(self) -> None:
        """End the process, whatever it does, and remove the folder."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
        shutil.rmtree(self.folder, ignore_errors=True)


def build(capture: Capture, *, home: Home, builder: Builder | None = None) -> BentoRef:
    """The Bento of `capture`, built once; a whole one that is there is returned.

    Parameters
    ----------
    capture
        Its tag names the Bento: ``name:first 12 digits of the manifest's digest``.
    builder
        One that was started ahead; the caller closes it.

    Returns
    -------
    BentoRef
        With the unpacked folder: ``bentoml serve FOLDER`` and ``bentoml.load(FOLDER)`` work on it, with no nb2prod installed.

    Raises
    ------
    Failed
        BentoML could not build it.
    NoSpace
        The disk is full.
    """
    folder = _folder(capture.tag, home)
    with home.lock(f"bento-{capture.digest[:12]}", timeout=300), environments.in_use(home.cache):
        if not _whole(folder, capture.digest):
            size = sum(path.stat().st_size for path in capture.folder.rglob("*") if path.is_file())
            home.require_space(4 * size + 2**20, what=f"the Bento {capture.tag}")
            with contextlib.nullcontext(builder) if builder is not None else Builder(home) as used:
                _make(capture, folder, used, home)
        _sign(capture, folder)
    return _reference(folder, capture.tag, capture.digest)


def mend(capture: Capture, *, home: Home) -> str | None:
    """Build the Bento of `capture` again where it was damaged since it was made.

    Returns
    -------
    str | None
        What was wrong with it, in words; None where it was whole or is not there at all.
    """
    folder = _folder(capture.tag, home)
    wrong = _wrong(folder, capture.digest) if folder.is_dir() else None
    build(capture, home=home)
    return wrong


def open_bento(tag: str, home: Home) -> BentoRef:
    """The Bento of that tag, ``name:digest12``.

    Raises
    ------
    NotFound
        There is none.
    """
    folder = _folder(tag, home)
    if not (folder / "bento.yaml").is_file():
        raise NotFound(
            f"There is no Bento {tag}",
            code="no-such-bento",
            where=str(folder),
            why="It was not built in this home, or was removed.",
            fix="nb2prod.package(version)",
        )
    checked = manifest.check(folder / CAPTURE)
    return _reference(folder, tag, checked.digest)


def remove(tag: str, home: Home) -> int:
    """Delete the Bento of that tag, or all of a name; returns the bytes freed."""
    folder = _folder(tag, home)
    if not folder.is_dir():
        return 0
    freed = _size(folder)
    gone = Path(tempfile.mkdtemp(dir=home.bentos, prefix=".gone-"))
    folder.rename(gone / folder.name)
    shutil.rmtree(gone)
    return freed


def _folder(tag: str, home: Home) -> Path:
    name, _, version = tag.partition(":")
    return home.bentos / name / version if version else home.bentos / name


def _sign(capture: Capture, folder: Path) -> None:
    """A signature may come after the Bento: it is beside what is hashed."""
    ours, there = capture.folder / signatures.FILE, folder / CAPTURE / signatures.FILE
    if ours.is_file() and (not there.is_file() or there.read_bytes() != ours.read_bytes()):
        write_atomic(there, ours.read_bytes())


def _whole(folder: Path, digest: str) -> bool:
    return _wrong(folder, digest) is None


def _wrong(folder: Path, digest: str) -> str | None:
    needed = ("bento.yaml", REQUIREMENTS, "src/service.py", "src/nb2prod/runtime/service.py")
    missing = next((name for name in needed if not (folder / name).is_file()), None)
    if missing is not None:
        return f"`{missing}` is missing"
    try:
        return None if manifest.hashed(folder / CAPTURE).digest == digest else "its manifest is another one"
    except Nb2prodError as error:
        return error.title


def _make(capture: Capture, folder: Path, builder: Builder, home: Home) -> None:
    """Everything happens in the builder's folder on the same disk; the last step is a rename."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    kept = shipped.kept(home.cache / "shipped") / "nb2prod"
    _sources(capture, builder.context, kept)
    _run_bentoml(capture, builder)
    _put_lock(capture, builder.output)
    shutil.copytree(kept, builder.output / "src" / "nb2prod", dirs_exist_ok=True)  # BentoML leaves bytecode behind
    if folder.exists():  # torn by hand; it is kept until the new one stands
        folder.rename(builder.folder / "torn")
    builder.output.rename(folder)


def _sources(capture: Capture, context: Path, kept: Path) -> None:
    (context / "service.py").write_text(SERVICE)
    shutil.copytree(kept, context / "nb2prod")
    shutil.copytree(capture.folder, context / "capture", ignore=shutil.ignore_patterns("__pycache__"))


def _run_bentoml(capture: Capture, builder: Builder) -> None:
    record = capture.record
    said = builder.run(
        {
            "name": capture.name.lower(),
            "version": capture.digest[:12],
            "labels": {"nb2prod": record.lineage.nb2prod, "nb2prod-capture": capture.digest[:12]},
            "description": _readme(capture),
            "context": str(builder.context),
            "python": ".".join(record.environment.python.split(".")[:2]),
            "envs": [{"name": name} for name in record.environment.variables],
            "output": str(builder.output),
        }
    )
    if said:
        raise Failed(
            f"BentoML could not build {capture.tag}",
            code="bento-not-built",
            where=str(capture.folder),
            why=_said(said),
            fix="nb2prod doctor",
            kept="the capture is kept; nothing was registered",
        )


def _said(stderr: str) -> str:
    """The last exception's own words, without the way to it."""
    lines = stderr.strip().splitlines() or ["BentoML said nothing"]
    starts = [i for i, line in enumerate(lines) if re.match(r"[\w.]+(Error|Exception|Argument|Input)\b", line)]
    return "\n".join(lines[starts[-1] if starts else -1 :])[:1000]


def _environment(bentoml_home: Path) -> dict[str, str]:
    """The notebook's, without what would reach into the build; no usage tracking."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("BENTOML_")}
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "NB2PROD_SERVICE"):
        kept.pop(name, None)
    return {**kept, "BENTOML_HOME": str(bentoml_home), "BENTOML_DO_NOT_TRACK": "True", "PYTHONPATH": ""}


def _put_lock(capture: Capture, output: Path) -> None:
    """The capture's lock in place of BentoML's requirements; local wheels beside it."""
    lock = (capture.folder / "requirements.txt").read_text()
    wheels = capture.folder / "wheels"
    if wheels.is_dir():
        shutil.copytree(wheels, output / "env" / "python" / "wheels")
        lock = f"--find-links wheels\n{lock}"
    (output / REQUIREMENTS).write_text(lock)
    (output / "env/python/requirements.in").unlink(missing_ok=True)
    description = yaml.safe_load((output / "bento.yaml").read_text())
    description["image"]["python_requirements"] = lock
    (output / "bento.yaml").write_text(yaml.safe_dump(description, sort_keys=False, allow_unicode=True))


def _readme(capture: Capture) -> str:
    record = capture.record
    return (
        f"# {capture.name}\n\n"
        f"{record.model.model_class}, captured by nb2prod {record.lineage.nb2prod} at {record.lineage.created}.\n"
        f"`bentoml serve` on this folder answers `POST /predict`; `/schema` says what it takes, `/metrics` what it counted.\n"
    )


def _reference(folder: Path, tag: str, digest: str) -> BentoRef:
    return BentoRef(tag=tag, folder=str(folder), capture=digest, bytes=_size(folder))


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
