"""Credentials by their very form: ours beside those of detect-secrets."""

from __future__ import annotations

import base64
import binascii
import functools
import re
from collections.abc import Callable, Iterable

from nb2prod.capturing.credentials import names

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
    "twilio.TwilioKeyDetector": "a Twilio key",
}
_START, _END = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"
_MIXED = r"(?=[A-Za-z_-]*\d)"
_FORMS = {
    "a Databricks token": rf"{_START}(dapi|dose|dkea)[a-f0-9]{{32}}(-\d+)?{_END}",
    "an AWS access key": rf"{_START}(AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9]|AROA|AIDA)[A-Z0-9]{{16}}{_END}",
    "a GitHub token": rf"{_START}(gh[pousr]_[A-Za-z0-9]{{36,}}|github_pat_[A-Za-z0-9_]{{40,}})",
    "a GitLab token": rf"{_START}gl(pat|dt|rt|oas|cbt|ptt|ft|soat|agent|imt)-[A-Za-z0-9_-]{{20,}}",
    "a Slack token": rf"{_START}(xox[abceoprs]-[A-Za-z0-9-]{{10,}}|xapp-\d-[A-Za-z0-9-]{{10,}})",
    "a webhook with its key": r"https://(hooks\.slack\.com/(services|workflows)/\S{20,}|discord(app)?\.com/api/webhooks/\d+/\S{20,}"
    r"|[\w.-]+\.webhook\.office\.com/webhookb2/\S{20,})",
    "a Stripe key": rf"{_START}([srp]k_(live|test)_[A-Za-z0-9]{{10,}}|whsec_[A-Za-z0-9+/=]{{20,}})",
    "an OpenAI or Anthropic key": rf"{_START}sk-(proj-|ant-|svcacct-|admin-|or-v1-|lf-)?{_MIXED}[A-Za-z0-9_-]{{20,}}",
    "a Google API key": rf"{_START}AIza[A-Za-z0-9_-]{{30,}}",
    "a Google OAuth token": rf"{_START}(ya29\.[A-Za-z0-9_-]{{20,}}|GOCSPX-[A-Za-z0-9_-]{{20,}}|1//0[A-Za-z0-9_-]{{30,}})",
    "a Hugging Face token": rf"{_START}(hf|api_org)_[A-Za-z0-9]{{30,}}",
    "an npm token": rf"{_START}npm_[A-Za-z0-9]{{30,}}",
    "a PyPI token": rf"{_START}pypi-AgE[A-Za-z0-9_-]{{40,}}",
    "a SendGrid key": rf"{_START}SG\.[A-Za-z0-9_-]{{16,}}\.[A-Za-z0-9_-]{{32,}}",
    "a Twilio key": rf"{_START}(SK|AC)[a-f0-9]{{32}}{_END}",
    "a Mailgun key": rf"{_START}key-[a-f0-9]{{32}}{_END}",
    "a DigitalOcean token": rf"{_START}do[opr]_v1_[a-f0-9]{{64}}",
    "a Shopify token": rf"{_START}shp(at|ca|pa|ss)_[a-fA-F0-9]{{32}}",
    "a Square token": rf"{_START}(sq0(atp|csp|idp)-[A-Za-z0-9_-]{{22,}}|EAAA[A-Za-z0-9_-]{{60}})",
    "a Telegram bot token": rf"{_START}(?:bot)?\d{{8,10}}:AA[A-Za-z0-9_-]{{32,}}",
    "an Azure storage key": r"AccountKey=[A-Za-z0-9+/=]{40,}",
    "an Azure SAS signature": r"(?i:[?&]sig=|SharedAccessSignature=)[A-Za-z0-9%+/=&_.-]{20,}",
    "an Azure shared access key": r"SharedAccessKey=[A-Za-z0-9+/=]{30,}",
    "an Azure client secret": rf"{_START}[A-Za-z0-9_~.-]{{3}}\dQ~[A-Za-z0-9_~.-]{{31,34}}",
    "a JSON web token": rf"{_START}eyJ[A-Za-z0-9_-]{{8,}}\.eyJ[A-Za-z0-9_-]{{8,}}(\.[A-Za-z0-9_-]{{6,}})?",
    "a private key": r"-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY( BLOCK)?-----|PuTTY-User-Key-File-\d",
    "a token in a URL": r"https?://(?!\$|\{|<)[A-Za-z0-9_-]{20,}@[\w.-]+|https?://\S+[?&](?i:access_token|api_?key|auth_token|token|"
    r"apikey|client_secret|password|key|appid|subscription-key)=(?=[A-Za-z_-]*\d)[A-Za-z0-9_.~%-]{12,}",
    "a bearer token": r"(?i:\bbearer)\s+(?=\S*\d)[A-Za-z0-9._~+/-]{16,}=*",
    "a basic authorisation": r"(?i:\bbasic)\s+(?=\S*[A-Z])(?=\S*[0-9+/=])[A-Za-z0-9+/]{12,}={0,2}(?![\w])",
    "a Vault token": rf"{_START}(hvs|hvb|hvr)\.[A-Za-z0-9_-]{{20,}}",
    "a password in a connection string": r"(?i)(?<![A-Za-z])(pwd|password)\s*=\s*(?![<{$%*.\[(]|None\b|os\.|getpass|input)"
    r"[^;\s'\"=()]{4,}\s*;|;\s*(pwd|password)\s*=\s*(?![<{$%*.\[(])[^;\s'\"()]{4,}",
    "a DSN with a password": r"(?i)\b(host|dbname|user)\s*=\s*\S+\s.*\bpassword\s*=\s*(?![<{$%*])[^\s'\"]{4,}",
    "a password in a URL's query": r"[?&;](?i:password|passwd|pwd)=(?![<{$%*])[^&;\s'\"]{4,}",
    "a password of netrc": r"\b(?i:login)\s+\S+\s+(?i:password)\s+(?![<{$%*])\S{4,}",
    "a password given to a command": r"\b(login|mysql|mysqldump|sshpass)\b.*\s-p\s?(?![<{$%*])(?=\S*\d)\S{6,}",
    "a credential given to curl": r"\bcurl\b.*\s(-u|--user)\s*['\"]?(?!\$|\{|<)[^\s:'\"]+:(?!\$|\{|<)[^\s'\"]{3,}",
    "a New Relic key": rf"{_START}NR(AK|JS|II|AA|RA)-[A-Za-z0-9-]{{20,}}",
    "a Sentry DSN": r"https://[a-f0-9]{32}(:[a-f0-9]{32})?@[\w.-]*sentry[\w.-]*/\d+|sntry[su]_[A-Za-z0-9+/=_-]{30,}",
    "a Grafana token": rf"{_START}(glc|glsa)_[A-Za-z0-9+/=_]{{30,}}",
    "a Linear key": rf"{_START}lin_(api|oauth)_[A-Za-z0-9]{{30,}}",
    "a Notion token": rf"{_START}(ntn_[A-Za-z0-9]{{40,}}|secret_[A-Za-z0-9]{{43}}{_END})",
    "an Airtable token": rf"{_START}pat[A-Za-z0-9]{{14}}\.[a-f0-9]{{64}}",
    "a Replicate token": rf"{_START}r8_[A-Za-z0-9]{{30,}}",
    "a password in SQL": r"(?i)\b(identified (with \w+ )?by|password|secret)\s+'(?=[^']*\d)[^'\s{$<%*]{6,}'",
    "a Groq key": rf"{_START}gsk_[A-Za-z0-9]{{40,}}",
    "an xAI key": rf"{_START}xai-[A-Za-z0-9]{{40,}}",
    "a Perplexity key": rf"{_START}pplx-[A-Za-z0-9]{{40,}}",
    "a Pinecone key": rf"{_START}pcsk_[A-Za-z0-9_]{{40,}}",
    "a LangSmith key": rf"{_START}lsv2_(pt|sk)_[a-f0-9]{{32}}_[a-f0-9]{{10}}",
    "a Mapbox token": rf"{_START}[sp]k\.eyJ[A-Za-z0-9_-]{{20,}}\.[A-Za-z0-9_-]{{15,}}",
    "a Postman key": rf"{_START}PMAK-[a-f0-9]{{24}}-[a-f0-9]{{34}}",
    "a Doppler token": rf"{_START}dp\.(pt|st|ct|sa)\.[A-Za-z0-9._-]{{30,}}",
    "a PlanetScale token": rf"{_START}pscale_(tkn|pw|oauth)_[A-Za-z0-9._-]{{30,}}",
    "a Supabase key": rf"{_START}(sbp_[a-f0-9]{{40}}|sb_secret_[A-Za-z0-9_-]{{20,}})",
    "a Docker token": rf"{_START}dckr_(pat|oat)_[A-Za-z0-9_-]{{20,}}",
    "an Atlassian token": rf"{_START}AT(ATT|CTT|BB)[A-Za-z0-9_=-]{{24,}}",
    "a Terraform token": rf"{_START}[A-Za-z0-9]{{14}}\.atlasv1\.[A-Za-z0-9_=-]{{60,}}",
    "a Brevo key": rf"{_START}xkeysib-[a-f0-9]{{64}}-[A-Za-z0-9]{{16}}",
    "a HubSpot token": rf"{_START}pat-(na|eu)\d-[a-f0-9-]{{36}}",
    "a Facebook token": rf"{_START}EAACEdEose0cBA[A-Za-z0-9]+|{_START}EAA[A-Za-z0-9]{{80,}}",
    "an Artifactory token": rf"{_START}AKCp[A-Za-z0-9]{{40,}}",
    "an Amazon Bedrock key": rf"{_START}(ABSK[A-Za-z0-9+/=]{{60,}}|bedrock-api-key-[A-Za-z0-9+/=]{{20,}})",
    "an age key": rf"{_START}AGE-SECRET-KEY-1[A-Z0-9]{{50,}}",
    "a Dynatrace token": rf"{_START}dt0[a-z]\d{{2}}\.[A-Z0-9]{{24}}\.[A-Z0-9]{{64}}",
    "a Figma token": rf"{_START}figd_[A-Za-z0-9_-]{{30,}}",
    "a Fly token": rf"{_START}(fo1_[A-Za-z0-9_-]{{40,}}|fm[12][ra]?_[A-Za-z0-9+/=_-]{{60,}})",
    "a Prefect key": rf"{_START}pn[ub]_[A-Za-z0-9]{{30,}}",
    "a Snowflake or dbt token": rf"{_START}(dbt[cu]_[A-Za-z0-9_-]{{30,}}|ver:1-hint:\d+-ETMsDgAAA\S{{30,}})",
    "a Tavily key": rf"{_START}tvly-{_MIXED}[A-Za-z0-9_-]{{20,}}",
    "a Weights & Biases key": rf"{_START}wandb_v1_[A-Za-z0-9_]{{30,}}",
}
_PATTERNS = {what: re.compile(form) for what, form in _FORMS.items()}
_URL = re.compile(r"(?<=[a-zA-Z0-9]://)[^\s:/@'\"{}<>]{0,80}:(?![$<{*]|%s|\.\.)([^\s/@'\"{}<>]{3,120})@(?=[\w.\[{%$-])")
# Oracle writes user/password@host
_ORACLE = re.compile(
    r"(?i)(?:jdbc:oracle:\w+:|oracle[\w+]*://|^)\w[\w$#]*/([^\s/@'\"{}<>]{3,60})@(?://)?[\w.-]+(?::\d+)?[/:]\w+"
)
_MARKS = re.compile(r"[=:./_-]|\d")
_SHORTEST = 20  # of what detect-secrets knows
_ENCODED = re.compile(r"^[A-Za-z0-9+/_-]{24,4096}={0,2}$")


