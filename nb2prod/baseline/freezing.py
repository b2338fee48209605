"""Training rows → frozen bins: which kind each column is, and where its buckets lie."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nb2prod.baseline import counting, dependence, moments, numbers, pca, scores, unseen, words
from nb2prod.baseline.columns import Coded, Column, take, values_of
from nb2prod.baseline.feature import Feature, Floats

_KINDS = {"integer": "number", "float": "number", "string": "category", "date": "datetime"}
_ORDERED = 100_000
_TEXT_SHARE, _TEXT_WORDS = 0.5, 3
_LENGTHS, _STRANGE, _SCORES = 32, 16, 40
"""Blocks of a text's length, of its strangeness, and of a score, which labels count twice: once for each outcome."""
_BESIDE = 6


def kind_of(column: Column) -> str:
    """The kind of a column whose kind nobody stated."""
    if isinstance(column, np.ndarray):
        known = {"b": "boolean", "f": "number", "i": "number", "u": "number", "M": "datetime", "m": "number"}
        if column.dtype.kind in known:
            return known[column.dtype.kind]
    levels = (
        column.levels
        if isinstance(column, Coded)
        else [value for value in values_of(column) if not words.missing(value)]
    )
    if not levels:
        return "number" if not isinstance(column, Coded) else "category"
    return _kind_of_values(levels, len(column), isinstance(column, Coded))


def _kind_of_values(values: list[Any], rows: int, coded: bool) -> str:
    if all(isinstance(value, (bool, np.bool_)) for value in values):
        return "boolean"
    if all(isinstance(value, (int, float, Decimal, np.number)) for value in values):
        return "category" if coded else "number"
    if all(isinstance(value, (dt.date, np.datetime64)) for value in values):
        return "datetime"
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) == len(values) and len(set(texts)) > _TEXT_SHARE * rows and _wordy(texts):
        return "text"
    return "other" if all(isinstance(value, (list, dict, set, np.ndarray)) for value in values) else "category"


def _wordy(texts: list[str]) -> bool:
    some = texts[:1000]
    return sum(len(text.split()) for text in some) >= _TEXT_WORDS * len(some)


def features(name: str, column: Column, kind: str, half: NDArray[np.bool_]) -> Iterator[Feature]:
    """The counters of one column, with their training counts.

    `half` marks rows that a text's vocabulary is learnt from; its strangeness is counted on the others, since on the
    rows it was learnt from it would flatter.
    """
    kind = _KINDS.get(kind, kind)
    if kind == "text":
        yield from _text(name, column, half)
    elif kind in ("number", "datetime"):
        yield _number(name, column, kind)
    elif kind == "other":
        yield _counted(Feature(name, name, "other"), column)
    else:
        yield _category(name, column, "boolean" if kind == "boolean" else "category")


def _counted(feature: Feature, column: Column) -> Feature:
    return replace(feature, counts=counting.one(feature, column))


def _number(name: str, column: Column, kind: str) -> Feature:
    precision = "float32" if isinstance(column, np.ndarray) and column.dtype in (np.float32, np.float16) else "float64"
    options = moments.span(numbers.instants(column)[0]) if kind == "datetime" else {}
    bare = Feature(name, name, kind, precision=precision, options=options)
    values, wrong = counting.values(bare, column)
    if kind == "datetime":
        return _cut(bare, moments.cut(values, options), values, wrong)
    return frozen(bare, values, wrong)


def frozen(feature: Feature, values: Floats, wrong: int = 0, *, blocks: int = numbers.BLOCKS, **how: Any) -> Feature:
    """Cut a numeric counter at its values (`how` as in `numbers.cut`) and count them."""
    return _cut(feature, numbers.cut(values[np.isfinite(values)], blocks, **how), values, wrong)


def _cut(feature: Feature, edges: Floats, values: Floats, wrong: int) -> Feature:
    cut = replace(feature, edges=edges, centres=numbers.centres(edges, values[np.isfinite(values)]))
    return replace(cut, counts=numbers.tally(cut, values, wrong))


def _category(name: str, column: Column, kind: str) -> Feature:
    raw = words.tallied(column)
    if kind == "boolean":
        found = words.levels_of(column)
        true = found["True"] + found["1"]
        order = ("True", "False") if 2 * true >= len(column) else ("False", "True")
        return _counted(Feature(name, name, kind, levels=order), column)
    only_text = not any(
        isinstance(value, (int, float, np.number)) and value == value for value, times in raw.items() if times
    )
    return _levelled(Feature(name, name, kind, options={"only_text": only_text and any(raw.values())}), column)


