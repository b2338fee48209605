"""Credentials in text as people and programs write it: lines of a cell, of an output, of a file beside a model."""

from __future__ import annotations

import ast
import io
import itertools
import json
import re
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nb2prod.capturing import cells
from nb2prod.capturing.credentials import (
    LONGEST,
    Credential,
    by_name,
    calls,
    code,
    folding,
    forms,
    kind,
    names,
    prose,
    tables,
)

_PAIR = re.compile(
    r"(?P<name>[^\W\d_][\w.-]{1,60})(?:\*\*)?\\{0,2}[\"'`]?\]?\)?\s{0,3}(?:=>|->|[:?]{0,2}=|={1,2}|:|\|)(?:\*\*)?\s{0,3}[bruf]{0,2}(?P<quote>\\{0,2}[\"'`]?)"
    r"(?P<value>(?<=[\"'`])[^\"'`\n]{4,300}(?=[\"'`])|[^\s\"'`,;}{()\[\]<>|&]{4,300}(?![\w.]*[(\[]))"
)
_OPTION = re.compile(
    r"(?:^|\s)--?(?P<name>[A-Za-z][\w-]{1,40})[ =]+[\"']?(?P<value>[^\s\"'`$<{-][^\s\"'`]{3,200})"
    r"|(?:^|\s)(?:configure\s+)?setx?\s+(?P<name2>[\w.-]{4,60})\s+[\"']?(?P<value2>[^\s\"'`$<{]{4,200})"
    r"|^\s*%(?:set_)?env\s+(?P<name3>\w{2,60})[ =]\s*[\"']?(?P<value3>[^\s\"'`$<{]{4,200})"
)
_SHELL = re.compile(
    r"(?:\blogin(?:\s+--[\w-]+)*|\s-[akptu]|\s[\w.-]*(?:password|secret|token|_key))\s+[\"']?(?P<value>[\w.-]{15,200})"
)
_BELOW = re.compile(
    r"(?i)\b(?:name|key)[\"']?\s*[:=]\s*[\"']?(?P<name>[\w.-]{2,60})[\"']?,?\s*\n\s*[\"']?value[\"']?\s*[:=]\s*[\"']?(?P<value>[^\s\"',]{4,200})"
)
# as a configuration or a shell sets it, with nothing behind: there a password may be words
_SET = re.compile(
    r"^[\s#]*(?:export |set |setx |ENV |ARG )?(?P<name>[\w.-]{2,60})\s*[=:]\s*"
    r"(?P<value>[^\s_.()\[\]{}<>$%\"'`]{6,80})\s*(?:&&.*|;.*|#.*)?$"
    r"|(?:^|[\s;&!])(?:(?:ENV|ARG) )?(?P<name2>[A-Z][A-Z0-9_]{2,60})=(?P<value2>[^\s()\[\]{}<>$%\"'`;&]{6,80})(?=$|[\s;&])"
    r"|\s--(?:set(?:-\w+)?[ =])?(?P<name3>[A-Za-z][\w.-]{1,60})[ =]"
    r"(?P<value3>[^\s()\[\]{}<>$%\"'`;&-][^\s()\[\]{}<>$%\"'`;&]{5,80})(?=$|[\s;&])"
)
# as an .env file has it: whatever signs the value has, up to the end of the line
_WHOLE = re.compile(
    r"^\s*(?:export |set )?(?P<name>[A-Za-z][\w.-]{2,60})\s*=\s*(?P<value>(?![\w.]+[(\[]\S*[)\]]\s*$)[^\s\"'`<$\\]{12,300})\s*$"
)
_COUPLE = re.compile(
    r"\(\s*[bruf]?[\"'](?P<name>[\w.-]{2,40})[\"']\s*,\s*[bruf]?[\"'](?P<value>[^\"'\n]{4,200})[\"']\s*\)"
)
# code that is shown: commented out, or where an error came from
_SHOWN = re.compile(
    r"^\s*(?:-+>|#+|>>>|In \[\d+\]:)?\s*\d*\s*#*\s*(?P<code>[^\W\d][\w.]*(?:\s*=\s*[\w.]+)?\(.*[\"'].*\))\s*$"
)
_TABLE = re.compile(r"^\s*(?:\d+\s+)?(?P<name>[^\W\d_][\w.-]{1,40})\s{2,}(?P<value>[^\s|]{6,200})\s*$")
_TAG = re.compile(r"<(?P<name>[A-Za-z][\w.-]{1,40})(?:\s[^<>]*)?>\s*(?P<value>[^<>\s]{4,200})\s*</(?P=name)>")
_ATTRIBUTES = re.compile(
    r"(?i)\b(?:key|name)\s*=\s*\\?[\"'](?P<name>[\w.-]{2,60})\\?[\"']\s+(?:[\w-]+=\S+\s+)?value\s*=\s*\\?[\"'](?P<value>[^\"']{4,200})\\?[\"']"
)
_ELEMENTS = re.compile(
    r"<(?:name|key)>\s*(?P<name>[\w.-]{2,80})\s*</\w+>\s*"
    r"<value>\s*(?P<value>[^<]{4,200}?)\s*</value>"
)
_EXAMPLES = re.compile(r"^\s*(?:>>>|\.\.\.) (.*)$", re.MULTILINE)
_NETRC = re.compile(r"(?m)^\s*login\s+\S+\s*\n\s*(?P<name>password)\s+(?P<value>[^\s$<{]{4,80})\s*$")
_INLINE = re.compile(r"</?(?:b|i|u|em|strong|code|tt|kbd|samp|small|span|mark)(?: [^<>\n]*)?>")
_CELLS = re.compile(r"\s*</(?:t[dh]|dt)>\s*<(?:t[dh]|dd)\b[^<>]*>\s*|\s*</label>\s*")
_NOISE = re.compile(
    r"(<(script|style)\b[^<>]*>).*?</\2>|data:[\w/+.-]+;base64,[A-Za-z0-9+/=\s]{40,}", re.DOTALL | re.IGNORECASE
)
_LINE = 20_000
# rows of numbers, dates and short words, four or more in a row: no form of a credential and no name's value is among them
_DULL = re.compile(
    r"\s*(?:(?:[-+]?\d{1,15}(?:\.\d{0,17})?(?:e[-+]\d{2,3})?|[A-Za-z]{1,14}|\d{4}-\d\d-\d\d|\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(?:\s+|$)){4,}$"
)
# what stands in every name that `_SET` asks for
_SETTING = ("pass", "pw", "psw", "mdp", "haslo", "kennwort", "contrase", "senha", "wachtwoord", "hasło")
_PAIRED = re.compile(r"[=:|]|->")
_LONG_WORD = re.compile(r"[\w.-]{15}")
_OPTIONED = re.compile(r"(?:^|\s)--?[A-Za-z]|set|env")
_SETS = frozenset({"env", "export", "set", "setx", "arg", "declare", "local", "let", "const", "var"})
_NEUTRAL = frozenset({"content", "value", "default", "data", "__id__"})
_NAMING = ("name", "key", "description", "variable")
_CALLED = re.compile(
    r"(?i)\b(api[ _-]?key|(access |secret |private |auth )?(key|token)|secret|password|passwort|credentials?|clave|clé)\b"
)
_NO_KEY = re.compile(
    r"(?i)\b(hash|sha\d*|md5|digest|checksum|primary|foreign|join|sort|public|ids?|etag|commit|revision|gdown|drive|file|checkout|video|run|model)\b"
)
_WORD = re.compile(r"(?<![\w./:=&?#%+-])[A-Za-z0-9_-]{24,128}(?![\w./:=&?#%+-])")


