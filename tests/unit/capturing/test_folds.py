"""Reference scores without a hold-out: from copies that have not seen the rows they are asked, and of no more than are needed."""

from __future__ import annotations

import pickle
import warnings
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from nb2prod.capturing import answering, folds, scores
from nb2prod.capturing import capture as capturing
from nb2prod.capturing.discovery import Found
from nb2prod.runtime import flavors

RNG = np.random.default_rng(0)


class Counted(ClassifierMixin, BaseEstimator):
    """Remembers the rows of every fit, and that it was asked none of them."""

    fits: ClassVar[list[int]] = []

    def __init__(self, threshold: float = 0.5, interrupted: bool = False) -> None:
        self.threshold = threshold
        self.interrupted = interrupted

    def fit(self, X: Any, y: Any) -> Counted:
        if self.interrupted:
            raise KeyboardInterrupt
        Counted.fits.append(len(X))
        self.classes_ = np.unique(y)
        self.seen_ = set(np.asarray(X)[:, 0].tolist())
        return self

    def predict(self, X: Any) -> Any:
        assert not self.seen_ & set(np.asarray(X)[:, 0].tolist()), "rows that it was fitted on"
        return (np.asarray(X)[:, 0] % 1 > self.threshold).astype(int)


@pytest.fixture(autouse=True)
def none_fitted() -> None:
    Counted.fits.clear()


def found(model: Any, data: Any, labels: Any) -> Found:
    return Found(
        model=model,
        name="model",
        variable="model",
        data=data,
        data_name="X",
        labels=labels,
        labels_name="y",
        holdout=None,
    )


