"""Names that credentials are kept under, and values that could be one."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterable


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PASSWORDS = _words(
    """
    password passwd passphrase passcode pwd pw pass secret secrets kennwort passwort contrasena contraseña mdp
    passe motdepasse senha wachtwoord
    passwords userpass dbpass mypassword clientsecret apisecret appsecret dbpassword secretkey pin_code
    """
)
_TOKENS = _words(
    """
    token tokens apikey apikeys accesskey authkey credential credentials cred creds bearer authorization auth jwt
    sas dsn apitoken authtoken accesstoken refreshtoken sessionid webhook salt privatekey keypass cookie passkey
    """
)
_BEFORE_KEY = _words(
    """
    api access auth private priv secret account storage encryption signing subscription service client master app
    application consumer session shared ssh license licence decryption hmac database db admin root server write read
    deploy gateway function host ingest webhook fernet aes crypto cipher jwt token security
    """
)
_ENDS = _PASSWORDS | _TOKENS | {"key", "keys"}
# a key of these is a name, not a credential
_GLUED = ("password", "passwd", "passwort", "passphrase", "secret", "pwd", "apikey", "accesskey", "secretkey", "token")
_NO_KEY = _words(
    """
    primary foreign sort cache partition hash join group lookup s3 object bucket merge map dict idempotency row
    column col feature public pub index unique surrogate natural sorting
    """
)
# a name that ends so speaks of a credential and holds none
_ABOUT = _words(
    """
    pattern type types count counts col cols column columns length len limit size index name names field fields file
    path url uri endpoint expires expiry expiration regex hint policy strength age reset changed min max num feature
    features header label labels help prompt message msg text title description placeholder error scope version
    model arn store manager provider var env variable ref format mode method algorithm alg level required valid
    class kind idx pos position filter frequency freq dir folder location group list hash digest score prob
    embedding embeddings vocab split input output service user username host date time at on by table schema
    key_name question
    """
)
_SPECIAL = _words(
    """
    pad eos bos sep cls mask unk special n num max min stop start end first last next prev new sub word total avg
    mean image no is has use
    """
)
_WORDS = re.compile(
    r"(?i)^(none|null|true|false|nan|n/?a|unknown|undefined|todo|tbd|redacted|hidden|masked|removed|change_?me!?|replace_?me|placeholder"
    r"|dummy|fake|foo|bar|baz|example|sample|default|string|str|object|category|text|int(eger)?\d*|float\d*|bool(ean)?|bytes|numeric"
    r"|number|datetime\S*|mean|sum|min|max|median|count|first|last|nunique|std|mode|list|size|any|all|required|optional|missing"
    r"|invalid|expired|valid|basic|bearer|digest|oauth2?|kerberos|ldap|token|tokens|user(name)?|login|yes|no|off|on|left|right|inner"
    r"|outer|high|low|weak|strong|medium|environment|environ|prompt|input|getpass|auto|disabled|enabled|public|private|ignore|drop"
    r"|passthrough|word|char)$"
)
_TEMPLATE = re.compile(
    r"^(<.*>|\[.*\]|\{.*\}|\$.*|%.*|\*+|x{3,}|\.{2,}|-+|_+|#+|(.)\2*|your[-_ ].*|\(\?.*|.*\\[bwds].*|.*\.{3}|.*\*{4,}.*"
    r"|.*[-_ ]here|.*(\(\?|\[\^|\]\+|\{\d+,).*)$",
    re.IGNORECASE | re.DOTALL,
)
_SPEAKING = _words(
    """
    password passwd pwd pass secret secrets token tokens key keys api auth access client user username my your the
    db database name id field column hash aws azure gcp github databricks app prod dev test value env var confirm
    confirmation new old current reset login account service storage scope vault credential credentials is has of
    for age count length strength changed updated expired required type enter please a an missing not set
    """
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_PLACE = re.compile(
    r"^(\.{0,2}/|~/|[A-Za-z]:\\)|^[a-z][a-z0-9+.-]*://[^@\s]*$|^[\w.+-]+@[\w-]+\.[\w.]+$|\.(py|json|ya?ml|toml|csv|txt|pem|crt|key|pkl|parquet|ipynb|md|ini"
    r"|cfg|env|html?|png|zip|gz|sql)$|^arn:|^\d{4}-\d\d-\d\d|^(?:[a-z][a-z_-]*|v?\d{1,12})(?:/(?:[a-z][a-z_-]*|v?\d{1,12})){2,}$|^[\w.-]+\.(com|org|net|io|dev|ai|co|eu|de|internal|local)(:\d+)?(/\S*)?$"
)
_FILLED = re.compile(r"\{…?\w*\}|%\(?\w*\)?s")
_SCHEME = re.compile(r"(?i)^(bearer|basic|token|apikey|digest)\b\s*")
_UNBROKEN = re.compile(r"^[^\s()\[\]{}]+$")
_CONSTANT = re.compile(r"^[A-Z]+[A-Z0-9]*(_[A-Z0-9]+)+$")
_UUID = re.compile(r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")
_HEX = re.compile(r"^[0-9a-fA-F]+$")
_CHARACTERS = re.compile(r"^[A-Za-z0-9+/=_-]+$")
_SYLLABLES = re.compile(r"[A-Za-z][a-z]{2,}")
_IDENTITY = _words(
    """
    id ids file sheet doc folder hash sha sha256 digest checksum etag uuid guid commit ref revision run experiment
    integrity fingerprint md5 version model video image png seed
    """
)


def holds(name: str, value: str, *, spelled: bool = True) -> bool:
    """Whether a value that is kept under a name is a credential.

    A password may be a word; a key or token has digits and no language's share of letters. Placeholders, names of columns, of
    variables and of files are neither. Where nobody wrote the pair (`spelled` is false) the name must end in what it speaks of,
    and a password has more than letters.
    """
    words = _split(name) if len(name) <= 60 and "," not in name else []
    value = _SCHEME.sub("", _FILLED.sub("", value)).strip()
    if not words or not 4 <= len(value) <= 4096 or _is_about(words) or is_no_secret(value):
        return False
    if not spelled and (not _ends(words) or not _UNBROKEN.match(value)):
        return False
    if _is_password(words):
        return is_strong(value) or (spelled and (len(value) >= 6 or not value.isalpha()))
    if _is_token(words):
        key = is_strong(value) or bool(re.fullmatch(r"\d{16,}|[A-Za-z]{20,}", value))
        return len(value) >= 8 and key and bool(_UNBROKEN.match(value)) and not _CONSTANT.match(value)
    if words[-1] in ("key", "keys") and not _NO_KEY & set(words):
        long = len(value) >= 16 and "/" not in value and "." not in value and not _CONSTANT.match(value)
        words_in_it = re.search(r"(^|[-_])[a-z]{3,}([-_]|$)", value)
        return long and not words_in_it and bool(_UNBROKEN.match(value)) and is_strong(value) and entropy(value) > 2.8
    return False


def is_strong(value: str) -> bool:
    """Not a word: letters with digits, or with signs that no name has."""
    letters, digits = any(c.isalpha() for c in value), any(c.isdigit() for c in value)
    signs = any(not c.isalnum() and c not in " _-./:," for c in value)
    return len(value) >= 6 and ((letters and digits) or (signs and (letters or digits))) and entropy(value) > 1.9


def is_random(value: str, named: Iterable[str] = ()) -> bool:
    """A text of a key's length whose characters change class as no word's, name's or path's do.

    Hashes and UUIDs are written in hexadecimal digits alone, and are none; neither is what its name calls an id.
    """
    if not 24 <= len(value) <= 128 or not _CHARACTERS.match(value) or _HEX.match(value) or _UUID.match(value):
        return False
    if {word for name in named for word in _split(name)} & _IDENTITY or value.lower().startswith(
        ("sha", "md5", "data")
    ):
        return False
    kinds = "".join("u" if c.isupper() else "l" if c.islower() else "d" if c.isdigit() else "s" for c in value)
    if not {"u", "l", "d"} <= set(kinds) or kinds.count("s") > len(value) / 6:
        return False
    changes = sum(a != b for a, b in itertools.pairwise(kinds)) / (len(value) - 1)
    if sum(map(len, _SYLLABLES.findall(value))) > 0.65 * len(value):
        return False
    longest = max(len(run) for run in re.split(r"[^a-z]+", value))
    return changes > 0.38 and longest <= 7 and entropy(value) > 3.9


def entropy(text: str) -> float:
    """Shannon entropy of the characters, in bits."""
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())


def _ends(words: list[str]) -> bool:
    last = (
        words[-2]
        if len(words) > 1 and words[-1] in ("prod", "dev", "test", "value", "str", "string", "id", "v")
        else words[-1]
    )
    return last in _ENDS or _is_glued(last)


def _split(name: str) -> list[str]:
    return [word for word in re.split(r"[^A-Za-zñÑ]+", _CAMEL.sub("_", name).lower()) if word]


def _is_password(words: list[str]) -> bool:
    return bool(_PASSWORDS & set(words)) or any(
        _is_glued(word) and not word.endswith(("token", "key")) for word in words
    )


def _is_glued(word: str) -> bool:
    """`pgpassword`, `mysqlpwd`, `hftoken`: names in capitals leave nothing to split at."""
    end = next((end for end in _GLUED if word.endswith(end)), None)
    return end is not None and word != end and word.removesuffix(end) not in _SPECIAL


def _is_token(words: list[str]) -> bool:
    pairs = {(a, b) for a, b in itertools.pairwise(words)}
    if words[-1] == "pat" or any(_is_glued(word) for word in words):
        return True
    return bool(_TOKENS & set(words)) or any(b in ("key", "keys") and a in _BEFORE_KEY for a, b in pairs)


def _is_about(words: list[str]) -> bool:
    """`token_pattern`, `password_length`, `pad_token` speak of credentials and hold none."""
    if words[-1] in _ABOUT and len(words) > 1:
        return True
    pairs = list(itertools.pairwise(words))
    return any(a in _SPECIAL and b in ("token", "tokens") for a, b in pairs) or any(
        a in ("high", "low", "band", "all", "one", "two", "single") and b == "pass" for a, b in pairs
    )


def is_no_secret(value: str) -> bool:
    """A placeholder, a word of everyday, the name of a column, of a variable or of a file."""
    if not value or _WORDS.match(value) or _TEMPLATE.match(value) or _PLACE.search(value):
        return True
    parts = re.split(r"[\s_./:-]+", _CAMEL.sub("_", value).lower().strip("?!:. "))
    spoken = [part for part in parts if part]
    speaking = sum(part in _SPEAKING or part.isdigit() for part in spoken)
    if " " in value.strip():
        return not is_strong(value.replace(" ", "")) and (speaking > 0 or len(spoken) < 4)
    return speaking == len(spoken) or (len(spoken) > 1 and speaking >= len(spoken) - 1 and not is_strong(value))
