"""Draws that went on from one seed, and parameters set after the fit."""

from __future__ import annotations

from pathlib import Path

import pytest
from sessions import BASE, Session

SEED = "np.random.seed(0)"
NOISE = "X = loans[['income', 'debt']].assign(noise=np.random.normal(size=400))"
FIT = "model = LogisticRegression(max_iter=1000).fit(X, loans.bad)"


@pytest.mark.parametrize(
    ("seed", "noise", "call"),
    [
        (SEED, NOISE, "np.random.normal"),
        ("own = np.random.default_rng(0)", NOISE.replace("np.random", "own"), "own.normal"),
        (SEED, "X, _, y, _ = train_test_split(loans[['income']], loans.bad)", "train_test_split"),
    ],
)
def test_a_cell_that_draws_was_run_twice_after_one_seed(tmp_path: Path, seed: str, noise: str, call: str) -> None:
    fit = FIT.replace("loans.bad", "y") if "y, _" in noise else FIT
    session = Session(tmp_path).added(base=BASE, seed=seed, noise=noise).run("noise").added(fit=fit)
    (finding,) = session.look()
    assert (finding.code, finding.where.split(":")[0]) == ("run-twice", "cell 3 (In [4])")
    assert finding.title.startswith(f"`{call}` drew `X`")


CALM: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "seeded again before": (SEED, NOISE, ("seed", "noise")),
    "seeded in its own cell": ("pass", f"{SEED}\n{NOISE}", ("noise",)),
    "run once": (SEED, NOISE, ()),
    "no chance in it": (SEED, "X = loans[['income', 'debt']].assign(noise=1.0)", ("noise",)),
    "with a seed of its own": (
        SEED,
        "X = loans[['income', 'debt']].sample(frac=1, random_state=0).sort_index()",
        ("noise",),
    ),
}


@pytest.mark.parametrize("name", CALM)
def test_draws_that_top_to_bottom_would_give_are_no_finding(tmp_path: Path, name: str) -> None:
    seed, noise, again = CALM[name]
    session = Session(tmp_path).added(base=BASE, seed=seed, noise=noise).run(*again).added(fit=FIT)
    assert session.look(strict=True) == []


ROWS = "X = loans[['income', 'debt']]"


def test_parameters_set_after_the_fit(tmp_path: Path) -> None:
    session = Session(tmp_path).added(base=BASE, rows=ROWS, fit=FIT, more="model.set_params(fit_intercept=False)")
    (finding,) = session.look()
    assert (finding.code, finding.where) == ("set-after-fit", "cell 4 (In [4]), line 1: model")
    assert finding.fix == "model.fit(X, loans.bad)      # then %deploy again"
    assert session.added(again=finding.fix).look() == []


@pytest.mark.parametrize("line", ["model.set_params(n_jobs=1)", "other = LogisticRegression().set_params(C=2)"])
def test_what_changes_no_answer_may_be_set(tmp_path: Path, line: str) -> None:
    assert Session(tmp_path).added(base=BASE, rows=ROWS, fit=FIT, more=line).look() == []


def test_parameters_set_before_the_fit(tmp_path: Path) -> None:
    cells = {"make": "model = LogisticRegression()", "set": "model.set_params(C=2)", "fit": "model.fit(X, loans.bad)"}
    assert Session(tmp_path).added(base=BASE, rows=ROWS, **cells).look() == []
