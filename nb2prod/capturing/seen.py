"""Rows of a hold-out that a model was fitted on, by what they hold: more of them than chance gives twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nb2prod.capturing import fingerprints
from nb2prod.capturing.fingerprints import Hashes

_CELLS = 1_000_000
_LEAST = 5
_SHARE = 0.05


@dataclass(frozen=True)
class Seen:
    """About how many of the hold-out's rows are among those that were fitted on."""

    rows: int
    of: int


def seen(fitted: Any, holdout: Any) -> Seen | None:
    """Of the rows themselves; None where they are no more than rows that happen to be alike."""
    rows = fingerprints.rows_of(fitted, _CELLS)
    return None if rows is None else among(rows, _length(fitted), _aligned(holdout, fitted))


def among(known: Hashes, total: int, holdout: Any) -> Seen | None:
    """The same where the hashes of some of the `total` rows are known.

    Only rows that are unlike all others of the fit are counted. How many of these a fresh draw would meet by chance is told by
    Good's estimate (I. J. Good, 1953, Biometrika 40): twice the number of values that were met twice, over the number of rows.
    """
    asked = fingerprints.rows_of(holdout, _CELLS)
    if asked is None or not len(asked) or not len(known):
        return None
    values, counts = np.unique(known, return_counts=True)
    found = int(np.isin(asked, values[counts == 1]).sum())
    each = 2 * len(asked) / len(known)
    pairs = int((counts == 2).sum())
    chance, noise = each * pairs, np.sqrt(each * pairs + each**2 * pairs + 1)
    beyond = (found - chance) * total / len(known) * _length(holdout) / len(asked)
    if found < _LEAST or found < chance + 5 * noise or beyond < _SHARE * _length(holdout):
        return None
    return Seen(min(round(beyond), _length(holdout)), _length(holdout))


def _aligned(holdout: Any, fitted: Any) -> Any:
    """A frame's columns in the order of the other's; as it is where it lacks one."""
    names = getattr(fitted, "columns", None)
    if names is None or not hasattr(holdout, "columns") or not set(names) <= set(holdout.columns):
        return holdout
    return holdout if list(names) == list(holdout.columns) else holdout[list(names)]


def _length(value: Any) -> int:
    return int(value.shape[0]) if hasattr(value, "shape") else len(value)
