"""A model fitted again on what an older definition made is stale, and the cells to run are named in their order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from cells import SETUP, only
from test_stale_session import look

CLEAN = "def clean(d):\n    return d.clip(-2, 2)"
NEWER = CLEAN.replace("-2, 2", "-1, 1")
ROWS = "X = clean(df)"
FIT = "model = LogisticRegression().fit(X, y)"
SCALED = "X = df * factor"
CHOSEN = "X = df[cols]"

Cell = tuple[str, str]


def cells(definition: str, rows: str = ROWS) -> list[Cell]:
    return [("b", SETUP), ("c", definition), ("x", rows), ("f", FIT)]


EDITS = {
    "a function": (CLEAN, NEWER, ROWS, "clean"),
    "a number": ("factor = 2", "factor = 3", SCALED, "factor"),
    "a pair": ("low, factor = 1, 2", "low, factor = 1, 3", SCALED, "factor"),
    "columns": ("cols = ['a', 'b']", "cols = ['a']", CHOSEN, "cols"),
    "what a function reads": ("factor = 2", "factor = 3", "def clean(d):\n    return d * factor\nX = clean(df)", "factor"),
}  # fmt: skip


@pytest.mark.parametrize("watched", [True, False])
@pytest.mark.parametrize("name", EDITS)
def test_fitting_again_does_not_hide_what_an_older_definition_made(tmp_path: Path, name: str, watched: bool) -> None:
    before, after, rows, changed = EDITS[name]
    ran = [*cells(before, rows), ("c", after), ("f", FIT)]
    (finding,) = look(tmp_path, ran, cells(after, rows), watched=watched, strict=True)
    assert (finding.code, finding.severity) == ("stale", "refuse")
    assert finding.where == f"cell 2 (In [5]): {changed}"
    assert finding.title == f"`X` was made before cell 2 (In [5]) changed `{changed}`"
    assert finding.fix == "run cell 3, then cell 4, and %deploy again"


@pytest.mark.parametrize("watched", [True, False])
@pytest.mark.parametrize("name", ["a function", "a number", "columns"])
def test_an_edit_that_was_not_saved_is_seen_too(tmp_path: Path, name: str, watched: bool) -> None:
    before, after, rows, changed = EDITS[name]
    ran = [*cells(before, rows), ("c", after), ("f", FIT)]
    (finding,) = look(tmp_path, ran, cells(before, rows), watched=watched, saved_after=4)
    assert finding.where.endswith(f"In [5]{')' if watched else ''}: {changed}")
    assert finding.fix == "run cell 3, then cell 4, and %deploy again"


def test_an_edit_that_was_not_saved_names_every_cell_to_run_again_where_nothing_was_fitted_since(
    tmp_path: Path,
) -> None:
    ran = [*cells(CLEAN), ("c", NEWER)]
    (finding,) = look(tmp_path, ran, cells(CLEAN), watched=False, saved_after=4)
    assert finding.fix == "run cell 3, then cell 4, and %deploy again"


def test_what_ran_again_already_is_not_named(tmp_path: Path) -> None:
    ran = [*cells(CLEAN), ("c", NEWER), ("x", ROWS)]
    finding = only(tuple(look(tmp_path, ran, cells(CLEAN), watched=False, saved_after=4)), "stale")
    assert finding.fix == "run cell 4 again and %deploy again"


def test_all_between_what_is_old_and_the_model_is_named(tmp_path: Path) -> None:
    rows, fit = "first = clean(df)", ("f", "model = LogisticRegression().fit(X, y)")
    middle, other = ("m", "X = first + 1"), ("o", "title = 'one'")
    ran = [("b", SETUP), ("c", CLEAN), ("x", rows), other, middle, fit, ("c", NEWER), middle, fit]
    (finding,) = look(tmp_path, ran, [("b", SETUP), ("c", NEWER), ("x", rows), other, middle, fit])
    assert finding.fix == "run cell 3, then cell 5, then cell 6, and %deploy again"


CALM: dict[str, Sequence[Cell]] = {
    "all made again": [*cells(CLEAN), ("c", NEWER), ("x", ROWS), ("f", FIT)],
    "edited and back": [*cells(CLEAN), ("c", NEWER), ("c", CLEAN), ("f", FIT)],
    "a name used again below": [*cells(CLEAN)[:3], ("n", NEWER), ("z", "Z = clean(df)"), ("f", FIT)],
    "a parameter used again below": [
        *cells("factor = 2", SCALED)[:3], ("n", "factor = 3"), ("z", "Z = df * factor"), ("f", FIT)],
    "fitted again in place on rows made again": [
        ("b", SETUP), ("e", "model = LogisticRegression()"), ("c", CLEAN), ("x", ROWS), ("f", "model.fit(X, y)"),
        ("c", NEWER), ("x", ROWS), ("f", "model.fit(X, y)")],
    "two steps in one cell, run twice": [
        ("b", SETUP), ("c", "base = df\nbase = base * 2"), ("x", "X = base"), ("c", "base = df\nbase = base * 2"),
        ("f", FIT)],
}  # fmt: skip


@pytest.mark.parametrize("watched", [True, False])
@pytest.mark.parametrize("name", CALM)
def test_what_the_notebook_makes_from_top_to_bottom_is_not_stale(tmp_path: Path, name: str, watched: bool) -> None:
    ran = list(CALM[name])
    assert [one for one in look(tmp_path, ran, list(dict(ran).items()), watched=watched) if one.code == "stale"] == []


@pytest.mark.parametrize("saved", [True, False])
def test_of_a_bare_model_it_is_not_said_that_the_service_runs_the_function(tmp_path: Path, saved: bool) -> None:
    ran = [*cells(CLEAN), ("c", NEWER)]
    (finding,) = look(tmp_path, ran, cells(NEWER) if saved else cells(CLEAN), saved_after=None if saved else 4)
    assert finding.why == "`model` was fitted with the one of cell 2 (In [2]), not with that of cell 2 (In [5])."


def test_nor_where_the_edited_cell_was_not_run(tmp_path: Path) -> None:
    (finding,) = look(tmp_path, cells(CLEAN), cells(NEWER))
    assert finding.why == "`model` was fitted with what In [2] made; the cell as it stands now has not been run."
