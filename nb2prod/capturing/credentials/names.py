"""Names that credentials are kept under, and values that could be one."""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections import Counter
from collections.abc import Iterable

from nb2prod.capturing.credentials import placeholders, words

_ENDS = words.PASSWORDS | words.TOKENS | {"key", "keys"}
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_PLACE = re.compile(
    r"^(\.{0,2}/|~/|[A-Za-z]:\\)|^[a-z][a-z0-9+.-]*://[^@\s]*$|^[\w.+-]+@[\w-]+\.[\w.]+$|\.(py|json|ya?ml|toml|csv|txt|pem|crt|key|pkl|parquet|ipynb|md|ini"
    r"|cfg|env|html?|png|zip|gz|sql)$|^arn:|://[^/@\s]*:(?:[A-Z_]+|password|\$\{?\w*\}?|<\w+>)?@|^[\w-]*@https?://[^@\s]*$|^\d{4}-\d\d-\d\d|^(?:[a-z][a-z_-]*(?:\d{1,4}[a-z]?)?|v?\d{1,12})(?:/(?:[a-z][a-z_-]*(?:\d{1,4}[a-z]?)?|v?\d{1,12})){2,}$|^[a-z]+(?:[._-][a-z]+)*[._-]v\d{1,3}$|^[\w.+-]+@$|^[a-z][a-z0-9]*\+[a-z][a-z0-9]*$|^[A-Z]{2,5}(-\d{2,8}){1,3}$|^[\w.-]+\.(com|org|net|io|dev|ai|co|eu|de|internal|local)(:\d+)?(/\S*)?$"
)
# what finds an element of a page, and colours
_SELECTOR = re.compile(
    r"^(//\w.*|[#.][A-Za-z][A-Za-z_-]*|\w*\[[\w@-]+([*^$~|]?=[^\]]*)?\]|#[0-9A-Fa-f]{3,8}|(rgb|hsl)a?\(.*\))$"
)
_FILLED = re.compile(r"\{…?\w*\}|%\(?\w*\)?s")
# a user alone before a host
_USER_AT = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://(?P<user>[^\s:@/]{1,40})@[^\s@]+$")
_SCHEME = re.compile(r"(?i)^(bearer|basic|token|apikey|digest)\b\s*")
_SCHEMED = re.compile(r"^[A-Za-z][\w-]{1,14}[ =]+(\S{16,})$")
_UNBROKEN = re.compile(r"^[^\s()\[\]{}]+$")
_CONSTANT = re.compile(r"^[A-Z]+[A-Z0-9]*(_[A-Z0-9]+)+$")
_UUID = re.compile(r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")
_HEX = re.compile(r"^[0-9a-fA-F]+$")
_DIGEST = re.compile(r"^(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128})$")
_CHARACTERS = re.compile(r"^[A-Za-z0-9+/=_-]+$")
_CONSONANTS = re.compile(r"[bcdfghjklmnpqrstvwxz]{5,}")  # no language has so many in a row
_SYLLABLES = re.compile(r"[A-Za-z][a-z]{2,}")
# what may stand before the part of a key that is drawn: `shippo_live_`, `pul-`, `sk-proj-`
_PREFIX = re.compile(r"^(?:[A-Za-z]{1,10}\d{0,2}[a-z]?[-_.:~]){1,4}(?=[^\s]{12})")
_SPEAKING_PREFIX = re.compile(
    r"^[A-Za-z0-9]{0,12}[-_.]?(?:key|tok|token|sec|secret|sk|rk|pat|api|live|test|prod|auth|cred|priv|access|pw)[-_.~:]",
    re.IGNORECASE,
)
# words one after the other, as columns and variables are called: `Mean_Acc1298_Std_Mem40`, `tokens_above_1hr`
_PART = r"(?:[A-Z]?[a-z]+|[A-Z]+[a-z]*)?\d{0,4}[a-z]{0,5}"
_ROW = re.compile(rf"^{_PART}(?:[_-]{_PART}){{2,}}$")
# what is paid to and what a file or a place on a map is found by are public
_ADDRESS = re.compile(
    r"^([13][1-9A-HJ-NP-Za-km-z]{25,33}|Qm[1-9A-HJ-NP-Za-km-z]{44}|baf[yk][a-z0-9]{20,}|(?:ChIJ|GhIJ)[\w-]{23}|[a-z]{2,6}1[02-9ac-hj-np-z]{38,})$"
)
_MNEMONIC = re.compile(r"^(?:[a-z]{3,8} ){11,23}[a-z]{3,8}$")
_ABROAD = re.compile("|".join(map(re.escape, words.ABROAD)))
_DRAWN = re.compile(r"^[A-Za-z0-9+/=_.:~|%-]+$")


def holds(name: str, value: str, *, spelled: bool = True) -> bool:
    """Whether a value that is kept under a name is a credential.

    A password may be a word; a key or token has digits and no language's share of letters. Placeholders, names of columns, of
    variables and of files are neither. Where nobody wrote the pair (`spelled` is false) the name must end in what it speaks of,
    and a password has more than letters.
    """
    told = _split(name) if len(name) <= 60 and "," not in name else ()
    value = _plain(value)
    if not told or not _concerns(told) or not 4 <= len(value) <= 4096:
        return False
    if spelled and _is_password(told) and value.isdigit():
        return len(value) >= 6 and told[-1] in words.PASSWORDS
    if _MNEMONIC.match(value):
        return bool({"mnemonic", "seed", "phrase", "recovery", "wallet"} & set(told))
    if is_no_secret(value):
        return False
    if not spelled and not (
        _UNBROKEN.match(value) and (_ends(told) or (is_key(value) and not set(told) & words.IDENTITY))
    ):
        return False
    if _is_password(told):
        said = _tells(told) or bool(words.PASSWORDS & set(told) - words.MILD)
        word = spelled and (len(value) >= (4 if told[-1] in words.FULL else 6) or not value.isalpha())
        return (is_strong(value) or word) if said else is_varied(value) or is_key(value)
    if _is_token(told):
        strong = is_strong(value) if _tells(told) or told[-1] in ("key", "code") else is_key(value)
        key = strong or bool(re.fullmatch(r"\d{16,}|[a-z]{20,}", value)) or _is_drawn_of_letters(value)
        plain = _UNBROKEN.match(value) and not _CONSTANT.match(value) and not _is_variable(value)
        return len(value) >= 8 and key and bool(plain)
    if told[-1] in ("key", "keys") and not words.NO_KEY & set(told):
        long = len(value) >= 16 and "/" not in value and "." not in value and not _CONSTANT.match(value)
        spoken = re.search(r"(^|[-_])[a-z]{3,}([-_]|$)", value)
        return long and not spoken and bool(_UNBROKEN.match(value)) and is_strong(value) and entropy(value) > 2.8
    return False


def may_hold(name: str, value: str) -> bool:
    """Whether a name is a service's, or one that keys have among others, and the value looks like a key.

    Examples
    --------
    >>> may_hold("openweather", "0123456789abcdef" * 2), may_hold("openweather_city", "Oslo")
    (True, False)
    """
    spoken = _split(name) if len(name) <= 60 else ()
    if not spoken or not _serves(spoken):
        return False
    value = _plain(value)
    return is_key(value) and not is_no_secret(value)


@functools.lru_cache(4096)
def _concerns(told: tuple[str, ...]) -> bool:
    """Whether anything under such a name could be a credential: most names are none of these, so this is asked first."""
    if _is_about(told) or (told[0] == "x" and told[-1] == "credential"):
        return False
    return (
        _is_password(told)
        or _is_token(told)
        or told[-1] in ("key", "keys")
        or bool({"mnemonic", "seed", "phrase", "recovery", "wallet"} & set(told))
    )


@functools.lru_cache(4096)
def _serves(spoken: tuple[str, ...]) -> bool:
    told = {*spoken, *(a + b for a, b in itertools.pairwise(spoken))}  # `OpenCage` is `opencage`
    named = not told.isdisjoint(words.SERVICES) or not told.isdisjoint(words.KEYS)
    return named and not told & (words.IDENTITY | words.NO_KEY) and not _is_about(spoken)


def is_password(name: str) -> bool:
    """`password`, `passwd`, `pwd`, `key_passphrase`: nothing else is ever given under such a name."""
    told = _split(name)
    return bool(told) and (told[-1] in words.PLAIN or told[-1].endswith(("password", "passwd", "passphrase", "pwd")))


def sets_password(called: str) -> bool:
    """`set_password`, `username_pw_set`: what it is called with last is the password."""
    told = set(_split(called))
    return bool(told & words.PASSWORDS) and bool(told & words.SETTING)


def speaks(name: str) -> bool:
    """Whether a name says that it is a credential's."""
    told = _split(name)
    return bool(told) and not _is_about(told) and (_is_password(told) or _is_token(told) or _ends(told))


def is_identity(name: str) -> bool:
    """What is called an id, a hash or a version is random by right."""
    told = _split(name)
    return bool(set(told) & words.IDENTITY) or bool(told and told[-1] in words.ABOUT)


def is_digest(name: str, value: str) -> bool:
    """Whether a value is as long as a hash and its name says no more than `key`: what a cache or a table is asked with."""
    return name in ("key", "keys") and bool(_DIGEST.match(value.strip()))


def is_within(name: str, value: str, *, identity: bool = False) -> bool:
    """Whether a value is a credential that stands in what has such a name: `secrets = {"warehouse": …}`.

    What is called an id, a run or an experiment (`identity`) is random by right; but a service that is given more than
    hexadecimal digits is given a key.
    """
    if set(_split(name)) & words.SERVICES and may_hold(name, value):
        return not identity or (len(set(_kinds(value)) & {"u", "l", "d"}) == 3 and not _UUID.match(value))
    return not identity and (is_varied(value) or is_key(value)) and holds(name, value, spelled=False)


def is_strong(value: str) -> bool:
    """Not a word: letters with digits, or with signs that no name has."""
    letters, digits = any(c.isalpha() for c in value), any(c.isdigit() for c in value)
    signs = any(not c.isalnum() and c not in " _-./:," for c in value)
    return len(value) >= 6 and ((letters and digits) or (signs and (letters or digits))) and entropy(value) > 1.9


def is_key(value: str) -> bool:
    """Drawn by a machine, by its characters alone: hexadecimal digits, a UUID, letters and digits as no word has them."""
    if not 15 <= len(value) <= 512 or not _DRAWN.match(value):
        return False
    if _UUID.match(value):
        return True
    drawn = "".join(c for c in _PREFIX.sub("", value) if c.isalnum())
    if len(drawn) < 12 or sum(c.isdigit() for c in drawn) < 2 or drawn.isdigit():
        return False
    if _HEX.match(drawn):
        return len(drawn) >= 16 and entropy(drawn) > 2.8
    return _is_unspoken(drawn, 0.25) and entropy(drawn) > 3


def is_random(value: str, named: Iterable[str] = ()) -> bool:
    """A text of a key's length whose characters change class as no word's, name's or path's do.

    Hashes and UUIDs are written in hexadecimal digits alone, and are none; neither is what its name calls an id.
    """
    if not 20 <= len(value) <= 128 or not _DRAWN.match(value) or _HEX.match(value) or _UUID.match(value):
        return False
    spoken = [_split(name) for name in named]
    if {word for told in spoken for word in told} & (words.IDENTITY | words.DATA) or any(map(_is_number, spoken)):
        return False
    if "/" in value and re.search(
        "[-_]", value
    ):  # of base64's two alphabets one: `Qwen/Qwen3-VL-4B-Instruct` is a model
        return False
    if value.lower().startswith(("sha", "md5", "data")) or _ADDRESS.match(value) or placeholders.is_example(value):
        return False
    if _SPEAKING_PREFIX.match(value) and re.search(r"[A-Za-z0-9]{16}", value) and is_key(value):
        return not is_no_secret(value)
    if len(value) < 24 or not _CHARACTERS.match(value):
        return False
    kinds = _kinds(value)
    if _ROW.match(value) or kinds.count("s") > len(value) / 6 or not _is_unspoken(value, 0.3):
        return False
    if {"u", "l", "d"} <= set(kinds):
        return _changes(kinds) > 0.38 and entropy(value) > 3.9
    drawn = _PREFIX.sub("", value)
    return {"l", "d"} <= set(kinds) and len(drawn) >= 32 and drawn.isalnum() and entropy(drawn) > 4


def entropy(text: str) -> float:
    """Shannon entropy of the characters, in bits."""
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())


