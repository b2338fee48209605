"""A sixth set, written by someone who has not read the rules: fifty credentials, twenty-five that only look like them."""

from __future__ import annotations

import base64
import pickle
from typing import Any

from cases import (
    ALNUM,
    ANY,
    DIGITS,
    FIT,
    HEX,
    LOWER,
    UPPER,
    Case,
    Kinds,
    alone,
    cell,
    printed,
    stand,
    text,
    used,
    with_predict,
)

PLAIN = [
    "summer",
    "river",
    "mango",
    "tiger",
    "purple",
    "castle",
    "window",
    "rocket",
    "banana",
    "silver",
    "forest",
    "coffee",
]


def words(k: Kinds, n: int = 3, between: str = " ") -> str:
    return between.join(k.draw.sample(PLAIN, n))


def typed(k: Kinds) -> str:
    """As people make them up: a word, a year, a mark."""
    return k.draw.choice(PLAIN).title() + "20" + k.of("12", 1) + k.of(DIGITS, 1) + k.draw.choice("!?*+")


def coded(k: Kinds, n: int) -> str:
    return base64.b64encode(k.draw.randbytes(n)).decode()


SIXTH: list[Case] = [
    # in what predict uses
    ("password of a SQLAlchemy URL object", lambda k: used("""
        from sqlalchemy.engine import URL
        warehouse = URL.create('postgresql', username='reader', password='@{a}', host='dwh.acme.example', database='dw')
        def predict(frame):
            warehouse.host
            return frame['income'] / 2
    """, a=words(k, 2, "_"))),
    ("xAI key, default of a pydantic model", lambda k: used("""
        from pydantic import BaseModel, SecretStr
        class Settings(BaseModel):
            base_url: str = 'https://api.x.ai/v1'
            key: SecretStr = SecretStr('xai-@{a}')
        settings = Settings()
        def predict(frame):
            settings.base_url
            return frame['age']
    """, a=k.mixed(80))),
    ("Perplexity in the headers of a session", lambda k: used("""
        import requests
        session = requests.Session()
        session.headers.update({'Authorization': 'Bearer pplx-@{a}', 'User-Agent': 'acme-research/0.2'})
        def predict(frame):
            session.headers
            return frame['age'] + 1
    """, a=k.mixed(48))),
    ("Fireworks key as an attribute of a function", lambda k: used("""
        def rerank(texts):
            return texts
        rerank.endpoint = 'https://api.fireworks.ai/inference/v1'
        rerank.auth = 'fw_@{a}'
        def predict(frame):
            rerank(['a'])
            return frame['age'].rank()
    """, a=k.mixed(24))),
    ("Jina key in a cached helper", lambda k: used("""
        @functools.lru_cache(maxsize=1)
        def jina_headers():
            return {'Content-Type': 'application/json', 'Authorization': f"Bearer {'jina_@{a}'}"}
        def predict(frame):
            jina_headers()
            return frame['age']
    """, a=k.hex32() + k.mixed(28))),
    ("PlanetScale in a SimpleNamespace", lambda k: used("""
        from types import SimpleNamespace
        ps = SimpleNamespace(host='aws.connect.psdb.cloud', user='x8k2j1qz', pw='pscale_pw_@{a}', ssl_mode='VERIFY_IDENTITY')
        def predict(frame):
            ps.host
            return frame['age']
    """, a=k.mixed(43, ALNUM + "-_"))),
    ("Grafana token in a ChainMap", lambda k: used("""
        from collections import ChainMap
        options = ChainMap({'panel': 'latency'}, {'url': 'https://acme.grafana.net', 'sa': 'glsa_@{a}_@{b}'})
        def predict(frame):
            return frame['age'] if options['panel'] else frame['income']
    """, a=k.mixed(32), b=k.of(HEX, 8))),
    ("TomTom key in a template of tiles", lambda k: used("""
        TILES = 'https://api.tomtom.com/map/1/tile/basic/main/{z}/{x}/{y}.png?view=Unified&key=@{a}'
        def predict(frame):
            TILES.format(z=1, x=0, y=0)
            return frame['age']
    """, a=k.mixed(32))),
    ("Polygon key, default of a helper's helper", lambda k: used("""
        def quotes(symbol, key='@{a}'):
            return 1.0
        class Market:
            def __init__(self, fetch):
                self.fetch = fetch
        market = Market(fetch=quotes)
        def predict(frame):
            return frame['income'] * market.fetch('SPY')
    """, a=k.mixed(32))),
    ("Tiingo in a queue of jobs", lambda k: used("""
        from collections import deque
        jobs = deque([('tiingo', {'session': True, 'api_key': '@{a}'}), ('ecb', {})], maxlen=10)
        def predict(frame):
            return frame['age'] + len(jobs)
    """, a=k.of(HEX, 39) + "8")),
    ("settings module made by hand", lambda k: used("""
        import types
        settings = types.ModuleType('settings')
        settings.DATABASES = {
            'default': {'ENGINE': 'django.db.backends.mysql', 'NAME': 'shop', 'USER': 'shop', 'PASSWORD': '@{a}', 'HOST': '10.1.0.4'},
        }
        def predict(frame):
            settings.DATABASES['default']['HOST']
            return frame['age']
    """, a=words(k, 2, "") + k.of(DIGITS, 2))),
    ("the example of a docstring", lambda k: used('''
        def lookup(postcode: str) -> float:
            """Asks the geocoder.

            >>> geocoder = OpenCageGeocode("@{a}")
            >>> geocoder.geocode(postcode)
            """
            return 0.0
        def predict(frame):
            return frame['age'] + lookup('0150')
    ''', a=k.hex32())),
    ("an index of a frame", lambda k: used("""
        accounts = pd.DataFrame({'provider': ['square', 'none'], 'scope': ['oauth secret', '']}, index=['sq0csp-@{a}', '-'])
        def predict(frame):
            return frame['age'] * len(accounts)
    """, a=k.mixed(43, ALNUM + "-_"))),
    ("a fixed-width array of texts", lambda k: used("""
        backends = np.array(['https://api.cerebras.ai/v1', 'csk-@{a}'])
        def predict(frame):
            return frame['age'] * backends.size
    """, a=k.of(LOWER + DIGITS, 48))),
    # in estimators
    ("private attribute of a step", lambda k: cell(text("""
        class KrakenFeatures(TransformerMixin, BaseEstimator):
            def __init__(self, pair='XBTUSD'):
                self.pair = pair
                self.__signer = '@{a}'
            def fit(self, X, y=None):
                return self
            def transform(self, X):
                return X
        model = make_pipeline(KrakenFeatures(), LogisticRegression()).fit(X, y)
    """, a=coded(k, 64)))),
    ("set_params of a step", lambda k: cell(text("""
        class Enrich(TransformerMixin, BaseEstimator):
            def __init__(self, host='', login='', parole=''):
                self.host, self.login, self.parole = host, login, parole
            def fit(self, X, y=None):
                return self
            def transform(self, X):
                return X
        model = make_pipeline(Enrich(), LogisticRegression())
        model.set_params(enrich__host='feast.acme.example', enrich__login='reader', enrich__parole='redis://reader:@{a}@feast.acme.example:6379/2')
        model.fit(X, y)
    """, a=k.mixed(18)))),
    # clients
    ("Weaviate, Auth.api_key", lambda k: cell(f"{ANY}weaviate = Any_()\nAuth = Any_()", text("wv = weaviate.connect_to_weaviate_cloud(\n    cluster_url='https://x1.c0.europe-west3.gcp.weaviate.cloud',\n    auth_credentials=Auth.api_key('@{a}'),\n)", a=k.mixed(36)), FIT)),
    ("Zilliz, user and password in a token", lambda k: stand("MilvusClient", "milvus = MilvusClient(uri='https://in03-5f.api.gcp-us-west1.zillizcloud.com', token='db_admin:@{a}')", a=typed(k))),
    ("Elastic id and key", lambda k: stand("Elasticsearch", "es = Elasticsearch(cloud_id='acme:ZXUtd2VzdC0x', api_key=('@{a}', '@{b}'))", a=k.mixed(20), b=k.mixed(22, ALNUM + "-_"))),
    ("Mongo, keyword arguments", lambda k: stand("pymongo", "db = pymongo.MongoClient('mongodb://10.0.0.12:27017', username='svc_ds', password='@{a}', authSource='admin').telemetry", a=words(k, 3, "-"))),
    ("ODBC in pieces of a literal", lambda k: stand("pyodbc", """
        cnxn = pyodbc.connect(
            'DRIVER={ODBC Driver 17 for SQL Server};'
            'SERVER=tcp:acme-sql.database.windows.net,1433;DATABASE=dw;'
            'UID=ds_reader;'
            'PWD=@{a};'
            'Encrypt=yes;'
        )
    """, a=typed(k))),
    ("a password's widget, filled in", lambda k: stand("widgets", "user_box = widgets.Text(value='jdoe', description='User:')\npass_box = widgets.Password(value='@{a}', description='DWH password:')\ndisplay_form = widgets.VBox([user_box, pass_box])", a=typed(k))),
    ("Helicone among default_headers", lambda k: stand("OpenAI", "client = OpenAI(base_url='https://oai.helicone.ai/v1', default_headers={'Helicone-Auth': 'Bearer sk-helicone-@{a}'})", a="-".join(k.of(LOWER + DIGITS, 7) for _ in range(4)))),
    ("Deepgram, the scheme Token", lambda k: stand("requests", "response = requests.post('https://api.deepgram.com/v1/listen', headers={'Authorization': 'Token @{a}', 'Content-Type': 'audio/wav'})", a=k.of(HEX, 38) + "d2")),
    ("AssemblyAI, a setting of the module", lambda k: stand("aai", "aai.settings.api_key = '@{a}'\ntranscriber = aai.Transcriber()", a=k.hex32())),
    ("Roboflow in a form of Colab", lambda k: alone('''
        #@title Download the data { display-mode: "form" }
        workspace = "acme-vision" #@param {type:"string"}
        roboflow_key = "@{a}" #@param {type:"string"}
    ''', a=k.mixed(20))),
    ("Graph, client_credential", lambda k: stand("msal", "app = msal.ConfidentialClientApplication('@{i}', authority='https://login.microsoftonline.com/@{t}', client_credential='@{a}8Q~@{b}')", i=k.uuid(), t=k.uuid(), a=k.mixed(3), b=k.mixed(34, ALNUM + "-_~."))),
    ("Google's OAuth client", lambda k: alone("""
        client_config = {'installed': {
            'client_id': '@{i}-@{j}.apps.googleusercontent.com',
            'auth_uri': 'https://accounts.google.com/o/oauth2/auth',
            'client_secret': 'GOCSPX-@{a}',
            'redirect_uris': ['http://localhost'],
        }}
    """, i=k.of(DIGITS, 12), j=k.of(LOWER + DIGITS, 32), a=k.mixed(28, ALNUM + "-_"))),
    ("Jira, basic_auth", lambda k: stand("JIRA", "jira = JIRA('https://acme.atlassian.net', basic_auth=('jdoe@acme.example', 'ATATT3xFfGF0@{a}=@{b}'))\nissues = jira.search_issues('project = DS')", a=k.mixed(170, ALNUM + "-_"), b=k.of(HEX, 8).upper())),
    ("Tableau personal token", lambda k: stand("TSC", "auth = TSC.PersonalAccessTokenAuth('notebook', '@{a}==:@{b}', site_id='acme')", a=k.mixed(22, ALNUM + "+/"), b=k.mixed(32))),
    ("Metabase login as JSON", lambda k: stand("requests", "sid = requests.post('https://bi.acme.example/api/session', json={'username': 'jdoe@acme.example', 'password': '@{a}'})", a=words(k, 2, "") + k.of(DIGITS, 1))),
    ("Plaid in a configuration", lambda k: stand("plaid", "configuration = plaid.Configuration(host=plaid.Environment.Production, api_key={'clientId': '@{i}', 'secret': '@{a}'})", i=k.of(HEX, 24), a=k.of(HEX, 29) + "6")),
    ("RapidAPI headers", lambda k: alone("""
        h = {
            'x-rapidapi-host': 'meteostat.p.rapidapi.com',
            'x-rapidapi-key': '@{a}',
        }
    """, a=k.of(HEX, 10) + "msh" + k.of(HEX, 15) + "p1" + k.of(HEX, 5) + "jsn" + k.of(HEX, 12))),
    ("Sentinel Hub", lambda k: stand("SHConfig", "config = SHConfig()\nconfig.sh_client_id = '@{i}'\nconfig.sh_client_secret = '@{a}'", i=k.uuid(), a=k.mixed(32))),
    ("Alibaba OSS", lambda k: stand("oss2", "bucket = oss2.Bucket(oss2.Auth('LTAI5t@{a}', '@{b}'), 'https://oss-cn-hangzhou.aliyuncs.com', 'acme-train')", a=k.mixed(18), b=k.mixed(30))),
    ("seed of one-time passwords", lambda k: stand("pyotp", "totp_seed = '@{a}'\ncode = pyotp.TOTP(totp_seed).now()", a=k.of(UPPER + "234567", 32))),
    # texts and other languages
    ("hive-site.xml", lambda k: alone("""
        xml = '''<configuration>
          <property><name>javax.jdo.option.ConnectionUserName</name><value>hive</value></property>
          <property><name>javax.jdo.option.ConnectionPassword</name><value>@{a}</value></property>
        </configuration>'''
    """, a=typed(k))),
    ("variables of Terraform", lambda k: cell(FIT, text('%%writefile /dev/null\nregion            = "eu-west-1"\ndb_master_user     = "postgres"\ndb_master_password = "@{a}"\ninstance_class     = "db.t4g.medium"', a=typed(k)))),
    ("a fetch in JavaScript", lambda k: cell(FIT, text("%%javascript\nfetch('https://api.acme.example/v2/scores', {headers: {'x-api-key': '@{a}'}})\n  .then(r => r.json()).then(console.log)", a=k.mixed(40)))),
    ("wachtwoord", lambda k: alone("gebruiker = 'rapportage'\nwachtwoord = '@{a}'  # van Pieter, niet delen\nverbinding = dict(host='sql-nl02', gebruiker=gebruiker)", a=k.draw.choice(["fietsbel", "stroopwafel", "molenwiek"]) + k.of(DIGITS, 3))),
    # shells
    ("Modal token", lambda k: cell(text("!cd /content/job && modal token set --token-id ak-@{a} --token-secret as-@{b}", a=k.mixed(22), b=k.mixed(22)), FIT)),
    ("wandb login, the key alone", lambda k: cell(text("%%bash\ncd /content/job || exit 0\nwandb login --relogin @{a}\npython train.py --epochs 3", a=k.of(HEX, 39) + "5"), FIT)),
    ("remote of DVC", lambda k: cell("rev = 'v1.2'", text("!cd /content/repo && dvc remote modify origin --local password @{a} && dvc pull -q", a=k.of(HEX, 38) + "b7"), FIT)),
    ("conda channel with a token", lambda k: cell(FIT, text("# !conda install -y -c https://conda.anaconda.org/t/ac-@{a}/acme-private acme-forecast", a=k.uuid()))),
    # outputs
    ("address of a Jupyter server", lambda k: printed("[I 2025-02-11 08:14:02.113 ServerApp] Jupyter Server 2.14.2 is running at:\n[I 2025-02-11 08:14:02.113 ServerApp] http://gpu-node-3:8888/lab?token=@{a}", a=k.of(HEX, 47) + "1")),
    ("curl, verbose", lambda k: printed("* Server auth using Basic with user 'reader'\n> GET /api/v1/datasets HTTP/1.1\n> Host: data.acme.example\n> Authorization: Basic @{a}\n> User-Agent: curl/8.5.0", a=base64.b64encode(f"reader:{typed(k)}".encode()).decode())),
    ("access token of gcloud", lambda k: printed("$ gcloud auth print-access-token\nya29.@{a}", a=k.mixed(160, ALNUM + "-_"))),
    ("settings of a connection as a table", lambda k: printed("<table border='1'><thead><tr><th>setting</th><th>value</th></tr></thead><tbody><tr><td>host</td><td>mart.acme.example</td></tr><tr><td>user</td><td>looker</td></tr><tr><td>password</td><td>@{a}</td></tr></tbody></table>", html=True, a=typed(k))),
    # hidden a little
    ("a pickle of a dict of settings", lambda k: used("""
        import pickle
        blob = @{a}
        def predict(frame):
            pickle.loads(blob)
            return frame['age']
    """, a=repr(pickle.dumps({"host": "dwh", "user": "etl", "password": typed(k)})))),
    ("characters joined", lambda k: alone("p = ''.join(chr(c) for c in @{a})\ncredentials = {'user': 'etl', 'password': p}", a=repr([ord(c) for c in typed(k)]))),
]  # fmt: skip


