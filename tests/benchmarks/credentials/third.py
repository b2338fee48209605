"""A third set, written after the rules were widened for the second: thirty credentials, ten texts that only look like them."""

from __future__ import annotations

import base64
from typing import Any

from cases import ALNUM, DIGITS, FIT, HEX, LOWER, Case, Kinds, cell, with_predict

ASK = "def predict(frame):\n    {0}\n    return frame['age']"

THIRD: list[Case] = [
    ("cx_Oracle string", lambda k: cell(f"dsn = 'hr/{k.mixed(9)}@ora01.corp.example:1521/XEPDB1'", FIT)),
    ("LDAP bind", lambda k: cell(f"class L:\n    def simple_bind_s(self, *a): pass\nL().simple_bind_s('cn=reader,dc=corp', {k.password()!r})", FIT)),
    ("ftp login", lambda k: cell(f"class F:\n    def login(self, *a): pass\nF().login('upload', '{k.of(LOWER, 9)}')", FIT)),
    ("keyring", lambda k: cell(f"def set_password(*a): pass\nset_password('dwh', 'etl', {k.password()!r})", FIT)),
    ("ClickHouse URL", lambda k: cell(f"u = 'clickhouse+native://default:{k.mixed(10)}@ch.example:9000/logs'", FIT)),
    ("NATS URL in a list", lambda k: with_predict(f"N = ['nats://svc:{k.mixed(12)}@nats.example:4222']", ASK.format("N"))),
    ("Kafka SASL", lambda k: cell(f"conf = {{'sasl.username': 'app', 'sasl.password': {k.mixed(20)!r}}}", FIT)),
    ("Kafka JAAS", lambda k: cell(f"jaas = 'org.apache.kafka.common.security.plain.PlainLoginModule required username=\"app\" password=\"{k.mixed(16)}\";'", FIT)),
    ("Airflow connection", lambda k: cell(f"os.environ['AIRFLOW_CONN_DWH'] = 'postgres://af:{k.mixed(12)}@db/dw'", FIT)),
    ("MinIO secret key", lambda k: cell(f"def Minio(*a, **k): pass\nMinio('s3.example:9000', access_key='reports', secret_key='{k.mixed(20)}')", FIT)),
    ("REDISCLI_AUTH", lambda k: cell(f"os.environ['REDISCLI_AUTH'] = {k.mixed(18)!r}", FIT)),
    ("SNOWSQL_PWD", lambda k: cell(f"os.environ['SNOWSQL_PWD'] = 'winter{k.of(DIGITS, 2)}'", FIT)),
    ("urlsafe base64 decoded", lambda k: cell(f"from base64 import b64decode\nsecret = b64decode({base64.b64encode(k.password().encode()).decode()!r})", FIT)),
    ("comment in prose, token", lambda k: cell(f"# token for staging is {k.of(HEX, 24)}a1\nx = 1", FIT)),
    ("Sentry DSN with a secret", lambda k: cell(f"d = 'https://{k.hex32()}:{k.hex32()}@sentry.example/2'", FIT)),
    ("Datadog keys", lambda k: cell(f"options = {{'api_key': '{k.hex32()}', 'app_key': '{k.of(HEX, 40)}'}}", FIT)),
    ("New Relic", lambda k: cell(f"nr = 'NRAK-{k.mixed(24).upper()}3A9'", FIT)),
    ("Airtable token", lambda k: cell(f"at = 'pat{k.mixed(14)}.{k.of(HEX, 64)}'", FIT)),
    ("Notion secret", lambda k: cell(f"n = 'secret_{k.mixed(43)}'", FIT)),
    ("Linear key", lambda k: cell(f"n = 'lin_api_{k.mixed(40)}'", FIT)),
    ("Replicate token", lambda k: cell(f"r = 'r8_{k.mixed(37)}'", FIT)),
    ("Cohere client", lambda k: cell(f"class cohere:\n    Client = staticmethod(lambda *a: None)\ncohere.Client('{k.mixed(40)}')", FIT)),
    ("password of an excel file", lambda k: cell(f"def load_key(**k): pass\nload_key(password='q{k.of(DIGITS, 4)}results')", FIT)),
    ("match case", lambda k: cell(f"creds = ['svc', {k.password()!r}]", FIT)),
    ("type-annotated global", lambda k: with_predict(f"API_TOKEN: str = {k.mixed(32)!r}", ASK.format("API_TOKEN"))),
    ("nested class of settings", lambda k: with_predict(f"class S:\n    class Db:\n        password = {k.password()!r}\n", ASK.format("S.Db"))),
    ("frozen set of keys", lambda k: with_predict(f"K = frozenset([{k.google()!r}])", ASK.format("K"))),
    ("output of env", lambda k: cell(FIT, "1", outputs={2: f"environ({{'USER': 'me', 'VAULT_TOKEN': 'hvs.{k.mixed(24)}'}})"})),
    ("output of a URL with userinfo", lambda k: cell(FIT, "1", outputs={2: f"Looking in indexes: https://ci:{k.mixed(16)}@pypi.corp.example/simple"})),
    ("netrc", lambda k: cell(f"n = 'machine api.example.com login me password {k.mixed(16, ALNUM)}'", FIT)),
]  # fmt: skip


def clean_third() -> list[tuple[str, dict[str, Any]]]:
    k = Kinds(13)
    return [
        ("camel names", cell("c = ['MonthlyChargesLast12MonthsAvgUSD', 'DebtToIncomeRatio2023Q4Final', 'hasPasswordResetInLast30Days']", FIT)),
        ("paths of objects", cell("secret_id = 'teams/risk/keys'\ntoken_key = 'auth/token/v2'", FIT)),
        ("prose", cell("# the token for padding is [PAD]; the password column is dropped, the secret is patience\nx = 1", FIT)),
        ("image of a container", cell(f"image = 'ghcr.io/org/model@sha256:{k.of(HEX, 64)}'", FIT)),
        ("login without a password", cell("class H:\n    def login(self, *a): pass\nH().login()", FIT)),
        ("token statistics", cell("token_stats = {'mean': 12.5, 'max_token': 'internationalisation'}", FIT)),
        ("subtokens", cell("subtoken = '##ing'\nbostoken = '<s>'\nnext_token = 'prediction'", FIT)),
        ("base64 of prose", cell("import base64\nt = base64.b64decode('aGVsbG8gd29ybGQ=')", FIT)),
        ("mail paths", cell("a = 'docs/readme@v2'\nb = 'org/repo@main'\nc = 'actions/checkout@v4'", FIT)),
        ("output of columns", cell(FIT, "1", outputs={2: "Index(['password_age', 'token_id', 'secret_question'], dtype='object')\nthe password is required\nthe token was expired"})),
    ]  # fmt: skip
