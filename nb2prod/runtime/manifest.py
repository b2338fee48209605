"""The manifest: SHA-256 of every file of a capture, checked before anything of it is loaded."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from nb2prod.errors import Refused
from nb2prod.records.base import read, to_json
from nb2prod.records.capture import Manifest
from nb2prod.runtime import signatures

FILE = "manifest.json"


def check(folder: Path) -> Manifest:
    """Hash every file of the capture in `folder` and compare with its manifest; where keys are set, its signature too.

    Bytecode is passed over: modules in ``code/`` are compiled from their source at each start (see `modules`).

    Raises
    ------
    Refused
        ``tampered``: a file differs, is missing, is a link, or is not in the manifest. With ``NB2PROD_TRUSTED_KEYS`` also
        ``unsigned``, ``foreign-key`` and ``bad-signature``.
    """
    manifest = hashed(folder)
    keys = os.environ.get(signatures.VARIABLE)
    if keys:
        signatures.require(folder, manifest, keys)
    return manifest


def agrees(folder: Path) -> bool:
    """Whether every file is the one that was captured, whoever signed it."""
    try:
        hashed(folder)
    except Refused:
        return False
    return True


def hashed(folder: Path) -> Manifest:
    """The manifest, every file compared with it; no signature is asked for."""
    path = folder / FILE
    if not path.is_file():
        raise _tampered(folder, FILE, "is missing")
    manifest = read(path, Manifest)
    there = set(_files(folder))
    for name in sorted(manifest.files):
        if name not in there:
            raise _tampered(folder, name, "is missing")
        if not _plain(folder / name):
            raise _tampered(folder, name, "is a link or a device")
        if digest(folder / name) != manifest.files[name]:
            raise _tampered(folder, name, "is not the file that was captured")
    for name in sorted(there - manifest.files.keys()):
        raise _tampered(folder, name, "was not there when the model was captured")
    return manifest


def write(folder: Path) -> Manifest:
    """Hash every file of `folder` and write its manifest beside them."""
    manifest = Manifest(files={name: digest(folder / name) for name in sorted(_files(folder))})
    (folder / FILE).write_bytes(to_json(manifest))
    return manifest


def digest(path: Path) -> str:
    """SHA-256 of a file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(folder: Path) -> list[str]:
    beside = (folder / FILE, folder / signatures.FILE)
    return [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if (path.is_symlink() or not path.is_dir()) and path not in beside and not _bytecode(path)
    ]


def _plain(path: Path) -> bool:
    """A file of its own: a link could lead out of the capture, and elsewhere after it was checked."""
    return path.is_file() and not path.is_symlink()


def _bytecode(path: Path) -> bool:
    return path.suffix == ".pyc" and path.parent.name == "__pycache__"


def _tampered(folder: Path, name: str, how: str) -> Refused:
    return Refused(
        f"`{name}` {how}",
        code="tampered",
        where=str(folder / name),
        why="The capture's manifest holds the SHA-256 of every file; nothing is loaded unless all of them agree.",
        fix="nb2prod doctor --fix",
        kept="nothing was loaded",
    )