def _in_url(text: str) -> bool:
    """A user's password before a host; a placeholder is none."""
    if "@" not in text:
        return False
    found = (*_URL.finditer(text), *_ORACLE.finditer(text))
    return any(not names.is_no_secret(one[1]) for one in found)


def of(text: str) -> str | None:
    """The kind of credential whose form is in a text, also where it is written in base64."""
    if len(text) < 10 or not _MARKS.search(text):
        return None
    return _of(text) if len(text) > _REPEATED else _known(text)


def _of(text: str) -> str | None:
    found = _match(text)
    if found is None and len(text) >= 24 and (plain := _decoded(text)):
        found = _match(plain)
    return found


_REPEATED = 200  # a model's files say the same short things hundreds of times: the head of each array, say
_known = functools.lru_cache(2048)(_of)


def _match(text: str) -> str | None:
    if _in_url(text):
        return "a password in a URL"
    ours = next((what for what, pattern in _PATTERNS.items() if pattern.search(text)), None)
    if ours is not None:
        return ours
    if len(text) < _SHORTEST:
        return None
    return next((what for what, look in _theirs() for found in look(text) if _stands_alone(found, text)), None)


def _stands_alone(found: str, text: str) -> bool:
    """A form that begins within a longer word is part of that word."""
    at = text.find(found)
    return at <= 0 or not (text[at - 1].isalnum() and found[:1].isalnum())


def _decoded(text: str) -> str | None:
    """What a text says that is written in base64, where that is readable."""
    if not _ENCODED.match(text):
        return None
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_" if {"-", "_"} & set(text) else None)
        found = plain.decode("ascii")
    except (binascii.Error, ValueError):
        return None
    return found if found.isprintable() else None


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
