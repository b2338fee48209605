"""The rows of the proof: drawn from the training data to reach every corner, and a synthetic set that may stay."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from nb2prod.capturing import threads
from nb2prod.capturing.values import is_frame
from nb2prod.errors import Refused
from nb2prod.records.capture import Answers, Column, Golden, Signature
from nb2prod.runtime import sparse
from nb2prod.runtime.frames import container
from nb2prod.runtime.rows import rows_from_wire
from nb2prod.runtime.wire import answers_to_wire, rows_to_wire

RANDOM = 80
LEAST = 100
MOST = 400
SINGLE = 20
RARE = 10
Ask = Callable[[Any], tuple[Any, Any]]


def real_rows(data: Any, signature: Signature, *, seed: int) -> Any:
    """At least 100 rows of `data` where it has them: random ones, nulls, every category, the extremes of every column.

    The same seed and data give the same rows. The order is shuffled, so that the first rows are not all alike.
    """
    rng = np.random.default_rng(seed)
    n = _length(data)
    chosen = dict.fromkeys(int(i) for i in rng.permutation(n)[:RANDOM])
    for column, values in _columns(data, signature):
        for index in _corners(column, values, rng):
            chosen.setdefault(index)
    if len(chosen) < LEAST:
        chosen |= dict.fromkeys(int(i) for i in rng.permutation(n)[: LEAST + RANDOM])
    indices = np.array(list(chosen)[:MOST])
    return take(data, rng.permutation(indices))


def take(data: Any, indices: Any) -> Any:
    """Rows of a frame, array or list by position."""
    if hasattr(data, "iloc"):
        return data.iloc[indices]
    if isinstance(data, list) and not isinstance(indices, slice):
        return [data[int(i)] for i in indices]
    return data[indices]


def synthetic_rows(data: Any, signature: Signature, *, seed: int, n: int = LEAST + SINGLE) -> Any:
    """Rows that no one ever was: each column drawn by itself from its own quantiles, categories and share of nulls.

    None for free text, which cannot be drawn without quoting someone.
    """
    if any(column.kind in ("text", "other") for column in signature.columns):
        return None
    rng = np.random.default_rng(seed)
    if signature.rows == "sparse":
        return _sparse(data, signature, n, rng)
    drawn = {column.name: _drawn(column, values, n, rng) for column, values in _columns(data, signature)}
    if signature.rows == "array":
        wire: list[Any] = [list(row) for row in zip(*drawn.values(), strict=True)]
    else:
        wire = [dict(zip(drawn, row, strict=True)) for row in zip(*drawn.values(), strict=True)]
    return container(rows_from_wire(wire, signature), signature)


def _sparse(data: Any, signature: Signature, n: int, rng: np.random.Generator) -> Any:
    """Sparse rows: how many columns from the quantiles of that, which ones by their share, their values from all values'."""
    often = np.asarray(data.getnnz(axis=0)).ravel()
    often = np.where(often >= RARE, often, 0) if (often >= RARE).any() else often
    most = np.count_nonzero(often)
    counts = np.minimum(np.round(_quantiles(np.diff(data.indptr), n, rng)).astype(int), most)
    rows = []
    for count in counts:
        chosen = rng.choice(signature.width, size=count, replace=False, p=often / often.sum()) if count else []
        values: Any = _quantiles(data.data, count, rng) if count else []
        rows.append(
            {
                "indices": sorted(int(one) for one in chosen),
                "values": [_rounded(float(one), signature.dtype) for one in values],
            }
        )
    return sparse.matrix(rows, signature)


def asked(ask: Ask, rows: Any, signature: Signature, *, kind: Any, tolerance: float) -> Golden:
    """The kernel's own answers to `rows`, as one batch and one by one, with one BLAS thread.

    Raises
    ------
    Refused
        ``nondeterministic``: the same rows, asked again, gave other answers.
    """
    with threads.one():
        batch = _answers(ask, rows, signature)
        again = _answers(ask, rows, signature)
        singles = [_answers(ask, take(rows, [i]), signature) for i in range(min(SINGLE, _length(rows)))]
    _same_twice(batch, again, tolerance)
    return Golden(
        kind=kind, rows=rows_to_wire(rows, signature), batch=batch, single=_joined(singles), tolerance=tolerance
    )


def copied(rows: Any) -> Any:
    """A model may write into the frame it is given; the next one asked gets its own."""
    return rows.copy() if hasattr(rows, "copy") else list(rows)


def _answers(ask: Ask, rows: Any, signature: Signature) -> Answers:
    predictions, probabilities = ask(copied(rows))
    return answers_to_wire(predictions, probabilities, signature)


def _joined(parts: list[Answers]) -> Answers:
    probabilities = [row for part in parts for row in part.probabilities or ()]
    return Answers(
        predictions=tuple(one for part in parts for one in part.predictions),
        probabilities=tuple(probabilities) if probabilities else None,
    )


def _same_twice(first: Answers, second: Answers, tolerance: float) -> None:
    if first == second:
        return
    from nb2prod.capturing.replay import compare

    equal, _, largest, differing, row = compare(first, second, tolerance, scores_within=0.0)
    if equal:
        return
    raise Refused(
        "The model answers the same rows differently each time it is asked",
        code="nondeterministic",
        where=f"{differing} of {len(first.predictions)} rows, first in row {row}",
        why=f"Asked twice here in the kernel, its answers differ by up to {largest:.3g}; no service could be compared with it.",
        fix=_steadied(largest),
        kept="nothing was captured",
    )


def _steadied(largest: float) -> str:
    """A tolerance where answers are numbers; a seed holds for all."""
    if np.isfinite(largest):
        return f"--tolerance {largest * 2:.1g}      # or the first line of predict: np.random.seed(0)"
    return "np.random.seed(0)\n# as the first line of predict; a generator made there: np.random.default_rng(0)"


