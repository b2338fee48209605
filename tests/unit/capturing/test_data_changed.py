"""Rows that are others than those a model was fitted on, told by what they hold; and notebooks that nothing is said of."""

from __future__ import annotations

from pathlib import Path

import pytest
from sessions import BASE, Session

from nb2prod.errors import UsageError

SPLIT = "X_train, X_test, y_train, y_test = train_test_split(loans[['income', 'debt', 'age']], loans.bad)"
FIT = "model = LogisticRegression(max_iter=1000).fit(X_train, y_train)"
READ = "df = pd.read_csv('{}')\nX, y = df[['income', 'debt', 'age']], df.bad"
FITXY = "model = LogisticRegression(max_iter=1000).fit(X, y)"
HOLDOUT = ("X_test", "y_test")


@pytest.mark.parametrize("loaded", [True, False])
def test_a_split_made_again_without_random_state(tmp_path: Path, loaded: bool) -> None:
    session = Session(tmp_path, loaded=loaded).added(base=BASE, split=SPLIT, fit=FIT).run("split")
    (finding,) = session.look(holdout=HOLDOUT)
    assert (finding.code, finding.where) == ("data-changed", "cell 2 (In [4]): X_train, y_train")
    assert finding.title == "The split was made again without random_state after `model` was fitted"
    assert finding.fix == "train_test_split(…, random_state=0); run cells 2 to 3 and %deploy again"
    assert ("of the 100 rows of the hold-out were trained on." in finding.why) is loaded


def test_a_file_that_is_another_when_it_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "loans.csv"
    save = f"loans.to_csv('{file}', index=False)"
    session = Session(tmp_path).added(base=BASE, save=save, read=READ.format(file), fit=FITXY)
    assert session.run("read").look(strict=True) == []
    session.shell.user_ns["loans"].tail(300).to_csv(file, index=False)
    (finding,) = session.run("read").look()
    assert (finding.code, finding.where) == ("data-changed", "cell 3 (In [6]): X, y")
    assert finding.title == "`X` and `y` were read again after `model` was fitted on them, and hold other rows"
    assert finding.fix == "run cells 3 to 4 and %deploy again"


def test_rows_filtered_again_from_a_file_read_again_in_another_cell(tmp_path: Path) -> None:
    file = tmp_path / "loans.csv"
    session = Session(tmp_path).added(base=BASE, save=f"loans.to_csv('{file}', index=False)")
    session.added(read=f"df = pd.read_csv('{file}')", rows="X, y = df[['income', 'debt']], df.bad", fit=FITXY)
    session.shell.user_ns["loans"].head(300).to_csv(file, index=False)
    (finding,) = session.run("read", "rows").look()
    assert finding.where == "cell 3 (In [6]): X, y"
    assert "`read_csv` reads has changed" in finding.why


ALIASES = {
    "an array": ("X = loans[['income', 'debt']].to_numpy().copy()\ny = loans.bad.to_numpy()", "B = X\nB -= B.mean(axis=0)"),
    "a view": ("X = loans[['income', 'debt']].to_numpy().copy()\ny = loans.bad.to_numpy()", "B = X[:, 1]\nB /= 1000"),
    "a frame": ("X, y = loans[['income', 'debt']].copy(), loans.bad", "show = X\nshow['debt'] = show['debt'] / 1000"),
}  # fmt: skip


@pytest.mark.parametrize("loaded", [True, False])
@pytest.mark.parametrize("name", ALIASES)
def test_rows_changed_under_another_name(tmp_path: Path, name: str, loaded: bool) -> None:
    rows, change = ALIASES[name]
    (finding,) = Session(tmp_path, loaded=loaded).added(base=BASE, rows=rows, fit=FITXY, change=change).look()
    assert (finding.code, finding.where) == ("data-changed", "cell 4 (In [4]): X")
    assert finding.title == "`X` was changed after `model` was fitted on it"


def test_rows_that_something_changed_that_no_cell_shows(tmp_path: Path) -> None:
    session = Session(tmp_path).added(base=BASE, rows="X, y = loans[['income', 'debt']].copy(), loans.bad", fit=FITXY)
    (finding,) = session.added(hidden="globals()['X'].iloc[:, 0] = 0.0").look()
    assert (finding.code, finding.where) == ("data-changed", "cell 3 (In [3]): X")


def test_rows_given_to_a_function_that_fits(tmp_path: Path) -> None:
    train = (
        "def train(rows, labels):\n    model = LogisticRegression(max_iter=1000).fit(rows, labels)\n    return model"
    )
    session = (
        Session(tmp_path).added(base=BASE, train=train, split=SPLIT, fit="model = train(X_train, y_train)").run("split")
    )
    assert [one.code for one in session.look()] == ["data-changed"]


