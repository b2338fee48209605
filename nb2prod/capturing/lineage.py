"""Where a model came from: notebook, cells, git, data fingerprints and the sources that the cells name."""

from __future__ import annotations

import ast
import getpass
import hashlib
import re
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from nb2prod.capturing import cells
from nb2prod.capturing.discovery import Found
from nb2prod.capturing.execution import Notebook
from nb2prod.capturing.values import is_frame, is_series
from nb2prod.records.capture import Cell, DataSource, Lineage

# what reads or makes data: its text argument, or its own name, says where data came from
_READERS = (
    "read_",
    "load_",
    "fetch_",
    "loadtxt",
    "genfromtxt",
    "scan_",
    "make_classification",
    "make_regression",
    "from_pandas",
    "from_numpy",
    "from_polars",
    "from_spark",
    "open_dataset",
    "query",
    "sql",
    "execute",
    "urlopen",
    "urlretrieve",
)
_QUERIES = ("query", "sql", "execute")
_SELECTS = re.compile(r"(?i)\s*(select|from|with|table|pivot|values)\b")
_SOURCES = ("source", "path", "sql", "query", "filepath_or_buffer", "io", "table_name", "delta_table_name")
_SQL_MAGIC = re.compile(r"^\s*(?:(?P<name>\w+)\s*=\s*|)%%?sql\b\s*(?P<query>.*)", re.DOTALL)


def lineage(
    found: Found, notebook: Notebook, *, files: Iterable[Path] = (), definitions: Iterable[str] = ()
) -> Lineage:
    """Everything that can be said of the model's origin; what cannot be found out is None.

    Parameters
    ----------
    files
        The local code that goes along: not committed, it makes the working tree dirty, as the notebook does.
    definitions
        The functions and classes of the notebook that go along, each with its place.
    """
    used = (*([notebook.path] if notebook.path else ()), *files)
    commit, dirty = _git(notebook.path.parent if notebook.path else Path.cwd(), used)
    return Lineage(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        user=_user(),
        nb2prod=metadata.version("nb2prod"),
        notebook=str(notebook.path) if notebook.path else None,
        cells=tuple(_cell(cell, notebook) for cell in cells_behind(found, notebook)),
        definitions=tuple(definitions),
        git_commit=commit,
        git_dirty=dirty,
        data=tuple(_sources(found, notebook)),
        stale_check=notebook.stale_check,
    )


def cells_behind(found: Found, notebook: Notebook) -> list[cells.Facts]:
    """The executed cells that the model depends on."""
    return notebook.graph.behind(found.root) if found.root else []


def fingerprint(data: Any) -> str:
    """SHA-256 over columns, dtypes and values in their order; the same data gives the same digest in any process."""
    found = hashlib.sha256()
    if is_frame(data):
        import pandas as pd

        found.update(
            "\0".join(f"{name}:{dtype}" for name, dtype in zip(data.columns, data.dtypes, strict=True)).encode()
        )
        for i in range(data.shape[1]):
            found.update(_hashed(pd, data.iloc[:, i]))
        return found.hexdigest()
    if is_series(data):
        import pandas as pd

        found.update(_hashed(pd, data))
        return found.hexdigest()
    if hasattr(data, "tocsr"):
        matrix = data.tocsr()
        for part in (matrix.data, matrix.indices, matrix.indptr):
            found.update(np.ascontiguousarray(part).tobytes())
        return found.hexdigest()
    array = np.asarray(data)
    found.update(f"{array.dtype}{array.shape}".encode())
    found.update(array.tobytes() if array.dtype.kind != "O" else repr(array.tolist()).encode())
    return found.hexdigest()


def source_of(name: str, notebook: Notebook) -> str | None:
    """Where the cells behind a name read data from: a file, a URL, a query, a loader's name."""
    root = name.split("[")[0].split(".")[0].split("(")[0].strip()
    for cell in reversed(notebook.graph.behind(root)):
        magic = _SQL_MAGIC.match(cell.source)
        if magic and magic["query"].strip():
            return f"sql: {_without_password(' '.join(magic['query'].split()))}"
        if cell.tree is None:
            continue
        calls = [told for node in ast.walk(cell.tree) if isinstance(node, ast.Call) and (told := _told(node, notebook))]
        if calls:
            return max(calls, key=lambda told: ": " in told)
    return None


