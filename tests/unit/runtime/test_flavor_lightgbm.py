"""LightGBM's models come back from their own text files with the very answers they gave."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nb2prod.runtime import flavors

try:
    import lightgbm
except OSError as error:  # its wheel links to the system's libgomp, which a bare machine has not
    pytest.skip(f"lightgbm does not load here: {error}", allow_module_level=True)

RNG = np.random.default_rng(0)
X = pd.DataFrame(
    {"a": RNG.normal(size=200), "b": RNG.normal(size=200), "c": pd.Categorical(RNG.choice(["x", "y"], 200))}
)
NUMBERS = X[["a", "b"]]
LATE = (X["a"] > 0).astype(int)
HOURS = pd.Series(X["a"] * 2 + RNG.normal(size=200), name="hours")
BAND = np.where(X["a"] > 0.5, "high", np.where(X["a"] < -0.5, "low", "middle"))
EARLY = lightgbm.early_stopping(2, verbose=False)


@pytest.mark.parametrize(
    ("model", "rows"),
    [
        (lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(X, BAND), X),
        (lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, class_weight={0: 1, 1: 2}).fit(X, LATE), X),
        (
            lightgbm.LGBMRegressor(n_estimators=60, verbose=-1).fit(
                NUMBERS, HOURS, eval_set=[(NUMBERS[:40], HOURS[:40])], callbacks=[EARLY]
            ),
            NUMBERS,
        ),
        (lightgbm.train({"verbose": -1, "objective": "binary"}, lightgbm.Dataset(X, LATE), 3), X),
    ],
)
def test_a_boosted_model_travels_in_its_own_file(tmp_path: Path, model: Any, rows: Any) -> None:
    flavor = flavors.of(model)
    assert flavor.fitted(model)
    expected, scores = flavor.answer(model, rows.copy())
    record = flavors.save(model, tmp_path / "model")
    loaded = flavors.load(tmp_path / "model", record)
    predictions, probabilities = flavor.answer(loaded, rows.copy())
    assert record.format == "text"
    assert not list(tmp_path.rglob("*.pkl"))
    np.testing.assert_array_equal(np.asarray(predictions), np.asarray(expected))
    if scores is not None:
        np.testing.assert_array_equal(probabilities, scores)
    assert flavor.classes(loaded) == flavor.classes(model)


def test_an_unfitted_estimator_is_known_as_such() -> None:
    model = lightgbm.LGBMClassifier()
    assert not flavors.of(model).fitted(model)
