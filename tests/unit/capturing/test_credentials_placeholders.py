"""What stands where a credential belongs and is none; the names of what only sounds like one."""

from __future__ import annotations

import pytest

from nb2prod.capturing.credentials import names, placeholders
from nb2prod.capturing.credentials.texts import in_source, in_text

HEX = "7c4a8d09ca3762af61e59520943dc264"
DRAWN = "Zq7Lw2Xn9Rv4Tb6Kp1Ys8Md3"
TYPED = "Copper-Kettle!42"


def found(source: str) -> list[tuple[str, str | None]]:
    return [(one.what, one.name) for one in in_source(source)]


@pytest.mark.parametrize(
    "value",
    [
        "ghp_insert-your-token",
        "sk-replace-me",
        "dapi_your_token_1",
        "glpat-placeholder",
        "dein-passwort",
        "votre_mot_de_passe",
        "pk.***",
        "sk-proj-…aB3d",
        "••••••••",
        "++removed++",
        "(masked)",
        "***password***",
        "The token expired, log in again",
        "Password must not be empty",
        "WPA2-PSK",
        "SCRAM-SHA-512",
        "TLSv1.3",
    ],
)
def test_masks_methods_sentences_and_what_is_to_be_filled_in_are_no_credentials(value: str) -> None:
    assert placeholders.is_one(value)
    assert not names.holds("password", value)


@pytest.mark.parametrize(
    "value",
    [TYPED, DRAWN, "fake-Lantern7", "harbour violet lantern copper", "sha2024", "password123", "kettle77"],
)
def test_what_people_and_machines_make_up_is_none_of_these(value: str) -> None:
    assert not placeholders.is_one(value)


@pytest.mark.parametrize(
    "source",
    [
        "slack = 'xoxb-insert-token-here'",
        "config = {'password': '[MASKED]', 'token': '##withheld##'}",
        "dsn = 'mysql+pymysql://loader@db.corp.example/shop'",
        f"account_sid = 'AC{HEX}'\nservice_sid = 'VA{HEX}'",
        f"info = {{'private_key_id': '{HEX}4b1d3e5f'}}",
        "frame = pd.DataFrame({'net': ['Cafe', 'Home7'], 'auth': ['open', 'Radius2x'], 'login': ['yes', 'Captive1']})",
        "warnings = {'bad_token': 'Wrong token, ask for another'}",
        "second_pass = 'refit7'\nk_pass = 'sweep12'",
        "ftp.login('anonymous', 'anonymous@')\nbroker.login('guest', 'guest')",
        "authenticate(db, user, password, {})",
        f"tx = '0x{HEX}{HEX}'\norder_token = 'ORD-2024-000123'",
        "ski_pass = 'Zermatt 7 days'\nboarding_pass = 'LH2042'\nqb_pass = 'Short-Left1'",
        "tokens = ['my', 'dog', 'rex', 'password123', 'barks']",
        "job = start(client_request_token='3f2b8c1a-9d4e-4f6a-8b7c-1e2d3c4b5a69')",
        "drivers = {'PostgresDsn': 'postgresql+pg8000'}\ngraph_key = 'store/v2/user_7d'\nconnect('host', 'orders.v2')",
        "metadata = {'authors': ('Writer7', 'Writer-mail'), 'credits': ('Kim', 'Lamp-7a')}",
        "frame['score'] = frame.password.map({'a': 'Weak1', 'b': 'Strong2'})",
        "def test_singular_data_covariance_gh10205_again(): ...  # test_singular_data_covariance_gh10205",
        "cursor = oracledb.connect(user, secret, 'db.corp/orcl7')",
    ],
)
def test_code_with_what_only_looks_like_it_is_let_pass(source: str) -> None:
    assert found(source) == []


@pytest.mark.parametrize(
    "text",
    [
        "Settings(user='me', password=SecretStr('**********'), token='pat_***')",
        "ConnectionInfo(host='db', dbname=x user=me password=SecretValue(hidden) )",
        "    credentials = oauth2.id_token.fetch_id_token_credentials(audience, request=request)",
        "#     token = Token(source=formula)",
        "password: <hidden>\ntoken: [removed]\nsecret: ••••••••",
    ],
)
def test_an_output_that_hides_them_is_let_pass(text: str) -> None:
    assert not any(in_text(text))


@pytest.mark.parametrize(
    ("source", "what", "name"),
    [
        (f"conf = '''\n[db]\npassword = \"{TYPED}\"\n'''", "a value kept under the name `password`", "conf"),
        (f"info = {{'private_key_id': '{HEX}', 'client_secret': '{DRAWN}'}}", None, "client_secret"),
        (
            f"token = jwt.encode(payload, '{TYPED}', algorithm='HS256')",
            "a value kept under the name `secret`",
            "secret",
        ),
        (f"sql = \"CREATE ROLE me PASSWORD '{TYPED}'\"", "a password in SQL", "sql"),
    ],
)
def test_a_finding_is_named_by_what_it_is(source: str, what: str | None, name: str) -> None:
    ((told, called),) = found(source)
    assert called == name
    assert what in (None, told)


@pytest.mark.parametrize(
    "source",
    [
        "api = SentinelAPI('me', 'kettlewhistle', 'https://hub.corp.example')",
        "app.acquire_token_for_user('me@corp.example', 'kettlewhistle')",
        "db.execute(\"PRAGMA key = 'kettlewhistle'\")",
        "!unzip -P kettlewhistle a.zip",
        "!echo kettlewhistle | kinit me@CORP",
        "!helm install x --set auth.password=kettlewhistle",
        f"!echo 'db.corp:5432:x:me:{DRAWN}' > ~/.pgpass",
        f"!tool config set -n key -v {HEX}",
        "%%writefile ~/.netrc\nmachine x.corp\nlogin me\npassword kettlewhistle",
        f"@cache\ndef rates(day, key='{HEX}'): ...",
        f"uid = common.authenticate('prod', 'me@corp.example', '{TYPED}', {{}})",
        "rows = models.execute_kw(database, uid, 'kettlewhistle', 'sale.order', 'search', [[]])",
        f'key = \'{{"kty": "oct", "k": "{DRAWN}"}}\'',
        f"auth = OAuthHandler('{DRAWN}', '{DRAWN[::-1]}')",
        "context.load_cert_chain('c.pem', 'k.pem', 'kettlewhistle')",
        "!sshpass -p kettlewhistle scp a b:",
        f"%%html\n<script src='https://maps.example/js?key={DRAWN}'></script>",
    ],
)
def test_what_packages_and_commands_take_by_position_is_found(source: str) -> None:
    assert found(source)


@pytest.mark.parametrize(
    "text",
    [
        f"<dl><dt>Region</dt><dd>eu</dd><dt>API key</dt><dd><code>{DRAWN}</code></dd></dl>",
        f"<label>Password</label> <span>{TYPED}</span>",
        f"**Password:** {TYPED}",
        f"<b>API key:</b> <code>{DRAWN}</code>",
        "password=kettlewhistle host=db user=me",
    ],
)
def test_marks_around_a_name_do_not_hide_its_value(text: str) -> None:
    assert any(in_text(text))
