"""An eleventh set, by the same hand as the tenth, who had not read the rules: 50 credentials in other places and words, and 50 look-alikes."""

from __future__ import annotations

import base64
from typing import Any

from cases import ALNUM, DIGITS, FIT, HEX, LOWER, Case, Kinds, alone, cell, printed, stand, text, used
from seventh import attribute, gcp, saved
from tenth import azure_key, azure_secret, b64, cells

TOWNS = ["Gdansk", "Porto", "Bergen", "Utrecht", "Leeds", "Aarhus", "Malmo", "Turin", "Ghent", "Split"]


def typed(k: Kinds) -> str:
    """A password that somebody thought of: a town, digits and perhaps a mark, in one of two orders."""
    town, digits = k.draw.choice(TOWNS), k.of(DIGITS, 3)
    return k.draw.choice([f"{town}{digits}!", f"{digits}{town}", f"{town}.{digits}", f"{town.lower()}{digits}"])


ELEVENTH: list[Case] = [
    # clouds
    ("session of boto3 in a helper", lambda k: stand("boto3", "def bucket(name):\n    session = boto3.Session('@{a}', '@{b}', region_name='eu-north-1')\n    return session.resource('s3').Bucket(name)\nraw = bucket('fjord-raw')", a=k.aws(), b=k.aws_secret())),
    ("Polars' storage options", lambda k: alone("opts = {\n    \"aws_access_key_id\": \"@{a}\",\n    \"aws_secret_access_key\": \"@{b}\",\n    \"aws_region\": \"eu-north-1\",\n}\n# pl.scan_parquet('s3://fjord-raw/*.parquet', storage_options=opts)", a=k.aws(), b=k.aws_secret())),
    ("s3cmd at the prompt", lambda k: alone("!s3cmd --access_key=@{a} --secret_key=@{b} ls s3://fjord-raw", a=k.aws(), b=k.aws_secret())),
    ("service account coded in base64", lambda k: alone("import base64, json\nGOOGLE_CREDENTIALS = '@{a}'\ninfo = json.loads(base64.b64decode(GOOGLE_CREDENTIALS))", a=b64(gcp(k)))),
    ("Gemini configured", lambda k: stand("genai", "genai.configure(api_key='@{a}')\ngemini = genai.GenerativeModel('gemini-1.5-flash')", a=k.google())),
    ("Event Hub's connection", lambda k: alone("EH_CONN = (\n    'Endpoint=sb://fjord-events.servicebus.windows.net/;'\n    'SharedAccessKeyName=reader;'\n    'SharedAccessKey=@{a};EntityPath=clicks'\n)", a=azure_key(k, 32))),
    ("Azure's application in the environment", lambda k: alone("for name, value in {\n    'AZURE_TENANT_ID': '@{b}',\n    'AZURE_CLIENT_ID': '@{c}',\n    'AZURE_CLIENT_SECRET': '@{a}',\n}.items():\n    os.environ[name] = value", a=azure_secret(k), b=k.uuid(), c=k.uuid())),
    ("IBM's authenticator", lambda k: stand("IAMAuthenticator", "authenticator = IAMAuthenticator('@{a}')", a=k.mixed(44, ALNUM + "-_"))),
    ("Backblaze, authorize_account", lambda k: stand("b2_api", "b2_api.authorize_account('production', '@{b}', '@{a}')", a="K00" + k.mixed(28), b="00" + k.of(HEX, 22))),
    # hosts of code, models, chats
    ("GitHub token exported in bash", lambda k: alone("%%bash\nexport GITHUB_TOKEN=@{a}\ngh release download v1.2 --repo fjord/models", a=k.github())),
    ("GitHub token in a remote that git shows", lambda k: printed("origin\thttps://x-access-token:@{a}@github.com/fjord/features.git (fetch)", a="ghs_" + k.mixed(36))),
    ("Bitbucket, app password", lambda k: stand("requests", "commits = requests.get(\n    'https://api.bitbucket.org/2.0/repositories/fjord/ml/commits',\n    auth=requests.auth.HTTPBasicAuth('ingrid', '@{a}'),\n).json()", a="ATBB" + k.mixed(32))),
    ("OpenAI, attribute of the module", lambda k: stand("openai", "openai.organization = 'org-9hQ2'\nopenai.api_key = \"@{a}\"", a="sk-" + k.mixed(20) + "T3BlbkFJ" + k.mixed(20))),
    ("Anthropic, environment by setdefault", lambda k: alone("os.environ.setdefault(\"ANTHROPIC_API_KEY\", \"@{a}\")", a=k.anthropic())),
    ("Hugging Face, use_auth_token of a data set", lambda k: stand("load_dataset", "ds = load_dataset('fjord/tickets', split='train', use_auth_token='@{a}')", a=k.huggingface())),
    ("Cohere key of a class with __call__", lambda k: used("class Rerank:\n    def __init__(self, key): self._key = key\n    def __call__(self, values): return values\nrerank = Rerank('@{a}')\ndef predict(frame):\n    return rerank(frame['age'])", a=k.mixed(40))),
    ("ElevenLabs, xi-api-key", lambda k: alone("tts_headers = {'xi-api-key': '@{a}', 'Content-Type': 'application/json'}", a="sk_" + k.of(HEX, 48))),
    ("Labelbox", lambda k: stand("lb", "lb_client = lb.Client(api_key='@{a}')", a=k.jwt())),
    ("Slack bot in a class", lambda k: used("class Alerts:\n    channel = '#forecast'\n    bot = '@{a}'\ndef predict(frame):\n    Alerts.channel\n    return frame['age']", a=k.slack())),
    ("Mattermost's hook", lambda k: alone("HOOK = 'https://chat.fjord.no/hooks/@{a}'\n!curl -X POST -d 'payload={\"text\": \"done\"}' https://chat.fjord.no/hooks/@{a}", a=k.of(LOWER + DIGITS, 26))),
    ("W&B key in an object of settings", lambda k: stand("wandb", "wandb.login(key='@{a}', relogin=True)", a=k.of(HEX, 40))),
    ("Kaggle's file shown", lambda k: printed("{\"username\":\"ingridh\",\"key\":\"@{a}\"}", a=k.hex32())),
    ("Databricks' configuration file", lambda k: alone("%%writefile /tmp/databrickscfg\n[DEFAULT]\nhost = https://dbc-1a2b3c4d-5e6f.cloud.databricks.com\ntoken = @{a}", a=k.databricks())),
    ("dbt Cloud", lambda k: stand("requests", "jobs = requests.get('https://cloud.getdbt.com/api/v2/accounts/4/jobs/', headers={'Authorization': 'Token @{a}'})", a="dbtc_" + k.mixed(32))),
    ("Grafana's service account", lambda k: alone("GRAFANA = ('https://grafana.fjord.no', 'glsa_@{a}_@{b}')", a=k.mixed(32), b=k.of(HEX, 8))),
    ("PayPal, client and secret", lambda k: alone("paypal = {'mode': 'live', 'client_id': 'A@{b}', 'client_secret': 'E@{a}'}", a=k.mixed(79, ALNUM + "-_"), b=k.mixed(79, ALNUM + "-_"))),
    ("Twilio by curl", lambda k: alone("!curl -X POST https://api.twilio.com/2010-04-01/Accounts/AC@{b}/Messages.json -u AC@{b}:@{a} -d Body=done", a=k.hex32(), b=k.of(HEX, 32))),
    ("SendGrid through SMTP", lambda k: stand("smtplib", "with_tls = smtplib.SMTP('smtp.sendgrid.net', 587)\nwith_tls.login('apikey', '@{a}')", a=k.sendgrid())),
    ("Stripe key of a dict by stage", lambda k: alone("KEYS = {'dev': None, 'prod': '@{a}'}\nstripe_key = KEYS['prod']", a="rk_" + "live_" + k.mixed(24))),
    ("Segment's write key", lambda k: stand("analytics", "analytics.write_key = '@{a}'", a=k.mixed(32))),
    # databases
    ("URL of Postgres, Heroku's form", lambda k: alone("%env DATABASE_URL=postgres://u7f3kd02:@{a}@ec2-52-1-2-3.eu-west-1.compute.amazonaws.com:5432/d8k2", a="p" + k.of(HEX, 64))),
    ("pgpass line", lambda k: alone("!echo \"pg.fjord.no:5432:dwh:ingrid:@{a}\" > ~/.pgpass && chmod 600 ~/.pgpass", a=k.mixed(12))),
    ("Oracle, slash and at", lambda k: stand("oracledb", "con = oracledb.connect('forecast/@{a}@ora.fjord.no:1521/DWH')", a=k.mixed(11))),
    ("Snowflake in YAML read at once", lambda k: alone("cfg = \"\"\"\nsnowflake:\n  account: fj12345\n  user: FORECAST\n  pwd: '@{a}'\n  warehouse: S\n\"\"\"", a=typed(k))),
    ("Redis, keyword", lambda k: stand("redis", "pool = redis.ConnectionPool(host='cache.fjord.no', port=6380, password='@{a}', ssl=True)", a=k.mixed(44, ALNUM + "+/") + "=")),
    ("Mongo, address by concatenation", lambda k: alone("mongo_pw = '@{a}'\nuri = 'mongodb+srv://ingrid:' + mongo_pw + '@fjord.ab1cd.mongodb.net/?retryWrites=true'", a=typed(k))),
    ("spark.read.jdbc's properties", lambda k: stand("spark", "orders = spark.read.jdbc('jdbc:postgresql://pg.fjord.no/dwh', 'orders', properties={'user': 'ingrid', 'password': '@{a}', 'driver': 'org.postgresql.Driver'})", a=typed(k))),
    ("CREATE USER in a statement", lambda k: alone("ddl = \"\"\"\nCREATE ROLE scoring LOGIN;\nALTER ROLE scoring WITH PASSWORD '@{a}';\n\"\"\"", a=typed(k))),
    # keys, kept, shown
    ("PEM in a dict that travels", lambda k: used("TLS = {'verify': True, 'client_key': '''@{a}'''}\ndef predict(frame):\n    TLS['verify']\n    return frame['age']", a=k.pem().replace("RSA ", ""))),
    ("JWT in a session's cookies on the model", lambda k: attribute("model.session_ = {'cookies': {'id_token': '@{a}'}, 'timeout': 5}", a=k.jwt())),
    ("step that holds a connection's text", lambda k: saved("step = Keep('Server=tcp:sql.fjord.no,1433;Database=dwh;User ID=ingrid;Password=@{a};Encrypt=yes;')", a=typed(k))),
    ("step that holds a list of headers", lambda k: saved("step = Keep({'headers': {'Ocp-Apim-Subscription-Key': '@{a}'}})", a=k.hex32())),
    ("nested function's default", lambda k: used("def build(scale):\n    def call(values, bearer_token='@{a}'):\n        return values * scale\n    return call\ncall = build(2)\ndef predict(frame):\n    return call(frame['age'])", a=k.mixed(44))),
    ("subclass that keeps its login", lambda k: cell(text("class Remote(LogisticRegression):\n    def login(self, user, password):\n        self.user_, self.password_ = user, password\n        return self", a=""), "model = Remote().fit(X, y)", text("_ = model.login('ingrid', '@{a}')", a=typed(k)))),
    ("second cell uses what the first holds", lambda k: cells("cred = ('ingrid', '@{a}')", "import urllib.parse\nuser, pwd = cred\nquery = urllib.parse.urlencode({'u': user, 'p': pwd})", a=typed(k))),
    ("traceback of requests with the query", lambda k: printed("HTTPError: 401 Client Error: Unauthorized for url: https://api.fjord.no/v1/prices?zone=NO2&apikey=@{a}", a=k.hex32())),
    ("print of a dict of secrets", lambda k: printed("Loaded secrets: {'warehouse_password': '@{a}', 'slack_channel': '#forecast'}", a=typed(k))),
    ("HTML form of a key", lambda k: printed("<dl><dt>Host</dt><dd>api.fjord.no</dd><dt>API key</dt><dd><code>@{a}</code></dd></dl>", html=True, a=k.mixed(40))),
    ("login told in a comment", lambda k: alone("# grafana: admin / @{a}\n# pw for the zip is the same\nx = 1", a=typed(k))),
    ("compressed table with a password", lambda k: stand("zipfile", "with_pwd = zipfile.ZipFile('claims_2026.zip')\nwith_pwd.extractall('claims', pwd='@{a}'.encode())", a=typed(k))),
]  # fmt: skip


