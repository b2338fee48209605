"""What belongs to a process is named by its path, with the line that leaves it out."""

from __future__ import annotations

import functools
import io
import logging
import pickle
import sqlite3
import threading
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from cells import SETUP, Kernel, codes, only
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nb2prod.capturing import contents
from nb2prod.capturing.rules import unpicklable


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
    first, why = finding.fix.split("\n")
    assert first == "data = conn.execute('select 1').fetchall()"
    assert why.endswith("In predict: data in the place of conn.execute('select 1')")
    assert "not-picklable" not in codes(kernel.look("predict", exclude=("conn",)))


def test_a_name_is_to_be_excluded_only_where_the_model_answers_without_it() -> None:
    made = "import threading\nlock = threading.Lock()"
    spared = "def predict(frame):\n    if len(frame) > 10_000:\n        lock.acquire()\n    return frame['a']"
    kernel = Kernel().run(SETUP, made, spared, "predict(df)")
    assert only(kernel.look("predict"), "not-picklable").fix == "%deploy predict --exclude lock"
    assert "lock" in kernel.namespace
    needed = "def predict(frame):\n    with lock:\n        return frame['a']"
    followed = "def predict(frame):\n    lock = threading.Lock()\n    with lock:\n        return frame['a']"
    kernel = Kernel().run(SETUP, made, needed, "predict(df)")
    assert only(kernel.look("predict"), "not-picklable").fix.split("\n")[0] == "lock = threading.Lock()"
    assert "not-picklable" not in codes(Kernel().run(SETUP, made, followed, "predict(df)").look("predict"))


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
        (lambda one: Holder([1, {"db": one}]), "conn[1]['db']: sqlite3.Connection", "'conn': None}"),
        (lambda one: Holder(Holder((1, one))), "conn.conn[1]: sqlite3.Connection", "'conn': None}"),
        (lambda one: Holder(one.execute), "conn.__self__: sqlite3.Connection", "'conn': None}"),
        (lambda one: Holder(Slotted(one)), "conn.thing: sqlite3.Connection", "'thing': None}"),
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


SETUP_OF_A_CLASS = "import sqlite3, threading\nfrom sklearn.base import BaseEstimator, TransformerMixin"
DATABASE = """
db = sqlite3.connect(':memory:')
db.execute('create table rates (branch text, rate real)')
db.executemany('insert into rates values (?, ?)', [('north', .1), ('south', .2)])
"""
LOCKED = """
class Model:
    def __init__(self, n): self.n = n; self.lock = threading.Lock()
    def predict(self, frame):
        with self.lock:
            return frame['a'] * self.n
"""
BY_ARGUMENT = """
class Model:
    def __init__(self, places): self.room = threading.Semaphore(places)
    def predict(self, frame):
        with self.room:
            return frame['a']
"""
GOES_THROUGH = """
class Model:
    def __init__(self, items): self.items = (i for i in items)
    def predict(self, frame):
        return frame['a'] + next(self.items)
"""
READS = """
class Model:
    def __init__(self, db): self.db = db
    def predict(self, frame):
        return frame['a'] * dict(self.db.execute('select * from rates'))['north']
"""
ASKS_FOR_EACH = """
class Model:
    def __init__(self, db): self.db = db
    def predict(self, frame):
        names = ['south' for _ in range(len(frame))]
        return [self.db.execute('select rate from rates where branch = ?', (n,)).fetchone()[0] for n in names]
"""
FITTED_ON = """
class Model(BaseEstimator):
    def __init__(self, db=None): self.db = db
    def fit(self, X, y): self.rates_ = dict(self.db.execute('select * from rates')); return self
    def predict(self, frame): return frame['a'] * self.rates_['north']
"""
READS_A_FILE = """
class Model:
    def __init__(self, n, file): self.n, self.file = n, file
    def predict(self, frame):
        self.file.seek(0)
        return frame['a'] * len(self.file.read())
"""
KEEPS_TWO = """
class Model:
    def __init__(self, n, places): self.n, self.places = n, places; self.room = threading.Semaphore(places)
    def predict(self, frame):
        with self.room:
            return frame['a'] * self.n
"""
FOLLOWED = [
    (READS_A_FILE, "Model(3, open('/etc/hosts'))", "__import__('io').StringIO(open(self.file.name", "methods"),
    (KEEPS_TWO, "Model(3, 2)", "self.room = threading.Semaphore(self.places)", "methods"),
    (LOCKED, "Model(3)", "self.lock = threading.Lock()", "methods"),
    (BY_ARGUMENT, "Model(3)", "self.room = threading.Semaphore(self.places)", "with a line of __init__"),
    (GOES_THROUGH, "Model(range(10))", "self.items = iter(list((i for i in items)))", "in its place"),
    (READS, "Model(db)", "self.db_read_ = dict(self.db.execute('select * from rates'))", "read once"),
    (ASKS_FOR_EACH, "Model(db)", "self.db.deserialize(state['db'])", "methods"),
    (FITTED_ON, "Model(db).fit(df, y)", "'db': None}", "methods"),
]


