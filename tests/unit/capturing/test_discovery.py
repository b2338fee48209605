"""Capture finds name, baseline and labels in the notebook, or says what to type."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nb2prod.capturing import discovery, naming
from nb2prod.capturing.execution import Notebook
from nb2prod.errors import Refused, UsageError


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"a": rng.normal(size=60), "b": rng.normal(size=60)})


@pytest.fixture
def labels(frame: pd.DataFrame) -> pd.Series:
    return (frame["a"] > 0).astype(int)


def notebook(namespace: dict[str, Any], *sources: str) -> Notebook:
    return Notebook(namespace=namespace, executed=tuple(enumerate(sources, start=1)))


def test_the_fit_call_tells_data_and_labels(frame: pd.DataFrame, labels: pd.Series) -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, labels)
    names = {"model": model, "X_train": frame, "X_test": frame.copy(), "y_train": labels}
    found = discovery.find("model", notebook(names, "model = make().fit(X_train, y_train)"))
    assert (found.name, found.data_name, found.labels_name) == ("model", "X_train", "y_train")
    assert found.data is frame
    assert found.labels is labels


def test_an_expression_in_the_fit_call_is_evaluated_again(frame: pd.DataFrame, labels: pd.Series) -> None:
    wide = frame.assign(late=labels)
    model = LogisticRegression().fit(wide.drop(columns="late"), wide["late"])
    found = discovery.find("clf", notebook({"clf": model, "df": wide}, "clf.fit(df.drop(columns='late'), df['late'])"))
    assert list(found.data.columns) == ["a", "b"]
    assert found.labels_name == "df['late']"


def test_an_expression_that_could_do_something_is_not_evaluated() -> None:
    called: list[int] = []
    assert discovery.evaluated("f()", {"f": lambda: called.append(1)}) is None
    assert not called


def test_two_candidates_are_listed(frame: pd.DataFrame, labels: pd.Series) -> None:
    model = LogisticRegression().fit(frame, labels)
    names = {"model": model, "X_train": frame, "X_test": frame.copy()}
    with pytest.raises(UsageError) as caught:
        discovery.find("model", notebook(names))
    assert caught.value.code == "two-candidates"
    assert "`X_train`, `X_test`" in caught.value.why


def test_what_was_never_fitted_is_told_before_its_data_are_looked_for(frame: pd.DataFrame, labels: pd.Series) -> None:
    names = {"model": LogisticRegression(), "X": frame, "y": labels}
    with pytest.raises(Refused) as caught:
        discovery.find("model", notebook(names, "model = LogisticRegression()"))
    assert caught.value.code == "not-fitted"
    assert caught.value.fix == "model.fit(X, y)"


def test_the_only_frame_with_the_right_columns_is_the_data(frame: pd.DataFrame, labels: pd.Series) -> None:
    model = LogisticRegression().fit(frame, labels)
    found = discovery.find("model", notebook({"model": model, "X": frame, "other": frame[["a"]]}))
    assert found.data_name == "X"


def test_no_data_says_which_columns_are_looked_for(frame: pd.DataFrame, labels: pd.Series) -> None:
    model = LogisticRegression().fit(frame, labels)
    with pytest.raises(UsageError, match="not found") as caught:
        discovery.find("model", notebook({"model": model}))
    assert caught.value.code == "no-data"
    assert "a, b" in caught.value.why


def test_a_misspelt_variable_gets_the_close_one(frame: pd.DataFrame, labels: pd.Series) -> None:
    model = LogisticRegression().fit(frame, labels)
    with pytest.raises(UsageError) as caught:
        discovery.find("modle", notebook({"model": model}))
    assert caught.value.code == "no-such-variable"
    assert caught.value.fix == "%deploy model"


def test_neither_a_module_nor_a_class_is_the_model_that_was_meant(frame: pd.DataFrame, labels: pd.Series) -> None:
    model = LogisticRegression().fit(frame, labels)
    names = {"np": np, "nopy": LogisticRegression, "model": model, "X": frame}
    with pytest.raises(UsageError) as caught:
        discovery.find("nope", notebook(names))
    assert caught.value.fix == "%deploy model"


def test_a_misspelt_function_gets_the_close_one() -> None:
    with pytest.raises(UsageError) as caught:
        discovery.find("scroe", notebook({"np": np, "score": lambda frame: frame}))
    assert caught.value.fix == "%deploy score"


def test_where_nothing_is_a_model_the_fix_is_another_line_than_was_typed(frame: pd.DataFrame) -> None:
    with pytest.raises(UsageError) as caught:
        discovery.find("model", notebook({"np": np, "df": frame}))
    assert caught.value.fix.startswith("%%deploy --data df\ndef predict(frame):")
    with pytest.raises(UsageError) as caught:
        discovery.find("model", notebook({}))
    assert caught.value.fix == "# run the cells that make `model`; then\n%deploy model"


def test_a_frame_is_no_model(frame: pd.DataFrame) -> None:
    with pytest.raises(Refused, match="`df` is a DataFrame, not a model"):
        discovery.find("df", notebook({"df": frame}))


def test_a_class_is_no_model() -> None:
    with pytest.raises(Refused, match="class"):
        discovery.find("LogisticRegression", notebook({"LogisticRegression": LogisticRegression}))


def test_a_function_has_for_data_what_the_cells_called_it_with(frame: pd.DataFrame) -> None:
    def predict(rows: pd.DataFrame) -> Any:
        return rows["a"] * 2

    found = discovery.find("predict", notebook({"predict": predict, "df": frame}, "predict(df.head(3))"))
    assert found.data_name == "df"
    assert found.data is frame


def test_labels_of_another_length_are_refused(frame: pd.DataFrame, labels: pd.Series) -> None:
    model = LogisticRegression().fit(frame, labels)
    with pytest.raises(UsageError) as caught:
        discovery.find(model, notebook({}), data=frame, labels=labels[:10])
    assert caught.value.code == "labels-do-not-fit"


def test_given_data_needs_the_models_columns(frame: pd.DataFrame, labels: pd.Series) -> None:
    model = LogisticRegression().fit(frame, labels)
    with pytest.raises(UsageError) as caught:
        discovery.find(model, notebook({}), data=frame[["a"]])
    assert "Missing: b" in caught.value.why


@pytest.mark.parametrize("name", ["a/b", "A", "x:y", "", "-x", "ä", "x" * 64, "a..b", "a b"])
def test_a_name_that_mlflow_or_bentoml_refuses_gets_a_valid_one(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        naming.checked(name)
    suggestion = caught.value.fix.removeprefix("%deploy model --name ")
    assert naming.checked(suggestion) == suggestion


@pytest.mark.parametrize("name", ["delays", "a", "x-1_y.z", "7"])
def test_a_valid_name_is_kept(name: str) -> None:
    from bentoml import Tag

    assert naming.checked(name) == name
    assert Tag(name).name == name


def test_labels_given_as_data_are_told_to_be_labels(frame: pd.DataFrame, labels: pd.Series) -> None:
    names = {"clf": LogisticRegression().fit(frame, labels), "X_train": frame, "y_train": labels}
    with pytest.raises(UsageError) as caught:
        discovery.find("clf", notebook(names), data="y_train")
    assert caught.value.code == "wrong-data"
    assert caught.value.fix == "%deploy clf --data X_train"


def test_rows_given_as_labels_are_told_apart(frame: pd.DataFrame, labels: pd.Series) -> None:
    model = LogisticRegression().fit(frame, labels)
    names = {"model": model, "X_train": frame, "y_train": labels}
    with pytest.raises(UsageError) as raised:
        discovery.find("model", notebook(names), data="X_train", labels="X_train")
    assert raised.value.code == "wrong-labels"
    assert raised.value.where == "--labels X_train"


TRAIN = """
def train(rows, answers):
    kept = LogisticRegression()
    kept.fit(rows, answers)
    return kept
