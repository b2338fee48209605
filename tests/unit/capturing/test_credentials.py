from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from nb2prod.capturing import discovery, rules
from nb2prod.capturing.credentials import kind
from nb2prod.capturing.credentials.files import in_file, in_pickle
from nb2prod.capturing.credentials.texts import in_source, in_text
from nb2prod.capturing.execution import Notebook, SavedCell
from nb2prod.capturing.rules.secrets import Secret
from nb2prod.records.capture import Finding

TOKEN = "dapi" + "0123456789abcdef" * 2
PASSWORD = "Tr0ub4dor-7"
KEY = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"


def lines(source: str) -> list[tuple[int, str | None]]:
    return [(found.line, found.name) for found in in_source(source)]


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (f"import os\nos.environ['DB_PASSWORD'] = {PASSWORD!r}", 2),
        (f"connect(host='db', password={PASSWORD!r})", 1),
        (f"def predict(frame, *, token={TOKEN!r}):\n    return frame", 1),
        (f"config = {{'db': {{}}}}\nconfig['db']['passwd'] = {PASSWORD!r}", 2),
        (f"t = {TOKEN[:9]!r} + {TOKEN[9:]!r}", 1),
        (f"t = ''.join([{TOKEN[:9]!r}, {TOKEN[9:]!r}])", 1),
        (f"url = f'postgresql://me:{PASSWORD}@{{host}}/x'", 1),
        (f"x = 1\n# the old one was {TOKEN}", 2),
        (f"%env API_TOKEN={TOKEN[4:]}", 1),
        (f"%%bash\nexport AWS_SECRET_ACCESS_KEY={'wJalrXUtnFEMI' + '/K7MDENG/bPxRfiCYz9qL3vTeXa8Q'}", 2),
        (f"get(url, auth=('me', {PASSWORD!r}))", 1),
        (f"client.login('me', {PASSWORD!r})", 1),
        (f"pw = os.getenv('DB_PASSWORD', {PASSWORD!r})", 1),
        (f"cfg = '''\ndb:\n  password: {PASSWORD}\n'''", 1),
        ("q = \"CREATE USER etl IDENTIFIED BY 'Tig3rTail'\"", 1),
        ("password = bytes.fromhex('547230756234646f722d37').decode()", 1),
        ("mot_de_passe = 'printemps24'", 1),
        ("server.login('alerts@example.com', 'abcd efgh ijkl mnop')", 1),
        ("os.environ['PGPASSWORD'] = 'kartoffel3'", 1),
        ("url = 'jdbc:oracle:thin:scott/Tig3rTail@//ora.corp.example:1521/ORCL'", 1),
        ("password = base64.b64decode('VHIwdWI0ZG9yLTc=').decode()", 1),
        (f"# the pw for the dwh is {PASSWORD}\nx = 1", 1),
    ],
)
def test_a_cell_tells_the_line_of_a_credential(source: str, line: int) -> None:
    assert [found[0] for found in lines(source)] == [line]


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (f"a = {TOKEN[:9]!r}\nb = {TOKEN[9:]!r}\nt = f'{{a}}{{b}}'", 3),
        (f"t = {TOKEN[::-1]!r}[::-1]", 1),
        (f"t = ''.join(chr(c ^ 42) for c in {[ord(c) ^ 42 for c in TOKEN]!r})", 1),
        (f"t = bytes(b ^ 23 for b in {bytes(ord(c) ^ 23 for c in TOKEN)!r}).decode()", 1),
        (f"pw = ''.join(map(chr, {[ord(c) for c in PASSWORD]!r}))", 1),
        ("api_key = codecs.decode('nM4kq7Xz2PbV9tLc', 'rot13')", 1),
        ("dsn = 'postgresql://{u}:{p}@db/x'.format(u='me', p='kartoffel7')", 1),
    ],
)
def test_what_code_makes_of_constants_is_read(source: str, line: int) -> None:
    assert line in [found[0] for found in lines(source)]


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("x = 'sommer24'\nconnect(user='me', password=x)", 2),
        ("def connect(host, user, passwort): ...\nconnect('db', 'me', 'blauwal')", 2),
        ("Login = namedtuple('Login', 'user password')\nlogin = Login('me', 'blauwal')", 2),
        ("config = dict(zip(['user', 'password'], ['me', 'blauwal']))", 1),
        ("env = [{'name': 'DB_PASSWORD', 'value': 'blauwal7'}]", 1),
        ("secrets = {'warehouse': 'Blau-Wal-7'}", 1),
        ("parser.add_argument('--password', default='blauwal7')", 1),
        ("db_password = 84637281", 1),
        (f'def f():\n    """Asks.\n\n    >>> g = OpenCage({KEY!r})\n    """', 2),
        ("client.username_pw_set('sensor', 'harbourviolet')", 1),
        ("driver.find_element('id', 'password').send_keys('harbourviolet')", 1),
        ("login = pika.PlainCredentials('scorer', 'harbourviolet')", 1),
        ("key = load_pem_private_key(data, password=b'harbour violet lantern copper')", 1),
        ("!mysql --password=harbourviolet -u root", 1),
        ("%%bash\nexport PGPASSWORD=harbourviolet", 2),
    ],
)
def test_a_value_is_followed_to_the_name_that_tells_what_it_is(source: str, line: int) -> None:
    assert line in [found[0] for found in lines(source)]