SEEDED = SPLIT[:-1] + ", random_state=0)"
CALM: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "everything run again": ({"base": BASE, "split": SEEDED, "fit": FIT}, ("base", "split")),
    "a seeded split run again": ({"base": BASE, "split": SEEDED, "fit": FIT}, ("split", "split")),
    "a seed of all in the split's cell": (
        {"base": BASE, "split": "np.random.seed(0)\n" + SPLIT, "fit": FIT}, ("split",)),
    "fitted again after the split": ({"base": BASE, "split": SPLIT, "fit": FIT}, ("split", "fit")),
    "a scratch cell": ({"base": BASE, "split": SPLIT, "fit": FIT, "look": "X_train.head()\nX_train.describe()"}, ("look",)),
    "the hold-out scaled in another cell": (
        {"base": BASE, "split": SPLIT, "fit": FIT, "scale": "scaled = X_test / 2"}, ("scale",)),
    "a copy under another name": (
        {"base": BASE, "split": SPLIT, "fit": FIT, "copy": "show = X_train.copy()\nshow['debt'] = 0.0"}, ()),
    "another name that is not changed": (
        {"base": BASE, "split": SPLIT, "fit": FIT, "name": "show = X_train\nshow = show / 2"}, ()),
    "an array made again": (
        {"base": BASE, "split": "X_train, y_train = loans[['income', 'debt']].to_numpy(), loans.bad.to_numpy()\n"
                                "X_test, y_test = X_train[:0], y_train[:0]", "fit": FIT}, ("split",)),
    "a column beside those that were read": (
        {"base": BASE, "split": "X_test, y_test = loans[['income']].head(0), loans.bad.head(0)",
         "fit": "model = LogisticRegression().fit(loans[['income']], loans.bad)",
         "score": "loans['score'] = model.predict(loans[['income']])"}, ("score",)),
    "answers under a name of their own": (
        {"base": BASE, "split": SPLIT, "fit": FIT, "more": "y_prob = model.predict_proba(X_test)"}, ()),
}  # fmt: skip


@pytest.mark.parametrize("loaded", [True, False])
@pytest.mark.parametrize("name", CALM)
def test_nothing_is_said_of_a_clean_notebook(tmp_path: Path, name: str, loaded: bool) -> None:
    cells, again = CALM[name]
    session = Session(tmp_path, loaded=loaded).added(**cells).run(*again)
    assert session.look(strict=True, holdout=HOLDOUT) == []


def test_a_change_that_was_taken_back_is_none(tmp_path: Path) -> None:
    rows = "X, y = loans[['income', 'debt']].copy(), loans.bad"
    session = Session(tmp_path).added(base=BASE, rows=rows, fit=FITXY, there="X['debt'] += 8.0").run("rows")
    assert session.look(strict=True) == []


# -- a hold-out that was trained on, without any history


@pytest.mark.parametrize("arrays", [False, True])
def test_a_hold_out_that_is_part_of_the_training_rows(tmp_path: Path, arrays: bool) -> None:
    rows = "X, y = loans[['income', 'debt', 'age']], loans.bad\nX_test, y_test = X.sample(80, random_state=1), y"
    rows += ".sample(80, random_state=1)" + ("\nX, X_test = X.to_numpy(), X_test.to_numpy()" if arrays else "")
    session = Session(tmp_path, loaded=False).added(base=BASE, rows=rows, fit=FITXY)
    (finding,) = session.look(holdout=HOLDOUT)
    assert (finding.code, finding.severity) == ("holdout-seen", "warn")
    assert finding.title == "All 80 rows of the hold-out are among those that `model` was fitted on"


def test_the_lines_that_leave_out_what_was_seen_run(tmp_path: Path) -> None:
    rows = "part = loans[['age', 'income']]\nX, y = part.head(300), loans.bad.head(300)"
    rows += "\nX_test, y_test = part.tail(200), loans.bad.tail(200)"
    session = Session(tmp_path, loaded=False).added(base=BASE, rows=rows, fit=FITXY)
    (finding,) = session.look(holdout=HOLDOUT)
    assert finding.title.startswith("About 100 of the 200 rows")
    first, second = finding.fix.split("\n")
    assert second == "%deploy model --holdout X_test[new] y_test[new]"
    session.added(new=first)
    assert session.look(holdout=("X_test[new]", "y_test[new]")) == []
    assert session.shell.user_ns["new"].sum() == 100


