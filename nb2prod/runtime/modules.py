"""The captured local modules: importable from `code/`, always compiled from the source that the manifest vouches for."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder, SourceFileLoader
from pathlib import Path


class PlainLoader(SourceFileLoader):
    """Reads and writes no bytecode: a changed ``.pyc`` would pass under the manifest."""

    def path_stats(self, path: str) -> Mapping[str, float]:
        raise OSError("compiled from source each time")


def expose(folder: Path) -> None:
    """Put `folder` on ``sys.path``, behind nothing; doing it twice is doing it once."""
    if not folder.is_dir() or str(folder) in sys.path:
        return
    root = str(folder)
    make = FileFinder.path_hook((ExtensionFileLoader, EXTENSION_SUFFIXES), (PlainLoader, [".py"]))

    def hook(path: str) -> FileFinder:
        if path != root and not path.startswith(root + "/"):
            raise ImportError(path)
        return make(path)  # type: ignore[return-value]

    sys.path_hooks.insert(0, hook)
    sys.path.insert(0, root)
    importlib.invalidate_caches()
