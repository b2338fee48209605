"""A fourth set, written after the rules were widened for the third: forty credentials, ten texts that only look like them."""

from __future__ import annotations

import base64
from typing import Any

from cases import DIGITS, FIT, HEX, LOWER, UPPER, Case, Kinds, cell, with_predict

ASK = "def predict(frame):\n    {0}\n    return frame['age']"

FOURTH: list[Case] = [
    ("Cassandra provider", lambda k: cell(f"def PlainTextAuthProvider(**k): pass\nPlainTextAuthProvider(username='cass', password='blue{k.of(LOWER, 6)}')", FIT)),
    ("CouchDB URL", lambda k: cell(f"c = 'http://admin:{k.mixed(8)}@couch.example:5984/'", FIT)),
    ("InfluxDB token", lambda k: cell(f"def InfluxDBClient(**k): pass\nInfluxDBClient(url='http://i:8086', token='{k.mixed(86)}==', org='o')", FIT)),
    ("Trino basic", lambda k: cell(f"def BasicAuthentication(*a): pass\nBasicAuthentication('me', {k.password()!r})", FIT)),
    ("proxy in the environment", lambda k: cell(f"os.environ['HTTPS_PROXY'] = 'http://me:{k.mixed(9)}@proxy.corp.example:3128'", FIT)),
    ("pip index in an output", lambda k: cell(FIT, "1", outputs={2: f"PIP_INDEX_URL=https://u:{k.mixed(20)}@nexus.example/simple"})),
    ("Azure OpenAI", lambda k: cell(f"AZURE_OPENAI_KEY = '{k.hex32()}'", FIT)),
    ("Azure SQL connection string", lambda k: cell(f"s = 'Server=tcp:x.database.windows.net,1433;User ID=me;Password={k.password()};Encrypt=True'", FIT)),
    ("Cosmos key", lambda k: cell(f"c = 'AccountEndpoint=https://x.documents.azure.com:443/;AccountKey={base64.b64encode(k.draw.randbytes(64)).decode()}=='", FIT)),
    ("AWS session token", lambda k: cell(f"aws_session_token = '{k.mixed(180)}=='", FIT)),
    ("AWS credentials file", lambda k: cell(f"t = '''[default]\naws_access_key_id = {k.aws()}\naws_secret_access_key = {k.aws_secret()}\n'''", FIT)),
    ("boto positional", lambda k: cell(f"def Session(*a): pass\nSession({k.aws()!r}, {k.aws_secret()!r})", FIT)),
    ("GCS HMAC", lambda k: cell(f"hmac_key = 'GOOG1E{k.of(UPPER + '234567', 55)}'", FIT)),
    ("Slack app token", lambda k: cell(f"s = 'xapp-1-A{k.of(UPPER + DIGITS, 10)}-{k.of(DIGITS, 13)}-{k.of(HEX, 64)}'", FIT)),
    ("Telegram URL", lambda k: cell(f"u = 'https://api.telegram.org/bot{k.telegram()}/sendMessage'", FIT)),
    ("Pushover user", lambda k: cell(f"params = {{'token': 'a{k.mixed(29)}', 'message': 'done'}}", FIT)),
    ("Discord bot", lambda k: cell(f"bot_token = 'MTE{k.mixed(21)}.{k.mixed(6)}.{k.mixed(38)}'", FIT)),
    ("HF in headers f-string joined", lambda k: cell("h = {'authorization': f'Bearer " + k.huggingface() + "'}", FIT)),
    ("W&B environment", lambda k: cell(f"%env WANDB_API_KEY={k.of(HEX, 39)}7", FIT)),
    ("Comet", lambda k: cell(f"def Experiment(**k): pass\nExperiment(api_key='{k.mixed(25)}', project_name='x')", FIT)),
    ("Neptune token", lambda k: cell("def init_run(**k): pass\ninit_run(api_token='" + base64.b64encode(b'{"api_address":"https://app.neptune.ai","api_key":"' + k.uuid().encode() + b'"}').decode() + "')", FIT)),
    ("kwargs dict", lambda k: cell(f"kw = dict(user='etl', passwd='{k.of(LOWER, 8)}')", FIT)),
    ("walrus", lambda k: cell(f"if (db_pwd := {k.password()!r}): pass", FIT)),
    ("conditional", lambda k: cell(f"prod = True\npassword = {k.password()!r} if prod else None", FIT)),
    ("property", lambda k: with_predict(f"class A:\n    @property\n    def password(self):\n        return {k.password()!r}\na = A()", ASK.format("a.password"))),
    ("class method default", lambda k: with_predict(f"class A:\n    def ask(self, api_key={k.mixed(32)!r}): return 1\na = A()", ASK.format("a.ask()"))),
    ("list of pairs", lambda k: cell(f"pairs = [('user', 'me'), ('password', {k.password()!r})]", FIT)),
    ("zip of names", lambda k: cell(f"os.environ |= {{'ES_PASSWORD': 'green{k.of(DIGITS, 3)}'}}", FIT)),
    ("German", lambda k: cell(f"passwort = 'fruehling{k.of(DIGITS, 2)}'", FIT)),
    ("French", lambda k: cell(f"mot_de_passe = 'printemps{k.of(DIGITS, 2)}'", FIT)),
    ("Spanish", lambda k: cell(f"contrasena = 'primavera{k.of(DIGITS, 2)}'", FIT)),
    ("hex of a password", lambda k: cell(f"password = bytes.fromhex('{k.password().encode().hex()}').decode()", FIT)),
    ("reversed", lambda k: cell(f"token = '{k.github()[::-1]}'[::-1]", FIT)),
    ("percent formatting", lambda k: cell(f"dsn = 'postgresql://%s:%s@%s/db' % ('me', {k.password()!r}, 'db')", FIT)),
    ("format call", lambda k: cell(f"dsn = 'postgresql://{{}}:{{}}@db/x'.format('me', {k.password()!r})", FIT)),
    ("SQL", lambda k: cell(f"q = \"CREATE USER etl IDENTIFIED BY '{k.password()}'\"", FIT)),
    ("SQL COPY", lambda k: cell(f"q = \"COPY t FROM 's3://b/x' CREDENTIALS 'aws_access_key_id={k.aws()};aws_secret_access_key={k.aws_secret()}'\"", FIT)),
    ("DuckDB secret", lambda k: cell(f"q = \"CREATE SECRET (TYPE S3, KEY_ID 'x', SECRET '{k.aws_secret()}')\"", FIT)),
    ("sshpass", lambda k: cell(f"!echo sshpass -p {k.password()} ssh me@host", FIT)),
    ("mysql -p", lambda k: cell(f"!echo mysql -u root -p{k.password()} shop", FIT)),
]  # fmt: skip


