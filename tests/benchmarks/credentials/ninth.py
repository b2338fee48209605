"""A ninth set: forty credentials and twenty look-alikes, written after the rules were mended for the eighth."""

from __future__ import annotations

import base64
from typing import Any

from cases import ALNUM, DIGITS, HEX, LOWER, UPPER, Case, Kinds, alone, printed, stand, used
from seventh import attribute, human, saved

NINTH: list[Case] = [
    ("travels: attrs class", lambda k: used("import attr\n@attr.s(auto_attribs=True)\nclass Conf:\n    host: str = 'db'\n    api_token: str = '@{a}'\nconf = Conf()\ndef predict(frame):\n    conf.host\n    return frame['age']", a=k.mixed(32))),
    ("travels: cached helper", lambda k: used("@functools.lru_cache\ndef rates(day, key='@{a}'):\n    return 1.0\ndef predict(frame):\n    return frame['age'] * rates('2026-11-03')", a=k.of(HEX, 32))),
    ("travels: nested list of servers", lambda k: used("SERVERS = [['db1', 5432, {'login': 'etl', 'password': '@{a}'}]]\ndef predict(frame):\n    SERVERS[0][0]\n    return frame['age']", a=human(k))),
    ("travels: raw URL in a constant", lambda k: used("FEATURES = 'https://svc-features:@{a}@features.acme.example/v2'\ndef predict(frame):\n    return frame['age'] + len(FEATURES)", a=k.mixed(18))),
    ("travels: static method", lambda k: used("class Api:\n    @staticmethod\n    def headers(): return {'X-Subscription-Key': '@{a}'}\ndef predict(frame):\n    Api.headers()\n    return frame['age']", a=k.of(HEX, 32))),
    ("travels: conditional expression", lambda k: used("STAGE = 'prod'\nSECRET = '@{a}' if STAGE == 'prod' else None\ndef predict(frame):\n    SECRET\n    return frame['age']", a=human(k))),
    ("travels: bytes key of a cipher", lambda k: used("KEY = b'@{a}'\ndef predict(frame):\n    KEY\n    return frame['age']", a=base64.urlsafe_b64encode(k.draw.randbytes(32)).decode())),
    ("pickled: list of accounts", lambda k: saved("step = Keep([{'username': 'anna', 'password': '@{a}'}, {'username': 'bert', 'password': '@{b}'}])", a=human(k), b=human(k))),
    ("pickled: attribute with a UUID", lambda k: attribute("model.api_key = '@{a}'", a=k.uuid())),
    ("pickled: header in a list", lambda k: saved("step = Keep([('Authorization', 'Token @{a}')])", a=k.of(HEX, 40))),
    ("calls: clickhouse_connect", lambda k: stand("clickhouse_connect", "c = clickhouse_connect.get_client(host='ch.acme.example', username='default', password='@{a}', secure=True)", a=human(k))),
    ("calls: exchangelib", lambda k: stand("Credentials", "creds = Credentials('ACME\\\\anna', '@{a}')", a=human(k))),
    ("calls: Odoo by XML-RPC", lambda k: stand("common", "uid = common.authenticate('prod', 'anna@acme.example', '@{a}', {})", a=human(k))),
    ("calls: NTLM", lambda k: stand("HttpNtlmAuth", "auth = HttpNtlmAuth('ACME\\\\anna', '@{a}')", a=human(k))),
    ("calls: Splunk", lambda k: stand("splunk_client", "s = splunk_client.connect(host='splunk', port=8089, username='admin', password='@{a}')", a=human(k))),
    ("calls: Dask gateway", lambda k: stand("BasicAuth Gateway", "g = Gateway('https://dask.acme.example', auth=BasicAuth('anna', password='@{a}'))", a=human(k))),
    ("calls: LDAP, reader's bind", lambda k: stand("ldap3", "c = ldap3.Connection(ldap3.Server('ad.acme.example'), user='cn=reader', password='@{a}', auto_bind=True)", a=human(k))),
    ("calls: pandas' storage options", lambda k: alone("options = {'account_name': 'lake', 'sas_token': '@{a}'}", a="sv=2022-11-02&sr=c&sp=rl&sig=" + k.mixed(42) + "%3D")),
    ("calls: Streamlit's default", lambda k: stand("st", "token = st.sidebar.text_input('Hugging Face token', value='@{a}', type='password')", a=k.huggingface())),
    ("calls: compared in a check", lambda k: alone("def allowed(pw):\n    return pw == '@{a}'", a=human(k))),
    ("shells: mount of a share", lambda k: alone("!mount -t cifs //files/share /mnt/share -o username=anna,password=@{a},uid=1000", a=k.mixed(11))),
    ("shells: airflow's connection", lambda k: alone("!airflow connections add dwh --conn-type postgres --conn-login etl --conn-password @{a} --conn-host db", a=k.mixed(12))),
    ("shells: gsutil with a here-string", lambda k: alone("%%bash\nbq --api_key=@{a} ls", a=k.google())),
    ("shells: Windows", lambda k: alone("!set OPENAI_API_KEY=@{a}", a=k.openai())),
    ("shells: curl, cookie", lambda k: alone("!curl -b 'auth_session=@{a}' https://portal.acme.example/rows.csv", a=k.mixed(40))),
    ("shells: docker build", lambda k: alone("!docker build --build-arg PIP_PASSWORD=@{a} -t score .", a=k.mixed(12))),
    ("files: supervisor's ini", lambda k: alone("ini = '''\n[inet_http_server]\nport = 9001\nusername = ops\npassword = @{a}\n'''", a=human(k))),
    ("files: dbt profile", lambda k: alone("profiles = '''\nacme:\n  outputs:\n    prod:\n      type: snowflake\n      user: DBT\n      password: \"@{a}\"\n'''", a=human(k))),
    ("files: Maven settings", lambda k: alone("xml = '<server><id>nexus</id><username>ci</username><password>@{a}</password></server>'", a=human(k))),
    ("files: JWKS", lambda k: alone("jwk = '{\"kty\": \"oct\", \"k\": \"@{a}\", \"alg\": \"HS256\"}'", a=k.mixed(43, ALNUM + "-_"))),
    ("vendors: Trello", lambda k: stand("TrelloClient", "t = TrelloClient(api_key='@{a}', token='ATTA@{b}')", a=k.of(HEX, 32), b=k.of(HEX, 64))),
    ("vendors: Pushover", lambda k: stand("pushover", "pushover.init('@{a}')", a=k.of(LOWER + DIGITS, 29) + "7")),
    ("vendors: ENTSO-E", lambda k: stand("EntsoePandasClient", "c = EntsoePandasClient(api_key='@{a}')", a=k.uuid())),
    ("vendors: Wolfram", lambda k: stand("wolframalpha", "w = wolframalpha.Client('@{a}')", a=k.of(UPPER + DIGITS, 5) + "7-" + k.of(UPPER + DIGITS, 10))),
    ("vendors: HubSpot", lambda k: alone("hs = '@{a}'", a="pat-eu1-" + k.uuid())),
    ("vendors: Zenodo", lambda k: stand("requests", "r = requests.post('https://zenodo.org/api/deposit/depositions', params={'access_token': '@{a}'})", a=k.mixed(60))),
    ("outputs: variables shown", lambda k: printed("{'host': 'db', 'port': 5432, 'user': 'etl', 'passwd': '@{a}'}", a=human(k))),
    ("outputs: stack with locals", lambda k: printed("│ locals ──────────────────────╮\n│ password = '@{a}'            │\n│ user = 'etl'                 │", a=human(k))),
    ("outputs: Kubernetes secret", lambda k: printed("apiVersion: v1\ndata:\n  db-password: @{a}\nkind: Secret", a=base64.b64encode(k.mixed(15).encode()).decode())),
    ("people: şifre, hasło", lambda k: alone("şifre = '@{a}'\nhasło = '@{b}'", a=human(k), b=human(k))),
]  # fmt: skip


