"""A cell that failed has made nothing: the model comes from what ran before."""

from __future__ import annotations

from pathlib import Path

import pytest
from sessions import BASE, Session

MADE = "work = loans.assign(ratio=loans.debt / loans.income)"
FAILS = "work = loans.assign(ratio=loans.debt / (loans.income + loans.savings))"
FIT = "X, y = work[['income', 'ratio']], work.bad\nmodel = LogisticRegression(max_iter=1000).fit(X, y)"


@pytest.mark.parametrize("loaded", [True, False])
def test_an_edited_cell_whose_run_failed_is_stale_though_the_fit_ran_again(tmp_path: Path, loaded: bool) -> None:
    session = Session(tmp_path, loaded=loaded).added(base=BASE, made=MADE, fit=FIT).cell(made=FAILS).run("made", "fit")
    (finding,) = session.look()
    assert (finding.code, finding.where) == ("stale", "cell 2 (In [2]): work")
    assert finding.title == "Cell 2 was edited after it had made `work`, and its run as In [4] failed"
    assert finding.why == (
        "`model` was fitted with what In [2] made; as it stands now the cell failed, as In [4], and made nothing."
    )
    assert finding.fix == "mend cell 2, run cells 2 to 3 and %deploy again"


@pytest.mark.parametrize("loaded", [True, False])
def test_a_fit_edited_into_one_that_failed(tmp_path: Path, loaded: bool) -> None:
    session = Session(tmp_path, loaded=loaded).added(base=BASE, made=MADE, fit=FIT)
    session.cell(fit=FIT.replace("max_iter=1000", "max_iter=1000, penalty='l7'")).run("fit")
    (finding,) = session.look()
    assert (finding.code, finding.title) == ("stale", "`model` was fitted in cell 3, whose text was edited since")
    assert "failed, as In [4]" in finding.why


@pytest.mark.parametrize("loaded", [True, False])
def test_what_stands_before_the_line_that_failed_has_run(tmp_path: Path, loaded: bool) -> None:
    session = Session(tmp_path, loaded=loaded).added(
        base=BASE, made=f"{MADE}\nprint(work.savings)\nwork = None", fit=FIT
    )
    assert dict(session.notebook.ran)[2] == MADE
    assert session.look() == []


def test_a_loop_that_raised_went_round_before(tmp_path: Path) -> None:
    loop = "for n in (1, 2):\n    loans[f'c{n}'] = n\n    1 / (2 - n)\nlast = 1"
    session = Session(tmp_path).added(base=BASE, loop=loop)
    assert dict(session.notebook.ran)[2] == loop.removesuffix("\nlast = 1")


@pytest.mark.parametrize("loaded", [True, False])
def test_a_cell_mended_after_it_failed_is_no_finding(tmp_path: Path, loaded: bool) -> None:
    session = Session(tmp_path, loaded=loaded).added(base=BASE, made=FAILS).cell(made=MADE).run("made").added(fit=FIT)
    assert session.look(strict=True) == []


@pytest.mark.parametrize("loaded", [True, False])
def test_a_scratch_cell_that_failed_is_no_finding(tmp_path: Path, loaded: bool) -> None:
    session = Session(tmp_path, loaded=loaded).added(
        base=BASE, made=MADE, fit=FIT, scratch="work.savings\nX = 3", no="1 +"
    )
    assert session.look(strict=True) == []


def test_a_cell_that_was_edited_and_not_run_has_changed_nothing(tmp_path: Path) -> None:
    (finding,) = Session(tmp_path).added(base=BASE, made=MADE, fit=FIT).cell(made=MADE.replace("/", "//")).look()
    assert finding.title == "Cell 2 was edited after it had made `work`, and not run again"


def test_two_names_were_made(tmp_path: Path) -> None:
    made = "X, y = loans[['income']], loans.bad"
    session = Session(tmp_path).added(base=BASE, made=made, fit="model = LogisticRegression().fit(X, y)")
    (finding,) = session.cell(made=made.replace("income", "debt")).look()
    assert finding.title == "`X` and `y` were made in cell 2, whose text was edited since"


PARTS = {
    "a magic over it": "%%time\n{0}\n1 / 0\nX = None",
    "within a with": "with np.errstate(all='ignore'):\n    {0}\n    1 / 0\nX = None",
    "within an if": "if True:\n    {0}\n    1 / 0\nX = None",
    "in its last line": "{0}\n1 / 0",
}


@pytest.mark.parametrize("name", PARTS)
def test_a_fit_before_the_line_that_failed_is_known(tmp_path: Path, name: str) -> None:
    text = PARTS[name].format("model = LogisticRegression(max_iter=1000).fit(X, y)")
    session = Session(tmp_path).added(base=BASE, rows="X, y = loans[['income']], loans.bad", fit=text)
    assert session.look(strict=True) == []
    assert "X" in session.notebook.rows_at(3)
    assert "X = None" not in dict(session.notebook.ran)[3]


def test_what_a_function_of_any_name_fits_is_noted(tmp_path: Path) -> None:
    build = "def build(rows, labels):\n    return LogisticRegression().fit(rows, labels)"
    session = Session(tmp_path).added(base=BASE, build=build, made="model = build(loans[['income']], loans.bad)")
    assert set(session.notebook.rows_at(3)) == {"loans"}


ROWS = "X, y = loans[['income', 'debt']].copy(), loans.bad"
LOGS = "X['income'] = np.log(X['income'])"
HALF = "X['debt'] = X['debt'] / 100\nX['income'] = np.log(X['incom'])"
FITXY = "model = LogisticRegression(max_iter=1000).fit(X, y)"


@pytest.mark.parametrize("loaded", [True, False])
def test_what_changes_its_own_rows_and_failed_is_run_from_where_they_are_made(tmp_path: Path, loaded: bool) -> None:
    session = Session(tmp_path, loaded=loaded).added(base=BASE, rows=ROWS, logs=LOGS, fit=FITXY)
    (finding,) = session.cell(logs=HALF).run("logs", "fit").look()
    assert finding.fix == "mend cell 3, run cells 2 to 4 and %deploy again"


def test_what_changes_its_own_rows_and_was_edited_is_run_from_where_they_are_made(tmp_path: Path) -> None:
    session = Session(tmp_path).added(base=BASE, rows=ROWS, logs=LOGS, fit=FITXY)
    (finding,) = session.cell(logs=LOGS.replace("log", "sqrt")).look()
    assert finding.fix == "run cells 2 to 4 and %deploy again"
