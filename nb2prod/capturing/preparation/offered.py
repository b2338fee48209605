"""What stays outside a model, and the line or cell that takes it in, tried before it is offered."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from nb2prod.capturing import golden
from nb2prod.capturing.cells import FitCall
from nb2prod.capturing.execution import Notebook
from nb2prod.capturing.preparation import forms, trial
from nb2prod.capturing.preparation.again import made_again
from nb2prod.capturing.preparation.raw import Raw, outset
from nb2prod.capturing.preparation.slicing import Slice, backward
from nb2prod.capturing.preparation.statements import Program
from nb2prod.capturing.preparation.writing import FRAME, Body, body
from nb2prod.capturing.values import fits, is_frame, length


@dataclass(frozen=True)
class Subject:
    """A model, what it is called, and what it was fitted on; `data` is None where that is not there any more."""

    model: Any
    shown: str
    name: str
    data: Any
    expression: str
    fit: FitCall
    labels: Any = None
    labels_name: str | None = None

    @property
    def call(self) -> str:
        return f"{self.shown}.predict" if hasattr(self.model, "predict") else self.shown

    def ask(self, rows: Any) -> Any:
        return self.model.predict(rows) if hasattr(self.model, "predict") else self.model(rows)


@dataclass(frozen=True)
class Step:
    """One preparation as a cell wrote it."""

    by: tuple[str, ...]
    text: str
    execution: int
    line: int


@dataclass(frozen=True)
class Outside:
    """The preparation that stays in the notebook, and what is offered for it."""

    steps: tuple[Step, ...]
    raw: str
    fix: str
    rows: int = 0
    """On how many rows the fix was tried; 0 where it could not be, or answered otherwise: then `open` says why."""
    open: str = ""
    first: str = ""
    """What is to be done before."""

    @property
    def tried(self) -> str:
        """How far the fix can be trusted."""
        if self.rows:
            return f"{self.first}The fix was tried on {self.rows} rows, many at once and one by one: same answers."
        return f"The fix was not tried to the end: {self.open}. Read it before you use it."


def outside(subject: Subject, notebook: Notebook) -> Outside | None:
    """The preparation between the raw rows and `.fit`; None where rows and columns were only chosen."""
    expression = _expression(subject.expression, subject.fit.line)
    if expression is None:
        return None
    program = Program(notebook.graph, notebook.namespace)
    made = backward(program, subject.fit, expression, subject.data, notebook.namespace)
    raw = outset(program, made, notebook.namespace)
    if raw is None:
        return None
    steps = tuple(_step(made, number) for number in raw.preparing)
    return _offered(subject, notebook, program, made, raw, steps)


def by_neighbours(subject: Subject, notebook: Notebook) -> tuple[Step, ...]:
    """The steps whose values are made of other rows (lags, moving means): no cell makes them of one row."""
    expression = _expression(subject.expression, subject.fit.line)
    if expression is None:
        return ()
    program = Program(notebook.graph, notebook.namespace)
    made = backward(program, subject.fit, expression, subject.data, notebook.namespace)
    return tuple(
        _step(made, number)
        for number, (step, rows) in enumerate(zip(made.steps, made.rows, strict=True))
        if forms.other_rows(step.node, rows)
    )


def _expression(text: str, line: int) -> ast.expr | None:
    try:
        node = ast.parse(text, mode="eval").body
    except SyntaxError:
        return None
    ast.increment_lineno(node, line - 1)
    return node


def _step(made: Slice, number: int) -> Step:
    statement = made.steps[number]
    node = statement.node
    text = ast.unparse(node.value if statement.last and isinstance(node, ast.Assign) else node).split("\n")[0]
    return Step(_by(node), text if len(text) < 90 else f"{text[:86]} …", statement.execution, node.lineno)


def _by(node: ast.stmt) -> tuple[str, ...]:
    """`scaler`, `pd.get_dummies`, `prepare`, or the column that is made."""
    calls = [one for one in ast.walk(node) if isinstance(one, ast.Call)]
    transforming = [one.func.value for one in calls if isinstance(one.func, ast.Attribute) and _transforms(one)]
    if transforming:
        return tuple(ast.unparse(one) for one in reversed(transforming))
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    if isinstance(target, ast.Subscript):
        return (ast.unparse(target),)
    named = [one for one in calls if forms.called(one) not in forms.SELECTING | forms.WRAPPING | forms.AGGREGATES]
    if named:
        return tuple(dict.fromkeys(_label(one) for one in reversed(named)))
    return (ast.unparse(target) if target is not None else "a step",)


def _label(node: ast.Call) -> str:
    whole = isinstance(node.func, ast.Name) or forms.called(node) in ("get_dummies", "add_constant")
    return ast.unparse(node.func) if whole else forms.called(node)


def _transforms(node: ast.Call) -> bool:
    return forms.called(node) in ("transform", "fit_transform") and not isinstance(
        node.args[:1] and node.args[0], ast.Constant
    )


def _offered(
    subject: Subject, notebook: Notebook, program: Program, made: Slice, raw: Raw, steps: tuple[Step, ...]
) -> Outside:
    namespace = dict(notebook.namespace)
    raw = raw if raw.alive else replace(raw, value=made_again(program, raw, namespace))
    gone = f"`{raw.name}` no longer holds the rows as they were before {notebook.place(*raw.place)}"
    if raw.note:
        namespace["raw"] = _chosen_columns(raw)
    written = body(program, made, raw.at, notebook.namespace)
    data = subject.data if subject.data is not None else _made_again(subject, notebook.namespace)
    wrong = ""
    offers = list(_offers(subject, notebook, written, raw, _among(subject, made, raw, data, notebook.namespace)))
    for offer, of in offers:
        truth = _truth(subject, data, namespace, made, of)
        if truth is None:
            wrong = wrong or _UNTRACED
            continue
        outcome = trial.tried(offer.source, offer.raw, truth, namespace, (subject.model, subject.data))
        if outcome.held:
            first = f"`{raw.name}` is to be kept in `raw` first, as the cell says. " if raw.note else ""
            return Outside(steps, offer.shown, offer.fix, rows=outcome.rows, first=first)
        wrong = outcome.wrong
    wrong = wrong if raw.alive else gone
    return Outside(steps, raw.text, offers[-1][0].fix, open="; ".join([*dict.fromkeys(written.left), wrong]))


def _chosen_columns(raw: Raw) -> Any:
    if not is_frame(raw.value):
        return raw.value
    return raw.value[[one for one in raw.value.columns if str(one) in raw.columns]].copy()


def _among(subject: Subject, made: Slice, raw: Raw, data: Any, namespace: Mapping[str, Any]) -> Raw | None:
    """The raw rows that the model was fitted on, where a variable's index tells which they are."""
    if data is None or not is_frame(raw.value) or length(raw.value) <= length(data):
        return None
    named = [subject.expression, *filter(None, reversed(made.spine)), subject.labels_name or ""]
    for name in dict.fromkeys(one for one in named if one.isidentifier() and one in namespace):
        value = namespace[name]
        if _length(value) == length(data) and trial.by_index(raw.value, value, length(data)) is not None:
            return replace(raw, among=name)
    return None


