"""What the model says: recognised, counted, calibrated, joined with labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.isotonic import IsotonicRegression

from nb2prod.baseline import Baseline
from nb2prod.baseline.calibration import isotonic
from nb2prod.baseline.feature import BODY
from nb2prod.errors import UsageError
from nb2prod.monitoring import Monitor

THREE = np.array(list("abc") * 16 + ["a", "b"])
FRAME = {"x": np.arange(50.0)}


def test_isotonic_knots_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    scores = np.round(rng.random(2000), 2)
    labels = (rng.random(2000) < scores**2).astype(float)
    ours = isotonic(scores, labels)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(scores, labels)
    grid = np.linspace(-0.1, 1.1, 500)
    np.testing.assert_allclose(ours(grid), theirs.predict(grid), atol=1e-12)


@pytest.mark.parametrize(
    ("scores", "labels", "task", "names"),
    [
        (np.linspace(0, 1, 50), np.arange(50) % 2, "binary", ("@score", "@margin", "@entropy")),
        (np.tile([0.3, 0.7], (50, 1)), np.array(["no", "yes"] * 25), "binary", ("@score", "@margin", "@entropy")),
        (
            np.tile([0.1, 0.2, 0.7], (50, 1)),
            THREE,
            "multiclass",
            ("@score", "@class", "@margin", "@entropy"),
        ),
        (np.linspace(0, 100, 50), np.linspace(0, 90, 50), "regression", ("@prediction",)),
        (["a", "b"] * 25, ["a", "a"] * 25, "class", ("@prediction",)),
    ],
)
def test_the_task_is_told_from_scores_and_labels(scores, labels, task: str, names: tuple[str, ...]) -> None:
    baseline = Baseline.from_frame(FRAME, scores, labels)
    assert baseline.target is not None
    assert baseline.target.task == task
    assert baseline.score_names == names
    counts = baseline.count({"x": [1.0, 2.0]}, scores=scores[:2])
    assert all(counts[name].sum() == 2 for name in names)


@pytest.mark.parametrize(
    ("label", "classes"),
    [(1, ("0", "1")), (0, ("0", "1")), (True, ("False", "True")), ("late", ("not late", "late"))],
)
@pytest.mark.parametrize("columns", [1, 2])
def test_a_hold_out_of_one_class_is_one_of_two_classes(label: object, classes: tuple[str, str], columns: int) -> None:
    said = np.linspace(0.3, 0.9, 50)
    scores = said if columns == 1 else np.stack((1 - said, said), axis=1)
    labels = np.array([label] * 50)
    baseline = Baseline.from_frame(FRAME, scores, labels)
    assert baseline.target is not None
    assert (baseline.target.task, baseline.target.classes) == ("binary", classes)
    assert baseline.calibration is None
    monitor = Monitor(baseline)
    monitor.update(FRAME, scores)
    nothing = monitor.performance()
    assert (nothing.value, "of one class" in nothing.note) == (None, True)
    assert "of one class" in monitor.report().text()
    monitor.update(FRAME, scores, labels=labels)
    known = monitor.performance()
    assert known.low < known.value < known.high


def test_numbers_that_are_all_the_same_are_still_numbers() -> None:
    baseline = Baseline.from_frame(FRAME, np.linspace(0, 1, 50), np.full(50, 3.5))
    assert baseline.target is not None
    assert baseline.target.task == "regression"


def test_labels_of_another_length_than_the_scores_are_refused() -> None:
    with pytest.raises(UsageError, match="2 labels for 50 scores"):
        Baseline.from_frame(FRAME, np.linspace(0, 1, 50), [0, 1])


def test_half_is_an_edge_of_the_score() -> None:
    rng = np.random.default_rng(1)
    scores = rng.random(1000)
    baseline = Baseline.from_frame(FRAME, scores, rng.random(1000) < scores)
    assert 0.5 in baseline.feature("@score").edges


def test_a_null_score_counts_as_null() -> None:
    baseline = Baseline.from_frame(FRAME, np.linspace(0, 1, 50), np.arange(50) % 2)
    counts = baseline.count({"x": [1.0, 2.0, 3.0]}, scores=[[0.2, 0.8], None, [0.1]])
    assert counts["@score"][0] == 2
    assert counts["@score"][BODY:].sum() == 1


def test_binary_labels_count_by_score_bucket_and_class() -> None:
    rng = np.random.default_rng(2)
    scores = rng.random(400)
    baseline = Baseline.from_frame(
        FRAME, scores, np.where(rng.random(400) < scores, "late", "on time"), classes=["on time", "late"]
    )
    counts = baseline.count_labels([0.9, 0.1, 0.8, None], ["late", "late", "on time", "late"])
    table = counts["@labels"].reshape(-1, 2)
    assert table.sum(axis=0).tolist() == [1, 3]
    assert table[-1].tolist() == [0, 1]
    confusion = counts["@confusion"].reshape(3, 3)
    assert confusion[1, 1] == 1
    assert confusion[1, 0] == 1


def test_labels_without_reference_scores_still_count() -> None:
    baseline = Baseline.from_frame(FRAME, labels=np.arange(50) % 2)
    assert not baseline.has_scores
    counts = baseline.count_labels(np.array([0.2, 0.9]), [False, True])
    assert counts["@labels"].sum() == 2
    assert np.trace(counts["@confusion"].reshape(3, 3)) == 2


def test_errors_of_a_regression_add_exactly() -> None:
    rng = np.random.default_rng(4)
    truth = rng.normal(10, 3, 500)
    said = truth + rng.normal(0, 1, 500)
    baseline = Baseline.from_frame(FRAME, said, truth)
    assert baseline.target is not None
    whole = baseline.count_labels(said, truth)["@errors"]
    parts = (
        baseline.count_labels(said[:77], truth[:77])["@errors"]
        + baseline.count_labels(said[77:], truth[77:])["@errors"]
    )
    np.testing.assert_array_equal(whole, parts)
    mae = whole[1] / whole[0] / 65536 * baseline.target.scale
    assert mae == pytest.approx(np.abs(said - truth).mean(), abs=1e-3)


def test_scores_may_come_as_a_frame_or_series() -> None:
    labels = pd.Series(np.arange(50) % 2)
    a = Baseline.from_frame(FRAME, pd.Series(np.linspace(0, 1, 50)), labels)
    b = Baseline.from_frame(FRAME, pd.DataFrame({"0": np.linspace(1, 0, 50), "1": np.linspace(0, 1, 50)}), labels)
    assert a.scores_digest == b.scores_digest
