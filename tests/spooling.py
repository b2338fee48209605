"""A small model's spool to write into: shared by the tests of recorder, counting and collector."""

from __future__ import annotations

import numpy as np

from nb2prod.baseline import Baseline
from nb2prod.records.capture import Answers, Column, Output, Signature
from nb2prod.runtime.rows import Rows

NOON = 1_700_000_000.0 // 86400 * 86400 + 12 * 3600

SIGNATURE = Signature(
    columns=(Column(name="age", kind="number", dtype="float64"), Column(name="town", kind="category", dtype="str")),
    output=Output(kind="class", classes=(0, 1), probabilities=True),
)


def baseline(seed: int = 0) -> Baseline:
    random = np.random.default_rng(seed)
    score = random.random(400)
    return Baseline.from_frame(
        {"age": random.normal(40, 10, 2000), "town": random.choice(["Ulm", "Bonn"], 2000)},
        scores=np.stack((1 - score, score), axis=1),
        labels=(random.random(400) < score).astype(int),
    )


def rows(n: int, age: float = 40.0) -> Rows:
    return Rows(n, {"age": [age + i for i in range(n)], "town": ["Ulm"] * n})


def answers(n: int, score: float = 0.75) -> Answers:
    return Answers(predictions=(int(score >= 0.5),) * n, probabilities=((1 - score, score),) * n)
