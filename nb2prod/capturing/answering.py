"""Asking a live model: an error of its own, or answers that are not one a row, are refused with the line that makes them so."""

from __future__ import annotations

import contextlib
from typing import Any

from nb2prod.capturing import golden
from nb2prod.capturing.discovery import Found
from nb2prod.capturing.training import KEPT
from nb2prod.capturing.values import is_frame
from nb2prod.errors import Nb2prodError, Refused

_PLACE = "in this kernel, before anything was saved"


def answer(flavor: Any, found: Found, rows: Any) -> tuple[Any, Any]:
    """(predictions, probabilities or None), one a row.

    Raises
    ------
    Refused
        ``fails-here``: it fails on its own training rows; ``wrong-count``: it does not give one answer a row.
    """
    shown = found.variable or found.name
    try:
        said: tuple[Any, Any] = flavor.answer(found.model, rows)
    except Nb2prodError:
        raise
    except Exception as error:
        raise Refused(
            f"`{shown}` fails on its own training rows",
            code="fails-here",
            where=_PLACE,
            why=f"{type(error).__name__}: {error}",
            fix=_row_by_row(found, shown, rows)
            or (f"{shown}.predict(ROWS)" if hasattr(found.model, "predict") else f"{shown}(ROWS)"),
            kept=KEPT,
        ) from error
    given, answers = golden.length(rows), golden.length(said[0])
    if given != answers:
        raise Refused(
            f"`{shown}` gave {_amount(said[0], answers)} to {given} rows",
            code="wrong-count",
            where=_PLACE,
            why="A service needs one answer for each row, in their order.",
            fix=_fix(said[0], given, found, shown),
            kept=KEPT,
        )
    return said


def _amount(predictions: Any, answers: int | None) -> str:
    if predictions is None:
        return "None"
    return f"one {type(predictions).__name__}" if answers is None else f"{answers} answers"


def _fix(predictions: Any, given: int | None, found: Found, shown: str) -> str:
    if predictions is None:
        return f"end `{shown}` with: return PREDICTIONS"
    call = f"{shown}.predict" if hasattr(found.model, "predict") else shown
    if isinstance(predictions, tuple) and all(golden.length(part) == given for part in predictions):
        names = ", ".join(f'"y{i}"' for i in range(len(predictions)))
        return _instead("named", f"dict(zip(({names}), {call}(frame)))", found)
    if golden.length(predictions) is None and is_frame(found.data):
        return _instead("by_row", f"[{call}(frame.iloc[[i]]) for i in range(len(frame))]", found)
    return "return one prediction a row from predict"


def _row_by_row(found: Found, shown: str, rows: Any) -> str | None:
    """The line for a function of one row, where that is what it is."""
    if hasattr(found.model, "predict") or not is_frame(rows):
        return None
    ways = {
        'row in frame.to_dict("records")': rows.iloc[:1].to_dict("records")[0],
        "_, row in frame.iterrows()": rows.iloc[0],
    }
    for each, row in ways.items():
        with contextlib.suppress(
            Exception
        ):  # it is no function of such a row either: the caller says what failed first
            if found.model(row) is not None:
                return _instead("by_row", f"[{shown}(row) for {each}]", found)
    return None


def _instead(name: str, body: str, found: Found) -> str:
    return f"{name} = lambda frame: {body}\n%deploy {name} --data {found.data_name}"
