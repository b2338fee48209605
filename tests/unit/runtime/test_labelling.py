from __future__ import annotations

from typing import Any

import pytest

from nb2prod.records.capture import Output, Signature
from nb2prod.records.monitoring import Feedback
from nb2prod.runtime.labelling import Check


@pytest.mark.parametrize(
    ("classes", "label", "why"),
    [
        ((False, True), "pear", "A label of this model is true or false."),
        ((0, 1), "pear", "A label of this model is a number; its classes are 0, 1."),
        ((0, 1, 2), "pear", "A label of this model is a number; its classes are 0, 1, 2."),
        (("apple", "plum"), 3, 'A label of this model is text; its classes are "apple", "plum".'),
        (tuple(range(50)), "pear", "A label of this model is a number."),
    ],
)
def test_a_label_of_another_kind_is_told_what_a_label_is(classes: tuple[Any, ...], label: Any, why: str) -> None:
    signature = Signature(columns=(), output=Output(kind="class", classes=classes))
    said = Check(signature)(Feedback(id="1", label=label))
    assert (said.status, said.why) == ("refused", why)


def check(*classes: Any) -> Check:
    return Check(Signature(columns=(), output=Output(kind="class", classes=classes)))


@pytest.mark.parametrize(
    ("classes", "label", "kept"),
    [
        ((0, 1), "1", 1),
        ((0, 1), True, 1),
        ((0, 1), 1.0, 1),
        ((0, 1), "1.0", 1),
        (("0", "1"), 1, "1"),
        (("0", "1"), 1.0, "1"),
        (("1.0", "2.0"), 1.0, "1.0"),
        ((False, True), 1, True),
        ((False, True), "true", True),
        (("no", "yes"), "yes", "yes"),
        ((1.5, 2.5), "1.5", 1.5),
        ((1.0, 2.0), 2, 2.0),
    ],
)
def test_a_label_is_kept_as_the_class_that_it_names(classes: tuple[Any, ...], label: Any, kept: Any) -> None:
    checked, item = check(*classes), Feedback(id="1", label=label)
    assert checked(item).status == "kept"
    own = checked.own(item).label
    assert (own, type(own)) == (kept, type(kept))


@pytest.mark.parametrize(
    ("classes", "label", "why"),
    [
        ((0, 1), 9, "It is no class of this model; its classes are 0, 1."),
        ((0, 1), 0.5, "It is no class of this model; its classes are 0, 1."),
        ((0, 1), "9", "A label of this model is a number; its classes are 0, 1."),
        ((0, 1), "1_0", "A label of this model is a number; its classes are 0, 1."),
        ((0, 1), float("inf"), "A label of this model is a number; its classes are 0, 1."),
        ((0, 1), 10**400, "A label of this model is a number; its classes are 0, 1."),
        ((False, True), 7, "It is no class of this model; its classes are false, true."),
        (("no", "yes"), "maybe", 'It is no class of this model; its classes are "no", "yes".'),
        (("no", "yes"), True, 'A label of this model is text; its classes are "no", "yes".'),
        (tuple(range(50)), 99, "It is none of this model's 50 classes."),
    ],
)
def test_a_label_that_is_no_class_is_refused(classes: tuple[Any, ...], label: Any, why: str) -> None:
    said = check(*classes)(Feedback(id="1", label=label))
    assert (said.status, said.pointer, said.why) == ("refused", "/label", why)


def test_a_label_of_a_model_of_numbers_is_any_finite_number() -> None:
    checked = Check(Signature(columns=(), output=Output(kind="number")))
    assert [checked(Feedback(id="1", label=one)).status for one in (7, 0.5, -1e9, 2**70, True)] == ["kept"] * 5
    assert [checked(Feedback(id="1", label=one)).status for one in ("7", float("inf"), 10**400, None)] == [
        "refused"
    ] * 4
    assert checked.own(Feedback(id="1", label=2**70)).label == float(2**70)
