"""A bound method can be deployed: its owner's data are its own, else those that the cells called it with."""

from __future__ import annotations

from types import MethodType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import DBSCAN
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import StandardScaler

from nb2prod.capturing import cells, discovery, rules
from nb2prod.capturing.execution import Notebook
from nb2prod.capturing.lineage import cells_behind
from nb2prod.errors import Refused, UsageError


class Scorer:
    def __init__(self, weight: float = 2.0) -> None:
        self.weight = weight

    def score(self, frame: pd.DataFrame) -> Any:
        return frame["a"] * self.weight

    def predict(self, frame: pd.DataFrame) -> Any:
        return self.score(frame)


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"a": rng.normal(size=60), "b": rng.normal(size=60)})


@pytest.fixture
def names(frame: pd.DataFrame) -> dict[str, Any]:
    y = (frame["a"] > 0).astype(int)
    return {"clf": LogisticRegression().fit(frame, y), "X": frame, "more": frame.copy(), "y": y}


def notebook(namespace: dict[str, Any], *sources: str) -> Notebook:
    return Notebook(namespace=namespace, executed=tuple(enumerate(sources, start=1)))


def test_a_method_has_the_data_that_its_owner_was_fitted_on(names: dict[str, Any]) -> None:
    book = notebook(names, "clf = LogisticRegression().fit(X, y)", "clf.predict_proba(more)")
    found = discovery.find("clf.predict_proba", book)
    assert (found.variable, found.root, found.name) == ("clf.predict_proba", "clf", "clf.predict_proba")
    assert found.data is names["X"]
    assert found.fit is not None
    assert isinstance(found.model, MethodType)


def test_a_method_under_a_name_of_its_own_is_its_owners_too(names: dict[str, Any]) -> None:
    names["ask"] = names["clf"].predict_proba
    found = discovery.find("ask", notebook(names, "clf.fit(X, y)", "ask = clf.predict_proba"))
    assert (found.variable, found.data_name) == ("ask", "X")


def test_a_method_has_the_data_that_a_function_fitted_its_owner_on(names: dict[str, Any]) -> None:
    train = "def train(rows, answers):\n    return LogisticRegression().fit(rows, answers)"
    found = discovery.find("clf.predict_proba", notebook(names, train, "clf = train(X, y)"))
    assert found.data_name == "X"


def test_without_a_fit_a_method_has_the_frame_with_its_owners_columns(names: dict[str, Any]) -> None:
    del names["more"]
    names["other"] = names["X"][["a"]]
    assert discovery.find("clf.predict_proba", notebook(names)).data_name == "X"


def test_a_method_of_what_is_never_fitted_has_what_the_cells_called_it_with(frame: pd.DataFrame) -> None:
    names = {"scorer": Scorer(), "df": frame, "clf": LogisticRegression().fit(frame, frame["a"] > 0), "Z": frame.copy()}
    book = notebook(names, "clf.fit(Z, y)", "scorer = Scorer()", "scorer.score(df.head())")
    found = discovery.find("scorer.score", book)
    assert (found.data_name, found.fit) == ("df", None)
    assert [cell.execution for cell in cells_behind(found, book)] == [2]
    case = rules.Case(found, book)
    assert case.fitted_at == 2
    assert [cell.execution for cell in case.behind] == [2]


def test_the_same_method_of_another_owner_says_nothing(frame: pd.DataFrame) -> None:
    names = {"scorer": Scorer(), "other": Scorer(3.0), "df": frame}
    with pytest.raises(UsageError) as caught:
        discovery.find("scorer.score", notebook(names, "other.score(df)"))
    assert caught.value.code == "no-data"


def test_a_method_of_an_owner_that_was_not_fitted_says_so(frame: pd.DataFrame) -> None:
    with pytest.raises(Refused) as caught:
        discovery.find("clf.predict_proba", notebook({"clf": LogisticRegression(), "X": frame}))
    assert caught.value.code == "not-fitted"
    assert caught.value.fix == "clf.fit(ROWS, ANSWERS)"


@pytest.mark.parametrize("asked", ["scorer.predict", "ask"])
def test_a_models_own_predict_is_the_model(asked: str, frame: pd.DataFrame) -> None:
    scorer = Scorer()
    names = {"scorer": scorer, "ask": scorer.predict, "df": frame}
    found = discovery.find(asked, notebook(names), data="df")
    assert found.model is scorer
    assert found.variable == "scorer"


def test_labels_of_the_fit_are_taken_as_they_are(frame: pd.DataFrame) -> None:
    model = LinearRegression().fit(frame, frame)
    names = {"model": model, "X": frame}
    assert discovery.find("model", notebook(names, "model.fit(X, X)")).labels is frame
    with pytest.raises(UsageError) as caught:
        discovery.find("model", notebook(names, "model.fit(X, X)"), labels="X")
    assert caught.value.code == "wrong-labels"


def test_a_call_of_a_method_is_a_use_with_its_arguments() -> None:
    (use, outer) = sorted(cells.facts(1, "p = scorer.score(df, at=3)\nshow(p)").uses, key=lambda use: use.line)
    assert (use.function, use.arguments, use.named, use.assigned) == ("scorer.score", ("df",), (("at", "3"),), "p")
    assert outer.function == "show"


@pytest.mark.parametrize(
    ("value", "fix"),
    [
        (StandardScaler(), "%deploy thing.transform"),
        (DBSCAN(), "KNeighborsClassifier(1).fit(X, thing.labels_)"),
        (object(), "def predict(frame): ..."),
    ],
)
def test_what_cannot_predict_is_told_what_it_can(value: Any, fix: str) -> None:
    with pytest.raises(Refused, match="cannot predict") as caught:
        discovery.find("thing", notebook({"thing": value}))
    assert caught.value.code == "not-a-model"
    assert fix in caught.value.fix


def test_the_line_for_a_transformer_is_taken(frame: pd.DataFrame) -> None:
    book = notebook({"scaler": StandardScaler().fit(frame), "df": frame}, "Z = scaler.fit_transform(df)")
    with pytest.raises(Refused) as caught:
        discovery.find("scaler", book)
    found = discovery.find(caught.value.fix.removeprefix("%deploy "), book)
    assert found.data_name == "df"
