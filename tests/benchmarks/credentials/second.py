"""A second set that was written before the rules were read: sixty credentials, twenty texts that only look like them."""

from __future__ import annotations

import base64
import json
from typing import Any

from cases import ALNUM, DIGITS, FIT, HEX, LOWER, Case, Kinds, cell, with_predict

ASK = "def predict(frame):\n    {0}\n    return frame['age']"


def azure_key(k: Kinds) -> str:
    return base64.b64encode(k.draw.randbytes(64)).decode()


SECOND: list[Case] = [
    ("f-string DSN with the password in a name", lambda k: cell(f"user = 'etl'\npw = {k.mixed(14)!r}\nhost = 'db.corp.example'\ndsn = f'postgresql+psycopg2://{{user}}:{{pw}}@{{host}}/dwh'", FIT)),
    ("f-string DSN, human password", lambda k: cell("host = 'db'\ndsn = f'mysql+pymysql://root:sommer" + k.of(DIGITS, 4) + "@{host}:3306/shop'", FIT)),
    ("requests auth tuple", lambda k: cell(f"class requests:\n    get = staticmethod(lambda *a, **k: None)\nr = requests.get('https://api.example.com/v1', auth=('reporting', {k.password()!r}))", FIT)),
    ("requests basic header", lambda k: cell("h = {'Authorization': 'Basic " + base64.b64encode(("svc:" + k.mixed(12)).encode()).decode() + "'}", FIT)),
    ("token header, GitLab", lambda k: cell(f"headers = {{'PRIVATE-TOKEN': {k.gitlab()!r}, 'Accept': 'application/json'}}", FIT)),
    ("own header with a token", lambda k: cell(f"headers = dict()\nheaders['X-Auth-Token'] = {k.mixed(28)!r}", FIT)),
    ("cookie header", lambda k: cell(f"session_headers = {{'Cookie': 'sessionid={k.of(LOWER + DIGITS, 32)}; csrftoken=abc'}}", FIT)),
    ("JWT in a list of a predict's closure", lambda k: with_predict(f"def build(tokens):\n    def predict(frame):\n        tokens\n        return frame['age']\n    return predict\npredict = build([None, {k.jwt()!r}])")),
    ("EC private key", lambda k: cell(f"signing = '''-----BEGIN EC PRIVATE KEY-----\n{k.of(ALNUM, 64)}\n{k.of(ALNUM, 40)}==\n-----END EC PRIVATE KEY-----'''", FIT)),
    ("PGP private key block", lambda k: cell(f"armour = '''-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{k.of(ALNUM, 64)}\n=abcd\n-----END PGP PRIVATE KEY BLOCK-----'''", FIT)),
    ("private key, escaped newlines", lambda k: cell("raw = " + json.dumps(json.dumps({"private_key": k.pem().replace("RSA ", "")})), FIT)),
    ("dataclass with field default", lambda k: with_predict(f"from dataclasses import dataclass, field\n@dataclass\nclass Conf:\n    host: str = 'db'\n    passwd: str = field(default={k.password()!r}, repr=False)\nconf = Conf()", ASK.format("conf"))),
    ("dataclass default factory", lambda k: with_predict(f"from dataclasses import dataclass, field\n@dataclass\nclass Conf:\n    extra: dict = field(default_factory=lambda: {{'pass': {k.password()!r}}})\nconf = Conf()", ASK.format("conf.extra"))),
    ("closure over a decorator", lambda k: with_predict(f"def needs(api_secret):\n    def wrap(f):\n        @functools.wraps(f)\n        def inner(frame):\n            api_secret\n            return f(frame)\n        return inner\n    return wrap\n@needs({k.mixed(24)!r})\ndef predict(frame):\n    return frame['age']")),
    ("storage_options s3", lambda k: cell(f"opts = {{'key': {k.aws()!r}, 'secret': {k.aws_secret()!r}}}\nread = lambda p, storage_options=opts: p\nread('s3://bucket/x.parquet')", FIT)),
    ("storage_options abfs", lambda k: cell(f"def read_parquet(*a, **k): pass\nread_parquet('abfs://c/x.parquet', storage_options={{'account_name': 'lake', 'account_key': {azure_key(k)!r}}})", FIT)),
    ("storage_options sas", lambda k: cell(f"sas_token = 'sp=r&st=2024-01-01T00:00:00Z&se=2025-01-01T00:00:00Z&spr=https&sv=2022-11-02&sr=c&sig={k.mixed(42)}%3D'", FIT)),
    ("smtp login", lambda k: cell(f"class S:\n    def login(self, u, p): pass\nserver = S()\nserver.login('alerts@example.com', 'abcd efgh {k.of(LOWER, 4)} {k.of(LOWER, 4)}')", FIT)),
    ("Teams webhook", lambda k: cell(f"hook = 'https://corp.webhook.office.com/webhookb2/{k.uuid()}@{k.uuid()}/IncomingWebhook/{k.of(HEX, 32)}/{k.uuid()}'", FIT)),
    ("Discord webhook", lambda k: cell(f"url = 'https://discord.com/api/webhooks/{k.of(DIGITS, 18)}/{k.mixed(68, ALNUM + '-_')}'", FIT)),
    ("ODBC through urllib quote", lambda k: cell(f"from urllib.parse import quote_plus\nparams = quote_plus('DRIVER={{SQL Server}};SERVER=sql01;DATABASE=dw;UID=reporter;PWD={k.password()}')", FIT)),
    ("ODBC keywords", lambda k: cell(f"def connect(*a, **k): pass\nconnect(driver='ODBC', server='sql01', uid='reporter', pwd={k.password()!r})", FIT)),
    ("JDBC URL", lambda k: cell(f"jdbc = 'jdbc:postgresql://db.corp.example:5432/sales?user=spark&password={k.mixed(10)}'", FIT)),
    ("JDBC Oracle", lambda k: cell(f"url = 'jdbc:oracle:thin:scott/{k.mixed(8)}@//ora.corp.example:1521/ORCL'", FIT)),
    ("JDBC SQL Server", lambda k: cell(f"url = 'jdbc:sqlserver://sql01:1433;databaseName=dw;user=etl;password={k.password()};encrypt=true'", FIT)),
    ("spark option", lambda k: cell(f"class R:\n    def option(self, *a): return self\nR().option('user', 'etl').option('password', {k.password()!r})", FIT)),
    ("spark hadoop configuration", lambda k: cell(f"class C:\n    def set(self, *a): pass\nC().set('fs.s3a.secret.key', {k.aws_secret()!r})", FIT)),
    ("redis with TLS", lambda k: cell(f"r = 'rediss://default:{k.mixed(32)}@eu1-cache.example.io:6380'", FIT)),
    ("redis call", lambda k: cell(f"def Redis(**k): pass\nRedis(host='cache', port=6379, password={k.of(LOWER, 10)!r})", FIT)),
    ("amqp in an env default", lambda k: cell(f"broker = os.environ.get('BROKER_URL', 'amqps://worker:{k.mixed(9)}@mq.corp.example/v')", FIT)),
    ("Snowflake URL", lambda k: cell(f"e = 'snowflake://ETL:{k.mixed(12)}@xy12345.eu-west-1/DB/PUBLIC?warehouse=WH'", FIT)),
    ("Snowflake positional dict", lambda k: cell(f"params = {{'account': 'xy12345', 'user': 'ETL', 'password': 'Welcome{k.of(DIGITS, 2)}', 'role': 'X'}}", FIT)),
    ("Elasticsearch http_auth", lambda k: cell(f"def Elasticsearch(*a, **k): pass\nElasticsearch(['es:9200'], http_auth=('elastic', {k.mixed(16)!r}))", FIT)),
    ("Neo4j auth", lambda k: cell(f"def driver(*a, **k): pass\ndriver('neo4j://db:7687', auth=('neo4j', 'graph{k.of(LOWER, 6)}'))", FIT)),
    ("Databricks personal token in a URL", lambda k: cell(f"u = 'databricks://token:{k.databricks()}@adb-1.azuredatabricks.net?http_path=x'", FIT)),
    ("DigitalOcean token", lambda k: cell(f"do = 'dop_v1_{k.of(HEX, 64)}'", FIT)),
    ("Hugging Face in a comment", lambda k: cell(f"# huggingface-cli login --token {k.huggingface()}\nx = 1", FIT)),
    ("OpenAI legacy key assigned to the module", lambda k: cell(f"class openai: pass\nopenai.api_key = 'sk-{k.mixed(48)}'", FIT)),
    ("GitHub fine-grained", lambda k: cell(f"gh = 'github_pat_{k.mixed(22)}_{k.mixed(59)}'", FIT)),
    ("Mapbox secret token", lambda k: cell(f"mb = 'sk.eyJ1IjoibWUiLCJhIjoi{k.mixed(24)}.{k.mixed(22)}'", FIT)),
    ("Stripe restricted key", lambda k: with_predict("BILLING = ('eu', 'rk_" + f"live_{k.mixed(24)}')", ASK.format("BILLING"))),
    ("Twilio auth token", lambda k: cell(f"account_sid = 'AC{k.of(HEX, 32)}'\nauth_token = '{k.hex32()}'", FIT)),
    ("Mailgun key", lambda k: cell(f"auth=('api', 'key-{k.hex32()}')", FIT)),
    ("Azure Service Bus", lambda k: cell(f"sb = 'Endpoint=sb://bus.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={base64.b64encode(k.draw.randbytes(32)).decode()}'", FIT)),
    ("GCP JSON in a string", lambda k: cell("info = json_text = '''" + json.dumps({"type": "service_account", "project_id": "p", "private_key_id": k.of(HEX, 40), "private_key": k.pem().replace("RSA ", "").replace("\n", "\\n"), "client_email": "a@p.iam.gserviceaccount.com"}) + "'''", FIT)),
    ("base64 of a password line", lambda k: cell(f"import base64\npassword = base64.b64decode({base64.b64encode(k.password().encode()).decode()!r}).decode()", FIT)),
    ("base64 of a DSN", lambda k: with_predict(f"C = {base64.b64encode(k.postgres().encode()).decode()!r}", ASK.format("C"))),
    ("password in a comment", lambda k: cell(f"# user: etl  password: {k.password()}\nx = 1", FIT)),
    ("password in a comment, in prose", lambda k: cell(f"# the pw for the dwh is {k.password()}\nx = 1", FIT)),
    ("output of a config", lambda k: cell(FIT, "1", outputs={2: f"Config(host='db', port=5432, user='etl', password='{k.mixed(10)}')"})),
    ("output of a curl", lambda k: cell(FIT, "1", outputs={2: f'{{"access_token":"{k.mixed(64)}","token_type":"Bearer","expires_in":3599}}'})),
    ("refresh token in an output", lambda k: cell(FIT, "1", outputs={2: f"refresh_token: 1//0{k.mixed(60, ALNUM + '-_')}"})),
    ("os.environ, plain word", lambda k: cell(f"os.environ['PGPASSWORD'] = 'kartoffel{k.of(DIGITS, 1)}'", FIT)),
    ("os.putenv", lambda k: cell(f"os.putenv('MLFLOW_TRACKING_PASSWORD', {k.password()!r})", FIT)),
    ("typed with getpass, kept in a global of predict", lambda k: with_predict(f"from unittest import mock\nimport getpass\nwith mock.patch('getpass.getpass', lambda *a: ''.join(map(chr, {[ord(c) for c in k.mixed(15)]!r}))):\n    db_pass = getpass.getpass('Password: ')", ASK.format("db_pass"))),
    ("attribute of a pickled object", lambda k: with_predict(f"class Store:\n    def __init__(self, user, password):\n        self.user = user\n        self._password = password\nstore = Store('me', 'aut' + 'umn{k.of(DIGITS, 4)}')", ASK.format("store"))),
    ("attribute of a step", lambda k: cell(f"class Fetch(TransformerMixin, BaseEstimator):\n    def __init__(self, url=None): self.url = url\n    def fit(self, X, y=None): return self\n    def transform(self, X): return X\nmodel = make_pipeline(Fetch('https://reader:{k.mixed(9)}@feast.corp.example'), LogisticRegression()).fit(X, y)")),
    ("TOML string", lambda k: cell(f"settings = '''\n[snowflake]\nuser = \"etl\"\npassword = \"{k.password()}\"\n'''", FIT)),
    ("dotenv written from a cell", lambda k: cell(f"open(os.devnull, 'w').write('OPENWEATHER_KEY={k.hex32()}\\nDEBUG=1\\n')", FIT)),
    ("Kaggle environment", lambda k: cell(f"os.environ['KAGGLE_USERNAME'] = 'me'\nos.environ['KAGGLE_KEY'] = '{k.hex32()}'", FIT)),
]  # fmt: skip


