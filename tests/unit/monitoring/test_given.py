"""What a monitor is given: nothing vanishes in silence, and a wrong call is told with its cause and fix."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from nb2prod.baseline import Baseline
from nb2prod.baseline.feature import NULL, TYPE
from nb2prod.errors import Conflict, UsageError
from nb2prod.monitoring import Monitor
from nb2prod.monitoring.statistics.directions import number

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(RNG.normal(size=(2000, 3)), columns=list("abc"))
SCORES = RNG.beta(1, 3, 2000)
LABELS = (RNG.random(2000) < SCORES).astype(int)
BINARY = Baseline.from_frame(FRAME, SCORES, LABELS)
CHANCES = RNG.dirichlet([1, 1, 1], 2000)
SEVERAL = Baseline.from_frame(FRAME, CHANCES, np.arange(2000) % 3)
TRUTH = RNG.normal(100, 5, 2000)
SAID = TRUTH + RNG.normal(0, 2, 2000)
NUMBERS = Baseline.from_frame(FRAME, SAID, TRUTH)
CLASSES = Baseline.from_frame(FRAME, ["x", "y"] * 1000, ["x", "y"] * 1000)


def test_a_monitor_merged_with_itself_counts_twice() -> None:
    monitor = Monitor(BINARY)
    for _ in range(3):
        monitor.update(FRAME[:500], SCORES[:500], labels=LABELS[:500])
    before = monitor.counts
    monitor.merge(monitor)
    assert monitor.rows == 3000
    assert all((monitor.counts[name] == 2 * counts).all() for name, counts in before.items())
    assert monitor.alarms() == ()
    with pytest.raises(Conflict):
        monitor.merge(monitor)


def test_monitors_of_other_scores_are_not_merged() -> None:
    with pytest.raises(Conflict, match="different baselines"):
        Monitor(BINARY).merge(Monitor(NUMBERS))


@pytest.mark.parametrize("given", [None, 3, FRAME, "m"])
def test_what_is_no_baseline_and_no_monitor_is_refused_with_cause_and_fix(given: object) -> None:
    for call in (Monitor, Monitor(BINARY).merge):
        with pytest.raises(UsageError) as caught:
            call(given)
        assert caught.value.why
        assert caught.value.fix


@pytest.mark.parametrize("rows", [None, 3, {"a": 1.0, "b": 2.0, "c": 3.0}])
def test_what_is_no_rows_is_refused_and_nothing_counted(rows: object) -> None:
    monitor = Monitor(BINARY)
    with pytest.raises(UsageError) as caught:
        monitor.update(rows)
    assert caught.value.fix
    assert monitor.rows == 0
    assert not monitor.counts


@pytest.mark.parametrize(("baseline", "metric"), [(BINARY, "accuracy"), (SEVERAL, "accuracy"), (CLASSES, "accuracy")])
def test_labels_without_an_answer_say_nothing_of_accuracy_and_why(baseline: Baseline, metric: str) -> None:
    for answers in (None, [None] * 600):
        monitor = Monitor(baseline)
        monitor.update(FRAME[:600], answers, labels=["x" if baseline is CLASSES else 1] * 600)
        said = monitor.performance(metric)
        assert said.value is None
        assert "600 labels" in said.note
        assert "600 labels" in str(monitor.report())


def test_labels_of_numbers_without_an_answer_say_so_too() -> None:
    monitor = Monitor(NUMBERS)
    monitor.update(FRAME[:600], None, labels=TRUTH[:600])
    assert monitor.performance("mae").value is None
    assert "600 labels came without an answer" in monitor.performance("mae").note


def test_one_label_is_counted_as_one() -> None:
    monitor = Monitor(BINARY)
    monitor.update(FRAME[:2], [0.9, None], labels=[1, 0])
    assert "1 label came without an answer" in monitor.performance("accuracy").note
    assert "over 1 row" in str(monitor.report())
    assert "1 rows" not in str(monitor.report())


def test_labels_alone_tell_the_share_of_positives() -> None:
    monitor = Monitor(BINARY)
    monitor.update(FRAME[:600], None, labels=LABELS[:600])
    assert monitor.performance("positive_share").realised == LABELS[:600].mean()


def test_a_row_without_a_score_was_not_answered_by_the_first_class() -> None:
    monitor = Monitor(BINARY)
    monitor.update(FRAME[:4], [0.9, 0.1, None, None], labels=[1, 0, 0, 0])
    said = monitor.performance("accuracy")
    assert (said.n, said.value) == (2, 1.0)
    assert "2 labels came without an answer" in said.note


@pytest.mark.parametrize(
    ("baseline", "scores", "label"),
    [
        (BINARY, SCORES, "x"),
        (SEVERAL, CHANCES, "x"),
        (NUMBERS, SAID, "x"),
        (NUMBERS, SAID, np.inf),
        (CLASSES, ["x"] * 2000, 3),
    ],
)
def test_labels_of_no_known_class_are_counted_and_told(baseline: Baseline, scores: object, label: object) -> None:
    monitor = Monitor(baseline)
    metric = "mae" if baseline is NUMBERS else "accuracy"
    monitor.update(FRAME[:600], scores[:600], labels=[label] * 600)
    assert "600 labels are no " in monitor.performance(metric).note
    assert "600 labels are no " in str(monitor.report())
    assert monitor.performance(metric).realised is None


def test_labels_that_are_not_known_yet_are_no_labels() -> None:
    monitor = Monitor(BINARY)
    monitor.update(FRAME[:600], SCORES[:600], labels=[None] * 599 + [1])
    assert monitor.counts["@confusion"].sum() == 1
    assert "labels" not in monitor.performance("accuracy").note.replace("inputs and label", "")


def test_labels_that_nobody_can_read_do_not_end_a_life() -> None:
    monitor = Monitor(Baseline.from_frame(FRAME))
    for labels in ([0, 1, 0], [2, 1, 0], [10.5, 300.0, 12.0]):
        monitor.update(FRAME[:3], SCORES[:3], labels=labels)
    said = monitor.performance("mae")
    assert said.value is None
    assert "9 labels" in said.note
    assert "from_frame" in said.note


@pytest.mark.parametrize(("baseline", "width"), [(BINARY, 3), (SEVERAL, 2), (SEVERAL, 1), (CLASSES, 2)])
def test_scores_of_another_number_of_classes_are_refused(baseline: Baseline, width: int) -> None:
    monitor = Monitor(baseline)
    scores = np.full((600, width), 1 / width)
    for given in (scores, scores.tolist(), pd.DataFrame(scores)):
        with pytest.raises(UsageError, match=f"scores have {width} columns|1 columns"):
            monitor.update(FRAME[:600], given)
    assert not monitor.counts


def test_names_that_are_there_twice_are_told_on_their_own_column() -> None:
    monitor = Monitor(Baseline.from_frame(FRAME))
    live = FRAME[:600].set_axis(["a", "b", "b"], axis=1).assign(c=FRAME["c"][:600])
    with pytest.warns(UserWarning, match="named b"):
        monitor.update(live)
    assert monitor.counts["b"][TYPE] == 600
    assert [(one.feature, one.kind) for one in monitor.alarms() if one.feature != "@multivariate"] == [("b", "type")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        monitor.update(FRAME[:600].assign(more=1.0).set_axis(["a", "b", "c", "more"], axis=1))


def test_an_array_is_taken_by_position_and_one_of_another_width_refused() -> None:
    monitor = Monitor(BINARY)
    monitor.update(FRAME[:600].to_numpy(), SCORES[:600])
    assert monitor.counts["a"][NULL] == 0
    assert monitor.alarms() == ()
    with pytest.raises(UsageError, match="no names"):
        monitor.update(FRAME[:600].to_numpy()[:, :2])


@pytest.mark.parametrize("wrong", [{"times": [1, 2, 3]}, {"times": "abc"}, {"time": "soon"}])
def test_times_that_are_none_are_refused(wrong: dict[str, object]) -> None:
    monitor = Monitor(BINARY)
    with pytest.raises(UsageError, match="time"):
        monitor.update(FRAME[:50], **wrong)
    assert not monitor.rows


def test_rows_may_arrive_at_a_date_time() -> None:
    monitor, other = Monitor(BINARY), Monitor(BINARY)
    monitor.update(FRAME[:300], time=pd.Timestamp("2026-03-01", tz="UTC"))
    other.update(FRAME[:300], time=pd.Timestamp("2026-03-01", tz="UTC").timestamp())
    assert monitor.state() == other.state()


def test_labels_of_one_column_are_labels() -> None:
    monitor = Monitor(BINARY)
    for labels in (LABELS[:600, None], pd.DataFrame({"y": LABELS[:600]})):
        monitor.update(FRAME[:600], SCORES[:600, None], labels=labels)
    assert monitor.performance("accuracy").n == 1200


@pytest.mark.parametrize("wrong", [{"a": [1, 2]}, None])
def test_counts_of_another_baseline_are_not_added(wrong: object) -> None:
    monitor = Monitor(BINARY)
    with pytest.raises(UsageError):
        monitor.add(wrong, 3)
    assert monitor.rows == 0


@pytest.mark.parametrize("state", [b"none", None])
def test_what_is_no_state_is_a_conflict(state: object) -> None:
    with pytest.raises(Conflict, match="evidence"):
        Monitor.from_state(BINARY, state)


def test_what_has_changed_is_asked_with_a_share() -> None:
    with pytest.raises(UsageError) as caught:
        Monitor(BINARY).changed("often")
    assert caught.value.fix == "rate=0.1"


def test_a_figure_lies_within_its_own_interval() -> None:
    perfect = Baseline.from_frame(FRAME, LABELS, LABELS)
    wrong = Baseline.from_frame(FRAME, 1 - LABELS, LABELS)
    for baseline, said in ((perfect, LABELS), (wrong, 1 - LABELS)):
        for labels in (None, LABELS):
            monitor = Monitor(baseline)
            monitor.update(FRAME, said, labels=labels)
            for metric in ("accuracy", "roc_auc", "positive_share", "precision", "recall", "f1"):
                found = monitor.performance(metric)
                if found.value is not None:
                    assert found.low <= found.value <= found.high


def test_errors_of_numbers_are_told_in_the_labels_own_unit_and_without_a_note_of_estimates() -> None:
    monitor = Monitor(NUMBERS)
    monitor.update(FRAME, SAID, labels=TRUTH + 30)
    (alarm,) = monitor.alarms()
    mae = monitor.performance("mae")
    assert f"to {mae.value:.3g}, certainly above" in alarm.direction
    assert alarm.effect == pytest.approx((mae.value - np.abs(SAID - TRUTH).mean()) / TRUTH.std(), rel=0.01)
    assert [monitor.performance(metric).note for metric in ("mae", "rmse", "r2", "bias")] == [""] * 4


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0, "0"),
        (5e-324, "0"),
        (1.5e-310, "1.5e-310"),
        (0.1234, "0.123"),
        (-12345.6, "-12,346"),
        (2.5e9, "2.5e+09"),
        (9.87e307, "9.87e+307"),
    ],
)
def test_a_figure_has_few_digits_however_large_or_small(value: float, words: str) -> None:
    assert number(value) == words


def extreme(rows: int, seed: int, up: float = 1.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "large": rng.normal(1, 0.1, rows) * 1e307 * up,
        "small": rng.normal(1, 0.1, rows) * 1e-310 * up,
        "both": np.where(rng.random(rows) < 0.5, -1, 1) * rng.uniform(1, 1.7, rows) * 1e308,
        "seldom": np.where(rng.random(rows) < 0.05, 1e307 * rng.random(rows), 0.0),
        "plain": rng.normal(size=rows),
    }


@pytest.mark.filterwarnings("error")
def test_numbers_at_the_ends_of_what_floats_hold_are_watched_in_few_digits_and_without_warnings() -> None:
    monitor = Monitor(Baseline.from_frame(extreme(3000, 0)))
    for pane in range(5):
        monitor.update(extreme(200, 1 + pane, up=1.5))
        monitor.alarms()
    told = {one.feature: one.direction for one in monitor.alarms()}
    assert told.keys() == {"large", "small"}
    assert all(len(words) < 60 for words in told.values())
    assert "e-310" in told["small"]
    page = monitor.report()
    assert len(str(page)) < 4000
    assert "Infinity" not in page.document()


def test_a_series_with_the_columns_names_is_one_row() -> None:
    frame = pd.DataFrame({"a": np.arange(50.0), "b": np.arange(50.0), "c": ["x", "y"] * 25})
    monitor = Monitor(Baseline.from_frame(frame))
    monitor.update(frame.iloc[3])
    assert monitor.rows == 1
    once = Monitor(monitor.baseline)
    once.update(frame.iloc[[3]])
    assert all(np.array_equal(monitor.counts[name], once.counts[name]) for name in once.counts)
