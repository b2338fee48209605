"""Estimated and realised figures from counts alone, against those of the rows."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_score, r2_score, recall_score, roc_auc_score

from nb2prod.baseline import Baseline
from nb2prod.monitoring.statistics import estimate, realised

FRAME = {"x": np.arange(100.0)}
METRICS = {"accuracy": accuracy_score, "f1": f1_score, "precision": precision_score, "recall": recall_score}


def scored(rows: int, seed: int, tilt: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Miscalibrated scores: the true chance is the score squared."""
    rng = np.random.default_rng(seed)
    scores = rng.beta(2 + tilt, 2, rows)
    return scores, (rng.random(rows) < scores**2).astype(int)


BASELINE = Baseline.from_frame(FRAME, *scored(10_000, 0))


@pytest.mark.parametrize("metric", [*METRICS, "roc_auc", "positive_share"])
def test_realised_figures_are_those_of_the_rows(metric: str) -> None:
    scores, labels = scored(5000, 1)
    said = realised(BASELINE, BASELINE.count_labels(scores, labels), metric)
    guesses = (scores >= 0.5).astype(int)
    exact = {"roc_auc": lambda: roc_auc_score(labels, scores), "positive_share": lambda: labels.mean()}
    truth = exact[metric]() if metric in exact else METRICS[metric](labels, guesses)
    assert said.value == pytest.approx(truth, abs=2e-3)
    assert said.low is not None
    assert said.low < truth < said.high


@pytest.mark.parametrize("metric", [*METRICS, "roc_auc", "positive_share"])
@pytest.mark.parametrize("tilt", [0.0, 1.5])
def test_estimates_meet_what_the_labels_later_say(metric: str, tilt: float) -> None:
    inside = 0
    for seed in range(20):
        scores, labels = scored(2000, seed + 50, tilt)
        said = estimate(BASELINE, BASELINE.count({}, scores=scores, n=2000), metric)
        truth = realised(BASELINE, BASELINE.count_labels(scores, labels), metric)
        assert said.value == pytest.approx(truth.value, abs=0.05)
        inside += said.low <= truth.value <= said.high
    assert inside >= 15


@pytest.mark.parametrize("metric", ["accuracy", "precision", "roc_auc", "f1"])
def test_the_interval_of_a_realised_figure_covers_at_all_looks_at_once(metric: str) -> None:
    exact = realised(BASELINE, BASELINE.count_labels(*scored(400_000, 9)), metric).value
    missed, one_look = 0, 0
    for seed in range(60):
        scores, labels = scored(1600, seed + 500)
        looks = [realised(BASELINE, BASELINE.count_labels(scores[:n], labels[:n]), metric) for n in range(80, 1601, 80)]
        missed += any(not said.low <= exact <= said.high for said in looks)
        middle = [(said.value, (said.high - said.low) / 2 / 1.8) for said in looks]
        one_look += any(abs(value - exact) > half for value, half in middle)
    assert missed <= 3
    assert one_look > 3  # an interval as narrow as that of one look does not
    assert {said.interval for said in looks} == {"any time"}


@pytest.mark.parametrize("metric", ["accuracy", "roc_auc"])
def test_the_interval_of_a_realised_figure_is_no_wider_than_twice_that_of_one_look(metric: str) -> None:
    for rows in (100, 1000, 10_000):
        scores, labels = scored(rows, 1)
        said = realised(BASELINE, BASELINE.count_labels(scores, labels), metric)
        values = [
            realised(BASELINE, BASELINE.count_labels(*scored(rows, seed)), metric).value for seed in range(100, 140)
        ]
        assert said.high - said.low < 2.1 * 2 * 1.96 * np.std(values) * 1.25


def test_without_a_hold_out_nothing_is_estimated_and_it_says_why() -> None:
    bare = Baseline.from_frame(FRAME)
    said = estimate(bare, bare.count(FRAME), "accuracy")
    assert said.value is None
    assert said.interval == ""
    assert "hold-out" in said.note


def test_one_class_only_has_no_roc_auc() -> None:
    said = realised(BASELINE, BASELINE.count_labels([0.2, 0.7], [1, 1]), "roc_auc")
    assert said.value is None
    assert "one class" in said.note


