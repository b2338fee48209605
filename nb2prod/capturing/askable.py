"""What can be asked for predictions, and what to type where it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nb2prod.capturing.training import KEPT
from nb2prod.capturing.values import is_frame, is_series, models_in
from nb2prod.errors import Refused

_DATA = (np.ndarray, list, tuple, dict, str, bytes, int, float)
_A_MODEL = "A model has predict, or is a function predict(frame)."


def refuse_others(value: Any, variable: str | None, namespace: Mapping[str, Any]) -> None:
    """Raise `Refused` for data, a class, and what cannot predict."""
    shown = f"`{variable}`" if variable else "What was given"
    kind = type(value).__name__
    if is_frame(value) or is_series(value) or isinstance(value, _DATA):
        model = next(iter(models_in(namespace)), "model")
        given = f" --data {variable}" if is_frame(value) and variable else ""
        raise _refused(f"{shown} is a {kind}, not a model", variable or kind, _A_MODEL, f"%deploy {model}{given}")
    if isinstance(value, type):
        raise _refused(
            f"{shown} is the class {kind if variable is None else value.__name__}, not a fitted model",
            variable or value.__name__,
            "A class has learnt nothing; an instance of it that was fitted is a model.",
            f"model = {value.__name__}().fit(X, y)",
        )
    if not hasattr(value, "predict") and not callable(value):
        title, place = f"{shown} is a {kind}, which cannot predict", variable or kind
        raise _refused(title, place, *_instead(value, variable or "model", kind))


def _instead(value: Any, variable: str, kind: str) -> tuple[str, str]:
    """Why, and the line that serves what it can do."""
    if hasattr(value, "transform"):
        return f"A {kind} transforms: its `transform` can be served as a function.", f"%deploy {variable}.transform"
    if hasattr(value, "fit_predict"):
        why = f"A {kind} groups the rows that it is given all at once; it says nothing of a row that comes later."
        nearest = f"nearest = KNeighborsClassifier(1).fit(X, {variable}.labels_)      %deploy nearest"
        return why, f"from sklearn.neighbors import KNeighborsClassifier\n{nearest}"
    return _A_MODEL, "%%deploy --name NAME --data DATA\ndef predict(frame): ..."


def _refused(title: str, place: str, why: str, fix: str) -> Refused:
    return Refused(title, code="not-a-model", where=f"%deploy {place}", why=why, fix=fix, kept=KEPT)
