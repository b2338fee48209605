"""Credentials in what travels: values that the model holds, the code, the strings in its pickle."""

from __future__ import annotations

import ast
import math
import pickletools
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from nb2prod.capturing.rules.base import Case, Rule
from nb2prod.records.capture import Finding, Severity

# what is a credential by its very form
_FORMS = {
    "an AWS access key": r"(?<![A-Z0-9])(AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Z0-9])",
    "a GitHub token": r"gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,}",
    "a GitLab token": r"gl(pat|dt|rt|oas|cbt|ptt|ft|soat)-[A-Za-z0-9_-]{20,}",
    "a Databricks token": r"dapi[a-f0-9]{32}(-\d+)?",
    "a Slack token": r"xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-\d-[A-Za-z0-9-]{10,}",
    "a Slack webhook": r"https://hooks\.slack\.com/services/T\w+/B\w+/\w+",
    "a Stripe key": r"[srp]k_(live|test)_[A-Za-z0-9]{16,}",
    "an OpenAI or Anthropic key": r"sk-(proj-|ant-|svcacct-)?[A-Za-z0-9_-]{20,}",
    "a Google API key": r"AIza[A-Za-z0-9_-]{35}",
    "a Google OAuth token": r"ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{20,}",
    "a Hugging Face token": r"hf_[A-Za-z0-9]{30,}",
    "an npm token": r"npm_[A-Za-z0-9]{36}",
    "a PyPI token": r"pypi-AgE[A-Za-z0-9_-]{40,}",
    "a SendGrid key": r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{32,}",
    "a Twilio key": r"(?<![A-Za-z0-9])(SK|AC)[a-f0-9]{32}(?![A-Za-z0-9])",
    "a Mailgun key": r"key-[a-f0-9]{32}",
    "a DigitalOcean token": r"do[opr]_v1_[a-f0-9]{64}",
    "a Shopify token": r"shp(at|ca|pa|ss)_[a-fA-F0-9]{32}",
    "a Square token": r"sq0(atp|csp)-[A-Za-z0-9_-]{22,}|EAAA[A-Za-z0-9_-]{60}",
    "a Telegram bot token": r"(?<!\d)\d{8,10}:AA[A-Za-z0-9_-]{32,}",
    "an Azure storage key": r"AccountKey=[A-Za-z0-9+/=]{60,}",
    "an Azure SAS signature": r"[?&]sig=[A-Za-z0-9%+/=]{30,}",
    "a JSON web token": r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{10,}",
    "a private key": r"-----BEGIN ([A-Z]+ )*PRIVATE KEY( BLOCK)?-----",
    "a password in a URL": r"[a-zA-Z][a-zA-Z0-9+.-]{2,}://[^\s:/@'\"{}]{1,80}:(?!\$|\{|<|%s|\*)[^\s:/@'\"{}]{3,120}@[\w.-]+",
    "a bearer token": r"(?i:bearer)\s+[A-Za-z0-9._~+/-]{24,}=*",
    "a basic authorisation": r"(?i:basic)\s+[A-Za-z0-9+/]{24,}={0,2}(?![\w])",
    "a Vault token": r"hvs\.[A-Za-z0-9_-]{24,}",
    "a password in a connection string": r"(?i)(pwd|password)\s*=\s*(?![<{$%*])[^;\s'\"]{4,}\s*(;|$)",
}
_PATTERNS = {what: re.compile(form) for what, form in _FORMS.items()}
_PASSWORD = re.compile(
    r"(?i)(^|[_\W])(password|passwd|passphrase|pwd|client_?secret|secret(_?key)?|db_?pass(word)?)s?$"
)
_KEY = re.compile(
    r"(?i)(^|[_\W])(api_?key|apikey|auth(_?token)?|access_?token|refresh_?token|token|access_?key(_?id)?|private_?key|"
    r"credentials?|encryption_?key|signing_?key|account_?key|webhook)s?$"
)
_NO_SECRET = re.compile(
    r"(?i)^(|none|null|true|false|passwords?|passwd|secrets?|tokens?|change_?me|example.*|test|dummy|foo|bar|(.)\2+|"
    r"your[-_ ].*|my[-_ ]?(password|secret|token|key)|<.*>|\[.*\]|\{.*\}|\$\{?.*|%\(?.*|placeholder.*|redacted|n/?a|unknown|todo|"
    r".*\s.*)$"
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


class Secret(Rule):
    code: ClassVar[str] = "secret"
    severity: ClassVar[Severity] = "refuse"
    about: ClassVar[str] = "a credential would travel with the model"

    def look(self, case: Case) -> Iterator[Finding]:
        places: dict[str, str] = {}
        for held in case.held:
            if isinstance(held.value, str | bytes):
                what = secret(_text(held.value), _last_name(held.path))
                if what is not None:
                    places.setdefault(f"{held.path} (used in {held.of})" if held.of else held.path, what)
        for code in case.travelling:
            for node, name in _strings(code.tree):
                what = secret(node.value, name)
                if what is not None:
                    places.setdefault(code.place(node) + (f": {name}" if name else ""), what)
        for where, what in places.items():
            yield stopping(where, what, _last_name(where))


def stopping(where: str, what: str, name: str | None = None) -> Finding:
    """The finding of one credential; its words never hold the value."""
    variable = re.sub(r"\W+", "_", name or "").strip("_").upper() or "TOKEN"
    return Finding(
        code=Secret.code,
        severity="refuse",
        title=f"There is {what} in what would travel",
        where=where,
        why="Whoever has the capture, the registry or the Bento could read it.",
        fix=f'read it inside predict: os.environ["{variable}"], and %deploy model --env {variable}',
    )


def secret(text: str, name: str | None = None) -> str | None:
    """What kind of credential a text is or holds; None where it is none.

    By its form, else by the name that it is kept under where the text could be a credential.

    Examples
    --------
    >>> secret("dapi" + "0123456789abcdef" * 2)
    'a Databricks token'
    >>> secret("winter", "season") is None
    True
    """
    if len(text) < 4 or len(text) > 200_000:
        return None
    for what, pattern in _PATTERNS.items():
        if pattern.search(text):
            return what
    if name and _named(_CAMEL.sub("_", name), text.strip()):
        return f"a value kept under the name `{name}`"
    return None


def in_files(folder: Path) -> Iterator[Finding]:
    """Credentials by their form in the strings of saved files and in text beside them."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        for text in _file_strings(path):
            what = secret(text)
            if what is not None:
                yield stopping(path.relative_to(folder.parent).as_posix(), what)
                break


def _named(name: str, text: str) -> bool:
    """A password may be a word; a key or token has digits and no language's share of letters. Placeholders are neither."""
    if len(text) > 512 or _NO_SECRET.match(text):
        return False
    if _PASSWORD.search(name):
        return len(text) >= 6
    return bool(_KEY.search(name)) and len(text) >= 16 and any(c.isdigit() for c in text) and entropy(text) > 3.0


def entropy(text: str) -> float:
    """Shannon entropy of the characters, in bits."""
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())