def _offers(
    subject: Subject, notebook: Notebook, written: Body, raw: Raw, among: Raw | None
) -> Iterator[tuple[Offer, Raw]]:
    pipeline = _pipeline(subject, notebook.namespace, written, raw) if raw.alive else None
    if pipeline is not None:
        yield pipeline, raw
    for one in (among, raw):
        if one is not None:
            for cell in _cells(subject, notebook, written, one):
                yield cell, one


_UNTRACED = "the fitted rows cannot be traced to the raw ones"


@dataclass(frozen=True)
class Offer:
    """A fix, the code that is tried in its place, and the variable of its raw rows."""

    fix: str
    source: str
    raw: str
    shown: str


def _pipeline(subject: Subject, namespace: Mapping[str, Any], written: Body, raw: Raw) -> Offer | None:
    """`make_pipeline(scaler, model)` where every step is a fitted transformer of the whole table."""
    names = _transformers(written)
    if not names or not hasattr(subject.model, "predict") or not subject.shown.isidentifier() or written.kept:
        return None
    given = _first_operand(written)
    text = _outside_of(given, raw)
    line = "" if text.isidentifier() else f"{'raw' if 'raw' not in namespace else 'raw_rows'} = {text}\n"
    held = text if not line else line.partition(" =")[0]
    labels = f" --labels {subject.labels_name}" if _as_long(subject, raw) else ""
    imported = "" if "make_pipeline" in namespace else "from sklearn.pipeline import make_pipeline\n"
    call = f"make_pipeline({', '.join([*names, subject.shown])})"
    fix = f"{imported}{line}%deploy {call} --name {subject.name} --data {held}{labels}"
    source = f"from sklearn.pipeline import make_pipeline\n{line}predict = {call}.predict"
    return Offer(fix, source, held, held)


def _transformers(written: Body) -> list[str]:
    """The receivers of `.transform`, where that is all that is done, one after the other."""
    found: list[str] = []
    for one in (*(s.value if isinstance(s, ast.Assign) else None for s in written.statements), written.rows):
        names = _chain(one) if one is not None else None
        if names is None:
            return []
        found += names
    chained = all(isinstance(s, ast.Assign) and ast.unparse(s.targets[0]) == FRAME for s in written.statements)
    operands = [s.value for s in written.statements if isinstance(s, ast.Assign)][1:]
    inner = [_innermost(one) for one in operands]
    return found if chained and all(isinstance(one, ast.Name) for one in inner) else []


def _chain(node: ast.expr) -> list[str] | None:
    if isinstance(node, ast.Call) and forms.called(node) == "transform" and isinstance(node.func, ast.Attribute):
        receiver = node.func.value
        if len(node.args) != 1 or not isinstance(receiver, ast.Name | ast.Attribute):
            return None
        before = _chain(node.args[0])
        return None if before is None else [*before, ast.unparse(receiver)]
    selected = isinstance(node, ast.Name | ast.Subscript | ast.Attribute)
    return [] if selected and forms.root(node) == FRAME else None


