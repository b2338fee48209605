"""What was typed becomes the SDK's arguments, whatever is behind a flag, and stays in the line of a fix."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from nb2prod.sdk.flags import given, mended

FRAME = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
TYPED = {"--dry-run": [()], "--data": [("X",)]}


@pytest.mark.parametrize("rows", [FRAME, FRAME["a"], pd.Series(["x", "y"]), np.arange(4), scipy.sparse.eye(3).tocsr()])
def test_rows_behind_a_flag_are_handed_on_as_they_are(rows: Any) -> None:
    found = given({"data": rows, "labels": None, "strict": False, "env": ()})
    assert list(found) == ["data"]
    assert found["data"] is rows


def test_what_was_said_stays_also_where_it_is_nothing_much() -> None:
    assert given({"tolerance": 0.0, "sample": 0, "env": ("A",)}) == {"tolerance": 0.0, "sample": 0, "env": ("A",)}


@pytest.mark.parametrize(
    ("fix", "whole"),
    [
        ("%deploy model --exclude db      or open it inside predict",
         "%deploy model --exclude db --dry-run --data X\nor open it inside predict"),
        ("%deploy model --exclude db\nor open it inside predict",
         "%deploy model --exclude db --dry-run --data X\nor open it inside predict"),
        ("--golden sample      (real rows stay)", "%deploy model --golden sample --dry-run --data X      (real rows stay)"),
        ("--data Z      # which rows", "%deploy model --data Z --dry-run      # which rows"),
        ("model.fit(X, y)", "model.fit(X, y)"),
    ],
)  # fmt: skip
def test_flags_are_put_into_the_line_and_not_behind_what_is_said_of_it(fix: str, whole: str) -> None:
    assert mended(fix, "%deploy model", TYPED) == whole
    assert mended(whole, "%deploy model", TYPED) == whole


def test_a_suggested_name_gives_way_to_the_one_that_was_typed() -> None:
    typed = {"--name": [("a02",)]}
    cell = "%%deploy --name model --data raw\nraw = train[['age']]\ndef predict(frame): ..."
    assert mended(cell, "%deploy model", typed).split("\n")[0] == "%%deploy --name a02 --data raw"
    below = "raw = df['text']\n%deploy make_pipeline(vec, model) --name model --data raw"
    assert mended(below, "%deploy model", typed).split("\n")[1].endswith("--name a02 --data raw")
    wrong = {"--name": [("My-Model",)]}
    assert (
        mended("%deploy model --name my-model", "%deploy model", wrong, "--name My-Model")
        == "%deploy model --name my-model"
    )


def test_a_deploy_behind_what_is_to_be_done_first_keeps_the_flags_too() -> None:
    typed = {"--name": [("bad",)], "--dry-run": [()], "--data": [("X",)]}
    by_row = "by_row = lambda frame: [f(row) for _, row in frame.iterrows()]\n%deploy by_row --data X"
    assert mended(by_row, "%deploy f", typed) == f"{by_row} --name bad --dry-run"
    secret = 'read it inside predict: os.environ["TOKEN"], and %deploy f --env TOKEN where predict needs it'
    whole = mended(secret, "%deploy f", typed)
    assert whole.endswith("and %deploy f --env TOKEN --name bad --dry-run --data X where predict needs it")