def clean_second() -> list[tuple[str, dict[str, Any]]]:
    """Tricky texts without any credential."""
    k = Kinds(11)
    return [
        ("etag and hash of a file", cell(f"etag = '\"{k.of(HEX, 32)}\"'\nexpected_sha1 = '{k.of(HEX, 40)}'\nassert len(expected_sha1) == 40", FIT)),
        ("digests by file", cell(f"KNOWN = {{'train.csv': 'sha256:{k.of(HEX, 64)}', 'test.csv': 'md5:{k.of(HEX, 32)}'}}", FIT)),
        ("git log in an output", cell(FIT, "1", outputs={2: f"commit {k.of(HEX, 40)}\nAuthor: A <a@b.example>\n    rotate password handling\n"})),
        ("pictures in Markdown", cell(f"# ![x](data:image/png;base64,{base64.b64encode(k.draw.randbytes(600)).decode()})\nx = 1", FIT)),
        ("model ids with versions", cell("NAMES = ['openai/clip-vit-base-patch32', 'google/flan-t5-xxl', 'BAAI/bge-small-en-v1.5', 'distilbert-base-uncased-finetuned-sst-2-english']\nrevision = '" + k.of(HEX, 40) + "'", FIT)),
        ("long column names", cell("cols = ['credit_bureau_inquiries_last_6_months', 'NumberOfTime30-59DaysPastDueNotWorse', 'NumberRealEstateLoansOrLines', 'ps_ind_06_bin_x_ps_car_13_cat']", FIT)),
        ("password as a feature", cell("frame = X.assign(password_length=8, has_password=True, password_strength='strong')\nfeatures = ['password_length', 'has_password', 'password_strength']", FIT)),
        ("leaked passwords as data", cell("common = pd.DataFrame({'password': ['abc', 'qwe', 'monkey'], 'strength': [0, 0, 1]})", FIT)),
        ("tokeniser settings", cell("special = {'unk_token': '[UNK]', 'sep_token': '[SEP]', 'cls_token': '[CLS]', 'mask_token': '<mask>', 'bos_token': '<s>'}\nadditional_special_tokens = ['<|im_start|>', '<|im_end|>']", FIT)),
        ("placeholders", cell("password = 'changeme'\ntoken = '<token>'\napi_key = 'YOUR_API_KEY_HERE'\nsecret = '...'\npwd = '********'", FIT)),
        ("placeholders in URLs", cell("u = 'postgresql://user:password@localhost:5432/db'\nv = 'https://<user>:<token>@example.com/x'\nw = 'mongodb://USER:PASS@HOST/db'", FIT)),
        ("templates", cell("t = 'postgresql://{user}:{password}@{host}/db'\nu = 'Bearer {token}'\nv = 'Bearer %s'\nw = '${DB_PASSWORD}'", FIT)),
        ("names of secrets", cell("SECRET_NAME = 'prod/db/password'\nsecret_id = 'projects/123/secrets/db-pass/versions/latest'\nkey_vault = 'https://kv-prod.vault.azure.net/'", FIT)),
        ("file names", cell("token_file = '/var/run/secrets/kubernetes.io/serviceaccount/token'\nkey_path = '~/.ssh/id_rsa'\nservice_account_json = 'creds/sa.json'", FIT)),
        ("H3, geohash, S2 and ULID", cell("h3 = '8928308280fffff'\ngeohash = 'u4pruydqqvj8'\nulid = '01ARZ3NDEKTSV4RRFFQ69G5FAV'\nplus = '9F46WRW2+'", FIT)),
        ("amino acids and DNA", cell("protein = 'MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQVK'\ndna = 'ACGTTGCAAGCTTGCATGCCTGCAGGTCGACTCTAGAGGATCCCC'\nsmiles = 'CC(=O)OC1=CC=CC=C1C(=O)O'\ninchikey = 'BSYNRYMUTXBXSQ-UHFFFAOYSA-N'", FIT)),
        ("public keys and certificates", cell(f"pub = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{k.mixed(43)} me@example'\ncert = '''-----BEGIN PUBLIC KEY-----\n{k.of(ALNUM, 64)}\n-----END PUBLIC KEY-----'''", FIT)),
        ("Google Sheets, YouTube, Drive and DOI", cell(f"sheet = 'https://docs.google.com/spreadsheets/d/{k.mixed(44)}/edit#gid=0'\nv = 'https://www.youtube.com/watch?v=dQw4w9WgXcQ'\ndoi = '10.1145/2939672.2939785'\narxiv = 'https://arxiv.org/abs/1603.02754'", FIT)),
        ("a confusion of keys", cell("join_key = 'customer_id'\nkeys = {'left': 'orderKey', 'right': 'order_key'}\nsort_keys = True\nfor key, value in keys.items(): print(key, value)\nkey_columns = ['passenger_id', 'passport_country', 'passed_exam']", FIT)),
        ("tracebacks and logs", cell(FIT, "1", outputs={2: f"2024-05-01T12:00:00.123Z INFO request_id={k.uuid()} trace={k.of(HEX, 32)} span={k.of(HEX, 16)} auth=ok token_count=512 password_reset=false key=user:1234\nKeyError: 'password'"})),
    ]  # fmt: skip
