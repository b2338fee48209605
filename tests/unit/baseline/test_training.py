"""What is given as rows, scores and labels is read in every dress that has one meaning; the rest is refused with its fix."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from nb2prod.baseline import Baseline
from nb2prod.baseline.feature import BODY, NULL, TYPE
from nb2prod.errors import UsageError

VALUES = np.random.default_rng(0).normal(size=(300, 3))
FRAME = pd.DataFrame(VALUES, columns=list("abc"))
BASELINE = Baseline.from_frame(FRAME)


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    assert a.keys() == b.keys()
    for name, counts in a.items():
        np.testing.assert_array_equal(counts, b[name])


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (pd.DataFrame(VALUES, columns=["a", "a", "b"]), "`a`"),
        (pd.DataFrame(VALUES, columns=[1, "1", "z"]), "`1`"),
        (pd.DataFrame({1: ["x"] * 9}).assign(**{"1": 2.0}), "`1`"),
    ],
)
def test_columns_of_one_name_are_refused_by_name_with_a_line_that_mends_it(given: pd.DataFrame, names: str) -> None:
    with pytest.raises(UsageError, match=names) as caught:
        Baseline.from_frame(given)
    scope: dict[str, object] = {"frame": given}
    exec(caught.value.fix, scope)
    assert Baseline.from_frame(scope["frame"]).names == tuple(dict.fromkeys(map(str, given.columns)))


def test_keys_of_one_name_are_refused_too() -> None:
    given = {1: [1.0] * 30, "1": [2.0] * 30}
    with pytest.raises(UsageError, match="one name: `1`") as caught:
        Baseline.from_frame(given)
    scope: dict[str, object] = {"frame": given}
    exec(caught.value.fix, scope)
    assert len(Baseline.from_frame(scope["frame"]).names) == 2


def test_the_hold_outs_rows_are_read_as_the_trainings() -> None:
    scores, labels = np.linspace(0, 1, 300), np.arange(300) % 2
    with pytest.raises(UsageError, match="one name"):
        Baseline.from_frame(FRAME, scores, labels, holdout=pd.DataFrame(VALUES, columns=["a", "a", "b"]))
    with pytest.raises(UsageError, match="300 scores for 299 rows of the hold-out"):
        Baseline.from_frame(FRAME, scores, labels, holdout=FRAME[1:])


@pytest.mark.parametrize("given", [None, 3, "abc", object(), VALUES[None], [[1, 2], [3]], {"a": 1.0}, {"a": "text"}])
def test_what_has_no_rows_and_columns_is_refused_with_cause_and_fix(given: object) -> None:
    for reads in (Baseline.from_frame, BASELINE.count):
        with pytest.raises(UsageError) as caught:
            reads(given)
        assert caught.value.why
        assert caught.value.fix


@pytest.mark.parametrize("given", [FRAME[[]], {}, []])
def test_a_baseline_of_nothing_is_refused_and_one_of_scores_alone_is_none(given: object) -> None:
    if len(given) or isinstance(given, dict):
        with pytest.raises(UsageError, match="nothing to watch"):
            Baseline.from_frame(given)
    assert Baseline.from_frame(given, np.linspace(0, 1, 300), np.arange(300) % 2).has_scores


def test_columns_of_different_lengths_are_refused_by_name() -> None:
    with pytest.raises(UsageError, match="`b` has 2 values, others have 3"):
        Baseline.from_frame({"a": [1.0, 2.0, 3.0], "b": [1.0, 2.0]})


def dressed() -> dict[str, object]:
    fields = np.array([tuple(row) for row in VALUES], dtype=[(name, float) for name in "abc"])
    return {
        "a structured array": fields,
        "records": FRAME.to_dict("records"),
        "columns as mappings": FRAME.to_dict(),
        "an array": VALUES,
        "a matrix": VALUES.view(np.matrix),
        "an array without a mask": np.ma.array(VALUES),
        "lists": VALUES.tolist(),
        "a frame that nobody named": pd.DataFrame(VALUES),
        "columns of one cell each": {name: VALUES[:, [place]] for place, name in enumerate("abc")},
    }


@pytest.mark.parametrize("dress", dressed())
def test_the_same_rows_count_the_same_in_every_dress(dress: str) -> None:
    same(BASELINE.count(dressed()[dress]), BASELINE.count(FRAME))


def test_fields_of_a_structured_array_are_columns_of_training() -> None:
    found = Baseline.from_frame(dressed()["a structured array"])
    assert found.digest == BASELINE.digest


def test_what_is_masked_is_null() -> None:
    masked = np.ma.array(VALUES, mask=np.zeros_like(VALUES, dtype=bool))
    masked[:40, 1] = np.ma.masked
    assert BASELINE.count(masked)["b"][NULL] == 40


def test_a_text_among_lists_of_numbers_makes_no_text_of_the_others() -> None:
    counts = BASELINE.count([[0.1, 0.2, 0.3], ["late", 0.2, 0.3]])
    assert counts["a"][TYPE] == 1
    assert counts["a"][BODY:].sum() == 1
    assert counts["b"][BODY:].sum() == 2


def test_an_array_of_another_width_has_no_names_and_says_so() -> None:
    with pytest.raises(UsageError, match="2 columns and no names; the baseline has 3 columns") as caught:
        BASELINE.count(VALUES[:, :2])
    assert "columns=['a', 'b', 'c']" in caught.value.fix
    assert BASELINE.count(VALUES[:0, :2])["a"].sum() == 0


def test_names_that_are_given_go_before_positions() -> None:
    turned = FRAME[["c", "a", "b"]]
    same(BASELINE.count(turned), BASELINE.count(FRAME))
    bare = Baseline.from_frame(VALUES)
    assert bare.count(FRAME)["x0"][BODY:].sum() == 300  # the model takes them by position as well
    assert BASELINE.count(FRAME.rename(columns=str.upper))["a"][NULL] == 300


@pytest.mark.parametrize("dtype", ["category", "string", "object"])
def test_predicted_classes_are_read_from_every_kind_of_series(dtype: str) -> None:
    said = pd.Series(["on time", "late"] * 150, dtype=dtype)
    found = Baseline.from_frame(FRAME, said, said)
    assert found.target is not None
    assert found.target.classes == ("late", "on time")
    table = found.reference["@confusion"].reshape(3, 3)
    assert np.trace(table) == table.sum() == 300


def test_scores_are_columns_by_position_whatever_their_names() -> None:
    chances = np.random.default_rng(1).dirichlet([1, 1, 1], 300)
    labels = np.arange(300) % 3
    named = Baseline.from_frame(FRAME, pd.DataFrame(chances, columns=["p", "p", "p"]), labels)
    assert named.scores_digest == Baseline.from_frame(FRAME, chances, labels).scores_digest


def test_the_hold_outs_rows_are_taken_by_position_where_they_have_no_names() -> None:
    scores, labels = np.linspace(0, 1, 300), np.arange(300) % 2
    named = Baseline.from_frame(FRAME, scores, labels, holdout=FRAME)
    same(Baseline.from_frame(FRAME, scores, labels, holdout=VALUES).reference, named.reference)


def test_times_and_labels_are_one_a_row() -> None:
    with pytest.raises(UsageError, match="3 times for 300 rows"):
        Baseline.from_frame(FRAME, times=[1, 2, 3])
    with pytest.raises(UsageError, match="5 labels for 3 scores"):
        BASELINE.count_labels([0.1, 0.2, 0.3], [0, 1, 0, 1, 0])


def test_labels_that_do_not_show_every_class_need_the_classes() -> None:
    chances = np.random.default_rng(1).dirichlet([1, 1, 1], 300)
    labels = np.where(np.arange(300) % 2, "early", "late")
    with pytest.raises(UsageError, match="3 columns, the labels 2 classes") as caught:
        Baseline.from_frame(FRAME, chances, labels)
    assert caught.value.fix.startswith("classes=")
    found = Baseline.from_frame(FRAME, chances, labels, classes=["early", "on time", "late"])
    assert found.reference["@confusion"].sum() == 300
    assert "@unread" not in found.reference


def test_a_signalling_nan_is_null() -> None:
    assert BASELINE.count({"a": [Decimal("sNaN"), Decimal("NaN"), 1.0]})["a"][NULL] == 2
