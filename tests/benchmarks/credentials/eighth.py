"""An eighth set: other vendors, call forms and places than before, written after the rules were mended for the seventh."""

from __future__ import annotations

import base64
import codecs
import gzip
import json
from typing import Any

from cases import ALNUM, DIGITS, HEX, LOWER, UPPER, Case, Kinds, alone, printed, stand, used
from seventh import attribute, human, saved
from sixth import words


def url_safe(k: Kinds) -> str:
    """A password that an address takes as it is."""
    return human(k).replace("#", "")


EIGHTH: list[Case] = [
    # what travels
    ("travels: ContextVar's default", lambda k: used("from contextvars import ContextVar\nkey = ContextVar('weather_api_key', default='@{a}')\ndef predict(frame):\n    key.get()\n    return frame['age']", a=k.of(HEX, 32))),
    ("travels: slots, given in __init__", lambda k: used("class Gate:\n    __slots__ = ('host', 'pwd')\n    def __init__(self):\n        self.host = 'h'\n        self.pwd = '@{a}'\ngate = Gate()\ndef predict(frame):\n    gate.host\n    return frame['age']", a=human(k))),
    ("travels: made by type()", lambda k: used("Cfg = type('Cfg', (), {'endpoint': 'https://x.example', 'shared_secret': '@{a}'})\ndef predict(frame):\n    Cfg.endpoint\n    return frame['age']", a=k.mixed(28))),
    ("travels: decorator's argument", lambda k: used("def signed(with_key):\n    def wrap(f): return f\n    return wrap\n@signed(with_key='@{a}')\ndef predict(frame):\n    return frame['age']", a=k.mixed(40))),
    ("travels: attributes of a frame", lambda k: used("lookup = pd.DataFrame({'a': [1]})\nlookup.attrs['source'] = 'https://reader:@{a}@data.acme.example/rows.csv'\ndef predict(frame):\n    lookup.shape\n    return frame['age']", a=url_safe(k))),
    ("travels: annotated field", lambda k: used("from typing import Annotated\ndef predict(frame, auth: Annotated[str, 'header'] = 'Bearer @{a}'):\n    return frame['age']", a=k.mixed(43, ALNUM + "-_"))),
    ("travels: template filled in", lambda k: used("from string import Template\nDSN = Template('postgresql://etl:$pw@db/x').substitute(pw='@{a}')\ndef predict(frame):\n    len(DSN)\n    return frame['age']", a=url_safe(k))),
    ("travels: fallback of a dict's get", lambda k: used("options = {}\ndef predict(frame):\n    token = options.get('token', '@{a}')\n    return frame['age']", a=k.mixed(32))),
    ("travels: methodcaller", lambda k: used("from operator import methodcaller\nenter = methodcaller('login', 'anna', '@{a}')\ndef predict(frame):\n    enter\n    return frame['age']", a=human(k))),
    ("travels: handler of the log", lambda k: saved("import logging.handlers\nstep = Keep(('smtp.acme.example', ('alerts@acme.example', '@{a}')))", a=human(k) + "!A")),
    # calls
    ("calls: environment patched", lambda k: alone("from unittest import mock\nwith mock.patch.dict(os.environ, {'ACME_TOKEN': '@{a}'}):\n    pass", a=k.mixed(30))),
    ("calls: dotenv from a stream", lambda k: stand("load_dotenv", "from io import StringIO\nload_dotenv(stream=StringIO('LOG=1\\nSMTP_PASS=@{a}\\n'))", a=human(k))),
    ("calls: widget with a placeholder", lambda k: stand("widgets", "box = widgets.Text(value='@{a}', placeholder='API key')", a=k.mixed(32))),
    ("calls: text replaced in a template", lambda k: alone("conn = 'Driver=x;Server=y;Uid=z;Pwd=__PW__'.replace('__PW__', '@{a}')", a=human(k))),
    ("calls: asyncpg pool", lambda k: stand("asyncpg", "async def pool():\n    return await asyncpg.create_pool(host='db', user='etl', password='@{a}')", a=k.draw.choice(["regenbogen", "girasole", "papillon"]))),
    ("calls: SFTP by keyword, private key's phrase", lambda k: stand("pysftp", "s = pysftp.Connection('sftp.acme.example', username='x', private_key='id_rsa', private_key_pass='@{a}')", a=words(k, 2, "-"))),
    ("calls: ORM settings of Django", lambda k: alone("DATABASES = {'default': {'ENGINE': 'django.db.backends.mysql', 'USER': 'shop', 'PASSWORD': '@{a}', 'HOST': 'db'}}", a=human(k))),
    ("calls: aiohttp, positional", lambda k: stand("aiohttp", "auth = aiohttp.BasicAuth('anna', '@{a}')", a=human(k))),
    ("calls: ServiceNow, instance, user, word", lambda k: stand("ServiceNow", "sn = ServiceNow('acme.service-now.com', 'integration.user', '@{a}')", a=human(k).title() + "?")),
    ("calls: zeep, UsernameToken", lambda k: stand("zeep UsernameToken", "c = zeep.Client('https://x.example/?wsdl', wsse=UsernameToken('anna', '@{a}'))", a=human(k))),
    # cells that are no Python
    ("cells: R", lambda k: alone('%%R\ncon <- dbConnect(RPostgres::Postgres(), host = "db", user = "anna", password = "@{a}")', a=human(k))),
    ("cells: R, environment", lambda k: alone('%%R\nSys.setenv(CENSUS_API_KEY = "@{a}")', a=k.of(HEX, 40))),
    ("cells: SQL", lambda k: alone("%%sql\nCREATE USER reporter WITH LOGIN PASSWORD '@{a}'", a=human(k))),
    ("cells: JavaScript", lambda k: alone("%%javascript\nfetch('https://api.acme.example', {headers: {'X-Api-Key': '@{a}'}})", a=k.mixed(36))),
    ("cells: HTML", lambda k: alone('%%html\n<form><input name="user" value="anna"><input type="password" name="password" value="@{a}"></form>', a=human(k))),
    ("cells: a script's argument", lambda k: alone("%run export.py --db-password @{a} --limit 10", a=human(k))),
    ("cells: credentials file by here-document", lambda k: alone("%%bash\ncat > ~/.aws/credentials <<EOF\n[default]\naws_access_key_id=@{a}\naws_secret_access_key=@{b}\nEOF", a=k.aws(), b=k.aws_secret())),
    ("cells: poetry", lambda k: alone("!poetry config http-basic.acme anna @{a}", a=k.mixed(16))),
    ("cells: npm", lambda k: alone("!npm config set //registry.npmjs.org/:_authToken @{a}", a=k.uuid())),
    ("cells: key made with a phrase", lambda k: alone("!ssh-keygen -t ed25519 -f id -N '@{a}'", a=human(k).title() + "9x")),
    ("cells: jupyter with a token", lambda k: alone("!jupyter lab --no-browser --ServerApp.token=@{a} &", a=k.of(HEX, 48))),
    ("cells: mlflow's store", lambda k: alone("!mlflow server --backend-store-uri mysql+pymysql://mlflow:@{a}@db/mlflow --host 0.0.0.0", a=url_safe(k).replace("!", "").replace("$", ""))),
    ("cells: unzip", lambda k: alone("!unzip -P @{a} rows.zip", a=k.mixed(9))),
    ("cells: form sent by curl", lambda k: alone("!curl -F grant_type=client_credentials -F client_secret=@{a} https://login.acme.example/token", a=k.mixed(32))),
    # vendors
    ("vendors: Infura in an address", lambda k: alone("rpc = 'https://mainnet.infura.io/v3/@{a}'", a=k.of(HEX, 32))),
    ("vendors: Zhipu", lambda k: stand("ZhipuAI", "glm = ZhipuAI(api_key='@{a}')", a=f"{k.of(HEX, 32)}.{k.mixed(16)}")),
    ("vendors: Lambda cloud", lambda k: alone("lam = '@{a}'", a=f"secret_train_{k.of(HEX, 32)}.{k.mixed(32)}")),
    ("vendors: Anyscale", lambda k: alone("endpoint = dict(base='https://api.x.example', key='@{a}')", a="esecret_" + k.of(LOWER + DIGITS, 26))),
    ("vendors: Adafruit", lambda k: stand("Client", "aio = Client('anna', '@{a}')", a="aio_" + k.mixed(28))),
    ("vendors: ThingSpeak", lambda k: stand("thingspeak", "ch = thingspeak.Channel(id=9, api_key='@{a}')", a=k.of(UPPER + DIGITS, 15) + "7")),
    ("vendors: Okta", lambda k: alone("h = {'Authorization': 'SSWS @{a}'}", a="00" + k.mixed(40, ALNUM + "-_"))),
    ("vendors: Zendesk", lambda k: stand("requests", "r = requests.get('https://acme.zendesk.com/api/v2/tickets', auth=('anna@acme.example/token', '@{a}'))", a=k.mixed(40))),
    ("vendors: Strava", lambda k: stand("stravalib", "c = stravalib.Client(access_token='@{a}')", a=k.of(HEX, 40))),
    ("vendors: Matrix", lambda k: alone("mx = 'syt_@{a}'", a=f"YW5uYQ_{k.mixed(20)}_{k.mixed(6)}")),
    ("vendors: Xata", lambda k: alone("x9 = '@{a}'", a="xau_" + k.mixed(42))),
    ("vendors: Semantic Scholar", lambda k: stand("requests", "r = requests.get('https://api.semanticscholar.org/graph/v1/paper/search', headers={'x-api-key': '@{a}'})", a=k.mixed(40))),
    # other languages
    ("people: parolă", lambda k: alone("parolă = '@{a}'", a=human(k))),
    ("people: 접속 비밀번호", lambda k: alone("설정 = {'사용자': 'anna', '접속_비밀번호': '@{a}'}", a=human(k))),
    ("people: Zugangscode", lambda k: alone("zugangscode = '@{a}'", a=k.mixed(14))),
    ("people: clave_api", lambda k: alone("clave_api = '@{a}'", a=k.mixed(36))),
    # outputs
    ("outputs: container's environment", lambda k: printed('"Env": [\n  "PATH=/usr/bin",\n  "POSTGRES_PASSWORD=@{a}"\n]', a=human(k))),
    ("outputs: statement logged", lambda k: printed("INFO sqlalchemy.engine INSERT INTO users (name, password) VALUES ('anna', '@{a}')", a=human(k).title() + "!")),
    ("outputs: one-time password's address", lambda k: printed("otpauth://totp/Acme:anna?secret=@{a}&issuer=Acme", a=k.of(UPPER + "234567", 32))),
    ("outputs: transposed frame", lambda k: printed("                    0\nhost      db.example\nuser            anna\npassword  @{a}", a=human(k) + "7")),
    ("outputs: git's configuration", lambda k: printed("user.name=anna\nurl.https://@{a}@github.com/.insteadof=https://github.com/", a=k.github())),
    # coded
    ("coded: ROT13", lambda k: alone("import codecs\npw = codecs.decode('@{a}', 'rot13')", a=codecs.encode(human(k), "rot13"))),
    ("coded: every second letter", lambda k: (lambda t: alone("key = '@{a}'[::2]", a="".join(c + "x" for c in t)))(k.huggingface())),
    ("coded: gzip in base64", lambda k: alone("import base64, gzip\ncfg = gzip.decompress(base64.b64decode('@{a}')).decode()", a=base64.b64encode(gzip.compress(f"password={human(k)}9\nuser=anna".encode(), mtime=0)).decode())),
    ("coded: base32", lambda k: alone("import base64\ntoken = base64.b32decode('@{a}').decode()", a=base64.b32encode(k.gitlab().encode()).decode())),
    ("coded: JSON in base64", lambda k: alone("import base64, json\nc = json.loads(base64.b64decode('@{a}'))", a=base64.b64encode(json.dumps({"user": "anna", "password": human(k) + "5"}).encode()).decode())),
]  # fmt: skip


