"""What stays outside a model, and the line or cell that takes it in, tried before it is offered."""

from __future__ import annotations

import ast
import itertools
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nb2prod.capturing import golden
from nb2prod.capturing.execution import Notebook
from nb2prod.capturing.preparation import comparing, forms, needed, tracing, trial, versions
from nb2prod.capturing.preparation.again import made_again
from nb2prod.capturing.preparation.cell import Offer, Writer
from nb2prod.capturing.preparation.columns import Columns
from nb2prod.capturing.preparation.raw import Raw, numbers_anew, outset
from nb2prod.capturing.preparation.slicing import Slice, backward
from nb2prod.capturing.preparation.statements import Program
from nb2prod.capturing.preparation.subject import Subject
from nb2prod.capturing.preparation.writing import FRAME, Body, body, stored
from nb2prod.capturing.values import is_frame, length

PATIENCE = 3.0
"""Seconds that are spent on making an offer leaner."""


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
    fix: str
    rows: int = 0
    """On how many rows the fix was tried; 0 where it could not be, or answered otherwise: then `open` says why."""
    open: str = ""
    first: str = ""
    """What is to be done before."""
    prepared: int = 0
    """How many rows came to the model as `.fit` saw them; 0 where that is no table."""

    @property
    def tried(self) -> str:
        """How far the fix can be trusted."""
        if self.rows:
            tried = "That cell" if self.first else "The fix"
            given = (
                f"{self.prepared} rows came to the model as `.fit` saw them, value for value."
                if self.prepared
                else "What comes to the model is no table: it was judged by the answers alone."
            )
            said = f"{self.first}{tried} was tried on {self.rows} rows, many at once and one by one: same answers."
            return f"{said} {given}" if self.steps or not self.prepared else said  # else nothing was prepared
        return f"No cell could be written that answers as the notebook does: {self.open}."


def outside(subject: Subject, notebook: Notebook) -> Outside | None:
    """The preparation between the raw rows and `.fit`; None where rows and columns were only chosen."""
    expression = _expression(subject.expression, subject.fit.line)
    if expression is None:
        return None
    found = _read(subject, notebook, expression)
    if found is not None and found.first:
        without = _read(subject, notebook, expression, added=True)
        return without if without is not None and not without.open and not without.first else found
    if found is None or not found.open:
        return found
    for opened, numbered in ((True, False), (False, True), (True, True)):
        deeper = _read(subject, notebook, expression, opened=opened, numbered=numbered)
        if deeper is not None and not deeper.open:
            return replace(deeper, steps=found.steps)
    return found


def _read(
    subject: Subject,
    notebook: Notebook,
    expression: ast.expr,
    *,
    opened: bool = False,
    numbered: bool = False,
    added: bool = False,
) -> Outside | None:
    """The preparation as the cells wrote it; `opened`, with the functions that learn from the rows written out.

    `numbered`, with the raw rows as they are after they were numbered anew; None where they never were. `added`, with the frame
    as it is, without columns that were put into it.
    """
    program = Program(notebook.graph, notebook.namespace, apart=True, opened=opened)
    made = backward(program, subject.fit, expression, subject.data, notebook.namespace)
    labels = needed.names_of_labels(subject)
    raw = outset(program, made, notebook.namespace, labels, numbered=numbered, added=added)
    if raw is None or (numbered and not any(numbers_anew(one.node) for one in made.steps)):
        return None
    if raw.note and program.inliner and raw.name in program.inliner.made:
        return None  # within a function there is no line to put it above
    steps = tuple(_step(made, number) for number in raw.preparing)
    return _offered(subject, notebook, program, made, raw, steps)


def taking(subject: Subject, notebook: Notebook) -> Outside | None:
    """The cell that answers as the notebook goes on to, for a model whose rows need no preparation; None where it fails."""
    name = subject.expression
    alive = name.isidentifier()
    raw = Raw(name, 0, (), Columns(), alive, (0, 0), 0, subject.data, source=None if alive else name)
    written = Body((), ast.Name(FRAME, ast.Load()), (), (), ())
    writer = Writer(subject, notebook, written, raw, subject.labels_name)
    few = comparing.chosen(subject.data, np.arange(length(subject.data)))
    truth = trial.Truth.of(few, golden.take(subject.data, few), subject.ask)
    for offer in writer.offers():
        outcome = trial.tried(offer.inputs, offer.raw, truth, notebook.namespace, (subject.model,))
        if outcome.held:
            return Outside((), offer.fix, rows=outcome.rows, prepared=outcome.prepared)
    return None


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
    if raw.note:
        namespace["raw"] = _chosen_columns(raw)
    written = body(program, made, raw.at, notebook.namespace)
    data = subject.data if subject.data is not None else tracing.made_again(subject, notebook.namespace)
    wrong = "" if raw.value is not None else f"`{raw.name}` no longer holds the rows as they were"
    for writer in _writers(
        subject, notebook, program, written, raw, tracing.among(subject, made, raw, data, namespace)
    ):
        truth = tracing.truth(subject, data, namespace, made, writer.raw)
        if truth is None:
            wrong = wrong or "the fitted rows cannot be traced to the raw ones"
            continue
        trying = _Trying(writer, truth, namespace, (subject.model, subject.data))
        for offer in writer.offers():
            outcome = trying.tried(offer)
            if outcome.held:
                offer, idle = trying.leanest(offer, data, made)
                read = [not forms.stores(made.steps[number].node, idle) for number in raw.preparing]
                told = tuple(itertools.compress(steps, read)) or steps
                return _said(told, notebook, writer.raw, offer, outcome, _from(program, raw, notebook))
            wrong = outcome.wrong
    return Outside(steps, _by_hand(subject), open="; ".join(dict.fromkeys([*written.left, wrong])))


