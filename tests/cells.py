"""A kernel for tests of what capture looks for: cells run one by one, and the findings of a model of theirs."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from nb2prod.capturing import discovery, rules
from nb2prod.capturing.execution import Notebook, SavedCell
from nb2prod.records.capture import Finding
from nb2prod.runtime import flavors

SETUP = """
import numpy as np, pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
rng = np.random.default_rng(0)
df = pd.DataFrame({"a": rng.normal(size=80), "b": rng.normal(size=80)})
y = (df["a"] > 0).astype(int)
"""


class Kernel:
    """Cells run one by one, as a kernel does, in a module of their own."""

    def __init__(self) -> None:
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.executed: list[tuple[int, str]] = []

    def run(self, *sources: str) -> Kernel:
        for source in sources:
            text = textwrap.dedent(source).strip()
            self.executed.append((len(self.executed) + 1, text))
            exec(compile(text, f"<cell {len(self.executed)}>", "exec"), self.namespace)
        return self

    def notebook(self, *saved: str | tuple[int | None, str]) -> Notebook:
        cells = tuple(
            SavedCell(index, textwrap.dedent(cell[1] if isinstance(cell, tuple) else cell).strip(), None,
                      cell[0] if isinstance(cell, tuple) else None)
            for index, cell in enumerate(saved, start=1)
        )  # fmt: skip
        return Notebook(self.namespace, tuple(self.executed), cells or None, Path("nb.ipynb") if cells else None)

    def look(self, model: str, *saved: Any, strict: bool = False, **options: Any) -> tuple[Finding, ...]:
        notebook = self.notebook(*saved)
        found = discovery.find(model, notebook, data=options.pop("data", None))
        case = rules.Case(found, notebook, flavors.of(found.model), **options)
        return rules.look(case, strict=strict)


def only(findings: tuple[Finding, ...], code: str) -> Finding:
    found = [finding for finding in findings if finding.code == code]
    assert len(found) == 1, findings
    return found[0]


def codes(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.code for finding in findings]


FIT = "model = LogisticRegression().fit(df, y)"