def _tells(told: tuple[str, ...]) -> bool:
    """Whether a name ends in what it holds, or in whose it is: `token_mixer` and `secret_ingredient` hold none."""
    return _ends(told) or told[-1] in words.SERVICES | words.KEYS | words.PASSWORDS or any(map(_is_glued, told))


def _is_drawn_of_letters(value: str) -> bool:
    return len(value) >= 20 and value.isalpha() and value.isascii() and _is_unspoken(value, 0.3)


def _is_without_password(value: str) -> bool:
    """An address with a user that is no key: `postgresql://etl@host/db`."""
    found = _USER_AT.match(value)
    return found is not None and not is_key(found["user"])


def _is_variable(value: str) -> bool:
    return "_" in value and value.islower() and bool(_ROW.match(value))


def _plain(value: str) -> str:
    """A value without its scheme: `Bearer …`, `Splunk …`, `token=…`."""
    schemed = _SCHEMED.match(value)
    if schemed is not None and is_key(schemed[1]):
        return schemed[1]
    return _SCHEME.sub("", _FILLED.sub("", value)).strip()


def _kinds(value: str) -> str:
    return "".join("u" if c.isupper() else "l" if c.islower() else "d" if c.isdigit() else "s" for c in value)


def _changes(kinds: str) -> float:
    return sum(a != b for a, b in itertools.pairwise(kinds)) / (len(kinds) - 1)