def _chosen_columns(raw: Raw) -> Any:
    if not is_frame(raw.value):
        return raw.value
    return raw.value[[one for one in raw.value.columns if str(one) in raw.columns]].copy()


def _writers(
    subject: Subject, notebook: Notebook, program: Program, written: Body, raw: Raw, among: Raw | None
) -> Iterator[Writer]:
    """All raw rows in a pipeline, then those that were fitted on, then all."""
    every = Writer(subject, notebook, written, raw, tracing.labels_of(subject, raw, program, notebook.namespace))
    if raw.alive:
        yield replace(every, piped=True)
    if among is not None:
        yield replace(every, raw=among, labels=subject.labels_name)
    yield every


def _from(program: Program, raw: Raw, notebook: Notebook) -> str:
    """The cell to begin with where the rows are to be as they were: the last one that made them of something else."""
    before = range(raw.statement - 1, -1, -1)
    made = next((program.all[n] for n in before if versions.makes(program.all[n].node, raw.name)), None)
    return notebook.place(made.execution) if made is not None and made.execution != raw.place[0] else ""


def _said(
    steps: tuple[Step, ...], notebook: Notebook, raw: Raw, offer: Offer, outcome: trial.Outcome, begin: str
) -> Outside:
    """What held; where nothing holds the raw rows, the line that keeps them comes first, and the cell with the next `%deploy`."""
    if not raw.note:
        return Outside(steps, offer.fix, rows=outcome.rows, prepared=outcome.prepared)
    place = f"line {raw.place[1]} of {notebook.place(raw.place[0])}"
    run = f"from {begin}, which makes `{raw.name}`," if begin else "from there"
    first = (
        f"Nothing holds the rows of `{raw.name}` as they were before {place}: keep them there first, and run the cells {run} "
        "again; the next %deploy offers the cell. "
    )
    kept = f"# put above {place}, then run the cells {run} again\n{raw.note}"
    return Outside(steps, kept, rows=outcome.rows, first=first, prepared=outcome.prepared)


def _by_hand(subject: Subject) -> str:
    answered = subject.answer("rows")
    return f"write by hand a %%deploy cell whose predict(frame) does these steps for a caller's rows and returns {answered}"


@dataclass(frozen=True)
class _Trying:
    """The trial of one writer's offers."""

    writer: Writer
    truth: trial.Truth
    namespace: Mapping[str, Any]
    spare: tuple[Any, ...]

    def tried(self, offer: Offer) -> trial.Outcome:
        return trial.tried(offer.inputs, offer.raw, self.truth, self.namespace, self.spare)

    def leanest(self, offer: Offer, data: Any, made: Slice) -> tuple[Offer, list[str]]:
        """The same offer without what makes the labels or what nothing reads, and for the columns that are needed.

        The second is which columns nothing reads.
        """
        until = time.monotonic() + PATIENCE
        labels = self._labels(data, made)
        idle = self._idle(offer, until)
        lean = replace(self, writer=replace(self.writer, written=needed.without(self.writer.written, idle)))
        for one in itertools.chain(lean._unlabelled(offer, labels), lean._same(offer) if idle else (), [offer]):
            found = needed.needs(one, labels, self.truth.few, self.namespace, self.spare)
            leaner = one.narrower(found) if found else iter([one] if one is not offer else [])
            for each in leaner:
                if time.monotonic() < until and self.tried(each).held:
                    return each, idle if one is not offer else []
        return offer, []

    def _idle(self, offer: Offer, until: float) -> list[str]:
        """The columns that a step makes and the model is given the same without."""
        idle: list[str] = []
        for name in () if self.writer.piped else stored(self.writer.written):
            without = replace(
                self, writer=replace(self.writer, written=needed.without(self.writer.written, [*idle, name]))
            )
            if time.monotonic() < until and next(without._same(offer), None) is not None:
                idle.append(name)
        return idle

    def _same(self, offer: Offer) -> Iterator[Offer]:
        """The offers of this writer that give the model the same rows as another."""
        for one in self.writer.offers():
            if needed.alike(one, offer, self.truth.few, self.namespace, self.spare):
                yield one

    def _labels(self, data: Any, made: Slice) -> list[str]:
        """The columns of the labels: in the raw rows, and those that the steps make."""
        subject, raw = self.writer.subject, self.writer.raw
        if not is_frame(raw.value):
            return []
        at = tracing.positions(subject, data, self.namespace, made, raw)
        held = raw.value.loc[self.namespace[raw.among].index] if raw.among else raw.value
        return needed.columns_of_labels(subject, held, None if at is None else golden.take(held, at))

    def _unlabelled(self, offer: Offer, labels: list[str]) -> Iterator[Offer]:
        """Offers whose steps leave the labels alone and give the model the same."""
        whole = self.writer.written
        lean = needed.without(whole, labels)
        if [ast.dump(one) for one in lean.statements] == [ast.dump(one) for one in whole.statements]:
            return
        for learning in (lean, whole):  # what is learnt may need the labels
            yield from replace(self, writer=replace(self.writer, written=lean, learning=learning))._same(offer)
