"""What stands where a credential belongs and is none: masks, words of everyday, what is left to be filled in."""

from __future__ import annotations

import re

from nb2prod.capturing.credentials import words

_WORDS = re.compile(
    r"(?i)^(none|null|true|false|nan|n/?a|unknown|undefined|todo|tbd|redacted|hidden|masked|removed|change_?me!?|replace_?me|placeholder"
    r"|dummy|fake|foo|bar|baz|example|sample|default|string|str|object|category|text|int(eger)?\d*|float\d*|bool(ean)?|bytes|numeric"
    r"|number|datetime\S*|mean|sum|min|max|median|count|first|last|nunique|std|mode|list|size|any|all|required|optional|missing"
    r"|invalid|incorrect|correct|accepted|rejected|denied|updated|changed|confirmed|verified|needed|provided|protected|expired|valid|basic|bearer|digest|oauth2?|kerberos|ldap|token|tokens|user(name)?|login|yes|no|off|on|left|right|inner"
    r"|outer|high|low|weak|strong|medium|environment|environ|prompt|input|getpass|auto|disabled|enabled|public|private|ignore|drop"
    r"|passthrough|word|char|plain|hide|show|skip|hash(ed)?|mask|same|blank|empty|salt(ed)?|enum|json|blob|date|uuid|utf-?8|keep|full|form"
    r"|html|bcrypt|argon2|scrypt|encrypted|test|admin|root)$"
)
_TEMPLATE = re.compile(
    r"^(<.*>|\[.*\]|\{.*\}|\$.*|%.*|\*+|x{3,}|\.{2,}|-+|_+|#+|(.)\2*|your[-_ ].*|\(\?.*|.*\\[bwds].*|.*\.{3}|.*\*{4,}.*"
    r"|.*[-_ ]here|.*(\(\?|\[\^|\]\+|\{\d+,).*)$",
    re.IGNORECASE | re.DOTALL,
)
_EXAMPLE = re.compile(r"EXAMPLE|[xX*.0•#]{6}")
# signs that stand for what is not shown: `hf_***`, `sk-…aB3d`, `••••`
_MASK = re.compile(r"[*•●∙▪█∗✱]{3,}|^\S{0,12}(?:…|\.{3})\S{0,8}$")
# `***hidden***`, `[removed]`, `--secret--`
_WRAPPED = re.compile(r"^[^\w\s]{1,8}_{0,4}([A-Za-z][A-Za-z _-]{2,30}?)_{0,4}[^\w\s]{1,8}$")
_PARTS = re.compile(r"[\W_]+|(?<=[a-z])(?=[A-Z])")
_VENDORS = 6  # letters and digits of a prefix: `xoxb-`, `sk-proj-`, `AKIA`
_OURS = words.PASSWORDS | words.TOKENS | words.KEYS | words.SPEAKING | words.FILLING | {"mot"}


def is_example(value: str) -> bool:
    """As manuals print a key or programs hide it: `AKIAIOSFODNN7EXAMPLE`, `hf_xxxxxxxxxxxx`, `xoxb-your-token`, `sk-***`."""
    return bool(_EXAMPLE.search(value) or _MASK.search(value)) or is_to_fill_in(value)


def is_to_fill_in(value: str) -> bool:
    """Whether a text asks its reader for a credential: after a vendor's prefix all are words, and one of them says so.

    Examples
    --------
    >>> is_to_fill_in("ghp_insert-token-here"), is_to_fill_in("your-own-one-2"), is_to_fill_in("ghp_harbour-violet")
    (True, True, False)
    """
    if len(value) > 80:
        return False
    parts = [part for part in _PARTS.split(value.lower() if value.isupper() else value) if part]
    said = [part.lower() for part in parts]
    asked = words.FILLING & set(said)
    if not asked or not all(part.isalpha() or len(part) <= 4 for part in said[1:]):
        return False
    if {"your", "yours"} & asked:
        return True
    rest = said[1:] if len(said[0]) <= _VENDORS else said
    return all(part in _OURS or part.isdigit() or len(part) <= 2 for part in rest)


def is_one(value: str) -> bool:
    """A placeholder, a mask, a word of everyday, a sentence about credentials."""
    if not value or _WORDS.match(value) or _TEMPLATE.match(value) or is_example(value) or is_sentence(value):
        return True
    wrapped = _WRAPPED.match(value)
    return is_method(value) or bool(
        wrapped and (_WORDS.match(wrapped[1]) or is_label(wrapped[1]) or is_to_fill_in(wrapped[1]))
    )


def is_method(value: str) -> bool:
    """How somebody is let in or something is enciphered: `WPA2-PSK`, `SCRAM-SHA-256`, `AES-256-GCM`, `TLSv1.3`."""
    parts = [part for part in re.split(r"[\W_\d]+", value.lower()) if part not in ("", "v")]
    return bool(parts) and not re.search(r"\d{4}", value) and all(part in words.METHODS for part in parts)


def is_label(value: str) -> bool:
    """What a form calls its field: `Passwort`, `Mot de passe`, `Clave de acceso`."""
    spoken = value.lower().strip(" :*").split()
    return len(spoken) <= 4 and all(map(str.isalpha, spoken)) and bool(words.PASSWORDS & set(spoken))


def is_sentence(value: str) -> bool:
    """Three words or more that speak of a credential, with a comma or an end, or with words that only sentences have.

    Examples
    --------
    >>> is_sentence("Wrong password, try again"), is_sentence("harbour violet lantern copper")
    (True, False)
    """
    spoken = value.split()
    plain = [word.strip(",.;:!?…()\"'`").lower() for word in spoken]
    if len(spoken) < 3 or not all(word.replace("'", "").replace("-", "").isalpha() for word in plain if word):
        return False
    about = words.PASSWORDS | words.TOKENS | {"key", "keys", "login"}
    marked = any(word[-1] in ",.;:!?" for word in spoken)
    return bool(about & set(plain)) and (marked or bool(words.TALK & set(plain)))
