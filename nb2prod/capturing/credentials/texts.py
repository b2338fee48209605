"""Credentials in text as people and programs write it: lines of a cell, of an output, of a file beside a model."""

from __future__ import annotations

import ast
import io
import itertools
import json
import re
import tokenize
from collections.abc import Iterator
from typing import Any

from nb2prod.capturing import cells
from nb2prod.capturing.credentials import LONGEST, Credential, code, kind, names

_PAIR = re.compile(
    r"(?P<name>[A-Za-z][\w.-]{1,60})[\"'`]?\]?\)?\s{0,3}(?:=>|:=|={1,2}|:)\s{0,3}[bruf]{0,2}(?P<quote>[\"'`]?)"
    r"(?P<value>(?<=[\"'`])[^\"'`\n]{4,300}(?=[\"'`])|[^\s\"'`,;}{()\[\]<>|]{4,300}(?![(\[]))"
)
_OPTION = re.compile(
    r"(?:^|\s)--?(?P<name>[A-Za-z][\w-]{1,40})[ =]+[\"']?(?P<value>[^\s\"'`$<{-][^\s\"'`]{3,200})"
    r"|(?:^|\s)(?:configure\s+)?set\s+(?P<name2>[\w.-]{4,60})\s+(?P<value2>[^\s\"'`$<{]{4,200})"
    r"|^\s*%(?:set_)?env\s+(?P<name3>\w{2,60})[ =]\s*(?P<value3>[^\s\"'`$<{]{4,200})"
)
_PROSE = re.compile(
    r"(?i)\b(?P<name>pw|pwd|passwords?|passwd|passphrase|passcode|secret|token|api[ _-]?key)"
    r"(?: (?:for|of|to|on|in|at) [\w. -]{1,30}?)? (?:is|was) [\"'`]?(?P<value>[^\s\"'`,;()<>{}]{6,80})"
)
_NOISE = re.compile(r"<(script|style)\b.*?</\1>|data:[\w/+.-]+;base64,[A-Za-z0-9+/=\s]{40,}", re.DOTALL | re.IGNORECASE)
_LINE = 20_000


def in_text(text: str) -> Iterator[Credential]:
    """Credentials in any text, line by line; scripts and images inside it are passed over."""
    plain = _NOISE.sub(" ", text[: 10 * LONGEST])
    for number, line in enumerate(plain.split("\n"), start=1):
        for start in range(0, len(line), _LINE):
            found = _in_line(line[start : start + _LINE + 200], number)
            if found is not None:
                yield found
                break


def in_source(source: str) -> Iterator[Credential]:
    """Credentials in a cell or module: in its code by its syntax tree, in its comments and magics as text."""
    tree = cells.parse(source)
    if tree is None:
        yield from in_text(source)
        return
    seen = set()
    for found in in_code(tree):
        seen.add(found.line)
        yield found
    yield from (found for found in in_text(_beside_code(source)) if found.line not in seen)


def in_code(tree: ast.AST) -> Iterator[Credential]:
    """Credentials that a piece of code spells out."""
    for one in code.texts(tree):
        what = kind(one.text, one.names, spelled=one.pair, code=True) or _in_long(one.text)
        if what is not None:
            name = next((name for name in one.names if name and name.replace("_", "").isalnum()), None)
            yield Credential(what, getattr(one.node, "lineno", 1), name)


def in_json(document: Any) -> Iterator[Credential]:
    """Credentials in a JSON document, by their key or the next one above that speaks."""
    for text, told in dict.fromkeys(_texts(document)):  # a model's schema says most things a hundred times
        what = kind(text, told)
        if what is not None:
            yield Credential(what, 1, next(iter(told), None))


def _texts(document: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every text of a JSON document with its names, in order."""
    if isinstance(document, dict):
        for key, value in document.items():
            told = names if key in ("content", "value", "default", "data", "__id__") else (str(key),)
            yield from _texts(value, told)
    elif isinstance(document, list):
        for value in document:
            yield from _texts(value, names)
    elif isinstance(document, str):
        yield document.strip('"'), names


def in_lines_of_json(text: str) -> Iterator[Credential]:
    """As `in_json`; what is no JSON is read as text."""
    try:
        document = json.loads(text)
    except ValueError:
        yield from in_text(text)
        return
    yield from in_json(document)


def _in_line(line: str, number: int) -> Credential | None:
    what = kind(line)
    if what is not None:
        return Credential(what, number)
    for found in _PAIR.finditer(line):
        quoted = bool(found["quote"])
        what = kind(found["value"], (found["name"],), spelled=quoted)
        if what is not None:
            return Credential(what, number, found["name"])
    for told in _PROSE.finditer(line):
        value = told["value"].rstrip(".!")
        if names.is_strong(value) and not names.is_no_secret(value):
            return Credential(f"a value told as the {told['name'].lower()}", number, told["name"])
    for option in _OPTION.finditer(line):
        name = option["name"] or option["name2"] or option["name3"]
        what = kind(option["value"] or option["value2"] or option["value3"], (name,), spelled=False)
        if what is not None:
            return Credential(what, number, name)
    return None


def _in_long(text: str) -> str | None:
    """A text with lines of its own (a configuration, a script) is read as one."""
    if "\n" not in text and not re.search(r"[=:]", text):
        return None
    return next((found.what for found in in_text(text)), None)


def _beside_code(source: str) -> str:
    """The source with its code taken out: comments and magics stay, each in its line."""
    plain = source if _is_python(source) else cells.python_source(source)
    kept = [line if line != code else "" for line, code in itertools.zip_longest(source.split("\n"), plain.split("\n"))]
    try:
        for token in tokenize.generate_tokens(io.StringIO(plain).readline):
            if token.type == tokenize.COMMENT and token.start[0] <= len(kept):
                kept[token.start[0] - 1] = token.string
    except (tokenize.TokenError, SyntaxError):  # comments after what is no Python are left unread
        pass
    return "\n".join(kept)


def _is_python(source: str) -> bool:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError):
        return False
    return True
