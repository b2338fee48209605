"""Credentials by the place that they are in: commands, tables, calls by position, other languages, what is written around."""

from __future__ import annotations

import pytest

from nb2prod.capturing.credentials import calls, names, tables
from nb2prod.capturing.credentials.texts import in_source, in_text

TYPED = "Vi0let-Harbour!7"
PLAIN = "harbour-Violet-77"
DRAWN = "Zq7Lw2Xn9Rv4Tb6Kp1Ys8Md3"


def found(source: str) -> bool:
    return any(in_source(source))


@pytest.mark.parametrize(
    "source",
    [
        f"!redis-cli -h cache -a {PLAIN} ping",
        f"!ldapsearch -x -D cn=reader -w {PLAIN} -b dc=corp",
        f"!sqlplus scott/{PLAIN}@orcl @report.sql",
        f"!lftp -u me,{PLAIN} sftp://files.corp.example",
        f"!echo {PLAIN} | sudo -S apt-get install unixodbc",
        f"!beeline -u jdbc:hive2://h:10000 -n me -p {PLAIN}",
        f"!keytool -list -storepass {PLAIN}",
        f"!poetry config http-basic.corp me {PLAIN}",
        f"!ssh-keygen -t ed25519 -f id -N '{PLAIN}'",
        f"!kubectl create secret generic db --from-literal=password={PLAIN}",
        f"subprocess.run(['sshpass', '-p', '{PLAIN}', 'ssh', 'host'])",
        f"subprocess.run(['az', 'login', '--password', '{PLAIN}'])",
    ],
)
def test_a_password_given_to_a_command_is_found(source: str) -> None:
    assert found(source)


@pytest.mark.parametrize(
    "source",
    [
        "!psql -h db -U me -p 5432 -d sales",
        "!nvidia-smi -a -l 5",
        "!python train.py -n 12 -w data/w2 -p 0.5",
        "!echo done | tee log2.txt",
        "subprocess.run(['git', 'clone', '--depth', '1', 'https://example.com/a/b'])",
        "subprocess.run(['python', '-m', 'train', '--token-column', 'word2vec'])",
    ],
)
def test_a_command_without_a_password_is_passed_over(source: str) -> None:
    assert not found(source)


@pytest.mark.parametrize(
    "text",
    [
        f"   user  password\n0  me  {TYPED}",
        f"| host | user | password |\n|---|---|---|\n| db1 | me | {TYPED} |",
        f"user,api_key\nme,{DRAWN}",
        f"<table><tr><th></th><th>user</th><th>password</th></tr><tr><th>0</th><td>me</td><td>{TYPED}</td></tr></table>",
        f"┌──────┬──────────┐\n│ user ┆ password │\n│ ---  ┆ ---      │\n│ str  ┆ str      │\n│ me   ┆ {TYPED} │",
    ],
)
def test_a_column_of_passwords_beside_their_users_is_found(text: str) -> None:
    assert any(in_text(text))


@pytest.mark.parametrize(
    "text",
    [
        "   password  strength\n0  kzde5577  1\n1  kino3434  1",  # what is studied
        "   user  token  count\n0  me  covid2019  12\n1  you  bert4rec  3",
        "user  password_age  key\nme  90 days  gold2024",
        "name,pass\nA,80%\nB,75%",
    ],
)
def test_a_table_that_only_sounds_like_it_is_passed_over(text: str) -> None:
    assert not any(in_text(text))


def test_rows_after_a_table_has_ended_are_not_its_own() -> None:
    assert [value for _, _, value in tables.pairs("user  password\nme  a\n\nyou  b")] == ["a"]


