"""Inside a notebook that runs without a front end: `%deploy` only marks the model, and the capture is made at the end."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shlex
import traceback
from pathlib import Path
from typing import Any

from nb2prod.errors import Failed, Nb2prodError, UsageError
from nb2prod.home import Home
from nb2prod.records.base import to_json

MIME = "application/vnd.nb2prod.capture+json"
_met: list[Mark] = []


@dataclasses.dataclass(frozen=True)
class Mark:
    """A `%deploy` that was met on the way: its model and the flags that a capture understands."""

    model: Any
    options: dict[str, Any]


class Marked:
    """What stands where a deployment would: whatever is asked of it gives itself, since nothing was deployed."""

    def __getattr__(self, name: str) -> Marked:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *arguments: Any, **options: Any) -> Marked:
        return self

    def __repr__(self) -> str:
        return "marked; nothing is deployed while the notebook runs for nb2prod"


def begin(shell: Any) -> None:
    """Let `%deploy`, `%%deploy` and `nb2prod.deploy` mark instead of deploy; `%load_ext nb2prod` finds itself loaded."""
    import sys

    def deploy(line: str, cell: str | None = None) -> Marked:
        return _magic(shell, line, cell)

    shell.register_magic_function(deploy, magic_kind="line_cell", magic_name="deploy")
    shell.extension_manager.loaded.add("nb2prod")
    sys.modules["nb2prod"].deploy = _call  # type: ignore[attr-defined]


def finish(shell: Any, job: str) -> None:
    """Capture here, in the kernel, and display the outcome as JSON for the process that runs it."""
    from IPython.display import publish_display_data

    publish_display_data({MIME: _outcome(shell, json.loads(job)), "text/plain": "captured"})


def _outcome(shell: Any, job: dict[str, Any]) -> dict[str, Any]:
    from nb2prod.capturing.bundle import capture
    from nb2prod.capturing.execution import Notebook

    notebook = Notebook.from_ipython(shell)
    if notebook.saved is not None:
        # numbers in the file are another session's; every cell has just run as it stands there
        saved = tuple(dataclasses.replace(cell, execution=None) for cell in notebook.saved)
        notebook = dataclasses.replace(notebook, saved=saved)
    try:
        model, options = _wish(job)
        home = Home(root=job["home"], cache=job["cache"])
        made = capture(model, home=home, notebook=notebook, **options)
    except Nb2prodError as error:
        return {"error": error.as_dict(), "kind": type(error).__name__}
    except Exception as error:  # what is unknown keeps its traceback, on the other side as well
        failed = Failed(
            "The capture broke",
            code="capture-failed",
            where=_last(error),
            why=f"{type(error).__name__}: {error}",
            fix="run the notebook in Jupyter and %deploy there",
            kept="nothing was captured",
        )
        return {"error": failed.as_dict(), "kind": "Failed", "traceback": traceback.format_exc()}
    live = json.loads(to_json(made.live)) if made.live is not None else None
    return {"folder": str(made.folder), "live": live}


def _wish(job: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    asked, options = job["model"], {key: value for key, value in job["options"].items() if value not in (None, [], ())}
    mark = next((mark for mark in reversed(_met) if asked is None or mark.model == asked), None)
    if asked is None and mark is None:
        raise UsageError(
            "Which variable is the model?",
            code="no-model-named",
            where="--model",
            why="No model was named, and no %deploy in the notebook marks one.",
            fix="--model model",
            kept="nothing was captured",
        )
    defaults = mark.options if mark else {}
    return (asked if asked is not None else mark.model), {**defaults, **options}  # type: ignore[union-attr]


def _magic(shell: Any, line: str, cell: str | None) -> Marked:
    words = shlex.split(line)
    known, _ = _parser().parse_known_args(words)
    options = {key: value for key, value in vars(known).items() if value is not None and key != "model"}
    if cell is not None:
        name = shell.compile.cache(cell)
        exec(compile(shell.transform_cell(cell), name, "exec"), shell.user_ns)
    model = known.model or ("predict" if cell is not None else None)
    if model is not None:
        _met.append(Mark(model, options))
    shell.user_ns["deployment"] = Marked()
    return Marked()


def _call(model: Any = None, **options: Any) -> Marked:
    known = {"name", "data", "labels", "holdout", "exclude", "env", "allow_network", "nullable", "extra_columns"}
    known |= {"time", "id", "golden", "tolerance", "strict"}
    _met.append(Mark(model, {key: value for key, value in options.items() if key in known}))
    return Marked()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    parser.add_argument("model", nargs="?")
    for flag in ("name", "data", "labels", "time", "id", "golden", "extra-columns"):
        parser.add_argument(f"--{flag}")
    parser.add_argument("--tolerance", type=float)
    parser.add_argument("--holdout", nargs=2)
    parser.add_argument("--strict", action="store_true", default=None)
    for flag in ("exclude", "env", "allow-network", "nullable"):
        parser.add_argument(f"--{flag}", action="append")
    return parser


def _last(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
