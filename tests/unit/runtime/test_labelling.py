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
