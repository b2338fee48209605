"""How many planted credentials stop a capture, and how many clean notebooks are stopped for nothing.

    python tests/benchmarks/credentials.py [--write] [--seed N]

Every credential is drawn at the start (none is written here) and planted where people leave them: in globals, closures, defaults,
classes, estimators, cells, outputs. `planted` is the list that the rules were built with, the others were each written
afterwards, `fifth` and `sixth` by somebody who had not read the rules; what they gave at first sight stands below the table.
The clean ones are the corpus's own notebooks with other outcomes than `secret`, and texts that only look like credentials.
"""

from __future__ import annotations

import argparse
import base64
import datetime
import json
import random
import string
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).with_name("credentials.md")
CORPUS = ROOT / "tests" / "corpus"
sys.path.insert(0, str(ROOT / "tests"))

UPPER, LOWER, DIGITS, HEX = string.ascii_uppercase, string.ascii_lowercase, string.digits, "0123456789abcdef"
ALNUM = UPPER + LOWER + DIGITS
# what each set gave before anything was changed for it
FIRST_SIGHT = (
    "At first sight, before the rules were changed for them (fifth and sixth: 2026-11-27, the others the day before):",
    "",
    "| list | planted | found | clean | stopped for nothing |",
    "|---|---|---|---|---|",
    "| second | 60 | 55 (91.7%) | 20 | 2 |",
    "| third | 30 | 29 (96.7%) | 10 | 0 |",
    "| fourth | 40 | 34 (85.0%) | 10 | 0 |",
    "| fifth | 50 | 45 (90.0%) | 25 | 5 |",
    "| sixth | 50 | 44 (88.0%) | 25 | 3 |",
)
START = """
import os, functools
import pandas as pd
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
X = pd.DataFrame({"age": [21.0, 35.0, 44.0, 52.0, 23.0, 31.0], "income": [1.0, 2.5, 3.0, 4.5, 1.2, 2.2]})
y = pd.Series([0, 0, 1, 1, 0, 1])
"""
FIT = "model = LogisticRegression().fit(X, y)"
PREDICT = "def predict(frame):\n    return frame['age'] * 2\npredict(X)"


