"""Preparation that stays in the notebook is named by cell, and the cell that is offered answers as the notebook did."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
import pytest
from cells import SETUP, Kernel, codes, only
from preparing import PEOPLE, TREE, offered, ready

from nb2prod.capturing import preparation
from nb2prod.errors import UsageError

FORMS = {
    "dummies with arguments": """
        X = pd.get_dummies(df[["pclass", "sex", "fare"]], columns=["pclass", "sex"], prefix=["c", "s"], drop_first=True)""",
    "dummies of everything": "X = pd.get_dummies(df.drop(columns=['lived', 'age']))",
    "dummies of one column beside the others": """
        X = pd.concat([df[["fare", "pclass"]], pd.get_dummies(df["sex"], drop_first=True)], axis=1)""",
    "dummies after another assignment": """
        X = df[["fare", "sex", "port"]]
        X = X.fillna(0)
        X["fare"] = np.log1p(X["fare"])
        X = pd.get_dummies(X)""",
    "a scaler on some columns": """
        X = df[["pclass", "fare"]].copy()
        scaler = StandardScaler()
        X[["fare"]] = scaler.fit_transform(X[["fare"]])""",
    "an encoder kept for each column": """
        X = df[["sex", "port", "fare"]].copy()
        encoders = {}
        for c in ["sex", "port"]:
            encoders[c] = LabelEncoder()
            X[c] = encoders[c].fit_transform(X[c])""",
    "one encoder for all columns": """
        X = df[["sex", "port", "fare"]].copy()
        le = LabelEncoder()
        for c in ["sex", "port"]:
            X[c] = le.fit_transform(X[c])""",
    "encoders without a name": """
        cats = ["sex", "port"]
        X = df[["sex", "port", "fare"]].copy()
        for c in cats:
            X[c] = LabelEncoder().fit_transform(X[c])""",
    "a function of the notebook": """
        def prepare(frame):
            frame = frame.copy()
            frame["age"] = frame["age"].fillna(30)
            frame["woman"] = (frame["sex"] == "female").astype(int)
            return frame[["pclass", "age", "woman"]]
        X = prepare(df)""",
    "a chain": """
        X = (df.drop(columns=["lived", "port"])
               .assign(sex=lambda d: d["sex"].map({"male": 0, "female": 1}))
               .fillna({"age": 0}).clip(upper=99))""",
    "values replaced": "X = df[['sex', 'fare']].replace({'sex': {'male': 0, 'female': 1}}).astype(float)",
    "bins": """
        X = df[["pclass"]].copy()
        X["old"] = pd.cut(df["fare"], [0, 10, 20, 1000], labels=[0, 1, 2]).astype(float)""",
    "a number of bins": "X = df[['pclass']].copy()\nX['fare'] = pd.cut(df['fare'], 5, labels=False)",
    "quantiles": "X = df[['pclass']].copy()\nX['fare'] = pd.qcut(df['fare'], 4, labels=False)",
    "filled with the mean": "X = df[['age', 'fare']].copy()\nX['age'] = X['age'].fillna(X['age'].mean())",
    "scaled by hand": """
        X = df[["age", "fare"]].fillna(0)
        X = (X - X.mean()) / X.std()""",
    "from least to most by hand": """
        X = df[["fare"]].copy()
        X["fare"] = (X["fare"] - X["fare"].min()) / (X["fare"].max() - X["fare"].min())""",
    "the mean of a group": """
        means = df.groupby("port")["lived"].mean()
        X = df[["fare"]].copy()
        X["port"] = df["port"].map(means)""",
    "the mean of a group, in place": """
        X = df[["fare", "port"]].copy()
        X["of_port"] = X.groupby("port")["fare"].transform("mean")
        X = X.drop(columns="port")""",
    "codes of categories": """
        X = df[["fare"]].copy()
        X["port"] = df["port"].astype("category").cat.codes""",
    "a derived column": "df['odd'] = df['fare'] / df['pclass']\nX = df[['fare', 'odd']]",
    "numbers for values": "X = df[['fare']].copy()\nX['port'], names = pd.factorize(df['port'])",
    "a loop over the columns of a type": """
        X = df.drop(columns=["lived", "age"])
        for c in X.select_dtypes(exclude="number").columns:
            le = LabelEncoder()
            X[c] = le.fit_transform(X[c])""",
    "an encoder applied to columns": """
        X = df.drop(columns=["lived", "age"])
        X[["sex", "port"]] = X[["sex", "port"]].apply(LabelEncoder().fit_transform)""",
    "a function of all rows": "from sklearn.preprocessing import scale\nX = scale(df[['fare', 'pclass']])",
    "a table merged": """
        zones = pd.DataFrame({"port": ["S", "C", "Q"], "zone": [1., 2., 3.]})
        X = df.merge(zones, on="port")[["fare", "zone"]]""",
    "parts of an array": """
        from sklearn.impute import SimpleImputer
        X = df.iloc[:, [0, 2, 3]].values
        imputer = SimpleImputer()
        imputer.fit(X[:, 1:3])
        X[:, 1:3] = imputer.transform(X[:, 1:3])""",
    "a target taken out": """
        X = df.drop(columns=["sex", "port"]).fillna(0)
        y = X.pop("lived")
        X["fare"] **= .5""",
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_what_is_offered_answers_as_the_notebook_did(form: str) -> None:
    fitting = f"y = df['lived']\nmodel = {TREE}.fit(X, y)"
    finding, kernel = offered(textwrap.dedent(FORMS[form]), fitting)
    ready(finding, kernel)


AFTER_A_SPLIT = {
    "scaled afterwards": """
        X_train, X_test, y_train, y_test = train_test_split(df[["age", "fare"]], df["lived"], random_state=0)
        X_train = X_train.fillna(X_train.median())
        scaler = StandardScaler().fit(X_train[["fare"]])
        X_train["fare"] = scaler.transform(X_train[["fare"]])""",
    "prepared before": """
        X = pd.get_dummies(df.drop(columns="lived"), drop_first=True).fillna(0)
        X_train, X_test, y_train, y_test = train_test_split(X, df["lived"], random_state=0)""",
    "two frames in a loop": """
        X_train, X_test, y_train, y_test = train_test_split(df[["age", "sex"]], df["lived"], random_state=0)
        X_train, X_test = X_train.copy(), X_test.copy()
        for one in [X_train, X_test]:
            one["age"] = one["age"].fillna(0)
            one["sex"] = one["sex"].map({"male": 0, "female": 1})""",
}


@pytest.mark.parametrize("form", AFTER_A_SPLIT)
def test_rows_of_a_split_are_traced_to_the_raw_ones(form: str) -> None:
    finding, kernel = offered(textwrap.dedent(AFTER_A_SPLIT[form]), f"model = {TREE}.fit(X_train, y_train)")
    ready(finding, kernel, "X_train")


def test_a_scaler_left_in_the_notebook_comes_with_the_line_that_takes_it_in() -> None:
    kernel = Kernel().run(
        SETUP,
        "from sklearn.model_selection import train_test_split",
        "scaler = StandardScaler()\nZ = scaler.fit_transform(df)",
        "Z_train, Z_test, y_train, y_test = train_test_split(Z, y, random_state=0)",
        "model = LogisticRegression().fit(Z_train, y_train)",
    )
    finding = only(kernel.look("model"), "preparation-outside")
    assert finding.where == "In [3], line 2"
    assert finding.fix == (
        "from sklearn.pipeline import make_pipeline\n%deploy make_pipeline(scaler, model) --name model --data df"
    )
    ready(finding, kernel, "Z")


def test_a_pipeline_that_the_notebook_can_already_make_needs_no_import() -> None:
    kernel = Kernel().run(
        SETUP,
        "from sklearn.pipeline import make_pipeline\nscaler = StandardScaler()",
        "Z = scaler.fit_transform(df)\nmodel = LogisticRegression().fit(Z, y)",
    )
    finding = only(kernel.look("model"), "preparation-outside")
    assert finding.fix == "%deploy make_pipeline(scaler, model) --name model --data df --labels y"


def test_transformers_inside_one_another_are_one_pipeline() -> None:
    kernel = Kernel().run(
        SETUP,
        "from sklearn.decomposition import PCA\nfrom sklearn.preprocessing import PolynomialFeatures",
        "scaler = StandardScaler().fit(df)\npoly = PolynomialFeatures(2)\npca = PCA(2)",
        "Z = pca.fit_transform(poly.fit_transform(scaler.transform(df)))\nmodel = LogisticRegression().fit(Z, y)",
    )
    finding = only(kernel.look("model"), "preparation-outside")
    assert finding.title == "`scaler`, `poly`, `pca` stay in the notebook"
    assert "make_pipeline(scaler, poly, pca, model)" in finding.fix
    ready(finding, kernel, "Z")


def test_a_vectoriser_left_in_the_notebook_is_offered_with_the_texts_it_read() -> None:
    kernel = Kernel().run(
        SETUP,
        "from sklearn.feature_extraction.text import TfidfVectorizer",
        "texts = ['late again', 'fine', 'early and fine', 'late'] * 20\nvectorizer = TfidfVectorizer()",
        "Z = vectorizer.fit_transform(texts)\nmodel = LogisticRegression().fit(Z, y)",
    )
    finding = only(kernel.look("model"), "preparation-outside")
    assert "%deploy make_pipeline(vectorizer, model) --name model --data texts" in finding.fix
    ready(finding, kernel, "Z")


def test_a_vectoriser_beside_a_number_is_offered_with_the_number() -> None:
    kernel = Kernel().run(
        SETUP,
        "from scipy.sparse import hstack\nfrom sklearn.feature_extraction.text import TfidfVectorizer",
        "docs = pd.DataFrame({'text': ['late again', 'fine', 'early and fine', 'late'] * 20})",
        "docs['n'] = docs['text'].str.len()\ntv = TfidfVectorizer()\nT = tv.fit_transform(docs.text)",
        "Z = hstack([T, docs[['n']]]).tocsr()\nmodel = LogisticRegression().fit(Z, y)",
    )
    finding = only(kernel.look("model"), "preparation-outside")
    assert "raw = docs[['text']]" in finding.fix
    ready(finding, kernel, "Z")


def test_a_scaler_that_was_fitted_again_is_fitted_in_the_cell_as_it_was() -> None:
    kernel = Kernel().run(
        SETUP,
        "scaler = StandardScaler()\nZ = scaler.fit_transform(df)",
        "model = LogisticRegression().fit(Z, y)",
        "other = scaler.fit_transform(df * 9 + 4)",
    )
    finding = only(kernel.look("model"), "preparation-outside")
    assert "make_pipeline" not in finding.fix
    ready(finding, kernel, "Z")


def test_a_method_of_a_model_with_its_scaler_outside_is_asked_in_the_cell_that_is_offered() -> None:
    kernel = Kernel().run(
        SETUP, "scaler = StandardScaler()\nZ = scaler.fit_transform(df)", "model = LogisticRegression().fit(Z, y)"
    )
    finding = only(kernel.look("model.predict_proba"), "preparation-outside")
    assert finding.fix.endswith("    frame = scaler.transform(frame)\n    return model.predict_proba(frame)")
    assert "--name model.predict_proba --data df" in finding.fix


def test_the_constant_of_a_statsmodels_result_is_added_to_one_row_too() -> None:
    finding, kernel = offered(
        "import statsmodels.api as sm\nX = sm.add_constant(df[['fare', 'pclass']])",
        "model = sm.GLM(df['lived'], X, family=sm.families.Binomial()).fit()",
    )
    ready(finding, kernel)


def test_a_function_that_fits_when_it_is_asked_to_is_not_asked_to() -> None:
    finding, kernel = offered(
        "scaler = StandardScaler()\ndef prepare(frame, fit=False):\n"
        "    return scaler.fit_transform(frame) if fit else scaler.transform(frame)",
        "raw = df[['fare', 'pclass']]\nX = prepare(raw, fit=True)\nmodel = LogisticRegression().fit(X, df['lived'])",
    )
    assert "prepare(frame)" in finding.fix
    ready(finding, kernel)


def test_the_trial_leaves_the_notebook_as_it_was() -> None:
    kernel = Kernel().run(
        PEOPLE,
        "scaler = StandardScaler()\nseen = []",
        "def prepare(frame):\n    seen.append(len(frame))\n    return scaler.fit_transform(frame)",
        "raw = df[['fare', 'pclass']]\nX = prepare(raw)\nmodel = LogisticRegression().fit(X, df['lived'])",
    )
    mean = kernel.namespace["scaler"].mean_.copy()
    ready(only(kernel.look("model"), "preparation-outside"), kernel)
    assert kernel.namespace["seen"] == [400]
    np.testing.assert_array_equal(kernel.namespace["scaler"].mean_, mean)


def test_rows_made_in_the_call_of_fit_are_offered_with_the_call() -> None:
    kernel = Kernel().run(
        PEOPLE,
        "def fe(frame):\n    return frame[['fare']].assign(woman=frame['sex'] == 'female')",
        "model = LogisticRegression().fit(fe(df), df['lived'])",
    )
    with pytest.raises(UsageError) as caught:
        kernel.look("model")
    assert "`fe(df)` is made in the call of .fit" in caught.value.why
    assert "same answers" in caught.value.why
    assert caught.value.fix.endswith("def predict(frame):\n    return model.predict(fe(frame))")
    assert "raw = df[['sex', 'fare']]" in caught.value.fix


def test_lags_are_sent_ready_made_and_the_rest_is_offered() -> None:
    kernel = Kernel().run(
        "import numpy as np, pandas as pd\nfrom sklearn.linear_model import LinearRegression",
        "sales = pd.DataFrame({'day': pd.date_range('2024-01-01', periods=200), 'sold': np.arange(200.) % 7})",
        "sales['lag'] = sales['sold'].shift(1)\nsales['week'] = sales['sold'].rolling(7).mean()",
        "sales['dow'] = sales['day'].dt.dayofweek\nsales = sales.dropna()",
        "model = LinearRegression().fit(sales[['lag', 'week', 'dow']], sales['sold'])",
    )
    findings = kernel.look("model")
    note = only(findings, "derived-columns")
    assert note.title == "`sales['lag']`, `sales['week']` are made of other rows than the caller's"
    ready(only(findings, "preparation-outside"), kernel, "sales[['lag', 'week', 'dow']]")


CLEAN = {
    "columns chosen": "X = df[['fare', 'pclass']]",
    "the target dropped": "X = df.drop(columns=['lived', 'sex', 'port', 'age'])",
    "the target taken out": "X = df.drop(columns=['sex', 'port', 'age'])\ny = X.pop('lived')",
    "rows chosen": "df = df[df['fare'] < 90]\ny = df['lived']\nX = df[['fare', 'pclass']].sample(frac=1).sort_index()",
    "rows with nulls dropped": "df = df.dropna()\nX = df[['fare', 'age']]\ny = df['lived']",
    "an index set": "df['id'] = range(len(df))\ndf = df.set_index('id')\nX = df[['fare', 'pclass']]\ny = df['lived']",
    "only the target worked on": "y = (df['fare'] > df['fare'].median()).astype(int)\nX = df[['fare', 'pclass']]",
    "a copy looked at": "e = df.copy()\ne['log'] = np.log1p(e['fare'])\ne['log'].corr(e['fare'])\nX = df[['fare', 'pclass']]",
    "types": "X = df[['fare', 'pclass']].astype(float)",
    "an array": "X = df[['fare', 'pclass']].values",
    "another frame prepared": "other = pd.get_dummies(df)\nX = df[['fare', 'pclass']]",
    "a column that is not used": "df['log'] = np.log1p(df['fare'])\nX = df[['fare', 'pclass']]",
}  # fmt: skip


@pytest.mark.parametrize("form", CLEAN)
def test_choosing_rows_and_columns_is_no_preparation(form: str) -> None:
    kernel = Kernel().run(
        PEOPLE, "y = df['lived']", CLEAN[form], f"model = {TREE}.fit(X, y)", "scores = model.score(X, y)"
    )
    assert codes(kernel.look("model")) == []


def test_a_split_alone_is_no_preparation() -> None:
    kernel = Kernel().run(
        PEOPLE,
        "X_train, X_test, y_train, y_test = train_test_split(df[['fare', 'pclass']], df['lived'])",
        f"model = {TREE}.fit(X_train, y_train)\nproba = model.predict_proba(X_test)[:, 1]",
    )
    assert codes(kernel.look("model")) == []


def test_a_pipeline_that_holds_its_scaler_has_nothing_outside() -> None:
    kernel = Kernel().run(
        SETUP,
        "from sklearn.pipeline import make_pipeline",
        "model = make_pipeline(StandardScaler(), LogisticRegression()).fit(df, y)",
    )
    assert kernel.look("model") == ()


def test_cells_that_cannot_be_followed_keep_no_model_from_being_captured(monkeypatch: pytest.MonkeyPatch) -> None:
    def astray(*_args: object) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr(preparation, "outside", astray)
    monkeypatch.setattr(preparation, "by_neighbours", astray)
    found = Kernel().run(SETUP, "model = LogisticRegression().fit(df, y)").look("model")
    told = only(found, "preparation-outside")
    assert (told.severity, codes(found).count("derived-columns")) == ("note", 0)
    assert told.why.startswith("RecursionError: too deep")


@pytest.mark.parametrize(
    "split",
    [
        "train_test_split(df[names], df.lived > 0, random_state=0)",
        'train_test_split(df[["pclass", "fare"]], df["lived"].astype(int), random_state=0)',
        "train_test_split(df[df.fare > 1][names], df[df.fare > 1].lived == 1, random_state=0)",
    ],
)
def test_labels_made_within_the_split_are_no_preparation(split: str) -> None:
    kernel = Kernel().run(PEOPLE, 'names = ["pclass", "fare"]', f"X_train, X_test, y_train, y_test = {split}")
    kernel.run(f"model = {TREE}.fit(X_train, y_train)")
    assert "preparation-outside" not in codes(kernel.look("model"))


def test_rows_made_within_the_split_are() -> None:
    split = 'X_train, X_test, y_train, y_test = train_test_split(np.log1p(df[["fare"]]), df.lived > 0, random_state=0)'
    finding, _ = offered(split, f"model = {TREE}.fit(X_train, y_train)")
    assert "log1p" in finding.title


@pytest.mark.parametrize(
    "line",
    [
        'd.to_csv("kept.txt")',
        'd.to_parquet("kept.txt")',
        'open("kept.txt", "w").write("gone")',
        'import pathlib; getattr(pathlib.Path("kept.txt"), "write_" + "text")("gone")',
        'import os; os.remove("kept.txt")',
        'import os; os.close(os.open("kept.txt", os.O_WRONLY | os.O_TRUNC))',
        'import subprocess; subprocess.run(["rm", "kept.txt"])',
    ],
)
def test_a_trial_touches_no_file(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    kernel = Kernel().run(PEOPLE, f"def fe(d):\n    if run: {line}\n    return d[['fare']] * 2", "run = False")
    kernel.run("X = fe(df)", f"model = {TREE}.fit(X, df.lived)")
    kernel.namespace["run"] = True
    Path("kept.txt").write_text("what the notebook wrote")
    finding = only(kernel.look("model"), "preparation-outside")
    assert "same answers" not in finding.why
    assert Path("kept.txt").read_text() == "what the notebook wrote"
    Path("after.txt").write_text("the kernel itself may")
