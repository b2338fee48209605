"""Preparation that stays in the notebook: the model is fitted on prepared rows, and a caller sends raw ones."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from nb2prod.capturing import cells, golden
from nb2prod.capturing.expressions import evaluated
from nb2prod.capturing.rules.base import Case, Rule
from nb2prod.capturing.values import length
from nb2prod.records.capture import Finding

MOST = 5000
CELLS = 10_000_000
_TRANSFORMING = ("transform", "fit_transform")
_THROUGH = frozenset(
    {"DataFrame", "array", "asarray", "hstack", "vstack", "concat", "csr_matrix", "Series", "concatenate"}
)


@dataclass(frozen=True)
class Step:
    """One preparation on the way from the raw rows to `.fit`."""

    kind: str
    by: str
    raw: str | None
    execution: int
    line: int


class PreparationOutside(Rule):
    code: ClassVar[str] = "preparation-outside"
    about: ClassVar[str] = "a scaler, encoder, vectoriser or get_dummies stays in the notebook"
    fix: ClassVar[str] = "%deploy make_pipeline(scaler, model) --data X_raw"

    def look(self, case: Case) -> Iterator[Finding]:
        found = steps(case)
        if not found:
            return
        raw = found[-1].raw or "X_raw"
        transformers = [step for step in reversed(found) if step.kind == "transformer"]
        named = ", ".join(f"`{step.by}`" for step in reversed(found))
        first = found[-1]
        yield self.finding(
            f"{named} {'stays' if len(found) == 1 else 'stay'} in the notebook",
            where=case.notebook.place(first.execution, first.line),
            why=f"`{case.shown}` was fitted on what {named} made of `{raw}`; the service would be sent prepared rows by no one.",
            fix=_pipeline(case, transformers, raw) if _answers_alike(case, found) else _cell(case, found, raw),
        )


class DerivedColumns(Rule):
    code: ClassVar[str] = "derived-columns"
    severity: ClassVar[Any] = "note"
    about: ClassVar[str] = "columns that cells computed must be sent by the caller"
    fix: ClassVar[str] = "a %%deploy cell whose predict(frame) makes them"

    def look(self, case: Case) -> Iterator[Finding]:
        fit = case.found.fit
        if fit is None or fit.data is None or not hasattr(case.found.data, "columns"):
            return
        wanted = set(map(str, case.found.data.columns))
        for cell in case.behind:
            made = sorted(set(_columns_made(cell)) & wanted)
            if made:
                yield self.finding(
                    f"Column{'s' if len(made) > 1 else ''} {', '.join(f'`{one}`' for one in made[:5])} "
                    f"{'are' if len(made) > 1 else 'is'} made in the notebook",
                    where=case.notebook.place(cell.execution),
                    why="Callers of the service send them ready-made, and must make them the same way.",
                    fix=_predict(case, cell),
                )


def steps(case: Case) -> list[Step]:
    """The preparations from `.fit` back to the raw rows, the last one first."""
    fit = case.found.fit
    if fit is None or fit.data is None or case.found.data_name != fit.data:
        return []
    found: list[Step] = []
    start = _expression(fit.data, fit.line)
    moved = (start, fit.execution) if start is not None else None
    for _ in range(20):
        if moved is None:
            break
        moved = _back(*moved, case, found)
    return found


_Moved = tuple[ast.expr, int] | None


def _back(node: ast.expr, at: int, case: Case, found: list[Step]) -> _Moved:
    """One step back: through an assignment, a split, a selection of columns; a preparation is written down."""
    if isinstance(node, ast.Name):
        return _assigned(node.id, at, case.notebook.graph)
    if isinstance(node, ast.Call):
        return _through_call(node, at, case, found)
    if isinstance(node, ast.Subscript | ast.Attribute):
        return node.value, at
    return None


def _through_call(node: ast.Call, at: int, case: Case, found: list[Step]) -> _Moved:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    first = node.args[0] if node.args else None
    raw = ast.unparse(first) if first is not None else None
    if isinstance(node.func, ast.Attribute) and name in _TRANSFORMING:
        found.append(Step("transformer", ast.unparse(node.func.value), raw, at, node.lineno))
    elif name == "get_dummies":
        found.append(Step("function", "pd.get_dummies", raw, at, node.lineno))
    elif name in _THROUGH and isinstance(first, ast.List | ast.Tuple) and first.elts:
        first = first.elts[0]
    elif name not in _THROUGH and isinstance(node.func, ast.Attribute):
        return node.func.value, at
    return (first, at) if first is not None else None


def _assigned(name: str, at: int, graph: cells.Graph) -> _Moved:
    """The expression that a variable was last assigned, before it is used, and from when its own names are to be read."""
    writer = graph.writer(name, at)
    if writer is None or writer.tree is None:
        return None
    before = writer.execution - 1 if name in writer.reads else writer.execution
    for node in reversed([node for node in ast.walk(writer.tree) if isinstance(node, ast.Assign)]):
        for target in node.targets:
            if isinstance(target, ast.Name) and target.id == name:
                return node.value, before
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Call) and node.value.args:
                names = [getattr(one, "id", None) for one in target.elts]
                if name in names:
                    chosen = min(names.index(name) // 2, len(node.value.args) - 1)
                    return node.value.args[chosen], before
    return None


def _answers_alike(case: Case, found: list[Step]) -> bool:
    """Whether the steps, as they are now, make of the raw rows what the model was fitted on, so that a pipeline answers alike.

    A transformer that was fitted again, or is fitted on what it met between, gives other rows; its pipeline is not offered.
    """
    namespace, model, data = case.notebook.namespace, case.found.model, case.found.data
    parts = [evaluated(step.by, namespace) for step in reversed(found)]
    raw = evaluated(found[-1].raw or "", namespace)
    if raw is None or any(not hasattr(part, "transform") for part in parts):
        return False
    rows = slice(0, min(MOST, max(50, CELLS // max(1, int(np.prod(np.shape(data)[1:]))))))
    try:
        made = golden.take(raw, rows)
        for part in parts:
            made = part.transform(made)
        answers = np.asarray(model.predict(made))
        if length(raw) == length(data):
            return _alike(answers, np.asarray(model.predict(golden.take(data, rows))))
        return _among(golden.take(data, rows), made)
    except Exception:  # a step that no longer takes these rows cannot be offered, whatever it raises
        return False


def _alike(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    if one.dtype.kind == "f":
        return bool(np.allclose(one, other, rtol=1e-9, equal_nan=True))
    return bool(np.array_equal(one, other))


def _among(data: Any, made: Any) -> bool:
    """After a split: whether some of the training rows are among the prepared ones (rows of nothing but zeros tell nothing)."""
    known = {row.tobytes() for row in _table(made)}
    return any(row.tobytes() in known for row in _table(data) if row.any())


def _table(rows: Any) -> Any:
    return (
        np.ascontiguousarray(np.round(rows.toarray() if hasattr(rows, "toarray") else np.asarray(rows, float), 7)) + 0.0
    )


def _pipeline(case: Case, transformers: list[Step], raw: str) -> str:
    """`%deploy make_pipeline(scaler, model)` where all of them are fitted transformers that exist under a name."""
    names = [step.by if step.by.isidentifier() else "transformer" for step in transformers]
    labels = f" --labels {case.found.labels_name}" if case.found.labels_name else ""
    return f"%deploy make_pipeline({', '.join([*names, case.shown])}) --name {case.found.name} --data {raw}{labels}"


def _cell(case: Case, found: list[Step], raw: str) -> str:
    lines = [f"%%deploy --name {case.found.name} --data {raw}", "def predict(frame):"]
    for step in reversed(found):
        call = f"{step.by}.transform(frame)" if step.kind == "transformer" else f"{step.by}(frame)"
        lines.append(f"    frame = {call}")
    if any(step.by == "pd.get_dummies" for step in found):
        lines.append(f"    frame = frame.reindex(columns={case.found.data_name}.columns, fill_value=0)")
    return "\n".join([*lines, f"    return {_call(case)}(frame)"])


def _predict(case: Case, cell: cells.Facts) -> str:
    return (
        f"%%deploy --name {case.found.name} --data RAW\ndef predict(frame):\n"
        f"    ...  # the lines of {case.notebook.place(cell.execution)}\n    return {_call(case)}(frame)"
    )


def _call(case: Case) -> str:
    return f"{case.shown}.predict" if hasattr(case.found.model, "predict") else case.shown


def _columns_made(cell: cells.Facts) -> Iterator[str]:
    for node in ast.walk(cell.tree) if cell.tree else ():
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
                    yield str(target.slice.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "assign":
            yield from (keyword.arg for keyword in node.keywords if keyword.arg)


def _expression(source: str, line: int) -> ast.expr | None:
    try:
        node = ast.parse(source, mode="eval").body
    except SyntaxError:
        return None
    ast.increment_lineno(node, line - 1)
    return node
