"""Credentials by their very form: ours beside those of detect-secrets."""

from __future__ import annotations

import base64
import binascii
import codecs
import functools
import re
import urllib.parse
from collections.abc import Callable, Iterable, Iterator

from nb2prod.capturing.credentials import names, placeholders
from nb2prod.capturing.credentials.kinds import KINDS

# detect-secrets knows these as well as anyone. Left out: public addresses are no credentials, Artifactory's form also fits
# words in capitals, entropy alone flags every hash, and the names that values are kept under are read from the syntax tree.
_PLUGINS = {
    "aws.AWSKeyDetector": "an AWS access key",
    "azure_storage_key.AzureStorageKeyDetector": "an Azure storage key",
    "cloudant.CloudantDetector": "a Cloudant credential",
    "discord.DiscordBotTokenDetector": "a Discord bot token",
    "github_token.GitHubTokenDetector": "a GitHub token",
    "gitlab_token.GitLabTokenDetector": "a GitLab token",
    "ibm_cos_hmac.IbmCosHmacDetector": "an IBM storage key",
    "jwt.JwtTokenDetector": "a JSON web token",
    "mailchimp.MailchimpDetector": "a Mailchimp key",
    "npm.NpmDetector": "an npm token",
    "openai.OpenAIDetector": "an OpenAI or Anthropic key",
    "private_key.PrivateKeyDetector": "a private key",
    "pypi_token.PypiTokenDetector": "a PyPI token",
    "sendgrid.SendGridDetector": "a SendGrid key",
    "slack.SlackDetector": "a Slack token",
    "softlayer.SoftlayerDetector": "a SoftLayer key",
    "square_oauth.SquareOAuthDetector": "a Square token",
    "stripe.StripeDetector": "a Stripe key",
    "telegram_token.TelegramBotTokenDetector": "a Telegram bot token",
}
_BY_MARK = {
    mark: tuple(at for at, (_, marks, _) in enumerate(KINDS) if mark in marks.split())
    for mark in dict.fromkeys(mark for _, marks, _ in KINDS for mark in marks.split())
}
_URL = re.compile(
    r"(?<=[a-zA-Z0-9]://)(?P<user>[^\s:/@'\"{}<>]{0,80}):(?![$<{*]|%s|\.\.)(?P<password>[^\s/@'\"{}<>]{3,120})@(?=[\w.\[{%$-])"
)
# Oracle writes user/password@host
_ORACLE = re.compile(
    r"(?i)(?:jdbc:oracle:\w+:|oracle[\w+]*://|^)(?P<user>\w[\w$#]*)/(?P<password>[^\s/@'\"{}<>]{3,60})@(?://)?[\w.-]+(?::\d+)?[/:]\w+"
)
# alone, as client libraries take it
_ORACLE_ALONE = re.compile(r"^(?P<user>\w[\w$#]*)/(?P<password>[^\s/@'\"{}<>]{3,60})@[\w.-]+$")
_PERCENT = re.compile(r"%(?:3[ABD]|40|2F)", re.IGNORECASE)
_MARKS = re.compile(r"[=:./_'|-]|\d")
_SHORTEST = 20  # of what detect-secrets knows
# none of what it knows is without one of these
_THEIRS = re.compile(r"[A-Za-z0-9_+/=.-]{18}|PRIVATE KEY|_authToken|xox|eyJ")
_ENCODED = re.compile(r"^[A-Za-z0-9+/_.:-]{20,4096}={0,2}$")


def _in_url(text: str) -> bool:
    """A user's password before a host; a placeholder is none, nor is the user's name once more."""
    if "@" not in text:
        return False
    found = (*_URL.finditer(text), *_ORACLE.finditer(text))
    alone = _ORACLE_ALONE.match(text)
    if alone is not None and names.is_typed(alone["password"]):
        return True
    return any(one["password"] != one["user"] and not names.is_no_secret(one["password"]) for one in found)


def of(text: str) -> str | None:
    """The kind of credential whose form is in a text, also where it is written in base64 or turned around."""
    if len(text) < 10 or not _MARKS.search(text):
        return None
    return _of(text) if len(text) > _REPEATED else _known(text)


def _of(text: str) -> str | None:
    found = _match(text)
    if found is None and _PERCENT.search(text):
        found = _match(urllib.parse.unquote_plus(text))
    if found is not None:
        return found
    return next((found for plain in decoded(text) if (found := _ours(plain) or _in_url_of(plain))), None)


_REPEATED = 200  # a model's files say the same short things hundreds of times: the head of each array, say
_known = functools.lru_cache(2048)(_of)


def _match(text: str) -> str | None:
    found = _in_url_of(text) or _ours(text)
    if found is not None or len(text) < _SHORTEST or not _THEIRS.search(text):
        return found
    return next(
        (
            what
            for what, look in _theirs()
            for found in look(text)
            if _stands_alone(found, text) and not placeholders.is_example(found)
        ),
        None,
    )


def _in_url_of(text: str) -> str | None:
    return "a password in a URL" if _in_url(text) else None


def _ours(text: str) -> str | None:
    small = text.lower()
    marked = {at for mark in [mark for mark in _BY_MARK if mark in small] for at in _BY_MARK[mark]}
    for at in sorted(marked):
        if any(not placeholders.is_example(one[0]) for one in _form(at).finditer(text)):
            return KINDS[at][0]
    return None


@functools.cache
def _form(at: int) -> re.Pattern[str]:
    return re.compile(KINDS[at][2])


def _stands_alone(found: str, text: str) -> bool:
    """A form that begins within a longer word is part of that word."""
    at = text.find(found)
    return at <= 0 or not (text[at - 1].isalnum() and found[:1].isalnum())


def decoded(text: str) -> Iterator[str]:
    """What a text says that is written in base64 (once or twice), in hexadecimal digits, backwards or in ROT13."""
    if len(text) < 20 or not _ENCODED.match(text):
        return
    plain = _from_base64(text)
    if plain is not None:
        yield plain
        if (again := _from_base64(plain)) is not None:
            yield again
    if len(text) % 2 == 0 and (plain := _from_hex(text)) is not None:
        yield plain
    if len(text) <= _REPEATED and "/" not in text:
        yield text[::-1]
        yield codecs.decode(text, "rot13")


def _from_base64(text: str) -> str | None:
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_" if {"-", "_"} & set(text) else None)
    except (binascii.Error, ValueError):
        return None
    return _readable(plain)


def _from_hex(text: str) -> str | None:
    try:
        return _readable(bytes.fromhex(text))
    except ValueError:
        return None


def _readable(data: bytes) -> str | None:
    try:
        plain = data.decode("ascii")
    except ValueError:
        return None
    return plain if plain.isprintable() else None


@functools.cache
def _theirs() -> tuple[tuple[str, Callable[[str], Iterable[str]]], ...]:
    import importlib

    found = []
    for place, what in _PLUGINS.items():
        module, _, detector = place.partition(".")
        found.append(
            (what, getattr(importlib.import_module(f"detect_secrets.plugins.{module}"), detector)().analyze_string)
        )
    return tuple(found)