def in_text(text: str) -> Iterator[Credential]:
    """Credentials in any text, line by line; what scripts and images inside it hold is passed over."""
    plain = _NOISE.sub(lambda noise: noise[1] or " ", text[: 10 * LONGEST])
    if "</" in plain:
        plain = _CELLS.sub(" | ", _INLINE.sub("", plain)).replace("</tr>", "</tr>\n").replace("</dd>", "</dd>\n")
    for form, mark in ((_BELOW, "value"), (_ELEMENTS, "<value>"), (_NETRC, "login")):
        for pair in form.finditer(plain) if mark in plain else ():
            if (what := kind(pair["value"], (pair["name"],))) is not None:
                yield Credential(what, plain.count("\n", 0, pair.start("value")) + 1, pair["name"])
    for number, name, value in (*tables.pairs(plain), *tables.inserted(plain)):
        if (names.is_password(name) or names.is_key(value)) and (what := kind(value, (name,), spelled=False)):
            yield Credential(what, number, name)
    dull: set[str] = set()
    for number, line in enumerate(plain.split("\n"), start=1):
        if line in dull or (_DULL.match(line) and "pass" not in line.lower()):
            continue
        dull.add(line)
        for start in range(0, len(line), _LINE):
            found = _in_line(line[start : start + _LINE + 200], number)
            if found is not None:
                yield found
                dull.discard(line)
                break