def clean_fourth() -> list[tuple[str, dict[str, Any]]]:
    k = Kinds(17)
    return [
        ("SQL", cell("q = \"SELECT token, password FROM users WHERE key = 'abc123def456'\"", FIT)),
        ("formats", cell("s = '{}:{}'.format('age', 'income2')\nt = '%s/%s' % ('a1', 'b2')", FIT)),
        ("options", cell("!echo python train.py -p 8080 --token-limit 4096 --key-column customer_id2", FIT)),
        ("bytes", cell(f"magic = bytes.fromhex('{k.of(HEX, 16)}')", FIT)),
        ("pairs of columns", cell("pairs = [('token', 'count'), ('password', 'length')]", FIT)),
        ("properties", cell("class A:\n    @property\n    def token_type(self): return 'subword2'", FIT)),
        ("passes", cell("n_passes = 3\nbypass = 'valve12'\ncompass = 'north12'\npassenger = 'P1234567'\npassport_no = 'column_7'", FIT)),
        ("secretary", cell("secretary = 'Anna Karenina 2'\nkeyboard = 'qwertz105'\ntokenizer_name = 'bert2bert'", FIT)),
        ("binding", cell("class S:\n    def bind(self, *a): pass\nS().bind('127.0.0.1', '8080')", FIT)),
        ("feature store", cell("entity_key = 'driver_id_v2'\nfeature_key = 'driver_hourly_stats_2024:conv_rate'", FIT)),
    ]  # fmt: skip
