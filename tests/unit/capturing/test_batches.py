"""A model that reckons with the rows of the request is told; one that answers row by row is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from nb2prod.capturing import golden
from nb2prod.capturing.rules.batches import BatchDependent
from nb2prod.capturing.signature import signature
from nb2prod.records.capture import Finding

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame({"a": RNG.normal(size=200), "b": RNG.normal(size=200)})


def told(predict: Any) -> list[Finding]:
    contract = signature(FRAME, predict(FRAME), None, None)
    rows = golden.asked(lambda rows: (predict(rows), None), FRAME.head(100), contract, kind="sample", tolerance=0.0)
    return list(BatchDependent().asked(rows, "model"))


@pytest.mark.parametrize(
    "predict",
    [
        lambda frame: ((frame - frame.mean()) / frame.std().fillna(1.0)).sum(axis=1).to_numpy(),
        lambda frame: frame["a"].rank(pct=True).to_numpy(),
        lambda frame: np.where(frame["a"] > frame["a"].median(), "high", "low"),
    ],
)
def test_an_answer_that_stands_on_the_other_rows_is_told(predict: Any) -> None:
    (finding,) = told(predict)
    assert (finding.code, finding.severity) == ("batch-dependent", "warn")
    assert finding.where.endswith("first in row 0") or "of 20 rows" in finding.where


@pytest.mark.parametrize(
    "predict",
    [
        lambda frame: frame["a"].to_numpy() * 2,
        lambda frame: frame.to_numpy() @ np.array([0.1, 0.7]),
        lambda frame: np.where(frame["a"] > 0, "high", "low"),
    ],
)
def test_an_answer_that_stands_on_its_row_alone_is_not(predict: Any) -> None:
    assert told(predict) == []
