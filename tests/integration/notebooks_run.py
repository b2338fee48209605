"""Running cells in a real Jupyter kernel, with a home of their own, and reading what they showed."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from nb2prod.home import Home
from nb2prod.targets.local import LocalTarget

CELL_TIMEOUT = 280


def execute(notebook: Any, folder: Path) -> Any:
    """Run all cells in a fresh kernel that works in `folder`; a failing cell raises with its error."""
    NotebookClient(
        notebook, timeout=CELL_TIMEOUT, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    return notebook


def of_cells(sources: Sequence[str]) -> Any:
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])


def said(cell: Any) -> str:
    """What a cell showed, as plain text."""
    texts = []
    for output in cell.get("outputs", ()):
        data = output.get("data", {})
        texts.append(data.get("text/plain", "") or output.get("text", ""))
    return "\n".join(texts)


@contextlib.contextmanager
def cleaned(root: Path) -> Iterator[Path]:
    """A home whose processes and sockets are gone at the end, whatever happened."""
    try:
        yield root
    finally:
        home = Home(root=root)
        LocalTarget(home).shutdown()
        shutil.rmtree(home.sockets, ignore_errors=True)
