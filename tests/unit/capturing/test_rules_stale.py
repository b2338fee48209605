"""Stale state is named by cell."""

from __future__ import annotations

import pytest
from cells import FIT, SETUP, Kernel, only

from nb2prod.capturing import rules
from nb2prod.errors import Refused

CLEAN = "def clean(frame):\n    return frame.fillna(0)"
NEWER = "def clean(frame):\n    return frame.fillna(1)"
FITTED = "model = LogisticRegression().fit(clean(df), y)"


def test_a_cell_that_was_edited_after_the_fit_is_named() -> None:
    findings = Kernel().run(SETUP, CLEAN, FITTED).look("model", (1, SETUP), (2, NEWER), (3, FITTED), data="df")
    finding = only(findings, "stale")
    assert finding.title == "Cell 2 was edited after it had made `clean`, and not run again"
    assert finding.where == "cell 2 (In [2]): clean"
    assert finding.fix == "run cells 2 to 3 and %deploy again"
    assert finding.severity == "warn"


def test_strict_refuses_stale_state() -> None:
    kernel = Kernel().run(SETUP, CLEAN, FITTED)
    findings = kernel.look("model", (1, SETUP), (2, NEWER), (3, FITTED), data="df", strict=True)
    assert only(findings, "stale").severity == "refuse"
    with pytest.raises(Refused):
        rules.refuse(findings)


def test_a_name_defined_anew_after_the_fit_is_found_without_a_file() -> None:
    finding = only(Kernel().run(SETUP, CLEAN, FITTED, NEWER).look("model", data="df"), "stale")
    assert finding.where == "In [4]: clean"


def test_the_same_cell_run_again_is_not_stale() -> None:
    assert Kernel().run(SETUP, CLEAN, FITTED, CLEAN).look("model", data="df") == ()


def test_an_edit_of_what_the_model_does_not_use_is_no_finding() -> None:
    kernel = Kernel().run(SETUP, "other = 1", FIT)
    assert kernel.look("model", (1, SETUP), (2, "other = 2"), (3, FIT)) == ()


def test_a_file_of_another_session_says_nothing_of_edits() -> None:
    kernel = Kernel().run(SETUP, CLEAN, FITTED)
    assert kernel.notebook((7, SETUP), (8, NEWER), (9, FITTED)).stale_check == "partial"
    assert kernel.notebook((1, SETUP), (2, CLEAN), (3, FITTED)).stale_check == "full"
    assert kernel.notebook().stale_check == "partial"


def test_a_deleted_cell_is_named() -> None:
    finding = only(Kernel().run(SETUP, CLEAN, FITTED).look("model", (1, SETUP), (3, FITTED), data="df"), "deleted-cell")
    assert finding.where == "In [2]: clean"


def test_a_cell_that_ran_after_the_file_was_saved_is_not_called_deleted() -> None:
    model = "def answer(frame):\n    return frame['a'] > 0"
    kernel = Kernel().run(SETUP, FIT, model)
    assert kernel.look("answer", (1, SETUP), (2, FIT), data="df") == ()


def test_cells_run_out_of_order_are_named() -> None:
    findings = Kernel().run(SETUP, CLEAN, FITTED).look("model", (1, SETUP), (3, FITTED), (2, CLEAN), data="df")
    finding = only(findings, "out-of-order")
    assert finding.title == "Cell 2 uses `clean` of cell 3, which stands below it"


def test_data_changed_since_the_fit() -> None:
    finding = only(Kernel().run(SETUP, FIT, "df['a'] = 0.0").look("model"), "data-changed")
    assert finding.where == "In [3]: df"
