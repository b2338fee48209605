"""Preparation in functions that learn from what they are given, and in loops that make a number for each column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cells import Kernel, only
from preparing import PEOPLE, TREE, answers, offered, ready

from nb2prod.errors import UsageError

FILL = "d = d.copy()\n    d['age'] = d['age'].fillna(d['age'].median())"
CASES = {
    "a median inside a function": (
        f"def prepare(d):\n    {FILL}\n    d['sex'] = d['sex'].map({{'male': 0, 'female': 1}})\n"
        "    return d[['age', 'sex', 'pclass', 'fare']]\nX = prepare(df)"
    ),
    "its own variable is called as the notebook's": (
        "def prepare(df):\n    df = df.drop(columns=['lived'])\n    df['age'] = df['age'].fillna(df['age'].mean())\n"
        "    return pd.get_dummies(df, columns=['sex', 'port'], drop_first=True)\nX = prepare(df)"
    ),
    "functions in a chain": (
        f"def fill(d):\n    {FILL}\n    return d\n"
        "def code(d):\n    return d.assign(sex=(d['sex'] == 'male').astype(int))\n"
        "X = df.pipe(fill).pipe(code)[['age', 'sex', 'pclass']]"
    ),
    "one function calls another": (
        f"def fill(d):\n    {FILL}\n    return d\n"
        "def prepare(d, columns=('age', 'fare')):\n    d = fill(d)\n    for c in columns:\n"
        "        m, s = d[c].mean(), d[c].std()\n        d[c] = (d[c] - m) / s\n    return d[['age', 'fare', 'pclass']]\n"
        "X = prepare(df)"
    ),
    "a branch that is decided by the call": (
        "def prepare(d, log=True, *, bins=4):\n    d = d.copy()\n    if log:\n        d['fare'] = np.log1p(d['fare'])\n"
        "    else:\n        d['fare'] = 0\n    d['band'] = pd.qcut(d['fare'], bins, labels=False)\n"
        "    return d[['band', 'pclass']]\nX = prepare(df, bins=6)"
    ),
    "a mean inside assign": "X = df.assign(big=lambda d: (d.fare > d.fare.mean()).astype(int))[['big', 'pclass']]",
    "quartiles of each column": (
        "clean = df.copy()\nfor c in ['age', 'fare']:\n    q1, q3 = clean[c].quantile([.25, .75])\n    iqr = q3 - q1\n"
        "    lo, hi = q1 - 1.5 * iqr, q3 + 1.5 * iqr\n    clean[c] = clean[c].clip(lo, hi)\n"
        "X = clean[['age', 'fare', 'pclass']].fillna(0)"
    ),
    "tails of each column": (
        "clean = df.copy()\nfor c in ['age', 'fare']:\n    lo = clean[c].quantile(.05)\n    hi = clean[c].quantile(.95)\n"
        "    clean[c] = np.clip(clean[c], lo, hi)\nX = clean[['age', 'fare', 'pclass']].fillna(0)"
    ),
    "one name for two numbers": (
        "clean = df.copy()\nm = clean.age.median()\nclean['age'] = clean.age.fillna(m)\nm = clean.fare.mean()\n"
        "clean['over'] = (clean.fare > m).astype(int)\nX = clean[['age', 'over', 'pclass']]"
    ),
    "columns set side by side": (
        "from scipy.sparse import hstack\nfrom sklearn.preprocessing import OneHotEncoder\n"
        "ohe = OneHotEncoder(handle_unknown='ignore')\nA = ohe.fit_transform(df[['sex', 'port']])\n"
        "B = np.c_[df.age.fillna(0), np.log1p(df.fare)]\nX = hstack([A, B]).tocsr()"
    ),
    "bins and their edges": (
        "d = df.copy()\nd['band'], edges = pd.qcut(d.fare, 4, labels=False, retbins=True)\nX = d[['band', 'pclass']]"
    ),
    "the cluster of each row": (
        "from sklearn.cluster import KMeans\nX = df[['fare', 'age']].copy()\nX['age'] = X.age.fillna(X.age.mean())\n"
        "km = KMeans(4, n_init=3, random_state=0).fit(X)\nX['cluster'] = km.labels_"
    ),
    "the cluster of each row, at once": (
        "from sklearn.cluster import KMeans\nX = df[['fare', 'pclass']].copy()\n"
        "X['cluster'] = KMeans(4, n_init=3, random_state=0).fit_predict(X)"
    ),
    "parts of a time by a view that a variable holds": (
        "df['seen'] = pd.date_range('2024-01-01', periods=len(df), freq='7h')\nt = df['seen'].dt\ndf['hour'] = t.hour\n"
        "months = pd.DatetimeIndex(df['seen'])\ndf['month'] = months.month\nX = df[['fare', 'hour', 'month']]"
    ),
    "lengths and codes by views that variables hold": (
        "s = df['sex'].str\ndf['letters'] = s.len()\nc = df['port'].astype('category').cat\ndf['code'] = c.codes\n"
        "X = df[['fare', 'letters', 'code']]"
    ),
    "every column by position": (
        "from sklearn.decomposition import PCA\npca = PCA(2)\nX = df[['fare', 'pclass']].copy()\npca.fit(X)\n"
        "X[['p1', 'p2']] = pca.transform(X.iloc[:, :])"
    ),
    "a function of the whole frame for a column of its own": (
        "def coded(d, column, names):\n    return d[column].map(names)\n"
        "df['s'] = coded(df, 'sex', {'male': 0, 'female': 1})\nX = df[['s', 'fare']]"
    ),
    "codes of every column of texts": (
        "d = df.copy()\nfor c in d.select_dtypes(exclude='number').columns:\n"
        "    d[c] = d[c].astype('category').cat.codes\nX = d.drop(columns='lived').fillna(-1)"
    ),
    "gaps filled by group in a column of its own": (
        "df['years'] = df.groupby(['pclass', 'sex'])['age'].transform(lambda s: s.fillna(s.median()))\n"
        "X = df[['years', 'fare']]"
    ),
    "a function of each row beside its columns": (
        "def band(row):\n    return row['fare'] / row['pclass'] if row['sex'] == 'male' else 0\n"
        "df['band'] = df.apply(band, axis=1)\nX = df[['band', 'pclass']]"
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_offered_answers_each_row_as_the_notebook_did(case: str) -> None:
    finding, kernel = offered(CASES[case], f"model = {TREE}.fit(X, df.lived)")
    ready(finding, kernel)


def test_rows_that_a_function_prepared_for_training_alone() -> None:
    finding, kernel = offered(
        f"def prepare(d):\n    {FILL}\n    d['log'] = np.log1p(d['fare'])\n    return d[['age', 'log', 'pclass']]",
        "train, test = train_test_split(df, random_state=0)\nX_train, X_test = prepare(train), prepare(test)",
        f"model = {TREE}.fit(X_train, train.lived)",
    )
    ready(finding, kernel, "X_train")


def test_a_function_that_returns_rows_and_labels() -> None:
    finding, kernel = offered(
        "def split(d):\n    d = d.dropna()\n    return pd.get_dummies(d.drop(columns='lived')), d['lived']\nX, y = split(df)",
        f"model = {TREE}.fit(X, y)",
    )
    ready(finding, kernel)


def test_a_function_called_within_fit_is_written_out_too() -> None:
    kernel = Kernel().run(
        PEOPLE,
        f"def prepare(d):\n    {FILL}\n    return d[['age', 'fare']]",
        f"model = {TREE}.fit(prepare(df), df.lived)",
    )
    with pytest.raises(UsageError) as caught:
        kernel.look("model")
    predict, rows, _ = answers(caught.value.fix, kernel)
    gaps = np.flatnonzero(rows.age.isna())
    fitted = eval("prepare(df)", kernel.namespace)
    for number in gaps[:20]:
        one = rows[number : number + 1]
        assert list(predict(one)) == list(kernel.namespace["model"].predict(fitted.loc[one.index]))
    assert len(gaps)


@pytest.mark.parametrize(
    "cell",
    [
        "for c in ['age', 'fare']:\n    lo, hi = df[c].quantile([.05, .95])\n    df[c] = df[c].clip(lo, hi)\n",
        "for c in ['age', 'fare']:\n    df[c] = df[c].fillna(df[c].median())\n",
        "def clean(d):\n    d['age'] = d['age'].fillna(d['age'].median())\nclean(df)\n",
    ],
)
def test_rows_that_are_overwritten_are_kept_above_the_whole_statement(cell: str) -> None:
    rest = f"X = df[['age', 'fare', 'pclass']].fillna(0)\nmodel = {TREE}.fit(X, df.lived)"
    finding, _ = offered(cell, rest)
    place, line = finding.fix.split("\n")
    number = int(place.split("line ")[1].split()[0])
    lines = cell.split("\n")
    kernel = Kernel().run(PEOPLE, "\n".join([*lines[: number - 1], line, *lines[number - 1 :]]), rest)
    ready(only(kernel.look("model"), "preparation-outside"), kernel)


def test_the_cell_that_made_the_rows_is_where_to_begin_again() -> None:
    finding, kernel = offered(
        "loans = pd.DataFrame({'fare': rng.gamma(2, 20, n), 'pclass': df.pclass.to_numpy()})",
        "loans['fare'] = loans['fare'] / 1000",
        f"X = loans[['fare', 'pclass']]\nmodel = {TREE}.fit(X, df.lived)",
    )
    place, line = finding.fix.split("\n")
    assert place == "# put above line 1 of In [3], then run the cells from In [2], which makes `loans`, again"
    assert "run the cells from In [2], which makes `loans`, again; the next %deploy offers the cell" in finding.why
    kernel = Kernel().run(
        PEOPLE,
        "loans = pd.DataFrame({'fare': rng.gamma(2, 20, n), 'pclass': df.pclass.to_numpy()})",
        f"{line}\nloans['fare'] = loans['fare'] / 1000",
        f"X = loans[['fare', 'pclass']]\nmodel = {TREE}.fit(X, df.lived)",
    )
    ready(only(kernel.look("model"), "preparation-outside"), kernel)


@pytest.mark.parametrize(
    "numbering",
    [
        "df = df.sort_values('fare').reset_index(drop=True)",
        "df = df.sample(frac=1, random_state=42).reset_index(drop=True)",
        "df = pd.concat([df[df.pclass == 1], df[df.pclass > 1]], ignore_index=True)",
        "df = df.sort_values('fare')\ndf.index = range(len(df))",
    ],
)
def test_rows_that_were_numbered_anew_and_then_overwritten_are_to_be_kept(numbering: str, tmp_path: Path) -> None:
    Kernel().run(PEOPLE).namespace["df"].to_csv(tmp_path / "people.csv", index=False)
    cells = [
        f"df = pd.read_csv({str(tmp_path / 'people.csv')!r})",
        numbering,
        "df['fare'] = df['fare'] / 10\ndf['age'] = df['age'].fillna(df['age'].median())",
        f"X = df[['fare', 'age']]\nmodel = {TREE}.fit(X, df.lived)",
    ]
    finding, _ = offered(*cells)
    place, line = finding.fix.split("\n")
    assert place == "# put above line 1 of In [4], then run the cells from In [2], which makes `df`, again"
    kernel = Kernel().run(PEOPLE, *cells[:2], f"{line}\n{cells[2]}", cells[3])
    ready(only(kernel.look("model"), "preparation-outside"), kernel)


def test_no_line_is_to_be_put_into_a_function() -> None:
    finding, _ = offered(
        "def enrich(part):\n    out = part[['age', 'fare', 'pclass']].copy()\n    out['rank'] = out['fare'].rank(pct=True)\n"
        "    out['age'] = out['age'].fillna(out['age'].median())\n    return out",
        "train, test = train_test_split(df, random_state=0)\nX_train, X_test = enrich(train), enrich(test)",
        f"model = {TREE}.fit(X_train, train.lived)",
    )
    assert finding.fix.startswith("write by hand")


def test_a_column_that_is_made_and_dropped_again_is_no_preparation() -> None:
    kernel = Kernel().run(
        PEOPLE,
        "X = df[['fare', 'pclass']]",
        "X = X.assign(ratio=X.fare / X.pclass)",
        "X = X.drop(columns='ratio')",
        f"model = {TREE}.fit(X, df.lived)",
    )
    assert [one.code for one in kernel.look("model") if one.code == "preparation-outside"] == []


def test_a_column_that_no_step_reads_is_not_told() -> None:
    finding, kernel = offered(
        "df['quick'] = np.where(df.lived > 0, 'fast', 'slow')",
        "def prepare(d):\n    d = d.copy()\n    d['log'] = np.log1p(d.fare)\n    return d[['log', 'pclass']], d['lived']",
        f"X, y = prepare(df)\nmodel = {TREE}.fit(X, y)",
    )
    assert "quick" not in finding.why + finding.fix
    ready(finding, kernel)


def test_a_merge_asks_the_rows_for_its_keys_and_for_what_the_other_table_does_not_bring() -> None:
    finding, kernel = offered(
        "df['quick'] = np.where(df.fare < 20, 'low', 'high')",
        "ports = pd.DataFrame({'port': ['S', 'C', 'Q'], 'distance': [10., 20., 30.]})\n"
        "full = df.merge(ports, on='port', how='left')",
        f"X = full[['fare', 'distance']]\nmodel = {TREE}.fit(X, full.lived)",
    )
    assert "quick" not in finding.why + finding.fix
    assert "raw = df[['fare', 'port']]" in finding.fix
    ready(finding, kernel)
