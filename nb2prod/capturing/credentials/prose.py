"""Credentials as people write them to each other: in comments, Markdown cells, docstrings, messages."""

from __future__ import annotations

import re

from nb2prod.capturing.credentials import names

_SPOKEN = (
    r"pw|pwd|passwords?|passwd|passphrase|passcode|secret|token|(?:api|access|secret|license)[ _-]?key|passwort|kennwort|"
    r"mot de passe|contraseña|clave|senha|parola|wachtwoord|hasło|credentials?|login"
)
_LOGIN = r"creds?|credentials|log[ -]?(?:in|on)|anmeldung|zugang(?:sdaten)?|identifiants?"
_ACCOUNT = (
    r"user(?:[ _-]?name)?|account|sign[ -]?in|benutzer(?:name)?|utilisateur|usuario|usuário|utente|gebruiker|użytkownik"
)
_VALUE = r"[\"'`*]{0,2}(?P<%s>[^\s\"'`,;()<>{}*]{6,80})"
_NAME = r"[\"'`*]{0,2}[\w.@\\-]{2,40}[\"'`*]{0,2}"
_USUAL = r"root|admin(?:istrator)?|sa|sysadmin|postgres|elastic|neo4j|cassandra|grafana|svc[_-]\w+"
_PROSE = re.compile(
    rf"(?i)\b(?P<name>{_SPOKEN})(?: (?:for|of|to|on|in|at|für|pour|para|per|voor|do) [\w. -]{{1,30}}?)?"
    rf"(?: \(| ?(?:(?:is|was|ist|war|lautet|est|es|è|é|jest):?|->|→)) ?{_VALUE % 'value'}"
    rf"|(?:^|\s|use ){_VALUE % 'value2'}[\"'`*]{{0,2}} (?:is|as|ist|als) (?:(?:the|our|my|das|unser) )?"
    rf"(?:[\w-]+ )?(?P<name2>{_SPOKEN})\b"
    rf"|\b(?:(?:{_LOGIN})(?: (?:for|of|to|is|für) [\w-]+)?:?|(?:{_ACCOUNT}):)"
    rf" {_NAME} ?[/|] ?(?!(?:{_SPOKEN})\b){_VALUE % 'value3'}"
    rf"|\b(?:{_ACCOUNT}) {_NAME} ?[/|] ?(?!(?:{_SPOKEN})\b){_VALUE % 'typed4'}"
    rf"|\b(?P<name3>{_SPOKEN}) (?:for|of|to|on|in|at|für|pour|para|per|voor|do) [\w. @-]{{1,30}}?: ?{_VALUE % 'value5'}"
    rf"|\b(?:passwords?|passwort|kennwort|passphrase|passwd|mot de passe|contraseña|senha|wachtwoord|hasło) {_VALUE % 'value4'}"
    rf"|(?:\b(?:pw|pwd|passcode|parola|clave)|(?<=[,;/] )pass) (?P<typed>[^\s\"'`,;()<>{{}}]{{7,40}})"
    rf"|\b(?:{_LOGIN}|{_ACCOUNT}|connect|authenticate|anmelden|s?ftp|ssh|rdp|vpn)\b[^.\n]{{0,40}}?"
    rf" (?:as|with|using|mit|als) {_NAME}(?: ?[/:] ?| (?:and|with|using|und|mit) ){_VALUE % 'typed2'}"
    rf"|[\w.+-]{{1,40}}@[\w-]+(?:\.\w+)+ ?(?:/|\||->) ?{_VALUE % 'typed3'}"
    rf"|\b[\w.-]{{2,30}}: ?[\"'`*]{{0,2}}(?:{_USUAL})[\"'`*]{{0,2}} / {_VALUE % 'value6'}"
    rf"|\b[\w.-]{{2,30}}: ?{_NAME} / {_VALUE % 'typed5'}"
)
# what stands in all that is read
_SAYING = (
    *(
        "pw",
        "pass",
        "secret",
        "token",
        "key",
        "kennwort",
        "contrase",
        "clave",
        "senha",
        "parola",
        "wachtwoord",
        "hasło",
    ),
    *("cred", "log", "sign", "anmeld", "user", "account", "zugang", "benutzer", "utilisateur", "identifiant", "usu"),
    *("utente", "gebruiker", "connect", "authenticate", "ftp", "ssh", "rdp", "vpn", "@", " / "),
)
_SENTENCES = 2_000  # characters of a line; what is longer is none


def told(line: str, small: str) -> tuple[str, str] | None:
    """What a line calls a credential, and the name that it uses; where no verb says so, it must look like one.

    Examples
    --------
    >>> told("user etl, password is Vi0let!77", "user etl, password is vi0let!77")
    ('a value told as the password', 'password')
    """
    if len(line) > _SENTENCES or not any(word in small for word in _SAYING):
        return None
    for found in _PROSE.finditer(line):
        said = found.groupdict()
        typed = next((text for name, text in said.items() if text and name.startswith("typed")), "")
        value = typed or next(text for name, text in said.items() if text and name.startswith("value"))
        value = value.rstrip(".!")
        looks = names.is_typed if typed else names.is_strong if said["value"] else names.is_varied
        plain = looks(typed or value)
        if (plain or names.is_phrase(value)) and not names.is_no_secret(value):
            name = (said["name"] or said["name2"] or said["name3"] or "password").lower()
            return f"a value told as the {name}", name
    return None
