"""A tenth set, written by someone who has not read the rules: 100 credentials, four in five of the ordinary kind, and 100 look-alikes."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

from cases import ALNUM, DIGITS, FIT, HEX, LOWER, UPPER, Case, Kinds, alone, cell, printed, stand, text, used
from seventh import attribute, gcp, saved

WORDS = ["Sunflower", "Blue", "Kestrel", "Analytics", "Marble", "Northwind", "Quartz", "Velvet", "Harvest", "Pelican"]


def pw(k: Kinds) -> str:
    """What somebody types who was told to use a capital, a digit and a mark."""
    return k.draw.choice(WORDS) + k.draw.choice(["!", "#", "_", "-", "$"]) + k.of(DIGITS, 4)


def b64(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


def cells(*sources: str, **values: str) -> dict[str, Any]:
    """Several cells before the fit."""
    return cell(*[text(one, **values) for one in sources], FIT)


def azure_secret(k: Kinds) -> str:
    return f"{k.mixed(3)}8Q~{k.mixed(34, ALNUM + '-_')}"


def azure_key(k: Kinds, n: int = 64) -> str:
    return base64.b64encode(k.draw.randbytes(n)).decode()


TENTH: list[Case] = [
    # clouds
    ("aws: client with both keys", lambda k: stand("boto3", "s3 = boto3.client(\n    's3',\n    aws_access_key_id='@{a}',\n    aws_secret_access_key='@{b}',\n    region_name='eu-west-1',\n)\nobj = s3.get_object(Bucket='acme-churn', Key='train.parquet')", a=k.aws(), b=k.aws_secret())),
    ("aws: constants at the top", lambda k: alone("# --- configuration ---\nAWS_ACCESS_KEY_ID = \"@{a}\"\nAWS_SECRET_ACCESS_KEY = \"@{b}\"\nBUCKET = \"acme-ml-prod\"\nPREFIX = \"features/v3/\"", a=k.aws(), b=k.aws_secret())),
    ("aws: environment, the secret alone", lambda k: alone("os.environ['AWS_DEFAULT_REGION'] = 'us-east-1'\nos.environ['AWS_SECRET_ACCESS_KEY'] = '@{a}'", a=k.aws_secret())),
    ("aws: %env", lambda k: alone("%env AWS_SECRET_ACCESS_KEY=@{a}", a=k.aws_secret())),
    ("aws: s3fs key and secret", lambda k: stand("s3fs", "fs = s3fs.S3FileSystem(anon=False, key='@{a}', secret='@{b}')\nfiles = fs.ls('acme-lake/raw')", a="ASIA" + k.of(UPPER + "234567", 16), b=k.aws_secret())),
    ("aws: environment of an estimator's job", lambda k: stand("Estimator", "job = Estimator(image_uri=\"123456789012.dkr.ecr.eu-west-1.amazonaws.com/train:3\", environment={\"STAGE\": \"prod\", \"AWS_SECRET_ACCESS_KEY\": \"@{a}\"})", a=k.aws_secret())),
    ("gcp: service account's info", lambda k: stand("service_account bigquery", "info = @{a}\ncreds = service_account.Credentials.from_service_account_info(info)\nclient = bigquery.Client(credentials=creds, project=info['project_id'])", a=gcp(k))),
    ("gcp: file written from a cell", lambda k: alone("%%writefile /tmp/sa.json\n@{a}", a=gcp(k))),
    ("gcp: maps client", lambda k: stand("googlemaps", "gmaps = googlemaps.Client(key='@{a}')\ngeo = gmaps.geocode('Marktplatz 1, Bremen')", a=k.google())),
    ("gcp: OAuth client secret", lambda k: alone("CLIENT_ID = '@{b}-abc123def456.apps.googleusercontent.com'\nCLIENT_SECRET = '@{a}'", a="GOCSPX-" + k.mixed(28, ALNUM + "-_"), b=k.of(DIGITS, 12))),
    ("azure: blob service", lambda k: stand("BlobServiceClient", "service = BlobServiceClient.from_connection_string(\"DefaultEndpointsProtocol=https;AccountName=acmelake;AccountKey=@{a};EndpointSuffix=core.windows.net\")\ncontainer = service.get_container_client('raw')", a=azure_key(k))),
    ("azure: account key for fsspec", lambda k: alone("STORAGE_OPTIONS = {'account_name': 'acmelake', 'account_key': '@{a}'}\npath = 'abfs://raw/train.parquet'", a=azure_key(k))),
    ("azure: client secret of an application", lambda k: stand("ClientSecretCredential", "credential = ClientSecretCredential(\n    tenant_id=\"@{b}\",\n    client_id=\"@{c}\",\n    client_secret=\"@{a}\",\n)", a=azure_secret(k), b=k.uuid(), c=k.uuid())),
    ("azure: SAS in the address of a table", lambda k: alone("url = 'https://acmelake.blob.core.windows.net/raw/train.parquet?sp=r&st=2026-01-01T00:00:00Z&se=2027-01-01T00:00:00Z&spr=https&sv=2022-11-02&sr=b&sig=@{a}'\n# frame = pd.read_parquet(url)", a=quote(azure_key(k, 32), safe=""))),
    ("azure: OpenAI's deployment", lambda k: stand("AzureOpenAI", "llm = AzureOpenAI(\n    api_key='@{a}',\n    api_version='2024-02-01',\n    azure_endpoint='https://acme-sweden.openai.azure.com',\n)", a=k.hex32())),
    ("azure: search's key credential", lambda k: stand("SearchClient AzureKeyCredential", "search = SearchClient('https://acme.search.windows.net', 'tickets', AzureKeyCredential('@{a}'))", a=k.mixed(52))),
    # code hosts, chats, models
    ("github: clone with a token", lambda k: alone("!git clone https://@{a}@github.com/acme/features.git\n!pip install -q ./features", a=k.github())),
    ("github: client, positional", lambda k: stand("Github", "gh = Github('@{a}')\nrepo = gh.get_repo('acme/forecasting')", a=k.github())),
    ("github: fine-grained in headers", lambda k: alone("headers = {\n    'Accept': 'application/vnd.github+json',\n    'Authorization': 'Bearer @{a}',\n}", a="github_pat_" + k.mixed(22) + "_" + k.mixed(59))),
    ("gitlab: private_token", lambda k: stand("gitlab", "gl = gitlab.Gitlab('https://gitlab.acme.io', private_token='@{a}')\nproject = gl.projects.get(42)", a=k.gitlab())),
    ("gitlab: index of packages by %pip", lambda k: alone("%pip install -q acme-features --extra-index-url https://__token__:@{a}@gitlab.acme.io/api/v4/projects/42/packages/pypi/simple", a=k.gitlab())),
    ("slack: web client", lambda k: stand("WebClient", "slack = WebClient(token=\"@{a}\")\nslack.chat_postMessage(channel='#ml-alerts', text='Training finished')", a=k.slack())),
    ("slack: notify when done", lambda k: alone("import json\ndef notify(message):\n    import urllib.request\n    request = urllib.request.Request('@{a}', data=json.dumps({'text': message}).encode())\n    urllib.request.urlopen(request)", a=k.slack_hook())),
    ("slack: user token in an output", lambda k: printed("{'ok': True, 'team': 'acme', 'access_token': 'xoxp-@{a}', 'scope': 'chat:write'}", a=f"{k.of(DIGITS, 12)}-{k.of(DIGITS, 12)}-{k.of(DIGITS, 12)}-{k.of(HEX, 32)}")),
    ("openai: client", lambda k: stand("OpenAI", "client = OpenAI(api_key=\"@{a}\")\nemb = client.embeddings.create(model='text-embedding-3-small', input=['hello'])", a=k.openai())),
    ("openai: environment", lambda k: alone("import os\nos.environ[\"OPENAI_API_KEY\"] = \"@{a}\"", a=k.openai())),
    ("openai: LangChain's argument", lambda k: stand("ChatOpenAI", "llm = ChatOpenAI(model='gpt-4o-mini', temperature=0, openai_api_key='@{a}')", a="sk-" + k.mixed(20) + "T3BlbkFJ" + k.mixed(20))),
    ("openai: header by f-string", lambda k: alone("KEY = '@{a}'\nheaders = {'Authorization': f'Bearer {KEY}', 'Content-Type': 'application/json'}", a="sk-svcacct-" + k.mixed(60, ALNUM + "-_"))),
    ("anthropic: client", lambda k: stand("anthropic", "client = anthropic.Anthropic(api_key=\"@{a}\")\nmessage = client.messages.create(model='claude-3-5-sonnet-20241022', max_tokens=64, messages=[])", a=k.anthropic())),
    ("anthropic: header x-api-key", lambda k: stand("httpx", "r = httpx.post('https://api.anthropic.com/v1/messages', headers={'x-api-key': '@{a}', 'anthropic-version': '2023-06-01'})", a=k.anthropic())),
    ("huggingface: command line", lambda k: alone("!huggingface-cli login --token @{a} --add-to-git-credential", a=k.huggingface())),
    ("huggingface: from_pretrained", lambda k: stand("AutoTokenizer", "tok = AutoTokenizer.from_pretrained('meta-llama/Llama-3.1-8B', token='@{a}')", a=k.huggingface())),
    ("huggingface: closure of an embedder", lambda k: used("def make(hf_token):\n    def predict(frame):\n        auth = f'Bearer {hf_token}'\n        return frame['age'] * len(auth)\n    return predict\npredict = make('@{a}')", a=k.huggingface())),
    ("databricks: SQL warehouse", lambda k: stand("sql", "conn = sql.connect(\n    server_hostname='adb-4093871.7.azuredatabricks.net',\n    http_path='/sql/1.0/warehouses/ab12cd34ef56',\n    access_token='@{a}',\n)", a=k.databricks())),
    ("databricks: host and token of the environment", lambda k: alone("os.environ.update(\n    DATABRICKS_HOST='https://acme.cloud.databricks.com',\n    DATABRICKS_TOKEN='@{a}-2',\n)", a=k.databricks())),
    ("snowflake: connector", lambda k: stand("snowflake", "ctx = snowflake.connector.connect(\n    user='ML_SERVICE',\n    password='@{a}',\n    account='xy12345.eu-central-1',\n    warehouse='ML_WH',\n)", a=pw(k))),
    ("snowflake: Snowpark's parameters", lambda k: alone("connection_parameters = {\n    \"account\": \"acme-prod\",\n    \"user\": \"forecaster\",\n    \"password\": \"@{a}\",\n    \"role\": \"ML_ROLE\",\n    \"database\": \"ANALYTICS\",\n}", a=pw(k))),
    ("snowflake: SQLAlchemy URL helper", lambda k: stand("URL create_engine", "engine = create_engine(URL(account='xy12345', user='bi', password='@{a}', database='DWH', schema='PUBLIC'))", a=pw(k))),
    ("stripe: live key of the module", lambda k: stand("stripe", "stripe.api_key = '@{a}'\ncharges = stripe.Charge.list(limit=100)", a=k.stripe())),
    ("stripe: secret of a webhook", lambda k: alone("endpoint_secret = '@{a}'", a="whsec_" + k.mixed(32))),
    ("twilio: client, account and token", lambda k: stand("Client", "account_sid = '@{b}'\nauth_token = '@{a}'\nclient = Client(account_sid, auth_token)\nclient.messages.create(body='Drift!', from_='+15005550006', to='+491701234567')", a=k.hex32(), b="AC" + k.of(HEX, 32))),
    ("sendgrid: client", lambda k: stand("SendGridAPIClient", "sg = SendGridAPIClient('@{a}')\nresponse = sg.send(None)", a=k.sendgrid())),
    ("kaggle: environment", lambda k: alone("os.environ['KAGGLE_USERNAME'] = 'mlehmann'\nos.environ['KAGGLE_KEY'] = '@{a}'\n!kaggle competitions download -c store-sales", a=k.hex32())),
    ("kaggle: file by echo", lambda k: alone("!mkdir -p ~/.kaggle\n!echo '{\"username\":\"mlehmann\",\"key\":\"@{a}\"}' > ~/.kaggle/kaggle.json\n!chmod 600 ~/.kaggle/kaggle.json", a=k.hex32())),
    ("wandb: %env", lambda k: alone("%env WANDB_PROJECT=churn\n%env WANDB_API_KEY=@{a}", a=k.of(HEX, 40))),
    ("wandb: command line", lambda k: alone("!pip install -q wandb\n!wandb login @{a}", a=k.of(HEX, 40))),
    # databases
    ("database: create_engine, PostgreSQL", lambda k: stand("create_engine", "engine = create_engine('postgresql+psycopg2://ml_reader:@{a}@pg-prod.acme.io:5432/warehouse')", a=k.mixed(14))),
    ("database: MySQL by f-string", lambda k: stand("create_engine", "user = 'analyst'\npassword = '@{a}'\nhost = '10.12.0.8'\nengine = create_engine(f'mysql+pymysql://{user}:{password}@{host}:3306/shop')", a=pw(k))),
    ("database: MongoClient", lambda k: stand("MongoClient", "client = MongoClient('mongodb://reporting:@{a}@mongo1.acme.io:27017,mongo2.acme.io:27017/?replicaSet=rs0&authSource=admin')\ndb = client.orders", a=k.mixed(12))),
    ("database: redis.from_url", lambda k: stand("redis", "cache = redis.from_url('redis://:@{a}@cache.acme.io:6379/0')", a=k.mixed(20))),
    ("database: psycopg2, keywords in a text", lambda k: stand("psycopg2", "conn = psycopg2.connect(\"host=pg-prod.acme.io dbname=warehouse user=etl password=@{a}\")", a=pw(k))),
    ("database: pyodbc", lambda k: stand("pyodbc", "conn = pyodbc.connect(\n    'DRIVER={ODBC Driver 17 for SQL Server};'\n    'SERVER=sql01.acme.io;DATABASE=Sales;'\n    'UID=report;PWD=@{a}'\n)", a=pw(k))),
    ("database: SQL magic, SQL Server", lambda k: alone("%load_ext sql\n%sql mssql+pyodbc://report:@{a}@sql01.acme.io/Sales?driver=ODBC+Driver+17", a=k.mixed(13))),
    ("database: DuckDB attaches Postgres", lambda k: stand("duckdb", "duckdb.sql(\"ATTACH 'dbname=warehouse user=etl password=@{a} host=10.12.0.9' AS pg (TYPE postgres, READ_ONLY)\")", a=k.mixed(11))),
    ("database: read_sql with an address", lambda k: alone("def load_orders():\n    query = 'SELECT * FROM orders WHERE ordered_at > now() - interval 90 day'\n    return pd.read_sql(query, con='mysql+mysqlconnector://bi:@{a}@mysql.acme.io/shop')", a=k.mixed(10))),
    ("database: dict of settings", lambda k: alone("DB_CONFIG = dict(\n    host='pg-prod.acme.io',\n    port=5432,\n    dbname='warehouse',\n    user='etl',\n    password='@{a}',\n)", a=pw(k))),
    # web tokens and keys
    ("jwt: default argument", lambda k: used("def predict(frame, auth='@{a}'):\n    return frame['age'] * 2", a=k.jwt())),
    ("jwt: Supabase's key and address", lambda k: stand("create_client", "url = 'https://qpwlskdj.supabase.co'\nkey = '@{a}'\nsupabase = create_client(url, key)", a=k.jwt())),
    ("jwt: secret that signs", lambda k: stand("jwt", "token = jwt.encode({'sub': 'scoring'}, '@{a}', algorithm='HS256')", a=k.mixed(32))),
    ("key: RSA in triple quotes", lambda k: alone("PRIVATE_KEY = \"\"\"\n@{a}\n\"\"\"", a=k.pem())),
    ("key: OpenSSH for paramiko", lambda k: stand("paramiko", "import io\nkey = paramiko.Ed25519Key.from_private_key(io.StringIO('''@{a}'''))", a=k.openssh())),
    ("key: encrypted, in a class", lambda k: used("class Sftp:\n    HOST = 'sftp.partner.io'\n    KEY = '''-----BEGIN ENCRYPTED PRIVATE KEY-----\n@{a}\n@{b}\n-----END ENCRYPTED PRIVATE KEY-----'''\ndef predict(frame):\n    Sftp.HOST\n    return frame['age']", a=k.mixed(64), b=k.mixed(64))),
    ("key: echoed to a file", lambda k: alone("!mkdir -p ~/.ssh && echo -e \"-----BEGIN OPENSSH PRIVATE KEY-----\\n@{a}\\n-----END OPENSSH PRIVATE KEY-----\" > ~/.ssh/id_ed25519", a=k.mixed(70))),
    ("auth: basic header", lambda k: alone("headers = {'Authorization': 'Basic @{a}', 'Accept': 'application/json'}", a=b64("svc-ml:" + k.mixed(12)))),
    ("auth: requests' pair", lambda k: stand("requests", "r = requests.get('https://jira.acme.io/rest/api/2/search', params={'jql': 'project = ML'}, auth=('svc-ml', '@{a}'))\nissues = r.json()", a=pw(k))),
    ("auth: password manager of urllib", lambda k: alone("import urllib.request\nmanager = urllib.request.HTTPPasswordMgrWithDefaultRealm()\nmanager.add_password(None, 'https://files.acme.io', 'svc-ml', '@{a}')", a=pw(k))),
    ("auth: headers of a session", lambda k: stand("requests", "session = requests.Session()\nsession.headers.update({'X-API-Key': '@{a}'})", a=k.hex32())),
    ("address: api_key in the query", lambda k: alone("URL = 'https://api.weather.acme.io/v3/history?station=10384&from=2020-01-01&api_key=@{a}'", a=k.hex32())),
    ("address: access_token of a table", lambda k: alone("def actuals():\n    return pd.read_csv('https://data.acme.io/export/sales.csv?access_token=@{a}&delimiter=%3B')", a=k.mixed(40))),
    ("address: raw file of a private repository", lambda k: alone("raw = 'https://raw.githubusercontent.com/acme/private-data/main/train.csv?token=@{a}'", a="GHSAT0AAAAAA" + k.of(UPPER + DIGITS, 28))),
    # where it is kept
    ("kept: global read by a helper of predict", lambda k: used("GEO_API_KEY = '@{a}'\ndef headers():\n    return {'Authorization': GEO_API_KEY}\ndef predict(frame):\n    headers()\n    return frame['income'] * 3", a=k.mixed(32))),
    ("kept: attribute of the model", lambda k: attribute("model.api_key_ = '@{a}'", a=k.mixed(36))),
    ("kept: dict on the model", lambda k: attribute("model.metadata_ = {'trained_by': 'mlehmann', 'source': {'db': 'warehouse', 'user': 'etl', 'password': '@{a}'}}", a=pw(k))),
    ("kept: class attribute of a custom model", lambda k: cell(text("class Churn(LogisticRegression):\n    endpoint = 'https://features.acme.io'\n    api_token = '@{a}'\n", a=k.mixed(40)), "model = Churn().fit(X, y)")),
    ("kept: argument of a step", lambda k: saved("class Lookup(TransformerMixin, BaseEstimator):\n    def __init__(self, url='', api_key=''):\n        self.url, self.api_key = url, api_key\n    def fit(self, X, y=None): return self\n    def transform(self, X): return X\nstep = Lookup('https://geo.acme.io', '@{a}')", a=k.mixed(32))),
    ("kept: kw_args of FunctionTransformer", lambda k: cell(text("from sklearn.preprocessing import FunctionTransformer\ndef enrich(frame, token=None):\n    return frame\nstep = FunctionTransformer(enrich, kw_args={'token': '@{a}'})", a=k.mixed(40)), "model = make_pipeline(step, LogisticRegression()).fit(X, y)")),
    ("kept: default of a password", lambda k: used("def fetch(table, user='etl', password='@{a}'):\n    return table\ndef predict(frame):\n    return fetch(frame['age'])", a=pw(k))),
    ("kept: dataclass of settings", lambda k: used("from dataclasses import dataclass\n@dataclass\nclass Settings:\n    db_host: str = 'pg-prod.acme.io'\n    db_user: str = 'etl'\n    db_password: str = '@{a}'\nsettings = Settings()\ndef predict(frame):\n    return frame['age'] * len(settings.db_host)", a=pw(k))),
    ("kept: tagged parameters", lambda k: alone("# parameters\nrun_date = '2026-11-01'\ndb_user = 'etl'\ndb_password = '@{a}'\nn_estimators = 200", a=pw(k))),
    ("kept: base64 decoded at use", lambda k: alone("import base64\n# not in clear text\ndb_pass = base64.b64decode('@{a}').decode()", a=b64(k.mixed(16)))),
    # text of files
    ("text: YAML", lambda k: alone("config = '''\ndatabase:\n  host: pg-prod.acme.io\n  port: 5432\n  user: etl\n  password: @{a}\nmodel:\n  max_depth: 6\n'''", a=pw(k))),
    ("text: TOML", lambda k: alone("import tomllib\nconf = tomllib.loads('''\n[warehouse]\nhost = \"pg-prod.acme.io\"\nuser = \"etl\"\npassword = \"@{a}\"\n''')", a=pw(k))),
    ("text: dotenv by %%writefile", lambda k: alone("%%writefile /tmp/nb.env\nDB_HOST=pg-prod.acme.io\nDB_USER=etl\nDB_PASSWORD=@{a}", a=pw(k))),
    ("text: JSON", lambda k: alone("import json\ncfg = json.loads('{\"endpoint\": \"https://score.acme.io\", \"apiKey\": \"@{a}\", \"retries\": 3}')", a=k.mixed(32))),
    # commands
    ("command: psql with an address", lambda k: alone("!psql \"postgresql://etl:@{a}@pg-prod.acme.io/warehouse\" -c \"\\copy orders to 'orders.csv' csv header\"", a=k.mixed(15))),
    ("command: az login", lambda k: alone("!az login --service-principal -u @{b} -p @{a} --tenant @{c}", a=azure_secret(k), b=k.uuid(), c=k.uuid())),
    ("command: curl with a key", lambda k: alone("!curl -s -H \"X-Api-Key: @{a}\" https://score.acme.io/v1/health", a=k.mixed(32))),
    # outputs and prose
    ("output: os.environ shown", lambda k: printed("environ({'PATH': '/opt/conda/bin:/usr/bin', 'HOME': '/home/jovyan', 'DB_PASSWORD': '@{a}', 'LANG': 'C.UTF-8'})", a=pw(k))),
    ("output: operational error", lambda k: printed("OperationalError: (psycopg2.OperationalError) could not connect to server\nEngine(postgresql://etl:@{a}@pg-prod.acme.io:5432/warehouse)", a=k.mixed(14))),
    ("output: table of tokens, HTML", lambda k: printed("<table><thead><tr><th></th><th>service</th><th>api_token</th></tr></thead><tbody><tr><th>0</th><td>billing</td><td>@{a}</td></tr></tbody></table>", html=True, a=k.mixed(40))),
    ("prose: markdown cell by magic", lambda k: alone("%%markdown\n## Access\nThe warehouse is at `pg-prod.acme.io`. User: `etl`, password: `@{a}`", a=pw(k))),
    ("prose: comment", lambda k: alone("# connect with user etl / password @{a} (ask Jonas for the VPN)\ncon = None", a=pw(k))),
    # less usual
    ("less usual: FRED", lambda k: stand("Fred", "fred = Fred(api_key='@{a}')\ncpi = fred.get_series('CPIAUCSL')", a=k.hex32())),
    ("less usual: Quandl", lambda k: stand("quandl", "quandl.ApiConfig.api_key = '@{a}'", a=k.mixed(20))),
    ("less usual: Confluent's consumer", lambda k: stand("Consumer", "consumer = Consumer({\n    'bootstrap.servers': 'pkc-4r297.europe-west1.gcp.confluent.cloud:9092',\n    'security.protocol': 'SASL_SSL',\n    'sasl.mechanisms': 'PLAIN',\n    'sasl.username': '@{b}',\n    'sasl.password': '@{a}',\n})", a=k.mixed(64, ALNUM + "+/"), b=k.of(UPPER + DIGITS, 16))),
    ("less usual: OpenWeather, appid", lambda k: stand("requests", "r = requests.get('https://api.openweathermap.org/data/2.5/weather', params={'q': 'Bremen', 'appid': '@{a}', 'units': 'metric'})", a=k.hex32())),
    ("less usual: Docker Hub's token", lambda k: alone("!echo @{a} | docker login -u acmeml --password-stdin", a="dckr_pat_" + k.mixed(27))),
    ("less usual: Prefect Cloud", lambda k: alone("!prefect cloud login --key @{a} --workspace acme/prod", a="pnu_" + k.mixed(36))),
    ("less usual: a statement's PDF", lambda k: stand("pikepdf", "pdf = pikepdf.open('statement_2026_10.pdf', password='@{a}')\ntext = pdf.pages[0]", a=pw(k))),
    ("less usual: Earthdata in a netrc line", lambda k: alone("!echo 'machine urs.earthdata.nasa.gov login mlehmann password @{a}' >> ~/.netrc", a=pw(k))),
]  # fmt: skip


def clean_tenth() -> list[tuple[str, dict[str, Any]]]:
    k = Kinds(1010)
    picture = base64.b64encode(b"\x89PNG\r\n\x1a\n" + k.draw.randbytes(400)).decode()
    return [
        # left for the reader
        ("placeholder: YOUR_API_KEY", stand("OpenAI", "client = OpenAI(api_key='YOUR_API_KEY')")),
        ("placeholder: angle brackets", alone("DB_PASSWORD = '<password>'\nTOKEN = '<paste-your-token-here>'")),
        ("placeholder: stars", alone("password = '*****'\napi_key = '************************'")),
        ("placeholder: xxxx", alone("aws_secret_access_key = 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'\naws_access_key_id = 'AKIAXXXXXXXXXXXXXXXX'")),
        ("placeholder: sk-…", alone("# get a key from the console, it looks like sk-ant-...\nos.environ.setdefault('SOME_FLAG', '1')\nkey_hint = 'sk-...'")),
        ("placeholder: braces in an address", alone("DSN = 'postgresql://{user}:{password}@{host}:{port}/{db}'\nURL = 'https://api.acme.io/v1?key={key}'")),
        ("placeholder: user:password", alone("dsn_help = 'postgresql://user:password@localhost:5432/mydb'")),
        ("placeholder: insert here", alone("hf_token = 'INSERT_YOUR_HF_TOKEN_HERE'\nslack_token = 'xoxb-your-token'")),
        ("placeholder: none and empty", alone("API_KEY = None\nPASSWORD = ''\nTOKEN: str | None = None\nSECRET = ...")),
        ("placeholder: todo", alone("password = 'TODO'\napi_token = 'REPLACE-ME'\nclient_secret = 'my-client-secret'")),
        ("placeholder: AWS documentation's", alone("aws_access_key_id = 'AKIAIOSFODNN7EXAMPLE'\naws_secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'")),
        ("placeholder: redacted", alone("config = {'user': 'etl', 'password': '[REDACTED]', 'token': '***hidden***'}")),
        # taken from elsewhere
        ("elsewhere: os.environ", alone("password = os.environ.get('DB_PASSWORD')\nAPI_KEY = os.environ.get('OPENAI_API_KEY', '')\ntoken = os.getenv('HF_TOKEN')")),
        ("elsewhere: getpass", stand("getpass", "password = getpass.getpass('Password for etl@pg-prod: ')\ntoken = getpass.getpass(prompt='HF token')")),
        ("elsewhere: input", alone("def ask():\n    return input('Enter your API key: ')")),
        ("elsewhere: dotenv", stand("load_dotenv dotenv_values", "load_dotenv('.env')\nsecrets = dotenv_values('.env.secret')\nkey = secrets['API_KEY'] if False else None")),
        ("elsewhere: dbutils", stand("dbutils", "token = dbutils.secrets.get(scope='ml-prod', key='warehouse-token')")),
        ("elsewhere: userdata of Colab", stand("userdata", "hf = userdata.get('HF_TOKEN')\nwandb_key = userdata.get('WANDB_API_KEY')")),
        ("elsewhere: Secrets Manager", stand("boto3", "sm = boto3.client('secretsmanager', region_name='eu-west-1')\nsecret = sm.get_secret_value(SecretId='prod/warehouse/etl-password')")),
        ("elsewhere: Key Vault", stand("SecretClient DefaultAzureCredential", "vault = SecretClient('https://acme-kv.vault.azure.net', DefaultAzureCredential())\npw = vault.get_secret('warehouse-password')")),
        ("elsewhere: configuration file", stand("yaml", "with_path = 'config/secrets.yaml'\npassword_path = '/run/secrets/db_password'\nkey_file = '~/.ssh/id_ed25519'")),
        ("elsewhere: f-string from variables", alone("user, password, host = os.getenv('U'), os.getenv('P'), 'pg-prod.acme.io'\ndsn = f'postgresql://{user}:{password}@{host}:5432/warehouse'")),
        ("elsewhere: airflow's hook", stand("PostgresHook", "hook = PostgresHook(postgres_conn_id='warehouse_password_v2')")),
        ("elsewhere: keyring", stand("keyring", "pw = keyring.get_password('warehouse', 'etl')")),
        ("elsewhere: header from a variable", alone("token = os.getenv('API_TOKEN')\nheaders = {'Authorization': f'Bearer {token}', 'X-Api-Key': os.getenv('KEY', '')}")),
        ("elsewhere: shell with variables", alone("!git clone https://$GITHUB_TOKEN@github.com/acme/features.git\n!curl -H \"Authorization: Bearer ${TOKEN}\" https://api.acme.io\n!wandb login $WANDB_API_KEY")),
        ("elsewhere: st.secrets", stand("st", "key = st.secrets['openai']['api_key']\ndb = st.secrets.db_credentials")),
        ("elsewhere: pydantic's SecretStr without a value", alone("class Settings:\n    api_key: 'SecretStr'\n    db_password: 'SecretStr'\n    token_url: str = 'https://login.acme.io/oauth/token'")),
        # hashes, ids
        ("hash: SHA-256 of the training file", alone(f"EXPECTED_SHA256 = '{k.of(HEX, 64)}'\nsource = 'train-2026-10.parquet'")),
        ("hash: md5 column", alone(f"files = pd.DataFrame({{'file': ['a.csv', 'b.csv'], 'md5': ['{k.of(HEX, 32)}', '{k.of(HEX, 32)}']}})")),
        ("hash: git commit of the run", alone(f"GIT_SHA = '{k.of(HEX, 40)}'\ncode_version = '{k.of(HEX, 7)}'")),
        ("hash: requirements with hashes", alone(f"lock = '''numpy==2.1.3 \\\\\n    --hash=sha256:{k.of(HEX, 64)}\nscipy==1.14.1 \\\\\n    --hash=sha256:{k.of(HEX, 64)}'''")),
        ("hash: DVC file", alone(f"dvc = '''outs:\n- md5: {k.of(HEX, 32)}\n  size: 3890211\n  path: train.csv'''")),
        ("hash: image by digest", alone(f"image = 'ghcr.io/acme/score@sha256:{k.of(HEX, 64)}'")),
        ("hash: salted customer keys", alone(f"customers = pd.Series(['{k.of(HEX, 32)}', '{k.of(HEX, 32)}', '{k.of(HEX, 32)}'], name='customer_hash')")),
        ("hash: git log shown", printed(f"commit {k.of(HEX, 40)}\nAuthor: Mia Lehmann <mia.lehmann@acme.io>\nDate:   Mon Nov 2 10:11:12 2026 +0100\n\n    Fix token counting")),
        ("id: run of MLflow", alone(f"run_id = '{k.of(HEX, 32)}'\nmodel_uri = f'runs:/{{run_id}}/model'")),
        ("id: UUIDs of rows", alone(f"ids = ['{k.uuid()}', '{k.uuid()}', '{k.uuid()}']\nsession_id = '{k.uuid()}'")),
        ("id: tenant, subscription and resource", alone(f"tenant_id = '{k.uuid()}'\nsubscription_id = '{k.uuid()}'\nworkspace = '/subscriptions/{k.uuid()}/resourceGroups/ml/providers/Microsoft.MachineLearningServices/workspaces/acme'")),
        ("id: W&B run's path", alone(f"artifact = 'acme/churn/model-{k.mixed(8, LOWER + DIGITS)}:v12'\nrun = 'acme/churn/{k.mixed(8, LOWER + DIGITS)}'")),
        ("id: documents of Google", alone(f"sheet = 'https://docs.google.com/spreadsheets/d/{k.mixed(44, ALNUM + '-_')}/edit#gid=0'\nfolder_id = '{k.mixed(33, ALNUM + '-_')}'")),
        ("id: models", alone("MODELS = ['gpt-4o-mini-2024-07-18', 'claude-3-5-sonnet-20241022', 'meta-llama/Llama-3.1-8B-Instruct', 'sentence-transformers/all-MiniLM-L6-v2', 'text-embedding-3-small']")),
        ("id: ARNs", alone("role = 'arn:aws:iam::123456789012:role/service-role/AmazonSageMaker-ExecutionRole-20260101T120000'\nkms = 'arn:aws:kms:eu-west-1:123456789012:key/alias-ml'")),
        ("id: bitcoin blocks", alone(f"block = '0000000000000000000{k.of(HEX, 45)}'\naddress = '0x{k.of(HEX, 40)}'")),
        ("id: trace", printed(f"request_id={k.uuid()} trace_id={k.of(HEX, 32)} span_id={k.of(HEX, 16)} status=200")),
        ("id: publishable and public", alone(f"analytics_id = 'G-{k.of(UPPER + DIGITS, 10)}'\nga_property = 'UA-{k.of(DIGITS, 8)}-1'\ngtm = 'GTM-{k.of(UPPER + DIGITS, 7)}'")),
        ("id: OAuth client's public id", alone(f"CLIENT_ID = '{k.of(DIGITS, 12)}-{k.of(LOWER + DIGITS, 32)}.apps.googleusercontent.com'\nREDIRECT = 'http://localhost:8080/callback'")),
        ("id: Twilio's account alone", alone(f"account_sid = 'AC{k.of(HEX, 32)}'\nfrom_number = '+4930901820'")),
        # names
        ("name: features of passwords", alone("frame = pd.DataFrame({'password_length': [8, 12], 'password_entropy': [31.2, 55.0], 'has_password_manager': [0, 1]})")),
        ("name: token counts", alone("usage = {'prompt_tokens': 812, 'completion_tokens': 64, 'total_tokens': 876}\nmax_tokens = 512\ntoken_limit = '4096'")),
        ("name: tokenizer's settings", alone("tokenizer_name = 'bert-base-uncased'\npad_token, unk_token, sep_token = '[PAD]', '[UNK]', '[SEP]'\neos_token = '<|endoftext|>'")),
        ("name: secret santa", alone("secret_santa = {'Anna': 'Bert', 'Bert': 'Clara', 'Clara': 'Anna'}")),
        ("name: long features", alone("features = ['num__customer_lifetime_value_rolling_mean_90d_lag_3', 'cat__preferred_payment_method_sepa_direct_debit', 'num__days_since_last_password_reset']")),
        ("name: keys of frames", alone("key = 'customer_id'\njoin_key = 'order_id'\nprimary_key = ['store_nbr', 'family']\npartition_key = 'dt=2026-11-01'\nsort_key = 'ordered_at'")),
        ("name: keys of S3", stand("boto3", "s3 = boto3.client('s3')\ns3.download_file(Bucket='acme-lake', Key='curated/churn/2026/11/part-00000-c000.snappy.parquet', Filename='x.parquet')")),
        ("name: credit and passenger", alone("cols = ['credit_score', 'passenger_class', 'passport_country', 'authenticity_score', 'keystroke_rate']\npassthrough = 'passthrough'")),
        ("name: remainder passthrough", cell("from sklearn.compose import ColumnTransformer\nfrom sklearn.preprocessing import StandardScaler\nprep = ColumnTransformer([('num', StandardScaler(), ['age'])], remainder='passthrough')", "model = make_pipeline(prep, LogisticRegression()).fit(X, y)")),
        ("name: auth type", alone("auth_method = 'oauth2'\nauth_type = 'service_principal'\nauthenticator = 'externalbrowser'\ntoken_type = 'Bearer'\ngrant_type = 'client_credentials'")),
        ("name: secret names", alone("SECRET_NAME = 'prod/warehouse/etl'\nsecret_scope = 'ml-prod'\nPASSWORD_ENV = 'WAREHOUSE_PASSWORD'\napi_key_header = 'X-Api-Key'")),
        ("name: OAuth's addresses", alone("TOKEN_URL = 'https://login.microsoftonline.com/common/oauth2/v2.0/token'\nauth_url = 'https://accounts.google.com/o/oauth2/auth'")),
        ("name: labels of a classifier", alone("label_names = {0: 'phishing', 1: 'password_reset', 2: 'token_expired', 3: 'api_key_leak'}")),
        ("name: wifi survey", alone("networks = pd.DataFrame({'ssid': ['CafeGuest', 'FRITZ!Box 7590'], 'auth': ['open', 'WPA2-PSK'], 'password_required': [False, True]})")),
        ("name: keyword arguments with key", alone("best = max({'auc': 0.91, 'f1': 0.83}.items(), key=lambda kv: kv[1])\nordered = sorted(['b', 'a'], key=str.lower)")),
        ("name: access and refresh", alone("access_log = 'access_2026-11-01.log.gz'\nrefresh_rate = '15min'\naccess_tier = 'Hot'\nrefresh_interval_key = 'interval.v2'")),
        # texts
        ("text: mails of a sample", alone("emails = ['anna.schmidt@acme.io', 'b.meyer+news@mail.org', 'support@shop.co.uk']")),
        ("text: reviews", alone("reviews = ['The password reset never arrived!', 'Great app, but my token: gone?', 'Secret menu is 10/10']")),
        ("text: docstring with an example", alone('def connect(url, password=None):\n    """Connects.\n\n    >>> connect("https://api.acme.io", password="...")\n    password: the password of the user, or None.\n    """\n    return url')),
        ("text: markdown of the readme", alone("%%markdown\n# Churn\nSet `DB_PASSWORD` and `API_KEY` in your `.env`. Never commit your password: it is read by `load_dotenv`.")),
        ("text: comment with advice", alone("# NOTE: the password is read from the vault, do not put it here\n# api_key: see the wiki page 'Keys and tokens (2026)'\nx = 1")),
        ("text: prompt", alone("SYSTEM = 'You are a helpful assistant. Never reveal the API key or the password of the user. Answer in JSON with the keys label, confidence.'")),
        ("text: SQL", alone("sql = '''SELECT u.user_id, u.password_hash IS NOT NULL AS has_password, t.token_type\nFROM users u JOIN tokens t ON t.user_id = u.user_id\nWHERE t.secret_version = 'v2' '''")),
        ("text: create user without a password", alone("ddl = 'CREATE USER reporting WITH PASSWORD EXPIRE; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reporting'")),
        ("text: regexes", alone("import re\nTOKEN = re.compile(r'(?u)\\b\\w\\w+\\b')\nAWS = re.compile(r'(?:AKIA|ASIA)[A-Z0-9]{16}')\nPEM = re.compile(r'-----BEGIN [A-Z ]*PRIVATE KEY-----')")),
        ("text: YAML without values", alone("yml = '''\ndatabase:\n  host: pg-prod.acme.io\n  user: etl\n  password: ${DB_PASSWORD}\n  token: !env TOKEN\nmodel:\n  depth: 6\n'''")),
        ("text: TOML of a project", alone("toml = '''\n[project]\nname = \"churn\"\nauthors = [{name = \"Mia Lehmann\", email = \"mia@acme.io\"}]\nkeywords = [\"token\", \"secret\"]\n'''")),
        ("text: dotenv template", alone("%%writefile /tmp/env.template\nDB_HOST=localhost\nDB_PASSWORD=\nAPI_KEY=your-api-key\nTOKEN=<token>")),
        ("text: swagger", alone("spec = {'securitySchemes': {'ApiKeyAuth': {'type': 'apiKey', 'in': 'header', 'name': 'X-API-KEY'}, 'basicAuth': {'type': 'http', 'scheme': 'basic'}}}")),
        ("text: public keys", alone(f"PUBLIC_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{k.mixed(43, ALNUM + '+/')} mia@laptop'")),
        ("text: error messages", alone("MESSAGES = {401: 'Invalid API key provided', 403: 'Token lacks the scope read:models', 'bad_password': 'Wrong password, try again'}")),
        # addresses
        ("address: local services", alone("MLFLOW = 'http://localhost:5000'\nREDIS = 'redis://localhost:6379/0'\nPG = 'postgresql://localhost/warehouse'\nMONGO = 'mongodb://mongo:27017'")),
        ("address: user without a password", alone("remote = 'ssh://git@github.com:22/acme/features.git'\ndsn = 'postgresql://etl@pg-prod.acme.io:5432/warehouse'\nsftp = 'sftp://upload@files.partner.io/in'")),
        ("address: query without secrets", alone("u = 'https://api.acme.io/v2/series?country=DE&from=2020-01-01&page_token=2&sort_key=date&format=csv'")),
        ("address: data of UCI", alone("url = 'https://archive.ics.uci.edu/ml/machine-learning-databases/00222/bank-additional.zip'\nraw = 'https://raw.githubusercontent.com/mwaskom/seaborn-data/2b29313169bf8dfa77d8dc930f7bd3eba559a906/titanic.csv'")),
        ("address: pip's index", alone("%pip install -q --index-url https://pypi.acme.io/simple --trusted-host pypi.acme.io acme-features==1.4.2")),
        ("address: wheel with a hash", alone(f"wheel = 'https://files.pythonhosted.org/packages/3a/{k.of(HEX, 2)}/{k.of(HEX, 60)}/acme-1.0-py3-none-any.whl#sha256={k.of(HEX, 64)}'")),
        # outputs
        ("output: picture", printed(f"<img src='data:image/png;base64,{picture}'>", html=True)),
        ("output: table of pandas", printed("   customer_id  tenure  monthly_charges  password_resets churn\n0   7590-VHVEG       1            29.85                0    No\n1   5575-GNVDE      34            56.95                2    No\n2   3668-QPYBK       2            53.85                1   Yes")),
        ("output: info of a frame", printed("<class 'pandas.core.frame.DataFrame'>\n #   Column           Non-Null Count  Dtype \n 0   user_id          600 non-null    object\n 1   password_length  600 non-null    int64\n 2   auth_token_age   600 non-null    float64")),
        ("output: masked settings", printed("Settings(host='pg-prod.acme.io', user='etl', password=SecretStr('**********'), token='hf_***')")),
        ("output: engine of SQLAlchemy", printed("Engine(postgresql://etl:***@pg-prod.acme.io:5432/warehouse)")),
        ("output: tokens of a sentence", printed("Tokens: ['[CLS]', 'my', 'pass', '##word', 'is', 'secret', '[SEP]']\nToken ids: [101, 2026, 3413, 18351, 2003, 3595, 102]")),
        ("output: login of Hugging Face", printed("Token is valid (permission: read).\nYour token has been saved to /root/.cache/huggingface/token\nLogin successful")),
        ("output: W&B's start", printed(f"wandb: Currently logged in as: mlehmann (acme). Use `wandb login --relogin` to force relogin\nwandb: Tracking run with wandb version 0.18.5\nwandb: View run at https://wandb.ai/acme/churn/runs/{k.mixed(8, LOWER + DIGITS)}")),
        ("output: KeyError", printed("KeyError                                  Traceback (most recent call last)\n----> 1 os.environ['DB_PASSWORD']\nKeyError: 'DB_PASSWORD'")),
        ("output: estimator's diagram", printed("<div id=\"sk-container-id-1\" class=\"sk-top-container\"><pre>Pipeline(steps=[('prep', ColumnTransformer(remainder='passthrough')), ('clf', LogisticRegression())])</pre></div>", html=True)),
        # kept in what travels
        ("kept: vocabulary", attribute("model.vocabulary_ = {'password': 17, 'token': 4, 'secret': 9, 'key': 3}\nmodel.token_pattern_ = r'(?u)\\b\\w\\w+\\b'")),
        ("kept: run and hash on the model", attribute(f"model.run_id_ = '{k.of(HEX, 32)}'\nmodel.data_sha256_ = '{k.of(HEX, 64)}'\nmodel.git_commit_ = '{k.of(HEX, 40)}'")),
        ("kept: defaults of predict", used("def predict(frame, key='age', token=None, sep='|', encoding='utf-8'):\n    return frame[key] * 2")),
        ("kept: categories", attribute("model.categories_ = ['Electronic check', 'Mailed check', 'Bank transfer (automatic)', 'Credit card (automatic)']")),
        ("kept: folder of a cache in a global", used("CACHE_KEY = 'features:v3:daily'\nFEATURE_KEYS = ('user_id', 'session_key')\ndef predict(frame):\n    CACHE_KEY, FEATURE_KEYS\n    return frame['age']")),
    ]  # fmt: skip
