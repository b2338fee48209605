"""Answers are compared bit for bit, else labels exact and scores within a tolerance."""

from __future__ import annotations

import math

from nb2prod.capturing.replay import _of_others, compare, worse
from nb2prod.records.capture import Answers


def answers(*predictions: object, scores: tuple[tuple[float, ...], ...] | None = None) -> Answers:
    return Answers(predictions=predictions, probabilities=scores)


def test_equal_answers_are_equal_bit_for_bit() -> None:
    one = answers("a", 1, None, scores=((0.1,), (0.2,), (0.3,)))
    assert compare(one, one, 0.0) == (True, "bit-for-bit", 0.0, 0, None)


def test_a_last_digit_of_a_score_is_within_tolerance() -> None:
    outcome = compare(answers("a", scores=((0.1,),)), answers("a", scores=((0.1 + 1e-15,),)), 0.0)
    assert (outcome.equal, outcome.held, outcome.first) == (True, "labels exact, scores within tolerance", 0)


def test_another_label_differs_by_any_tolerance() -> None:
    outcome = compare(answers("a", "b", 1), answers("a", "c", 2), 100.0)
    assert (outcome.equal, outcome.differing, outcome.first, outcome.largest) == (False, 2, 1, math.inf)


def test_a_score_past_the_tolerance_differs() -> None:
    outcome = compare(answers(1.0, 2.0), answers(1.0, 2.5), 0.1)
    assert (outcome.equal, outcome.differing, outcome.first) == (False, 1, 1)
    assert compare(answers(1.0, 2.0), answers(1.0, 2.5), 0.3).equal


def test_answers_with_several_outputs_are_compared_by_name() -> None:
    assert compare(answers({"low": 1.0, "high": 2.0}), answers({"low": 1.0, "high": 2.0 + 1e-9}), 0.0).equal
    assert not compare(answers({"low": 1.0}), answers({"high": 1.0}), 0.0).equal


def test_a_missing_row_is_never_equal() -> None:
    assert not compare(answers(1, 2), answers(1), 1.0).equal


def test_a_null_is_no_number() -> None:
    assert not compare(answers(None), answers(0.0), 1.0).equal


def test_true_is_not_one() -> None:
    assert (
        not compare(answers(True), answers(1), 1.0).equal
        or compare(answers(True), answers(1), 1.0).held == "bit-for-bit"
    )


def test_the_worse_of_two_outcomes_is_told() -> None:
    good, bad = compare(answers(1.0), answers(1.0), 0.0), compare(answers(1.0), answers(2.0), 0.0)
    assert worse(good, bad) == bad


def test_what_nb2prods_own_process_starts_with_is_not_read_from_outside() -> None:
    import nb2prod

    assert _of_others(
        ["/data/zones.csv", "__mp_main__", "__main__", "nb2prod.runtime", nb2prod.__file__, "delayutils"]
    ) == (
        "/data/zones.csv",
        "delayutils",
    )
