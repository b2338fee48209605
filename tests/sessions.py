"""A notebook at work in a shell that is watched: cells run, fail, are edited and saved to a real file; a model is looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_notebook, new_output

from nb2prod.capturing import discovery, rules, watching
from nb2prod.capturing.execution import Notebook, read_saved
from nb2prod.records.capture import Finding
from nb2prod.runtime import flavors

CODES = {"stale", "deleted-cell", "out-of-order", "data-changed", "run-twice", "holdout-seen", "set-after-fit"}
BASE = """
import numpy as np, pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
rng = np.random.default_rng(7)
loans = pd.DataFrame({"income": rng.gamma(2, 20000, 400), "debt": rng.gamma(2, 5000, 400), "age": rng.integers(18, 80, 400)})
loans["bad"] = (loans.debt / loans.income > .3).astype(int)
"""


class Session:
    """Cells by their id, as they stand from top to bottom; `loaded` says whether the extension watches."""

    def __init__(self, folder: Path, *, loaded: bool = True) -> None:
        from IPython.core.interactiveshell import InteractiveShell

        self.path = folder / "nb.ipynb"
        self.shell = InteractiveShell()
        self.cells: dict[str, Any] = {}
        if loaded:
            watching.watch(self.shell)

    def cell(self, **cells: str) -> Session:
        """New cells below the others, or another text of one."""
        for key, text in cells.items():
            known = self.cells.setdefault(key, new_code_cell(text.strip(), id=key))
            known.source = text.strip()
        return self

    def run(self, *keys: str) -> Session:
        for key in keys:
            cell = self.cells[key]
            cell.execution_count = self.shell.execution_count
            result = self.shell.run_cell(cell.source, store_history=True, cell_id=key)
            error = result.error_in_exec or result.error_before_exec
            trace = self.shell.InteractiveTB.stb2text(
                self.shell.InteractiveTB.structured_traceback(type(error), error, error.__traceback__, 1)
            ) if error else ""  # fmt: skip
            cell.outputs = [new_output("error", ename="E", evalue="e", traceback=[trace])] if error else []
        return self

    def added(self, **cells: str) -> Session:
        """New cells that run at once."""
        return self.cell(**cells).run(*cells)

    @property
    def notebook(self) -> Notebook:
        nbformat.write(new_notebook(cells=list(self.cells.values())), self.path)
        executed = tuple((n, text) for n, text in enumerate(self.shell.history_manager.input_hist_raw) if n and text)
        return Notebook(self.shell.user_ns, executed, read_saved(self.path), self.path, watching.of(self.shell))

    def look(self, model: str = "model", *, strict: bool = False, **asked: Any) -> list[Finding]:
        notebook = self.notebook
        found = discovery.find(model, notebook, **asked)
        case = rules.Case(found, notebook, flavors.of(found.model))
        return [one for one in rules.look(case, strict=strict) if one.code in CODES]
