"""Each framework's models come back from their own files with the very answers they gave."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import category_encoders
import imblearn.over_sampling
import imblearn.pipeline
import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
import xgboost
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from nb2prod.errors import Refused
from nb2prod.runtime import flavors

RNG = np.random.default_rng(0)
X = pd.DataFrame(
    {"a": RNG.normal(size=200), "b": RNG.normal(size=200), "c": pd.Categorical(RNG.choice(["x", "y"], 200))}
)
NUMBERS = X[["a", "b"]]
CONSTANT = sm.add_constant(NUMBERS)
LATE = (X["a"] > 0).astype(int)
HOURS = pd.Series(X["a"] * 2 + RNG.normal(size=200), name="hours")
BAND = np.where(X["a"] > 0.5, "high", np.where(X["a"] < -0.5, "low", "middle"))
FRAME = X.assign(hours=HOURS, person=[f"person {i}" for i in range(200)])


def squash(values: Any) -> Any:
    return np.tanh(values)


def again(model: Any, rows: Any, folder: Path) -> tuple[Any, Any]:
    """The record of the saved model, and the model loaded; its answers are compared on the way."""
    flavor = flavors.of(model)
    assert flavor.fitted(model)
    expected, scores = flavor.answer(model, rows.copy())
    record = flavors.save(model, folder / "model")
    loaded = flavors.load(folder / "model", record)
    predictions, probabilities = flavor.answer(loaded, rows.copy())
    np.testing.assert_array_equal(np.asarray(predictions), np.asarray(expected))
    if scores is not None:
        np.testing.assert_array_equal(probabilities, scores)
    assert type(predictions) is type(expected)
    assert flavor.classes(loaded) == flavor.classes(model)
    return record, loaded


@pytest.mark.parametrize(
    ("model", "rows", "written"),
    [
        (xgboost.XGBClassifier(n_estimators=3, enable_categorical=True).fit(X, LATE), X, "ubj"),
        (xgboost.XGBRegressor(n_estimators=3, missing=-1.0).fit(NUMBERS, HOURS), NUMBERS, "ubj"),
        (xgboost.train({"max_depth": 2}, xgboost.DMatrix(X, HOURS, enable_categorical=True), 3), X, "ubj"),
    ],
)
def test_a_boosted_model_travels_in_its_own_file(tmp_path: Path, model: Any, rows: Any, written: str) -> None:
    record, loaded = again(model, rows, tmp_path)
    assert record.format == written
    assert not list(tmp_path.rglob("*.pkl"))
    assert flavors.of(loaded).name == record.flavor


def test_an_estimator_with_a_function_among_its_parameters_goes_by_cloudpickle_and_says_why(tmp_path: Path) -> None:
    def squares(truth: Any, guess: Any) -> Any:
        return guess - truth, np.ones(len(truth))

    record, _ = again(xgboost.XGBRegressor(n_estimators=2, objective=squares).fit(NUMBERS, HOURS), NUMBERS, tmp_path)
    assert record.format == "cloudpickle"
    assert "objective" in record.detail["native"]


def test_an_unfitted_booster_or_estimator_is_known_as_such() -> None:
    for model in (xgboost.XGBClassifier(), xgboost.Booster()):
        assert not flavors.of(model).fitted(model)


@pytest.mark.parametrize(
    ("results", "rows"),
    [
        (sm.OLS(HOURS, CONSTANT).fit(), CONSTANT),
        (sm.GLM(LATE, sm.add_constant(X[["b"]]), family=sm.families.Binomial()).fit(), sm.add_constant(X[["b"]])),
        (sm.QuantReg(HOURS, CONSTANT).fit(q=0.9), CONSTANT),
    ],
)
def test_results_of_statsmodels_leave_their_training_rows_behind(tmp_path: Path, results: Any, rows: Any) -> None:
    _, loaded = again(results, rows, tmp_path)
    assert loaded.model.exog is None
    assert results.model.exog is not None


def test_a_formula_finds_its_functions_and_levels_again_and_takes_along_only_the_columns_it_names(
    tmp_path: Path,
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = smf.ols("hours ~ squash(a) + np.log1p(b**2) + center(b) + C(c)", FRAME).fit()
        record, _ = again(results, FRAME, tmp_path)
    assert b"person 7" not in (tmp_path / "model" / "model.pkl").read_bytes()
    assert list(flavors.of(results).training(results).columns) == ["a", "b", "c"]
    assert record.flavor == "statsmodels"


@pytest.mark.parametrize(
    "fit",
    [
        lambda: smf.mixedlm("hours ~ a + b", FRAME, groups="c").fit(),
        lambda: sm.MixedLM(HOURS, CONSTANT, groups=FRAME["c"]).fit(),
        lambda: smf.ols("hours ~ a + C(c)", FRAME).fit(),
        lambda: smf.ols("hours ~ a + b", FRAME).fit_regularized(alpha=0.1),
        lambda: smf.gee("hours ~ a + b", "c", FRAME).fit(),
    ],
)
def test_no_training_row_stays_in_results_whatever_their_kind(tmp_path: Path, fit: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = fit()
        record, loaded = again(results, FRAME if hasattr(results.model.data, "frame") else CONSTANT, tmp_path)
    assert record.detail == {}
    pickled = (tmp_path / "model" / "model.pkl").read_bytes()
    for values in (HOURS, FRAME["a"], FRAME["b"]):
        assert values.to_numpy()[:3].tobytes() not in pickled
    assert loaded.model.data.orig_exog is None
    assert results.model.data.orig_exog is not None


def test_a_term_made_from_all_rows_keeps_the_columns_it_names_and_says_so(tmp_path: Path) -> None:
    results = smf.ols("hours ~ center(b)", FRAME).fit()
    record, loaded = again(results, FRAME, tmp_path)
    assert "made from all of them" in record.detail["rows"]
    assert set(loaded.model.data.frame.columns) == {"hours", "b"}


def test_results_that_would_answer_otherwise_without_their_rows_keep_them_and_say_so(tmp_path: Path) -> None:
    rows = CONSTANT.head(3)  # as many as there are coefficients, so that one cannot be told from the other
    record, loaded = again(sm.OLS(HOURS.head(3), rows).fit(), rows, tmp_path)
    assert "could not be taken out" in record.detail["rows"]
    weights = loaded.params
    np.testing.assert_allclose(rows[weights.index] @ weights, loaded.predict(rows))
    assert "frame[weights.index] @ weights" in record.detail["fix"]
    assert loaded.model.exog is not None


def test_what_statsmodels_forecasts_from_its_own_past_is_refused_with_a_way_out() -> None:
    from statsmodels.tsa.ar_model import AutoReg

    with pytest.raises(Refused) as refusal:
        flavors.of(AutoReg(HOURS.to_numpy(), 1).fit())
    assert refusal.value.code == "time-series"
    assert "forecast" in refusal.value.fix
    with pytest.raises(Refused) as refusal:
        flavors.of(sm.OLS(HOURS, CONSTANT))
    assert refusal.value.fix == "results = model.fit()"


@pytest.mark.parametrize(
    ("model", "rows"),
    [
        (
            imblearn.pipeline.make_pipeline(
                imblearn.over_sampling.RandomOverSampler(random_state=0), LogisticRegression()
            ).fit(NUMBERS, LATE),
            NUMBERS,
        ),
        (
            make_pipeline(category_encoders.TargetEncoder(cols=["c"]), LogisticRegression()).fit(X, LATE),
            X,
        ),
    ],
)
def test_what_has_the_interface_of_scikit_learn_is_served_as_its_models_are(
    tmp_path: Path, model: Any, rows: Any
) -> None:
    record, _ = again(model, rows, tmp_path)
    assert record.flavor == "sklearn"


class Scaled(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    factor = 0.0

    def load_context(self, context: Any) -> None:
        self.factor = float(Path(context.artifacts["factor"]).read_text())

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        return model_input["a"] * (self.factor or 2.0)


def test_a_model_of_mlflow_travels_with_its_own_files_and_no_example_rows(tmp_path: Path) -> None:
    (tmp_path / "factor").write_text(str(math.pi))
    saved = tmp_path / "saved"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.pyfunc.save_model(
            saved,
            python_model=Scaled(),
            artifacts={"factor": str(tmp_path / "factor")},
            input_example=NUMBERS.head(2),
            pip_requirements=["pandas"],
        )
    from nb2prod.runtime.flavors.pyfunc import remembered

    live = remembered(mlflow.pyfunc.load_model(str(saved)), saved)
    record, loaded = again(live, NUMBERS, tmp_path)
    assert record.format == "mlflow"
    assert loaded.predict(NUMBERS).iloc[0] == NUMBERS["a"].iloc[0] * math.pi
    assert not list((tmp_path / "model").rglob("*input_example*"))
    assert flavors.of(live).columns(live) == ["a", "b"]
    assert flavors.recorded(tmp_path / "model").lean == {"mlflow": "mlflow-skinny"}


def test_a_python_model_of_the_notebook_is_asked_without_a_context(tmp_path: Path) -> None:
    record, _ = again(Scaled(), NUMBERS, tmp_path)
    assert record.format == "cloudpickle"
