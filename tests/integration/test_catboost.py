"""CatBoost, whose wheel is too large for the usual environment: installed aside, its models travel in their own file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
from pathlib import Path
import numpy as np, pandas as pd
from catboost import CatBoostClassifier, CatBoostRegressor
from nb2prod.runtime import flavors
rng = np.random.default_rng(0)
X = pd.DataFrame({"a": rng.normal(size=200), "c": rng.choice(["x", "y"], 200)})
band = np.where(X.a > 0.5, "high", np.where(X.a < -0.5, "low", "middle"))
small = {"iterations": 5, "verbose": False, "allow_writing_files": False}
models = {
    "class": (CatBoostClassifier(cat_features=["c"], **small).fit(X, band), X),
    "number": (CatBoostRegressor(**small).fit(X[["a"]], X.a), X[["a"]]),
}
for name, (model, rows) in models.items():
    flavor, folder = flavors.of(model), Path(sys.argv[1], name)
    expected, scores = flavor.answer(model, rows.copy())
    record = flavors.save(model, folder)
    loaded = flavors.load(folder, record)
    predictions, probabilities = flavor.answer(loaded, rows.copy())
    np.testing.assert_array_equal(predictions, expected)
    assert (record.format, flavor.classes(loaded)) == ("cbm", flavor.classes(model))
    assert predictions.shape == (200,) and flavor.columns(model) == list(rows)
    assert scores is None or (probabilities == scores).all()
"""


@pytest.mark.proof
def test_models_of_catboost_answer_alike_from_their_own_file(tmp_path: Path) -> None:
    aside = tmp_path / "aside"
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", sys.executable, "--no-deps"]
    subprocess.run([*install, "--target", str(aside), "catboost", "graphviz", "plotly", "six"], check=True)
    environment = {**os.environ, "PYTHONPATH": str(aside)}
    subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], env=environment, check=True)
