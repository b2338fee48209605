"""What a notebook makes of a model's answers after they were given is named, and taken in by a cell that answers the same."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest
from cells import Kernel, codes, only
from preparing import PEOPLE, TREE, answers

from nb2prod.records.proof import Verification
from nb2prod.sdk import card

FITTED = {
    "classes": f"X, y = df[['fare', 'pclass']], df['lived']\nmodel = {TREE}.fit(X, y)",
    "chances": "X, y = df[['fare', 'pclass']], df['lived']\nmodel = LogisticRegression().fit(X, y)",
    "logarithm": """
        from sklearn.linear_model import LinearRegression
        X, paid = df[['pclass']], df['fare']
        y = np.log1p(paid)
        model = LinearRegression().fit(X, y)""",
    "codes": f"""
        le = LabelEncoder()
        y = le.fit_transform(df['port'])
        X = df[['fare', 'pclass']]
        model = {TREE}.fit(X, y)""",
    "split": f"""
        le = LabelEncoder()
        y = le.fit_transform(df['port'])
        X, X_test, y_train, y_test = train_test_split(df[['fare', 'pclass']], y, random_state=0)
        model = {TREE}.fit(X, y_train)""",
    "scaled": """
        from sklearn.linear_model import LinearRegression
        X, scaler = df[['pclass']], StandardScaler()
        y = scaler.fit_transform(df[['fare']]).ravel()
        model = LinearRegression().fit(X, y)""",
    "regression": """
        from sklearn.linear_model import LinearRegression
        X, y = df[['pclass']], df['fare'] - 20
        model = LinearRegression().fit(X, y)""",
}
OUTSIDE = {
    "a logarithm undone": ("logarithm", "pred = np.expm1(model.predict(X))", "np.expm1(model.predict(X))"),
    "undone after another name": ("logarithm", "p = model.predict(X)\nq = p\nprint(np.abs(np.expm1(q) - paid).mean())",
                                  "np.expm1(model.predict(X))"),
    "never undone": ("logarithm", "", "np.expm1(model.predict(X))"),
    "codes named again": ("codes", "print(le.inverse_transform(model.predict(X))[:5])", "le.inverse_transform(model.predict(X))"),
    "codes never named": ("codes", "", "le.inverse_transform(model.predict(X))"),
    "codes named within a frame": ("codes", "out = pd.DataFrame({'port': le.inverse_transform(model.predict(X))})",
                                   "le.inverse_transform(model.predict(X))"),
    "codes behind a split": ("split", "model.score(X_test, y_test)", "le.inverse_transform(model.predict(X))"),
    "a column of a result": ("logarithm", "out = X.copy()\nout['paid'] = np.expm1(model.predict(X))",
                             "np.expm1(model.predict(X))"),
    "a scaled target": ("scaled", "p = scaler.inverse_transform(model.predict(X).reshape(-1, 1)).ravel()",
                        "scaler.inverse_transform(model.predict(X).reshape(-1, 1)).ravel()"),
    "a scaled target, never undone": ("scaled", "", "scaler.inverse_transform(model.predict(X).reshape(-1, 1)).ravel()"),
    "a threshold": ("chances", "proba = model.predict_proba(X)[:, 1]\nflag = (proba > 0.3).astype(int)",
                    "(model.predict_proba(X)[:, 1] > 0.3).astype(int)"),
    "a threshold by name": ("chances", "limit = 0.2\nflag = np.where(model.predict_proba(X)[:, 1] >= limit, 'yes', 'no')",
                            "np.where(model.predict_proba(X)[:, 1] >= .2, 'yes', 'no')"),
    "words for classes": ("classes", "told = pd.Series(model.predict(X)).map({0: 'dead', 1: 'alive'})",
                          "pd.Series(model.predict(X)).map({0: 'dead', 1: 'alive'})"),
    "words from a list": ("classes", "words = ['dead', 'alive']\ntold = [words[i] for i in model.predict(X)]",
                          "[words[i] for i in model.predict(X)]"),
    "a bound": ("regression", "paid = np.maximum(model.predict(X), 15)", "np.maximum(model.predict(X), 15)"),
}  # fmt: skip


@pytest.mark.parametrize("form", OUTSIDE)
def test_the_cell_that_is_offered_answers_as_the_notebook_goes_on_to(form: str) -> None:
    fitted, after, right = OUTSIDE[form]
    kernel = Kernel().run(PEOPLE, textwrap.dedent(FITTED[fitted]), *([after] if after else []))
    finding = only(kernel.look("model"), "answers-outside")
    assert finding.severity == "warn"
    assert "same answers" in finding.why
    predict, rows, labels = answers(finding.fix, kernel)
    told, expected = np.asarray(predict(rows)), np.asarray(eval(right, kernel.namespace))
    np.testing.assert_array_equal(told, expected)
    assert labels is None or (np.asarray(labels).dtype.kind in "iub") == (told.dtype.kind in "iub")


def test_the_cell_is_named_and_the_labels_go_the_same_way() -> None:
    kernel = Kernel().run(PEOPLE, textwrap.dedent(FITTED["logarithm"]), "a = 1\npred = np.expm1(model.predict(X))")
    finding = only(kernel.look("model"), "answers-outside")
    within = Kernel().run(
        PEOPLE, textwrap.dedent(FITTED["codes"]), "pd.DataFrame({'p': le.inverse_transform(model.predict(X))})"
    )
    assert only(within.look("model"), "answers-outside").where == "In [3], line 1"
    assert finding.where == "In [3], line 2"
    assert finding.title == "The notebook goes on with the answers of `model`: `np.expm1(model.predict(X))`"
    assert finding.fix.startswith("%%deploy --name model --data X --labels answers\nanswers = np.expm1(y)\n")
    np.testing.assert_allclose(answers(finding.fix, kernel)[2], kernel.namespace["paid"])


def test_one_cell_takes_in_what_is_before_the_model_and_what_is_after_it() -> None:
    kernel = Kernel().run(
        PEOPLE,
        "from sklearn.linear_model import LinearRegression\nscaler = StandardScaler()",
        "Z = scaler.fit_transform(df[['pclass']])\nmodel = LinearRegression().fit(Z, np.log1p(df['fare']))",
        "pred = np.expm1(model.predict(Z))",
    )
    findings = kernel.look("model")
    before, after = only(findings, "preparation-outside"), only(findings, "answers-outside")
    assert before.fix == after.fix
    predict, rows, _ = answers(after.fix, kernel)
    np.testing.assert_allclose(predict(rows), kernel.namespace["pred"])
    shown = card.verification(Verification(capture="a" * 64, status="verified", warnings=findings), "fares").text()
    assert shown.count("def predict(frame)") == shown.count("The fix was tried") == 1
    assert all(" ".join(one.title.split()) in " ".join(shown.split()) for one in (before, after))


SILENT = {
    "an error": (
        "regression",
        "from sklearn.metrics import mean_squared_error\nmse = mean_squared_error(y, model.predict(X))",
    ),
    "residuals": ("regression", "pred = model.predict(X)\nleft = pred - y\nleft2 = (y - pred) ** 2"),
    "a plot": ("classes", "pred = model.predict(X)\ncounts = pd.Series(pred).value_counts()"),
    "a matrix": ("classes", "from sklearn.metrics import confusion_matrix\nm = confusion_matrix(y, model.predict(X))"),
    "some rows": ("regression", "pred = model.predict(X)\nhigh = X[pred > 20]\ndear = pred[pred > 20]"),
    "the threshold that the model has": ("chances", "flag = (model.predict_proba(X)[:, 1] > 0.5).astype(int)"),
    "thresholds in a loop": (
        "chances",
        "proba = model.predict_proba(X)[:, 1]\nfor t in [.2, .4]:\n    f = (proba > t).astype(int)",
    ),
    "how many": ("chances", "share = (model.predict_proba(X)[:, 1] > 0.3).mean()"),
    "a column": ("classes", "out = X.copy()\nout['pred'] = model.predict(X)\nout['right'] = out['pred'] == y"),
    "the share that is right": ("classes", "accuracy = (model.predict(X) == y).mean()"),
    "digits": ("regression", "print(np.round(model.predict(X), 2))"),
    "a chance": ("chances", "proba = pd.Series(model.predict_proba(X)[:, 1], index=X.index)"),
    "another model": (
        "regression",
        "other = LinearRegression().fit(X, np.log(df['fare']))\npred = np.exp(other.predict(X))",
    ),
}


@pytest.mark.parametrize("form", SILENT)
def test_metrics_plots_and_residuals_are_no_treatment(form: str) -> None:
    fitted, after = SILENT[form]
    kernel = Kernel().run(PEOPLE, textwrap.dedent(FITTED[fitted]), after)
    assert "answers-outside" not in codes(kernel.look("model"))


def test_an_encoder_that_was_fitted_on_something_else_since_decodes_nothing() -> None:
    kernel = Kernel().run(PEOPLE, textwrap.dedent(FITTED["codes"]), "other = le.fit_transform(df['sex'])")
    assert "answers-outside" not in codes(kernel.look("model"))


def test_labels_made_in_words_by_a_map_are_left_alone() -> None:
    kernel = Kernel().run(
        PEOPLE, f"X, y = df[['fare']], df['sex'].map({{'male': 0, 'female': 1}})\nmodel = {TREE}.fit(X, y)"
    )
    assert "answers-outside" not in codes(kernel.look("model"))
