"""A cell is run on copies before it is offered: it must answer the training rows as the notebook did, many and one by one."""

from __future__ import annotations

import contextlib
import copy
import io
import signal
import threading
import time
import types
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nb2prod.capturing import golden
from nb2prod.capturing.preparation import comparing
from nb2prod.capturing.preparation.harmless import WRITING, untouched
from nb2prod.capturing.values import is_frame, lacking, length

MANY = 300
"""Rows whose answers are compared."""
SINGLE = 16
SECONDS = 6.0
ONE_BY_ONE = 1.0
PREPARING = 2.0
"""Seconds for the rows that are prepared, and not asked about."""
_FAR = frozenset(
    {"requests", "httpx", "urllib", "socket", "openai", "boto3", "sqlalchemy", "psycopg", "sqlite3", "subprocess"}
)


@dataclass(frozen=True)
class Truth:
    """The rows that the model was fitted on, what it answers to the first of them, and which raw rows they were made of."""

    positions: np.ndarray[Any, Any]
    answers: Any
    given: Any

    @classmethod
    def of(cls, positions: np.ndarray[Any, Any], given: Any, ask: Callable[[Any], Any]) -> Truth:
        """What the model answers to rows that it is given."""
        return cls(positions, ask(golden.take(given, slice(0, MANY))), given)

    @property
    def few(self) -> np.ndarray[Any, Any]:
        """The raw rows whose answers are known."""
        return self.positions[:MANY]


@dataclass(frozen=True)
class Outcome:
    """How a trial went: on how many rows, how many were only prepared, and what was wrong."""

    rows: int = 0
    wrong: str = ""
    prepared: int = 0

    @property
    def held(self) -> bool:
        return self.rows > 0 and not self.wrong


def positions(raw: Any, data: Any, alike: Sequence[Any]) -> np.ndarray[Any, Any] | None:
    """Where in the raw rows each fitted row lies: by the index of the rows, of their labels or of what they were made of."""
    for one in (data, *alike):
        found = by_index(raw, one, length(data))
        if found is not None:
            return found
    return np.arange(length(data)) if length(raw) == length(data) else None


def by_index(raw: Any, one: Any, count: int) -> np.ndarray[Any, Any] | None:
    index, known = getattr(one, "index", None), getattr(raw, "index", None)
    if index is None or known is None or callable(index) or callable(known) or len(index) != count:
        return None
    if not known.is_unique or not index.isin(known).all():
        return None
    return np.asarray(known.get_indexer(index))


def tried(source: str, raw: str, truth: Truth, namespace: Mapping[str, Any], spare: Sequence[Any] = ()) -> Outcome:
    """Run a cell's code on copies of what it uses, ask its `predict` and look at what the model is given.

    Parameters
    ----------
    source
        The cell, without its magic, and beside `predict` a function `inputs` that gives what the model is given.
    raw
        The variable that holds the raw rows, in the cell or the notebook.
    truth
        The answers that are right, and the rows that the model was fitted on.
    spare
        Values that are only read, and are not copied.
    """
    world = sandbox(namespace, source, spare)
    if world is None:
        return Outcome(wrong="it reaches beyond the notebook, so that it was not run")
    try:
        with quiet(), limited(SECONDS):
            exec(compile(source, "<offered>", "exec"), world)
            pipeline = getattr(world["predict"], "__self__", None)
            absent = lacking(world[raw], pipeline) if pipeline is not None else []
            if absent:
                return Outcome(wrong=f"`{raw}` lacks columns that were fitted on: {', '.join(absent[:6])}")
            rows = golden.take(world[raw], truth.positions)
            return _compared(world["predict"], world["inputs"], rows, truth)
    except Exception as error:  # whatever a cell raises, it cannot be offered as ready
        said = str(error).splitlines()
        return Outcome(wrong=f"{type(error).__name__}{': ' + said[0][:120] if said else ''}")


