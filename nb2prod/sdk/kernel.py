"""A fresh kernel for a notebook: its cells run in order, each within its time, the first error told by cell and line."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from nb2prod.errors import OURS, REPORT, Failed, Refused, UsageError
from nb2prod.sdk import marking
from nb2prod.sdk.interruption import handed_on

_NO_MAGIC = re.compile(r"magic(?: function)? `%%?deploy\w*` not found")

Heard = Callable[[dict[str, Any]], None]

_CUT_SHORT = "it was ended before it had taken back what it began; nb2prod doctor --fix does that"


class Ran(NamedTuple):
    """How many code cells ran, and how many come after the one that marks the model."""

    cells: int
    left: int


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
        self._marked: list[str] = []

    def __enter__(self) -> Kernel:
        from jupyter_client.manager import KernelManager

        self._manager = KernelManager(kernel_name="python3")
        if self._manager.has_trait("transport_encryption"):  # else a new kernel warns that its channels are open
            self._manager.transport_encryption = "auto"
        self._manager.start_kernel(env=self._environment, cwd=str(self._path.parent))
        self._client = self._manager.client()
        self._client.start_channels()
        try:
            self._client.wait_for_ready(timeout=120)
        except RuntimeError as error:
            self.__exit__()
            raise self._no_kernel(error) from error
        return self

    def __exit__(self, *problem: object) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)

    def run_cells(self, model: str) -> Ran:
        """Run the code cells, up to and with the one whose `%deploy` marks `model`.

        Raises
        ------
        Refused
            A cell failed or took too long.
        """
        code = [(place, cell.source) for place, cell in enumerate(self._cells, start=1) if _is_code(cell)]
        for ran, (position, source) in enumerate(code, start=1):
            self._run_cell(position, source)
            if model in self._marked:
                return Ran(ran, len(code) - ran)
        return Ran(len(code), 0)

    def run(self, code: str, *, heard: Heard) -> None:
        """Run code that is no cell of the notebook and hand each display to `heard`.

        Raises
        ------
        KeyboardInterrupt
            It was interrupted: the code too, which was waited for, unless a note says that it was cut short.
        """
        try:
            with handed_on(self._manager.interrupt_kernel):
                reply = self._client.execute_interactive(
                    code, store_history=False, allow_stdin=False, output_hook=_displays(heard), timeout=None
                )
        except KeyboardInterrupt as error:
            error.add_note(_CUT_SHORT)
            raise
        if reply["content"]["status"] == "error":
            if reply["content"]["ename"] == "KeyboardInterrupt":
                raise KeyboardInterrupt
            raise Failed(
                f"nb2prod broke: {reply['content']['ename']}: {reply['content']['evalue']}",
                code="kernel-failed",
                where=str(self._path),
                why="\n".join((OURS, *(_plain(line) for line in reply["content"]["traceback"][-3:]))),
                fix=f"{REPORT}\nor leave out what it stumbles over: a last cell with def predict(frame), then --model predict",
                kept="nothing was registered",
            )

    def _run_cell(self, position: int, source: str) -> None:
        try:
            reply = self._client.execute_interactive(
                source, allow_stdin=False, output_hook=_displays(self._look_for_mark), timeout=self._timeout
            )
        except TimeoutError as error:
            raise self._too_slow(position) from error
        content = reply["content"]
        if content["status"] == "error" and content["ename"] != "SystemExit":
            raise self._cell_failed(position, content)

    def _look_for_mark(self, data: dict[str, Any]) -> None:
        message = marking.read(data)
        if message is not None and message["kind"] == "mark":
            self._marked.append(message["model"])

    def _cell_failed(self, position: int, content: dict[str, Any]) -> Refused:
        if content["ename"] == "UsageError" and _NO_MAGIC.search(content["evalue"]):
            return self._not_loaded(position)
        return Refused(
            f"Cell {position} of {self._path.name} fails",
            code="cell-failed",
            where=f"cell {position}",
            why=f"{content['ename']}: {content['evalue']}{self._of_marks(content)}",
            fix=self._fix(position),
            kept="nothing was registered",
        )

    def _not_loaded(self, position: int) -> Refused:
        return Refused(
            f"Cell {position} of {self._path.name} deploys before nb2prod is loaded",
            code="cell-failed",
            where=f"cell {position}",
            why="A fresh kernel knows the line only once the notebook has loaded it.",
            fix=f"%load_ext nb2prod      # as the first line of cell {position}",
            kept="nothing was registered",
        )

    def _of_marks(self, content: dict[str, Any]) -> str:
        """A `%deploy` of another model makes no `deployment` here."""
        if not self._marked or content["ename"] != "NameError":
            return ""
        return ". Here the cells that deploy only mark their model and leave no variable."

    def _fix(self, position: int) -> str:
        if self._marked:
            command = f"%deploy {self._marked[-1]}"
            return f"{command}      # the model that it marks; or mend cell {position}"
        return f"jupyter lab {shlex.quote(_near(self._path))}      # mend cell {position}, Restart and Run All"

    def _no_kernel(self, error: Exception) -> Failed:
        return Failed(
            "The notebook's kernel does not start",
            code="no-kernel",
            where=str(self._path),
            why=str(error),
            fix="pip install --upgrade ipykernel",
            kept="nothing was made",
        )

    def _too_slow(self, position: int) -> Refused:
        return Refused(
            f"Cell {position} of {self._path.name} takes too long",
            code="cell-timeout",
            where=f"cell {position}",
            why=f"The cell ran out of its {self._timeout} s.",
            fix=f"--cell-timeout {self._timeout * 10}",
            kept="nothing was registered",
        )


def _near(path: Path) -> str:
    """The path as it is typed from here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


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
            fix=_to_mend(path, error),
            kept="nothing was made",
        ) from error


def _to_mend(path: Path, error: Exception) -> str:
    """The command that shows what is wrong with a file, or that writes it anew."""
    import nbformat

    shown = shlex.quote(_near(path))
    if isinstance(error, OSError):
        return f"ls -l {shown}"
    if isinstance(error, nbformat.validator.ValidationError):
        return f"jupyter lab {shown}      # save it again"
    return f"python -m json.tool {shown}      # names the place that is no JSON"


def _is_code(cell: Any) -> bool:
    return cell.cell_type == "code" and bool(cell.source.strip())


def _displays(heard: Heard) -> Callable[[dict[str, Any]], None]:
    def hook(message: dict[str, Any]) -> None:
        if message["msg_type"] in ("display_data", "execute_result"):
            heard(message["content"]["data"])

    return hook


def _plain(line: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", line)
