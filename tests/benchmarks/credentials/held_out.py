"""Credentials that the rules were not built with: other kinds, other names, other places."""

from __future__ import annotations

import base64

from cases import FIT, HEX, LOWER, Case, cell, with_predict

ASK = "def predict(frame):\n    {0}\n    return frame['age']"

HELD_OUT: list[Case] = [
    ("snowflake password", lambda k: cell(f"ctx = dict(user='ETL', account='xy12345.eu-west-1', password={k.password()!r})", FIT)),
    ("redis URL", lambda k: cell(f"r = 'redis://:{k.mixed(20)}@cache.corp.example:6379/0'", FIT)),
    ("amqp URL in a class", lambda k: cell(f"class Settings:\n    broker = 'amqp://svc:{k.mixed(10)}@mq.corp.example:5672'", FIT)),
    ("kaggle json", lambda k: cell("import json\nkaggle = json.loads('{\"username\":\"me\",\"key\":\"" + k.hex32() + "\"}')", FIT)),
    ("service account file", lambda k: cell("sa = {'type': 'service_account', 'private_key_id': '" + k.of(HEX, 40) + f"', 'private_key': {k.pem().replace('RSA ', '')!r}}}", FIT)),
    ("fernet key", lambda k: cell(f"fernet_key = {base64.urlsafe_b64encode(k.draw.randbytes(32)).decode()!r}", FIT)),
    ("sql magic", lambda k: cell(f"# connect\n%sql postgresql://me:{k.mixed(11)}@db/sales", FIT)),
    ("shell export", lambda k: cell(f"%%bash\nexport AWS_SECRET_ACCESS_KEY={k.aws_secret()}\naws s3 ls", FIT)),
    ("curl -u", lambda k: cell(f"!curl -u me:{k.mixed(9)} https://x.example/a || true", FIT)),
    ("curl header", lambda k: cell(f"!echo curl -H 'X-API-Key: {k.hex32()}' https://x.example", FIT)),
    ("aws configure", lambda k: cell(f"!echo aws configure set aws_secret_access_key {k.aws_secret()}", FIT)),
    ("getenv default", lambda k: cell(f"pw = os.getenv('WAREHOUSE_PASSWORD', {k.password()!r})", FIT)),
    ("or default", lambda k: cell(f"token = os.environ.get('TOKEN') or {k.mixed(30)!r}", FIT)),
    ("tuple unpacking", lambda k: cell(f"user, passwd = 'me', {k.password()!r}", FIT)),
    ("setattr", lambda k: cell(FIT, f"setattr(model, 'api_token', {k.mixed(32)!r})")),
    ("enum", lambda k: cell(f"from enum import Enum\nclass Key(Enum):\n    MAPS = {k.google()!r}", FIT)),
    ("namedtuple", lambda k: with_predict(f"from collections import namedtuple\nC = namedtuple('C', 'user secret')\nc = C('me', {k.password()!r})", ASK.format("c"))),
    ("SecretStr-like object", lambda k: with_predict(f"class S:\n    def __init__(self, v): self._secret_value = v\ns = S({k.mixed(16)!r})", ASK.format("s"))),
    ("object in slots", lambda k: with_predict(f"class P:\n    __slots__ = ('token',)\n    def __init__(self, t): self.token = t\np = P({k.github()!r})", ASK.format("p"))),
    ("array of objects", lambda k: with_predict(f"a = np.array(['x', {k.slack()!r}], dtype=object)", ASK.format("a"))),
    ("frame of settings", lambda k: with_predict(f"s = pd.DataFrame({{'key': ['dsn'], 'value': [{k.postgres()!r}]}})", ASK.format("s"))),
    ("series of settings", lambda k: with_predict(f"s = pd.Series({{'openai': {k.openai()!r}}})", ASK.format("s"))),
    ("dict key", lambda k: with_predict(f"d = {{{k.databricks()!r}: 'prod'}}", ASK.format("d"))),
    ("bytearray", lambda k: with_predict(f"b = bytearray({k.stripe().encode()!r})", ASK.format("b"))),
    ("joined pieces", lambda k: (lambda t: cell(f"t = ''.join([{t[:9]!r}, {t[9:]!r}])", FIT))(k.github())),
    ("yaml in a string", lambda k: cell(f"cfg = '''\ndb:\n  user: me\n  password: {k.password()}\n'''", FIT)),
    ("json in a string", lambda k: cell("cfg = '{\"host\": \"db\", \"password\": \"" + k.password() + "\"}'", FIT)),
    ("ini in an output", lambda k: cell(FIT, "1", outputs={2: f"[db]\nuser = me\npassword = {k.password()}\n"})),
    ("frame in an output", lambda k: cell(FIT, "1", outputs={2: f"<tr><th>0</th><td>prod</td><td>{k.jwt()}</td></tr>"}, html=True)),
    ("error with a header", lambda k: cell(FIT, "1", outputs={2: f"HTTPError: 401, request headers: {{'Authorization': '{k.bearer()}'}}"})),
    ("SAS URL", lambda k: cell(f"u = 'https://lake.blob.core.windows.net/c/f.csv?sv=2022-11-02&sig={k.mixed(43)}%3D'", FIT)),
    ("URL with api key", lambda k: cell(f"u = 'https://api.example.com/v1/weather?q=Oslo&apikey={k.hex32()}'", FIT)),
    ("git clone with a token", lambda k: cell(f"# !git clone https://{k.github()}@github.com/me/private.git", FIT)),
    ("pgpass comparison", lambda k: with_predict(f"def predict(frame):\n    ok = os.sep == {k.password()!r}\n    password = {k.password()!r}\n    return frame['age']")),
    ("lambda step", lambda k: cell(f"from sklearn.preprocessing import FunctionTransformer\nmodel = make_pipeline(FunctionTransformer(lambda x, token={k.mixed(28)!r}: x), LogisticRegression()).fit(X, y)")),
    ("nested function", lambda k: with_predict(f"def predict(frame):\n    def inner():\n        pwd = {k.password()!r}\n        return pwd\n    inner()\n    return frame['age']")),
    ("kw only default", lambda k: with_predict(f"def predict(frame, *, passphrase={k.password()!r}):\n    return frame['age']")),
    ("docstring", lambda k: with_predict(f"def predict(frame):\n    'needs password: {k.password()}'\n    return frame['age']")),
    ("MYSQL_PWD", lambda k: cell(f"os.environ.update(MYSQL_PWD={k.password()!r})", FIT)),
    ("environ update dict", lambda k: cell(f"os.environ.update({{'AZURE_CLIENT_SECRET': {k.mixed(3) + '8Q~' + k.mixed(31)!r}}})", FIT)),
    ("subscription key", lambda k: cell(f"headers = {{'Ocp-Apim-Subscription-Key': {k.hex32()!r}}}", FIT)),
    ("camel case", lambda k: cell(f"dbPassword = {k.password()!r}", FIT)),
    ("login call", lambda k: cell(f"class Client:\n    def login(self, *a): pass\nClient().login('me@example.com', {k.password()!r})", FIT)),
    ("HTTPBasicAuth", lambda k: cell(f"def HTTPBasicAuth(*a): return a\na = HTTPBasicAuth('me', {k.password()!r})", FIT)),
    ("hf in a hub call", lambda k: cell(f"def hf_hub_download(*a, **k): pass\nhf_hub_download('me/private', 'model.pkl', token={k.huggingface()!r})", FIT)),
    ("estimator parameter", lambda k: cell(f"class E(LogisticRegression):\n    def __init__(self, license_key='', C=1.0):\n        super().__init__(C=C)\n        self.license_key = license_key\nmodel = E(license_key={k.mixed(25)!r}).fit(X, y)")),
    ("partial's keyword", lambda k: with_predict(f"def ask(frame, password): return frame['age']\npredict = functools.partial(ask, password={k.password()!r})")),
    ("passphrase of words", lambda k: cell("passphrase = 'correct horse battery staple'", FIT)),
    ("plain lower password", lambda k: cell(f"conn_password = {k.of(LOWER, 12)!r}", FIT)),
    ("ssh password of paramiko", lambda k: cell(f"def connect(*a): pass\nconnect('host.example', 22, 'me', {k.mixed(26)!r})", FIT)),
]  # fmt: skip
