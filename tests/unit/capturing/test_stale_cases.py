"""What the kernel hides, in the forms that people write; and clean notebooks that nothing is said of."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from nb2prod.capturing import discovery, rules
from nb2prod.capturing.execution import Notebook, SavedCell
from nb2prod.records.capture import Finding
from nb2prod.runtime import flavors

SETUP = """
import numpy as np, pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
rng = np.random.default_rng(0)
df = pd.DataFrame({"a": rng.normal(size=80), "b": rng.normal(size=80)})
y = (df["a"] > 0).astype(int)
"""
CLEAN = "def clean(frame):\n    return frame.fillna(0)"
PIPE = "model = make_pipeline(FunctionTransformer(clean), LogisticRegression()).fit(df, y)"
FIT = "model = LogisticRegression().fit(df, y)"
CODES = {"stale", "deleted-cell", "out-of-order", "data-changed", "run-twice"}


def look(executed: list[str], saved: list[str] | None, model: str = "model", data: str | None = None) -> list[Finding]:
    """Run cells one after another; `saved` is the file afterwards (None: as they were run)."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    ran = []
    for number, source in enumerate(executed, start=1):
        text = textwrap.dedent(source).strip()
        ran.append((number, text))
        shell.run_cell(text, store_history=True).raise_error()
    numbers = {text: number for number, text in ran}
    file = [textwrap.dedent(one).strip() for one in (executed if saved is None else saved)]
    file = list(dict.fromkeys(file)) if saved is None else file
    cells = tuple(SavedCell(i, text, None, numbers.get(text)) for i, text in enumerate(file, start=1))
    notebook = Notebook(shell.user_ns, tuple(ran), cells, Path("nb.ipynb"))
    found = discovery.find(model, notebook, data=data)
    case = rules.Case(found, notebook, flavors.of(found.model))
    return [finding for finding in rules.look(case) if finding.code in CODES]


CALM: dict[str, list[str]] = {
    "plain": [SETUP, FIT, "model.score(df, y)"],
    "re-executed cells": [SETUP, CLEAN, PIPE, CLEAN, PIPE],
    "fit executed twice": [SETUP, FIT, FIT],
    "a timed cell": [SETUP, "%%time\n" + FIT, "%timeit -n 1 -r 1 model.predict(df)"],
    "comprehension scopes": [SETUP, FIT, "sizes = [df for df in range(3)]\nfound = {y: 1 for y in 'ab'}\nt = sum(y for y in [1])"],
    "loops over columns": [SETUP, FIT, "for name in df.columns:\n    print(name, df[name].mean())"],
    "a local variable of the same name": [SETUP, FIT, "def plot():\n    df = 1\n    y = 2\n    return df + y\nplot()"],
    "deleted afterwards": [SETUP, "X = df.copy()", "model = LogisticRegression().fit(X, y)", "del df"],
    "changed before the fit": [SETUP, "df['c'] = df['a'] * 2\ndf.drop(columns=['b'], inplace=True)\ndf['a'] += 1", FIT],
    "a frame derived afterwards": [SETUP, FIT, "scored = df.assign(p=model.predict(df))\nscored['q'] = 1"],
    "a copy changed afterwards": [SETUP, FIT, "new = df.copy()\nnew['a'] = 0\nnew.drop(columns='b', inplace=True)"],
    "imports twice": [SETUP, "import pandas as pd", FIT, "import pandas as pd\nfrom sklearn.linear_model import LogisticRegression"],
    "star import": [SETUP, "from math import *\ndef clean(frame):\n    return frame * sqrt(4)", PIPE],
    "a helper defined the same again": [SETUP, CLEAN, PIPE, "def clean(frame):\n    # said again\n    return frame.fillna(0)"],
    "a class": [SETUP, "class Own(LogisticRegression):\n    pass", "model = Own().fit(df, y)"],
    "walrus and with": [SETUP, "if (n := len(df)) > 3:\n    pass\nwith np.errstate(all='ignore'):\n    df = df * 1.0", FIT],
    "magics in a cell": [SETUP, "files = !ls\n%matplotlib --list\n" + FIT],
    "fitted in a function": [SETUP, "def train():\n    return LogisticRegression().fit(df, y)\nmodel = train()"],
    "a model scored in a loop": [SETUP, FIT, "for n in range(3):\n    s = model.score(df.head(10 * (n + 1)), y.head(10 * (n + 1)))"],
    "a function that changes its own copy": [
        SETUP, FIT, "def spoil(frame):\n    frame = frame.copy()\n    frame['a'] = 0.0\n    return frame\nspoil(df)"],
    "a list that nobody serves": [SETUP, "scores = []", FIT, "scores.append(model.score(df, y))"],
    "shape and head": [SETUP, FIT, "df.head()\ndf.describe()\ndf.sort_values('a')\ndf.sample(3)"],
}  # fmt: skip


