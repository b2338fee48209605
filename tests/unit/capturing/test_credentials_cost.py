"""What is passed over unread for speed's sake holds nothing; what only looks like a credential stops nobody."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import pytest

from nb2prod.capturing import discovery, rules
from nb2prod.capturing.credentials import texts
from nb2prod.capturing.credentials.texts import in_source, in_text
from nb2prod.capturing.execution import Notebook, SavedCell
from nb2prod.capturing.rules.secrets import Secret, in_files
from nb2prod.records.capture import Finding

TOKEN = "dapi" + "0123456789abcdef" * 2
DIGEST = "d41d8cd98f00b204e9800998ecf8427e"
PICTURE = base64.b64encode(bytes(range(256)) * 6).decode()
ROW = "{}   0.125730 -1.321049e-05   12   Oslo   2024-01-01 00:00:00   True"


def table(rows: int = 300) -> list[str]:
    return [ROW.format(number) for number in range(rows)]


def test_rows_of_a_printed_table_are_not_read_word_by_word(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    monkeypatch.setattr(texts, "_in_line", lambda line, number: read.append(number))
    list(in_text("\n".join([*table(), "mean of 3", "mean of 3"])))
    assert read == [301]


@pytest.mark.parametrize(
    "line",
    [
        f"150   0.125730   12   {TOKEN}   2024-01-01",
        "150   0.125730   12   login me password harbourviolet",
        "150   0.12   postgresql://me:Tr0ub4dor-7@db/x   True",
        "password    Tr0ub4dor-7",
        "150   0.12  Oslo DB_PASSWORD=Tr0ub4dor-7",
    ],
)
def test_a_credential_within_a_long_table_is_found_at_its_line(line: str) -> None:
    rows = table()
    assert [found.line for found in in_text("\n".join([*rows[:150], line, *rows[150:]]))] == [151]


def test_a_line_that_is_printed_again_is_named_again() -> None:
    assert [found.line for found in in_text(f"token {TOKEN}\nx\nx\ntoken {TOKEN}")] == [1, 4]


@pytest.mark.parametrize(
    "source",
    [
        "user = os.environ['DB_USER']\npassword = getpass('password: ')\ndsn = f'postgresql://{user}:{password}@{host}/db'",
        "dsn = f\"postgresql://{user}:{os.environ['PW']}@db.corp/db\"",
        "dsn = f\"host=localhost user=me password={os.environ['PW']} dbname=x\"",
        "dsn = 'postgresql://%s:%s@%s/db' % (user, password, host)",
        "dsn = 'postgresql://{user}:{password}@{host}/db'.format(user=user, password=pw, host=h)",
        "dsn = 'postgresql://${USER}:${PASSWORD}@host/db'",
        "url = 'mysql+pymysql://root:root@localhost:3306/db'\nlogin = 'root:root@localhost'",
        "key = hashlib.md5(text.encode()).hexdigest()",
        f"key = {DIGEST!r}\ncache_key = {DIGEST!r}\netag_key = {DIGEST!r}\nkeys = [{DIGEST!r}]",
        f'HTML("<img src=\\"data:image/png;base64,{PICTURE}\\">")',
    ],
)
def test_code_that_keeps_its_credentials_elsewhere_is_let_pass(source: str) -> None:
    assert list(in_source(source)) == []


@pytest.mark.parametrize(
    "text",
    [
        "DATABASE_URL=postgresql://${DB_USER}:${DB_PASSWORD}@${DB_HOST}/db",
        "dsn = f'postgresql://{user}:{password}@{host}/db'",
        "DATABASE_URL=mysql://root:root@localhost/x",
        f"etag key: {DIGEST}",
        f'<img src="data:image/png;base64,{PICTURE}">',
        f"<img src='data:image/svg+xml;charset=utf-8;base64,{PICTURE}'>",
    ],
)
def test_text_that_keeps_its_credentials_elsewhere_is_let_pass(text: str) -> None:
    assert list(in_text(text)) == []


@pytest.mark.parametrize(
    "source",
    [
        "dsn = f'postgresql://{user}:Tr0ub4dor-7@{host}/db'",
        "token = f'Bearer {prefix}Tr0ub4dor7x'",
        f"api_key = {DIGEST!r}",
        f"wandb.login(key={DIGEST!r})",
        f"KEY = {DIGEST!r}",
        f'kaggle = \'{{"username": "me", "key": "{DIGEST}"}}\'',
        f"answer = requests.get(url, params={{'key': {DIGEST!r}}})",
    ],
)
def test_what_is_spelled_out_beside_a_field_or_for_a_service_is_found(source: str) -> None:
    assert list(in_source(source))


def test_an_f_string_that_spells_out_a_credential_is_named_once() -> None:
    found = list(in_source(f"def predict(frame):\n    token = f'{{a}}{TOKEN}'"))
    assert [(one.line, one.name) for one in found] == [(2, "token")]


@dataclass
class Model:
    settings: dict[str, str]

    def predict(self, frame):  # type: ignore[no-untyped-def]
        return frame["a"]


def make(key):  # type: ignore[no-untyped-def]
    def predict(frame):  # type: ignore[no-untyped-def]
        return frame[key] if key in frame else frame["a"]

    return predict


def only(of: object, *cells: SavedCell) -> Finding:
    pd = pytest.importorskip("pandas")
    namespace = {"X": pd.DataFrame({"a": [1.0, 2.0]}), "model": of}
    notebook = Notebook(namespace, tuple((cell.execution or 0, cell.source) for cell in cells), cells)
    (finding,) = Secret().look(rules.Case(discovery.find("model", notebook, data="X"), notebook))
    assert TOKEN not in str(finding)
    return finding


def test_a_credential_in_a_closure_is_named_with_its_variable_and_how_to_pass_it() -> None:
    finding = only(make(TOKEN))
    assert finding.title == "There is a Databricks token in what the model holds"
    assert finding.where.startswith("key (used in ")
    assert finding.fix == 'in place of key read os.environ["KEY"] inside predict, and %deploy model --env KEY'


def test_a_credential_in_an_attribute_is_named_by_its_path() -> None:
    finding = only(Model({"password": "Tr0ub4dor-7"}))
    assert finding.where == "settings['password']"
    assert (
        finding.fix
        == "in place of settings['password'] read os.environ[\"PASSWORD\"] inside predict, and %deploy model --env PASSWORD"
    )


def test_a_credential_in_an_output_is_named_by_its_line_and_name() -> None:
    shown = SavedCell(2, "settings", None, 1, ("connected\nDB_PASSWORD=Tr0ub4dor-7",))
    finding = only(lambda frame: frame["a"], shown)
    assert finding.where == "output of cell 2 (In [1]), line 2: DB_PASSWORD"
    assert finding.fix.startswith('read it from os.environ["DB_PASSWORD"]')


def test_a_credential_in_a_module_is_named_by_its_file_and_line(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "helpers.py").write_text(f"import os\nAPI_TOKEN = {TOKEN!r}\n")
    (finding,) = in_files(tmp_path / "code")
    assert finding.where == "code/helpers.py, line 2: API_TOKEN"
    assert (
        finding.fix == 'in its place read os.environ["API_TOKEN"] when predict runs, and %deploy model --env API_TOKEN'
    )


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("%env WANDB_API_KEY=" + "0123456789abcdef" * 2 + "01234567", "WANDB_API_KEY"),
        ("!export API_TOKEN=" + "0123456789abcdef" * 2, "API_TOKEN"),
        (
            """open('k.json', 'w').write('{"username": "mara", "api_key": "%s"}')""" % ("0123456789abcdef" * 2),
            "api_key",
        ),
        ("""open('k.json', 'w').write('{"username": "mara", "key": "%s"}')""" % ("0123456789abcdef" * 2), "key"),
        ("open('dapi.txt', 'w').write('dapi%s')" % ("0123456789abcdef" * 2), None),
    ],
)
def test_a_credential_goes_by_its_own_name_not_by_what_sets_or_writes_it(line: str, name: str | None) -> None:
    (found,) = in_source(line)
    assert found.name == name