ALIKE = {
    "few values": "rng.integers(0, 2, (600, 4))",
    "some alike": "np.c_[rng.integers(18, 80, 600), rng.integers(0, 9, 600)]",
    "each twice": "np.repeat(rng.normal(size=(300, 3)), 2, axis=0)[rng.permutation(600)]",
    "numbers": "rng.normal(size=(600, 3))",
}


@pytest.mark.parametrize("name", ALIKE)
def test_rows_that_happen_to_be_alike_are_no_finding(tmp_path: Path, name: str) -> None:
    rows = f"X_all = pd.DataFrame({ALIKE[name]})\ny_all = rng.integers(0, 2, 600)"
    split = "X, X_test, y, y_test = train_test_split(X_all, y_all, random_state=3)"
    session = Session(tmp_path).added(base=BASE, rows=rows, split=split, fit=FITXY)
    assert session.look(holdout=HOLDOUT) == []


@pytest.mark.parametrize("loaded", [True, False])
def test_columns_chosen_anew_after_the_fit_are_named_with_the_cells_to_run(tmp_path: Path, loaded: bool) -> None:
    fit = "model = LogisticRegression(max_iter=1000).fit(loans[features], loans.bad)"
    session = Session(tmp_path, loaded=loaded).added(
        base=BASE, features="features = ['income', 'debt', 'age']", fit=fit
    )
    session.cell(features="features = ['income', 'debt']").run("features")
    with pytest.raises(UsageError) as told:
        session.look()
    assert told.value.title == (
        "The rows that `model` was fitted on are no longer there: cell 2 (In [4]) changed `features`"
    )
    assert "with the `features` of In [2]" in told.value.why
    assert told.value.fix == "run cells 2 to 3 again and %deploy again"


LISTED = "features = ['income', 'debt']"
OF_LIST = "model = LogisticRegression(max_iter=1000).fit(loans[features], loans.bad)"


@pytest.mark.parametrize("loaded", [True, False])
@pytest.mark.parametrize("change", ["features.append('age')", "features.remove('debt')"])
def test_a_list_of_columns_changed_in_place_is_named(tmp_path: Path, loaded: bool, change: str) -> None:
    session = Session(tmp_path, loaded=loaded).added(base=BASE, features=LISTED, fit=OF_LIST, change=change)
    with pytest.raises(UsageError) as told:
        session.look()
    assert told.value.title == (
        "The rows that `model` was fitted on are no longer there: cell 4 (In [4]) changed `features`"
    )
    assert told.value.fix == "run the cell that fits `model` again and %deploy again"


@pytest.mark.parametrize("loaded", [True, False])
def test_a_list_of_columns_edited_above_the_frame_that_is_made_with_it_is_named(tmp_path: Path, loaded: bool) -> None:
    session = Session(tmp_path, loaded=loaded).added(
        base=BASE, features=LISTED, rows="X = loans[features]\ny = loans.bad", fit=FITXY
    )
    session.cell(features="features = ['income', 'debt', 'age']").run("features", "rows")
    with pytest.raises(UsageError) as told:
        session.look()
    assert told.value.where == "cell 2 (In [5]): features"
    assert "fitted on `X`" in told.value.why
    assert told.value.fix == "run cells 2 to 4 again and %deploy again"


def test_a_list_that_grows_above_the_fit_is_run_from_where_it_begins(tmp_path: Path) -> None:
    grown = "features.append('age')"
    session = Session(tmp_path).added(base=BASE, features=LISTED, grown=grown, fit=OF_LIST)
    with pytest.raises(UsageError) as told:
        session.run("grown").look()
    assert told.value.fix == "run cells 2 to 4 again and %deploy again"


@pytest.mark.parametrize("loaded", [True, False])
def test_a_cell_that_changed_the_rows_and_failed_is_to_be_mended(tmp_path: Path, loaded: bool) -> None:
    made = "use = loans[loans.age > 20]\nuse = use.assign(ratio=use.debt / use.income)"
    fit = "model = LogisticRegression(max_iter=1000).fit(use[['income', 'ratio']], use.bad)"
    session = Session(tmp_path, loaded=loaded).added(base=BASE, made=made, fit=fit)
    session.cell(made=made.replace("20", "30").replace("use.income", "use.incom")).run("made", "fit")
    with pytest.raises(UsageError) as told:
        session.look()
    assert told.value.title.endswith("cell 2 (In [4]) changed `use` and failed")
    assert told.value.fix == "mend cell 2, run cells 2 to 3 again and %deploy again"
