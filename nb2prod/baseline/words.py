"""Categories, booleans and texts: levels by frequency, and a text's length, strangeness and terms."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nb2prod.baseline import unseen
from nb2prod.baseline.columns import Coded, Column, values_of
from nb2prod.baseline.feature import BODY, NULL, TYPE, Feature, Floats, Ints

LEVELS = 100
LEVEL_ROWS = 20
KNOWN = 10_000
TERMS = 32
# with so few levels none is chosen for its luck
FEW = 8
SETTLED = 30
LEAST = 3
_APART = 2.0
_SEED = 71_993
VOCABULARY = 50_000
_TERM = re.compile(r"\w+")
_NULL, _WRONG = object(), object()


def level(value: Any) -> Any:
    """The text of a level as it stands on the wire; `_NULL` or `_WRONG` for what is none."""
    if isinstance(value, str):
        return value
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return _NULL
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (float, np.floating)):
        if value != value:
            return _NULL
        return str(int(value)) if np.isfinite(value) and value == int(value) else str(float(value))
    if isinstance(value, (list, tuple, dict, set, np.ndarray)):
        return _WRONG
    return str(value)


def missing(value: Any) -> bool:
    """Is it a null?"""
    return (
        value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value)
    )


def tallied(column: Column) -> Counter[Any]:
    """How often each raw value comes, each distinct one once."""
    if isinstance(column, Coded):
        held = np.bincount(np.asarray(column.codes, np.int64) + 1, minlength=len(column.levels) + 1)
        return Counter(dict(zip([None, *column.levels], held.tolist(), strict=True)))
    if isinstance(column, np.ndarray) and column.dtype.kind in "biuf" and len(column) > 64:
        found, times = np.unique(column, return_counts=True)
        return Counter(dict(zip(found.tolist(), times.tolist(), strict=True)))
    values = values_of(column)
    try:
        return Counter(values)
    except TypeError:
        return Counter(value if _hashable(value) else _WRONG for value in values)


def _hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def levels_of(column: Column) -> Counter[Any]:
    """How often each level comes, by its text on the wire."""
    found: Counter[Any] = Counter()
    for value, times in tallied(column).items():
        if times:
            found[_WRONG if value is _WRONG else level(value)] += times
    return found


def hashed(text: str) -> int:
    """64 bits that stand for a text; the same on every machine."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def top(found: Counter[Any], chosen: Counter[Any] | None = None) -> tuple[tuple[str, ...], NDArray[np.uint64]]:
    """Levels with a bucket of their own, most frequent first, and the hashes of the rare ones.

    `chosen` are the rows that choose the former and their order, where not all do.
    """
    judge = found if chosen is None else chosen
    pool, least = (found, _enough(found)) if settled(found) else (judge, _enough(found))
    if pool is not found:
        least = max(LEAST, round(least * _rows(judge) / max(_rows(found), 1)))
    often = [text for text, times in _ranked(pool) if times >= least][:LEVELS]
    held = set(often)
    rare = [hashed(text) for text, _ in _ranked(found) if text not in held]
    return tuple(sorted(often, key=lambda text: (-judge[text], text))), np.array(sorted(rare[:KNOWN]), dtype=np.uint64)


def settled(found: Counter[Any]) -> bool:
    """Are levels few, and none so near to the limit that luck gives it a bucket? The root of a count has deviation ½."""
    limit = np.sqrt(_enough(found))
    roots = np.sqrt([times for _, times in _ranked(found)])
    return bool((np.abs(roots - limit) >= _APART).all() and len(roots) <= SETTLED)


