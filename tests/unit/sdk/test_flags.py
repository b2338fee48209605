"""What was typed becomes the SDK's arguments, whatever is behind a flag."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from nb2prod.sdk.flags import given

FRAME = pd.DataFrame({"a": [1, 2], "b": [3, 4]})


@pytest.mark.parametrize("rows", [FRAME, FRAME["a"], pd.Series(["x", "y"]), np.arange(4), scipy.sparse.eye(3).tocsr()])
def test_rows_behind_a_flag_are_handed_on_as_they_are(rows: Any) -> None:
    found = given({"data": rows, "labels": None, "strict": False, "env": ()})
    assert list(found) == ["data"]
    assert found["data"] is rows


def test_what_was_said_stays_also_where_it_is_nothing_much() -> None:
    assert given({"tolerance": 0.0, "sample": 0, "env": ("A",)}) == {"tolerance": 0.0, "sample": 0, "env": ("A",)}