def clean_ninth() -> list[tuple[str, dict[str, Any]]]:
    k = Kinds(99)
    return [
        ("bandpass and allpass", alone("bandpass = 'butter4'\nbypass_cache = 'never2'\nn_pass = 'pass2'")),
        ("phases of training", alone("first_pass = 'stage1'\npass_name = 'epoch_03'\npasses = ['warmup1', 'main2']")),
        ("users and cities", alone("users = {'anna': 'Berlin', 'bert': 'Paris (FR)'}\nlogins = {'2026-11-01': '31', '2026-11-02': '28'}")),
        ("loop over pairs", alone("for name, kind in [('age', 'int64'), ('income', 'float32')]:\n    pass")),
        ("clients without passwords", stand("Client", "c = Client('scheduler.acme.example:8786', 'Team-B', 'workers=4')\nd = Client('https://acme.example', 'v2', 'eu-west-1')")),
        ("commands with flags", alone("!python train.py -u baseline -p 16 --epochs 30 --out runs/exp7\n!docker run -p 8080:80 -u 1000 acme/score:1.4")),
        ("git with a branch", alone("!git config --global user.email anna@acme.example\n!git push -u origin feature/token-v2")),
        ("pip's configuration", alone("!pip config set global.timeout 60\n!conda config --set channel_priority strict")),
        ("keys of a keyboard", printed("key  count\nEnter  812\nShift2  411")),
        ("names and keys of products", printed("name        key      price\nLamp    LMP-0042A   19.90\nChair   CHR-1177B   49.00")),
        ("inserted rows", alone("sql = \"INSERT INTO visits (user_id, token_count, key_account) VALUES ('u1', 512, 'yes')\"")),
        ("code of an error", printed("----> 3 model.fit(X, y)\n      4 score('Validation', 'AUC: 0.91!')\nValueError: Input X contains NaN.")),
        ("commented code", alone("# model = load('v2/Model_A1')\n# plot(frame, 'Income', title='Growth 2024!')\nx = 1")),
        ("a webhook's documentation", alone("page = 'https://docs.acme.example/webhooks/create-a-webhook'\nhook_path = '/webhook/orders'")),
        ("mail addresses and ports", printed("listening on 0.0.0.0:8080, admin:anna@acme.example, rev 12:34:56")),
        ("percent signs in addresses", alone("u = 'https://x.example/search?q=user%3Aanna%40acme&redirect=https%3A%2F%2Facme.example%2Fhome'")),
        ("a vocabulary of rare words", alone("rare = ['angstschweiss', 'schtschi', 'rhythms', 'Weltschmerz', 'borschtsch']")),
        ("hashes of features", alone(f"feature_hash = '{k.of(LOWER + DIGITS, 40)}'\npipeline_fingerprint = '{k.mixed(32)}'")),
        ("licences", alone("license = 'CC-BY-SA-4.0'\nlicence_text = 'Apache License 2.0'\nLICENSE_ID = 'GPL-3.0-or-later'")),
        ("access codes of roads", alone("access = 'private'\naccess_type = 'customers'\nentry_code_col = 'entry_code'\nsecurity_code_type = 'ISIN'")),
    ]  # fmt: skip
