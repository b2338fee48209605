"""Models whose rows, or answers, are no table: sparse matrices, texts, a dict of columns; deployed, asked, deployed again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from homes import uninstalled
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import nb2prod
from nb2prod import registry
from nb2prod.errors import Refused
from nb2prod.home import Home

WORDS = np.array(
    ["train", "was", "late", "again", "warm", "food", "cold", "seats", "fine", "view", "slow", "crew", "noisy"]
)
RNG = np.random.default_rng(0)
TEXTS = [" ".join(RNG.choice(WORDS, RNG.integers(2, 9))) for _ in range(300)]
LABELS = np.array([int("late" in text or "cold" in text) for text in TEXTS])
CELL = """
class Bands:
    def __init__(self, width):
        self.width = width
    def around(self, frame):
        low, high = frame["a"] - self.width, frame["a"] + self.width
        return {"low": low, "ends": list(zip(low, high)), "signs": [{"+"} if a > 0 else set() for a in frame["a"]]}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    made = Home(tmp_path_factory.mktemp("home"))
    yield made
    uninstalled(made)


def deploy(home: Home, model: Any, name: str, data: Any) -> Any:
    return nb2prod.deploy(model, name=name, data=data, labels=LABELS, workers=1, home=home)


def test_a_model_of_a_sparse_matrix_answers_one_in_the_service(home: Home) -> None:
    vectoriser = TfidfVectorizer()
    matrix = vectoriser.fit_transform(TEXTS)
    model = LogisticRegression().fit(matrix, LABELS)
    live = deploy(home, model, "sparse", matrix)
    assert live.outcome.verification.held == "bit-for-bit"
    assert {one.kind for one in live.outcome.verification.replays} == {"sample", "synthetic"}
    np.testing.assert_array_equal(live.predict(matrix[:20]), model.predict(matrix[:20]))
    np.testing.assert_array_equal(live.predict(scipy.sparse.csc_array(matrix[:3])), model.predict(matrix[:3]))
    with pytest.raises(Refused):
        live.predict([{"indices": [len(vectoriser.vocabulary_)], "values": [1.0]}])
    assert deploy(home, LogisticRegression().fit(matrix, LABELS), "sparse", matrix).outcome.unchanged
    live.remove(purge=True)


def test_the_same_model_of_texts_again_makes_nothing_and_another_makes_a_version(home: Home) -> None:
    def trained(C: float) -> Any:
        return make_pipeline(TfidfVectorizer(), LogisticRegression(C=C)).fit(TEXTS, LABELS)

    live = deploy(home, trained(1.0), "texts", TEXTS)
    assert live.outcome.verification.status == "verified"
    again = deploy(home, trained(1.0), "texts", TEXTS)
    assert again.outcome.unchanged
    assert [one.version for one in registry.versions("texts", home)] == [1]
    assert deploy(home, trained(0.1), "texts", TEXTS).version == 2


def test_a_method_that_answers_a_dict_of_columns_does_so_in_the_service(home: Home) -> None:
    cell: dict[str, Any] = {"__name__": "__main__"}
    exec(CELL, cell)
    around = cell["Bands"](0.5).around
    live = nb2prod.deploy(around, name="bands", data=pd.DataFrame({"a": RNG.normal(size=300)}), workers=1, home=home)
    assert live.outcome.verification.held == "bit-for-bit"
    assert live.predict(pd.DataFrame({"a": [1.0, -2.0]})) == {
        "low": [0.5, -2.5],
        "ends": [[0.5, 1.5], [-2.5, -1.5]],
        "signs": [["+"], []],
    }
