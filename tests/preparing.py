"""Notebooks with their preparation outside the model, and what is offered for them, run as it is typed."""

from __future__ import annotations

from typing import Any

import numpy as np
from cells import Kernel, only

from nb2prod.records.capture import Finding

PEOPLE = """
import numpy as np, pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelEncoder, StandardScaler
rng = np.random.default_rng(0); n = 400
df = pd.DataFrame({"pclass": rng.integers(1, 4, n), "sex": rng.choice(["male", "female"], n),
                   "age": rng.normal(30, 12, n).round(1), "fare": rng.lognormal(3, 1, n).round(2),
                   "port": rng.choice(["S", "C", "Q"], n)})
df.loc[rng.choice(n, 40, replace=False), "age"] = np.nan
df["lived"] = ((df.sex == "female") * 1.5 + (df.pclass == 1) - (df.pclass == 2) + rng.normal(0, .5, n) > .8).astype(int)
"""
TREE = "DecisionTreeClassifier(max_depth=6, random_state=0)"


def offered(*cells: str, model: str = "model") -> tuple[Finding, Kernel]:
    kernel = Kernel().run(PEOPLE, *cells)
    return only(kernel.look(model), "preparation-outside"), kernel


def answers(fix: str, kernel: Kernel) -> tuple[Any, Any, Any]:
    """Run what is offered: its `predict`, the rows of its `--data`, and its `--labels`."""
    *above, last = fix.split("\n") if fix.split("\n")[-1].startswith("%deploy") else [fix, ""]
    namespace = dict(kernel.namespace)
    if last:
        exec("\n".join(above), namespace)
        predict = eval(last.removeprefix("%deploy ").partition(" --")[0], namespace).predict
        flags = last
    else:
        flags, _, source = fix.partition("\n")
        exec(source, namespace)
        predict = namespace["predict"]
    data, _, labels = flags.partition("--data ")[2].partition(" --labels ")
    return predict, eval(data, namespace), eval(labels, namespace) if labels else None


def ready(finding: Finding, kernel: Kernel, fitted: str = "X", model: str = "model") -> None:
    """What is offered answers the rows as the notebook did, together and each by itself."""
    assert "same answers" in finding.why, finding.why + finding.fix
    predict, rows, _ = answers(finding.fix, kernel)
    right = eval(f"{model}.predict({fitted})", kernel.namespace)
    index = getattr(eval(fitted, kernel.namespace), "index", None)
    rows = rows.loc[index] if index is not None and hasattr(rows, "loc") else rows
    assert len(rows) == len(right)
    np.testing.assert_allclose(np.asarray(predict(rows.copy())), right, atol=1e-9)
    for number in range(0, len(right), 29):
        one = np.asarray(predict(rows[number : number + 1].copy()))
        np.testing.assert_allclose(one, right[number : number + 1], atol=1e-9)
