"""What was changed in place by a cell that stands below its reader: top to bottom the notebook makes another model."""

from __future__ import annotations

from pathlib import Path

import pytest
from sessions import BASE, Session

ROWS = "train = loans.copy()"
FIT = "model = LogisticRegression(max_iter=1000).fit(train[['income', 'debt']], train['bad'])"
LABELS = "train.loc[train.debt > 15000, 'bad'] = 1"


def ran(folder: Path, order: str, loaded: bool = True, **cells: str) -> Session:
    """Cells as they stand, run in the order of their first letters."""
    session = Session(folder, loaded=loaded).cell(base=BASE, **cells).run("base")
    return session.run(*(next(key for key in cells if key[0] == letter) for letter in order))


@pytest.mark.parametrize("loaded", [True, False])
def test_labels_changed_in_place_by_a_cell_below_the_fit(tmp_path: Path, loaded: bool) -> None:
    (finding,) = ran(tmp_path, "rlf", loaded, rows=ROWS, fit=FIT, labels=LABELS).look()
    assert (finding.code, finding.where) == ("out-of-order", "cell 3 (In [4]): train")
    assert finding.title == "Cell 3 uses `train` as cell 4 (In [3]) changed it, which stands below it"
    assert finding.fix == "move cell 4 above cell 3; Kernel, Restart and Run All"


CHANGED = {
    "a column clipped": "X['age'] = X['age'].clip(25, 60)",
    "rows dropped": "X.drop(index=X.index[:50], inplace=True)\ny = y.loc[X.index]",
    "a loop": "for name in ['age', 'debt']:\n    X[name] = np.log1p(X[name])",
}


@pytest.mark.parametrize("name", CHANGED)
def test_rows_changed_in_place_by_a_cell_below_the_fit(tmp_path: Path, name: str) -> None:
    rows = "X, y = loans[['income', 'debt', 'age']].copy(), loans.bad"
    fit = "model = LogisticRegression(max_iter=1000).fit(X, y)"
    found = ran(tmp_path, "rmf", rows=rows, fit=fit, more=CHANGED[name]).look()
    assert ("out-of-order", "cell 3 (In [4]): X") in [(one.code, one.where) for one in found]


def test_a_column_that_is_made_into_rows_was_changed_below(tmp_path: Path) -> None:
    made = "X = loans.assign(ratio=loans.debt / loans.income)[['ratio']]"
    fit = "model = LogisticRegression().fit(X, loans.bad)"
    (finding,) = ran(tmp_path, "cmf", made=made, fit=fit, change="loans['debt'] = loans['debt'] + 1").look()
    assert (finding.code, finding.where) == ("out-of-order", "cell 2 (In [3]): loans")


PREDICTED = "train['pred'] = model.predict(train[['income', 'debt']])"
AGAIN = "model.fit(train[['income', 'debt']].tail(200), train['bad'].tail(200))"
CALM: dict[str, tuple[str, dict[str, str]]] = {
    "as they stand": ("rlf", {"rows": ROWS, "labels": LABELS, "fit": FIT}),
    "the rows made again since": ("rlrf", {"rows": ROWS, "fit": FIT, "labels": LABELS}),
    "answers beside the columns": ("rfpf", {"rows": ROWS, "fit": FIT, "pred": PREDICTED}),
    "a list of scores": (
        "rsfmf", {"rows": ROWS, "scores": "scores = []", "fit": FIT + "\nscores.append(1)", "more": "scores.append(2)"}),
    "another fit of the same below": (
        "rmfaf", {"rows": ROWS, "make": "model = LogisticRegression()", "fit": AGAIN.replace(".tail(200)", ""), "again": AGAIN}),
    "a frame of its own below": ("rcf", {"rows": ROWS, "fit": FIT, "copy": "show = train.copy()\nshow['debt'] = 0.0"}),
}  # fmt: skip


@pytest.mark.parametrize("name", CALM)
def test_what_changes_nothing_of_the_model_is_in_order(tmp_path: Path, name: str) -> None:
    order, cells = CALM[name]
    assert ran(tmp_path, order, **cells).look(strict=True) == []
