"""A fresh kernel for a notebook: its cells run in order, each within its time, the first error told by cell and line."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nb2prod.errors import Failed, Refused, UsageError

Heard = Callable[[dict[str, Any]], None]


class Kernel:
    """Run a notebook's code cells in a fresh kernel of this environment.

    Parameters
    ----------
    path
        The notebook. The kernel's working directory is its folder, as in JupyterLab.
    cell_timeout
        Seconds that one cell may take.
    environment
        Variables set in the kernel beside this process's own.
    """

    def __init__(self, path: Path, *, cell_timeout: int, environment: Mapping[str, str]) -> None:
        self._path = path
        self._timeout = cell_timeout
        self._environment = {**os.environ, **environment}
        self._cells = _read(path)

    def __enter__(self) -> Kernel:
        from jupyter_client.manager import start_new_kernel

        self._manager, self._client = start_new_kernel(
            kernel_name="python3", env=self._environment, cwd=str(self._path.parent), startup_timeout=120
        )
        return self

    def __exit__(self, *problem: object) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)

    def run_cells(self) -> None:
        """Run every code cell.

        Raises
        ------
        Refused
            A cell failed or took too long.
        """
        for position, cell in enumerate(self._cells, start=1):
            if cell.cell_type == "code" and cell.source.strip():
                self._run_cell(position, cell.source)

    def run(self, code: str, *, heard: Heard) -> None:
        """Run code that is no cell of the notebook and hand each display to `heard`."""
        reply = self._client.execute_interactive(
            code, store_history=False, allow_stdin=False, output_hook=_displays(heard), timeout=None
        )
        if reply["content"]["status"] == "error":
            raise Failed(
                f"{reply['content']['ename']}: {reply['content']['evalue']}",
                code="kernel-failed",
                where=str(self._path),
                why="\n".join(_plain(line) for line in reply["content"]["traceback"][-3:]),
                fix="nb2prod doctor",
                kept="nothing was registered",
            )

    def _run_cell(self, position: int, source: str) -> None:
        try:
            reply = self._client.execute_interactive(
                source, allow_stdin=False, output_hook=lambda message: None, timeout=self._timeout
            )
        except TimeoutError as error:
            raise self._too_slow(position) from error
        content = reply["content"]
        if content["status"] == "error" and content["ename"] != "SystemExit":
            raise self._cell_failed(position, content)

    def _cell_failed(self, position: int, content: dict[str, Any]) -> Refused:
        return Refused(
            f"Cell {position} of {self._path.name} fails",
            code="cell-failed",
            where=f"cell {position}",
            why=f"{content['ename']}: {content['evalue']}",
            fix=f"jupyter lab {self._path.name}      # mend cell {position}, Restart and Run All",
            kept="nothing was registered",
        )

    def _too_slow(self, position: int) -> Refused:
        return Refused(
            f"Cell {position} of {self._path.name} takes too long",
            code="cell-timeout",
            where=f"cell {position}",
            why=f"It ran for more than {self._timeout} s.",
            fix=f"nb2prod deploy {self._path.name} --cell-timeout {self._timeout * 4}",
            kept="nothing was registered",
        )


def _read(path: Path) -> list[Any]:
    import nbformat

    try:
        return list(nbformat.read(path, as_version=4).cells)
    except (OSError, ValueError, nbformat.reader.NotJSONError, nbformat.validator.ValidationError) as error:
        raise UsageError(
            f"{path.name} cannot be read as a notebook",
            code="no-notebook",
            where=str(path),
            why=str(error).splitlines()[0][:300],
            fix="nb2prod deploy notebook.ipynb --model model",
            kept="nothing was made",
        ) from error


def _displays(heard: Heard) -> Callable[[dict[str, Any]], None]:
    def hook(message: dict[str, Any]) -> None:
        if message["msg_type"] in ("display_data", "execute_result"):
            heard(message["content"]["data"])

    return hook


def _plain(line: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", line)
