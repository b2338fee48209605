"""Steps are told while they run and with what was found afterwards."""

import pytest

from nb2prod.errors import Refused
from nb2prod.records.lifecycle import Step
from nb2prod.sdk.journal import Journal


def test_a_step_is_told_in_the_present_and_then_with_what_was_found() -> None:
    told: list[Step] = []
    journal = Journal(told.append)
    with journal.step("Capture", "reading the model") as line:
        line.found("14 columns")
    assert [(step.state, step.text) for step in told] == [("running", "reading the model"), ("done", "14 columns")]
    assert told[-1].seconds is not None
    assert journal.steps == [told[-1]]


def test_a_step_that_fails_is_told_as_failed_and_its_error_goes_on() -> None:
    told: list[Step] = []
    with pytest.raises(Refused), Journal(told.append).step("Verify", "replaying"):
        raise Refused("`model` answers differently", code="answers-differ")
    assert (told[-1].state, told[-1].text) == ("failed", "`model` answers differently")


def test_a_step_with_nothing_to_do_is_skipped_and_says_why() -> None:
    journal = Journal(lambda step: None)
    with journal.step("Register", "recording") as line:
        line.skip("version 2 is this very model")
    assert (journal.steps[0].state, journal.steps[0].text) == ("skipped", "version 2 is this very model")


def test_a_step_that_was_interrupted_says_so() -> None:
    journal = Journal(lambda step: None)
    with pytest.raises(KeyboardInterrupt), journal.step("Verify", "proving"):
        raise KeyboardInterrupt
    assert [(step.state, step.text) for step in journal.steps] == [("failed", "interrupted")]