def _corners(column: Column, values: np.ndarray[Any, Any], rng: np.random.Generator) -> Iterator[int]:
    """Positions of a null, of both extremes, of one row for every category."""
    missing = _missing(values)
    if missing.any():
        yield from (int(i) for i in rng.permutation(np.flatnonzero(missing))[:2])
    present = np.flatnonzero(~missing)
    if not present.size:
        return
    if column.kind in ("category", "boolean"):
        _, first = np.unique(values[present].astype(str), return_index=True)
        yield from (int(present[i]) for i in first[:100])
    elif column.kind in ("number", "integer", "datetime"):
        numbers = values[present]
        yield int(present[numbers.argmin()])
        yield int(present[numbers.argmax()])


def _drawn(column: Column, values: np.ndarray[Any, Any], n: int, rng: np.random.Generator) -> list[Any]:
    missing = _missing(values)
    present = values[~missing]
    null_share = max(float(missing.mean()), 0.03) if column.nullable else 0.0
    nulls = rng.random(n) < null_share
    if column.nullable and n > 1:
        nulls[1] = True
    made = _present(column, present, n, rng)
    return [None if null else value for null, value in zip(nulls, made, strict=True)]


def _present(column: Column, present: np.ndarray[Any, Any], n: int, rng: np.random.Generator) -> list[Any]:
    if not present.size:
        return [None] * n
    if column.kind == "boolean":
        made = rng.random(n) < present.astype(float).mean()
        return [bool(one) for one in made]
    if column.kind == "category":
        return _categories(present, n, rng)
    if column.kind == "datetime":
        ns = _quantiles(present.astype("datetime64[ms]").astype(np.int64), n, rng)
        return [int(one) for one in ns]
    numbers = _quantiles(present.astype(float), n, rng)
    if column.kind == "integer":
        return [round(float(one)) for one in numbers]
    return [_rounded(one, column.dtype) for one in numbers]


def _quantiles(present: np.ndarray[Any, Any], n: int, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Draws between 41 quantiles; the ends, cut to two digits more than needed, keep no one's own value."""
    finite = present[np.isfinite(present)] if present.dtype.kind == "f" else present
    if not finite.size:
        return np.zeros(n)
    knots = np.quantile(finite.astype(float), np.linspace(0.0, 1.0, 41))
    return np.asarray(np.interp(rng.random(n), np.linspace(0.0, 1.0, 41), knots))


def _rounded(value: float, dtype: str) -> float:
    narrow = float(np.float32(value)) if dtype.lower() in ("float32", "float16") else value
    return float(f"{narrow:.6g}")


def _categories(present: np.ndarray[Any, Any], n: int, rng: np.random.Generator) -> list[Any]:
    """Every category seen ten times or more at least once while there is room, the rest by share."""
    names, counts = np.unique(present.astype(str), return_counts=True)
    common = counts >= RARE if (counts >= RARE).any() else np.ones(len(names), bool)
    names, counts = names[common], counts[common]
    drawn = [str(one) for one in rng.choice(names, size=n, p=counts / counts.sum())]
    each = [str(one) for one in names[: n // 2]]
    drawn[: len(each)] = each
    return [drawn[i] for i in rng.permutation(n)]


def _columns(data: Any, signature: Signature) -> Iterator[tuple[Column, np.ndarray[Any, Any]]]:
    for i, column in enumerate(signature.columns):
        if is_frame(data):
            yield column, _array(data.iloc[:, i], column)
        elif signature.rows == "sparse":
            yield column, sparse.watched(data)[column.name]
        elif signature.rows == "array":
            yield column, np.asarray(data)[:, i]
        else:
            yield column, np.array(list(data), object)


def _array(series: Any, column: Column) -> np.ndarray[Any, Any]:
    if column.kind == "datetime":
        naive = (
            series.dt.tz_convert("UTC").dt.tz_localize(None) if getattr(series.dt, "tz", None) is not None else series
        )
        return np.asarray(naive, dtype="datetime64[ns]")
    if column.dtype.startswith("timedelta64["):
        return np.asarray(series.dt.total_seconds(), float)
    if column.kind in ("number", "integer") and column.dtype != "object":
        if str(series.dtype).startswith(("Int", "UInt", "Float")) or series.isna().any():
            return np.asarray(series.to_numpy(dtype=float, na_value=np.nan))
        return np.asarray(series.to_numpy())
    return np.asarray(series.to_numpy(dtype=object))


def _missing(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if values.dtype.kind == "f":
        return np.asarray(np.isnan(values))
    if values.dtype.kind == "M":
        return np.asarray(np.isnat(values))
    if values.dtype.kind == "O":
        return np.array([_is_null(value) for value in values], bool)
    return np.zeros(len(values), bool)


def _is_null(value: Any) -> bool:
    """`pd.NA` is asked for its type first: compared with anything it gives itself, which is neither true nor false."""
    return value is None or type(value).__name__ == "NAType" or bool(value != value)


def length(rows: Any) -> int | None:
    """The number of rows or answers, of a dict those of each column; None for what has none, or no order."""
    shape = getattr(rows, "shape", None)
    if shape is not None:
        return int(shape[0]) if len(shape) else None
    if isinstance(rows, Mapping):
        lengths = {length(column) for column in rows.values()}
        return lengths.pop() if len(lengths) == 1 else None
    return len(rows) if hasattr(rows, "__len__") and not isinstance(rows, str | set | frozenset) else None


def _length(data: Any) -> int:
    return int(data.shape[0]) if hasattr(data, "shape") else len(data)
