"""A fifth set, written by someone who has not read the rules: fifty credentials, twenty-five that only look like them."""

from __future__ import annotations

import base64
import json
import struct
from textwrap import dedent
from typing import Any

from cases import ALNUM, DIGITS, FIT, HEX, LOWER, UPPER, Case, Kinds, cell, with_predict

# stands for the client libraries of the vendors: anything may be called on it
LIB = """
class Lib:
    def __call__(self, *a, **k): return self
    def __getattr__(self, name):
        if name.startswith('_'):
            raise AttributeError(name)
        return self
    def __enter__(self): return self
    def __exit__(self, *a): return False
"""
WORDS = [
    "harbour",
    "violet",
    "lantern",
    "monday",
    "granite",
    "pepper",
    "saddle",
    "orchid",
    "walnut",
    "falcon",
    "copper",
]


def fill(text: str, *values: str) -> str:
    """The text with each § replaced by the next value."""
    first, *rest = dedent(text).strip("\n").split("§")
    assert len(rest) == len(values), text
    return first + "".join(value + piece for value, piece in zip(values, rest, strict=True))


def phrase(k: Kinds, n: int = 3, between: str = "-") -> str:
    return between.join(k.draw.sample(WORDS, n))


def human(k: Kinds) -> str:
    return k.draw.choice(WORDS).capitalize() + k.draw.choice("#!_.") + k.of(DIGITS, 4)


def b64(k: Kinds, n: int) -> str:
    return base64.b64encode(k.draw.randbytes(n)).decode()


def calls(names: str, text: str, *values: str) -> dict[str, Any]:
    """A cell that calls a vendor's client, then the fit."""
    return cell(f"{LIB}{names} = Lib()", fill(text, *values), FIT)


def serves(text: str, *values: str) -> dict[str, Any]:
    """A cell with what predict uses."""
    return with_predict(fill(text, *values))


def shows(text: str, *values: str, html: bool = False) -> dict[str, Any]:
    """An output of the last cell."""
    return cell(FIT, "model.score(X, y)", outputs={2: fill(text, *values)}, html=html)


