"""A new version against the live one: only answers are compared, and only where both can be asked."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

from nb2prod.capturing.scores import Scores
from nb2prod.errors import InputError
from nb2prod.records.capture import Answers, Capture, Column, Golden, Output, Signature
from nb2prod.sdk.client import Client
from nb2prod.sdk.comparison import Comparison, compare


class Record:
    def __init__(self, *names: str) -> None:
        columns = tuple(Column(name=name, kind="number", dtype="float64") for name in names)
        self.signature = Signature(columns=columns, output=Output(kind="number", container="array", dtype="float64"))
        self.holdout = None


class Taken:
    def __init__(self, *names: str) -> None:
        self.record = Record(*names)
        rows = tuple(dict.fromkeys(names, float(n)) for n in range(4))
        self.golden = Golden(kind="sample", rows=rows, batch=Answers(predictions=(0.0, 1.0, 2.0, 3.0)))


class Service:
    """Answers 9 to the first row and the row's own number to the others; refuses columns that it does not know."""

    def __init__(self, *names: str) -> None:
        self._names = set(names)

    def predict(self, rows: Any) -> Answers:
        if any(set(row) != self._names for row in rows):
            raise InputError("`ph` is missing", code="missing-column", where="rows", fix="send it", pointer="/0")
        return Answers(predictions=(9.0, *(float(n) for n in range(1, len(rows)))))


def compared(before: tuple[str, ...], now: tuple[str, ...], serves: tuple[str, ...] | None = None) -> Comparison:
    old, new = cast(Capture, Taken(*before)), cast(Capture, Taken(*now))
    return compare(new, old, cast(Client, Service(*(serves or now))))


@pytest.mark.parametrize("before", [("ph", "alcohol"), ("ph", "alcohol", "chlorides")])
def test_rows_go_without_what_the_new_version_does_not_read(before: tuple[str, ...]) -> None:
    found = compared(before, ("ph", "alcohol"))
    assert (found.changed, found.compared, found.why) == (1, 4, "")


def test_a_version_that_reads_more_is_not_compared() -> None:
    found = compared(("ph", "alcohol", "chlorides"), ("ph", "alcohol", "sulphates"))
    assert (found.changed, found.compared) == (None, None)
    assert found.why == "this one also reads sulphates, that one chlorides"


def test_a_refused_request_is_no_other_answer() -> None:
    found = compared(("alcohol",), ("alcohol",), serves=("alcohol", "ph"))
    assert (found.changed, found.compared, found.why) == (None, None, "`ph` is missing")


def test_a_function_that_answers_classes_has_accuracy() -> None:
    labels = np.array([0, 1] * 10)
    metric = Scores(np.where(np.arange(20) < 2, 0, labels), labels, held_out=True).metric(None)
    assert metric is not None
    assert (metric.name, metric.value) == ("accuracy", 0.95)


def test_numbers_have_r2() -> None:
    labels = np.arange(20.0)
    metric = Scores(labels + 0.5, labels, held_out=True).metric(None)
    assert metric is not None
    assert metric.name == "R²"