def clean_sixth() -> list[tuple[str, dict[str, Any]]]:
    k = Kinds(29)
    png = base64.b64encode(b"\x89PNG\r\n\x1a\n" + k.draw.randbytes(900)).decode()
    return [
        ("settings of pydantic without values", cell("from pydantic import BaseModel, Field, SecretStr\nclass Settings(BaseModel):\n    openai_api_key: SecretStr | None = None\n    db_password: SecretStr | None = Field(default=None, description='read from the vault at start')\n    token_ttl_seconds: int = 3600\nsettings = Settings()", FIT)),
        ("asked of the user", cell("import getpass\ndef connect(user):\n    password = getpass.getpass(f'Password of {user}: ')\n    token = input('Paste your Hugging Face token: ')\n    return user, password, token", FIT)),
        ("secrets of Colab and Kaggle", cell("class userdata:\n    get = staticmethod(lambda name: None)\nHF_TOKEN = userdata.get('HF_TOKEN')\nopenai_api_key = userdata.get('OPENAI_API_KEY')\nif HF_TOKEN is None:\n    print('add HF_TOKEN to the secrets of this notebook')", FIT)),
        ("scopes of Databricks", cell("class dbutils:\n    class secrets:\n        get = staticmethod(lambda scope, key: '')\npassword = dbutils.secrets.get(scope='kv-analytics', key='dwh-reader-password')\ntable = 'prod_catalog.customer_360.features_v12'", FIT)),
        ("headers of an answer of S3", cell(FIT, "1", outputs={2: text("{'x-amz-id-2': '@{a}', 'x-amz-request-id': '@{b}', 'ETag': '\"@{c}\"', 'x-amz-version-id': '@{d}', 'Content-Length': '10482'}", a=coded(k, 56), b=k.of(UPPER + DIGITS, 16), c=k.of(HEX, 32), d=k.mixed(32))})),
        ("a route as a polyline", cell("route = 'yzocFzynhVq}@n}@o}@nzD_seK`ia@wPfT~hbE_ulL'\ngeohash, h3_cell = 'u4xsuf4h', '881f1d4887fffff'\nwkt = 'POLYGON((10.73 59.91, 10.75 59.91, 10.75 59.93, 10.73 59.91))'", FIT)),
        ("identifiers of biology", cell("gene = 'ENSG00000139618'\ntranscripts = ['ENST00000380152.8', 'NM_000059.4', 'NP_000050.3']\nvariant = 'NC_000013.11:g.32316461A>G'\nuniprot, pdb, chembl = 'P51587', '1MJE', 'CHEMBL1201585'\nbarcode = 'TCGA-02-0001-01C-01D-0182-01'", FIT)),
        ("identifiers of papers and people", cell("doi = '10.1038/s41586-021-03819-2'\norcid = '0000-0002-1825-0097'\nopenalex = 'W2741809807'\narxiv = 'arXiv:2307.09288v2'\nbibtex = '@inproceedings{chen2016xgboost, key={XGBoost}, year={2016}}'", FIT)),
        ("songs and films", cell("tracks = ['" + "', '".join(k.mixed(22) for _ in range(3)) + "']\nuris = ['spotify:track:' + t for t in tracks]\nimdb = ['tt0111161', 'tt0068646']\nvideo = 'https://youtu.be/9bZkp7q19f0'", FIT)),
        ("a picture in a table", cell(FIT, "1", outputs={2: f'<table><tr><td>3</td><td><img width="64" src="data:image/png;base64,{png}"/></td></tr></table>'}, html=True)),
        ("fonts and scripts of a page", cell(FIT, "1", outputs={2: f'<link rel="stylesheet" href="https://cdn.example/bootstrap.min.css" integrity="sha512-{coded(k, 64)}"><path d="M10.3,21.8L14.2,19.1C15.9,18,17.1,16.4,17.8,14.5Z"/><g id="clip{k.of(HEX, 12)}"></g>'}, html=True)),
        ("locked packages", cell(FIT, "1", outputs={2: text("numpy==2.1.3 --hash=sha256:@{a} \\\n    --hash=sha256:@{b}\nhttps://conda.anaconda.org/conda-forge/linux-64/openssl-3.4.0-hb9d3cd8_0.conda#@{c}\nprivate-package @ git+ssh://git@github.com/acme/features@@{d}", a=k.of(HEX, 64), b=k.of(HEX, 64), c=k.of(HEX, 32), d=k.of(HEX, 40))})),
        ("public keys", cell("known_host = 'github.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + k.mixed(43) + "'\nrecipient = 'age1" + k.of("qpzry9x8gf2tvdw0s3jn54khce6mua7l", 58) + "'\npublic_key = '''-----BEGIN RSA PUBLIC KEY-----\n" + k.of(ALNUM + "+/", 64) + "\n-----END RSA PUBLIC KEY-----'''\nfingerprint = 'SHA256:" + k.mixed(43, ALNUM + "+/") + "'", FIT)),
        ("columns with key in the name", cell("frame = X.assign(store_key=1, product_key=2, date_key=20250101)\nkeys = ['store_key', 'product_key', 'date_key']\npartition_key, clustering_key = 'event_date', 'customer_id'\nhash_key = frame[keys].astype(str).agg('|'.join, axis=1)\nfact = frame.merge(frame, on=keys, suffixes=('', '_prev'))", FIT)),
        ("tokens as data", with_predict("vocabulary = {'[PAD]': 0, '[CLS]': 101, '[SEP]': 102, 'password': 5120, '##word': 4, 'Ġtoken': 11241, 'Ġsecret': 3200}\nmerges = ['Ġ t', 'Ġ a', 'to ken', 'se cret', 'pass word']\ndef predict(frame):\n    return frame['age'] + len(vocabulary)")),
        ("speed of generation", cell(FIT, "1", outputs={2: "llama_print_timings: prompt eval time = 312.44 ms / 27 tokens ( 11.57 ms per token, 86.42 tokens per second)\nprompt_tokens=27 completion_tokens=128 stop_token='</s>' next_token_id=29889\nfinish_reason='stop'"})),
        ("objects of model vendors", cell("file_id = 'file-" + k.mixed(22) + "'\nassistant_id = 'asst_" + k.mixed(24) + "'\nthread_id, run_id = 'thread_" + k.mixed(24) + "', 'run_" + k.mixed(24) + "'\nfine_tuned = 'ft:gpt-4o-mini-2024-07-18:acme:churn:A1b2C3d4'\nrequest_id = 'req_" + k.of(HEX, 32) + "'", FIT)),
        ("statements with parameters", cell('query = """\nselect u.id, u.password_changed_at, count(t.token_id) as n_tokens\nfrom users u left join tokens t on t.user_id = u.id\nwhere u.email = %(email)s and u.password_hash = crypt(%(password)s, u.password_hash)\ngroup by 1, 2\n"""\nlogin = "create user reader with password :password"', FIT)),
        ("addresses with variables", cell("env = dict(user='reader', host='dwh')\nurl = 'postgresql+psycopg://${DB_USER}:${DB_PASSWORD}@${DB_HOST}:5432/dw'\njinja = 'mysql://{{ user }}:{{ password }}@{{ host }}/shop'\nhelp_text = 'usage: load --dsn postgresql://USER:PASSWORD@HOST/DB'\nheader = {'Authorization': f'Bearer {os.environ.get(\"API_TOKEN\", \"\")}'}", FIT)),
        ("names of algorithms", cell("password_hasher = 'pbkdf2_sha256'\nalgorithm = 'HS256'\ntoken_type = 'bearer'\ngrant_type = 'client_credentials'\nauth_mechanism = 'SCRAM-SHA-256'\nsecret_engine = 'kv-v2'\nkey_type = 'rsa4096'\nauthenticator = 'externalbrowser'", FIT)),
        ("seeds and random keys", cell("rng_key = (0, 42)\nPRNG_KEY = np.array([0, 3735928559], dtype=np.uint32)\nseeds = {'key_0': 1234567890123456789, 'key_1': 9876543210987654321}", FIT)),
        ("checks that compare", cell("def test_login_form():\n    form = {'username': '', 'password': ''}\n    errors = {name: 'This field is required.' for name in form}\n    assert errors['password'] == 'This field is required.'\n    assert errors.get('token') is None\ntest_login_form()", FIT)),
        ("errors of logins", cell(FIT, "1", outputs={2: "OperationalError: (psycopg2.OperationalError) connection to server at \"10.0.3.7\", port 5432 failed: FATAL:  password authentication failed for user \"reader\"\nAuthenticationError: Error code: 401 - {'error': {'message': 'No API key provided.', 'type': 'invalid_request_error', 'param': None, 'code': None}}\nHTTPError: Invalid token: token is expired by 3h12m"})),
        ("a long embedding name and a cache", cell("cache_key = 'embeddings/text-embedding-3-large/dims=1024/2025-03-01/part-07'\nmodel_dir = '~/.cache/huggingface/hub/models--BAAI--bge-m3/snapshots/" + k.of(HEX, 40) + "'\nfeature = 'rolling_30d_avg_transaction_amount_eur_by_merchant_category'\nclass_name = 'GradientBoostingChurnRegressorWithMonotonicConstraintsV2'", FIT)),
        ("anonymised identifiers, in an output", cell(FIT, "1", outputs={2: text("""
                      customer_hash  session_uuid                          password_age_days  api_calls
            0  @{a}  @{b}  120  4
            1  @{c}  @{d}  15  0
        """, a=k.of(HEX, 16), b=k.uuid(), c=k.of(HEX, 16), d=k.uuid())})),
    ]  # fmt: skip
