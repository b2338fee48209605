"""One batch of rows against frozen bins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from nb2prod.baseline import moments, numbers, order, pca, scores, words
from nb2prod.baseline.columns import Column
from nb2prod.baseline.feature import BODY, NULL, TYPE, Feature, Floats, Ints

OOV, TERMS = "oov", "terms"


def values(feature: Feature, column: Column) -> tuple[Floats, int]:
    """The values of a numeric counter, NaN for null and wrong, and how many were wrong."""
    if feature.part == OOV:
        texts, nulls, wrong = words.split_texts(column)
        return _padded(words.strangeness(texts, feature.known_set), nulls + wrong), wrong
    if feature.part == "length":
        texts, nulls, wrong = words.split_texts(column)
        return _padded(words.lengths(texts), nulls + wrong), wrong
    if feature.kind == "datetime":
        found, wrong = numbers.instants(column)
        return moments.phase(found, feature.options), wrong
    return numbers.numbers(column, feature.precision)


def _padded(found: Floats, missing: int) -> Floats:
    return np.concatenate((found, np.full(missing, np.nan)))


def one(feature: Feature, column: Column, codes: order.Codes | None = None) -> Ints:
    """Counts of one counter over one column; `codes` takes what `order` compares."""
    if feature.numeric:
        found, wrong = values(feature, column)
        if codes is not None:
            codes[feature.name] = order.of_number(feature, found)
        return numbers.tally(feature, found, wrong)
    if feature.kind == "other":
        return _present(feature, column)
    if codes is not None:
        codes[feature.name] = order.of_levels(feature, column)
    if feature.part == TERMS:
        texts, nulls, wrong = words.split_texts(column)
        counts = words.tally(feature, [words.one_term(text) for text in texts])
        counts[NULL] += nulls
        counts[TYPE] += wrong
        return counts
    return words.tally(feature, column)


def _present(feature: Feature, column: Column) -> Ints:
    counts = np.zeros(feature.size, np.int64)
    counts[NULL] = sum(words.missing(value) for value in column)
    counts[BODY] = len(column) - counts[NULL]
    return counts


def batch(
    features: Iterable[Feature],
    columns: Mapping[str, Column],
    rows: int,
    model: pca.Pca | None = None,
    codes: order.Codes | None = None,
) -> dict[str, Ints]:
    """Counts of all columns; one that is missing is null in every row."""
    found: dict[str, Ints] = {}
    read: dict[str, Floats] = {}
    wanted = frozenset(model.names) if model else frozenset()
    for feature in features:
        column = columns.get(feature.column)
        if column is None:
            found[feature.name] = _absent(feature, rows)
        elif feature.name in wanted:
            numbers_read, wrong = values(feature, column)
            read[feature.name] = numbers_read
            if codes is not None:
                codes[feature.name] = order.of_number(feature, numbers_read)
            found[feature.name] = numbers.tally(feature, numbers_read, wrong, rows - len(numbers_read))
        else:
            found[feature.name] = one(feature, column, codes)
            found[feature.name][NULL] += rows - len(column)
    if model is not None:
        found |= _together(features, model, read, rows, codes)
    return found


def _absent(feature: Feature, rows: int) -> Ints:
    counts = np.zeros(feature.size, np.int64)
    counts[NULL] = rows
    return counts


def _together(
    features: Iterable[Feature],
    model: pca.Pca,
    read: Mapping[str, Floats],
    rows: int,
    codes: order.Codes | None,
) -> dict[str, Ints]:
    whole = [found if found is not None and len(found) == rows else None for found in map(read.get, model.names)]
    watched = next(feature for feature in features if feature.role == "multivariate")
    found: dict[str, Ints] = {}
    for first in range(0, max(rows, 1), model.block):
        last = min(first + model.block, rows)
        part = [values if values is None else values[first:last] for values in whole]
        error, shares = pca.errors(model.residuals(part, last - first))
        if codes is not None and not first:
            codes[watched.name] = order.of_number(watched, error)
        counts = {watched.name: numbers.tally(watched, error), "@multivariate.shares": shares}
        found = {name: found[name] + more for name, more in counts.items()} if found else counts
    return found


def said(
    features: Sequence[Feature], target: scores.Target, raw: Any, rows: int, codes: order.Codes | None = None
) -> dict[str, Ints]:
    """Counts of what the model said."""
    found: dict[str, Ints] = {}
    parts = scores.parts(raw, target)
    for feature in features:
        values_said = parts[feature.name]
        if feature.numeric:
            numbers_said, wrong = numbers.numbers(values_said)
            found[feature.name] = numbers.tally(feature, numbers_said, wrong)
        else:
            found[feature.name] = words.tally(feature, values_said)
        if codes is not None:
            numeric = feature.numeric
            codes[feature.name] = (
                order.of_number(feature, numbers_said) if numeric else order.of_levels(feature, values_said)
            )
        found[feature.name][NULL] += max(0, rows - len(values_said))
    return found