def _told(node: ast.Call, notebook: Notebook) -> str | None:
    function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if not function.startswith(_READERS):
        return None
    named = sorted(node.keywords, key=lambda keyword: keyword.arg not in _SOURCES)
    for argument in (*node.args, *(keyword.value for keyword in named)):
        text = _text(argument, notebook)
        if text and (function not in _QUERIES or _SELECTS.match(text)):
            return f"{function}: {_without_password(' '.join(text.split()))}"
    return None if function in _QUERIES else function


def _text(node: ast.expr, notebook: Notebook) -> str | None:
    """The text of an argument: as it is written, as a variable holds it, as a path or an f-string begins."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Name):
        value = notebook.namespace.get(node.id)
        return str(value) if isinstance(value, str | Path) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part, notebook) or "{…}" for part in node.values)
    if isinstance(node, ast.BinOp):
        left, right = _text(node.left, notebook), _text(node.right, notebook)
        return f"{left}{'/' if isinstance(node.op, ast.Div) else ''}{right}" if left and right else left or right
    if isinstance(node, ast.Call) and node.args:
        return _text(node.args[0], notebook)
    return None


def _without_password(text: str) -> str:
    """`postgresql://me:secret@host/db` keeps its user and host; a query keeps its names."""
    plain = re.sub(r"(?<=://)([^\s:/@]*):[^\s@/]*@", r"\1@", text)
    return re.sub(r"(?i)([?&](?:sig|token|key|apikey|api_key|access_token|password)=)[^&\s]+", r"\1…", plain)[:500]


def _sources(found: Found, notebook: Notebook) -> list[DataSource]:
    given = [("training", found.data_name, found.data), ("labels", found.labels_name or "labels", found.labels)]
    if found.holdout is not None:
        named = next(
            (name for name, one in notebook.namespace.items() if one is found.holdout[0] and name[0] != "_"), ""
        )
        given.append(("holdout", named or "holdout", found.holdout[0]))
    return [
        DataSource(
            name=name,
            role=role,  # type: ignore[arg-type]
            rows=_shape(data)[0],
            columns=_shape(data)[1],
            digest=fingerprint(data),
            source=source_of(name, notebook),
        )
        for role, name, data in given
        if data is not None
    ]


def _cell(cell: cells.Facts, notebook: Notebook) -> Cell:
    saved = notebook.positions.get(cell.execution)
    return Cell(
        execution=cell.execution,
        index=saved.index if saved else None,
        id=saved.id if saved else None,
        digest=cells.digest(cell.source),
        source=cell.source,
    )


def _hashed(pd: Any, series: Any) -> bytes:
    try:
        return bytes(pd.util.hash_pandas_object(series, index=False).to_numpy().tobytes())
    except TypeError:  # lists and dicts in a column have no hash
        return repr(series.tolist()).encode()


def _shape(data: Any) -> tuple[int, int]:
    shape: tuple[int, ...] = getattr(data, "shape", None) or (len(data),)
    return int(shape[0]), int(shape[1]) if len(shape) > 1 else 1


def _git(folder: Path, used: Iterable[Path] = ()) -> tuple[str | None, bool | None]:
    """The commit, and whether index or working tree differ from it, or a used file of the repository is not in it."""
    head = _git_says(folder, "rev-parse", "HEAD")
    if head is None:
        return None, None
    changed = _git_says(folder, "status", "--porcelain", "--untracked-files=no")
    if changed is None:
        return head, None
    return head, bool(changed) or any(_untracked(path) for path in used)


def _untracked(path: Path) -> bool:
    """Whether a file lies in a repository that does not have it."""
    return bool(_git_says(path.parent, "ls-files", "--others", "--", path.name))


def _git_says(folder: Path, *words: str) -> str | None:
    """What git says; None where it fails."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