def _levelled(bare: Feature, column: Column) -> Feature:
    """A category: its levels by some rows where there are many, its reference by the others."""
    found = _levels_of(bare, column)
    choosers = words.choosers(len(found), len(column))
    part = take(column, choosers)
    levels, known = words.top(found, _levels_of(bare, part) if len(choosers) else None)
    options = {**bare.options, "many": len(known) >= words.KNOWN}
    if not options["many"] and (times := unseen.times(found)):
        options["times"] = times
    feature = _counted(replace(bare, levels=levels, known=known, options=options), column)
    counted = feature.counts if words.settled(found) else feature.counts - counting.one(feature, part)
    apart, worth = words.left_one_out(counted, found, len(known))
    if np.array_equal(apart, feature.counts):
        return feature
    return replace(feature, apart=apart, options={**options, "unseen_worth": round(worth, 4)})


def _levels_of(feature: Feature, column: Column) -> Counter[Any]:
    if feature.part != counting.TERMS:
        return words.levels_of(column)
    return words.levels_of([words.one_term(text) for text in words.split_texts(column)[0]])


def apart(feature: Feature, rows: int) -> NDArray[np.bool_]:
    """The training rows that a counter's reference is made of."""
    kept = np.ones(rows, np.bool_)
    if feature.reference.sum() < feature.rows:
        kept[words.choosers(words.FEW + 1, rows)] = False
    return kept


def _text(name: str, column: Column, half: NDArray[np.bool_]) -> Iterator[Feature]:
    learnt, left = take(column, np.flatnonzero(half)), take(column, np.flatnonzero(~half))
    vocabulary = words.vocabulary(words.split_texts(learnt)[0])
    length = Feature(name, name, "number", part="length")
    strange = Feature(f"{name}#oov", name, "number", part=counting.OOV, known=vocabulary)
    terms = Feature(f"{name}#terms", name, "category", part=counting.TERMS)
    # the three counters of one column share what one has elsewhere
    for feature, rows, blocks in ((length, column, _LENGTHS), (strange, left, _STRANGE)):
        yield frozen(feature, *counting.values(feature, rows), blocks=blocks, most=blocks + _BESIDE)
    yield _levelled(terms, column)


def said(raw: Any, target: scores.Target) -> Iterator[Feature]:
    """The counters of what the model says, frozen on its hold-out scores."""
    for name, values in scores.parts(raw, target).items():
        role = "confidence" if name in ("@margin", "@entropy") else "prediction"
        if name == "@class" or target.task == "class":
            yield _levelled(Feature(name, "", "category", role="prediction"), values)
            continue
        bare = Feature(name, "", "number", role="confidence" if role == "confidence" else "prediction")
        how: dict[str, Any] = {}
        if name == "@score":
            also = (0.5,) if target.task == "binary" else ()
            how = {"also": also, "blocks": _SCORES, "most": _SCORES + _BESIDE + len(also)}
        yield frozen(bare, *numbers.numbers(values), **how)


def together(
    watched: tuple[Feature, ...],
    columns: Mapping[str, Column],
    rows: int,
    half: NDArray[np.bool_],
    order: NDArray[np.int64] | None,
) -> tuple[pca.Pca, Feature, NDArray[np.int64], Floats, float] | None:
    """The frozen PCA, learnt from half of the rows, and the errors of the others; by how much errors in order hang together."""
    alike = [
        feature for feature in watched if feature.kind == "number" and not feature.part and feature.role == "feature"
    ]
    read = [counting.values(feature, columns[feature.column])[0] for feature in alike[: pca.COLUMNS]]
    if len(read) < 3 or any(len(values) != rows for values in read):
        return None
    model = pca.fit(tuple(feature.name for feature in alike), read, np.flatnonzero(half)[: pca.ROWS])
    if model is None:
        return None
    others = np.flatnonzero(~half)
    values = {feature.name: column for feature, column in zip(alike, read, strict=False)}
    error, shares = pca.errors(model.residuals([values[name][others] for name in model.names], len(others)))
    feature = frozen(Feature("@multivariate", "", "number", role="multivariate"), error, between=True)
    first = np.arange(min(rows, _ORDERED)) if order is None else order[:_ORDERED]
    ordered, _ = pca.errors(model.residuals([values[name][first] for name in model.names], len(first)))
    learnt = half[first]
    if learnt.any() and ordered[learnt].any():  # the rows that it was learnt from have smaller errors
        ordered[learnt] *= np.median(error) / max(float(np.median(ordered[learnt])), 1e-300)
    return model, feature, shares, error, dependence.of_places(feature, dependence.places_of(feature, ordered))
