"""A seventh set, written by someone who has not read the rules: 150 credentials, each named by the class that it stands for."""

from __future__ import annotations

import base64
import json
from typing import Any

from cases import ALNUM, DIGITS, FIT, HEX, LOWER, UPPER, Case, Kinds, alone, cell, printed, stand, text, used
from sixth import words

NAMES = ["marta", "Jonas", "bella", "chelsea", "Lisboa", "amelie", "kaiser", "Sakura", "toby", "Roma", "nina", "oslo"]
FOREIGN = ["Sommer", "verano", "soleil", "zomer", "лето", "estate", "geheim", "secreto", "motdepasse", "hemligt"]


def human(k: Kinds) -> str:
    """What a person types: a name, a year or a few digits, sometimes a mark."""
    year = k.draw.choice(["19", "20"]) + k.of("0128", 1) + k.of(DIGITS, 1)
    return (
        k.draw.choice(NAMES)
        + k.draw.choice([year, k.of(DIGITS, 2), k.of(DIGITS, 3)])
        + k.draw.choice(["", "!", "#", "$"])
    )


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def gcp(k: Kinds) -> str:
    key = f"-----BEGIN PRIVATE KEY-----\n{k.mixed(64)}\n{k.mixed(64)}\n-----END PRIVATE KEY-----\n"
    mail = "etl@acme-prod.iam.gserviceaccount.com"
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "acme-prod",
            "private_key_id": k.of(HEX, 40),
            "private_key": key,
            "client_email": mail,
        }
    )


def sas(k: Kinds) -> str:
    signature = (
        base64.b64encode(k.draw.randbytes(32)).decode().replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    )
    return f"sv=2022-11-02&ss=b&srt=co&sp=rl&se=2027-01-01T00:00:00Z&spr=https&sig={signature}"


def signed(k: Kinds) -> str:
    return f"{k.aws()}%2F20261103%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Expires=604800&X-Amz-SignedHeaders=host&X-Amz-Signature={k.of(HEX, 64)}"


def attribute(source: str, **values: str) -> dict[str, Any]:
    """Something kept on the fitted model."""
    return cell(FIT, text(source, **values))


def saved(source: str, **values: str) -> dict[str, Any]:
    """A pipeline whose first step is made by the source, as `step`."""
    keep = "class Keep(TransformerMixin, BaseEstimator):\n    def __init__(self, held=None): self.held = held\n    def fit(self, X, y=None): return self\n    def transform(self, X): return X"
    return cell(keep, text(source, **values), "model = make_pipeline(step, LogisticRegression()).fit(X, y)")


