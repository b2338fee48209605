"""Each finding names the thing, the place and the line that mends it."""

from __future__ import annotations

import functools
import io
import logging
import sqlite3
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nb2prod.capturing import contents, discovery, rules
from nb2prod.capturing.execution import Notebook, SavedCell
from nb2prod.capturing.rules import secrets, unpicklable
from nb2prod.errors import Refused
from nb2prod.records.capture import Finding
from nb2prod.runtime import flavors

SETUP = """
import numpy as np, pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
rng = np.random.default_rng(0)
df = pd.DataFrame({"a": rng.normal(size=80), "b": rng.normal(size=80)})
y = (df["a"] > 0).astype(int)
"""


class Kernel:
    """Cells run one by one, as a kernel does, in a module of their own."""

    def __init__(self) -> None:
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.executed: list[tuple[int, str]] = []

    def run(self, *sources: str) -> Kernel:
        for source in sources:
            text = textwrap.dedent(source).strip()
            self.executed.append((len(self.executed) + 1, text))
            exec(compile(text, f"<cell {len(self.executed)}>", "exec"), self.namespace)
        return self

    def notebook(self, *saved: str | tuple[int | None, str]) -> Notebook:
        cells = tuple(
            SavedCell(index, textwrap.dedent(cell[1] if isinstance(cell, tuple) else cell).strip(), None,
                      cell[0] if isinstance(cell, tuple) else None)
            for index, cell in enumerate(saved, start=1)
        )  # fmt: skip
        return Notebook(self.namespace, tuple(self.executed), cells or None, Path("nb.ipynb") if cells else None)

    def look(self, model: str, *saved: Any, strict: bool = False, **options: Any) -> tuple[Finding, ...]:
        notebook = self.notebook(*saved)
        found = discovery.find(model, notebook, data=options.pop("data", None))
        case = rules.Case(found, notebook, flavors.of(found.model), **options)
        return rules.look(case, strict=strict)


def only(findings: tuple[Finding, ...], code: str) -> Finding:
    found = [finding for finding in findings if finding.code == code]
    assert len(found) == 1, findings
    return found[0]


def codes(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.code for finding in findings]


FIT = "model = LogisticRegression().fit(df, y)"


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


def test_a_model_that_is_not_fitted() -> None:
    finding = only(Kernel().run(SETUP, "model = LogisticRegression()").look("model", data="df"), "not-fitted")
    assert finding.severity == "refuse"
    assert finding.fix == "model.fit(df, ANSWERS)"


# -- what cannot be saved


class Holder(BaseEstimator, TransformerMixin):  # type: ignore[misc]
    def __init__(self, conn: Any = None) -> None:
        self.conn = conn

    def fit(self, X: Any, y: Any = None) -> Holder:
        self.fitted_ = True
        return self

    def transform(self, X: Any) -> Any:
        return X


@pytest.mark.parametrize(
    ("culprit", "named"),
    [
        (sqlite3.connect(":memory:"), "steps[1].conn: sqlite3.Connection"),
        (threading.Lock(), "steps[1].conn: _thread.lock"),
        ((n for n in range(3)), "steps[1].conn: generator"),
        (Path("/dev/null").open("w"), "steps[1].conn: _io.TextIOWrapper"),  # noqa: SIM115
        (threading.Thread(), "steps[1].conn: threading.Thread"),
    ],
)
def test_what_belongs_to_this_process_is_named_by_its_path(culprit: Any, named: str) -> None:
    kernel = Kernel().run(SETUP)
    pipe = make_pipeline(StandardScaler(), Holder(), LogisticRegression())
    kernel.namespace["model"] = pipe.fit(kernel.namespace["df"], kernel.namespace["y"])
    pipe.steps[1][1].conn = culprit
    finding = only(kernel.look("model", data="df"), "not-picklable")
    assert finding.where == named
    assert "__getstate__" in finding.fix


def test_a_class_that_leaves_its_connection_behind_is_fine() -> None:
    class Careful(Holder):
        def __getstate__(self) -> dict[str, Any]:
            return {**self.__dict__, "conn": None}

    kernel = Kernel().run(SETUP)
    pipe = make_pipeline(Careful(sqlite3.connect(":memory:")), LogisticRegression())
    kernel.namespace["model"] = pipe.fit(kernel.namespace["df"], kernel.namespace["y"])
    assert "not-picklable" not in codes(kernel.look("model", data="df"))


def test_a_connection_among_the_globals_can_be_excluded() -> None:
    kernel = Kernel().run(
        SETUP,
        "import sqlite3\nconn = sqlite3.connect(':memory:')",
        "def predict(frame):\n    conn.execute('select 1')\n    return frame['a']",
        "predict(df)",
    )
    finding = only(kernel.look("predict"), "not-picklable")
    assert finding.where == "conn: sqlite3.Connection (used in predict)"
    assert "--exclude conn" in finding.fix
    assert "not-picklable" not in codes(kernel.look("predict", exclude=("conn",)))


