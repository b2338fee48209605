"""Code that reaches for what a service does not have: variables, files, hosts, `__main__`, changed modules."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from cells import SETUP, Kernel, codes, only


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


READS = {
    "text": ("float(open(PATH).read())", "data = open('{0}').read()", "float(data)"),
    "lines": ("float(open(PATH, 'r').readlines()[0])", "data = open('{0}', 'r').readlines()", "float(data[0])"),
    "json": ("json.load(open(PATH))", "data = json.load(open('{0}'))", "data"),
    "path": ("float(Path(PATH).read_text())", "data = Path('{0}').read_text()", "float(data)"),
    "opened path": ("float(Path(PATH).open().read())", "data = Path('{0}').open().read()", "float(data)"),
    "handed on": ("number(open(PATH))", "data = number(open('{0}'))", "data"),
}


@pytest.mark.parametrize("name", READS)
def test_what_is_offered_for_a_file_holds_its_content_and_saves(name: str, tmp_path: Path) -> None:
    path = tmp_path / "k.txt"
    path.write_text("3")
    reads, offered, used = READS[name]
    setup = SETUP + "\nimport json\nfrom pathlib import Path\ndef number(file):\n    return float(file.read())"
    before = f"def predict(frame):\n    k = {reads.replace('PATH', repr(str(path)))}\n    return frame['a'] * k"
    first, _ = only(Kernel().run(setup, before, "predict(df)").look("predict"), "absolute-path").fix.split("\n")
    assert first == offered.format(path)
    after = f"def predict(frame):\n    k = {used}\n    return frame['a'] * k"
    assert {"absolute-path", "not-picklable"}.isdisjoint(
        codes(Kernel().run(setup, first, after, "predict(df)").look("predict"))
    )


def test_a_file_opened_by_with_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "k.bin"
    path.write_bytes(b"3")
    before = f"def predict(frame):\n    with open({str(path)!r}, 'rb') as file:\n        return frame['a'] * len(file.read())"
    first, then = only(Kernel().run(SETUP, before, "predict(df)").look("predict"), "absolute-path").fix.split("\n")
    assert first == f"data = open({str(path)!r}, 'rb').read()"
    assert "io.BytesIO(data) in the place of open(" in then
    after = "import io\ndef predict(frame):\n    with io.BytesIO(data) as file:\n        return frame['a'] * len(file.read())"
    found = codes(Kernel().run(SETUP, first, after, "predict(df)").look("predict"))
    assert {"absolute-path", "not-picklable"}.isdisjoint(found)


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
    finding = only(kernel.look("predict", data="df"), "main-dependent")
    assert finding.severity == "refuse"
    assert finding.fix.startswith("LIMIT      # in predict, in the place of __main__.LIMIT")


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
    assert finding.fix.startswith("FACTOR = 3      # in prices_of_test.py, not in the cell")
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


def test_a_constant_that_was_edited_in_the_file_is_no_work_of_the_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "own_caps.py"
    file.write_text("LIMIT = 300\ndef capped(frame):\n    return frame['a'].clip(upper=LIMIT)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "own_caps", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    kernel = Kernel().run(
        SETUP, "import own_caps", "def predict(frame):\n    return own_caps.capped(frame)", "predict(df)"
    )
    file.write_text(file.read_text().replace("300", "500"))
    found = kernel.look("predict")
    assert [one for one in found if one.code == "module-value"] == []
    finding = only(found, "edited-module")
    assert finding.title == "own_caps was edited after this kernel imported it: `LIMIT` is 500 there now"
    assert finding.fix == "restart the kernel and run the notebook again"


def test_what_a_function_reads_through_a_connection_that_it_opens_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "rates.db").touch()
    code = f"""
    def predict(frame):
        conn = sqlite3.connect('{tmp_path}/rates.db')
        cut = conn.execute('select cut from cuts').fetchone()[0]
        return frame['a'] > cut
    """
    kernel = Kernel().run(SETUP, "import sqlite3", code)
    first, second = only(kernel.look("predict", data="df"), "absolute-path").fix.split("\n")
    read = "execute('select cut from cuts').fetchone()[0]"
    assert first == f"data = sqlite3.connect('{tmp_path}/rates.db').{read}"
    assert second.endswith(f"In predict: data in the place of conn.{read}, and no connection")


def test_the_value_to_be_read_takes_no_name_that_the_notebook_has(tmp_path: Path) -> None:
    (tmp_path / "zones.csv").write_text("a\n1\n")
    code = f"def predict(frame):\n    return frame['a'] * len(pd.read_csv('{tmp_path}/zones.csv'))"
    kernel = Kernel().run(SETUP, "data = df", code)
    fix = only(kernel.look("predict", data="df"), "absolute-path").fix
    assert fix.startswith("data_2 = pd.read_csv(")
    assert "data_2 in the place of" in fix


def test_what_an_enclosed_function_reaches_for_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUT", "1")
    code = """
    def make(cut):
        def predict(frame):
            return frame['a'] * cut * float(os.environ['CUT'])
        return predict
    """
    kernel = Kernel().run(SETUP, "import os", code, "model = make(2)")
    assert only(kernel.look("model", data="df"), "environment-variable").fix == "%deploy model --env CUT"


def test_a_database_that_a_function_asks_for_what_a_request_says_is_read_by_the_table(tmp_path: Path) -> None:
    (tmp_path / "rates.db").touch()
    code = f"""
    def predict(frame):
        conn = sqlite3.connect('{tmp_path}/rates.db')
        rates = [conn.execute('select rate from rates where zone = ?', (z,)).fetchone()[0] for z in frame['a']]
        return frame['a'] * rates
    """
    kernel = Kernel().run(SETUP, "import sqlite3", code)
    first, second = only(kernel.look("predict", data="df"), "absolute-path").fix.split("\n")
    assert first == f"""rates = pd.read_sql("select * from rates", sqlite3.connect('{tmp_path}/rates.db'))"""
    assert second.endswith("In predict: look up in rates, and no connection")


def test_what_is_read_of_a_frame_that_comes_of_a_connection_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "rates.db").touch()
    code = f"""
    def predict(frame):
        conn = sqlite3.connect('{tmp_path}/rates.db')
        f = pd.read_sql('select * from rates', conn).set_index('zone').rate
        return frame['a'].map(f)
    """
    fix = only(Kernel().run(SETUP, "import sqlite3", code).look("predict", data="df"), "absolute-path").fix
    opened = f"sqlite3.connect('{tmp_path}/rates.db')"
    assert fix.startswith(f"data = pd.read_sql('select * from rates', {opened}).set_index('zone').rate\n")
