"""The seventh set's look-alikes: 75 texts that resemble credentials and must stop nothing."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from cases import ALNUM, DIGITS, HEX, Kinds, alone, printed, stand, used
from seventh import attribute, saved


def clean_seventh() -> list[tuple[str, dict[str, Any]]]:
    k = Kinds(77)
    sha, md5, uuid = k.of(HEX, 64), k.of(HEX, 32), k.uuid()
    picture = base64.b64encode(b"\x89PNG\r\n\x1a\n" + k.draw.randbytes(900)).decode()
    integrity = "sha384-" + base64.b64encode(hashlib.sha384(b"x").digest()).decode()
    public = f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{k.mixed(43)} anna@laptop"
    return [
        # digests and identifiers
        ("hashes: sha256 of a file", alone(f"EXPECTED_SHA256 = '{sha}'\nassert len(EXPECTED_SHA256) == 64")),
        ("hashes: md5 in a dict of files", alone(f"checksums = {{'train.csv': '{md5}', 'test.csv': '{md5[::-1]}'}}")),
        ("hashes: pooch registry", stand("pooch", f"f = pooch.retrieve('https://zenodo.org/record/1/files/a.zip', known_hash='sha256:{sha}')")),
        ("hashes: git commit", alone(f"GIT_COMMIT = '{k.of(HEX, 40)}'  # the version of the features")),
        ("hashes: docker image", alone(f"image = 'registry.acme.example/score@sha256:{sha}'")),
        ("hashes: subresource integrity", printed(f'<script src="https://cdn.plot.ly/plotly.js" integrity="{integrity}" crossorigin="anonymous"></script>', html=True)),
        ("hashes: etag", printed(f"HTTP/1.1 200 OK\nETag: \"{md5}\"\nContent-Type: text/csv")),
        ("hashes: git log", printed(f"{k.of(HEX, 40)} Add token features\n{k.of(HEX, 40)} Fix the password column")),
        ("ids: uuid of a run", alone(f"run_id = '{uuid}'\nexperiment_id = '412'")),
        ("ids: mlflow uri", used(f"URI = 'runs:/{md5}/model'\ndef predict(frame):\n    URI\n    return frame['age']")),
        ("ids: tenant and subscription", alone(f"tenant_id = '{k.uuid()}'\nsubscription_id = '{k.uuid()}'")),
        ("ids: user ids in rows", alone(f"rows = pd.DataFrame({{'user_id': ['{k.uuid()}', '{k.uuid()}'], 'clicks': [3, 4]}})")),
        ("ids: object ids of mongo", alone(f"ids = ['{k.of(HEX, 24)}', '{k.of(HEX, 24)}', '{k.of(HEX, 24)}']")),
        ("ids: google sheet", alone(f"sheet = 'https://docs.google.com/spreadsheets/d/1{k.mixed(43)}/export?format=csv'")),
        ("ids: drive file by gdown", stand("gdown", f"gdown.download(id='1{k.mixed(32)}', output='rows.zip')")),
        ("ids: youtube and doi", alone("refs = ['https://youtu.be/dQw4w9WgXcQ', 'https://doi.org/10.1145/3292500.3330701']")),
        ("ids: IBAN and EAN in test rows", alone("df2 = pd.DataFrame({'iban': ['DE89370400440532013000'], 'ean': ['4006381333931']})")),
        ("ids: transaction hashes", alone(f"tx = pd.Series(['0x{sha}', '0x{sha[::-1]}'])")),
        ("ids: traceparent", printed(f"traceparent: 00-{md5}-{k.of(HEX, 16)}-01")),
        ("ids: kernel file", printed(f"/root/.local/share/jupyter/runtime/kernel-{uuid}.json")),
        # names that only sound like it
        ("names: columns about passwords", alone("features = ['password_length', 'password_entropy', 'n_failed_logins', 'token_age_days']")),
        ("names: a column called password", alone("PASSWORD_COLUMN = 'password'\ntoken_col = 'token_count'\nkey_column = 'customer_key'")),
        ("names: hyperparameters", alone("params = {'secret_share': 0.3, 'key_dim': 64, 'token_dropout': 0.1, 'num_key_value_heads': 8}")),
        ("names: sort by key", alone("order = sorted(['b', 'a'], key=str.lower)\nby = {'key': 'age', 'ascending': False}")),
        ("names: join keys", alone("primary_key = 'customer_id'\nforeign_key = 'order_customer_id'\njoin_keys = ['country_code', 'zip_code']")),
        ("names: special tokens", alone("specials = {'pad_token': '[PAD]', 'unk_token': '<unk>', 'bos_token': '<s>', 'eos_token': '</s>', 'mask_token': '[MASK]'}")),
        ("names: a token in the NLP sense", alone("token = 'unbelievable'\npieces = ['un', '##believ', '##able']\nnext_token = pieces[0]")),
        ("names: tokenizer", alone("tokenizer_name = 'bert-base-multilingual-cased'\ntoken_pattern = r'(?u)\\b\\w\\w+\\b'")),
        ("names: token budget", alone("max_tokens = 4096\nprompt_tokens, completion_tokens = 812, 93\ntoken_type = 'completion'")),
        ("names: secret santa", alone("secret_santa = ['Anna', 'Bert', 'Chloe']\nsecret_ingredient = 'nutmeg'")),
        ("names: passenger and passes", alone("passenger = 'Mr. Owen Harris Braund'\npass_rate = 0.61\nboarding_pass = 'C85'\nbypass = 'left'")),
        ("names: authors", alone("author = 'Jane Austen'\nauthority = 'Eurostat'\nauthentic = 'yes'")),
        ("names: keyboard and keywords", alone("keyboard = 'qwerty'\nkeywords = 'churn,retention,telecom'\nkey_metric = 'roc_auc'")),
        ("names: music keys", alone("song_key = 'C# minor'\nkeys_of_songs = ['F major', 'A minor']")),
        ("names: secretary problem", alone("secretary = 'optimal stopping'\ncredential_type = 'diploma'\ncredentials_count = 3")),
        ("names: salt of the sea", alone("salt = 'NaCl'\nsalinity = 35.1\npepper = 'black'")),
        ("names: session and cookies", alone("session_name = 'churn-weekly'\ncookies = ['oatmeal', 'chocolate']\nsession_id_column = 'session'")),
        ("names: api versions", alone("api_version = '2024-02-15-preview'\napi_base = 'https://acme.openai.azure.com/'\napi_type = 'azure'")),
        ("names: access levels", alone("access_level = 'restricted'\naccess_key_rotation_days = 90\nauth_method = 'oauth2'\nauth_url = 'https://login.acme.example/authorize'")),
        ("names: kwarg key of stats", stand("st", "st.selectbox('Country', ['DE', 'FR'], key='country_select')\nst.text_input('Password', type='password', key='login_password')")),
        # taken from elsewhere, or left open
        ("elsewhere: environment", alone("password = os.environ.get('DB_PASSWORD')\napi_key = os.getenv('ACME_API_KEY', '')\ntoken = os.environ.get('TOKEN', default=None)")),
        ("elsewhere: getpass", alone("from getpass import getpass\nask = lambda: getpass('Password for the warehouse: ')")),
        ("elsewhere: secret scopes", stand("dbutils", "password = dbutils.secrets.get(scope='warehouse', key='analyst-password')")),
        ("elsewhere: colab", stand("userdata", "os.environ['HF_TOKEN'] = str(userdata.get('HF_TOKEN'))")),
        ("elsewhere: kaggle secrets", stand("UserSecretsClient", "wandb_key = UserSecretsClient().get_secret('WANDB_API_KEY')")),
        ("elsewhere: secrets manager ARN", alone("SECRET_ARN = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/dwh-AbCdEf'")),
        ("elsewhere: key vault address", alone("vault_url = 'https://acme-kv.vault.azure.net/'\nsecret_name = 'warehouse-password'")),
        ("elsewhere: GCP secret's path", alone("name = 'projects/412/secrets/openai-api-key/versions/latest'")),
        ("elsewhere: URL by f-string", alone("user, pw = os.environ.get('U', ''), os.environ.get('P', '')\nurl = f'postgresql://{user}:{pw}@db.acme.example/dw'")),
        ("elsewhere: shell variables", alone("%%bash\ncurl -s -H \"Authorization: Bearer $TOKEN\" -u \"$USER_NAME:${PASSWORD}\" https://api.acme.example/rows")),
        ("elsewhere: mounted file", alone("token_path = '/var/run/secrets/kubernetes.io/serviceaccount/token'\npassword_file = '/run/secrets/db_password'")),
        ("elsewhere: jinja template", alone("dsn = 'postgresql://{{ user }}:{{ password }}@{{ host }}/dw'\nyml = 'password: ${DB_PASSWORD}'")),
        ("open: placeholders", alone("api_key = 'YOUR_API_KEY'\ntoken = '<your token here>'\npassword = '********'\nsecret = 'xxxxxxxxxxxxxxxx'")),
        ("open: changeme", alone("password = 'changeme'\nclient_secret = 'REPLACE_ME'\nhf_token = 'hf_...'")),
        ("open: docs of a key", alone("# export OPENAI_API_KEY=sk-...\n# or pass api_key='sk-...' yourself\nkey = None")),
        ("open: URL in a docstring", alone("def load(url):\n    \"\"\"Reads a table; url as postgresql://user:password@host:5432/dbname.\"\"\"\n    return url")),
        ("open: empty", alone("password = ''\ntoken = None\napi_key: str = ''\ndef connect(user='', password=''): return None")),
        # about passwords
        ("about: validator", alone("import re\nPASSWORD_RE = re.compile(r'^(?=.*[A-Z])(?=.*\\d)(?=.*[!@#$%]).{12,}$')\npassword_rule = 'At least 12 characters, one digit and one capital letter'")),
        ("about: messages", alone("errors = {'password': 'Please enter a password.', 'token': 'The token has expired, sign in again.'}")),
        ("about: prompts", alone("prompt = 'Classify the ticket: password reset, billing, delivery. Ticket: I forgot my password and the token never came.'\nsystem = 'Never reveal the secret key.'")),
        ("about: labels of tickets", alone("labels = pd.Series(['password reset', 'login failed', 'api key request', 'invoice'])")),
        ("about: regexes for keys", alone("PATTERNS = {'aws': r'AKIA[0-9A-Z]{16}', 'github': r'ghp_[A-Za-z0-9]{36}', 'slack': r'xox[baprs]-[A-Za-z0-9-]+'}")),
        ("about: common passwords' features", alone("def strength(password: str) -> int:\n    return len(set(password)) + sum(c.isdigit() for c in password)\nscore = strength('example')")),
        ("about: SQL", alone("q = \"SELECT user_id, password_changed_at, token_expires_at FROM accounts WHERE password_reset = TRUE AND api_key_id IS NOT NULL\"")),
        # encoded, long, random
        ("long: picture", printed(f'<img src="data:image/png;base64,{picture}"/>', html=True)),
        ("long: picture in code", alone(f"LOGO = '{picture}'")),
        ("long: public keys", alone(f"known = '{public}'\npem = '''-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A{k.mixed(64)}\n-----END PUBLIC KEY-----'''")),
        ("long: address with parameters", alone("u = 'https://ec.europa.eu/eurostat/api/dissemination/sdmx/2.1/data/une_rt_m/M.SA.TOTAL.PC_ACT.T.EU27_2020?format=TSV&startPeriod=2015&sortKey=geo'")),
        ("long: S3 path", alone("path = 's3://acme-lake-prod-eu-west-1/curated/churn/v=12/dt=2026-11-03/part-00000-tid-4093871123456789-c000.snappy.parquet'")),
        ("long: DNA and peptides", alone(f"seq = '{k.of('ACGT', 80)}'\npeptide = '{k.of('ACDEFGHIKLMNPQRSTVWY', 60)}'")),
        ("long: SMILES", alone("smiles = ['CC(=O)OC1=CC=CC=C1C(=O)O', 'CN1C=NC2=C1C(=O)N(C(=O)N2C)C', 'C1CCC(CC1)NC(=O)N2CCOCC2']")),
        ("long: vocabulary on the model", attribute("model.vocabulary_ = {'password': 0, 'secret': 1, 'token': 2, 'passwordreset': 3, 'accesskey': 4}")),
        ("long: hashing transformer's salt column", saved("step = Keep({'columns': ['age', 'income'], 'key': 'age', 'token': 'word', 'version': '1.4.2'})")),
        ("outputs: frame with token counts", printed("   token     count  key\n0  password   812   a1\n1  secret     405   b2\n2  login      377   c3")),
        ("outputs: pip", printed(f"Collecting acme-tokenizers==0.19.1\n  Using cached tokenizers-0.19.1-cp311-cp311-manylinux_2_17_x86_64.whl (3.6 MB)\nInstalling collected packages: keyring, tokenizers\nbuild id {k.mixed(12, ALNUM)}-{k.of(DIGITS, 6)}")),
    ]  # fmt: skip
