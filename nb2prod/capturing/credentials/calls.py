"""Which argument of a call is a password, where its position alone says so."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nb2prod.capturing.credentials import names, words

# what these give is looked up at run time; their arguments are names of places
LOOKED_UP = re.compile(
    r"(?i)(get|environ|input|prompt|read|load|fetch|resolve|lookup|find|ask|select|drop|rename|column|col|hasattr|isin|^map$|fillna"
    r"|startswith|endswith|contains|astype)"
)
_LOGGING_IN = re.compile(
    r"(?i)(log_?in|sign_?in|logon|authenticate|connect(ion)?|basic_?auth(entication)?|credentials?|bind(_s)?|auth|"
    r"(set|store|save|add)_(password|secret|credentials?)|auth_?handler|authenticator|ftp(_tls)?|imap4?(_ssl)?|load_cert_chain)$"
)
_SIGNING_IN = re.compile(
    r"(?i)(log_?in|sign_?in|logon|authenticate|(basic|digest|ntlm|proxy|http)\w*_?auth(entication)?|credentials?|bind_s"
    r"|acquire_token_(for_user|by_username_password|with_\w*credentials|with_username_password)"
    r"|auth_?provider|password_?authenticator|(create|add|register|new)_?user)$"
)
SETTING = re.compile(
    r"(?i)^(set(attr|env|default)?|put(env)?|option|config|(set|add|put|create|store|write|register)_?(item|env|option|secret|config|"
    r"property|header|variable|param(eter)?)|__setitem__|hset|fill|type)$"
)
# what a thing is set with, a field of a page filled with
FILLING = re.compile(r"(?i)^(send_keys|fill|type|set_?(value|text)?|write|clear_and_type|press_sequentially)$")
_OPENING = re.compile(r"(?i)^(unlock|decrypt|encrypt|unprotect|protect|open_?protected|set_?pass)(_?\w+)?$")
_WRAPPING = re.compile(r"(Secret|Password|Passwd)(Str|String|Bytes|Text|Value)$")
_CLIENT = re.compile(
    r"(?i)(client|connect|connector|connection|conn|session|database|db|server|user|account|sql|ftp|ssh|driver|api|auth\w*|credentials?"
    r"|provider|manager|pool|engine|service|warehouse|gateway|broker|store)$"
)
_HOST = re.compile(
    r"(?i)^(localhost|\d{1,3}(\.\d{1,3}){3}|[a-z][\w-]*(\.[\w-]+)*\.[a-z]{2,})(:\d+)?$|^[\w-]+:\d{2,5}$|^\w+://|^[\w.+-]+@[\w.-]+$"
)
_USER = re.compile(
    r"(?i)^(root|admin(istrator)?|sa|sys|postgres|user|guest|svc\w*|service|\w+[-_](user|admin|svc|rw|ro|reader|writer)"
    r"|(user|admin|svc)[-_]\w+|elastic|neo4j|cassandra)$"
)


def password(called: Sequence[str], given: Sequence[str | None], at: int) -> bool | None:
    """Whether the argument at a position is a password: for certain, if it looks like one (False), or not at all (None).

    `called` is the name that is called and those before it, `given` the texts among its arguments.

    Examples
    --------
    >>> password(["login", "client"], ["me", "harbour"], 1), password(["connect"], ["db", "x", "harbour"], 2)
    (True, False)
    >>> password(["plot"], ["me", "harbour"], 1) is None
    True
    """
    if at >= len(given):
        return None
    name, value, last = called[0] if called else "", given[at] or "", at == len(given) - 1
    before = [text for text in given[:at] if text]
    if value and value in before:  # `guest`, `guest`: what everybody knows
        return None
    if last and (names.sets_password(name) or _WRAPPING.search(name)):
        return True
    if last and _OPENING.match(name):
        return False
    if not at:
        return True if _LOGGING_IN.search(name) and last and names.is_typed(value) else None
    if last and _LOGGING_IN.search(name):
        return bool(_SIGNING_IN.search(name)) or (at > 1 and (names.is_varied(value) or not value.isalnum()))
    if last and _SIGNING_IN.search(name):
        return True
    return True if before and _is_login(called, before, value) else None


# these call what they are given first with what follows
_HANDING_ON = frozenset(
    {"partial", "methodcaller", "submit", "to_thread", "apply", "apply_async", "call_soon", "delayed"}
)


def signs_in(called: str) -> bool:
    """Whether a call with such a name can only log in: `authenticate`, `login`."""
    return bool(_SIGNING_IN.search(called))


def handed_on(called: str) -> bool:
    """Whether a call's first argument is what is called: `partial(connect, …)`."""
    return called in _HANDING_ON


def is_login(first: str, second: str) -> bool:
    """Whether two texts side by side are a user and a password: an address of mail or a user's usual name, then what is typed."""
    return bool(_USER.match(first) or re.match(r"^[\w.+-]+@[\w.-]+\.\w+$", first)) and names.is_typed(second)


def may_be_between(called: str, at: int) -> bool:
    """Whether what stands in the middle of a call that logs in may be the password."""
    return at > 0 and bool(_LOGGING_IN.search(called))


def _is_login(called: Sequence[str], before: Sequence[str], value: str) -> bool:
    """A host or a user, then what people type as passwords or machines draw."""
    told = any(_HOST.match(text) or _USER.match(text) for text in before)
    if names.is_typed(value):
        return told or any(_CLIENT.search(name) or name.lower() in words.SERVICES for name in called)
    return told and names.is_key(value) and names.is_varied(value)