FIFTH: list[Case] = [
    # vector stores, warehouses, databases
    ("Pinecone client", lambda k: calls("Pinecone", "pc = Pinecone(api_key='pcsk_§_§')\nindex = pc.Index('products-v2')", k.mixed(6), k.mixed(63))),
    ("Supabase service role, positional", lambda k: calls("create_client", "supabase = create_client(\n    'https://qwkzjxnv.supabase.co',\n    '§',\n)\nrows = supabase.table('churn').select('*').execute()", k.jwt())),
    ("Qdrant settings unpacked into a call", lambda k: calls("QdrantClient", "qdrant = {'url': 'https://6f1c.eu-central-1-0.aws.cloud.qdrant.io:6333', 'api_key': '§'}\nclient = QdrantClient(**qdrant, timeout=30)", k.mixed(54, ALNUM + "-_"))),
    ("Neon URL in the attributes of a frame that travels", lambda k: serves("""
        reference = X.groupby('age').mean()
        reference.attrs['source'] = 'postgres://neondb_owner:npg_§@ep-cool-term-a2x.eu-central-1.aws.neon.tech/neondb?sslmode=require'
        def predict(frame):
            return frame['age'].map(reference['income'])
    """, k.mixed(12))),
    ("MotherDuck token in the path", lambda k: calls("duckdb", "con = duckdb.connect('md:analytics?motherduck_token=§')\ncon.sql('show tables')", k.jwt())),
    ("Redshift, all positional", lambda k: calls("redshift_connector", "conn = redshift_connector.connect('wh.c9xyz.eu-west-1.redshift.amazonaws.com', 'dev', 'awsuser', '§')", human(k))),
    ("Teradata, words and a year", lambda k: calls("create_context", "create_context(host='tdprod', username='ds_team', password='§', logmech='LDAP')", phrase(k, 2, "") + "25")),
    ("dblink in a query", lambda k: cell(fill('''
        query = """
        select * from dblink('host=legacy port=5432 dbname=crm user=readonly password=§',
                             'select id, segment from customers') as t(id int, segment text)
        """
    ''', phrase(k, 2, "_")), FIT)),
    ("ClickHouse reading a bucket", lambda k: cell(fill("""
        sql = (
            "SELECT count() FROM s3('https://acme-events.s3.amazonaws.com/2025/*.parquet', "
            "'§', '§', 'Parquet')"
        )
    """, k.aws(), k.aws_secret()), FIT)),
    ("the server's master key in T-SQL", lambda k: cell(fill("""
        statements = []
        statements.append("CREATE MASTER KEY ENCRYPTION BY PASSWORD = '§'")
    """, human(k)), FIT)),
    ("Optuna storage", lambda k: calls("optuna", "study = optuna.create_study(study_name='xgb', storage='mysql+mysqlconnector://optuna:§@10.0.3.7/optuna', load_if_exists=True)", phrase(k, 2, "."))),
    # vendors of models
    ("Groq key among kw_args of a step", lambda k: cell(fill("""
        from sklearn.preprocessing import FunctionTransformer
        def enrich(frame, model, api_key):
            return frame
        enricher = FunctionTransformer(enrich, kw_args={'model': 'llama-3.3-70b-versatile', 'api_key': 'gsk_§'})
        model = make_pipeline(enricher, LogisticRegression()).fit(X, y)
    """, k.mixed(52)))),
    ("OpenRouter through LangChain", lambda k: calls("ChatOpenAI", "llm = ChatOpenAI(model='qwen/qwen-2.5-72b-instruct', base_url='https://openrouter.ai/api/v1', openai_api_key='sk-or-v1-§')", k.of(HEX, 64))),
    ("Mistral key, positional in a partial", lambda k: serves("""
        def embed(url, key, texts):
            return [len(t) for t in texts]
        mistral = functools.partial(embed, 'https://api.mistral.ai/v1/embeddings', '§')
        def predict(frame):
            return frame['age'] + mistral(['a'])[0]
    """, k.mixed(32))),
    ("LangSmith, environment set in a loop", lambda k: cell(fill("""
        for name, value in {
            'LANGCHAIN_TRACING_V2': 'true',
            'LANGCHAIN_PROJECT': 'support-bot',
            'LANGCHAIN_API_KEY': 'lsv2_pt_§_§',
        }.items():
            os.environ[name] = value
    """, k.hex32(), k.of(HEX, 10)), FIT)),
    ("Langfuse pair, defaults of a NamedTuple", lambda k: serves("""
        from typing import NamedTuple
        class Tracing(NamedTuple):
            host: str = 'https://cloud.langfuse.com'
            public: str = 'pk-lf-§'
            private: str = 'sk-lf-§'
        tracing = Tracing()
        def predict(frame):
            tracing.host
            return frame['age']
    """, k.uuid(), k.uuid())),
    ("NVIDIA key inside predict", lambda k: serves("""
        def predict(frame):
            headers = {'Accept': 'application/json'}
            headers['Authorization'] = 'Bearer ' + 'nvapi-§'
            return frame['age'].clip(18, 99)
    """, k.mixed(64, ALNUM + "-_"))),
    ("Voyage key in a closure of a class's method", lambda k: serves("""
        def embedder(credentials):
            class Embedder:
                def embed(self, texts):
                    return [len(t) + len(credentials['voyage']) * 0 for t in texts]
            return Embedder()
        voyage = embedder({'voyage': 'pa-§', 'model': 'voyage-3-large'})
        def predict(frame):
            return frame['age'] + voyage.embed(['x'])[0]
    """, k.mixed(43, ALNUM + "-_"))),
    ("DeepSeek key commented out", lambda k: cell(fill("""
        base_url = 'https://api.deepseek.com'
        # client = OpenAI(api_key="sk-§", base_url=base_url)
        client = None
    """, k.hex32()), FIT)),
    ("Tavily in a dotenv stream", lambda k: cell(fill('''
        from io import StringIO
        env = StringIO("""
        LOG_LEVEL=INFO
        TAVILY_API_KEY=tvly-dev-§
        """)
        os.environ.update(line.strip().split('=', 1) for line in env if '=' in line)
    ''', k.mixed(32)), FIT)),
    ("SerpAPI parameters", lambda k: calls("GoogleSearch", "params = {\n    'engine': 'google_shopping',\n    'q': 'espresso machine',\n    'gl': 'us',\n    'api_key': '§',\n}\nresults = GoogleSearch(params).get_dict()", k.of(HEX, 64))),
    # trackers, brokers, transfer
    ("ClearML credentials", lambda k: calls("Task", "Task.set_credentials(\n    api_host='https://api.clear.ml',\n    key='§',\n    secret='§',\n)", k.mixed(30, UPPER + DIGITS), k.mixed(62))),
    ("DagsHub tracking URI", lambda k: calls("mlflow", "mlflow.set_tracking_uri('https://jdoe:§@dagshub.com/jdoe/churn.mlflow')\nmlflow.set_experiment('baseline')", k.of(HEX, 39) + "4")),
    ("RabbitMQ PlainCredentials", lambda k: calls("pika", "params = pika.ConnectionParameters('rabbit.internal', 5672, 'scoring', pika.PlainCredentials('scorer', '§'))", phrase(k, 2, ""))),
    ("MQTT of the sensors", lambda k: calls("client", "client.username_pw_set('sensor-gw-07', '§')\nclient.connect('mqtt.plant.example', 8883)", human(k))),
    ("Celery on SQS", lambda k: calls("Celery", "app = Celery('features', broker='sqs://§:§@')", k.aws(), k.aws_secret().replace("/", "%2F").replace("+", "%2B"))),
    ("SFTP URL given to read_csv", lambda k: cell(fill("""
        source = 'sftp://acme-upload:§@sftp.partner.example:2222/outbound/claims_202503.csv'
        load = lambda: pd.read_csv(source, sep=';')
    """, k.mixed(11)), FIT)),
    ("password of a zip, in bytes", lambda k: calls("zipfile", "with zipfile.ZipFile('claims_2024.zip') as z:\n    z.extractall('data/', pwd=b'§')", phrase(k, 2, "") + k.of(DIGITS, 2))),
    ("passphrase of a private key file", lambda k: calls("load_pem_private_key", "p_key = load_pem_private_key(open(os.devnull, 'rb').read(), password=b'§')", phrase(k, 4, " "))),
    # business APIs
    ("Salesforce with its security token", lambda k: calls("Salesforce", "sf = Salesforce(username='ds@acme.example', password='§', security_token='§', domain='login')", human(k), k.mixed(25))),
    ("HubSpot under a dull name in a tuple", lambda k: serves("""
        args = ('eu1', 'pat-eu1-§', 100)
        def predict(frame):
            region, key, limit = args
            return frame['income'].head(limit)
    """, k.uuid())),
    ("Reddit in a parsed praw.ini", lambda k: serves('''
        import configparser
        ini = configparser.ConfigParser()
        ini.read_string("""
        [scraper]
        client_id=aB3dE5fG7hJ9kL
        client_secret=§
        username=acme_bot
        """)
        def predict(frame):
            ini.sections()
            return frame['age']
    ''', k.mixed(30, ALNUM + "-_"))),
    ("Twitter bearer, positional", lambda k: calls("tweepy", "tw = tweepy.Client('AAAAAAAAAAAAAAAAAAAAA§%3D§')", k.mixed(21), k.mixed(50))),
    ("Spotify", lambda k: calls("spotipy = SpotifyClientCredentials", "sp = spotipy.Spotify(auth_manager=SpotifyClientCredentials(client_id='§', client_secret='§'))", k.hex32(), k.hex32())),
    ("Alpaca, positional fields of a frozen dataclass", lambda k: serves("""
        from dataclasses import dataclass
        @dataclass(frozen=True)
        class Broker:
            base_url: str
            key_id: str
            private: str
        broker = Broker('https://paper-api.alpaca.markets', 'PK§', '§')
        def predict(frame):
            broker.base_url
            return frame['age'] * 0.5
    """, k.of(UPPER + DIGITS, 18), k.mixed(40))),
    ("Binance secret kept by a fitted step", lambda k: cell(fill("""
        class Ticker(TransformerMixin, BaseEstimator):
            def fit(self, X, y=None):
                self.client_ = {'exchange': 'binance', 'rateLimit': True, 'apiKey': '§', 'secret': '§'}
                return self
            def transform(self, X):
                return X
        model = make_pipeline(Ticker(), LogisticRegression()).fit(X, y)
    """, k.mixed(64), k.mixed(64)))),
    ("Alpha Vantage", lambda k: calls("TimeSeries", "ts = TimeSeries(key='§', output_format='pandas')\nquotes = ts.get_daily('MSFT')", k.of(UPPER + DIGITS, 13) + "7QX")),
    ("Copernicus, UID and key", lambda k: calls("cdsapi", "c = cdsapi.Client(url='https://cds.climate.copernicus.eu/api/v2', key='§:§')\nc.retrieve('reanalysis-era5-single-levels', {'variable': '2m_temperature'})", k.of("123456789", 6), k.uuid())),
    ("Planet key as the user", lambda k: calls("session", "session.auth = ('PLAK§', '')\nscenes = session.get('https://api.planet.com/data/v1/item-types')", k.hex32())),
    ("Census key in a parent class", lambda k: serves("""
        class Source:
            KEY = '§'
            url = 'https://api.census.gov/data/2022/acs/acs5'
            year = 2022
        class Acs(Source):
            table = 'B19013_001E'
        def predict(frame):
            return frame['age'] * (Acs.year - 2021)
    """, k.of(HEX, 39) + "3")),
    # shells and files
    ("docker login", lambda k: cell("tag = 'acme/scoring:1.4'", fill("!cd /content/app && docker login -u acmeci -p dckr_pat_§ && docker push acme/scoring:1.4", k.mixed(27, ALNUM + "-_")), FIT)),
    ("feed of Azure DevOps", lambda k: cell(fill("!cd /content/app && pip install -q acme-features --extra-index-url https://build:§@pkgs.dev.azure.com/acme/_packaging/ds/pypi/simple/", k.of(LOWER + "234567", 52)), FIT)),
    ("git remote of Bitbucket", lambda k: cell(fill("%%bash\ncd /content/repo || exit 0\ngit remote set-url origin https://jdoe:ATBB§@bitbucket.org/acme/models.git\ngit push -q", k.mixed(32)), FIT)),
    ("a Kubernetes secret, written out", lambda k: cell(fill("""
        manifest = '''
        apiVersion: v1
        kind: Secret
        metadata:
          name: scoring-db
        type: Opaque
        data:
          username: c2NvcmVy
          password: §
        '''
    """, base64.b64encode(human(k).encode()).decode()), FIT)),
    ("senha, a default", lambda k: cell(fill("def conectar(servidor='sql-bi01', usuario='relatorios', senha='§'):\n    return f'{servidor};{usuario}'\nconexao = conectar()", k.draw.choice(["cafezinho", "abacaxi", "saudade"]) + k.of(DIGITS, 3)), FIT)),
    ("a login page, driven", lambda k: calls("driver", "driver.get('https://portal.supplier.example/login')\ndriver.find_element('id', 'username').send_keys('acme-purchasing')\ndriver.find_element('id', 'password').send_keys('§')", human(k))),
    # outputs
    ("a validation error that shows its input", lambda k: shows("""
        ValidationError: 1 validation error for Settings
        region
          Field required [type=missing, input_value={'openai_api_key': '§', 'env': 'prod'}, input_type=dict]
            For further information visit https://errors.pydantic.dev/2.9/v/missing
    """, k.openai())),
    ("Spark settings as a table", lambda k: shows("<table><tr><td>spark.app.name</td><td>nightly</td></tr><tr><td>fs.azure.account.key.acmelake.dfs.core.windows.net</td><td>§</td></tr></table>", b64(k, 64), html=True)),
    ("temporary keys of STS", lambda k: shows("""
        {
            "Credentials": {
                "AccessKeyId": "ASIA§",
                "SecretAccessKey": "§",
                "Expiration": "2025-04-02T18:11:05+00:00"
            }
        }
    """, k.of(UPPER + "234567", 16), k.aws_secret())),
    ("Shopify in a logged request", lambda k: shows("DEBUG:urllib3.connectionpool:Starting new HTTPS connection (1): acme.myshopify.com:443\nDEBUG:root:GET /admin/api/2024-07/orders.json headers={'X-Shopify-Access-Token': 'shpat_§'}", k.of(HEX, 32))),
]  # fmt: skip


