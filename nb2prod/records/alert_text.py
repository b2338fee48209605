"""The text form of an alert: `METRIC above|below NUMBER over 7d where column=value min 200 then rollback`."""

from __future__ import annotations

import re
from typing import Any

from nb2prod.errors import UsageError

EXAMPLE = "conversion below 0.03 over 7d"
_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_PAIR = re.compile(rf"({_QUOTED}|[^=]+)=({_QUOTED}|.*)", re.DOTALL)
_WORD = re.compile(rf"(?:{_QUOTED}|[^\s=]+)=(?:{_QUOTED})(?=\s|$)|(?:{_QUOTED})=\S*|\S+")


def read(text: str) -> tuple[str, dict[str, Any]]:
    """Metric and fields of an alert.

    Raises
    ------
    UsageError
        It is no alert; says what is off and how one reads.
    """
    words, actions = _split(text)
    if len(words) < 3 or words[1] not in ("above", "below"):
        raise wrong_alert("It reads METRIC above|below NUMBER, then over, per, where, min and then as wished.", text)
    fields: dict[str, Any] = {words[1]: _number(words[2], text)}
    for place in range(3, len(words), 2):
        found = _clause(words[place], words[place + 1] if place + 1 < len(words) else "", text)
        if fields.keys() & found.keys():
            raise wrong_alert(f"`{words[place]}` is there twice.", text)
        fields |= found
    if actions:
        fields["then"] = tuple(actions)
    return words[0], fields


def written(column: str, value: str) -> str:
    """`column=value` as `read` takes it: what holds a space is quoted."""
    return f"{_quoted(column, '=')}={_quoted(value)}"


def _quoted(word: str, mark: str = " ") -> str:
    if mark not in word and not re.search(r"\s|^['\"]", word):
        return word
    return "'" + word.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _plain(word: str) -> str:
    if not re.fullmatch(_QUOTED, word, re.DOTALL):
        return word
    return re.sub(r"\\(.)", r"\1", word[1:-1], flags=re.DOTALL)


def _split(text: str) -> tuple[list[str], list[str]]:
    """Words before the first `then`, and what is done."""
    words: list[str] = []
    for found in _WORD.finditer(text):
        if found[0] == "then":
            return words, [part.strip() for part in re.split(r"\s+then\s+", text[found.end() :])]
        words.append(found[0])
    return words, []


def _clause(word: str, value: str, text: str) -> dict[str, Any]:
    if word == "over" and value:
        return {"over": value}
    if word == "per" and value in ("prediction", "label"):
        return {"per": value}
    if word == "min" and value.isdigit():
        return {"min_count": int(value)}
    if word == "each":
        return {"each": _number(value, text)}
    if word == "within" and ".." in value:
        least, _, most = value.partition("..")
        return {"within": (_number(least, text), _number(most, text))}
    if word == "where" and (pair := _PAIR.fullmatch(value)):
        return {"where": {_plain(pair[1]): _plain(pair[2])}}
    raise wrong_alert(
        f"`{' '.join(filter(None, (word, value)))}` is none of over, per, where, min, each, within.", text
    )


def _number(word: str, text: str) -> float:
    try:
        return float(word.rstrip("%")) / (100 if word.endswith("%") else 1)
    except ValueError:
        raise wrong_alert(f"`{word}` is no number.", text) from None


def duration(text: str) -> float:
    """Seconds of ``30m``, ``12h``, ``7d``, ``2w``.

    Raises
    ------
    UsageError
        It is no such time.

    Examples
    --------
    >>> duration("7d")
    604800.0
    """
    found = re.fullmatch(r"(\d{1,4})([mhdw])", str(text))
    if found is None or not int(found[1]):
        raise UsageError(
            f"`{text}` is no length of time",
            code="no-duration",
            where=str(text),
            why="It is a whole number and one of m, h, d, w: minutes, hours, days, weeks.",
            fix="7d",
            kept="nothing was changed",
        )
    return float(int(found[1]) * _UNITS[found[2]])


def wrong_alert(why: str, where: str) -> UsageError:
    return UsageError(
        "That is no alert",
        code="wrong-alert",
        where=where,
        why=why,
        fix=f"--alert '{EXAMPLE}'",
        kept="nothing was changed",
    )
