"""A session as a front end tells it: which cell ran when, and a file that was saved at some moment."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from cells import FIT, SETUP, Kernel

from nb2prod.capturing import discovery, rules
from nb2prod.capturing.execution import Notebook, SavedCell
from nb2prod.capturing.watching import Run, Watch
from nb2prod.records.capture import Finding
from nb2prod.runtime import flavors

CODES = {"stale", "deleted-cell", "out-of-order", "data-changed", "run-twice"}
BASE = SETUP + '\nframe = df.copy()\nframe["t"] = df["a"] * 2 + df["b"]'
LINE = 'from sklearn.linear_model import LinearRegression, Ridge\nmodel = LinearRegression().fit(frame[["a", "b"]], frame["t"])'
CLEAN = 'def clean(d):\n    return d.assign(a=d.a * 2)[["a", "b"]]'
NEWER = CLEAN.replace("2", "3")
FITS = 'from sklearn.linear_model import LinearRegression\nX = clean(df)\nmodel = LinearRegression().fit(X, df["a"])'
PREDICT = "def predict(frame):\n    return model.predict(clean(frame))"

Cell = tuple[str, str]


def look(
    tmp_path: Path,
    executed: Sequence[Cell],
    saved: Sequence[Cell],
    model: str = "model",
    *,
    saved_after: int | None = None,
    watched: bool = True,
    data: str | None = None,
    strict: bool = False,
) -> list[Finding]:
    """Cells run as (id, text); the file has `saved`, written after the execution `saved_after` (None: after all)."""
    kernel = Kernel().run(*(text for _, text in executed))
    path = tmp_path / "nb.ipynb"
    path.write_text("{}")
    moment = len(executed) if saved_after is None else saved_after
    os.utime(path, (1000 + moment + 0.5,) * 2)
    runs = {number: Run(1000 + number, cell) for number, (cell, _) in enumerate(executed, start=1)}
    watch = Watch(1, runs) if watched else None
    cells = tuple(SavedCell(i, text.strip(), cell) for i, (cell, text) in enumerate(saved, start=1))
    notebook = Notebook(kernel.namespace, tuple(kernel.executed), cells, path, watch)
    found = discovery.find(model, notebook, data=data)
    case = rules.Case(found, notebook, flavors.of(found.model))
    return [one for one in rules.look(case, strict=strict) if one.code in CODES]


def told(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(one.code, one.where) for one in findings]


# -- what a function takes from the notebook


@pytest.mark.parametrize("watched", [True, False])
def test_what_a_function_asks_was_made_with_a_definition_that_was_edited_and_run_again(
    tmp_path: Path, watched: bool
) -> None:
    ran = [("b", BASE), ("c", CLEAN), ("f", FITS), ("c", NEWER), ("p", PREDICT)]
    saved = [("b", BASE), ("c", NEWER), ("f", FITS), ("p", PREDICT)]
    (finding,) = look(tmp_path, ran, saved, "predict", data="df", watched=watched)
    assert (finding.code, finding.where) == ("stale", "cell 2 (In [4]): clean")
    assert finding.title == "Cell 2 (In [4]) changed `clean` after `model` was fitted"
    assert finding.fix == "run cells 2 to 3 and %deploy again"
    assert "The service runs the one of cell 2 (In [4])" in finding.why


def test_a_value_that_a_function_reads_is_checked_as_a_model_is(tmp_path: Path) -> None:
    means, predict = "means = clean(df).mean()", "def predict(frame):\n    return (clean(frame) - means).sum(axis=1)"
    ran = [("b", BASE), ("c", CLEAN), ("m", means), ("c", NEWER), ("p", predict)]
    saved = [("b", BASE), ("c", NEWER), ("m", means), ("p", predict)]
    (finding,) = look(tmp_path, ran, saved, "predict", data="df")
    assert finding.title == "Cell 2 (In [4]) changed `clean` after `means` was made"


def test_rows_changed_after_the_fit_of_what_a_function_asks(tmp_path: Path) -> None:
    predict = "def predict(rows):\n    return model.predict(rows)"
    ran = [("b", BASE), ("f", LINE), ("x", 'frame["a"] = 0.0'), ("p", predict)]
    (finding,) = look(tmp_path, ran, ran, "predict", data='frame[["a", "b"]]')
    assert (finding.code, finding.where) == ("data-changed", "cell 3 (In [3]): frame")


# -- the file against the clock


def test_a_cell_typed_since_the_file_was_saved_is_no_deleted_one(tmp_path: Path) -> None:
    assert look(tmp_path, [("b", BASE), ("new", LINE)], [("b", BASE)], saved_after=1, strict=True) == []
    unwatched = look(tmp_path, [("b", BASE), ("new", LINE)], [("b", BASE)], saved_after=1, watched=False, strict=True)
    assert [(one.code, one.severity) for one in unwatched] == [("deleted-cell", "note")]


def test_a_cell_that_is_gone_from_a_file_saved_after_it_ran_is_deleted(tmp_path: Path) -> None:
    change = 'frame["a"] = frame["a"] * 10'
    ran = [("b", BASE), ("x", change), ("f", LINE)]
    assert told(look(tmp_path, ran, [("b", BASE), ("f", LINE)])) == [("deleted-cell", "In [2]: frame")]
    assert look(tmp_path, ran, [("b", BASE), ("f", LINE)], saved_after=1) == []


def test_a_model_fitted_again_in_a_cell_since_deleted(tmp_path: Path) -> None:
    again = 'model.fit(frame[["b", "a"]].rename(columns={"b": "a", "a": "b"}), frame["t"])'
    ran = [("b", BASE), ("f", LINE), ("x", again)]
    findings = look(tmp_path, ran, [("b", BASE), ("f", LINE)], data='frame[["a", "b"]]')
    assert told(findings) == [("deleted-cell", "In [3]: model")]


def test_a_cell_run_before_the_extension_was_loaded_and_saved_without_is_deleted(tmp_path: Path) -> None:
    path = tmp_path / "nb.ipynb"
    path.touch()
    os.utime(path, (2000, 2000))
    notebook = Notebook({}, ((1, "a = 1"), (2, "b = a"), (3, "%load_ext nb2prod")), (), path, Watch(3, {3: Run(1000)}))
    assert notebook.saved_after(1) is True
    os.utime(path, (500, 500))
    assert notebook.saved_after(1) is None
    assert notebook.saved_after(3) is False


# -- edits


@pytest.mark.parametrize("watched", [True, False])
def test_an_edited_cell_of_data_that_was_not_run_again(tmp_path: Path, watched: bool) -> None:
    edited = BASE.replace("* 2", "* 5")
    findings = look(tmp_path, [("b", BASE), ("f", LINE)], [("b", edited), ("f", LINE)], watched=watched)
    assert told(findings) == [("stale", "cell 1 (In [1]): frame")]


def test_a_parameter_that_has_another_value_now_is_told_with_both(tmp_path: Path) -> None:
    fit = 'from sklearn.linear_model import Ridge\nmodel = Ridge(alpha).fit(frame[["a", "b"]], frame["t"])'
    ran = [("b", BASE), ("a", "alpha = 1.0"), ("f", fit), ("a", "alpha = 50.0")]
    saved = [("b", BASE), ("a", "alpha = 50.0"), ("f", fit)]
    for moment in (None, 2):  # whether it was saved or not, the front end tells that it is the same cell
        (finding,) = look(tmp_path, ran, saved if moment is None else [*ran[:2]], saved_after=moment)
        assert (finding.code, finding.where) == ("stale", "cell 2 (In [4]): alpha")
        assert "`alpha` was 1.0 and is 50.0" in finding.why


def test_a_text_is_not_told(tmp_path: Path) -> None:
    fit = "key = word\nmodel = LogisticRegression().fit(df, y if key else y)"
    ran, saved = [("b", SETUP), ("a", "word = 'one'"), ("f", fit)], [("b", SETUP), ("a", "word = 'two'"), ("f", fit)]
    (finding,) = look(tmp_path, ran, saved)
    assert "one" not in finding.why.split()
    assert "'two'" not in finding.why


def test_a_cell_edited_and_run_before_the_fit_too_says_that_both_ran(tmp_path: Path) -> None:
    first, second = 'frame["a"] = frame["a"] * 2', 'frame["a"] = frame["a"] * 3'
    ran, saved = [("b", BASE), ("x", first), ("x", second), ("f", LINE)], [("b", BASE), ("x", second), ("f", LINE)]
    (finding,) = look(tmp_path, ran, saved)
    assert "the cell ran before that, as In [3]" in finding.why


# -- what is no change

TREATED: dict[str, list[Cell]] = {
    "a column of answers": [("3", 'frame["pred"] = model.predict(frame[["a", "b"]])')],
    "several columns": [("3", 'frame[["p", "q"]] = 0.0\nframe.loc[frame["a"] > 0, "r"] = 1')],
    "columns in a loop": [("3", 'for k in range(2):\n    frame[f"pred_{k}"] = k\n    frame["q" + str(k)] = k')],
    "a column inserted and dropped": [("3", 'frame.insert(0, "z", 1)\nframe.drop(columns=["z"], inplace=True)')],
    "a column assigned": [("3", "frame = frame.assign(pred=model.predict(frame[['a', 'b']]))")],
    "a column by a function": [("3", "def score(d):\n    d['pred'] = 1.0\nscore(frame)")],
    "a column added twice": [("3", 'frame["pred"] = 1'), ("3", 'frame["pred"] = 1')],
    "the rows made again": [("1", BASE)],
    "an import of more": [("2", LINE.replace("Ridge", "Ridge, Lasso"))],
}  # fmt: skip


@pytest.mark.parametrize("name", TREATED)
def test_what_the_fit_has_not_read_may_change(tmp_path: Path, name: str) -> None:
    ran = [("1", BASE), ("2", LINE), *TREATED[name]]
    saved = list(dict(ran).items())
    assert look(tmp_path, ran, saved, data='frame[["a", "b"]]', strict=True) == []


CHANGED = {
    "a column that was read": 'frame["a"] = 0.0',
    "the answers": 'frame["t"] = 0.0',
    "a column of a name that is not known": "for name in frame.columns:\n    frame[name] = 0.0",
    "a new row": "frame.loc[1000] = 0.0",
    "a column by a pattern": 'for k in "ab":\n    frame[f"{k}"] = 0.0',
    "by a function": 'def spoil(d):\n    d["b"] = 0.0\nspoil(frame)',
    "by a function, by name": 'def spoil(d):\n    d["b"] = 0.0\nspoil(d=frame)',
    "sampled": "frame = frame.sample(40)",
    "in a tuple": "frame, rest = frame.head(10), 1",
}


@pytest.mark.parametrize("name", CHANGED)
def test_what_the_fit_has_read_may_not(tmp_path: Path, name: str) -> None:
    ran = [("1", BASE), ("2", LINE), ("3", CHANGED[name])]
    assert told(look(tmp_path, ran, ran, data='frame[["a", "b"]]'))[:1] == [("data-changed", "cell 3 (In [3]): frame")]


def test_a_docstring_is_no_edit(tmp_path: Path) -> None:
    said = CLEAN.replace(":\n", ':\n    """Twice."""\n', 1)
    assert (
        look(tmp_path, [("b", BASE), ("c", CLEAN), ("f", FITS)], [("b", BASE), ("c", said), ("f", FITS)], data="X")
        == []
    )


def test_statements_that_the_model_does_not_need_may_be_edited(tmp_path: Path) -> None:
    title, other = BASE + '\ntitle = "one"\nprint(title)', BASE + '\ntitle = "two"\nprint(title)'
    ran, saved = [("b", title), ("f", FIT)], [("b", other), ("f", FIT)]
    assert look(tmp_path, ran, saved) == []


def test_the_shell_notes_each_cell_with_its_time_and_id() -> None:
    from IPython.core.interactiveshell import InteractiveShell

    from nb2prod.capturing import watching

    shell = InteractiveShell()
    shell.run_cell("a = 1", store_history=True, cell_id="one")
    watching.watch(shell)
    shell.run_cell("b = 2", store_history=True, cell_id="two")
    shell.run_cell("c = 3", store_history=False, cell_id="silent")
    shell.run_cell("d = 4", store_history=True, cell_id="four")
    notebook = Notebook.from_ipython(shell)
    assert dict(notebook.executed) == {1: "a = 1", 2: "b = 2", 3: "d = 4"}
    assert notebook.watch is not None
    assert {number: run.cell for number, run in notebook.watch.runs.items()} == {1: None, 2: "two", 3: "four"}
    assert notebook.watch.runs[2].at <= notebook.watch.runs[3].at