def followed(source: str, fix: str, how: str) -> str:
    """The class with the lines of the fix typed where it says."""
    code = [line for line in fix.split("\n") if not line.startswith("#")]
    if how == "in its place":
        return source.replace("self.items = (i for i in items)", code.pop(0))
    if how == "read once":
        once = code.pop(0)
        name, read = once.split(" = ", 1)
        source = source.replace(read, name).replace("self.db = db", f"self.db = db; {once}")
    if how == "with a line of __init__":
        source = source.replace("): self.room", f"): {code.pop(0).partition('      #')[0]}; self.room")
    return source + "\n".join(f"    {line}" for line in code)


@pytest.mark.parametrize(("source", "made", "line", "how"), FOLLOWED)
def test_what_is_typed_as_the_fix_says_travels_and_answers(source: str, made: str, line: str, how: str) -> None:
    first = Kernel().run(SETUP, SETUP_OF_A_CLASS, DATABASE, source, f"model = {made}")
    fix = only(first.look("model", data="df"), "not-picklable").fix
    assert line in fix
    second = Kernel().run(SETUP, SETUP_OF_A_CLASS, DATABASE, followed(source, fix, how), f"model = {made}")
    assert "not-picklable" not in codes(second.look("model", data="df"))
    model, df = second.namespace["model"], second.namespace["df"]
    asked = list(pickle.loads(cloudpickle.dumps(model)).predict(df))
    assert asked == list(model.predict(df))


def test_the_fix_says_in_which_class_and_what_to_run_again() -> None:
    kernel = Kernel().run(SETUP, SETUP_OF_A_CLASS, LOCKED, "model = Model(3)")
    fix = only(kernel.look("model", data="df"), "not-picklable").fix
    assert fix.endswith(
        "# in class Model (In [3]); then run it and the cells that make the model again, and %deploy again"
    )


def test_what_a_function_reads_through_an_enclosed_connection_is_read_once() -> None:
    code = """
    def make(db):
        def predict(frame):
            return frame['a'] * dict(db.execute('select * from rates'))['north']
        return predict
    """
    kernel = Kernel().run(SETUP, SETUP_OF_A_CLASS, DATABASE, code, "model = make(db)")
    fix = only(kernel.look("model", data="df"), "not-picklable").fix
    assert fix.startswith("data = dict(db.execute('select * from rates'))['north']\n")
    assert "In make.predict: data in the place of dict(db.execute('select * from rates'))['north']" in fix


@pytest.mark.parametrize(
    ("body", "fix"),
    [
        (
            "f = pd.read_sql('select * from rates', db).set_index('branch').rate\n    return frame['a'] * f['north']",
            (
                "data = pd.read_sql('select * from rates', db).set_index('branch').rate\n# in a cell, and the value goes along. "
                "In predict: data in the place of pd.read_sql('select * from rates', db).set_index('branch').rate"
            ),
        ),
        (
            (
                "names = ['south'] * len(frame)\n"
                "    return [db.execute('select rate from rates where branch = ?', (n,)).fetchone()[0] for n in names]"
            ),
            (
                'rates = pd.read_sql("select * from rates", db)\n# in a cell, and rates goes along. '
                "In predict: look up in rates, not in db"
            ),
        ),
    ],
    ids=["read-once", "asked-for-each"],
)
def test_a_database_of_this_machine_is_read_in_a_cell_and_never_opened_where_it_is_not(body: str, fix: str) -> None:
    kernel = Kernel().run(SETUP, SETUP_OF_A_CLASS, DATABASE, f"def predict(frame):\n    {body}")
    assert only(kernel.look("predict", data="df"), "not-picklable").fix == fix
    typed, used = fix.split("\n")[0], fix.rpartition("data in the place of ")[2]
    kernel.run(typed)
    if used in body:
        kernel.run(f"def predict(frame):\n    {body.replace(used, 'data')}")
        assert codes(kernel.look("predict", data="df")) == []