def clean_fifth() -> list[tuple[str, dict[str, Any]]]:
    k = Kinds(23)
    weights = base64.b64encode(struct.pack("<24f", *[round(k.draw.gauss(0, 1), 4) for _ in range(24)])).decode()
    return [
        ("keys read from the environment", cell("api_key = os.environ.get('PINECONE_API_KEY')\nsettings = {'api_key': os.getenv('OPENAI_API_KEY'), 'password': os.environ.get('PGPASSWORD', '')}\nprint('key is set:', api_key is not None)", FIT)),
        ("names of variables", cell("API_KEY_ENV = 'ANTHROPIC_API_KEY'\ntoken_env_var = 'HF_TOKEN'\nrequired = ['SNOWFLAKE_PASSWORD', 'AWS_SECRET_ACCESS_KEY', 'DATABRICKS_TOKEN']\nmissing = [name for name in required if name not in os.environ]", FIT)),
        ("roles and resources of AWS", cell("role = 'arn:aws:iam::123456789012:role/service-role/AmazonSageMaker-ExecutionRole-20240115T101523'\nkms_key_id = 'arn:aws:kms:eu-west-1:123456789012:key/" + k.uuid() + "'\ninstance, ami, subnet = 'i-0" + k.of(HEX, 16) + "', 'ami-0" + k.of(HEX, 16) + "', 'subnet-0" + k.of(HEX, 16) + "'\nkey_name = 'ds-team-eu'", FIT)),
        ("the keys of AWS's own manual", cell("# like in the manual: AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE\nexample_id = 'AKIAIOSFODNN7EXAMPLE'", FIT)),
        ("references to secret stores", cell("db_secret = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/dwh-reader'\nref = 'op://Analytics/warehouse/password'\ngcp = 'projects/481516/secrets/dwh-password/versions/3'\nazure = '@Microsoft.KeyVault(SecretUri=https://kv-acme.vault.azure.net/secrets/dwh-password/)'\npassword_command = 'pass show warehouse/reader'", FIT)),
        ("weights and their hashes", cell("url = 'https://download.pytorch.org/models/resnet50-0676ba61.pth'\nrevision = '" + k.of(HEX, 40) + "'\nchecksums = {'model.safetensors': '" + k.of(HEX, 64) + "', 'tokenizer.json': '" + k.of(HEX, 64) + "'}", FIT)),
        ("runs and models of trackers", cell("run_uri = 'runs:/" + k.hex32() + "/model'\nregistered = 'models:/churn@champion'\nsweep = 'acme/churn/sweeps/x8k2j1qz'\nexperiment_id = '" + k.of(DIGITS, 18) + "'", FIT)),
        ("customers by UUID, traveling", with_predict("segments = {'" + k.uuid() + "': 'gold', '" + k.uuid() + "': 'basic'}\nhashed_ids = ['" + k.of(HEX, 32) + "', '" + k.of(HEX, 32) + "']\ndef predict(frame):\n    return frame['age'] * len(segments)")),
        ("settings of a tokenizer", cell("tokenizer_config = {'add_bos_token': True, 'bos_token': '<|begin_of_text|>', 'eos_token': '<|eot_id|>', 'pad_token': None, 'tokenizer_class': 'PreTrainedTokenizerFast', 'token_type_ids': [0, 1], 'max_new_tokens': 512, 'stop_token_ids': [128001, 128009]}", FIT)),
        ("answers of a model vendor", cell(FIT, "1", outputs={2: fill("ChatCompletion(id='chatcmpl-§', model='gpt-4o-mini-2024-07-18', system_fingerprint='fp_§', usage=CompletionUsage(completion_tokens=12, prompt_tokens=847, total_tokens=859))", k.mixed(29), k.of(HEX, 10))})),
        ("a Plotly figure", cell(FIT, "1", outputs={2: fill('<div id="§" class="plotly-graph-div"></div><script src="https://cdn.plot.ly/plotly-2.35.2.min.js" integrity="sha384-§" crossorigin="anonymous"></script>', k.uuid(), b64(k, 48))}, html=True)),
        ("patterns that look for secrets", cell("import re\nPATTERNS = {\n    'aws': re.compile(r'AKIA[0-9A-Z]{16}'),\n    'github': re.compile(r'ghp_[A-Za-z0-9]{36}'),\n    'assignment': re.compile(r'(?i)(password|passwd|pwd)\\s*[=:]\\s*\\S+'),\n    'pem': re.compile(r'-----BEGIN [A-Z ]*PRIVATE KEY-----'),\n}\nfound = [n for n, p in PATTERNS.items() if p.search('nothing here')]", FIT)),
        ("a table of users", cell('ddl = """\ncreate table users (\n    id uuid primary key,\n    email varchar(255) not null unique,\n    password_hash varchar(255) not null,\n    api_key_hash char(64),\n    reset_token varchar(64) default null,\n    foreign key (tenant_id) references tenants (id)\n)"""', FIT)),
        ("arguments without values", cell("def connect(host='localhost', user=None, password=None, token='', api_key: str | None = None, secret_key=''):\n    return host\nconnect(password=None, token='')", FIT)),
        ("an example of a dotenv", cell("example = '''\n# copy to .env and fill in\nDB_USER=\nDB_PASSWORD=\nOPENAI_API_KEY=sk-...\nSECRET_KEY=<generate with openssl rand -hex 32>\nSLACK_WEBHOOK_URL=https://hooks.slack.com/services/XXX/YYY/ZZZ\n'''", FIT)),
        ("masked in an output", cell(FIT, "1", outputs={2: "Engine(postgresql+psycopg2://etl:***@dwh.acme.example:5432/dw)\npassword=********\nOPENAI_API_KEY: sk-...[redacted]\ntoken: <hidden>\nSecretStr('**********')"})),
        ("wallets and transactions", cell("address = '0x" + k.of(HEX, 40) + "'\ntx_hash = '0x" + k.of(HEX, 64) + "'\nblock = 19834211\ngenesis = '1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa'", FIT)),
        ("codes of securities", cell("isins = ['US0378331005', 'DE0007164600', 'CH0038863350']\nlei = '5493001KJTIIGC8Y1R12'\ncusip, sedol, figi = '037833100', 'B0YBKJ7', 'BBG000B9XRY4'\nvin = '1HGCM82633A004352'\nisbn = '978-0-387-84857-0'", FIT)),
        ("translations of a form", cell("labels = {\n    'de': {'username': 'Benutzername', 'password': 'Passwort', 'login': 'Anmelden'},\n    'fr': {'username': 'Identifiant', 'password': 'Mot de passe', 'login': 'Connexion'},\n    'es': {'username': 'Usuario', 'password': 'Clave de acceso', 'login': 'Entrar'},\n}", FIT)),
        ("a JSON schema", cell("schema = " + repr(json.loads('{"type": "object", "properties": {"username": {"type": "string"}, "password": {"type": "string", "minLength": 8, "format": "password"}, "token": {"$ref": "#/definitions/token"}}, "required": ["username", "password"]}')), FIT)),
        ("weights in base64", cell("import base64\ncoefficients = np.frombuffer(base64.b64decode('" + weights + "'), dtype='<f4')\nassert coefficients.shape == (24,)", FIT)),
        ("part files of Spark", cell("files = ['part-00000-" + k.uuid() + "-c000.snappy.parquet', 'part-00001-" + k.uuid() + "-c000.snappy.parquet']\nroot = 'abfss://curated@acmelake.dfs.core.windows.net/churn/run_date=2025-03-01/'", FIT)),
        ("subscriptions and pods", cell("tenant_id = '" + k.uuid() + "'\nworkspace = '/subscriptions/" + k.uuid() + "/resourceGroups/rg-ml/providers/Microsoft.MachineLearningServices/workspaces/mlw-prod'\npod = 'churn-api-7d9c5b6f4-x2k8p'", FIT)),
        ("git at work", cell(FIT, "1", outputs={2: fill("origin\tgit@github.com:acme/churn.git (fetch)\norigin\tgit@github.com:acme/churn.git (push)\n   §..§  main -> main\nSHA256:§ jdoe@laptop (ED25519)", k.of(HEX, 7), k.of(HEX, 7), k.mixed(43, ALNUM + "+/"))})),
        ("features of logins", cell("frame = X.assign(failed_logins=[0, 1, 0, 3, 0, 1], password_resets_90d=0, auth_method='password', mfa_token_type='totp', days_since_pwd_change=12, key_account=False)\nmodel = LogisticRegression().fit(frame[['failed_logins', 'password_resets_90d', 'days_since_pwd_change']], y)\ncategories = {'auth_method': ['password', 'sso', 'passkey'], 'mfa_token_type': ['totp', 'sms', 'webauthn']}", FIT)),
    ]  # fmt: skip
