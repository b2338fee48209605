"""Columns of credentials in tables as they are printed: by pandas, as Markdown, as HTML, with frames around, as CSV."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nb2prod.capturing.credentials import names

_SPEAKING = (
    *("pass", "pw", "secret", "token", "key", "kennwort", "contrase", "senha", "wachtwoord", "haslo", "hasło"),
    *("пароль", "密码", "パスワード"),
)
_TAGS = re.compile(r"<[^<>]*>")
_RULE = re.compile(r"^[\s|+:=─═━┄╌┼╪╞╡├┤┌┬┐└┴┘│┆╭╮╰╯-]*$")
_FRAMES = re.compile(r"[|│┆┃║]")
_TYPES = re.compile(r"^(str|object|string|text|[iu]\d+|f\d+|int\d*|float\d*|bool|utf8|---|varchar\S*|)$", re.IGNORECASE)
# what a password is for stands beside it; where nothing does, the passwords are what is studied
_BESIDE = re.compile(
    r"(?i)(^|[_ .-])(users?|user_?name|usr|login|log_?in|e?-?mail|host|hostname|server|account|service|db|database|url|uri"
    r"|endpoint|site|system|name|machine|address|ip|port|client|usuario|usuário|benutzer|utilisateur|gebruiker|utente|consumer|app|shop"
    r"|tenant|role)$"
)
_INSERT = re.compile(
    r"(?i)\binsert\s+into\s+\S+\s*\((?P<columns>[^()]{3,500})\)\s*values\s*\((?P<values>[^()]{3,2000})\)"
)
_MOST = 40  # rows of one table


def pairs(text: str) -> Iterator[tuple[int, str, str]]:
    """The line, the column's name and the value of each cell in a column that credentials are kept in.

    Examples
    --------
    >>> list(pairs("   user  password\\n0  anna  Vi0let-7"))
    [(2, 'password', 'Vi0let-7')]
    """
    small = text.lower()
    if not any(word in small for word in _SPEAKING):
        return
    lines = text.split("\n")
    for at, line in enumerate(small.split("\n")[:-1]):
        if len(line) < 2_000 and any(word in line for word in _SPEAKING):
            head = _cells(lines[at])
            columns = _columns([cell.strip("\"' ") for cell in head])
            yield from _below(lines, at, head, columns) if columns else ()


def inserted(text: str) -> Iterator[tuple[int, str, str]]:
    """As `pairs`, of what a statement of SQL puts into columns."""
    for found in _INSERT.finditer(text) if "nsert" in text or "NSERT" in text else ():
        columns = [column.strip('`"[] ') for column in found["columns"].split(",")]
        values = [value.strip("'\" ") for value in found["values"].split(",")]
        line = text.count("\n", 0, found.start("values")) + 1
        yield from ((line, name, value) for name, value in zip(columns, values, strict=False) if names.speaks(name))


def _below(lines: list[str], at: int, head: list[str], columns: dict[int, str]) -> Iterator[tuple[int, str, str]]:
    split = _separator(lines[at])
    for number, line in enumerate(lines[at + 1 : at + 1 + _MOST], start=at + 2):
        cells = _cells(line, split)
        if _RULE.match(line) or all(map(_TYPES.match, cells)):
            if not line.strip():
                return
            continue
        if len(cells) not in (len(head), len(head) + 1):  # a row's index has no name
            return
        for column, name in columns.items():
            yield number, name, cells[column - len(head)].strip("\"' ")


def _columns(head: list[str]) -> dict[int, str]:
    """The columns that credentials are kept in, by their place."""
    if len(head) < 2 or any(len(cell) > 40 or re.search(r"[^\w .#/-]", cell) for cell in head):
        return {}
    if not any(_BESIDE.search(cell) for cell in head):
        return {}
    return {at: cell for at, cell in enumerate(head) if names.speaks(cell)}


def _separator(line: str) -> str:
    return "|" if _FRAMES.search(line) else next((mark for mark in ("\t", ";", ",") if mark in line), "  ")


def _cells(line: str, separator: str = "") -> list[str]:
    plain = _TAGS.sub(" ", line) if "<" in line else line
    separator = separator or _separator(plain)
    if separator == "  ":
        return re.split(r"\s{2,}", plain.strip())
    parts = _FRAMES.split(plain.strip()) if separator == "|" else plain.split(separator)
    cells = [part.strip() for part in parts]
    framed = separator == "|" and len(cells) > 2 and not cells[0] and not cells[-1]
    return cells[1:-1] if framed else cells
