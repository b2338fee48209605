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

from nb2prod.baseline.columns import Coded, Column, values_of
from nb2prod.baseline.feature import NULL, TYPE, Feature, Floats, Ints

LEVELS = 100
LEVEL_ROWS = 20
KNOWN = 10_000
TERMS = 32
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


def top(found: Counter[Any], fixed: Sequence[str] = ()) -> tuple[tuple[str, ...], NDArray[np.uint64]]:
    """Levels with a bucket of their own, most frequent first, and the hashes of the rare ones."""
    texts = [(text, times) for text, times in found.items() if isinstance(text, str)]
    rows = sum(times for _, times in texts)
    enough = LEVEL_ROWS if rows >= 1000 else max(5, rows // 50)
    ranked = sorted(texts, key=lambda item: (-item[1], item[0]))
    kept = tuple(fixed) or tuple(text for text, times in ranked if times >= enough)[:LEVELS]
    held = set(kept)
    rare = [hashed(text) for text, _ in ranked if text not in held]
    return kept, np.array(sorted(rare[:KNOWN]), dtype=np.uint64)


def tally(feature: Feature, column: Column) -> Ints:
    """Counts of a category's buckets."""
    counts = np.zeros(feature.size, np.int64)
    only_text = feature.options.get("only_text", False)
    for value, times in tallied(column).items():
        if times:
            counts[_bucket(feature, value, only_text)] += times
    return counts


def _bucket(feature: Feature, value: Any, only_text: bool) -> int:
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
