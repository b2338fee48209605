"""Answers from the wire, in the type that the kernel's own model returns."""

from __future__ import annotations

from typing import Any

from nb2prod.records.capture import Answers, Signature
from nb2prod.runtime.frames import predictions


def as_in_kernel(answers: Answers, signature: Signature, *, asked: Any) -> Any:
    """What the kernel's model would have returned.

    Parameters
    ----------
    asked
        The rows as they were asked; a Series or frame of answers gets their index.

    Returns
    -------
    numpy.ndarray, pandas.Series, pandas.DataFrame, list, or dict of columns
        Shape (rows,), or (rows, outputs) where the model has several.
    """
    made = predictions(answers.predictions, signature.output)
    index = getattr(asked, "index", None)
    if index is not None and signature.output.container in ("series", "frame"):
        made.index = index
    return made