def is_typed(value: str) -> bool:
    """Capitals, small letters, digits and signs at once, in one word: what people type where it is asked of them."""
    signs = re.search(r"[!?#$%&*@^]", value)
    return (
        7 <= len(value) <= 40 and is_varied(value) and bool(signs) and not re.search(r"[\s/\\<>(){}\[\]|,;:=]", value)
    )


def is_login(name: str, value: str) -> bool:
    """A user and a password in one text: `login = "anna/…"`."""
    found = re.match(r"^[\w.@-]{2,40}[:/](.{7,40})$", value)
    told = set(_split(name)) & {"login", "logins", "user", "account", "credential", "credentials"}
    return bool(found and told and is_typed(found[1]))


def is_phrase(value: str) -> bool:
    """Three words or more in a row, as password managers draw them: `harbour-violet-lantern`."""
    return bool(re.fullmatch(r"[A-Za-z]{3,12}(?:([-._])[A-Za-z]{3,12})(?:\1[A-Za-z0-9]{2,12})+", value))


def is_varied(value: str) -> bool:
    """Three of capitals, small letters, digits and signs, as those who set passwords are made to choose."""
    kinds = {kind for kind, c in zip(_kinds(value), value, strict=True) if kind != "s" or c not in "_-./: "}
    return len(value) >= 7 and len(kinds) >= 3


