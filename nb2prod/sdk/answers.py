"""Answers from the wire, in the type that the kernel's own model returns."""

from __future__ import annotations

from typing import Any

import numpy as np

from nb2prod.records.capture import Answers, Signature


def as_in_kernel(answers: Answers, signature: Signature, *, asked: Any) -> Any:
    """What the kernel's model would have returned.

    Parameters
    ----------
    asked
        The rows as they were asked; a Series or frame of answers gets their index.

    Returns
    -------
    numpy.ndarray, pandas.Series, pandas.DataFrame or list
        Shape (rows,), or (rows, outputs) where the model has several.
    """
    output = signature.output
    values = list(answers.predictions)
    if output.container == "list":
        return values
    several = bool(values) and isinstance(values[0], dict)
    names = list(output.names) or (list(values[0]) if several else [])
    if output.container == "array":
        table = [[row[name] for name in names] for row in values] if several else values
        return np.asarray(table, dtype=output.dtype or None)
    import pandas as pd

    index = getattr(asked, "index", None)
    if output.container == "frame":
        return pd.DataFrame(values, columns=names or None, index=index)
    series: Any = pd.Series(values, index=index, name=names[0] if names else None)
    return series.astype(output.dtype) if output.dtype else series
