"""What is offered for preparation outside the model gives the model what it was fitted on, value for value."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from preparing import TREE, answers, offered, ready

from nb2prod.capturing import discovery
from nb2prod.capturing.preparation import comparing, trial
from nb2prod.capturing.preparation.offered import Outside

LOOPS = {
    "over the values of a column": "for p in d['pclass'].unique():\n    m = d.loc[d['pclass'] == p, 'age'].median()\n"
    "    d.loc[(d['pclass'] == p) & (d['age'].isnull()), 'age'] = m",
    "the frame bound again": "for c in d.columns[:4]:\n    d = d.fillna({c: 7})",
}  # fmt: skip


@pytest.mark.parametrize("form", LOOPS)
def test_what_a_loop_puts_into_the_frame_is_in_the_cell(form: str) -> None:
    finding, kernel = offered(
        f"d = df.copy()\n{LOOPS[form]}\nX = d[['age', 'pclass']]",
        f"model = {TREE.replace('max_depth=6, ', '')}.fit(X, d['lived'])",
    )
    assert "pass" not in finding.fix.split()
    ready(finding, kernel)
    assert "400 rows came to the model as `.fit` saw them" in finding.why


OF_SOME = {
    "numbers and words": ("[('n', StandardScaler(), ['fare']), ('c', OneHotEncoder(), ['sex'])]", ["sex", "fare"]),
    "by position": ("[('n', StandardScaler(), [0, 3])]", ["pclass", "fare"]),
}


@pytest.mark.parametrize("form", OF_SOME)
def test_what_is_offered_for_a_transformer_of_some_columns_passes_the_checks_of_deploy(form: str) -> None:
    parts, sent = OF_SOME[form]
    finding, kernel = offered(
        "from sklearn.compose import ColumnTransformer\nfrom sklearn.preprocessing import OneHotEncoder\n"
        f"from sklearn.neighbors import KNeighborsClassifier\nct = ColumnTransformer({parts})\nZ = ct.fit_transform(df)",
        "knn = KNeighborsClassifier().fit(Z, df['lived'])\nmodel = knn",
        model="knn",
    )
    ready(finding, kernel, fitted="Z", model="knn")
    predict, rows, labels = answers(finding.fix, kernel)
    found = discovery.find(
        getattr(predict, "__self__", predict), kernel.notebook(), data=rows, labels=labels, name="knn"
    )
    assert list(found.data.columns) == sent


def test_what_the_model_is_given_must_be_the_same_though_its_answers_are() -> None:
    rows = pd.DataFrame({"a": [1.0, np.nan, 3.0] * 40})
    source = "def predict(frame):\n    return [0] * len(frame)\ndef inputs(frame):\n    return frame.fillna({value})"
    truth = trial.Truth.of(np.arange(120), rows.fillna(2), lambda given: [0] * len(given))
    assert trial.tried(source.format(value=2), "rows", truth, {"rows": rows}) == trial.Outcome(rows=120, prepared=120)
    failed = trial.tried(source.format(value=5), "rows", truth, {"rows": rows})
    assert failed.wrong == "40 of 120 rows come to the model otherwise than those that it was fitted on"


def test_a_function_that_fills_gaps_with_the_mean_of_what_it_is_given_is_not_offered_as_it_is() -> None:
    finding, kernel = offered(
        "def prepare(d):\n    d['age'] = d['age'].fillna(d['age'].mean())\n    d['fare'] = np.log1p(d['fare'])\n"
        "train = df.copy()\nprepare(train)",
        f"X = train[['age', 'fare', 'pclass']]\nmodel = {TREE}.fit(X, train['lived'])",
    )
    assert "prepare(" not in finding.fix
    ready(finding, kernel)


def test_what_would_answer_a_row_by_itself_otherwise_is_not_offered() -> None:
    finding, _ = offered(
        "def prepare(d):\n    with np.errstate(all='ignore'):\n        d['age'] = d['age'].fillna(d['age'].mean())\n"
        "train = df.copy()\nprepare(train)",
        f"X = train[['age', 'fare', 'pclass']]\nmodel = {TREE}.fit(X, train['lived'])",
    )
    assert "same answers" not in finding.why
    assert "a row by itself " in finding.why
    assert finding.fix.startswith("write by hand")


def test_the_one_row_that_lacks_a_value_is_tried_among_many() -> None:
    n = 20_000
    rows = pd.DataFrame({"a": np.arange(n) * 1.0, "b": ["x"] * n, "c": 0})
    rows.loc[17_321, "a"] = np.nan
    rows.loc[4_123, "b"] = "rare"
    rows.loc[9_876, "c"] = 99
    tried = comparing.chosen(rows, np.arange(n))
    assert len(tried) == len(set(tried)) == comparing.MOST
    assert {17_321, 4_123, 9_876} <= set(tried[: trial.MANY])


def test_missing_values_are_the_same_and_a_missing_one_is_not_a_number() -> None:
    one, other = ([pd.Series(values)] for values in (["a", None, np.nan, 1.0], ["a", np.nan, "x", 1]))
    assert comparing.differing(one, other, 4) == 1
    assert comparing.differing([np.array([1.0, np.nan])], [np.array([1, 0])], 2) == 1
    assert comparing.differing(one, [*other, *other], 4) == 4


def test_what_is_no_table_is_judged_by_its_answers_and_not_called_compared() -> None:
    rows = pd.DataFrame({"text": ["a b", "c", "d e f"] * 20})
    ragged = [line.split() for line in rows["text"]]
    truth = trial.Truth.of(np.arange(60), ragged, lambda given: np.array([len(one) for one in given]))
    cell = """
def inputs(frame):
    return [line.split() for line in frame["text"]]
def predict(frame):
    return np.array([len(one) for one in inputs(frame)])
"""
    outcome = trial.tried(cell, "rows", truth, {"rows": rows, "np": np})
    assert outcome.held
    assert outcome.prepared == 0
    assert "as `.fit` saw them" not in Outside((), "", rows=outcome.rows, prepared=3).tried, "nothing was prepared"
    assert "judged by the answers alone" in Outside((), "", rows=outcome.rows, prepared=outcome.prepared).tried