def _strings(tree: ast.AST) -> Iterator[tuple[Any, str | None]]:
    """Text constants with the name that they are given to: a variable, an attribute, an argument, a key."""
    names: dict[int, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            names |= {id(node.value): ast.unparse(node.targets[0])}
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            names |= {id(node.value): ast.unparse(node.target)}
        elif isinstance(node, ast.keyword) and node.arg:
            names |= {id(node.value): node.arg}
        elif isinstance(node, ast.Dict):
            keys = zip(node.keys, node.values, strict=True)
            names |= {id(v): k.value for k, v in keys if isinstance(k, ast.Constant) and isinstance(k.value, str)}
        elif isinstance(node, ast.arguments):
            given = [*node.posonlyargs, *node.args][-len(node.defaults) :] if node.defaults else []
            names |= {id(default): argument.arg for argument, default in zip(given, node.defaults, strict=True)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node, names.get(id(node))


def _last_name(path: str) -> str | None:
    found = re.findall(r"[A-Za-z_]\w*", path.split(" (")[0].rpartition(": ")[2])
    return found[-1] if found else None


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value[:200_000].decode("latin-1")


def _file_strings(path: Path) -> Iterator[str]:
    if path.suffix in (".pkl", ".pickle", ".joblib"):
        yield from _pickled(path.read_bytes())
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith((".json", ".txt", ".py")):
                    yield archive.read(name).decode(errors="replace")
    elif path.suffix in (".py", ".json", ".txt", ".toml", ".yaml", ".yml", ".cfg", ".ini", ".env", ".csv", ""):
        yield from path.read_text(errors="replace")[: 2**20].splitlines()


def _pickled(data: bytes) -> Iterator[str]:
    try:
        for _, argument, _ in pickletools.genops(data):
            if isinstance(argument, str):
                yield argument
            elif isinstance(argument, bytes) and 8 <= len(argument) <= 65536:
                yield argument.decode("latin-1")
    except ValueError:  # what follows is no pickle
        return
