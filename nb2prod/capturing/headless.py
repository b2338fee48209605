"""A notebook run in a fresh kernel, without a front end; the capture is made inside that kernel."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from nb2prod import errors
from nb2prod.capturing.bundle import open_capture
from nb2prod.capturing.marks import MIME
from nb2prod.errors import Failed, Nb2prodError, NotFound, Refused
from nb2prod.home import Home
from nb2prod.records.capture import Capture, Golden

_MARKS = "__import__('nb2prod.capturing.marks', fromlist=['marks'])"
_KEPT = "nothing was captured"


def run_notebook(
    path: str | os.PathLike[str],
    model: str | None = None,
    *,
    home: Home,
    cell_timeout: float = 600.0,
    **options: Any,
) -> Capture:
    """Execute every code cell of a notebook in a fresh kernel of this interpreter, then capture there.

    `%deploy` cells that are met on the way mark their model and deploy nothing.

    Parameters
    ----------
    path
        The .ipynb file; the kernel works in its folder. The file is not written.
    model
        Name of the model's variable; None for what the last `%deploy` marks.
    cell_timeout
        Seconds that a cell may take.
    options
        What `capture` understands; data, labels and hold-out as names.

    Returns
    -------
    Capture
        With the real golden rows, which came from the kernel through its connection and touched no disk.

    Raises
    ------
    NotFound
        There is no such notebook.
    Refused
        A cell fails or takes too long; or what `capture` refuses.
    """
    document = _read(Path(path))
    client = _client(document, Path(path).absolute(), cell_timeout)
    env = os.environ | {"JPY_SESSION_NAME": str(Path(path).absolute()), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    job = {"model": model, "home": str(home.root), "cache": str(home.cache), "options": options}
    with contextlib.ExitStack() as stack:
        at = stack.enter_context(_translated(Path(path), cell_timeout))
        stack.enter_context(client.setup_kernel(env=env))
        _hidden(client, f"{_MARKS}.begin(get_ipython())")
        for index, cell in enumerate(document.cells):
            if cell.cell_type == "code":
                at.index = index + 1
                client.execute_cell(cell, index)
        client.timeout = None
        outputs = _hidden(client, f"{_MARKS}.finish(get_ipython(), {json.dumps(job)!r})")
    return _captured(outputs)


@dataclasses.dataclass
class _At:
    """How far the run has come: the cell at work, counted from 1."""

    path: Path
    index: int = 0

    def __str__(self) -> str:
        return f"{self.path.name}, cell {self.index}" if self.index else self.path.name


def _read(path: Path) -> Any:
    import nbformat

    if not path.is_file():
        raise NotFound(
            f"There is no notebook {path}",
            code="no-notebook",
            where=str(path),
            why="The file does not exist.",
            fix="nb2prod deploy NOTEBOOK.ipynb --model model",
        )
    try:
        return nbformat.read(path, as_version=4)
    except Exception as error:
        raise Refused(
            f"{path.name} is no notebook",
            code="no-notebook",
            where=str(path),
            why=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
            fix=f"jupyter nbconvert --to notebook {path}",
            kept=_KEPT,
        ) from error


def _client(document: Any, path: Path, cell_timeout: float) -> Any:
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    manager = AsyncKernelManager()
    # whatever kernel the notebook names: nb2prod is in this interpreter's environment, and the model must be too
    manager._kernel_spec = KernelSpec(
        argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        display_name="nb2prod",
        language="python",
    )
    return NotebookClient(
        document,
        km=manager,
        timeout=int(cell_timeout),
        startup_timeout=180,
        resources={"metadata": {"path": str(path.parent)}},
    )


def _hidden(client: Any, source: str) -> list[Any]:
    """Run a cell that leaves no trace in the kernel's history nor in the document."""
    import nbformat

    cell = nbformat.v4.new_code_cell(source)
    client.nb.cells.append(cell)
    try:
        client.execute_cell(cell, len(client.nb.cells) - 1, store_history=False)
    finally:
        client.nb.cells.pop()
    return list(cell.outputs)


def _captured(outputs: list[Any]) -> Capture:
    said = next((output["data"][MIME] for output in outputs if MIME in output.get("data", {})), None)
    if said is None:
        raise Failed("The kernel gave no capture", code="capture-failed", where="the last cell", why="It said nothing.")
    if "error" in said:
        raise _error(said)
    live = msgspec.convert(said["live"], Golden) if said["live"] is not None else None
    return dataclasses.replace(open_capture(Path(said["folder"])), live=live)


def _error(said: dict[str, Any]) -> Nb2prodError:
    kind = getattr(errors, said["kind"], Failed)
    fields = dict(said["error"])
    error: Nb2prodError = kind(fields.pop("title"), **fields)
    if said.get("traceback"):
        error.add_note(said["traceback"])
    return error


@contextlib.contextmanager
def _translated(path: Path, cell_timeout: float) -> Iterator[_At]:
    """nbclient's own errors in our words, with the cell that they are about."""
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    at = _At(path)
    try:
        yield at
    except CellTimeoutError as error:
        raise Refused(
            f"A cell took longer than {cell_timeout:.0f} s",
            code="cell-timeout",
            where=str(at),
            why="A cell may take no longer than --cell-timeout says.",
            fix=f"--cell-timeout {int(cell_timeout * 4)}",
            kept=_KEPT,
        ) from error
    except CellExecutionError as error:
        lines = str(error.evalue).strip().splitlines() or [""]
        raise Refused(
            f"A cell fails when the notebook runs from top to bottom: {error.ename}",
            code="cell-failed",
            where=str(at),
            why=f"{error.ename}: {lines[0]}",
            fix="in Jupyter: Kernel, Restart Kernel and Run All Cells; mend what stops there",
            kept=_KEPT,
        ) from error
    except DeadKernelError as error:
        raise Refused(
            "The kernel died while the notebook ran",
            code="kernel-died",
            where=str(at),
            why="It ended without a word, as a process does that runs out of memory.",
            fix="run it where there is more memory, or on fewer rows",
            kept=_KEPT,
        ) from error
    except RuntimeError as error:
        if at.index:
            raise
        raise Failed(
            "The kernel did not start",
            code="kernel-not-started",
            where=sys.executable,
            why=str(error),
            fix=f"{sys.executable} -m ipykernel_launcher --version",
            kept=_KEPT,
        ) from error