def enclosing(thing: Any) -> Any:
    def predict(frame: Any) -> Any:
        return frame["a"] if thing else frame["b"]

    return predict


def defaulting(thing: Any) -> Any:
    def predict(frame: Any, *, thing: Any = thing) -> Any:
        return frame["a"] if thing else frame["b"]

    return predict


class Slotted:
    __slots__ = ("thing",)

    def __init__(self, thing: Any) -> None:
        self.thing = thing


@pytest.mark.parametrize(
    ("hide", "where", "fix"),
    [
        (lambda one: Holder([1, {"db": one}]), "conn[1]['db']: sqlite3.Connection", "if k != 'conn'}"),
        (lambda one: Holder(Holder((1, one))), "conn.conn[1]: sqlite3.Connection", "if k != 'conn'}"),
        (lambda one: Holder(one.execute), "conn.__self__: sqlite3.Connection", "if k != 'conn'}"),
        (lambda one: Holder(Slotted(one)), "conn.thing: sqlite3.Connection", "if k != 'thing'}"),
        (
            enclosing,
            "thing: sqlite3.Connection (enclosed by enclosing.predict)",
            "open `thing` inside enclosing.predict",
        ),
        (
            lambda one: enclosing({"db": [one]}),
            "thing['db'][0]: sqlite3.Connection (enclosed by enclosing.predict)",
            "inside",
        ),
        (defaulting, "thing: sqlite3.Connection (a default of defaulting.predict)", "def predict(…, thing=None)"),
        (
            lambda one: functools.partial(enclosing(1), thing={"db": one}),
            "keywords['thing']['db']: sqlite3.Connection (given to enclosing.predict)",
            "open it inside enclosing.predict",
        ),
        (
            lambda one: Holder(functools.partial(enclosing(1), one)),
            "conn.args[0]: sqlite3.Connection (given to enclosing.predict)",
            "open it inside enclosing.predict",
        ),
        (
            lambda one: type("Model", (), {"__module__": "__main__", "conn": one, "predict": print})(),
            "Model.conn: sqlite3.Connection",
            "Model.conn = None",
        ),
    ],
)
def test_what_is_hidden_deeper_is_named_by_its_path_too(hide: Any, where: str, fix: str) -> None:
    model = hide(sqlite3.connect(":memory:"))
    told = {held.path: held for held in contents.walk(model)}
    culprit = next(held for held in told.values() if isinstance(held.value, sqlite3.Connection))
    assert unpicklable.place(culprit) == where
    assert fix in unpicklable.mend(culprit)


def test_an_enclosed_connection_is_not_left_behind_by_the_name_of_a_global() -> None:
    made = "def make(conn):\n    def predict(frame):\n        return frame['a'] if conn else frame['b']\n    return predict"
    kernel = Kernel().run(SETUP, "import sqlite3", made, "model = make(sqlite3.connect(':memory:'))")
    finding = only(kernel.look("model", data="df", exclude=("conn",)), "not-picklable")
    assert finding.where == "conn: sqlite3.Connection (enclosed by make.predict)"


