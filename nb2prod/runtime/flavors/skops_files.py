"""Models as skops files: types by name and plain arrays, loaded only where every type is trusted.

skops lists every estimator and every universal function when it is imported, which takes most of a second and reads the
whole of scikit-learn. Here it is imported with short lists, and what the long ones would hold is told by its class.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np

from nb2prod.errors import Refused

FILE: Final = "model.skops"

# Beyond skops's own defaults. Reviewed: plain state and numpy arrays, nothing that runs code of the file's choosing.
TRUSTED: Final = frozenset(
    {
        "sklearn._loss.link.HalfLogitLink",
        "sklearn._loss.link.IdentityLink",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.link.LogLink",
        "sklearn._loss.link.MultinomialLogit",
        "sklearn._loss.loss.AbsoluteError",
        "sklearn._loss.loss.ExponentialLoss",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn._loss.loss.HalfGammaLoss",
        "sklearn._loss.loss.HalfMultinomialLoss",
        "sklearn._loss.loss.HalfPoissonLoss",
        "sklearn._loss.loss.HalfSquaredError",
        "sklearn._loss.loss.HalfTweedieLossIdentity",
        "sklearn._loss.loss.HuberLoss",
        "sklearn._loss.loss.PinballLoss",
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

_LISTS: Final = "skops.io._trusted_types"
_PLAIN: Final = (int, float, str, bool)
_CONTAINERS: Final = (list, set, map, tuple)
_UFUNC_MODULES: Final = frozenset({"numpy", "numpy._core._multiarray_umath", "scipy.special", "scipy.special._ufuncs"})


def dump(model: Any, path: Path) -> str:
    """Save a model and load it again; empty, or why skops does not serve (then there is no file)."""
    try:
        with _skops() as skops:
            skops.dump(model, path)
            _load(skops, path)
    except Refused as error:
        why = error.why
    except Exception as error:  # skops refuses in many ways; each means the same here
        why = f"{type(error).__name__}: {error}"
    else:
        return ""
    path.unlink(missing_ok=True)
    return why


def load(path: Path) -> Any:
    """Load a model whose every type is trusted.

    Raises
    ------
    Refused
        The file holds another type; nothing was loaded.
    """
    with _skops() as skops:
        return _load(skops, path)


def reviewed(types: Sequence[str]) -> list[str]:
    """The types, if each is on the list, an estimator of scikit-learn or a universal function; `Refused` otherwise."""
    strange = sorted(name for name in set(types) - TRUSTED if not (_ufunc(name) or _estimator(name)))
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


def _load(skops: Any, path: Path) -> Any:
    return skops.load(path, trusted=reviewed(skops.get_untrusted_types(file=path)))


@contextlib.contextmanager
def _skops() -> Iterator[Any]:
    """skops with our short lists, taken out again afterwards, lest others get it; theirs where it is loaded already."""
    if "skops.io" in sys.modules:
        yield sys.modules["skops.io"]
        return
    sys.modules[_LISTS] = _lists()
    try:
        yield importlib.import_module("skops.io")
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "skops"]:
            del sys.modules[name]


def _lists() -> ModuleType:
    lists = ModuleType(_LISTS)
    vars(lists).update(
        PRIMITIVE_TYPE_NAMES=[f"builtins.{kind.__name__}" for kind in _PLAIN],
        CONTAINER_TYPE_NAMES=[f"builtins.{kind.__name__}" for kind in _CONTAINERS],
        NUMPY_DTYPE_TYPE_NAMES=sorted({f"{kind.__module__}.{kind.__name__}" for kind in np.sctypeDict.values()}),
        NUMPY_RANDOM_BIT_GENERATOR_TYPE_NAMES=[
            f"numpy.random.{name}" for name in ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")
        ],
        NUMPY_UFUNC_TYPE_NAMES=[],
        SCIPY_UFUNC_TYPE_NAMES=[],
        SKLEARN_ESTIMATOR_TYPE_NAMES=[],
        SKLEARN_INTERNAL_TYPE_NAMES=[],
    )
    return lists


def _estimator(name: str) -> bool:
    """Whether the type is an estimator of scikit-learn itself; imports nothing else to find out."""
    from sklearn.base import BaseEstimator

    module, _, kind = name.rpartition(".")
    if module.partition(".")[0] != "sklearn" or not kind.isidentifier():
        return False
    found = getattr(importlib.import_module(module), kind, None)
    return isinstance(found, type) and issubclass(found, BaseEstimator)


def _ufunc(name: str) -> bool:
    module, _, function = name.rpartition(".")
    return module in _UFUNC_MODULES and isinstance(getattr(importlib.import_module(module), function, None), np.ufunc)
