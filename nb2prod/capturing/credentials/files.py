"""Credentials in saved files: strings of a pickle, code, configuration, and what is written in other files as it is."""

from __future__ import annotations

import pickletools
import zipfile
from collections.abc import Iterator
from pathlib import Path

from nb2prod.capturing.credentials import Credential, forms, kind
from nb2prod.capturing.credentials.texts import in_lines_of_json, in_source, in_text

_PICKLES = (".pkl", ".pickle", ".joblib", ".cloudpickle")
_MOST = 2**22
_FOLLOWING = frozenset({"MEMOIZE", "BINPUT", "LONG_BINPUT", "PUT", "FRAME"})
_SHORTEST = 10


def in_file(path: Path) -> Iterator[Credential]:
    """Credentials in one file."""
    if path.suffix in _PICKLES:
        yield from in_pickle(path.read_bytes())
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield from _in_bytes(name, archive.read(name)[:_MOST])
    else:
        with path.open("rb") as file:
            yield from _in_bytes(path.name, file.read(_MOST))


def in_pickle(data: bytes) -> Iterator[Credential]:
    """Credentials among the strings of a pickle: by their form, or by the string before them where it is their key.

    A vocabulary is a long row of strings too, so a value under a key must be more than a word.
    """
    before: str | None = None
    for text, near in _strings(data):
        what = kind(text, (before,) if near and before else (), spelled=False)
        if what is not None:
            yield Credential(what, 1, before if near else None)
        before = text if len(text) <= 60 else None


def _strings(data: bytes) -> Iterator[tuple[str, bool]]:
    """Each string of a pickle, and whether only memos lie between it and the one before."""
    near = False
    try:
        for operation, argument, _ in pickletools.genops(data):
            if isinstance(argument, str) and operation.name not in ("GLOBAL", "INST"):
                yield argument, near
                near = True
            elif isinstance(argument, bytes | bytearray) and len(argument) >= 4:
                yield argument[:_MOST].decode("latin-1") if len(argument) < 2**16 else "", near
                yield from ((text, False) for text in _spelled(bytes(argument)) if len(argument) >= 2**16)
                near = False
            elif operation.name not in _FOLLOWING:
                near = False
    except (ValueError, IndexError):  # what follows is no pickle
        return


def _in_bytes(name: str, data: bytes) -> Iterator[Credential]:
    suffix = Path(name).suffix
    if b"\0" in data[:8192]:
        yield from (Credential(what) for text in _spelled(data) if (what := forms.of(text)))
        return
    text = data.decode(errors="replace")
    if suffix == ".py":
        yield from in_source(text)
    elif suffix in (".json", ""):
        yield from in_lines_of_json(text)
    else:
        yield from in_text(text)


def _spelled(data: bytes) -> Iterator[str]:
    """Runs of readable characters in bytes."""
    import re

    yield from (found[0].decode() for found in re.finditer(rb"[\x20-\x7e]{%d,4096}" % _SHORTEST, data[:_MOST]))