"""


def test_a_model_fitted_inside_a_function_has_the_data_that_the_function_was_given(
    frame: pd.DataFrame, labels: pd.Series
) -> None:
    model, other = LogisticRegression().fit(frame, labels), LinearRegression().fit(frame + 5, labels)
    names = {"model": model, "other": other, "X": frame, "y": labels, "Z": frame + 5}
    for call in ("train(X, y)", "train(X, answers=y)", "train(answers=y, rows=X)"):
        found = discovery.find("model", notebook(names, TRAIN, f"model = {call}", "other.fit(Z, y)"))
        assert (found.data_name, found.labels_name) == ("X", "y")
    assert found.fit is not None
    assert (found.fit.execution, found.fit.receiver) == (2, "model")


def test_expressions_of_the_function_are_read_with_what_it_was_given(frame: pd.DataFrame, labels: pd.Series) -> None:
    model = LogisticRegression().fit(frame, labels)
    names = {"model": model, "df": frame.assign(late=labels)}
    made = "def train(table, goal):\n    return LogisticRegression().fit(table.drop(columns=goal), table[goal])"
    found = discovery.find("model", notebook(names, made, "model = train(df, 'late')"))
    assert (found.data_name, found.labels_name) == ("df.drop(columns='late')", "df['late']")
    assert list(found.data.columns) == ["a", "b"]


@pytest.mark.parametrize(
    "made",
    [
        "def train(given):\n    rows = given * 1\n    return LogisticRegression().fit(rows, y)\nmodel = train(X)",
        "model, score = train(X, y)",
        "model = joblib.load('model.joblib')",
    ],
)
def test_the_only_fit_call_is_not_the_models_when_it_fitted_another(
    frame: pd.DataFrame, labels: pd.Series, made: str
) -> None:
    model, scaler = LogisticRegression().fit(frame, labels), StandardScaler().fit(frame)
    names = {"model": model, "scaler": scaler, "X": frame, "y": labels, "Z": frame + 5}
    for fitting in ("scaler.fit(Z)", "scaler = StandardScaler().fit(Z)"):
        with pytest.raises(UsageError) as caught:
            discovery.find("model", notebook(names, made, fitting))
        assert caught.value.code == "two-candidates"
        assert "`X`, `Z`" in caught.value.why


def test_data_that_is_gone_is_not_replaced_by_another_models(frame: pd.DataFrame, labels: pd.Series) -> None:
    model, other = LogisticRegression().fit(frame, labels), LinearRegression().fit(frame + 5, labels)
    names = {"model": model, "other": other, "y": labels, "Z": frame + 5}
    with pytest.raises(UsageError) as caught:
        discovery.find("model", notebook(names, TRAIN, "model = train(load(), y)", "other.fit(Z, y)"))
    assert caught.value.code == "no-data"
    assert "`load()` (In [2], line 1)" in caught.value.why


@pytest.mark.parametrize("made", ["for one in models:\n    one.fit(X, y)", "models = [LogisticRegression().fit(X, y)]"])
def test_a_model_of_a_list_was_fitted_by_the_only_call(frame: pd.DataFrame, labels: pd.Series, made: str) -> None:
    model, last = (LogisticRegression().fit(frame, labels) for _ in range(2))
    names = {"models": [model, last], "one": last, "model": model, "X": frame, "y": labels, "Z": frame + 5}
    names["LogisticRegression"] = LogisticRegression
    found = discovery.find("model", notebook(names, made, "model = models[0]"))
    assert (found.data_name, found.labels_name) == ("X", "y")


def test_a_model_that_holds_the_fitted_one_has_its_data(frame: pd.DataFrame, labels: pd.Series) -> None:
    class Rounded:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def predict(self, rows: Any) -> Any:
            return self.inner.predict(rows).round()

    inner = LogisticRegression().fit(frame, labels)
    names = {"inner": inner, "model": Rounded(inner), "X": frame, "y": labels, "Z": frame + 5}
    found = discovery.find("model", notebook(names, "inner.fit(X, y)", "model = Rounded(inner)"))
    assert (found.data_name, found.labels_name) == ("X", "y")


BRANCHES = {
    "if": "if len(X) > 3:\n    model.fit(X, y)\nelse:\n    model.fit(Z, z)",
    "elif": "if n == 1:\n    pass\nelif n == 2:\n    model.fit(X, y)\nelse:\n    model.fit(Z, z)",
    "try": "try:\n    model = make().fit(X, y)\nexcept ValueError:\n    model = make().fit(Z, z)",
    "match": "match n:\n    case 1:\n        model.fit(X, y)\n    case _:\n        model.fit(Z, z)",
}


def two_ways(frame: pd.DataFrame, labels: pd.Series) -> dict[str, Any]:
    model = LogisticRegression().fit(frame, labels)
    return {"model": model, "X": frame, "Z": frame.copy(), "y": labels, "z": labels.copy()}


@pytest.mark.parametrize("kind", BRANCHES)
def test_fits_in_two_branches_are_listed_and_each_keeps_its_own_labels(
    kind: str, frame: pd.DataFrame, labels: pd.Series
) -> None:
    book = notebook(two_ways(frame, labels), BRANCHES[kind])
    with pytest.raises(UsageError) as caught:
        discovery.find("model", book)
    assert caught.value.code == "two-candidates"
    assert "`X`" in caught.value.why
    assert "`Z`" in caught.value.why
    for rows, answers in (("X", "y"), ("Z", "z")):
        assert discovery.find("model", book, data=rows).labels_name == answers


def test_branches_with_the_same_data_and_other_labels_ask_for_the_labels(
    frame: pd.DataFrame, labels: pd.Series
) -> None:
    book = notebook(two_ways(frame, labels), "if n:\n    model.fit(X, y)\nelse:\n    model.fit(X, z)")
    with pytest.raises(UsageError) as caught:
        discovery.find("model", book)
    assert (caught.value.code, caught.value.where) == ("two-candidates", "--labels")
    assert discovery.find("model", book, labels="z").labels_name == "z"


def test_of_two_fits_in_one_branch_the_last_is_taken(frame: pd.DataFrame, labels: pd.Series) -> None:
    book = notebook(two_ways(frame, labels), "if n:\n    model.fit(X, y)\n    model.fit(Z, z)")
    found = discovery.find("model", book)
    assert (found.data_name, found.labels_name) == ("Z", "z")


def test_branches_that_both_fit_on_the_same_are_no_question(frame: pd.DataFrame, labels: pd.Series) -> None:
    book = notebook(two_ways(frame, labels), "if n:\n    model.fit(X, y)\nelse:\n    model.fit(X, y)")
    assert discovery.find("model", book).data_name == "X"


def test_a_builtin_that_the_kernel_brings_is_not_offered_in_place_of_a_variable() -> None:
    with pytest.raises(UsageError) as caught:
        discovery.find("nope", Notebook({"open": open}))
    assert "open" not in caught.value.fix
