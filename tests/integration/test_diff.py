"""Two versions that were really deployed, side by side: what `diff` says of them, and what the second one's card said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from homes import uninstalled
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import nb2prod
from nb2prod.capturing.execution import Notebook
from nb2prod.cli.run import run
from nb2prod.home import Home
from nb2prod.sdk import card

DRAW = np.random.default_rng(0)
X = pd.DataFrame(DRAW.normal(size=(600, 3)), columns=["age", "income", "debt"])
Y = (X["income"] - X["debt"] + DRAW.normal(size=600) / 2 > 0).astype(int)
SCALED = "def scaled(frame):\n    return frame * 2.0"
CAPPED = """import narwhals as nw

def scaled(frame):
    return nw.from_native(frame).select(nw.all().clip(-9, 1.5) * 2.0).to_native()"""
FIT = "model = make_pipeline(FunctionTransformer(scaled), SimpleImputer(), LogisticRegression())\nmodel.fit(X, y)"


def ran(*sources: str, **values: Any) -> Notebook:
    """The cells, run one after the other."""
    namespace = {"__name__": "__main__", **values, **{one.__name__: one for one in STEPS}}
    for source in sources:
        exec(source, namespace)
    return Notebook(namespace=namespace, executed=tuple(enumerate(sources, 1)))


STEPS = (make_pipeline, SimpleImputer, FunctionTransformer, LogisticRegression)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    made = Home(tmp_path_factory.mktemp("home"))
    yield made
    uninstalled(made)


@pytest.fixture(scope="module")
def versions(home: Home) -> tuple[Any, Any]:
    """The second one clips in its code, was fitted on later rows with nulls and on labels of which some are wrong."""
    later = X.assign(income=X["income"] + 1.0).mask(np.random.default_rng(1).uniform(size=X.shape) < 0.05)
    wrong = Y.where(np.random.default_rng(2).uniform(size=len(Y)) > 0.3, X["age"].gt(0).astype(int))
    made = []
    for code, rows, labels in ((SCALED, X, Y), (CAPPED, later, wrong)):
        notebook = ran(code, FIT, X=rows, y=labels, X_test=X, y_test=Y)
        options = {"name": "loans", "holdout": ("X_test", "y_test"), "workers": 1, "home": home}
        made.append(nb2prod.deploy("model", notebook=notebook, **options))
    return made[0], made[1]


def test_the_card_of_the_second_says_what_changed_and_how_to_undo_it(versions: tuple[Any, Any]) -> None:
    outcome = versions[1].outcome
    assert (outcome.replaced, outcome.compared) == (1, 120)
    assert 0 < outcome.changed < 120
    assert outcome.metric_now < outcome.metric_before
    said = card.outcome(outcome, voice="terminal").text()
    assert f"{outcome.changed} of 120 answers differ from version 1; hold-out ROC AUC" in said
    assert "undo: nb2prod deploy models:/loans/1" in said


def test_diff_says_what_changed(
    versions: tuple[Any, Any], home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NB2PROD_HOME", str(home.root))
    assert run(["diff", "loans", "1", "2"]) == 0
    said = capsys.readouterr().out
    assert run(["diff", "loans", "1", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    changed = versions[1].outcome.changed
    for line in (
        "other rows, 600 as before",
        "income: median",
        "`age`, `income`, `debt` nullable: False to True",
        f"{changed} of 120 stored rows get another answer",
        "ROC AUC 0.97",
        "-    return frame * 2.0\n+    return nw.from_native(frame)",
    ):
        assert line in said
    assert [change["name"] for change in found["code"]] == ["cells"]
    assert (found["python"], found["packages"]) == (None, [])
    assert "environment" not in said
    assert found["data"]["moved"][0]["name"] == "income"
    assert found["answers"] == {"changed": changed, "compared": 120, "why": ""}
    assert found["quality"]["after"] < found["quality"]["before"]
