"""The container of the training rows, as the service will make it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nb2prod.capturing.capture import _ordered
from nb2prod.capturing.discovery import Found


def test_lists_of_lists_are_an_array_and_texts_and_frames_stay_what_they_are() -> None:
    ordered = _ordered(Found(model=None, name="m", variable=None, data=[[1.0, 2.0], [3.0, 4.0]], data_name="rows"))
    assert isinstance(ordered.data, np.ndarray)
    assert ordered.data.shape == (2, 2)
    for kept in (["a", "b"], pd.DataFrame({"a": [1]})):
        assert _ordered(Found(model=None, name="m", variable=None, data=kept, data_name="rows")).data is kept
