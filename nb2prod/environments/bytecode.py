"""Bytecode for a new environment: what this interpreter compiled already is carried over for every source that is the same.

Compiling what a model and its service import takes five seconds, nearly all of it for packages that the kernel has imported at
the very same version. A file is carried over only where both sources have the same bytes and the kernel's own bytecode is
the one that Python itself would take for its source.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import struct
import sys
import sysconfig
from pathlib import Path

_HEADER = struct.Struct("<4sLLL")
"""Magic number, flags (0: checked by time and size), the source's time and its size: PEP 552."""
_SUFFIX = f".{sys.implementation.cache_tag}.pyc"


def carry_over(environment: Path) -> int:
    """Write bytecode for the sources in `environment` that are the running interpreter's own, byte for byte.

    Of a package that is loaded here only the modules that are loaded are taken: what it needed here it will need there.

    Parameters
    ----------
    environment
        The root of an environment for the same Python.

    Returns
    -------
    int
        How many files were written.

    Examples
    --------
    >>> import tempfile
    >>> carry_over(Path(tempfile.mkdtemp()))
    0
    """
    here = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    loaded = {file for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))}
    written = 0
    for site in environment.glob("lib*/python*/site-packages"):
        for mine in here:
            written += _site(str(site), mine, loaded)
    return written


def _site(new: str, known: str, loaded: set[str]) -> int:
    """Carry over from one folder of packages to another."""
    begun = {os.path.relpath(file, known).partition(os.sep)[0] for file in loaded if file.startswith(known + os.sep)}
    written = 0
    for base, folders, names in os.walk(new):
        below = os.path.relpath(base, new)
        folders[:] = [name for name in folders if name != "__pycache__" and not name.endswith(".dist-info")]
        counterpart = os.path.normpath(os.path.join(known, below))
        try:
            compiled = [name for name in os.listdir(os.path.join(counterpart, "__pycache__")) if name.endswith(_SUFFIX)]
        except FileNotFoundError:
            continue
        sources, some = set(names), below.partition(os.sep)[0] in begun
        for name in compiled:
            source = name.removesuffix(_SUFFIX) + ".py"
            theirs = os.path.join(counterpart, source)
            if source in sources and (theirs in loaded or not some):
                with contextlib.suppress(FileNotFoundError):
                    written += _file(os.path.join(base, source), theirs, os.path.join(counterpart, "__pycache__", name))
    return written


def _file(new: str, known: str, compiled: str) -> bool:
    theirs, ours = os.stat(known), os.stat(new)
    if theirs.st_size != ours.st_size:
        return False
    data = _read(compiled)
    if data[: _HEADER.size] != _header(theirs):  # Python would compile it again
        return False
    if not os.path.samestat(theirs, ours) and _read(known) != _read(new):
        return False
    folder = os.path.join(os.path.dirname(new), "__pycache__")
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder)
    target = os.open(os.path.join(folder, os.path.basename(compiled)), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        os.write(target, _header(ours) + data[_HEADER.size :])
    finally:
        os.close(target)
    return True


def _header(source: os.stat_result) -> bytes:
    fields = (int(source.st_mtime) & 0xFFFFFFFF, source.st_size & 0xFFFFFFFF)
    return _HEADER.pack(importlib.util.MAGIC_NUMBER, 0, *fields)


def _read(path: str) -> bytes:
    source = os.open(path, os.O_RDONLY)
    try:
        return os.read(source, os.fstat(source).st_size)
    finally:
        os.close(source)
