"""What is offered for preparation outside the model runs as it is typed, and asks a caller for nothing but what it reads."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest
from cells import Kernel, only
from preparing import PEOPLE, TREE, answers, offered, ready

from nb2prod.capturing import discovery
from nb2prod.errors import UsageError

SENT = {
    "a function of rows and labels": (
        """
        def prepare(d):
            d = d.copy()
            d["woman"] = (d["sex"] == "female").astype(int)
            return d[["pclass", "woman"]], d["lived"]
        X, y = prepare(df)""",
        ["pclass", "sex"],
    ),
    "labels in words, read beside the rows": (
        """
        df["outcome"] = np.where(df["lived"] == 1, "alive", "dead")
        df = df.drop(columns="lived")
        def prepare(d):
            target = d["outcome"].map({"alive": 1, "dead": 0}).astype(int)
            return d[["fare", "pclass"]] * 2, target
        X, y = prepare(df)""",
        ["pclass", "fare"],
    ),
    "dummies of everything but the labels": (
        """
        d = df.drop(columns="age")
        d["fare"] = d["fare"].clip(upper=60)
        d = pd.get_dummies(d, columns=["sex", "port"])
        X, y = d.drop("lived", axis=1), d["lived"]""",
        ["pclass", "sex", "fare", "port"],
    ),
    "a table joined": (
        """
        means = df.groupby("port")["fare"].agg(["mean", "std"]).reset_index()
        full = df.merge(means, on="port", how="left")
        full["part"] = full["fare"] / full["mean"]
        X, y = full[["pclass", "part", "std"]], full["lived"]""",
        ["pclass", "fare", "port"],
    ),
    "a class of the notebook": (
        """
        class Prep:
            def fit(self, d):
                self.middle = d["fare"].mean()
                return self
            def apply(self, d):
                out = d[["pclass", "fare"]].copy()
                out["fare"] -= self.middle
                return out
        X, y = Prep().fit(df).apply(df), df["lived"]""",
        ["pclass", "fare"],
    ),
    "functions in a pipe": (
        """
        def more(d): return d.assign(each=d["fare"] / d["pclass"])
        def choose(d): return d[["each", "pclass"]]
        X, y = df.pipe(more).pipe(choose), df["lived"]""",
        ["pclass", "fare"],
    ),
    "a transformer of some columns": (
        """
        from sklearn.compose import ColumnTransformer
        ct = ColumnTransformer([("n", StandardScaler(), ["fare", "pclass"])])
        X, y = ct.fit_transform(df), df["lived"]""",
        ["pclass", "fare"],
    ),
    "means of the labels": (
        """
        d = df.copy()
        d["port"] = d.groupby("port")["lived"].transform("mean")
        X, y = d[["port", "fare"]], d["lived"]""",
        ["fare", "port"],
    ),
    "labels made on the way": (
        """
        d = df[["sex", "fare", "lived"]].copy()
        d["good"] = (d["lived"] * 2 + d["fare"].gt(10) > 1).astype(int)
        d = d.drop(columns="lived")
        d["sex"] = LabelEncoder().fit_transform(d["sex"])
        X, y = d.drop("good", axis=1), d["good"]""",
        ["sex", "fare"],
    ),
    "a loop over what has gaps": (
        """
        d = df.copy()
        for col in d.columns:
            if d[col].isnull().sum() > 0:
                d[col] = d[col].fillna(d[col].mean())
        X, y = d[["age", "fare"]], d["lived"]""",
        ["age", "fare"],
    ),
    "filled by group": (
        """
        d = df.copy()
        d["age"] = d.groupby("pclass")["age"].transform(lambda s: s.fillna(s.median()))
        X, y = d[["age", "pclass"]], d["lived"]""",
        ["pclass", "age"],
    ),
    "filled by two groups": (
        """
        d = df.copy()
        d["age"] = d["age"].fillna(d.groupby(["pclass", "sex"])["age"].transform("median"))
        X, y = d[["age", "pclass"]], d["lived"]""",
        ["pclass", "sex", "age"],
    ),
    "scaled within a group": (
        """
        d = df.copy()
        d["fare"] = d.groupby("port").fare.transform(lambda x: (x - x.mean()) / x.std())
        X, y = d[["fare"]], d["lived"]""",
        ["fare", "port"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", SENT)
def test_a_caller_sends_what_the_cell_reads_and_no_label(form: str) -> None:
    source, sent = SENT[form]
    finding, kernel = offered(textwrap.dedent(source), f"model = {TREE}.fit(X, y)")
    _, rows, labels = answers(finding.fix, kernel)
    assert list(rows.columns) == sent, finding.fix
    assert len(labels) == len(rows)
    ready(finding, kernel)


def test_labels_made_beside_the_rows_are_no_step_of_the_preparation() -> None:
    finding, _ = offered(
        "d = df.copy()\nd['good'] = (d['lived'] > 0).astype(int)\nd['fare'] = np.log1p(d['fare'])",
        f"X, y = d[['fare', 'pclass']], d['good']\nmodel = {TREE}.fit(X, y)",
    )
    assert finding.title == "`d['fare']` stays in the notebook"
    assert "good" not in finding.fix.partition("\n")[2]


KEPT = {
    "in place": "df['age'] = df['age'].fillna(df['age'].median())\ndf['sex'] = df['sex'].map({'male': 0, 'female': 1})",
    "the frame itself": "df = df[['age', 'sex', 'lived']].fillna(0)\ndf['sex'] = (df['sex'] == 'male') * 1",
}


@pytest.mark.parametrize("form", KEPT)
def test_rows_that_nothing_holds_any_more_are_to_be_kept_first_and_then_the_cell_is_offered(form: str) -> None:
    fitting = f"X = df[['age', 'sex']]\nmodel = {TREE}.fit(X, df['lived'])"
    finding, kernel = offered(KEPT[form], fitting)
    where, line = finding.fix.split("\n")
    assert where == "# put above line 1 of In [2], then run the cells from In [1], which makes `df`, again"
    assert "Nothing holds the rows of `df` as they were before line 1 of In [2]: keep them there first" in finding.why
    exec(line, dict(kernel.namespace))  # typed in the wrong place, it fails not and helps not
    finding, kernel = offered(f"{line}\n{KEPT[form]}", fitting)
    assert sorted(answers(finding.fix, kernel)[1].columns) == ["age", "sex"]
    ready(finding, kernel)


def test_a_copy_that_was_changed_since_is_not_taken_for_the_raw_rows() -> None:
    finding, _ = offered(
        "raw = df.copy()\ndf['fare'] = np.log1p(df['fare'])",
        f"X = df[['fare']]\nmodel = {TREE}.fit(X, df['lived'])",
        "raw['fare'] = raw['fare'] * 3",
    )
    assert finding.fix.startswith("# put above line 2 of In [2]")


def test_what_cannot_be_written_for_one_row_is_left_to_the_hand() -> None:
    finding, _ = offered(
        "X = df[['fare']].copy()\nX['fare'] = df.groupby('port')['fare'].transform(lambda s: s.sort_values().to_numpy())",
        f"model = {TREE}.fit(X, df['lived'])",
    )
    assert finding.fix == (
        "write by hand a %%deploy cell whose predict(frame) does these steps for a caller's rows "
        "and returns model.predict(rows)"
    )
    assert "No cell could be written that answers as the notebook does: " in finding.why


FOLDS = {
    "an array": ("X = df[['fare', 'pclass']].values; y = df['lived'].values", "X[tr]", "y[tr]"),
    "a frame": ("X = df[['fare', 'pclass']]; y = df['lived']", "X.iloc[tr]", "y.iloc[tr]"),
}


@pytest.mark.parametrize("form", FOLDS)
@pytest.mark.parametrize("named", [False, True])
def test_the_scaler_of_the_last_fold_goes_along_with_its_model(form: str, named: bool) -> None:
    rows, chosen, labels = FOLDS[form]
    fitted = "Z" if named else f"scaler.transform({chosen})"
    kernel = Kernel().run(
        PEOPLE,
        f"from sklearn.model_selection import KFold\n{rows}",
        f"for tr, va in KFold(5, shuffle=True, random_state=0).split(X):\n    scaler = StandardScaler().fit({chosen})\n"
        f"    Z = scaler.transform({chosen})\n    model = LogisticRegression().fit({fitted}, {labels})\n"
        f"    score = model.score(scaler.transform({chosen.replace('tr', 'va')}), {labels.replace('tr', 'va')})",
    )
    if named:
        finding = only(kernel.look("model"), "preparation-outside")
        fix, why = finding.fix, finding.why
    else:
        with pytest.raises(UsageError) as caught:
            kernel.look("model")
        fix, why = caught.value.fix, caught.value.why
    assert fix.endswith("%deploy make_pipeline(scaler, model) --name model --data X --labels y")
    assert "same answers" in why
    predict, sent, told = answers(fix, kernel)
    np.testing.assert_array_equal(predict(sent), eval("model.predict(scaler.transform(X))", kernel.namespace))
    assert len(told) == len(sent)


def test_labels_of_a_fold_by_name_are_those_of_all_rows() -> None:
    kernel = Kernel().run(
        PEOPLE,
        "from sklearn.model_selection import KFold\nX = df[['fare', 'pclass']]; y = df['lived']",
        "for a, b in KFold(4).split(X):\n    X_a, X_b = X.iloc[a], X.iloc[b]\n    y_a, y_b = y.iloc[a], y.iloc[b]\n"
        "    scaler = StandardScaler()\n    X_a = scaler.fit_transform(X_a)\n    model = LogisticRegression().fit(X_a, y_a)",
    )
    assert only(kernel.look("model"), "preparation-outside").fix.endswith(
        "(scaler, model) --name model --data X --labels y"
    )


def test_rows_are_kept_after_what_makes_the_labels() -> None:
    finding, _ = offered(
        "df['lived'] = df['lived'].map({0: 'no', 1: 'yes'})\n\ndf['fare'] = np.log1p(df['fare'])",
        f"model = {TREE}.fit(df[['fare']], df['lived'])",
    )
    assert (
        finding.fix.split("\n")[0]
        == "# put above line 3 of In [2], then run the cells from In [1], which makes `df`, again"
    )


def test_a_scaler_in_the_call_of_fit_is_seen_though_the_raw_rows_have_the_same_shape() -> None:
    kernel = Kernel().run(
        PEOPLE, "X = df[['fare', 'pclass']].values\nscaler = StandardScaler().fit(X)",
        "model = LogisticRegression().fit(scaler.transform(X), df['lived'])",
    )  # fmt: skip
    with pytest.raises(UsageError) as caught:
        kernel.look("model")
    assert "%deploy make_pipeline(scaler, model) --name model --data X --labels df['lived']" in caught.value.fix


def test_rows_that_were_resampled_have_the_labels_that_they_had_before() -> None:
    kernel = Kernel().run(
        PEOPLE, "from imblearn.over_sampling import SMOTE\nX, y = df[['fare', 'pclass']], df['lived']",
        "scaler = StandardScaler()\nZ = scaler.fit_transform(X)",
        "more, answers = SMOTE(random_state=0).fit_resample(Z, y)\nmodel = LogisticRegression().fit(more, answers)",
    )  # fmt: skip
    finding = only(kernel.look("model"), "preparation-outside")
    assert finding.fix.endswith("--data X --labels y")


def test_a_name_that_was_given_is_in_the_fix() -> None:
    kernel = Kernel().run(
        PEOPLE, "scaler = StandardScaler().fit(df[['fare', 'pclass']])",
        "model = LogisticRegression().fit(scaler.transform(df[['fare', 'pclass']]), df['lived'])",
    )  # fmt: skip
    with pytest.raises(UsageError) as caught:
        discovery.find("model", kernel.notebook(), name="survival")
    assert "--name survival --data" in caught.value.fix


def test_labels_of_other_rows_than_those_found_are_left_out_of_the_fix() -> None:
    kernel = Kernel().run(
        PEOPLE, "X = df[['fare', 'pclass']].values\nhalf = X[::2]; y = df['lived'].values[::2]",
        "model = LogisticRegression().fit(half, y)\ndel half",
    )  # fmt: skip
    with pytest.raises(UsageError) as caught:
        kernel.look("model")
    assert caught.value.fix == "%deploy model --data X"
    assert discovery.find("model", kernel.notebook(), data="X").labels is None