class Kinds:
    """Credentials of every kind, drawn anew for each seed."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)

    def of(self, letters: str, n: int) -> str:
        return "".join(self.draw.choices(letters, k=n))

    def mixed(self, n: int, letters: str = ALNUM) -> str:
        """A random text with capitals, small letters and digits, as every service draws its own."""
        return self.of(UPPER, 1) + self.of(LOWER, 1) + self.of(DIGITS, 1) + self.of(letters, n - 3)

    def aws(self) -> str:
        return "AKIA" + self.of(UPPER + "234567", 16)

    def aws_secret(self) -> str:
        return self.mixed(40, ALNUM + "/+")

    def github(self) -> str:
        return "ghp_" + self.mixed(36)

    def slack(self) -> str:
        return f"xoxb-{self.of(DIGITS, 12)}-{self.of(DIGITS, 12)}-{self.mixed(24)}"

    def slack_hook(self) -> str:
        return f"https://hooks.slack.com/services/T{self.of(UPPER + DIGITS, 8)}/B{self.of(UPPER + DIGITS, 8)}/{self.mixed(24)}"

    def stripe(self) -> str:
        return "sk_" + "live_" + self.mixed(24)

    def jwt(self) -> str:
        parts = (json.dumps({"alg": "HS256"}), json.dumps({"sub": self.of(DIGITS, 10)}))
        coded = [base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts]
        return ".".join([*coded, self.mixed(43, ALNUM + "-_")])

    def pem(self) -> str:
        body = "\n".join(self.of(ALNUM + "/+", 64) for _ in range(4))
        return f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----"

    def openssh(self) -> str:
        return f"-----BEGIN OPENSSH PRIVATE KEY-----\n{self.of(ALNUM, 70)}\n-----END OPENSSH PRIVATE KEY-----"

    def basic_url(self) -> str:
        return f"https://svc:{self.mixed(12)}@artifacts.corp.example/simple"

    def postgres(self) -> str:
        return f"postgresql://analyst:{self.mixed(14)}@db.corp.example:5432/sales"

    def mongo(self) -> str:
        return f"mongodb+srv://app:{self.mixed(16)}@cluster0.x1y2z.mongodb.net/prod"

    def databricks(self) -> str:
        return "dapi" + self.of(HEX, 32)

    def openai(self) -> str:
        return "sk-proj-" + self.mixed(48, ALNUM + "-_")

    def anthropic(self) -> str:
        return "sk-ant-api03-" + self.mixed(80, ALNUM + "-_")

    def huggingface(self) -> str:
        return "hf_" + self.mixed(34)

    def google(self) -> str:
        return "AIza" + self.mixed(35, ALNUM + "-_")

    def sendgrid(self) -> str:
        return f"SG.{self.mixed(22)}.{self.mixed(43)}"

    def azure_storage(self) -> str:
        key = base64.b64encode(self.draw.randbytes(64)).decode()
        return f"DefaultEndpointsProtocol=https;AccountName=lake;AccountKey={key};EndpointSuffix=core.windows.net"

    def odbc(self) -> str:
        return f"Driver={{ODBC Driver 18}};Server=sql.corp.example;Uid=svc;Pwd={self.mixed(12)};"

    def hex32(self) -> str:
        return self.of("abcdef", 1) + self.of(DIGITS, 1) + self.of(HEX, 30)

    def password(self) -> str:
        return self.draw.choice(["Tr0ub4dor", "Winter2024!", "s3cr3t-", "p@ssw0rd", "Hunter2-"]) + self.of(DIGITS, 2)

    def uuid(self) -> str:
        return "-".join(self.of(HEX, n) for n in (8, 4, 4, 4, 12))

    def bearer(self) -> str:
        return f"Bearer {self.mixed(40)}"

    def npm(self) -> str:
        return "npm_" + self.mixed(36)

    def pypi(self) -> str:
        return "pypi-AgEIcHlwaS5vcmc" + self.mixed(60)

    def gitlab(self) -> str:
        return "glpat-" + self.mixed(20)

    def twilio(self) -> str:
        return "SK" + self.of(HEX, 32)

    def telegram(self) -> str:
        return f"{self.of('123456789', 1)}{self.of(DIGITS, 8)}:AA{self.mixed(33)}"


Case = tuple[str, Callable[[Kinds], dict[str, Any]]]


def cell(
    *cells: str, model: str = "model", outputs: dict[int, str] | None = None, html: bool = False
) -> dict[str, Any]:
    return {"cells": [START, *cells], "model": model, "outputs": outputs or {}, "html": html}


def with_predict(*cells: str) -> dict[str, Any]:
    return cell(*cells, "predict(X)", model="predict")


PLANTED: list[Case] = [
    ("AWS key, a global of predict", lambda k: with_predict(f"KEY_ID = {k.aws()!r}", "def predict(frame):\n    KEY_ID\n    return frame['age']")),
    ("AWS secret, a global of predict", lambda k: with_predict(f"aws_secret_access_key = {k.aws_secret()!r}", "def predict(frame):\n    aws_secret_access_key\n    return frame['age']")),
    ("AWS secret, positional", lambda k: cell(FIT, f"def client(*a): pass\nclient('s3', {k.aws_secret()!r})")),
    ("GitHub token in a closure", lambda k: with_predict(f"def make(t):\n    def predict(frame):\n        t\n        return frame['age']\n    return predict\npredict = make({k.github()!r})")),
    ("GitHub token in an attribute", lambda k: cell(FIT, f"model.gh = {k.github()!r}")),
    ("Slack token in a list", lambda k: with_predict(f"HOOKS = ['a', {k.slack()!r}]", "def predict(frame):\n    HOOKS\n    return frame['age']")),
    ("Slack webhook in code", lambda k: with_predict(f"def predict(frame):\n    url = {k.slack_hook()!r}\n    return frame['age']")),
    ("Stripe key in a nested dict", lambda k: with_predict(f"CFG = {{'pay': {{'x': [{k.stripe()!r}]}}}}", "def predict(frame):\n    CFG\n    return frame['age']")),
    ("JWT in a default argument", lambda k: with_predict(f"def predict(frame, auth={k.jwt()!r}):\n    return frame['age']")),
    ("private key in a global", lambda k: with_predict(f"PEM = '''{k.pem()}'''", "def predict(frame):\n    PEM\n    return frame['age']")),
    ("SSH key in a cell only", lambda k: cell(FIT, f"ssh = '''{k.openssh()}'''")),
    ("basic auth URL in a magic", lambda k: cell(FIT, f"url = 1\n# !pip install --index-url {k.basic_url()} thing")),
    ("PostgreSQL DSN in a cell", lambda k: cell(f"engine_url = {k.postgres()!r}", FIT)),
    ("PostgreSQL password in an f-string", lambda k: cell(f"host = 'db'\nu = f'postgresql://me:{k.mixed(12)}@{{host}}/x'", FIT)),
    ("MongoDB URL in a partial", lambda k: with_predict(f"def ask(url, frame):\n    return frame['age']\npredict = functools.partial(ask, {k.mongo()!r})")),
    ("dapi in os.environ", lambda k: cell(f"os.environ['DATABRICKS_TOKEN'] = {k.databricks()!r}", FIT)),
    ("dapi in a printed output", lambda k: cell(FIT, "print('done')", outputs={2: f"connected with {k.databricks()}\n"})),
    ("dapi in bytes", lambda k: with_predict(f"B = {k.databricks().encode()!r}", "def predict(frame):\n    B\n    return frame['age']")),
    ("OpenAI key in os.environ", lambda k: cell(f"os.environ['OPENAI_API_KEY'] = {k.openai()!r}", FIT)),
    ("OpenAI key, keyword argument", lambda k: cell(f"c = dict(api_key={k.openai()!r})", FIT)),
    ("Anthropic key in a class attribute", lambda k: cell(f"class Own(LogisticRegression):\n    k = {k.anthropic()!r}", "model = Own().fit(X, y)")),
    ("HF token in login()", lambda k: cell(f"def login(t): pass\nlogin({k.huggingface()!r})", FIT)),
    ("Google key inside an estimator", lambda k: cell(f"class Geo(TransformerMixin, BaseEstimator):\n    def __init__(self, key=None): self.key = key\n    def fit(self, X, y=None): return self\n    def transform(self, X): return X\nmodel = make_pipeline(Geo({k.google()!r}), LogisticRegression()).fit(X, y)")),
    ("SendGrid key in a comment", lambda k: cell(FIT, f"x = 1  # old key {k.sendgrid()}")),
    ("Azure storage connection string", lambda k: cell(f"conn = {k.azure_storage()!r}", FIT)),
    ("ODBC string with Pwd", lambda k: cell(f"odbc = {k.odbc()!r}", FIT)),
    ("password = … in a cell", lambda k: cell(f"password = {k.password()!r}", FIT)),
    ("a password as a word", lambda k: cell("db_password = 'correcthorse'", FIT)),
    ("password, keyword argument", lambda k: cell(f"def connect(**k): pass\nconnect(host='db', user='me', password={k.password()!r})", FIT)),
    ("password in a dict that travels", lambda k: with_predict(f"DB = {{'user': 'me', 'password': {k.password()!r}}}", "def predict(frame):\n    DB\n    return frame['age']")),
    ("password in a nested key", lambda k: cell(f"config = {{'db': {{}}}}\nconfig['db']['passwd'] = {k.password()!r}", FIT)),
    ("auth tuple", lambda k: cell(f"def get(u, auth): pass\nget('https://x.example', auth=('me', {k.password()!r}))", FIT)),
    ("api_key, hex", lambda k: cell(f"WEATHER_API_KEY = {k.hex32()!r}", FIT)),
    ("api key, UUID", lambda k: cell(f"headers = {{'X-Api-Key': {k.uuid()!r}}}", FIT)),
    ("client secret, UUID", lambda k: cell(f"client_secret = {k.uuid()!r}", FIT)),
    ("bearer in headers", lambda k: with_predict(f"H = {{'Authorization': {k.bearer()!r}}}", "def predict(frame):\n    H\n    return frame['age']")),
    ("wandb login key", lambda k: cell(f"def login(key): pass\nlogin(key={k.of(HEX, 39) + '7'!r})", FIT)),
    ("npm token in an HTML output", lambda k: cell(FIT, "1", outputs={2: f"<table><tr><td>{k.npm()}</td></tr></table>"}, html=True)),
    ("PyPI token in %env", lambda k: cell(FIT, f"%env TWINE_PASSWORD={k.pypi()}")),
    ("GitLab token, joined", lambda k: (lambda t: cell(f"t = {t[:10]!r} + {t[10:]!r}", FIT))(k.gitlab())),
    ("Twilio key in a set", lambda k: with_predict(f"S = {{{k.twilio()!r}}}", "def predict(frame):\n    S\n    return frame['age']")),
    ("Telegram token in a lambda", lambda k: cell(f"send = lambda: {k.telegram()!r}", FIT)),
    ("base64 of a token", lambda k: cell(f"b = {base64.b64encode(k.databricks().encode()).decode()!r}", FIT)),
    ("a token in a dict in an output", lambda k: cell(FIT, "1", outputs={2: f"{{'user': 'me', 'password': '{k.password()}'}}"})),
    ("environment printed", lambda k: cell(FIT, "1", outputs={2: f"HOME=/home/me\nDB_PASSWORD={k.password()}\nLANG=C"})),
    ("traceback that shows the URL", lambda k: cell(FIT, "1", outputs={2: f"OperationalError: could not connect to {k.postgres()}"})),
    ("self.password in a class", lambda k: cell(f"class Own(LogisticRegression):\n    def fit(self, X, y):\n        self.password = {k.password()!r}\n        return super().fit(X, y)", "model = Own().fit(X, y)")),
    ("dataclass default", lambda k: cell(f"from dataclasses import dataclass\n@dataclass\nclass C:\n    secret: str = {k.password()!r}", FIT)),
    ("setdefault on os.environ", lambda k: cell(f"os.environ.setdefault('SECRET_KEY', {k.mixed(20)!r})", FIT)),
    ("random key under no name", lambda k: cell(f"z = {k.mixed(44)!r}", FIT)),
]  # fmt: skip


def clean() -> list[tuple[str, dict[str, Any]]]:
    """Texts that only look like credentials."""
    draw = Kinds(7)
    png = base64.b64encode(draw.draw.randbytes(3000)).decode()
    return [
        ("UUIDs", cell(f"run_id = {draw.uuid()!r}\nids = [{draw.uuid()!r}]", FIT)),
        ("hashes", cell(f"sha = {draw.of(HEX, 64)!r}\nmd5 = {draw.of(HEX, 32)!r}", FIT)),
        ("git commits", cell(f"commit = {draw.of(HEX, 40)!r}", FIT, outputs={1: f"HEAD is now at {draw.of(HEX, 40)}"})),
        ("a picture in an output", cell(FIT, "1", outputs={2: f'<img src="data:image/png;base64,{png}">'}, html=True)),
        ("a picture in code", cell(f"logo = {png!r}", FIT)),
        ("model ids", cell("m = 'sentence-transformers/all-MiniLM-L6-v2'\nn = 'meta-llama/Llama-3.1-8B-Instruct'", FIT)),
        ("columns", cell("cols = ['token_count', 'password_age', 'n_tokens', 'secret_santa', 'api_key_id']", FIT)),
        ("dtypes", cell("d = {'password_age': 'float64', 'token': 'category', 'secret': 'object'}", FIT)),
        ("aggregates", cell("a = {'token': 'sum', 'password': 'count', 'pwd': 'nunique'}", FIT)),
        ("renames", cell("r = {'pwd': 'password_hash', 'tok': 'token', 'password': 'password_length'}", FIT)),
        ("long numbers", cell("n = '123456789012345678901234567890'\ncard = 4111111111111111", FIT)),
        ("S3 paths", cell("p = 's3://bucket/models/prod/2024-01-01/model.pkl'\nkey = 'models/prod/v3/model-2021.pkl'", FIT)),
        ("environment", cell("token = os.environ.get('API_TOKEN', '')\npw = os.getenv('DB_PASSWORD')", FIT)),
        ("getpass", cell("from getpass import getpass\nask = lambda: getpass('Database password: ')", FIT)),
        ("secret store", cell("class K:\n    def get(self, **k): pass\nt = K().get(scope='prod', key='db-password-1')", FIT)),
        ("placeholders", cell("password = 'your-password-here'\napi_key = '<API_KEY>'\ntoken = 'xxxxxxxx'", FIT)),
        ("token_pattern", cell("from sklearn.feature_extraction.text import TfidfVectorizer\nv = TfidfVectorizer(token_pattern=r'(?u)\\b\\w+\\b')", FIT)),
        ("tokenizer", cell("kw = dict(pad_token='[PAD]', eos_token='<|endoftext|>', tokenizer='cl100k_base', max_tokens='4096')", FIT)),
        ("URLs", cell("u = 'https://example.com/data?year=2024&key=value'\nv = 'http://localhost:8080/a@b'", FIT)),
        ("DSN without password", cell("u = 'postgresql://localhost/flights'\nv = 'sqlite:///data.db'", FIT)),
        ("prose", cell("# The password must be changed every 90 days; see the token docs at https://example.com/token\nx = 1", FIT)),
        ("a table of output", cell(FIT, "1", outputs={2: "   token  count\n0  the     1042\n1  password 77\npassword: required\ntoken: optional"})),
        ("SRI hash", cell("integrity = 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='", FIT)),
        ("drive id", cell(f"file_id = {draw.mixed(44)!r}", FIT)),
        ("class names", cell("names = ['HistGradientBoostingClassifierV2', 'XGBClassifierWithEarlyStopping12']", FIT)),
        ("dates and versions", cell("v = '2024-01-01T00:00:00.000000+00:00'\nw = 'v1.2.3-rc.4+build.20240101'", FIT)),
        ("snake names", cell("f = ['avg_income_last_12_months_usd', 'customerLifetimeValue2024Q3Forecast']", FIT)),
        ("keys", cell("primary_key = 'order_id_2024'\ncache_key = 'features:v2:2024'\nsort_key='customer#1234567890abc'", FIT)),
        ("mails", cell("contact = 'data-team@example.com'\nauthor = 'me <me@example.com>'", FIT)),
        ("random state", cell("seed_key = 42\nkeys = ['a1', 'b2']\nauth = None", FIT)),
        ("text model", cell("from sklearn.feature_extraction.text import CountVectorizer\ndocs = ['password secret secretary key123 token tokens2 abc', 'my password is lost', 'a token', 'b secret', 'c key', 'd pwd']\nmodel = make_pipeline(CountVectorizer(), LogisticRegression()).fit(docs, y)")),
        ("HTML table", cell(FIT, "1", outputs={2: "<style>.a{color:red}</style><table><tr><th>token</th></tr><tr><td>abc</td></tr></table>"}, html=True)),
        ("progress", cell(FIT, "1", outputs={2: "Epoch 1/10 - loss: 0.6931 - accuracy: 0.5012 - token/s: 12345.67\n" * 3})),
        ("pip output", cell(FIT, "1", outputs={2: "Collecting pandas==2.2.3\n  Using cached pandas-2.2.3-cp311-cp311-manylinux_2_17_x86_64.whl (13.1 MB)\nHash: sha256:" + draw.of(HEX, 64)})),
        ("mlflow run", cell(FIT, "1", outputs={2: f"🏃 View run at http://127.0.0.1:5000/#/experiments/1/runs/{draw.of(HEX, 32)}"})),
    ]  # fmt: skip


def look(case: dict[str, Any], folder: Path) -> list[Any]:
    """The findings of one notebook: its rules, then the files of the saved model."""
    from IPython.core.interactiveshell import InteractiveShell

    from nb2prod.capturing import discovery, rules
    from nb2prod.capturing.execution import Notebook
    from nb2prod.capturing.rules.secrets import Secret, in_files
    from nb2prod.runtime import flavors

    shell = InteractiveShell()
    document = nbformat.v4.new_notebook()
    for number, source in enumerate(case["cells"], start=1):
        shell.run_cell(source, store_history=True, silent=False)
        shown = nbformat.v4.new_code_cell(source, execution_count=number)
        if number - 1 in case["outputs"]:
            text = case["outputs"][number - 1]
            data = {"text/html": text} if case["html"] else {"text/plain": text}
            shown.outputs = [nbformat.v4.new_output("display_data", data=data)]
        document.cells.append(shown)
    path = folder / "notebook.ipynb"
    nbformat.write(document, path)
    shell.user_ns["__vsc_ipynb_file__"] = str(path)
    notebook = Notebook.from_ipython(shell)
    found = discovery.find(case["model"], notebook, data="X" if "docs" not in shell.user_ns else "docs")
    findings = list(Secret().look(rules.Case(found, notebook, flavors.of(found.model))))
    if not findings:
        flavors.save(found.model, folder / "model")
        findings += in_files(folder / "model")
    return findings


def rate(cases: list[tuple[str, dict[str, Any]]], *, expected: bool) -> tuple[int, list[str], float]:
    """How many of the cases came out as expected, those that did not, and the longest look in seconds."""
    right, wrong, longest = 0, [], 0.0
    for name, case in cases:
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            found = look(case, Path(folder))
            longest = max(longest, time.perf_counter() - start)
        if bool(found) == expected:
            right += 1
        else:
            wrong.append(name + "".join(f": {one.title} ({one.where})" for one in found))
    return right, wrong, longest


def corpus() -> list[tuple[str, dict[str, Any]]]:
    """The corpus as it is, cells in the order in which they were run."""
    found = []
    for path in sorted(CORPUS.glob("*.ipynb")):
        wanted = json.loads(path.with_suffix(".json").read_bytes())
        if wanted["status"] == "refused":
            continue
        cells = [one.source for one in nbformat.read(path, as_version=4).cells if one.cell_type == "code"]
        ran = [cells[n - 1] if isinstance(n, int) else n for n in wanted.get("run", range(1, len(cells) + 1))]
        found.append((path.stem, {"cells": ran, "model": wanted["model"], "outputs": {}, "html": False}))
    return found


def texts_of(cases: list[tuple[str, dict[str, Any]]]) -> list[str]:
    """Clean notebooks of the corpus whose cells alone would be stopped: they need files of theirs to run."""
    from nb2prod.capturing.credentials.texts import in_source

    return [name for name, case in cases if any(next(in_source(source), None) for source in case["cells"])]


def main() -> None:
    from credentials_fifth import FIFTH, clean_fifth
    from credentials_fourth import FOURTH, clean_fourth
    from credentials_held_out import HELD_OUT
    from credentials_second import SECOND, clean_second
    from credentials_sixth import SIXTH, clean_sixth
    from credentials_third import THIRD, clean_third

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"write the table to {RESULTS.name}")
    parser.add_argument("--seed", type=int, default=2026)
    options = parser.parse_args()
    lines = [f"Drawn with seed {options.seed}, {datetime.datetime.now(datetime.UTC):%Y-%m-%d}.", ""]
    lines += ["| list | cases | found or passed | rate |", "|---|---|---|---|"]
    left = []
    for title, cases in (
        ("planted", PLANTED),
        ("held out", HELD_OUT),
        ("second", SECOND),
        ("third", THIRD),
        ("fourth", FOURTH),
        ("fifth", FIFTH),
        ("sixth", SIXTH),
    ):
        kinds = Kinds(options.seed)
        made = [(name, make(kinds)) for name, make in cases]
        right, wrong, _ = rate(made, expected=True)
        lines.append(f"| {title} | {len(made)} | {right} | {right / len(made):.1%} |")
        left += [f"- {title}, not found: {one}" for one in wrong]
    plain = [*clean(), *clean_second(), *clean_third(), *clean_fourth(), *clean_fifth(), *clean_sixth()]
    right, wrong, _ = rate(plain, expected=False)
    stopped = texts_of(corpus())
    total = len(plain) + len(corpus())
    passed = right + len(corpus()) - len(stopped)
    lines.append(f"| clean | {total} | {passed} | {(total - passed) / total:.1%} false alarms |")
    left += [f"- stopped for nothing: {one}" for one in [*wrong, *stopped]]
    table = "\n".join([*lines, "", *left, *([""] if left else []), *FIRST_SIGHT])
    print(table)
    if options.write:
        RESULTS.write_text(table.rstrip() + "\n")


if __name__ == "__main__":
    main()