def rows(n: int) -> tuple[Any, Any]:
    frame = pd.DataFrame({"a": np.random.default_rng(n).permutation(n) + 0.25, "b": np.arange(n) % 7.0})
    return frame, pd.Series(np.arange(n) % 3 // 2, index=frame.index)


def live(model: Any, n: int) -> Found:
    frame, labels = rows(n)
    return found(model.fit(frame, labels), frame, labels)


@pytest.mark.parametrize(("n", "asked"), [(30, 30), (4000, 4000), (9000, 6000), (40_000, 13_333)])
def test_no_copy_is_asked_about_rows_that_it_was_fitted_on(n: int, asked: int) -> None:
    told = folds.out_of_fold(live(Counted(), n))
    assert not told.why
    assert len(told.values) == len(told.rows) == pytest.approx(asked, abs=2)
    assert (np.diff(told.rows) > 0).all()


def test_scores_are_of_the_rows_that_they_say() -> None:
    frame, labels = rows(9000)
    model = Counted(threshold=0.5).fit(frame, labels)
    frame = frame.assign(a=frame["a"] // 1 + RNG.random(9000) * 0.99)
    told = folds.out_of_fold(found(model, frame, labels))
    expected = (frame["a"].to_numpy()[told.rows] % 1 > 0.5).astype(int)
    assert np.array_equal(told.values, expected)


def test_few_rows_are_asked_of_all_folds_and_need_no_other_fit() -> None:
    folds.out_of_fold(live(Counted(), 2400))
    assert Counted.fits[1:] == pytest.approx([1600] * 3, abs=3)


def test_many_rows_need_a_fold_less_and_one_fit_on_few_rows_that_says_how_long_they_take() -> None:
    folds.out_of_fold(live(Counted(), 11_250))
    assert Counted.fits[1:] == pytest.approx([2000, 7500, 7500], abs=3)
    Counted.fits.clear()
    folds.out_of_fold(live(Counted(), 30_000))
    assert Counted.fits[1:] == pytest.approx([2000, 20_000], abs=20)


@given(st.integers(1, 10**7))
def test_the_folds_that_are_asked_hold_enough_rows_and_none_too_many(n: int) -> None:
    asked = folds.enough(n)
    assert 1 <= asked <= folds.FOLDS
    assert asked == folds.FOLDS or n * asked / folds.FOLDS >= folds.ENOUGH
    assert asked == 1 or n * (asked - 1) / folds.FOLDS < folds.ENOUGH


@pytest.mark.parametrize("n", [54, 9000, 30_000])
def test_each_fold_has_its_share_of_each_class_and_where_not_all_are_asked_of_each_time(n: int) -> None:
    labels = np.repeat(
        ["a", "b", "c"], [n // 6, n // 3, n // 2]
    )  # sorted: a fold of neighbours alone would miss classes
    fold = folds.folds(found(DecisionTreeClassifier(), None, labels))
    for one in range(folds.FOLDS):
        for label in "abc":
            assert ((fold == one) & (labels == label)).sum() == pytest.approx((labels == label).sum() / 3, rel=0.01)
    fold = folds.folds(found(LinearRegression(), None, np.arange(n)))
    if folds.enough(n) < folds.FOLDS:
        assert all(set(part) == {0, 1, 2} for part in np.array_split(fold, 10))
        assert (np.diff(fold) != 0).sum() == 29, "neighbours stay together"


def test_the_model_is_left_as_it_is_and_its_copies_have_its_parameters() -> None:
    model = live(RandomForestClassifier(n_estimators=3, random_state=7), 9000)
    before = pickle.dumps(model.model)
    one, other = folds.out_of_fold(model), folds.out_of_fold(model)
    assert pickle.dumps(model.model) == before
    assert np.array_equal(one.values, other.values)


def test_a_class_that_a_copy_never_met_has_no_chance_in_its_place() -> None:
    frame, _ = rows(60)
    labels = np.array(["b", "c"] * 30)
    labels[17] = "a"
    told = folds.out_of_fold(found(DecisionTreeClassifier().fit(frame, labels), frame, labels))
    assert told.values.shape == (60, 3)
    assert told.values[17, 0] == 0
    assert np.allclose(told.values.sum(axis=1), 1)


@pytest.mark.parametrize("n", [60, 9000])
def test_frames_arrays_sparse_rows_and_texts_are_fitted_alike(n: int) -> None:
    labels = (np.arange(n) % 5 > 2).astype(int)
    array = RNG.random((n, 3)) + labels[:, None]
    texts = [f"a{label} b{i % 3}" for i, label in enumerate(labels)]
    for model, data in (
        (LogisticRegression(), array),
        (LogisticRegression(), pd.DataFrame(array, index=np.arange(n)[::-1])),
        (LogisticRegression(), scipy.sparse.csr_matrix(array)),
        (make_pipeline(CountVectorizer(token_pattern=r"\w+"), MultinomialNB()), texts),
    ):
        for answers in (labels, labels.tolist(), pd.Series(labels, index=np.arange(n)[::-1])):
            told = folds.out_of_fold(found(model.fit(data, answers), data, answers))
            assert not told.why
            assert (told.values.argmax(axis=1) == labels[told.rows]).mean() > 0.8


def test_a_fit_that_is_too_long_is_told_from_few_rows_or_from_the_first_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds, "PATIENCE", 0.0)
    few, many = live(Counted(), 2400), live(Counted(), 30_000)
    Counted.fits.clear()
    assert "would take about" in folds.out_of_fold(few).why
    assert Counted.fits == pytest.approx([1600], abs=3)
    Counted.fits.clear()
    told = folds.out_of_fold(many)
    assert "would take about" in told.why
    assert told.values is None
    assert Counted.fits == [2000, 500]


def test_what_fails_is_said_and_an_interruption_is_not_taken_for_a_failure() -> None:
    frame, labels = rows(60)
    model = live(Counted(), 60)
    assert folds.out_of_fold(found(model.model, frame.iloc[:10], labels)).why == "fitting out of fold failed"
    model.model.interrupted = True
    with pytest.raises(KeyboardInterrupt):
        folds.out_of_fold(model)


def test_the_baseline_has_the_scores_and_the_finding_says_of_how_many_rows() -> None:
    model = live(DecisionTreeClassifier(max_depth=3, random_state=0), 9000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asked = capturing._ask(model, flavors.of(model.model), {}, "synthetic", 0.0)
    told = next(finding for finding in asked.findings if finding.code == "out-of-fold")
    assert told.why.endswith("2 of 3 folds and asked the rest, 6,000 of 9,000 rows.")
    assert asked.baseline.rows == 9000
    assert asked.baseline.has_scores
    assert asked.baseline.reference["@confusion"].sum() == 6000
    few = live(DecisionTreeClassifier(max_depth=3, random_state=0), 60)
    reference = scores.reference(few, flavors.of(few.model), lambda rows: answering.answer(None, few, rows))
    assert reference.finding is not None
    assert reference.finding.why.endswith("2 of 3 folds and asked the rest.")