def clean_eighth() -> list[tuple[str, dict[str, Any]]]:
    k = Kinds(88)
    return [
        ("models and their files", alone("ids = ['meta-llama/Llama-3.1-8B-Instruct', 'TheBloke/Mistral-7B-v0.1-GGUF', 'BAAI/bge-small-en-v1.5']")),
        ("chess and music", alone("fen = 'rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq e3 0 1'\nchords = 'Am7 F#m7b5 B7 Em9'")),
        ("geohashes and plus codes", alone("cells = ['u33dc0cpke4q', '9F4MGC22+22', 'u4pruydqqvj8']\nh3 = '8928308280fffff'")),
        ("colours and fonts", alone("palette = {'key': '#4C72B0', 'secret': '#DD8452', 'token': 'rgb(12, 34, 56)'}")),
        ("time zones and locales", alone("tz = 'America/Argentina/Buenos_Aires'\nlocale_key = 'de_DE.UTF-8@euro'")),
        ("argparse with help", alone("import argparse\np = argparse.ArgumentParser()\np.add_argument('--token', default=None, help='API token; taken from ACME_TOKEN when not given')\np.add_argument('--password-file', default='/run/secrets/pw')")),
        ("hyperparameters of attention", alone("cfg = dict(key_size=64, num_keys=8, query_key_norm='rms_norm', token_mixer='mlp2x_gelu', pass_through='stage3')")),
        ("league of passes", alone("df3 = pd.DataFrame({'player': ['Modric', 'Kroos'], 'pass': ['91.2%', '94.1%'], 'key_pass': ['2.1', '1.7']})")),
        ("games' secrets", alone("secret_word = 'python'\nsecret_number = '7421'\nguess = input if False else None")),
        ("secret of a story", alone("title = 'The Secret Garden'\nsecret_agent = 'James Bond'\npass_phrase_hint = 'the name of your first pet'")),
        ("cipher exercises", alone("plaintext = 'ATTACK AT DAWN'\nciphertext = 'DWWDFN DW GDZQ'\nshift_key = 3\ncipher_name = 'caesar'")),
        ("tokens of a sentence", alone("tokens = 'The quick brown fox jumps'.split()\ntoken_ids = [464, 2068, 7586]\nunk_token_text = 'UNK42'")),
        ("dataset of passwords", alone("data4 = pd.DataFrame({'password': ['123456', 'qwerty', 'letmein'], 'strength': [0, 0, 0]})")),
        ("login page's selectors", alone("SELECTORS = {'username': '#login-user', 'password': 'input[name=pass]', 'submit': '//button[@type=\"submit\"]'}")),
        ("names of secrets", stand("SecretClient", "value = SecretClient(vault_url='https://kv.vault.azure.net').get_secret('sql-admin-password').value")),
        ("airflow's connection id", stand("PostgresHook", "hook = PostgresHook(postgres_conn_id='warehouse_prod')\nfernet_key_path = '/opt/airflow/fernet.key'")),
        ("spark's configuration", alone("conf = {'spark.sql.shuffle.partitions': '200', 'spark.authenticate.secretBitLength': '256', 'spark.hadoop.fs.s3a.aws.credentials.provider': 'com.amazonaws.auth.InstanceProfileCredentialsProvider'}")),
        ("SQL that hashes", alone("q = \"SELECT md5(password || salt) AS pw_hash FROM users WHERE token_hash = sha2(:token, 256)\"")),
        ("statistics of logins", printed("   user  logins  password_resets  key_account\n0  anna      12                1        True\n1  bert       3                0       False")),
        ("keys of a map", printed("   country  name  key\n0  Norway  Oslo  NO-03\n1  Spain  Madrid  ES-MD28")),
        ("users and their sessions", printed("user_id  session_id  token_count\nu1  s-81f2  512\nu2  s-90aa  233")),
        ("confusion of words", printed("              precision    recall\npassword_reset     0.91      0.88\ntoken_expired      0.85      0.90")),
        ("a request that was refused", printed("HTTPError: 401 Client Error: Unauthorized for url: https://api.acme.example/v1/rows?limit=10\n{'error': 'invalid_token', 'error_description': 'The access token expired'}")),
        ("versions of packages", printed("keyring==25.2.1\nsecretstorage==3.3.3\ntokenizers==0.19.1\npasslib==1.7.4\npyjwt==2.8.0")),
        ("hash of a password", alone("stored = '$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW'  # bcrypt of the example")),
        ("certificate", alone(f"cert = '''-----BEGIN CERTIFICATE-----\nMIID{k.mixed(60)}\n-----END CERTIFICATE-----'''")),
        ("fingerprints of hosts", printed(f"ED25519 key fingerprint is SHA256:{k.mixed(43)}.\nThis key is not known by any other names.")),
        ("pages by cursor", alone(f"next_page_token = None\nurl = 'https://api.x.example/items?pageToken={k.of(ALNUM, 20)}&limit=50'")),
        ("vocabulary with counts on the model", attribute("model.word_counts_ = {'password': 12, 'secretary': 4, 'tokenise': 9, 'passphrase123': 1}\nmodel.key_ = 'age'")),
        ("kept in a step", saved("step = Keep({'keys': ['age', 'income'], 'token_pattern': '[a-z]+', 'auth': 'none', 'session': 'weekly-2024', 'user': ('anna', 'Oslo')})")),
    ]  # fmt: skip