def clean_eleventh() -> list[tuple[str, dict[str, Any]]]:
    k = Kinds(1111)
    figure = base64.b64encode(b"GIF89a" + k.draw.randbytes(300)).decode()
    return [
        ("your-key-here, in three ways", alone("key = 'your-key-here'\ntoken = 'paste_token'\npassword = 'your_password'")),
        ("an empty default of a function", alone("def client(url, *, api_key: str | None = None, timeout=5):\n    return {'url': url, 'key': api_key}")),
        ("asked only when missing", stand("getpass", "if 'OPENAI_API_KEY' not in os.environ:\n    openai_key = getpass('OpenAI key: ')")),
        ("assertion on a variable", alone("required = ['DB_USER', 'DB_PASSWORD', 'S3_SECRET_KEY']\nmissing = [name for name in required if name not in os.environ]")),
        ("settings by name of variable", alone("cfg = {'password_env': 'DWH_PASSWORD', 'token_from': 'env:API_TOKEN', 'secret_ref': 'projects/42/secrets/dwh/versions/latest'}")),
        ("1Password's and Vault's references", alone("refs = ['op://ml/warehouse/password', 'vault:secret/data/ml#token', '{{ secrets.DWH_PASSWORD }}', '${{ secrets.GITHUB_TOKEN }}']")),
        ("workflow of GitHub", alone("yml = '''\njobs:\n  train:\n    steps:\n      - uses: actions/checkout@v4\n        with:\n          token: ${{ secrets.GITHUB_TOKEN }}\n      - run: make train\n'''")),
        ("passwordless", alone("sudo_rule = 'ingrid ALL=(ALL) NOPASSWD: ALL'\nlogin_mode = 'passwordless'\nidentity = 'DefaultAzureCredential'")),
        ("headers without a secret", alone("headers = {'Accept': 'application/json', 'User-Agent': 'fjord-forecast/1.4 (ingrid@fjord.no)', 'X-Request-Source': 'notebook'}")),
        ("cross-validation keys", alone("scores = {'test_roc_auc': [0.91, 0.89], 'fit_time': [0.1, 0.2]}\nkey = 'test_roc_auc'\nmean = sum(scores[key]) / 2")),
        ("random keys of JAX", alone("seed_key = [0, 42]\nPRNGKey = (2654435769, 1013904223)\nkey_a, key_b = 17, 18")),
        ("checksums of weights", alone(f"WEIGHTS = {{'resnet50-11ad3fa6.pth': 'sha256:{k.of(HEX, 64)}', 'vit_b_16-c867db91.pth': '{k.of(HEX, 40)}'}}")),
        ("snapshot of a model's hub", alone(f"path = '~/.cache/huggingface/hub/models--bert-base-uncased/snapshots/{k.of(HEX, 40)}/config.json'\nrevision = '{k.of(HEX, 40)}'")),
        ("an etag that S3 shows", printed(f"{{'ETag': '\"{k.of(HEX, 32)}\"', 'VersionId': '{k.mixed(32, ALNUM + '._')}', 'ContentLength': 38112}}")),
        ("UUID of customers on the model", attribute(f"model.customers_ = ['{k.uuid()}', '{k.uuid()}']\nmodel.batch_id_ = '{k.uuid()}'")),
        ("ticket and order numbers", alone("orders = ['ORD-2026-000412-NO', 'INV/2026/11/0093', 'TCK-88213-AQ7']\nvin = 'WVWZZZ1JZXW000001'")),
        ("bank accounts of test data", alone("ibans = ['NO9386011117947', 'DE89370400440532013000']\nbic = 'DNBANOKKXXX'")),
        ("positions and grids", alone("geohashes = ['u4xsud9k2', 'u4pruydqq']\nh3 = ['8a2a1072b59ffff', '871f90d64ffffff']\nplus = '9FFW84J9+XG'")),
        ("zones of electricity", alone("eic = ['10YNO-2--------T', '10Y1001A1001A82H']\nzone_key = 'NO2'\nbidding_key = 'NO2-DE'")),
        ("names of a pipeline's steps", alone("params = {'columntransformer__remainder': 'passthrough', 'histgradientboostingclassifier__max_leaf_nodes': 31}")),
        ("columns of an app's log", alone("cols = ['login_attempts', 'password_changed', 'mfa_token_used', 'auth_failures_24h', 'api_key_age_days', 'secret_question_set']")),
        ("tokens of text", alone("token = 'running'\nstem = 'run'\ntokens = ['the', 'secret', 'garden', 'password123', 'admin']\ntoken_freq = {'password': 3}")),
        ("words of a leaked list, as data", alone("common = pd.Series(['123456', 'qwerty', 'iloveyou', 'dragon', 'letmein'], name='guess')")),
        ("a column called token", cell("words = pd.DataFrame({'token': ['Bergen', 'Oslo', 'Stavanger'], 'pos': ['PROPN', 'PROPN', 'PROPN'], 'key': ['b1', 'o1', 's1']})", FIT)),
        ("grades and passes", alone("pass_mark = 'C+'\npass_rate = '0.83'\npass_grade = 'B2'\nresult = {'pass': 'yes', 'fail': 'no'}")),
        ("boarding passes and ski passes", alone("boarding_pass = 'SK4035'\nseason_pass = 'Hemsedal 2026/27'\nmountain_pass = 'Hardangervidda'")),
        ("key results", alone("key_results = ['Reduce churn by 3%', 'AUC above 0.9']\nkey_metric = 'roc_auc'\nkey_driver = 'tenure_months'\nanswer_key = 'ABDCA'")),
        ("keys of an atlas", alone("legend_key = 'Forest (deciduous)'\nmap_key = 'land-cover-2026'\nprimary_key = 'parcel_id,year'\nidempotency_key_col = 'idem'")),
        ("secret of success", alone("title = 'The secret: clean data'\nsecret_ingredient = 'cardamom'\ntop_secret_level = 'NATO RESTRICTED'")),
        ("signature of a function", alone("signature = '(X: DataFrame, y: Series) -> Pipeline'\nmodel_signature = 'inputs: [age: double, income: double]'\nspectral_signature = 'B4-B8-B11'")),
        ("credentials of a doctor", alone("credentials = ['MD', 'PhD', 'RN']\ncredential_type = 'Board certified'\nauth_number_col = 'prior_authorization_no'")),
        ("salts and hashes of chemistry", alone("salt = 'NaCl'\nsalts = {'sodium': 'Na2SO4', 'iron': 'FeCl3'}\ninchikey = 'BSYNRYMUTXBXSQ-UHFFFAOYSA-N'")),
        ("certificate of an authority", alone(f"CA = '''-----BEGIN CERTIFICATE-----\nMIID{k.mixed(60)}\n{k.mixed(64)}\n-----END CERTIFICATE-----'''")),
        ("paths of keys", alone("key_path = '/etc/ssl/private/fjord.key'\nGOOGLE_APPLICATION_CREDENTIALS = '/home/ingrid/sa-forecast.json'\nos.environ['GOOGLE_APPLICATION_CREDENTIALS'] = GOOGLE_APPLICATION_CREDENTIALS")),
        ("sockets and ports", alone("broker = 'kafka-1.fjord.no:9092,kafka-2.fjord.no:9092'\nsecurity_protocol = 'SASL_SSL'\nsasl_mechanism = 'SCRAM-SHA-512'")),
        ("addresses with an account's name", alone("abfs = 'abfss://raw@fjordlake.dfs.core.windows.net/orders/'\ngit = 'git@github.com:fjord/features.git'\nmail = 'mailto:ingrid@fjord.no?subject=Key%20figures'")),
        ("query with long values", alone("u = 'https://data.ssb.no/api/v0/no/table/09842?valueCodes[Tid]=top(5)&lang=no&outputFormat=json-stat2&contentsCode=BNP'")),
        ("link to share", alone("link = 'https://www.kaggle.com/datasets/fjord/power-prices/versions/4?resource=download&select=prices.csv'\ndoi = 'https://doi.org/10.5281/zenodo.10417432'")),
        ("environment's ordinary variables", alone("%env TOKENIZERS_PARALLELISM=false\n%env CUDA_VISIBLE_DEVICES=0\n%env PYTHONHASHSEED=42")),
        ("commands without secrets", alone("!ssh -p 2222 ingrid@gpu1.fjord.no nvidia-smi\n!rsync -avz -e ssh data/ ingrid@gpu1.fjord.no:/data\n!psql -h pg.fjord.no -U ingrid -W -d dwh -c 'select 1'")),
        ("commands that ask", alone("!huggingface-cli login\n!aws configure\n!docker login -u fjord registry.fjord.no\n!gcloud auth application-default login")),
        ("animation in base64", printed(f'<img alt="training" src="data:image/gif;base64,{figure}">', html=True)),
        ("describe of a frame", printed("       token_count  password_age_days      key_rate\ncount   891.000000         714.000000    891.000000\nmean    446.000000          29.699118     32.204208\nstd     257.353842          14.526497     49.693429")),
        ("classification report", printed("                precision    recall  f1-score   support\n\npassword_reset       0.93      0.90      0.91       120\n  token_issue        0.88      0.91      0.89        98\n\n      accuracy                           0.90       218")),
        ("download's progress", printed("tokenizer_config.json: 100%|##########| 48.0/48.0 [00:00<00:00, 3.61kB/s]\nspecial_tokens_map.json: 100%|##########| 112/112 [00:00<00:00, 9.2kB/s]")),
        ("warning of a library", printed("UserWarning: The secret `HF_TOKEN` does not exist in your Colab secrets.\nTo authenticate with the Hugging Face Hub, create a token in your settings tab and set it as secret.")),
        ("keys of a response", printed("dict_keys(['id', 'object', 'created', 'model', 'usage', 'system_fingerprint'])\nfp_44709d6fcb\nchatcmpl-9xK2mQv7LrTb3NcYwE5JpHs1")),
        ("translations of a login page", alone("i18n = {'no': {'password': 'Passord', 'forgot': 'Glemt passordet?'}, 'de': {'password': 'Passwort', 'token': 'Zugangscode'}}")),
        ("what travels: lookups", used("ZONE_KEYS = {'NO1': 'Oslo', 'NO2': 'Kristiansand'}\nTOKEN_SEP = '|'\nACCESS = {'read': 'r', 'write': 'w'}\ndef predict(frame):\n    ZONE_KEYS, TOKEN_SEP, ACCESS\n    return frame['age']")),
        ("a step's ordinary settings", saved("step = Keep({'key_columns': ['age'], 'token_pattern': '[a-z]+', 'auth': None, 'password': '', 'hash_name': 'sha256', 'secret_columns': ['income']})")),
    ]  # fmt: skip