@pytest.mark.parametrize(
    ("source", "none"),
    [
        (f"openweather = {KEY!r}", f"digest = {KEY!r}"),
        (f"y = Fred({KEY!r})", f"y = UUID({KEY!r})"),
        (f"x = {KEY!r}  # the api key", f"x = {KEY!r}  # md5 of the key"),
        (f"!wandb login {KEY}", f"!wandb restore {KEY}"),
    ],
)
def test_hexadecimal_digits_are_a_key_where_something_beside_says_so(source: str, none: str) -> None:
    assert lines(source)
    assert not lines(none)


def test_code_of_the_cells_before_is_known() -> None:
    assert [found.line for found in in_source("t = a + b", {"a": TOKEN[:9], "b": TOKEN[9:]})] == [1]
    assert not list(in_source("t = a + b"))


@pytest.mark.parametrize(
    "text",
    [
        f"user        me\npassword    {PASSWORD}\ndtype: object",
        f"<tr><th>password</th>\n      <td>{PASSWORD}</td></tr>",
        f"| password | {PASSWORD} |",
        f"- name: DB_PASSWORD\n  value: {PASSWORD}",
        "<db><password>blauwal7</password></db>",
        f"Das Passwort lautet: {PASSWORD}",
        f"login: me / {PASSWORD}",
        "the password is harbour-violet-lantern",
        f"<property><name>javax.jdo.ConnectionPassword</name><value>{PASSWORD}</value></property>",
        f"wandb login --relogin {KEY}",
        f"dvc remote modify origin --local password {KEY}",
        f"<td>fs.azure.account.key.lake.dfs.core.windows.net</td><td>{KEY}{KEY}</td>",
    ],
)
def test_tables_and_prose_are_read(text: str) -> None:
    assert list(in_text(text))