def test_a_text_file_is_not_taken_along_unasked(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("name\n")
    kernel = Kernel().run(SETUP, "def predict(frame):\n    return frame['a'] + len(people.read())")
    with (tmp_path / "people.csv").open() as people:
        kernel.namespace["people"] = people
        finding = only(kernel.look("predict", data="df"), "not-picklable")
    assert finding.where == "people: _io.TextIOWrapper (used in predict)"


def test_a_logger_that_writes_to_a_file_is_named_again_in_the_service(tmp_path: Path) -> None:
    kernel = Kernel().run(SETUP, "def predict(frame):\n    log.info('asked')\n    return frame['a']")
    log = kernel.namespace["log"] = logging.getLogger("nb2prod-test-rules")
    handler = logging.FileHandler(tmp_path / "log.txt")
    log.addHandler(handler)
    try:
        assert codes(kernel.look("predict", data="df")) == []
    finally:
        log.removeHandler(handler)
        handler.close()


def test_texts_in_memory_are_no_open_files() -> None:
    kernel = Kernel().run(SETUP, "def predict(frame):\n    return frame['a'] + len(buffer.getvalue())")
    kernel.namespace["buffer"] = io.StringIO("x")
    assert codes(kernel.look("predict", data="df")) == []


# -- reaching for what a service does not have


def test_a_variable_of_the_environment_that_was_not_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATE", "2")
    source = "import os\ndef predict(frame):\n    return frame['a'] * float(os.environ['RATE'])"
    kernel = Kernel().run(SETUP, source, "predict(df)")
    finding = only(kernel.look("predict"), "environment-variable")
    assert (finding.where, finding.severity) == ("In [2], line 3", "refuse")
    assert finding.fix == "%deploy predict --env RATE"
    assert kernel.look("predict", variables=("RATE",)) == ()


@pytest.mark.parametrize("read", ["os.getenv('RATE_NOT_SET', '1')", "os.environ.get('RATE_NOT_SET', '1')"])
def test_a_variable_that_is_not_set_is_a_note(read: str) -> None:
    kernel = Kernel().run(
        SETUP, f"import os\ndef predict(frame):\n    return frame['a'] * float({read})", "predict(df)"
    )
    assert only(kernel.look("predict"), "environment-variable").severity == "note"


def test_a_file_opened_inside_predict(tmp_path: Path) -> None:
    (tmp_path / "zones.csv").write_text("a\n1\n")
    kernel = Kernel().run(
        SETUP,
        f"def predict(frame):\n    zones = pd.read_csv({str(tmp_path / 'zones.csv')!r})\n    return frame['a'] + len(zones)",
        "predict(df)",
    )
    finding = only(kernel.look("predict"), "absolute-path")
    assert finding.where.startswith("In [2], line 2:  pd.read_csv(")
    assert finding.severity == "refuse"


def test_a_file_read_while_fitting_stays_where_it_is() -> None:
    kernel = Kernel().run(
        SETUP,
        """
        class Zones(LogisticRegression):
            def fit(self, X, y):
                open("/etc/hostname").close()
                return super().fit(X, y)
        """,
        "model = Zones().fit(df, y)",
    )
    assert kernel.look("model") == ()


def test_a_host_that_was_not_allowed() -> None:
    source = "import urllib.request\ndef predict(frame):\n    urllib.request.urlopen('https://features.example/x')"
    kernel = Kernel().run(SETUP, source)
    finding = only(kernel.look("predict", data="df"), "network")
    assert finding.fix == "%deploy predict --allow-network features.example"
    assert kernel.look("predict", data="df", hosts=("features.example",)) == ()


def test_code_that_looks_into_main() -> None:
    kernel = Kernel().run(
        SETUP, "LIMIT = 2\ndef predict(frame):\n    import __main__\n    return frame['a'] * __main__.LIMIT"
    )
    assert only(kernel.look("predict", data="df"), "main-dependent").severity == "refuse"


def test_a_module_that_a_cell_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "prices_of_test.py").write_text("FACTOR = 1\ndef priced(frame):\n    return frame['a'] * FACTOR\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "prices_of_test", raising=False)
    kernel = Kernel().run(
        SETUP,
        "import prices_of_test",
        "prices_of_test.FACTOR = 3",
        "def predict(frame):\n    return prices_of_test.priced(frame)",
        "predict(df)",
    )
    finding = only(kernel.look("predict"), "global-state")
    assert finding.where == "In [3], line 1"
    assert "prices_of_test.py" in finding.fix


def test_a_constant_of_a_module_that_was_changed_out_of_sight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "taxes_of_test.py").write_text(
        "RATE = 0.2\nCOUNT = 0\nCOUNT = 1\nSEEN = {}\ndef taxed(frame):\n    return frame['a'] * RATE\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "taxes_of_test", raising=False)
    kernel = Kernel().run(
        SETUP,
        "import taxes_of_test",
        "def predict(frame):\n    return taxes_of_test.taxed(frame)",
        "for name, value in {'RATE': .25, 'COUNT': 7}.items():\n    setattr(taxes_of_test, name, value)",
        "predict(df); taxes_of_test.SEEN[1] = 2",
    )
    finding = only(kernel.look("predict"), "module-value")
    assert finding.title == "`taxes_of_test.RATE` is 0.25 here and 0.2 in taxes_of_test.py"
    assert finding.where == "taxes_of_test.py, line 1"


# -- stale state

CLEAN = "def clean(frame):\n    return frame.fillna(0)"
NEWER = "def clean(frame):\n    return frame.fillna(1)"
FITTED = "model = LogisticRegression().fit(clean(df), y)"


def test_a_cell_that_was_edited_after_the_fit_is_named() -> None:
    findings = Kernel().run(SETUP, CLEAN, FITTED).look("model", (1, SETUP), (2, NEWER), (3, FITTED), data="df")
    finding = only(findings, "stale")
    assert finding.title == "Cell 2 (In [2]) changed `clean` after the model was fitted"
    assert finding.where == "cell 2 (In [2]): clean"
    assert finding.fix == "run cells 2 to 3 and %deploy again"
    assert finding.severity == "warn"


def test_strict_refuses_stale_state() -> None:
    kernel = Kernel().run(SETUP, CLEAN, FITTED)
    findings = kernel.look("model", (1, SETUP), (2, NEWER), (3, FITTED), data="df", strict=True)
    assert only(findings, "stale").severity == "refuse"
    with pytest.raises(Refused):
        rules.refuse(findings)


def test_a_name_defined_anew_after_the_fit_is_found_without_a_file() -> None:
    finding = only(Kernel().run(SETUP, CLEAN, FITTED, NEWER).look("model", data="df"), "stale")
    assert finding.where == "In [4]: clean"


def test_the_same_cell_run_again_is_not_stale() -> None:
    assert Kernel().run(SETUP, CLEAN, FITTED, CLEAN).look("model", data="df") == ()


def test_an_edit_of_what_the_model_does_not_use_is_no_finding() -> None:
    kernel = Kernel().run(SETUP, "other = 1", FIT)
    assert kernel.look("model", (1, SETUP), (2, "other = 2"), (3, FIT)) == ()


def test_a_file_of_another_session_says_nothing_of_edits() -> None:
    kernel = Kernel().run(SETUP, CLEAN, FITTED)
    assert kernel.notebook((7, SETUP), (8, NEWER), (9, FITTED)).stale_check == "partial"
    assert kernel.notebook((1, SETUP), (2, CLEAN), (3, FITTED)).stale_check == "full"
    assert kernel.notebook().stale_check == "partial"


def test_a_deleted_cell_is_named() -> None:
    finding = only(Kernel().run(SETUP, CLEAN, FITTED).look("model", (1, SETUP), (3, FITTED), data="df"), "deleted-cell")
    assert finding.where == "In [2]: clean"


def test_cells_run_out_of_order_are_named() -> None:
    findings = Kernel().run(SETUP, CLEAN, FITTED).look("model", (1, SETUP), (3, FITTED), (2, CLEAN), data="df")
    finding = only(findings, "out-of-order")
    assert finding.title == "Cell 2 uses `clean` of cell 3, which stands below it"


def test_data_changed_since_the_fit() -> None:
    finding = only(Kernel().run(SETUP, FIT, "df['a'] = 0.0").look("model"), "data-changed")
    assert finding.where == "In [3]: df"


# -- preparation outside


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
    assert finding.fix.startswith("%deploy make_pipeline(scaler, model) --name model --data df")


def test_a_vectoriser_left_in_the_notebook_is_offered_with_the_texts_it_read() -> None:
    kernel = Kernel().run(
        SETUP,
        "from sklearn.feature_extraction.text import TfidfVectorizer",
        "texts = ['late again', 'fine', 'early and fine', 'late'] * 20\nvectorizer = TfidfVectorizer()",
        "Z = vectorizer.fit_transform(texts)\nmodel = LogisticRegression().fit(Z, y)",
    )
    finding = only(kernel.look("model"), "preparation-outside")
    assert finding.fix.startswith("%deploy make_pipeline(vectorizer, model) --name model --data texts")


def test_a_scaler_that_was_fitted_again_is_not_offered_as_it_would_answer_otherwise() -> None:
    kernel = Kernel().run(
        SETUP,
        "scaler = StandardScaler()\nZ = scaler.fit_transform(df)",
        "model = LogisticRegression().fit(Z, y)",
        "other = scaler.fit_transform(df * 9 + 4)",
    )
    finding = only(kernel.look("model"), "preparation-outside")
    assert "make_pipeline" not in finding.fix
    assert "%%deploy --name model" in finding.fix


def test_a_method_of_a_model_with_its_scaler_outside_is_asked_in_the_cell_that_is_offered() -> None:
    kernel = Kernel().run(
        SETUP, "scaler = StandardScaler()\nZ = scaler.fit_transform(df)", "model = LogisticRegression().fit(Z, y)"
    )
    finding = only(kernel.look("model.predict_proba"), "preparation-outside")
    assert finding.fix.endswith("    frame = scaler.transform(frame)\n    return model.predict_proba(frame)")
    assert "--name model.predict_proba --data df" in finding.fix


def test_get_dummies_comes_with_a_cell() -> None:
    kernel = Kernel().run(
        SETUP,
        "df['c'] = ['x', 'y'] * 40\nX = pd.get_dummies(df)",
        "model = LogisticRegression().fit(X, y)",
    )
    finding = only(kernel.look("model"), "preparation-outside")
    assert "%%deploy --name model --data df\ndef predict(frame):" in finding.fix
    assert "reindex(columns=X.columns" in finding.fix


def test_a_pipeline_that_holds_its_scaler_has_nothing_outside() -> None:
    kernel = Kernel().run(
        SETUP,
        "from sklearn.pipeline import make_pipeline",
        "model = make_pipeline(StandardScaler(), LogisticRegression()).fit(df, y)",
    )
    assert kernel.look("model") == ()


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
    assert "`customerName` looks personal" in only(kernel.look("model"), "personal-columns").title


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