def _enough(found: Counter[Any]) -> int:
    """Rows that a level with a bucket has at least."""
    rows = _rows(found)
    return LEVEL_ROWS if rows >= 1000 else max(5, rows // 50)


def _rows(found: Counter[Any]) -> int:
    return sum(times for text, times in found.items() if isinstance(text, str))


def _ranked(found: Counter[Any]) -> list[tuple[str, int]]:
    texts = [(text, times) for text, times in found.items() if isinstance(text, str)]
    return sorted(texts, key=lambda item: (-item[1], item[0]))


def choosers(levels: int, rows: int) -> Ints:
    """Training rows that choose the levels of a category; none where all may.

    On the rows that choose them, levels are as frequent as they had to be for their place: among 300 equal ones those above
    the limit lie too high, the lump of the others too low, and live rows would drift back. So the other rows count them,
    unless all levels are far from the limit: then only their order is chosen. Few levels hardly have an order by luck.
    """
    if levels <= FEW:
        return np.empty(0, np.int64)
    # a seed that no data are drawn with: rows drawn with the same one would choose themselves
    drawn = np.random.default_rng([_SEED, rows]).permutation(rows)
    return np.asarray(np.sort(drawn[: max(rows // 10, min(rows // 3, 1000))]), np.int64)


def left_one_out(rows: Ints, found: Counter[Any], known: int) -> tuple[Ints, float]:
    """Counts of a category in which a row that alone has its level is `unseen`, and what such a row is worth (`unseen.worth`)."""
    times = Counter(held for text, held in found.items() if isinstance(text, str))
    whole, part = sum(held * levels for held, levels in times.items()), int(rows[BODY:].sum())
    if known >= KNOWN or not part:
        return rows, 1.0
    rows = rows.copy()
    moved = min(round(times[1] * part / whole), int(rows[-2]))
    rows[-2:] += -moved, moved
    return rows, unseen.worth(times[1], times[2], whole, part / whole)


def tally(feature: Feature, column: Column) -> Ints:
    """Counts of a category's buckets."""
    counts = np.zeros(feature.size, np.int64)
    only_text = feature.options.get("only_text", False)
    for value, times in tallied(column).items():
        if times:
            counts[bucket(feature, value, only_text)] += times
    return counts


def bucket(feature: Feature, value: Any, only_text: bool) -> int:
    """The bucket of one value of a category."""
    if value is _WRONG or (only_text and isinstance(value, (int, float, np.number)) and value == value):
        return TYPE
    text = level(value)
    if text is _NULL:
        return NULL
    if text is _WRONG:
        return TYPE
    if feature.kind == "boolean" and text in ("0", "1"):
        text = "True" if text == "1" else "False"
    place = feature.index.get(text)
    if place is not None:
        return place
    if feature.kind == "boolean":
        return TYPE
    known = hashed(text) in feature.known_set or feature.options.get("many", False)
    return feature.other if known else feature.other + 1


def terms(text: str) -> list[str]:
    """Words of a text, in lower case."""
    return _TERM.findall(text.lower())


def vocabulary(texts: Iterable[str]) -> NDArray[np.uint64]:
    """Sorted hashes of the terms that come in at least two texts, most frequent first where there are too many."""
    found: Counter[int] = Counter()
    for text in texts:
        found.update({zlib.crc32(term.encode()) for term in terms(text)})
    often = [code for code, times in found.most_common(VOCABULARY) if times > 1]
    return np.array(sorted(often), dtype=np.uint64)


def lengths(texts: Sequence[str]) -> Floats:
    """Characters of each text."""
    return np.fromiter(map(len, texts), np.float64, len(texts))


def strangeness(texts: Sequence[str], known: frozenset[int]) -> Floats:
    """Share of each text's terms that training did not have; 0 for a text without terms."""
    shares = np.zeros(len(texts))
    for row, text in enumerate(texts):
        found = terms(text)
        if found:
            shares[row] = sum(zlib.crc32(term.encode()) not in known for term in found) / len(found)
    return np.round(shares, 3)


def one_term(text: str) -> str:
    """The bucket of one term of the text, picked by the text itself.

    One a row keeps rows exchangeable: all terms of a text together would be a burst.
    """
    found = terms(text)
    if not found:
        return "none"
    picked = found[zlib.crc32(text.encode("utf-8", "surrogatepass")) % len(found)]
    return str(zlib.crc32(picked.encode(), 1) % TERMS)


def split_texts(column: Column) -> tuple[list[str], int, int]:
    """The texts of a column, how many nulls, and how many values were no text."""
    texts: list[str] = []
    nulls = wrong = 0
    for value in values_of(column):
        if isinstance(value, str):
            texts.append(value)
        elif level(value) is _NULL:
            nulls += 1
        else:
            wrong += 1
    return texts, nulls, wrong