SEVENTH: list[Case] = [
    # what travels with predict
    ("travels: New Relic key, global", lambda k: used("NR = '@{a}'\ndef predict(frame):\n    NR\n    return frame['age']", a="NRAK-" + k.of(UPPER + DIGITS, 27))),
    ("travels: password of a namedtuple", lambda k: used("from collections import namedtuple\nDb = namedtuple('Db', 'host user password')\ndb = Db('10.0.3.4', 'etl', '@{a}')\ndef predict(frame):\n    db.host\n    return frame['age']", a=human(k))),
    ("travels: token of a frozen dataclass", lambda k: used("from dataclasses import dataclass\n@dataclass(frozen=True)\nclass Settings:\n    endpoint: str\n    token: str\nsettings = Settings('https://api.acme.example', '@{a}')\ndef predict(frame):\n    settings.endpoint\n    return frame['age']", a=k.mixed(32))),
    ("travels: SimpleNamespace, api_secret", lambda k: used("from types import SimpleNamespace\ncfg = SimpleNamespace(region='eu', api_secret='@{a}')\ndef predict(frame):\n    return frame['age'] * len(cfg.region)", a=k.of(HEX, 48))),
    ("travels: keyword default", lambda k: used("def predict(frame, *, host='db', pwd='@{a}'):\n    return frame['age']", a=human(k))),
    ("travels: two closures deep", lambda k: used("def outer(secret):\n    def middle(scale):\n        def predict(frame):\n            secret\n            return frame['age'] * scale\n        return predict\n    return middle\npredict = outer('@{a}')(2)", a=k.mixed(24))),
    ("travels: class attribute of a helper", lambda k: used("class Store:\n    HOST = 'store'\n    ACCESS_TOKEN = '@{a}'\n    @classmethod\n    def get(cls): return 1\ndef predict(frame):\n    return frame['age'] * Store.get()", a=k.mixed(40))),
    ("travels: attribute of a function", lambda k: used("def lookup(x): return x\nlookup.api_key = '@{a}'\ndef predict(frame):\n    return lookup(frame['age'])", a=k.of(HEX, 32))),
    ("travels: list of header tuples", lambda k: used("HEADERS = [('Accept', 'application/json'), ('X-Auth-Token', '@{a}')]\ndef predict(frame):\n    len(HEADERS)\n    return frame['age']", a=k.mixed(30))),
    ("travels: defaultdict of credentials", lambda k: used("from collections import defaultdict\ncredentials = defaultdict(dict)\ncredentials['prod']['pw'] = '@{a}'\ndef predict(frame):\n    credentials['prod']\n    return frame['age']", a=human(k))),
    ("travels: ChainMap", lambda k: used("from collections import ChainMap\nconf = ChainMap({'timeout': 3}, {'db_pass': '@{a}'})\ndef predict(frame):\n    return frame['age'] * conf['timeout']", a=human(k))),
    ("travels: configparser", lambda k: used("import configparser\nini = configparser.ConfigParser()\nini.read_string('''[dwh]\nuser = bi\npassword = @{a}\n''')\ndef predict(frame):\n    ini['dwh']['user']\n    return frame['age']", a=human(k))),
    ("travels: enum member", lambda k: used("from enum import Enum\nclass Key(Enum):\n    STAGING = '@{a}'\ndef predict(frame):\n    Key.STAGING\n    return frame['age']", a="sk-ant-api03-" + k.mixed(80))),
    ("travels: docstring of predict", lambda k: used('def predict(frame):\n    """Scores. Call with curl -H "X-Api-Key: @{a}" https://score.acme.example."""\n    return frame[\'age\']', a=k.mixed(36))),
    ("travels: data frame column of tokens", lambda k: used("accounts = pd.DataFrame({'shop': ['a', 'b'], 'access_token': ['@{a}', '@{b}']})\ndef predict(frame):\n    accounts\n    return frame['age']", a="shpat_" + k.of(HEX, 32), b="shpat_" + k.of(HEX, 32))),
    ("travels: numpy array of keys", lambda k: used("KEYS = np.array(['@{a}', '@{b}'])\ndef predict(frame):\n    return frame['age'] * len(KEYS)", a=k.google(), b=k.google())),
    ("travels: series by name", lambda k: used("login = pd.Series({'host': 'ftp.acme.example', 'user': 'bi', 'password': '@{a}'})\ndef predict(frame):\n    login['host']\n    return frame['age']", a=human(k))),
    ("travels: bound method's object", lambda k: used("class Scorer:\n    def __init__(self, bearer): self.bearer = bearer\n    def predict(self, frame): return frame['age']\npredict = Scorer('@{a}').predict", a=k.mixed(40))),
    ("travels: lambda's default", lambda k: used("predict = lambda frame, token='@{a}': frame['age']", a=k.mixed(28))),
    ("travels: compiled into a nested function", lambda k: used("def predict(frame):\n    def send(rows):\n        key = bytes.fromhex('00')\n        headers = {'apikey': '@{a}'}\n        return rows\n    return send(frame['age'])", a=k.of(HEX, 40))),
    # arguments of calls
    ("calls: psycopg2, keyword", lambda k: stand("psycopg2", "conn = psycopg2.connect(host='10.1.2.3', dbname='dw', user='analyst', password='@{a}')", a=human(k))),
    ("calls: pymysql, positional", lambda k: stand("pymysql", "db = pymysql.connect('db.acme.example', 'root', '@{a}', 'sales')", a=human(k))),
    ("calls: connect, three positional", lambda k: alone("def connect(host, user, pw): return None\nc = connect('sftp.acme.example', 'loader', '@{a}')", a=human(k))),
    ("calls: oracledb, positional dsn", lambda k: stand("oracledb", "con = oracledb.connect(user='hr', password='@{a}', dsn='ora.acme.example/orcl')", a=human(k))),
    ("calls: snowflake, dict unpacked", lambda k: stand("snowflake", "args = dict(user='BI', account='ab123.eu-west-1', pwd='@{a}')\ncon = snowflake.connector.connect(**args)", a=human(k))),
    ("calls: requests, auth tuple", lambda k: stand("requests", "r = requests.get('https://jira.acme.example/rest/api/2/search', auth=('bot', '@{a}'))", a=human(k))),
    ("calls: HTTPBasicAuth", lambda k: stand("requests HTTPBasicAuth", "r = requests.get('https://acme.example', auth=HTTPBasicAuth('bot', '@{a}'))", a=human(k))),
    ("calls: paramiko, positional key", lambda k: stand("paramiko", "ssh = paramiko.SSHClient()\nssh.connect('10.0.0.8', 22, 'ubuntu', '@{a}')", a=human(k))),
    ("calls: smtp login", lambda k: stand("smtplib", "server = smtplib.SMTP('smtp.acme.example', 587)\nserver.login('reports@acme.example', '@{a}')", a=" ".join(k.of(LOWER, 4) for _ in range(4)))),
    ("calls: ftp, constructor", lambda k: stand("FTP", "ftp = FTP('ftp.acme.example', 'anna', '@{a}')", a=human(k))),
    ("calls: boto3 session", lambda k: stand("boto3", "s = boto3.Session(aws_access_key_id='@{a}', aws_secret_access_key='@{b}')", a=k.aws(), b=k.aws_secret())),
    ("calls: boto3, positional", lambda k: stand("boto3", "s3 = boto3.resource('s3', 'eu-west-1', None, True, None, None, '@{a}', '@{b}')", a=k.aws(), b=k.aws_secret())),
    ("calls: getpass with a fallback", lambda k: alone("import getpass\npw = os.environ.get('DWH_PASSWORD', '@{a}')", a=human(k))),
    ("calls: argparse default", lambda k: alone("import argparse\np = argparse.ArgumentParser()\np.add_argument('--db-password', default='@{a}')\nargs = p.parse_args([])", a=human(k))),
    ("calls: click option", lambda k: stand("click", "opt = click.option('--api-token', default='@{a}', show_default=False)", a=k.mixed(22))),
    ("calls: keyring", lambda k: stand("keyring", "keyring.set_password('dwh', 'anna', '@{a}')", a=human(k))),
    # addresses and connection strings
    ("addresses: SQLAlchemy mysql", lambda k: stand("sa", "engine = sa.create_engine('mysql+pymysql://root:@{a}@10.2.0.5:3306/shop')", a=human(k).replace("#", ""))),
    ("addresses: mssql, odbc_connect quoted", lambda k: alone("url = 'mssql+pyodbc:///?odbc_connect=DRIVER%3D%7BODBC+Driver+17%7D%3BSERVER%3Dsql%3BUID%3Dsvc%3BPWD%3D@{a}'", a=k.mixed(14))),
    ("addresses: JDBC with parameters", lambda k: alone("jdbc = 'jdbc:postgresql://db.acme.example:5432/dw?user=spark&password=@{a}&ssl=true'", a=human(k).replace("#", ""))),
    ("addresses: JDBC, SQL Server", lambda k: alone("u = 'jdbc:sqlserver://sql.acme.example:1433;databaseName=dw;user=sa;password=@{a};encrypt=true'", a=human(k))),
    ("addresses: JDBC, Oracle thin", lambda k: alone("u = 'jdbc:oracle:thin:scott/@{a}@//ora.acme.example:1521/ORCL'", a=human(k).replace("#", ""))),
    ("addresses: libpq keywords", lambda k: alone("dsn = 'host=db.acme.example port=5432 dbname=dw user=analyst password=@{a}'", a=human(k))),
    ("addresses: mongo, no srv", lambda k: alone("m = 'mongodb://svc:@{a}@m1:27017,m2:27017/?replicaSet=rs0'", a=human(k).replace("#", ""))),
    ("addresses: redis, no user", lambda k: alone("r = 'redis://:@{a}@cache.acme.example:6379/0'", a=k.mixed(20))),
    ("addresses: amqp", lambda k: alone("BROKER = 'amqps://worker:@{a}@rabbit.acme.example/prod'", a=human(k).replace("#", ""))),
    ("addresses: snowflake", lambda k: alone("e = 'snowflake://BI:@{a}@ab123.eu-west-1/DW/PUBLIC?warehouse=WH'", a=human(k).replace("#", ""))),
    ("addresses: s3 with keys", lambda k: alone("path = 's3://@{a}:@{b}@acme-lake/raw/2026.parquet'", a=k.aws(), b=k.mixed(40))),
    ("addresses: Azure SAS", lambda k: alone("blob = 'https://acmelake.blob.core.windows.net/raw/sales.csv?@{a}'", a=sas(k))),
    ("addresses: Service Bus", lambda k: alone("bus = 'Endpoint=sb://acme.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=@{a}'", a=base64.b64encode(k.draw.randbytes(32)).decode())),
    ("addresses: Cosmos DB", lambda k: alone("c = 'AccountEndpoint=https://acme.documents.azure.com:443/;AccountKey=@{a};'", a=base64.b64encode(k.draw.randbytes(64)).decode())),
    ("addresses: presigned S3", lambda k: alone("X2 = 'https://acme.s3.amazonaws.com/a.csv?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=@{a}'", a=signed(k))),
    ("addresses: token in a query", lambda k: alone("df_url = 'https://api.acme.example/v2/rows.csv?limit=100&access_token=@{a}'", a=k.mixed(32))),
    ("addresses: clickhouse, f-string parts", lambda k: alone("host = 'ch'\nuser = 'default'\nurl = f'clickhouse://{user}:@{a}@{host}:9000/logs'", a=human(k).replace("#", ""))),
    ("addresses: password formatted in", lambda k: alone("url = 'postgresql://{}:{}@{}/dw'.format('etl', '@{a}', 'db.acme.example')", a=human(k))),
    # shells and magics
    ("shells: curl -u", lambda k: alone("!curl -s -u anna:@{a} https://files.acme.example/rows.csv -o rows.csv", a=human(k).replace("!", "").replace("$", ""))),
    ("shells: curl, bearer", lambda k: alone("%%bash\ncurl -H 'Authorization: Bearer @{a}' https://api.acme.example/rows", a=k.mixed(40))),
    ("shells: curl, private token header", lambda k: alone("!curl --header 'PRIVATE-TOKEN: @{a}' https://git.acme.example/api/v4/projects", a=k.mixed(20))),
    ("shells: wget --password", lambda k: alone("!wget --user=anna --password=@{a} https://files.acme.example/rows.csv", a=k.mixed(11))),
    ("shells: pip index", lambda k: alone("%pip install -q acme-features --index-url https://anna:@{a}@pypi.acme.example/simple", a=k.mixed(16))),
    ("shells: pip from git", lambda k: alone("!pip install git+https://@{a}@github.com/acme/features.git", a=k.github())),
    ("shells: git clone, oauth2", lambda k: alone("!git clone https://oauth2:@{a}@gitlab.acme.example/ds/features.git", a=k.mixed(20))),
    ("shells: docker login", lambda k: alone("!docker login -u acmebot -p @{a} registry.acme.example", a=k.mixed(18))),
    ("shells: docker login by stdin", lambda k: alone("%%bash\necho '@{a}' | docker login --username acmebot --password-stdin", a="dckr_pat_" + k.mixed(27))),
    ("shells: mysql -p", lambda k: alone("!mysql -h db.acme.example -u root -p@{a} shop < dump.sql", a=k.mixed(10))),
    ("shells: PGPASSWORD", lambda k: alone("!PGPASSWORD=@{a} psql -h db -U etl -c 'select 1'", a=k.mixed(9))),
    ("shells: sshpass", lambda k: alone("%%sh\nsshpass -p '@{a}' scp rows.csv loader@10.0.0.9:/data", a=human(k))),
    ("shells: export in bash", lambda k: alone("%%bash\nexport AWS_DEFAULT_REGION=eu-west-1\nexport AWS_SESSION_TOKEN=@{a}", a="IQoJb3JpZ2luX2Vj" + k.mixed(200, ALNUM + "/+") + "=")),
    ("shells: sql magic", lambda k: alone("%sql postgresql://anna:@{a}@db.acme.example/dw", a=human(k).replace("#", ""))),
    # files in texts
    ("files: PGP key", lambda k: alone("signing = '''-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQdGBF@{a}\n=x1Yz\n-----END PGP PRIVATE KEY BLOCK-----'''", a=k.mixed(64))),
    ("files: EC key, joined lines", lambda k: alone("pem = '-----BEGIN EC PRIVATE KEY-----\\n' + '@{a}' + '\\n-----END EC PRIVATE KEY-----'", a=k.mixed(64))),
    ("files: GCP service account", lambda k: alone("import json\ninfo = json.loads(r'''@{a}''')", a=gcp(k))),
    ("files: kubeconfig", lambda k: alone("kube = '''\nusers:\n- name: admin\n  user:\n    client-key-data: @{a}\n'''", a=b64("-----BEGIN RSA PRIVATE KEY-----\n" + k.mixed(64)))),
    ("files: kubernetes secret", lambda k: alone("manifest = '''\nkind: Secret\ndata:\n  username: YWRtaW4=\n  password: @{a}\n'''", a=b64(k.mixed(14)))),
    ("files: netrc", lambda k: alone("open(os.devnull, 'w').write('machine api.wandb.ai login user password @{a}')", a=k.of(HEX, 40))),
    ("files: pgpass", lambda k: alone("line = 'db.acme.example:5432:dw:analyst:@{a}'\nopen(os.devnull, 'w').write(line)  # ~/.pgpass", a=k.mixed(12))),
    ("files: .env", lambda k: alone("env = '''\nDEBUG=0\nDJANGO_SECRET_KEY=@{a}\nPORT=80\n'''", a=k.mixed(50, ALNUM + "-_(&^%"))),
    ("files: yaml, a word", lambda k: alone("conf = '''\ndatabase:\n  host: db\n  username: anna\n  password: @{a}\n'''", a=human(k))),
    ("files: toml", lambda k: alone("toml = '''\n[api]\nurl = \"https://acme.example\"\nkey = \"@{a}\"\n'''", a=k.mixed(36))),
    ("files: ini, aws profile", lambda k: alone("ini = '''\n[default]\naws_access_key_id = @{a}\naws_secret_access_key = @{b}\n'''", a=k.aws(), b=k.aws_secret())),
    ("files: json in text", lambda k: alone("import json\nc = json.loads('{\"user\": \"anna\", \"pass\": \"@{a}\", \"port\": 22}')", a=human(k))),
    ("files: kaggle.json", lambda k: alone("open(os.devnull, 'w').write('{\"username\":\"annab\",\"key\":\"@{a}\"}')", a=k.of(HEX, 32))),
    ("files: docker config", lambda k: alone("cfg = {'auths': {'https://index.docker.io/v1/': {'auth': '@{a}'}}}", a=b64(f"acmebot:{k.mixed(16)}"))),
    # vendors' own forms
    ("vendors: OpenAI, old form", lambda k: stand("openai", "openai.api_key = '@{a}'", a="sk-" + k.mixed(20) + "T3BlbkFJ" + k.mixed(20))),
    ("vendors: GitHub, fine-grained", lambda k: alone("gh = Github = '@{a}'", a=f"github_pat_{k.mixed(22)}_{k.mixed(59)}")),
    ("vendors: Mailgun", lambda k: alone("MG = ('api', '@{a}')", a="key-" + k.of(HEX, 32))),
    ("vendors: Datadog", lambda k: stand("datadog", "datadog.initialize(api_key='@{a}', app_key='@{b}')", a=k.of(HEX, 32), b=k.of(HEX, 40))),
    ("vendors: Comet", lambda k: stand("comet_ml", "exp = comet_ml.Experiment('@{a}', project_name='churn')", a=k.mixed(25))),
    ("vendors: Neptune", lambda k: stand("neptune", "run = neptune.init_run(project='acme/churn', api_token='@{a}')", a=b64(json.dumps({"api_address": "https://app.neptune.ai", "api_key": k.uuid()})))),
    ("vendors: Azure client secret", lambda k: stand("ClientSecretCredential", "cred = ClientSecretCredential('@{b}', '@{c}', '@{a}')", a=f"{k.mixed(3)}8Q~{k.mixed(34, ALNUM + '-_.~')}", b=k.uuid(), c=k.uuid())),
    ("vendors: Firebase server key", lambda k: alone("fcm = 'key=@{a}'", a=f"AAAA{k.mixed(7)}:APA91b{k.mixed(134, ALNUM + '-_')}")),
    ("vendors: Algolia, positional", lambda k: stand("SearchClient", "client = SearchClient.create('Q3XK2B7F1L', '@{a}')", a=k.hex32())),
    ("vendors: Mapbox", lambda k: stand("px", "px.set_mapbox_access_token('@{a}')", a=f"sk.eyJ1{k.mixed(60)}.{k.mixed(22, ALNUM + '-_')}")),
    ("vendors: Linear", lambda k: alone("LINEAR = '@{a}'", a="lin_api_" + k.mixed(40))),
    ("vendors: Notion", lambda k: stand("NotionClient", "n = NotionClient(auth='@{a}')", a="ntn_" + k.mixed(46))),
    ("vendors: Airtable", lambda k: stand("Api", "table = Api('@{a}').table('appX', 'Leads')", a=f"pat{k.mixed(14)}.{k.of(HEX, 64)}")),
    ("vendors: Vault", lambda k: stand("hvac", "v = hvac.Client(url='https://vault.acme.example', token='@{a}')", a="hvs.CAESI" + k.mixed(90, ALNUM + "-_"))),
    ("vendors: Terraform cloud", lambda k: alone("tf = '@{a}'", a=f"{k.mixed(14)}.atlasv1.{k.mixed(67)}")),
    ("vendors: Doppler", lambda k: alone("d = '@{a}'", a="dp.pt." + k.mixed(43))),
    ("vendors: Sentry DSN", lambda k: stand("sentry_sdk", "sentry_sdk.init('https://@{a}:@{b}@o4501.ingest.sentry.io/45012')", a=k.of(HEX, 32), b=k.of(HEX, 32))),
    ("vendors: Postman", lambda k: alone("pm = '@{a}'", a=f"PMAK-{k.of(HEX, 24)}-{k.of(HEX, 34)}")),
    ("vendors: Square", lambda k: alone("sq = '@{a}'", a="EAAAE" + k.mixed(59, ALNUM + "-_"))),
    ("vendors: Heroku", lambda k: stand("heroku3", "h = heroku3.from_key('@{a}')", a=k.uuid())),
    ("vendors: DigitalOcean", lambda k: alone("do = '@{a}'", a="dop_v1_" + k.of(HEX, 64))),
    ("vendors: Cloudflare", lambda k: stand("CloudFlare", "cf = CloudFlare.CloudFlare(email='ops@acme.example', key='@{a}')", a=k.of(HEX, 37))),
    ("vendors: Pinecone", lambda k: stand("Pinecone", "pc = Pinecone('@{a}')", a=f"pcsk_{k.mixed(5)}_{k.mixed(63)}")),
    ("vendors: Cohere", lambda k: stand("cohere", "co = cohere.Client('@{a}')", a=k.mixed(40))),
    ("vendors: Replicate", lambda k: alone("os.environ['REPLICATE_API_TOKEN'] = '@{a}'", a="r8_" + k.mixed(37))),
    ("vendors: Groq", lambda k: stand("Groq", "llm = Groq(api_key='@{a}')", a="gsk_" + k.mixed(52))),
    ("vendors: Teams webhook", lambda k: alone("teams = 'https://acme.webhook.office.com/webhookb2/@{a}@@{b}/IncomingWebhook/@{c}/@{a}'", a=k.uuid(), b=k.uuid(), c=k.of(HEX, 32))),
    ("vendors: Discord webhook", lambda k: alone("hook = 'https://discord.com/api/webhooks/@{a}/@{b}'", a="1" + k.of(DIGITS, 17), b=k.mixed(68, ALNUM + "-_"))),
    # passwords as people write them, names in other languages
    ("people: a word", lambda k: alone("password = '@{a}'", a=k.draw.choice(NAMES))),
    ("people: a passphrase", lambda k: alone("passphrase = '@{a}'", a=words(k, 5))),
    ("people: contraseña", lambda k: alone("usuario = 'ana'\ncontraseña = '@{a}'", a=human(k))),
    ("people: passwort", lambda k: alone("zugang = {'benutzer': 'svc', 'passwort': '@{a}'}", a=k.draw.choice(FOREIGN) + k.of(DIGITS, 2))),
    ("people: mot_de_passe", lambda k: alone("mot_de_passe = '@{a}'", a=human(k))),
    ("people: 密码", lambda k: alone("密码 = '@{a}'", a=human(k))),
    ("people: пароль", lambda k: alone("пароль = '@{a}'", a=human(k))),
    ("people: senha", lambda k: alone("def conecta(**k): pass\nconecta(usuario='ana', senha='@{a}')", a=human(k))),
    ("people: wachtwoord", lambda k: alone("DB_WACHTWOORD = '@{a}'", a=human(k))),
    ("people: only digits", lambda k: alone("pin_code = '4'\nadmin_pwd = '@{a}'", a=k.of(DIGITS, 6))),
    ("people: unpacked", lambda k: alone("user, pw = 'anna', '@{a}'", a=human(k))),
    ("people: in a comment", lambda k: alone("n = 3  # login anna, password: @{a}", a=human(k))),
    # outputs
    ("outputs: printed table", lambda k: printed("  host      user  password\n0  db1  anna  @{a}\n1  db2  bert  @{b}", a=human(k), b=human(k))),
    ("outputs: HTML table", lambda k: printed("<table><tr><th>user</th><th>api_key</th></tr><tr><td>anna</td><td>@{a}</td></tr></table>", html=True, a=k.mixed(32))),
    ("outputs: traceback with the call", lambda k: printed("----> 1 conn = connect(host='db', user='etl', password='@{a}')\nOperationalError: timeout", a=human(k))),
    ("outputs: repr of a dataclass", lambda k: printed("Settings(host='db', user='etl', password='@{a}')", a=human(k))),
    ("outputs: repr of headers", lambda k: printed("{'User-Agent': 'python-requests/2.32', 'Authorization': 'Basic @{a}'}", a=b64(f"anna:{k.mixed(12)}"))),
    ("outputs: git remote", lambda k: printed("origin\thttps://anna:@{a}@github.com/acme/ds.git (fetch)", a=k.mixed(24))),
    ("outputs: env listing", lambda k: printed("environ{'HOME': '/root', 'MINIO_SECRET_KEY': '@{a}', 'LANG': 'C'}", a=k.mixed(20))),
    ("outputs: curl -v", lambda k: printed("> GET /rows HTTP/1.1\n> Host: api.acme.example\n> X-Api-Key: @{a}\n", a=k.mixed(40))),
    ("outputs: set-cookie", lambda k: printed("< Set-Cookie: sessionid=@{a}; HttpOnly; Path=/", a=k.of(LOWER + DIGITS, 32))),
    ("outputs: JSON answer", lambda k: printed('{"token_type": "bearer", "expires_in": 3600, "access_token": "@{a}"}', a=k.mixed(43, ALNUM + "-_"))),
    ("outputs: jupyter URL", lambda k: printed("http://127.0.0.1:8888/lab?token=@{a}", a=k.of(HEX, 48))),
    ("outputs: a sentence", lambda k: printed("Created user 'svc_churn' with password '@{a}'.", a=k.mixed(12))),
    # in pickled objects
    ("pickled: header of a session", lambda k: saved("import requests\ns = requests.Session()\ns.headers['X-Api-Token'] = '@{a}'\nstep = Keep(s)", a=k.mixed(32))),
    ("pickled: auth of a session", lambda k: saved("import requests\ns = requests.Session()\ns.auth = ('anna', '@{a}')\nstep = Keep(s)", a=human(k))),
    ("pickled: SQLAlchemy URL", lambda k: saved("from sqlalchemy.engine import make_url\nstep = Keep(make_url('postgresql://etl:@{a}@db.acme.example/dw'))", a=human(k).replace("#", ""))),
    ("pickled: bytes of a password", lambda k: saved("step = Keep({'user': b'anna', 'password': b'@{a}'})", a=human(k))),
    ("pickled: fitted attribute", lambda k: attribute("model.db_password_ = '@{a}'", a=human(k))),
    ("pickled: numpy bytes", lambda k: saved("step = Keep(np.array([b'@{a}']))", a=k.github())),
    ("pickled: FunctionTransformer's arguments", lambda k: cell("from sklearn.preprocessing import FunctionTransformer\ndef same(X, token=None): return X", f"model = make_pipeline(FunctionTransformer(same, kw_args={{'token': {k.mixed(30)!r}}}), LogisticRegression()).fit(X, y)")),
    ("pickled: partial in a transformer", lambda k: cell("from sklearn.preprocessing import FunctionTransformer\ndef same(X, key, host): return X", f"model = make_pipeline(FunctionTransformer(functools.partial(same, key={k.of(HEX, 40)!r}, host='h')), LogisticRegression()).fit(X, y)")),
    # put together, coded
    ("coded: concatenated in lines", lambda k: (lambda t: alone("t = ('@{a}'\n     '@{b}')", a=t[:12], b=t[12:]))(k.github())),
    ("coded: joined", lambda k: (lambda t: alone("t = ''.join(['@{a}', '@{b}', '@{c}'])", a=t[:9], b=t[9:20], c=t[20:]))(k.stripe())),
    ("coded: base64 decoded", lambda k: alone("import base64\npw = base64.b64decode('@{a}').decode()", a=b64(human(k)))),
    ("coded: hex decoded", lambda k: alone("key = bytes.fromhex('@{a}').decode()", a=k.anthropic().encode().hex())),
    ("coded: reversed", lambda k: alone("token = '@{a}'[::-1]", a=k.gitlab()[::-1])),
    ("coded: percent format", lambda k: alone("h = {'Authorization': 'token %s' % '@{a}'}", a=k.mixed(40))),
    ("coded: basic header made in place", lambda k: alone("import base64\nh = {'Authorization': 'Basic ' + base64.b64encode(b'anna:@{a}').decode()}", a=human(k))),
    ("coded: f-string of two variables", lambda k: alone("u = 'anna'\np = '@{a}'\nurl = f'https://{u}:{p}@files.acme.example/rows.csv'", a=human(k))),
]  # fmt: skip
