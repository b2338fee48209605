"""Rows of the training data that go along inside a model are named, with what keeps none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from sklearn.impute import KNNImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVR

from nb2prod.capturing import discovery, rules
from nb2prod.capturing.execution import Notebook
from nb2prod.capturing.rules.training_rows import TrainingRows
from nb2prod.records.capture import Finding
from nb2prod.runtime import flavors

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame({"a": RNG.normal(size=60), "b": RNG.normal(size=60)})
ARRAY = FRAME.to_numpy()
TABLE = pd.DataFrame({"b": [0.0, 1.0], "share": [0.25, 0.75]})
OTHER = FRAME.rename(columns=str.upper)
RESULTS = smf.ols("b ~ a", FRAME).fit()
UNFITTED = smf.ols("b ~ a", FRAME)
LATE = (FRAME["a"] > 0).astype(int)


def look(model: Any, data: Any = FRAME) -> list[Finding]:
    found = discovery.find(model, Notebook({"X": data}), data=data)
    case = rules.Case(found, Notebook({"X": data}), flavors.of(found.model))
    return [finding for finding in rules.look(case) if finding.code == "training-rows"]


@pytest.mark.parametrize(
    ("model", "where", "by", "instead"),
    [
        (KNeighborsClassifier().fit(FRAME, LATE), "_fit_X", "`KNeighborsClassifier`", "GradientBoostingClassifier"),
        (SVR().fit(FRAME, FRAME["b"]), "support_vectors_", "`SVR`", "GradientBoostingRegressor"),
        (
            make_pipeline(KNNImputer(), LogisticRegression()).fit(FRAME, LATE),
            "steps[0]._fit_X",
            "`steps[0]`",
            "GradientBoostingClassifier",
        ),
    ],
)
def test_a_model_that_answers_from_its_rows_is_noted(model: Any, where: str, by: str, instead: str) -> None:
    (finding,) = look(model)
    assert (finding.severity, finding.where) == ("note", where)
    assert finding.why.startswith(f"{by} answers from rows")
    assert instead in finding.fix


def held_in_a_global(frame: Any) -> Any:
    return frame["a"] - FRAME["a"].mean()


def held_as_an_array(rows: Any) -> Any:
    return rows[:, 0] - ARRAY[:, 0].mean()


def a_table_of_its_own(frame: Any) -> Any:
    return frame["a"] * TABLE["share"].sum()


def other_columns(frame: Any) -> Any:
    return frame["a"] - OTHER["A"].mean()


def test_a_function_that_holds_the_training_frame_is_warned_of() -> None:
    (finding,) = look(held_in_a_global)
    assert (finding.severity, finding.where) == ("warn", "FRAME (used in held_in_a_global)")
    assert finding.title == "`FRAME` goes along with 60 training rows"
    assert "(a, b, …)" in finding.why
    assert finding.fix.endswith("means = FRAME.mean(numeric_only=True)")


def held_in_results(frame: Any) -> Any:
    return RESULTS.predict(frame)


def held_before_its_fit(frame: Any) -> Any:
    return frame["a"] + UNFITTED.endog.mean()


def test_results_that_a_function_asks_take_their_rows_along_and_are_to_be_deployed_themselves() -> None:
    (finding,) = look(held_in_results)
    assert (finding.severity, finding.where) == ("warn", "RESULTS (used in held_in_results)")
    assert "the 60 rows that it was fitted on" in finding.title
    assert finding.fix.startswith("%deploy RESULTS --data ")
    (finding,) = look(held_before_its_fit)
    assert finding.where == "UNFITTED (used in held_before_its_fit)"


def enclosing_results(inner: Any) -> Any:
    return lambda frame: inner.predict(frame)


def test_results_that_a_function_encloses_are_named_as_the_notebook_does() -> None:
    model = enclosing_results(RESULTS)
    notebook = Notebook({"X": FRAME, "res": RESULTS, "model": model})
    found = discovery.find("model", notebook, data=FRAME)
    told = rules.look(rules.Case(found, notebook, flavors.of(found.model)))
    assert next(one.fix for one in told if one.code == "training-rows") == "%deploy res --data X"


def test_a_copy_with_more_columns_and_an_array_are_found_too() -> None:
    (finding,) = look(held_in_a_global, FRAME.assign(c=1)[["c", "b"]])
    assert finding.where.startswith("FRAME")
    (finding,) = look(held_as_an_array, ARRAY)
    assert finding.where.startswith("ARRAY")


@pytest.mark.parametrize("model", [a_table_of_its_own, other_columns, LogisticRegression().fit(FRAME, LATE)])
def test_what_holds_no_training_row_is_let_be(model: Any) -> None:
    assert look(model) == []


def test_rows_that_the_flavor_leaves_behind_are_none_and_those_it_cannot_are_told(tmp_path: Path) -> None:
    plain = smf.ols("b ~ a", FRAME).fit()
    assert look(plain) == []
    assert list(TrainingRows().saved(flavors.save(plain, tmp_path / "plain"), "results")) == []
    stateful = smf.ols("b ~ center(a)", FRAME).fit()
    (finding,) = TrainingRows().saved(flavors.save(stateful, tmp_path / "stateful"), "results")
    assert finding.severity == "warn"
    assert finding.title == "Training rows of `results` go along"
    assert finding.why.startswith("The columns that the formula names stay")
    assert "frame.assign(COLUMN=…)" in finding.fix