def in_source(source: str, known: Mapping[str, Any] | None = None) -> Iterator[Credential]:
    """Credentials in a cell or module: in its code by its syntax tree, in its comments and magics as text."""
    tree = cells.parse(source)
    if tree is None:
        yield from in_text(source)
        return
    seen = set()
    beside = _beside_code(source)
    for found in in_code(tree, known, beside.split("\n")):
        seen.add(found.line)
        yield found
    yield from (found for found in in_text(beside) if found.line not in seen)
    yield from (found for found in _random_words(beside) if found.line not in seen)


def in_code(tree: ast.AST, known: Mapping[str, Any] | None = None, beside: Sequence[str] = ()) -> Iterator[Credential]:
    """Credentials that a piece of code spells out; `beside` are its comments, each at its line."""
    constants = {**(known or {}), **folding.constants(tree)}
    told: set[tuple[int, str]] = set()  # an f-string is judged as a whole, then what stands between its fields
    for one in code.texts(tree, known):
        line = getattr(one.node, "lineno", 1)
        name = next(filter(_is_own, one.names), None)
        what = _of_spelled(one)
        if what is None and not one.again:
            inside = _in_long(one.text)
            what, name = (inside.what, name or inside.name) if inside else (_told_beside(one.text, line, beside), name)
        if what is not None and (line, what) not in told and not _spelled_elsewhere(one, constants):
            told.add((line, what))
            yield Credential(what, line, name)


def _is_own(name: str | None) -> bool:
    """Whether a name is that of a thing, not of the call that writes it."""
    return bool(name) and str(name).replace("_", "").isalnum() and not calls.FILLING.match(str(name))


def _spelled_elsewhere(one: code.Spelled, constants: Mapping[str, Any]) -> bool:
    """Whether a credential comes from variables, and the lines that give them their texts are told already."""
    parts = list(ast.walk(one.node))
    own = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    if any(kind(text, one.names, around=one.around, spelled=one.pair, code=True) for text in own):
        return False
    held = [(part.id, constants.get(part.id)) for part in parts if isinstance(part, ast.Name)]
    return any(isinstance(text, str) and kind(text, (name,), code=True) is not None for name, text in held)


def _of_spelled(one: code.Spelled) -> str | None:
    if one.again:
        return by_name(one.text, one.names, one.around, spelled=one.pair)
    return kind(one.text, one.names, around=one.around, spelled=one.pair, code=True)


def _told_beside(text: str, line: int, beside: Sequence[str]) -> str | None:
    """What a comment in the same line, or alone in the one before, calls a key."""
    if not names.is_key(text):
        return None
    before = beside[line - 2] if 1 < line <= len(beside) + 1 else ""
    told = " ".join((*beside[line - 1 : line], before))
    found = _CALLED.search(told)
    return f"what a comment calls a {found[0].lower()}" if found and not _NO_KEY.search(told) else None