@pytest.mark.parametrize("name", CALM)
def test_nothing_is_said_of_a_clean_notebook(name: str) -> None:
    assert look(CALM[name], None, data="X" if "X = " in CALM[name][1] else "df") == []


CHANGED: dict[str, tuple[list[str], str, str]] = {
    "an augmented assignment to a column": ([SETUP, FIT, "df['a'] += 1"], "data-changed", "cell 3"),
    "an augmented assignment to the frame": ([SETUP, FIT, "df += 1"], "data-changed", "cell 3"),
    "a new column": ([SETUP, FIT, "df['c'] = 1\ndf = df[['a', 'b']]"], "data-changed", "cell 3"),
    "drop in place": ([SETUP, FIT, "df.drop(index=[0, 1], inplace=True)\ny = y.iloc[2:]"], "data-changed", "cell 3"),
    "fillna in place": ([SETUP, FIT, "df.fillna(0, inplace=True)"], "data-changed", "cell 3"),
    "loc": ([SETUP, FIT, "df.loc[df['a'] > 1, 'a'] = 1"], "data-changed", "cell 3"),
    "at in a loop": ([SETUP, FIT, "for i in range(3):\n    df.at[i, 'a'] = 0.0"], "data-changed", "cell 3"),
    "labels": ([SETUP, FIT, "y[:] = 0"], "data-changed", "cell 3"),
    "pop": ([SETUP, FIT, "spare = df.pop('b')\ndf['b'] = spare * 2"], "data-changed", "cell 3"),
    "insert": ([SETUP, FIT, "df.insert(0, 'z', 1)\ndf = df.drop(columns='z')"], "data-changed", "cell 3"),
    "update": ([SETUP, FIT, "df.update(df * 2)"], "data-changed", "cell 3"),
    "values": ([SETUP, FIT, "df.iloc[:, 0] = 1.0"], "data-changed", "cell 3"),
    "del of a column": ([SETUP, FIT, "del df['b']\ndf['b'] = 0.0"], "data-changed", "cell 3"),
    "by a function that changes what it is given": (
        [SETUP, FIT, "def spoil(frame):\n    frame['a'] = 0.0\nspoil(df)"], "data-changed", "cell 3"),
    "by a function that changes a global": (
        [SETUP, FIT, "def spoil():\n    df['a'] = 0.0\nspoil()"], "data-changed", "cell 3"),
    "a table that the function reads": (
        [SETUP, "FILL = {'a': 0}\ndef clean(frame):\n    return frame.fillna(FILL)", PIPE, "FILL['b'] = 9"], "stale", "cell 4"),
    "a function defined anew": ([SETUP, CLEAN, PIPE, "def clean(frame):\n    return frame.fillna(1)"], "stale", "cell 4"),
    "a class defined anew": (
        [SETUP, "class Own(LogisticRegression):\n    k = 1", "model = Own().fit(df, y)", "class Own(LogisticRegression):\n    k = 2"],
        "stale", "cell 4"),
    "a global that the function reads": (
        [SETUP, "FILL = 0\ndef clean(frame):\n    return frame.fillna(FILL)", PIPE, "FILL = 9"], "stale", "cell 4"),
    "a helper of the helper": (
        [SETUP, "def by(x):\n    return x * 2", "def clean(frame):\n    return by(frame)", PIPE, "def by(x):\n    return x * 3"],
        "stale", "cell 5"),
    "a method put in place": (
        [SETUP, "class Own(LogisticRegression):\n    def lift(self):\n        return 1", "model = Own().fit(df, y)",
         "Own.lift = lambda self: 2"], "stale", "cell 4"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGED)
def test_what_changed_after_the_fit_is_named_by_its_cell(name: str) -> None:
    cells, code, place = CHANGED[name]
    (finding, *_) = look(cells, None, data="df")
    assert (finding.code, finding.where.split(" (")[0]) == (code, place)


def test_a_cell_edited_and_not_run_again_is_stale() -> None:
    edited = "def clean(frame):\n    return frame.fillna(5)"
    (finding,) = look([SETUP, CLEAN, PIPE], [SETUP, edited, PIPE], data="df")
    assert (finding.code, finding.where) == ("stale", "cell 2 (In [2]): clean")


def test_a_timed_cell_edited_and_not_run_again_is_stale() -> None:
    timed, edited = (
        "%%time\nSCALE = 2\ndef clean(frame):\n    return frame * SCALE",
        "%%time\nSCALE = 3\ndef clean(frame):\n    return frame * SCALE",
    )
    assert [one.code for one in look([SETUP, timed, PIPE], [SETUP, edited, PIPE], data="df")] == ["stale"]


def test_a_deleted_cell_whose_variable_is_used_is_named() -> None:
    (finding,) = look([SETUP, "WEIGHT = 3", "X = df * WEIGHT", "model = LogisticRegression().fit(X, y)"],
                      [SETUP, "X = df * WEIGHT", "model = LogisticRegression().fit(X, y)"], data="X")  # fmt: skip
    assert finding.code == "deleted-cell"
    assert "WEIGHT" in finding.title


def test_cells_run_from_below_are_out_of_order() -> None:
    (finding,) = look([SETUP, CLEAN, PIPE], [SETUP, PIPE, CLEAN], data="df")
    assert finding.code == "out-of-order"


def test_strict_makes_a_refusal_of_each() -> None:
    assert all(rule.strict for rule in rules.every() if rule.code in CODES)


RIDGE = "from sklearn.linear_model import Ridge\nmodel = Ridge(alpha=1.0)\nmodel.fit(df, y)"
WIDER = RIDGE.replace("1.0", "100.0")


def edited(cells: list[str], number: int, text: str) -> list[Finding]:
    """Cells run one after another, of which one was edited in the file afterwards; it shows the number under which it ran."""
    from cells import Kernel

    kernel = Kernel().run(*cells)
    file = [(n, text if n == number else source) for n, source in enumerate(cells, start=1)]
    return [finding for finding in kernel.look("model", *file, data="df") if finding.code in CODES]


@pytest.mark.parametrize("fit", [RIDGE, "from sklearn.linear_model import Ridge\nmodel = Ridge(alpha=1.0).fit(df, y)"])
def test_an_edited_cell_that_fits_is_named_though_it_was_the_last_to_run(fit: str) -> None:
    (finding,) = edited([SETUP, fit], 2, fit.replace("1.0", "100.0"))
    assert (finding.code, finding.title) == ("stale", "`model` was fitted in cell 2, whose text was edited since")
    assert finding.where == "cell 2 (In [2]): model"
    assert finding.fix == "run cell 2 again and %deploy again"


def test_an_edited_fit_call_that_defines_nothing_is_named() -> None:
    cells = [SETUP, "model = LogisticRegression()", "model.fit(df, y)"]
    (finding,) = edited(cells, 3, "model.fit(df.head(40), y.head(40))")
    assert finding.title == "`model` was fitted in cell 3, whose text was edited since"


def test_an_edited_cell_that_changes_the_data_is_named() -> None:
    (finding,) = edited([SETUP, "df['a'] *= 2", FIT], 2, "df['a'] *= 3")
    assert finding.title == "`df` was made in cell 2, whose text was edited since"


@pytest.mark.parametrize("text", [RIDGE + "\nprint(model.score(df, y))", "# said why\n" + RIDGE, RIDGE])
def test_a_line_that_makes_nothing_of_the_model_is_no_edit(text: str) -> None:
    assert edited([SETUP, RIDGE], 2, text) == []


def test_a_file_written_before_the_kernel_began_shows_another_sessions_numbers(tmp_path: Path) -> None:
    import os

    path = tmp_path / "nb.ipynb"
    path.touch()
    saved = (SavedCell(1, SETUP.strip(), None, 1), SavedCell(2, WIDER, None, 2))
    ran = ((1, SETUP.strip()), (2, RIDGE))
    assert Notebook({}, ran, saved, path).stale_check == "full"
    os.utime(path, (0, 0))
    assert Notebook({}, ran, saved, path).stale_check == "partial"


TWICE: dict[str, tuple[list[str], str]] = {
    "a column of itself": ([SETUP, "df['a'] *= 2", "df['a'] *= 2", FIT], "df"),
    "the frame of itself": ([SETUP, "df = df * 2", "df = df * 2", FIT], "df"),
    "scaled again": ([SETUP, "scaler = StandardScaler()", *["df[['a', 'b']] = scaler.fit_transform(df[['a', 'b']])"] * 3, FIT], "df"),
    "appended again": ([SETUP, *["df = pd.concat([df, df.tail(5)])\ny = (df['a'] > 0).astype(int)"] * 2, FIT], "df"),
    "by a function": ([SETUP, "def twice(frame):\n    frame = frame.copy()\n    frame['a'] = frame['a'] * 2\n    return frame",
                       "df = twice(df)", "df = twice(df)", FIT], "df"),
    "with the fit": ([SETUP, *["df['a'] *= 2\nmodel = LogisticRegression().fit(df, y)"] * 2], "df"),
}  # fmt: skip


@pytest.mark.parametrize("name", TWICE)
def test_a_cell_run_twice_that_changes_its_own_input_is_named(name: str) -> None:
    executed, changed = TWICE[name]
    findings = look(executed, list(dict.fromkeys(executed)))
    assert [(one.code, one.where.rpartition(": ")[2]) for one in findings] == [("run-twice", changed)]
    assert f"changes `{changed}` each time" in findings[0].title


PURE = {
    "a new column": "df['c'] = df['a'] * 2",
    "rows dropped": "df = df.dropna()\ndf = df[df['a'] < 100]",
    "filled": "df['a'] = df['a'].fillna(df['a'].mean())",
    "by row": "df['c'] = df.apply(lambda row: row['a'] + row['b'], axis=1)",
    "by group": "df['c'] = df.groupby(df['a'] > 0)['b'].transform('mean')",
    "made anew each time": "df = pd.DataFrame(np.random.default_rng(1).normal(size=(80, 2)), columns=['a', 'b'])\ndf['a'] *= 2",
    "a list made anew": "names = []\nnames.append('a')\ndf = df[[*names, 'b']]",
    "fitted": FIT,
}


@pytest.mark.parametrize("name", PURE)
def test_a_cell_run_twice_that_gives_the_same_is_calm(name: str) -> None:
    executed = [SETUP, PURE[name], PURE[name], FIT]
    assert look(executed, list(dict.fromkeys(executed)), data="df") == []


def test_a_cell_that_stands_twice_in_the_notebook_may_run_twice() -> None:
    executed = [SETUP, "df['a'] *= 2", "df['a'] *= 2", FIT]
    assert look(executed, executed) == []


def test_what_the_service_will_run_is_said() -> None:
    constant = [SETUP, "FILL = 0\ndef clean(frame):\n    return frame.fillna(FILL)", PIPE, "FILL = 9"]
    (finding,) = look(constant, None)
    assert finding.why == (
        "The service runs the one of cell 4 (In [4]); `model` was fitted with the one of cell 2 (In [2])."
    )
    function = [SETUP, CLEAN, PIPE, "def clean(frame):\n    return frame.fillna(1)"]
    (finding,) = look(function, None)
    assert finding.why == (
        "The service runs the one of cell 2 (In [2]), with which `model` was fitted, not the one of cell 4 (In [4])."
    )