def _is_unspoken(value: str, changes: float) -> bool:
    """No language's text: its characters change class often, and few of them make syllables.

    Where there are small letters alone beside the digits, runs of them are longer by chance.
    """
    kinds = _kinds(value)
    longest = max(len(run) for run in re.split(r"[^a-z]+", _CONSONANTS.sub(" ", value)))
    if "u" not in kinds or "l" not in kinds:
        return longest <= 12 and _changes(kinds) > 0.8 * changes
    spoken = sum(map(len, _SYLLABLES.findall(value)))
    return longest <= 7 and spoken <= 0.65 * len(value) and _changes(kinds) > changes


def _ends(told: tuple[str, ...]) -> bool:
    after = ("prod", "dev", "test", "value", "str", "string", "id", "v")
    last = told[-2] if len(told) > 1 and told[-1] in after else told[-1]
    return last in _ENDS or _is_glued(last)


@functools.lru_cache(4096)
def _split(name: str) -> tuple[str, ...]:
    plain = name if name.isascii() else words.plain(_ABROAD.sub(lambda found: f"_{words.ABROAD[found[0]]}_", name))
    return tuple(word for word in re.split(r"[\W\d_]+", _CAMEL.sub("_", plain).lower()) if word)


def _is_password(told: tuple[str, ...]) -> bool:
    return bool(words.PASSWORDS & set(told)) or any(
        _is_glued(word) and not word.endswith(("token", "key")) for word in told
    )


