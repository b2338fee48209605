"""Reference scores: what the model says of rows that it was not fitted on, and their labels."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nb2prod.capturing import folds, golden
from nb2prod.capturing.discovery import Found
from nb2prod.records.capture import Finding, HoldoutMetric

OUT_OF_FOLD = "out-of-fold"
_FEW = 10
_SEVERAL = "The model answers several numbers at once."
_ONE = "predict one number, or deploy a model for each"
Ask = Callable[[Any], tuple[Any, Any]]


@dataclass(frozen=True)
class Scores:
    """Probabilities (n, k) or predictions (n,), the labels of the same rows, and a word where there are none."""

    values: Any = None
    labels: Any = None
    finding: Finding | None = None
    held_out: bool = False
    rows: Any = None

    def metric(self, classes: Sequence[Any] | None) -> HoldoutMetric | None:
        """ROC AUC of two classes, accuracy of more, R² of numbers, on the hold-out; None without one.

        Of a function no classes are known: where all that it answers are the few values that the labels have, they are.
        """
        if not self.held_out or self.values is None:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            name, value = _metric(self.values, self.labels, classes)
        return HoldoutMetric(name=name, value=value, rows=len(self.labels)) if np.isfinite(value) else None


def reference(found: Found, flavor: Any, ask: Ask) -> Scores:
    """From the hold-out where one is given, else out of fold where that takes 30 s at most, else none, and why."""
    if _several(found.holdout[1] if found.holdout is not None else found.labels):
        return _none(_SEVERAL, _ONE)
    if found.holdout is not None:
        rows, labels = found.holdout
        values = _score(ask, golden.copied(rows))
        if values is None:
            return _none(_SEVERAL, _ONE)
        return Scores(values, np.asarray(labels).ravel(), held_out=True, rows=rows)
    if found.labels is None:
        return _none("No hold-out and no labels were found.", "%deploy model --holdout ROWS ANSWERS")
    if not _can_be_fitted_again(found.model, flavor):
        return _none(
            "No hold-out was given, and this model cannot be fitted again.", "%deploy model --holdout ROWS ANSWERS"
        )
    asked = folds.out_of_fold(found)
    if asked.why:
        return _none(f"No hold-out was given; {asked.why}.", "%deploy model --holdout ROWS ANSWERS")
    labels = np.asarray(found.labels).ravel()
    rows = found.data if len(asked.rows) == len(labels) else golden.take(found.data, asked.rows)
    return Scores(asked.values, labels[asked.rows], _out_of_fold_said(len(asked.rows), len(labels)), rows=rows)


def _several(labels: Any) -> bool:
    shape: tuple[int, ...] = np.shape(labels) if labels is not None else ()
    return len(shape) > 1 and shape[1] > 1


def _metric(values: Any, labels: Any, classes: Sequence[Any] | None) -> tuple[str, float]:
    from sklearn import metrics

    if classes is None and _are_classes(values, labels):
        return "accuracy", float((values == labels).mean())
    if classes is None:
        return "R²", float(metrics.r2_score(labels, values))
    known = np.asarray(classes)
    if values.ndim == 2 and len(known) == 2:
        positive = labels == known[1]
        both = bool(positive.any() and not positive.all())
        return "ROC AUC", float(metrics.roc_auc_score(positive, values[:, 1])) if both else float("nan")
    said = known[values.argmax(axis=1)] if values.ndim == 2 else values
    return "accuracy", float((said == labels).mean())


def _are_classes(values: Any, labels: Any) -> bool:
    known = set(np.asarray(labels).tolist())
    return len(known) <= min(_FEW, len(labels) // 2) and set(np.asarray(values).ravel().tolist()) <= known


def _score(ask: Ask, rows: Any) -> Any:
    """What is watched of the answers; None where each is more than one number or text."""
    predictions, probabilities = ask(rows)
    if probabilities is not None:
        return np.asarray(probabilities)
    if isinstance(predictions, Mapping) or hasattr(predictions, "columns"):
        return None
    first = next(iter(predictions), None)
    return None if isinstance(first, Mapping | list | tuple | set) or _several(predictions) else np.asarray(predictions)


def _none(why: str, fix: str) -> Scores:
    return Scores(
        finding=Finding(
            code="no-reference-scores",
            severity="note",
            title="Confidence, calibration and estimated performance are not watched",
            where="--holdout",
            why=f"{why} Scores on training rows would flatter.",
            fix=fix,
        )
    )


def _out_of_fold_said(asked: int, rows: int) -> Finding:
    amount = f", {asked:,} of {rows:,} rows" if asked < rows else ""
    return Finding(
        code=OUT_OF_FOLD,
        severity="note",
        title="Reference scores are out of fold",
        where="--holdout",
        why=f"No hold-out was given: copies of the model were fitted on {folds.FOLDS - 1} of {folds.FOLDS} folds and asked the "
        f"rest{amount}.",
        fix="%deploy model --holdout ROWS ANSWERS",
    )


def _can_be_fitted_again(model: Any, flavor: Any) -> bool:
    return flavor.refits and hasattr(model, "get_params") and np.ndim(getattr(model, "classes_", [0])) == 1