def _random_words(text: str) -> Iterator[Credential]:
    """Random texts in comments and magics; what an address or a path is made of is none."""
    for number, line in enumerate(text.split("\n"), start=1):
        if (
            len(line) >= 24
            and not _NO_KEY.search(line)
            and any(names.is_random(word) for word in _WORD.findall(line[:_LINE]))
        ):
            yield Credential("a random text that looks like a key", number)


def in_json(document: Any) -> Iterator[Credential]:
    """Credentials in a JSON document, by their key or the next one above that speaks."""
    for text, told in dict.fromkeys(_texts(document)):  # a model's schema says most things a hundred times
        what = kind(text, told)
        if what is not None:
            yield Credential(what, 1, next(iter(told), None))


def _texts(document: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every text of a JSON document with its names, in order."""
    if isinstance(document, dict):
        naming = tuple(value for key in _NAMING if isinstance(value := document.get(key), str) and len(value) <= 60)
        for key, value in document.items():
            told = (*naming, *names) if key in _NEUTRAL else (str(key),)
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
    for found in _pairs(line) if _PAIRED.search(line) else ():
        name = _with_word_before(line, found)
        what = kind(found["value"], (name,), spelled=bool(found["quote"]))
        if what is not None:
            return Credential(what, number, name)
    if len(line) < 1_000 and "(" in line and ("'" in line or '"' in line) and (shown := _in_shown_code(line)):
        return Credential(shown.what, number, shown.name)
    small = line.lower()
    if (told := prose.told(line, small)) is not None:
        return Credential(told[0], number, told[1])
    return _in_marks(line, number, small)


def _pairs(line: str) -> Iterator[re.Match[str]]:
    """Names with their values, also where a value is such a pair: `--set-literal=password=…`."""
    for found in _PAIR.finditer(line):
        yield found
        if "=" in found["value"]:
            yield from _PAIR.finditer(found["value"])


def _in_shown_code(line: str) -> Credential | None:
    found = _SHOWN.match(line)
    if found is None:
        return None
    try:
        tree = ast.parse(found["code"])
    except (SyntaxError, ValueError):
        return None
    return next(in_code(tree), None)


def _with_word_before(line: str, found: re.Match[str]) -> str:
    """`API key: …`, `Secret access key = …`: what a key is of stands before it."""
    before = re.search(r"([^\W\d_]{2,20}) $", line[max(found.start() - 22, 0) : found.start()])
    return f"{before[1]} {found['name']}" if before and before[1].lower() not in _SETS else found["name"]


def _in_marks(line: str, number: int, small: str) -> Credential | None:
    """Options of commands, rows of two columns, elements and attributes of XML."""
    for found in _SHELL.finditer(line) if _LONG_WORD.search(line) else ():
        if names.is_key(found["value"]) and not names.is_no_secret(found["value"]):
            return Credential("a key given to a command", number)
    for form, spelled, may_be in (
        (_OPTION, False, _OPTIONED.search(line)),
        (_TABLE, False, True),
        (_TAG, True, "</" in line),
        (_COUPLE, True, "(" in line),
        (_WHOLE, False, "=" in line),
        (_ATTRIBUTES, True, "value" in small),
        (_SET, True, any(word in small for word in _SETTING)),
    ):
        for found in form.finditer(line) if may_be else ():
            told = found.groupdict()
            name = told["name"] or told.get("name2") or told.get("name3") or ""
            value = told["value"] or told.get("value2") or told.get("value3") or ""
            spelled = spelled or (form is _WHOLE and names.is_varied(value))
            what = kind(value, (name,), spelled=spelled) if form is not _SET or names.is_password(name) else None
            if what is not None:
                return Credential(what, number, name)
    return None


def _in_long(text: str) -> Credential | None:
    """A text with lines of its own (a configuration, a script, a docstring) is read as one."""
    said = [text, *forms.decoded(text)] if " " not in text else [text]
    read = (one for one in said if re.search(r"[\n=:<]", one) or (" " in one and _CALLED.search(one)))
    found = next((found for one in read for found in in_text(one)), None)
    if found is None and ">>> " in text:
        found = next(in_source("\n".join(_EXAMPLES.findall(text))), None)
    return found


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
