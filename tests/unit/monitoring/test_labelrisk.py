"""Labels: an alarm that holds its rate however often one looks, and few labels made more of by scores."""

from __future__ import annotations

import numpy as np
import pytest

from nb2prod.baseline import Baseline
from nb2prod.monitoring import Monitor
from nb2prod.monitoring.statistics.discoveries import e_bh
from nb2prod.monitoring.statistics.labelrisk import TOLERANCE, LabelRisk, Losses, losses, upper
from nb2prod.monitoring.statistics.reconcile import reconcile
from nb2prod.monitoring.statistics.risk import realised
from nb2prod.records.monitoring import Alarm


def told(rng: np.random.Generator, rows: int, flip: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    scores = rng.beta(1, 1, rows)
    labels = (rng.random(rows) < scores).astype(int)
    return scores, np.where(rng.random(rows) < flip, 1 - labels, labels)


RNG = np.random.default_rng(0)
SCORES, LABELS = told(RNG, 4000)
BASELINE = Baseline.from_frame({"x": RNG.normal(size=4000)}, SCORES, LABELS)


def confusion(wrong: int, right: int) -> dict[str, np.ndarray]:
    table = np.zeros((3, 3), np.int64)
    table[0, 0], table[0, 1] = right, wrong
    return {"@confusion": table.ravel()}


def test_errors_that_rise_while_columns_and_scores_stay_are_told_and_over_when_they_fall_again() -> None:
    monitor, rng = Monitor(BASELINE), np.random.default_rng(1)
    for flip, panes in ((0.0, 10), (0.25, 15), (0.0, 60)):
        for _ in range(panes):
            scores, labels = told(rng, 200, flip)
            monitor.update({"x": rng.normal(size=200)}, scores=scores, labels=labels)
            monitor.alarms()
    (alarm,) = monitor.alarms()
    assert (alarm.feature, alarm.kind) == ("@labels", "performance")
    assert "on the hold-out" in alarm.direction
    assert 1200 <= alarm.first_row <= 2600
    assert alarm.raised <= 3400
    assert alarm.ended is not None


def test_a_calm_life_of_labels_keeps_the_budget_though_it_is_looked_at_all_the_time() -> None:
    rng, level, lives, alarmed = np.random.default_rng(2), 0.2, 40, 0
    for _ in range(lives):
        known = int(rng.binomial(2000, 0.1))
        limit = upper(Losses(2000, known, known), level / 2)  # no tolerance: the law itself
        watch = LabelRisk(level, known / 2000, limit)
        alarms: list[Alarm] = []
        for look in range(60):
            wrong = int(rng.binomial(100, 0.1))
            watch.add(confusion(wrong, 100 - wrong), look * 100, alarms)
        alarmed += bool(alarms)
    assert alarmed / lives <= level


def test_a_fall_after_a_long_good_time_is_not_diluted() -> None:
    watch = LabelRisk(0.0025, 0.1, 0.12)
    alarms: list[Alarm] = []
    for look in range(400):
        watch.add(confusion(10, 90), 100 * look, alarms)
    assert not alarms
    for look in range(400, 412):
        watch.add(confusion(30, 70), 100 * look, alarms)
    assert len(alarms) == 1
    assert 38_000 <= alarms[0].first_row <= 40_500


def test_one_good_day_among_bad_ones_ends_no_alarm() -> None:
    watch = LabelRisk(0.0025, 0.1, 0.12)
    alarms: list[Alarm] = []
    for day in range(30):
        wrong = 6 if day % 4 == 3 else 30
        for look in range(4):
            watch.add(confusion(wrong, 100 - wrong), 400 * day + 100 * look, alarms)
    assert [alarm.ended for alarm in alarms] == [None]


def test_errors_of_numbers_are_watched_too_and_no_hold_out_means_no_alarm() -> None:
    rng = np.random.default_rng(3)
    truth = rng.normal(size=2000)
    said = truth + rng.normal(0, 0.3, 2000)
    monitor = Monitor(Baseline.from_frame({"x": rng.normal(size=2000)}, said, truth))
    bare = Monitor(Baseline.from_frame({"x": rng.normal(size=2000)}))
    for _ in range(10):
        late = rng.normal(size=200)
        for one in (monitor, bare):
            one.update({"x": rng.normal(size=200)}, scores=late + rng.normal(0.4, 0.3, 200), labels=late)
    assert [alarm.kind for alarm in monitor.alarms() if alarm.feature == "@labels"] == ["performance"]
    assert not [alarm for alarm in bare.alarms() if alarm.feature == "@labels"]
    assert losses({}) is None
    assert 0 < TOLERANCE < 0.1


def test_few_labels_and_all_scores_together_cover_the_truth_and_are_narrower_than_labels_alone() -> None:
    rng, inside, narrower = np.random.default_rng(4), 0, []
    for _ in range(60):
        scores, labels = told(rng, 4000, 0.1)
        truth = 0.9 * 0.75 + 0.1 * 0.25
        counts = BASELINE.count({}, scores=scores, n=4000) | BASELINE.count_labels(scores[:200], labels[:200])
        found = reconcile(BASELINE, counts)
        assert found is not None
        inside += found.low <= truth <= found.high
        alone = realised(BASELINE, counts, "accuracy")
        narrower.append((found.high - found.low) / (alone.high - alone.low))
    assert inside >= 0.95 * 60
    assert np.mean(narrower) < 1.0


def test_the_share_of_positives_is_reconciled_too_and_what_is_no_mean_is_not() -> None:
    scores, labels = told(np.random.default_rng(5), 4000)
    counts = BASELINE.count({}, scores=scores, n=4000) | BASELINE.count_labels(scores[:300], labels[:300])
    found = reconcile(BASELINE, counts, "positive_share")
    assert found is not None
    assert found.low < 0.5 < found.high
    assert reconcile(BASELINE, counts, "roc_auc") is None


def test_labels_reconcile_the_estimate_in_performance() -> None:
    monitor, rng = Monitor(BASELINE), np.random.default_rng(5)
    scores, labels = told(rng, 3000, 0.2)
    monitor.update({"x": rng.normal(size=2800)}, scores=scores[:2800])
    monitor.update({"x": rng.normal(size=200)}, scores=scores[2800:], labels=labels[2800:])
    found = monitor.performance("accuracy")
    assert found.reconciled is not None
    assert found.reconciled.labels == 200
    assert found.reconciled.value < found.predicted - 0.03
    assert "together" in monitor.report().text()


@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_e_bh_keeps_its_share_of_false_ones_though_they_hang_together(rate: float) -> None:
    rng, share = np.random.default_rng(6), []
    for _ in range(400):
        shared = rng.normal()
        z = 0.8 * shared + 0.6 * rng.normal(size=40)
        z[30:] += 3.5
        found = e_bh(2.5 * z - 2.5**2 / 2, rate)
        share.append(found[:30].sum() / max(found.sum(), 1))
    assert np.mean(share) <= rate
    assert not e_bh(np.zeros(0)).any()


def test_what_has_changed_is_named_before_it_pages() -> None:
    rng = np.random.default_rng(7)
    frame = {f"x{j}": rng.normal(size=20_000) for j in range(5)}
    monitor = Monitor(Baseline.from_frame(frame))
    assert monitor.changed() == ()
    for _ in range(60):
        monitor.update({f"x{j}": rng.normal(0.06 * (j == 2), 1, 1000) for j in range(5)})
    assert monitor.changed() == ("x2",)
    assert monitor.alarms() == () or {one.feature for one in monitor.alarms()} == {"x2"}
