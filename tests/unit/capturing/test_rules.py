"""Each finding names the thing, the place and the line that mends it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cells import FIT, SETUP, Kernel, codes, only
from sklearn.linear_model import LogisticRegression

from nb2prod.capturing import discovery, rules
from nb2prod.capturing.execution import Notebook
from nb2prod.capturing.rules import secrets
from nb2prod.runtime import flavors


def test_a_clean_notebook_has_no_findings() -> None:
    assert Kernel().run(SETUP, FIT).look("model", SETUP, FIT) == ()


def test_every_rule_has_a_code_of_its_own_and_says_what_it_is_about() -> None:
    known = [rule.code for rule in rules.every()]
    assert len(known) == len(set(known)) >= 14
    assert all(rule.about for rule in rules.every())


def test_an_estimator_made_in_the_line_is_given_a_variable_that_is_not_the_deployments_name() -> None:
    kernel = Kernel().run(SETUP, "nf = 1")
    found = discovery.find(
        LogisticRegression(), Notebook(namespace=kernel.namespace), name="nf", data=kernel.namespace["df"]
    )
    case = rules.Case(found, Notebook(namespace=kernel.namespace), flavors.of(found.model))
    (finding,) = [one for one in rules.look(case) if one.code == "not-fitted"]
    assert finding.fix == "model = LogisticRegression().fit(df, ANSWERS)\n%deploy model --name nf"


@pytest.mark.parametrize(
    ("scaler", "fix"),
    [
        ("", "model.fit(df, y)"),
        ("scaler = StandardScaler().fit(df)", 'model = Pipeline([("sc", scaler), ("clf", clf)])'),
    ],
    ids=["none-fitted", "one-in-the-notebook"],
)
def test_a_step_that_was_never_fitted_is_named_and_the_line_mends_it(scaler: str, fix: str) -> None:
    parts = "from sklearn.pipeline import Pipeline\nclf = LogisticRegression().fit(df, y)"
    made = "model = Pipeline([('sc', StandardScaler()), ('clf', clf)])"
    kernel = Kernel().run(SETUP, parts, scaler, "X = df", made)
    finding = only(kernel.look("model", data="df"), "not-fitted")
    assert finding.title == "`model` is not fitted: its step `sc` has learnt nothing yet"
    assert finding.fix == fix
    assert "not-fitted" not in codes(kernel.run(finding.fix).look("model", data="df"))


def test_a_step_that_learns_nothing_needs_no_fit() -> None:
    code = """
    from sklearn.pipeline import Pipeline
    from sklearn.base import BaseEstimator, TransformerMixin
    class Same(TransformerMixin, BaseEstimator):
        def fit(self, X, y=None): return self
        def transform(self, X): return X
    clf = LogisticRegression().fit(df, y)
    model = Pipeline([('same', Same()), ('clf', clf)])
    """
    assert "not-fitted" not in codes(Kernel().run(SETUP, code).look("model", data="df"))


def test_a_model_that_is_not_fitted() -> None:
    finding = only(Kernel().run(SETUP, "model = LogisticRegression()").look("model", data="df"), "not-fitted")
    assert finding.severity == "refuse"
    assert finding.fix == "model.fit(df, ANSWERS)"


# -- secrets and people

TOKEN = "dapi" + "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (TOKEN, None),
        ("AKIA" + "Z7Q2" * 4, None),
        ("ghp_" + "a1B2" * 9, None),
        ("sk_" + "live_" + "4eC39HqLyjWDarjtT1zdp7dc", None),
        ("xoxb-" + "123456789012-abcdefABCDEF", None),
        ("postgresql://me:s3cr3t@db.example/flights", None),
        ("-----BEGIN RSA PRIVATE KEY-----", None),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U", None),
        ("Server=db;User=me;Password=hunter2;", None),
        ("hunter2", "db_password"),
        ("correcthorse", "password"),
        ("9f86d081884c7d659a2feaa0c55ad015", "api_key"),
        ("Zm9vYmFyMTIzNDU2Nzg5MA", "authToken"),
    ],
)
def test_credentials_are_found(text: str, name: str | None) -> None:
    assert secrets.secret(text, name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("flights", "name"),
        ("(?u)\\b\\w\\w+\\b", "token_pattern"),
        ("<unk>", "unk_token"),
        ("https://example.com/a/b?c=d", "url"),
        ("your-password-here", "password"),
        ("${PASSWORD}", "password"),
        ("postgresql://localhost/flights", None),
        ("postgresql://user:${PASSWORD}@db/flights", None),
        ("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", "commit"),
        ("sk-learn is a library", None),
        ("the password must be long", "password"),
        ("a", "secret"),
    ],
)
def test_what_is_no_credential_is_let_pass(text: str, name: str | None) -> None:
    assert secrets.secret(text, name) is None


def test_a_secret_in_code_in_a_global_and_in_an_attribute_stops_the_capture() -> None:
    in_code = Kernel().run(SETUP, f"def predict(frame):\n    token = {TOKEN!r}\n    return frame['a']", "predict(df)")
    finding = only(in_code.look("predict"), "secret")
    assert finding.where == "In [2], line 2: token"
    assert finding.fix == 'read it inside predict: os.environ["TOKEN"], and %deploy model --env TOKEN'
    assert TOKEN not in str(finding)
    in_global = Kernel().run(
        SETUP, f"KEY = {TOKEN!r}\ndef predict(frame):\n    KEY\n    return frame['a']", "predict(df)"
    )
    assert only(in_global.look("predict"), "secret").where == "KEY (used in predict); In [2], line 1: KEY"
    held = Kernel().run(SETUP, FIT)
    held.namespace["model"].settings = {"password": "hunter2"}
    assert only(held.look("model"), "secret").where == "settings['password']"


def test_a_secret_in_a_saved_file_is_found(tmp_path: Path) -> None:
    import pickle

    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.pkl").write_bytes(pickle.dumps({"a": [TOKEN]}))
    (finding,) = secrets.in_files(tmp_path / "model")
    assert finding.where == "model/model.pkl"


def test_columns_that_look_personal_are_reported() -> None:
    kernel = Kernel().run(
        SETUP, "X = df.rename(columns={'a': 'customerName'})", "model = LogisticRegression().fit(X, y)"
    )
    finding = only(kernel.look("model"), "personal-columns")
    assert "`customerName` looks personal" in finding.title
    assert finding.fix.split("\n")[0] == "X = X.drop(columns=['customerName'])"


def test_a_finding_is_accepted_in_a_cell_with_a_reason() -> None:
    kernel = Kernel().run(
        SETUP,
        "# nb2prod: accept personal-columns: made-up names\nX = df.rename(columns={'a': 'first_name'})",
        "model = LogisticRegression().fit(X, y)",
    )
    finding = only(kernel.look("model"), "personal-columns")
    assert finding.severity == "note"
    assert "made-up names" in finding.why
    assert rules.accepted([finding], ["# nb2prod: accept personal-columns:"]) == [finding]


KEY = f"key = {TOKEN!r}"
UNSAID = {
    "no reason": "# nb2prod: accept secret\nkey = 1",
    "a colon and code": "# nb2prod: accept secret:\nkey = 1",
    "a blank line": "# nb2prod: accept secret:\n\n# of another matter\nkey = 1",
    "the next acceptance": "# nb2prod: accept secret\n# nb2prod: accept personal-columns: made-up names",
}


@pytest.mark.parametrize("name", UNSAID)
def test_what_stands_below_an_acceptance_is_no_reason(name: str) -> None:
    finding = only(Kernel().run(SETUP, KEY, UNSAID[name], FIT).look("model"), "secret")
    assert finding.severity == "refuse"
    assert "without a reason" in finding.why
    assert "Accepted" not in finding.why


def test_a_reason_may_go_on_in_the_comment_lines_below() -> None:
    said = "x = 1  # nb2prod: accept secret\n# the key of the simulator,\n# which everyone has\ny = 2"
    cells = (SETUP, KEY, said.replace("y = 2", "z = 2"), FIT)
    finding = only(Kernel().run(*cells).look("model"), "secret")
    assert finding.severity == "note"
    assert finding.why.endswith("Accepted: the key of the simulator, which everyone has")


def test_what_cannot_be_accepted_stays_a_refusal() -> None:
    accepting = "# nb2prod: accept not-picklable: it will be all right"
    cells = (SETUP, "import threading\nlock = threading.Lock()", accepting)
    predict = "def predict(frame):\n    with lock:\n        return frame['a']"
    finding = only(Kernel().run(*cells, predict).look("predict", data="df"), "not-picklable")
    assert finding.severity == "refuse"


def test_every_rule_says_what_it_finds_and_the_line_that_mends_it() -> None:
    listed = rules.listed()
    assert len({one.code for one in listed}) == len(listed)
    assert all(one.about and one.fix for one in listed)
    assert {one.code for one in listed if not one.accept} >= {
        "not-fitted",
        "not-picklable",
        "nondeterministic",
        "tampered",
    }


def test_what_a_later_step_finds_is_listed_under_the_code_that_it_raises() -> None:
    later = {rule.code for rule in rules.every() if type(rule).__module__.endswith(".later")}
    code = "".join(path.read_text() for path in Path(rules.__file__).parents[2].rglob("*.py") if path.stem != "later")
    assert {one for one in later if f'"{one}"' not in code} == set()


def test_every_finding_that_capture_gives_is_listed() -> None:
    listed = {one.code for one in rules.listed()}
    sources = [path.read_text() for path in Path(rules.__file__).parents[1].rglob("*.py")]
    given = {code for source in sources for code in re.findall(r'Finding\(\s+code="([a-z-]+)"', source)}
    assert "no-reference-scores" in given
    assert given | {"out-of-fold", "depends-on-calls"} <= listed


def test_columns_of_one_name_are_named_with_the_line_that_keeps_the_first() -> None:
    kernel = Kernel().run(
        SETUP, "X = pd.concat([df, df[['b']]], axis=1)\nmodel = LogisticRegression().fit(X.to_numpy(), y)"
    )
    finding = only(kernel.look("model", data="X"), "duplicate-columns")
    assert finding.title == "`b` stands more than once among the columns of `X`"
    assert finding.fix.startswith("X = X.loc[:, ~X.columns.duplicated()]")
    assert finding.severity == "refuse"


def test_the_notebooks_own_functions_and_classes_that_travel_are_named_with_their_cells() -> None:
    clean = "def clean(frame):\n    return frame.fillna(0)"
    model = "def model(frame):\n    return clean(frame)['a'] > 0"
    notebook = Kernel().run(SETUP, clean, model).notebook((1, SETUP), (2, clean), (3, model))
    case = rules.Case(discovery.find("model", notebook, data="df"), notebook)
    assert case.definitions == ["model (cell 3)", "clean (cell 2)"]