def _compared(predict: Callable[[Any], Any], inputs: Callable[[Any], Any], rows: Any, truth: Truth) -> Outcome:
    right = np.asarray(truth.answers)
    few = golden.take(rows, slice(0, MANY))
    begun = time.monotonic()
    made = np.asarray(predict(_copied(few)))
    took = time.monotonic() - begun
    if made.shape[:1] != right.shape[:1]:
        return Outcome(wrong=f"it answered {made.shape[0] if made.ndim else 1} times to {len(right)} rows")
    differ = _differing(made, right)
    if differ:
        return Outcome(wrong=f"{differ} of {len(right)} answers differ from the notebook's")
    prepared = int(min(len(truth.positions), max(len(right), len(right) * PREPARING / max(took, 1e-6))))
    otherwise = _given_otherwise(inputs, rows, truth, np.arange(prepared))
    if otherwise:
        return Outcome(
            wrong=f"{otherwise} of {prepared} rows come to the model otherwise than those that it was fitted on"
        )
    wrong = _one_by_one(predict, inputs, few, truth)
    return Outcome(wrong=wrong) if wrong else Outcome(rows=len(right), prepared=0 if otherwise is None else prepared)


def _one_by_one(predict: Callable[[Any], Any], inputs: Callable[[Any], Any], rows: Any, truth: Truth) -> str:
    """What is wrong with a row that is asked about by itself: the most telling ones, then some of the others."""
    right = np.asarray(truth.answers)
    begun = time.monotonic()
    others = np.random.default_rng(1).permutation(len(right))[:SINGLE]
    for number in dict.fromkeys([*range(min(SINGLE, len(right))), *others.tolist()]):
        at = np.array([number])
        one = np.asarray(predict(_copied(golden.take(rows, at))))
        if _differing(one, right[at]):
            return "a row by itself is answered otherwise than among others"
        if _given_otherwise(inputs, rows, truth, at):
            return "a row by itself comes to the model otherwise than among others"
        if time.monotonic() - begun > ONE_BY_ONE:
            break
    return ""


def _given_otherwise(inputs: Callable[[Any], Any], rows: Any, truth: Truth, at: np.ndarray[Any, Any]) -> int | None:
    """How many rows the model is given otherwise, where it may answer the same by chance; None where they are no table."""
    right = comparing.columns(golden.take(truth.given, at))
    if right is None:
        return None
    made = comparing.columns(inputs(_copied(golden.take(rows, at))))
    return len(at) if made is None else comparing.differing(made, right, len(at))


def _copied(rows: Any) -> Any:
    return rows.copy() if hasattr(rows, "copy") else rows


def _differing(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> int:
    one, other = one.reshape(len(one), -1), other.reshape(len(other), -1)
    if one.shape != other.shape:
        return len(other)
    if one.dtype.kind == "f" or other.dtype.kind == "f":
        same = np.isclose(one.astype(float), other.astype(float), rtol=1e-7, atol=1e-10, equal_nan=True)
    else:
        same = one == other
    return int((~same.all(axis=1)).sum())


def sandbox(namespace: Mapping[str, Any], source: str, spare: Sequence[Any]) -> dict[str, Any] | None:
    """The notebook's variables, those that the code reaches as copies; None where it writes, or reaches network or database."""
    world = dict(namespace)
    reached: set[str] = set()
    left = set(_names(compile(source, "<offered>", "exec")))
    while left:
        name = left.pop()
        if name in WRITING:
            return None
        if name in reached or name not in namespace:
            continue
        reached.add(name)
        value = namespace[name]
        if isinstance(value, types.ModuleType) and value.__name__.partition(".")[0] in _FAR:
            return None
        if isinstance(value, types.FunctionType) and value.__module__ == namespace.get("__name__"):
            world[name] = types.FunctionType(value.__code__, world, name, value.__defaults__, value.__closure__)
            world[name].__kwdefaults__ = value.__kwdefaults__
            left |= set(_names(value.__code__))
        elif not any(value is one for one in spare) and _changeable(value):
            with contextlib.suppress(Exception):
                world[name] = copy.deepcopy(value)
    return world


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _changeable(value: Any) -> bool:
    return hasattr(value, "fit") or isinstance(value, list | dict | set) or is_frame(value)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No output, no warnings, nothing changed outside the process, and numpy's dice as they were."""
    dice = np.random.get_state()  # noqa: NPY002
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            untouched(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        np.random.set_state(dice)  # noqa: NPY002


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise `TimeoutError` when it takes longer, where that can be done: in the main thread of a POSIX system."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def stop(*_: Any) -> None:
        raise TimeoutError(f"longer than {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, stop)
    rest, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, rest)
        signal.signal(signal.SIGALRM, before)