@pytest.mark.parametrize(
    "source",
    [
        "token = os.environ['API_TOKEN']",
        "headers = {'Authorization': f'Bearer {token}'}",
        "frame = frame.rename(columns={'pwd': 'password_hash'})",
        "dtype = {'password_age': 'float64', 'token': 'category'}",
        "vectoriser = TfidfVectorizer(token_pattern=r'(?u)\\b\\w+\\b')",
        "pw = keyring.get_password('warehouse', 'etl2')",
        "t = dbutils.secrets.get(scope='prod', key='db-password-1')",
        "def f(\n    token: Optional[Token] = None,\n    password: str | None = None,\n): ...",
        "columns = ['NumberOfTime30-59DaysPastDueNotWorse']",
        "secret_id = 'projects/123/secrets/db-pass/versions/latest'",
        "# the password is required and the token for padding is [PAD]\nuses = 'actions/checkout@v4'",
        "commit = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b'",
        "url = 'postgresql://user:password@host/db'",
        "url = 'postgresql://postgres:postgres@localhost/db'",
        "size = 'Standard_ND96amsr_A100_v4'\ncolumn = 'Mean_Acc1298_Std_Mem40_Flux'",
        "CACHE_READ_TOKEN_KEYS = ('cacheReadInputTokenCount', 'cache_creation_input_tokens_above_1hr')",
        "client = MLClient(credential, subscription_id='9ec1d932-0f3f-486c-acc6-e7d78b358f9b')",
        "key_id = 'AKIAIOSFODNN7EXAMPLE'\ntoken = 'hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'",
        "genesis = '1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa'\npod = 'churn-api-7d9c5b6f4-x2k8p'",
        "password_hasher = 'pbkdf2_sha256'\nauth_mechanism = 'SCRAM-SHA-256'",
        "help_text = 'usage: load --dsn postgresql://USER:PASSWORD@HOST/DB'",
        "labels = {'de': {'password': 'Passwort'}, 'es': {'password': 'Clave de acceso'}}",
        "coefficients = np.frombuffer(base64.b64decode('zczMPZqZmT6amRk/MzMzvwrXIzxSuB6/cT0KP7gehT4='))",
        "# password = load_password()\nconnect('db.corp', 'me', 'sales')",
        "!gdown --id 1gE258b6bvIMiM7hk0T96R5Fpt5XNHkAf",
        "encoder = tiktoken.encoding_for_model('gpt-3.5-turbo')",
        "cohere_package = 'cohere-gpt-medium-v1-8-081bb643f4ae3394a249d913abc6085c'",
    ],
)
def test_code_that_speaks_of_credentials_holds_none(source: str) -> None:
    assert lines(source) == []


def test_outputs_are_read_as_people_see_them() -> None:
    assert [found.name for found in in_text(f"HOME=/home/me\nDB_PASSWORD={PASSWORD}")] == ["DB_PASSWORD"]
    assert list(in_text(f"could not connect to postgresql://me:{PASSWORD}@db/x"))
    picture = "iVBORw0KGgo" + "AKIA" + "Z7Q2" * 4 + "=" * 40
    assert not list(in_text(f'<img src="data:image/png;base64,{picture}">'))
    assert not list(in_text("password: required\ntoken  1042\nloss: 0.69 - token/s: 12345.67"))


def test_strings_of_a_pickle_are_read_with_their_keys() -> None:
    assert [found.name for found in in_pickle(pickle.dumps({"password": PASSWORD}))] == ["password"]
    words = ["password", "secret", "secretary", "token", "tokens", "key", "hunting"]
    assert not list(in_pickle(pickle.dumps(words)))
    assert list(in_pickle(pickle.dumps([TOKEN.encode()])))


def test_configuration_and_keys_beside_a_model_are_read(tmp_path: Path) -> None:
    for name, text in {
        "settings.ini": f"[db]\npassword = {PASSWORD}\n",
        "settings.json": f'{{"db": {{"password": "{PASSWORD}"}}}}',
        "key.pem": "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n",
        "loader.py": f"def f():\n    token = {TOKEN!r}\n",
    }.items():
        (tmp_path / name).write_text(text)
        assert list(in_file(tmp_path / name)), name


def test_a_random_text_is_a_key_in_code_alone() -> None:
    text = "wJalrXUtnFEMIK7MDENGbPxRfiCYz9qL3vTe"
    assert kind(text, code=True)
    assert kind(text) is None
    assert kind(text, ["file_id"], code=True) is None