def _innermost(node: ast.expr) -> ast.expr:
    while isinstance(node, ast.Call) and node.args:
        node = node.args[0]
    return node


def _first_operand(written: Body) -> ast.expr:
    node = written.statements[0] if written.statements else None
    return _innermost(node.value if isinstance(node, ast.Assign) else written.rows)


def _outside_of(node: ast.expr, raw: Raw) -> str:
    """An expression of `frame` as one of the notebook's variable."""
    if isinstance(node, ast.Name):
        return raw.whole_text
    text = ast.unparse(node)
    return raw.name + text[len(FRAME) :] if text.startswith(FRAME) else raw.text


def _as_long(subject: Subject, raw: Raw) -> bool:
    """Whether the labels are those of the raw rows."""
    if subject.labels_name is None or raw.value is None:
        return False
    return bool(raw.among) or length(subject.labels) == length(raw.value)


def _cells(subject: Subject, notebook: Notebook, written: Body, raw: Raw) -> Iterator[Offer]:
    """The cell with what is kept read off the notebook's variables, and, where it may differ, learnt from the raw rows again."""
    if not written.kept:
        yield _cell(subject, notebook, written, raw, [])
        return
    if raw.alive:
        yield _cell(subject, notebook, written, raw, [f"{k.name} = {ast.unparse(k.outside)}" for k in written.kept])
    yield _cell(subject, notebook, written, raw, _learnt(written))


def _cell(subject: Subject, notebook: Notebook, written: Body, raw: Raw, kept: list[str]) -> Offer:
    held, line = raw.bound(notebook.namespace)
    rows = ast.unparse(written.rows)
    lines = [f"    {text}" for one in written.statements for text in ast.unparse(one).split("\n")]
    if written.copies:
        lines = [f"    {FRAME} = {FRAME}.copy()", *lines]
    function = [f"def predict({FRAME}):", *lines, f"    return {subject.call}({rows})"]
    above = [*written.imports, *line, *(text.replace("\0", held) for text in kept)]
    labels = f" --labels {subject.labels_name}" if _as_long(subject, raw) else ""
    first = f"# first, above line {raw.place[1]} of {notebook.place(raw.place[0])}:  {raw.note}" if raw.note else ""
    head = [f"%%deploy --name {subject.name} --data {held}{labels}", *([first] if first else [])]
    return Offer("\n".join([*head, *above, *function]), "\n".join([*above, *function]), held, held)


def _learnt(written: Body) -> list[str]:
    """A function that goes through the steps once with the training rows and gives what is kept of them."""
    lines = [f"def learn({FRAME}):", f"    {FRAME} = {FRAME}.copy()"]
    waiting = list(zip(written.kept, written.after, strict=True))
    for number in range(max(written.after) + 1):
        lines += [f"    {one.name} = {ast.unparse(one.inside)}" for one, after in waiting if after == number]
        if number < max(written.after):
            lines += [f"    {text}" for text in ast.unparse(written.statements[number]).split("\n")]
    names = ", ".join(one.name for one in written.kept)
    return [*lines, f"    return {names}", f"{names} = learn(\0)"]


def _truth(subject: Subject, data: Any, namespace: Mapping[str, Any], made: Slice, raw: Raw) -> trial.Truth | None:
    """The model's answers to the fitted rows, or, where they cannot be traced, to what they were chosen from."""
    rows = raw.value
    if rows is None or data is None:
        return None
    if raw.among:
        few = trial.chosen(length(data))
        return trial.Truth(few, subject.ask(golden.take(data, few)))
    alike = [namespace[name] for name in dict.fromkeys(filter(None, reversed(made.spine))) if name in namespace]
    alike += [subject.labels] if subject.labels is not None else []
    try:
        at = trial.positions(rows, data, [one for one in alike if _length(one) == length(data)])
        if at is not None:
            few = trial.chosen(len(at))
            return trial.Truth(at[few], subject.ask(golden.take(data, few)))
        for one in alike:
            if _length(one) == length(rows) and one is not rows and fits(one, subject.model):
                few = trial.chosen(length(rows))
                return trial.Truth(few, subject.ask(golden.take(one, few)))
    except Exception:  # a model that no longer answers its own rows is another finding's
        return None
    return None


def _made_again(subject: Subject, namespace: Mapping[str, Any]) -> Any:
    """The fitted rows where only the call of `.fit` had them: `fit(prepare(df), y)`, evaluated on copies."""
    world = trial.sandbox(namespace, subject.expression, (subject.model,))
    if world is None:
        return None
    try:
        with trial.quiet(), trial.limited(trial.SECONDS):
            return eval(compile(subject.expression, "<offered>", "eval"), world)
    except Exception:  # it ran once in a cell; if it no longer does, nothing can be compared
        return None


def _length(value: Any) -> int:
    try:
        return length(value)
    except TypeError:
        return -1