def _is_glued(word: str) -> bool:
    """`pgpassword`, `mysqlpwd`, `hftoken`: names in capitals leave nothing to split at."""
    end = next((end for end in words.GLUED if word.endswith(end)), None)
    return end is not None and word != end and word.removesuffix(end) not in words.SPECIAL | words.OTHERWISE


def _is_token(told: tuple[str, ...]) -> bool:
    pairs = {(a, b) for a, b in itertools.pairwise(told)}
    if told[-1] == "pat" or any(_is_glued(word) for word in told):
        return True
    if any(b == "code" and a in words.BEFORE_CODE for a, b in pairs):
        return True
    return bool(words.TOKENS & set(told)) or any(b in ("key", "keys") and a in words.BEFORE_KEY for a, b in pairs)


def _is_about(told: tuple[str, ...]) -> bool:
    """`token_pattern`, `password_length`, `pad_token` speak of credentials and hold none."""
    if told[-1] in words.ABOUT and len(told) > 1:
        return True
    before, last = told[-2:] if len(told) > 1 else ("", told[-1])
    if (last in ("pass", "passes") and before in words.PASSES) or _is_number(told):
        return True
    return any(a in words.SPECIAL and b in ("token", "tokens") for a, b in itertools.pairwise(told))


def _is_number(told: tuple[str, ...]) -> bool:
    """Whether a name ends in what counts keys and accounts: `private_key_id`, `account_sid`."""
    before, last = told[-2:] if len(told) > 1 else ("", "")
    return (last == "id" and before == "key") or (last == "sid" and before not in words.SESSIONS)


def is_no_secret(value: str) -> bool:
    """A placeholder, a word of everyday, the name of a column, of a variable or of a file."""
    if placeholders.is_one(value) or placeholders.is_label(value):
        return True
    if _SELECTOR.match(value) or _PLACE.search(value) or _is_without_password(value):
        return True
    parts = re.split(r"[\s_./:-]+", _CAMEL.sub("_", value).lower().strip("?!:. "))
    spoken = [part for part in parts if part]
    speaking = sum(part in words.SPEAKING or part.isdigit() for part in spoken)
    if " " in value.strip():
        if len(words.TALK & set(spoken)) >= 2:
            return True
        return not is_strong(value.replace(" ", "")) and (speaking > 0 or len(spoken) < 4)
    return speaking == len(spoken) or (len(spoken) > 1 and speaking >= len(spoken) - 1 and not is_strong(value))
