"""scikit-learn estimators and pipelines, and what else derives from its BaseEstimator."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Final

from nb2prod.errors import Refused
from nb2prod.records.capture import FlavorRecord
from nb2prod.runtime.flavors import base, pickles

FILE: Final = "model.skops"

# Beyond skops's own defaults. Reviewed: plain state and numpy arrays, nothing that runs code of the file's choosing.
TRUSTED: Final = frozenset(
    {
        "sklearn._loss.link.IdentityLink",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.link.LogLink",
        "sklearn._loss.link.MultinomialLogit",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn._loss.loss.HalfGammaLoss",
        "sklearn._loss.loss.HalfMultinomialLoss",
        "sklearn._loss.loss.HalfPoissonLoss",
        "sklearn._loss.loss.HalfSquaredError",
        "sklearn._loss.loss.HalfTweedieLossIdentity",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.compose._column_transformer._RemainderColsList",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
        "sklearn.gaussian_process.kernels.ConstantKernel",
        "sklearn.gaussian_process.kernels.Product",
        "sklearn.gaussian_process.kernels.RBF",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.tree._tree.Tree",
    }
)


class Flavor(base.Base):
    name: ClassVar[str] = "sklearn"

    def claims(self, model: Any) -> bool:
        sklearn = sys.modules.get("sklearn.base")
        return sklearn is not None and isinstance(model, sklearn.BaseEstimator)

    def refuse(self, model: Any) -> None:
        if not hasattr(model, "predict"):
            last = "transforms" if hasattr(model, "transform") else "does not predict"
            fix = "model = make_pipeline(transformer, LogisticRegression()).fit(X, y)"
            raise base.not_a_model(model, f"It {last}: it has no `predict`, so there is nothing to serve.", fix)

    def fitted(self, model: Any) -> bool:
        from sklearn.exceptions import NotFittedError
        from sklearn.utils.validation import check_is_fitted

        try:
            check_is_fitted(model)
        except NotFittedError:
            return False
        return True

    def classes(self, model: Any) -> tuple[Any, ...] | None:
        classes = getattr(model, "classes_", None)
        if classes is None or isinstance(classes, list) or not hasattr(model, "predict"):
            return None
        return tuple(classes.tolist()) if hasattr(classes, "tolist") else tuple(classes)

    def answer(self, model: Any, X: Any) -> tuple[Any, Any]:
        if not hasattr(model, "predict_proba"):
            return model.predict(X), None
        last, ready = _prepared(model, X)
        predictions, probabilities = last.predict(ready), last.predict_proba(ready)
        return predictions, None if isinstance(probabilities, list) else probabilities

    def save(self, model: Any, folder: Path, *, by_value: Sequence[ModuleType]) -> FlavorRecord:
        written, why = _skops(model, folder)
        if written is None:
            written = pickles.dump(model, folder, by_value=by_value)
        return FlavorRecord(
            flavor=self.name,
            format=written,
            model_class=base.qualified(model),
            steps=_steps(model),
            detail={"skops": why} if why else {},
        )

    def load(self, folder: Path, record: FlavorRecord) -> Any:
        if record.format == "cloudpickle":
            return pickles.load(folder)
        with _skops_alone() as skops:
            return skops.load(folder / FILE, trusted=_reviewed(skops.get_untrusted_types(file=folder / FILE)))


def _prepared(model: Any, X: Any) -> tuple[Any, Any]:
    """A pipeline's last step and its input: transforming once gives the same two answers for half the time."""
    from sklearn import get_config
    from sklearn.pipeline import Pipeline

    if type(model) is not Pipeline or get_config()["enable_metadata_routing"]:
        return model, X
    for _, step in model.steps[:-1]:
        if step is not None and step != "passthrough":
            X = step.transform(X)
    return model.steps[-1][1], X


def _skops(model: Any, folder: Path) -> tuple[str | None, str]:
    """Save by skops where it can and all its types are trusted: ("skops", "") or (None, why not)."""
    path = folder / FILE
    try:
        import skops.io

        skops.io.dump(model, path)
        strange = sorted(set(skops.io.get_untrusted_types(file=path)) - TRUSTED)
        why = f"not on the reviewed list: {', '.join(strange)}" if strange else ""
        if not why:
            skops.io.load(path, trusted=sorted(TRUSTED))
            return "skops", ""
    except Exception as error:  # skops refuses in many ways; each means the same here
        why = f"{type(error).__name__}: {error}"
    path.unlink(missing_ok=True)
    return None, why


@contextlib.contextmanager
def _skops_alone() -> Iterator[Any]:
    """skops without the whole of scikit-learn, which it imports to list every estimator: a second of each start.

    What it would have listed is decided by `_estimator`. A skops imported so is taken out again, lest others get it.
    """
    import sklearn.utils

    if "skops.io" in sys.modules:
        yield sys.modules["skops.io"]
        return
    every, sklearn.utils.all_estimators = sklearn.utils.all_estimators, list
    try:
        yield importlib.import_module("skops.io")
    finally:
        sklearn.utils.all_estimators = every
        for name in [name for name in sys.modules if name.partition(".")[0] == "skops"]:
            del sys.modules[name]


def _estimator(name: str) -> bool:
    """Whether the type is an estimator of scikit-learn itself; imports nothing else to find out."""
    from sklearn.base import BaseEstimator

    module, _, kind = name.rpartition(".")
    if module.partition(".")[0] != "sklearn" or not kind.isidentifier():
        return False
    found = getattr(importlib.import_module(module), kind, None)
    return isinstance(found, type) and issubclass(found, BaseEstimator)


def _reviewed(types: Sequence[str]) -> list[str]:
    strange = sorted(name for name in set(types) - TRUSTED if not _estimator(name))
    if strange:
        raise Refused(
            "The model file holds types that are not trusted",
            code="untrusted-types",
            where=FILE,
            why=f"Not on the reviewed list: {', '.join(strange)}.",
            fix="%deploy model      (captures it again)",
            kept="nothing was loaded",
        )
    return sorted(types)


def _steps(model: Any) -> tuple[str, ...]:
    steps = getattr(model, "steps", None)
    if not isinstance(steps, list):
        return ()
    return tuple(type(step[1]).__name__ for step in steps if isinstance(step, tuple) and len(step) == 2)