@pytest.mark.parametrize(
    "text",
    [
        f"jdbc:postgresql://db:5432/x?user=me&password={PASSWORD}",
        f"machine api.example.com login me password {PASSWORD}",
        f"docker login -u me -p {PASSWORD} reg.example",
    ],
)
def test_passwords_as_programs_take_them_are_found(text: str) -> None:
    assert kind(text)


def test_importing_the_rules_does_not_import_detect_secrets() -> None:
    code = "import sys, nb2prod.capturing.rules as r; r.every(); sys.exit('detect_secrets' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def look(
    cells: list[SavedCell], executed: list[tuple[int, str]] | None = None, path: Path | None = None
) -> list[Finding]:
    pd = pytest.importorskip("pandas")
    namespace = {"X": pd.DataFrame({"a": [1.0, 2.0]})}
    namespace["predict"] = predict
    ran = executed or [(cell.execution or 0, cell.source) for cell in cells]
    notebook = Notebook(namespace, tuple(ran), tuple(cells), path)
    found = discovery.find("predict", notebook, data="X")
    return list(Secret().look(rules.Case(found, notebook)))


def predict(frame):  # type: ignore[no-untyped-def]
    return frame["a"]


MAKES = SavedCell(1, "def predict(frame):\n    return frame['a']", None, 1)


def test_a_credential_in_an_output_is_named_by_its_cell_and_cleared() -> None:
    shown = SavedCell(3, "connect()", None, 2, (f"connected with {TOKEN}",))
    (finding,) = look([MAKES, shown])
    assert (finding.severity, finding.where) == ("refuse", "output of cell 3 (In [2])")
    assert 'os.environ["TOKEN"]' in finding.fix
    assert finding.fix.endswith("clear that output, save the notebook, and %deploy again")
    assert TOKEN not in str(finding)


def test_a_cell_that_was_mended_and_saved_is_no_finding_though_it_ran_with_the_credential() -> None:
    mended = SavedCell(2, "token = os.environ['TOKEN']", None, 3)
    ran = [(1, MAKES.source), (2, f"token = {TOKEN!r}"), (3, mended.source)]
    assert look([MAKES, mended], ran) == []
    (finding,) = look([MAKES, SavedCell(2, f"token = {TOKEN!r}", None, 2)])
    assert finding.where == "cell 2 (In [2]), line 1: token"
    assert 'os.environ["TOKEN"]' in finding.fix
    assert "--env TOKEN" in finding.fix


def test_markdown_cells_and_metadata_of_the_file_are_read(tmp_path: Path) -> None:
    path = tmp_path / "notebook.ipynb"
    cells = [
        {"cell_type": "code", "source": MAKES.source, "metadata": {}, "outputs": []},
        {"cell_type": "markdown", "source": [f"Log in with password {PASSWORD}"], "metadata": {}},
    ]
    document = {"cells": cells, "metadata": {"papermill": {"parameters": {"api_token": TOKEN[4:]}}}}
    path.write_text(json.dumps(document))
    assert [finding.where for finding in look([MAKES], path=path)] == [
        "cell 2, line 1",
        "metadata of the notebook: api_token",
    ]


def test_a_credential_is_told_where_it_is_spelled_and_not_where_its_variable_is_used() -> None:
    from nb2prod.capturing.credentials.texts import in_source

    spelled = 'TOKEN = "dapi' + "0123456789abcdef" * 2 + '"'
    used = 'h = {"Authorization": "Bearer " + TOKEN}\nos.environ["TOKEN"] = TOKEN\ng = {"Authorization": f"Bearer {TOKEN}"}'
    assert [found.line for found in in_source(f"{spelled}\n{used}", {})] == [1]
    joined = 'h = {"Authorization": "dapi" + "' + "0123456789abcdef" * 2 + '"}'
    assert [found.line for found in in_source(joined, {})] == [1]
    assert [found.line for found in in_source('word = "harbour-Gate7"\nlogin(password=word)', {})] == [2]