@pytest.mark.parametrize(
    "source",
    [
        f"client = Client('me@corp.example', '{TYPED}')",
        f"db = Database('10.1.1.1', 5432, 'me', '{TYPED}')",
        f"book.unlock('{TYPED}')",
        "key = SecretStr('harbour')",
        f"users = {{'me': '{TYPED}'}}",
        f"for user, pw in [('me', '{TYPED}')]:\n    pass",
        "def get_password():\n    return 'harbour'",
        "field = Field('harbour', alias='password')",
        "import base64\nheaders = {'Authorization': 'Basic ' + base64.b64encode(b'me:harbour7').decode()}",
        f"# connect('db.corp.example', 'me', '{TYPED}')",
        "enter = methodcaller('login', 'me', 'harbour')",
        f"handler = Mail('smtp.corp.example', ('alerts@corp.example', '{TYPED}'))",
        f"headers = {{'Authorization': 'SSWS {DRAWN}'}}",
        "cfg = gzip.decompress(base64.b64decode('H4sIAAAAAAACAytILC4uzy9Ksc1ILErKLy0yN+cqLU4tss1NBQB8RI8IGgAAAA==')).decode()",
    ],
)
def test_a_password_that_only_its_place_tells_is_found(source: str) -> None:
    assert found(source)


@pytest.mark.parametrize(
    "source",
    [
        "import base64\nheaders = {'Authorization': 'Basic ' + base64.b64encode(f'{user}:{password}'.encode()).decode()}",
        "import base64\nexample = 'Basic ' + base64.b64encode(b'user:password').decode()",
        "plot('Sales', 'Growth 2024!')",
        "users = {'me': 'Berlin', 'you': 'Paris 2'}",
        "for name, age in [('Owen', '22')]:\n    pass",
        "def get_password_column():\n    return 'pw2'",
        "model.push_to_hub('your-name/t5-large_PREFIX_TUNING_SEQ2SEQ')",
        "AutoProcessor.from_pretrained('Qwen/Qwen3-VL-4B-Instruct')",
        "AutoModel.from_pretrained('superb/wav2vec2-base-superb-ks')",
    ],
)
def test_arguments_of_everyday_are_passed_over(source: str) -> None:
    assert not found(source)


@pytest.mark.parametrize(
    "name",
    ["密码", "数据库密码", "パスワード", "비밀번호", "пароль", "db_passord", "dbpass", "parolă", "şifre", "रूट_पासवर्ड"],
)
def test_names_in_other_languages_hold_passwords(name: str) -> None:
    assert names.holds(name, "harbour7")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("secret_ingredient", "nutmeg"),
        ("password_rule", "At least 12 characters, one digit and one capital letter"),
        ("compass", "north42"),
        ("lowpass", "butter4"),
        ("pwd_dir", "workspace"),
        ("token_mixer", "mlp2x_gelu"),
        ("pass_through", "stage3"),
        ("pipeline_lpw", "pipe2"),
        ("password", "input[name=pass]"),
        ("secret", "#DD8452"),
    ],
)
def test_names_that_say_something_else_hold_none(name: str, value: str) -> None:
    assert not names.holds(name, value)


@pytest.mark.parametrize("word", ["oslo", "Roma", "toby"])
def test_a_password_spelt_out_may_be_a_short_word(word: str) -> None:
    assert found(f"password = {word!r}")
    assert not found(f"pwd = {word!r}")


@pytest.mark.parametrize(
    "text",
    [
        "mssql+pyodbc:///?odbc_connect=UID%3Dme%3BPWD%3Dharbour77",
        "db.corp.example:5432:dw:me:harbour77",
        f"SECRET_KEY={DRAWN}(&^%x",
        f"connecting with me:{PLAIN}@db.corp.example:5432",
        f"[('user', 'me'), ('password', '{TYPED}')]",
        f"INSERT INTO users (name, password) VALUES ('me', '{TYPED}')",
        "https://flows.corp.example/webhook/0a1b2c3d-0a1b-4c3d-8e5f-0a1b2c3d4e5f",
    ],
)
def test_what_is_encoded_or_stands_in_a_line_of_its_own_is_found(text: str) -> None:
    assert any(in_text(text))


def test_a_run_of_consonants_is_no_word() -> None:
    assert names.is_key("h7gndrxucimdcwkq9p09i2gsz7rm4pz")
    assert not names.is_key("internationalisation2024v2")


def test_the_last_argument_of_a_login_is_a_password_for_certain() -> None:
    assert calls.password(["login"], ["me", "harbour"], 1) is True
    assert calls.password(["replace"], ["me", "harbour"], 1) is None
