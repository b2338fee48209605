"""The proven lock, offered back into the notebook that the model came from."""

from __future__ import annotations

from pathlib import Path

from packaging.utils import canonicalize_name

from nb2prod import environments
from nb2prod.capturing import carried
from nb2prod.capturing.execution import Notebook
from nb2prod.errors import UsageError
from nb2prod.records.capture import Capture, Finding


def target(notebook: Notebook | None) -> Path:
    """The notebook's file; a `UsageError` where it is not known, before anything is made."""
    path = notebook.path if notebook is not None else None
    if path is not None and path.is_file():
        return path
    raise UsageError(
        "The notebook's file is not known",
        code="no-notebook",
        where="--write-lock",
        why="A lock is kept in the notebook itself, and this one is not saved or cannot be found.",
        fix="nb2prod verify NOTEBOOK.ipynb --model model --write-lock",
        kept="nothing was made",
    )


def write(capture: Capture, path: Path) -> Finding:
    """Write the captured versions into the notebook: a script block (PEP 723) and its lock in the metadata.

    The finding says what to do where the notebook is open: JupyterLab keeps its own copy and asks at the next save.
    What travels as a wheel is on no index, so that it is left out: nobody could install it from there.
    """
    around = capture.record.environment
    travelling = {canonicalize_name(wheel.partition("-")[0]) for wheel in around.wheels}
    proven = environments.read_lock(capture.folder / "requirements.txt").packages
    pins, every = ([pin for pin in some if _name(pin) not in travelling] for some in (around.pins, proven))
    carried.offer(path, pins, around.python, every)
    return Finding(
        code="notebook-written",
        severity="warn",
        title=f"The versions were written into {path.name}",
        where=path.name,
        why="A tab that has it open shows the file as it was. At its next save JupyterLab asks: Revert takes the versions in "
        "and drops unsaved edits, Overwrite drops the versions.",
        fix="File, Reload Notebook from Disk",
    )


def _name(pin: str) -> str:
    return canonicalize_name(pin.partition("==")[0].partition("[")[0])