def test_what_is_no_number_is_not_told_as_one() -> None:
    perfect = Baseline.from_frame(FRAME, np.repeat([0.0, 1.0], 50), np.repeat([0, 1], 50))
    said = estimate(perfect, perfect.count({}, scores=np.zeros(30), n=30), "roc_auc")
    assert said.value is None
    assert "one class" in said.note
    numbers = Baseline.from_frame(FRAME, np.arange(100.0), np.arange(100.0) + 1)
    same = realised(numbers, numbers.count_labels(np.arange(9.0), np.full(9, 5.0)), "r2")
    assert same.value is None
    assert "the same" in same.note


def test_several_classes_have_an_estimated_and_a_realised_accuracy() -> None:
    rng = np.random.default_rng(3)
    scores = rng.dirichlet([1, 1, 1], 6000)
    labels = np.array([rng.choice(3, p=row) for row in scores])
    baseline = Baseline.from_frame(FRAME, scores[:3000], labels[:3000])
    said = estimate(baseline, baseline.count({}, scores=scores[3000:], n=3000), "accuracy")
    truth = realised(baseline, baseline.count_labels(scores[3000:], labels[3000:]), "accuracy")
    assert said.value == pytest.approx(truth.value, abs=0.03)
    assert truth.value == pytest.approx((scores[3000:].argmax(axis=1) == labels[3000:]).mean())


def test_errors_of_numbers_follow_from_sums() -> None:
    rng = np.random.default_rng(4)
    truth = rng.normal(50, 10, 3000)
    guesses = truth + rng.normal(1, 2, 3000)
    baseline = Baseline.from_frame(FRAME, guesses, truth)
    counts = baseline.count_labels(guesses, truth)
    figures = {name: realised(baseline, counts, name).value for name in ("mae", "rmse", "bias", "r2")}
    assert figures["mae"] == pytest.approx(np.abs(guesses - truth).mean(), rel=1e-3)
    assert figures["rmse"] == pytest.approx(np.sqrt(((guesses - truth) ** 2).mean()), rel=1e-3)
    assert figures["bias"] == pytest.approx((guesses - truth).mean(), rel=1e-2)
    assert figures["r2"] == pytest.approx(r2_score(truth, guesses), abs=1e-2)


@pytest.mark.parametrize("metric", ["accuracy", "roc_auc"])
@pytest.mark.parametrize("times", [1, 60])
def test_three_rows_of_three_that_were_right_make_no_certainty(metric: str, times: int) -> None:
    few = np.array([0.0, 0.8, 1.0])
    baseline = Baseline.from_frame({"x": few}, scores=few, labels=(few > 0.5).astype(int))
    said = estimate(baseline, baseline.count({"x": np.tile(few, times)}, np.tile(few, times)), metric)
    assert said.value == said.high == 1.0
    assert said.low is not None
    assert said.low < 0.4


def test_scores_where_no_row_of_the_hold_out_lay_are_not_certain_either() -> None:
    rng = np.random.default_rng(0)
    apart = np.concatenate((rng.random(200) * 0.1, 0.9 + rng.random(200) * 0.1))
    baseline = Baseline.from_frame({"x": apart}, scores=apart, labels=(apart > 0.5).astype(int))
    live = rng.random(2000)
    said = estimate(baseline, baseline.count({"x": live}, live), "accuracy")
    assert said.low is not None
    assert said.low < 0.5


def test_an_estimate_s_interval_holds_the_truth_as_often_as_it_says() -> None:
    held = []
    for seed in range(60):
        rng = np.random.default_rng(seed)

        def drawn(rows: int, rng: np.random.Generator = rng) -> tuple[np.ndarray, np.ndarray]:
            scores = 1 / (1 + np.exp(-4 * rng.normal(size=rows)))
            return scores, (rng.random(rows) < scores).astype(int)

        scores, labels = drawn(400)
        baseline = Baseline.from_frame({"x": scores}, scores=scores, labels=labels)
        later, truth = drawn(1000)
        said = estimate(baseline, baseline.count({"x": later}, later), "accuracy")
        assert said.low is not None
        assert said.high is not None
        held.append(said.low <= ((later > 0.5) == truth).mean() <= said.high)
    assert np.mean(held) >= 0.85  # 95 % is said: 52 of 60 or fewer come once in 200 such runs
