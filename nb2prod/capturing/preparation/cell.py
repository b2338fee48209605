"""What is offered, as text: a `make_pipeline(…)` line, or a `%%deploy` cell with `predict(frame)`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nb2prod.capturing.execution import Notebook
from nb2prod.capturing.preparation import forms
from nb2prod.capturing.preparation.columns import Columns
from nb2prod.capturing.preparation.raw import Raw
from nb2prod.capturing.preparation.subject import Subject
from nb2prod.capturing.preparation.writing import FRAME, Body


@dataclass(frozen=True)
class Needs:
    """The columns that a caller sends; `stand_in` are those of the labels that the code reads and the answers do not."""

    columns: tuple[str, ...]
    stand_in: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Offer:
    """A fix, the code that is tried in its place, and the variable of its raw rows.

    `inputs` is what is tried to see what the model is given: a function `inputs` beside the code. `narrower` gives the same
    offer for fewer columns, the plainest first.
    """

    fix: str
    source: str
    raw: str
    inputs: str
    narrower: Callable[[Needs], Iterator[Offer]]


@dataclass(frozen=True)
class Writer:
    """All that a text is made of."""

    subject: Subject
    notebook: Notebook
    written: Body
    raw: Raw
    labels: str | None = None
    """The expression of the raw rows' labels."""
    learning: Body | None = None
    """The steps that the training rows go through, where those are others than a caller's."""
    piped: bool = False

    def offers(self) -> Iterator[Offer]:
        """What can be offered, the plainest first: the line where `piped`, else the cells."""
        if not self.piped:
            yield from self.cells()
        elif (line := self.pipeline()) is not None:
            yield line

    def pipeline(self) -> Offer | None:
        """`make_pipeline(scaler, model)` where every step is a fitted transformer of the whole table."""
        names = transformers(self.written)
        subject, namespace = self.subject, self.notebook.namespace
        plain = hasattr(subject.model, "predict") and subject.shown.isidentifier() and subject.treated is None
        if not names or not plain or self.written.kept:
            return None
        text = _outside_of(_first_operand(self.written), self.raw)
        line = "" if text.isidentifier() else f"{_free('raw', namespace)} = {text}\n"
        return self._piped(names, text, line)

    def _piped(self, names: list[str], text: str, line: str) -> Offer:
        subject = self.subject
        held = line.partition(" =")[0] if line else text
        labels = f" --labels {self.labels}" if self.labels else ""
        known = "make_pipeline" in self.notebook.namespace
        imported = "" if known else "from sklearn.pipeline import make_pipeline\n"
        call = f"make_pipeline({', '.join([*names, subject.shown])})"
        fix = f"{imported}{line}%deploy {call} --name {subject.name} --data {held}{labels}"
        source = f"from sklearn.pipeline import make_pipeline\n{line}predict = {call}.predict"
        inputs = f"inputs = make_pipeline({', '.join(names)}).transform"

        def narrower(needs: Needs) -> Iterator[Offer]:
            if not needs.stand_in:
                chosen = replace(self.raw, columns=Columns.of(*needs.columns))
                line = f"{_free('raw', self.notebook.namespace)} = {chosen.text}\n"
                yield self._piped(names, chosen.text, line)
            # a transformer that was fitted on more than it reads would have callers send that too
            for cell in replace(self, piped=False).cells():
                yield from cell.narrower(needs)

        return Offer(fix, source, held, f"{source}\n{inputs}", narrower)

    def cells(self) -> Iterator[Offer]:
        """The cell with what is kept read off the notebook's variables, then with what is learnt from the raw rows again."""
        written = self.written
        if not written.kept:
            yield self._cell([])
            return
        if self.raw.alive:
            yield self._cell([f"{k.name} = {ast.unparse(k.outside)}" for k in written.kept])
        yield self._cell(_learnt(self.learning or written))

    def _cell(self, kept: list[str], stand_in: Mapping[str, str] | None = None, apart: Sequence[str] = ()) -> Offer:
        held, line = self.raw.bound(self.notebook.namespace)
        above = [*self.written.imports, *line, *(text.replace("\0", held) for text in kept)]
        if apart:
            rows = _free("rows", self.notebook.namespace)
            above, held = [*above, f"{rows} = {held}[{list(apart)!r}]"], rows
        given = ast.unparse(self.written.rows)
        lines = self._lines(stand_in or {})
        function = [f"def predict({FRAME}):", *lines, f"    return {self.subject.answer(given)}"]
        labels, line = self._labelled()
        above = [*above, *line]
        head = f"%%deploy --name {self.subject.name} --data {held}{labels}"
        source = "\n".join([*above, *function])
        inputs = "\n".join([source, f"def inputs({FRAME}):", *lines, f"    return {given}"])

        def narrower(needs: Needs) -> Iterator[Offer]:
            if not kept or not needs.stand_in:  # what is learnt may need the labels themselves
                narrow = replace(self, raw=replace(self.raw, columns=Columns.of(*needs.columns)))
                yield narrow._cell(kept, needs.stand_in)
            yield self._cell(kept, needs.stand_in, needs.columns)

        return Offer(f"{head}\n{source}", source, held, inputs, narrower)

    def _labelled(self) -> tuple[str, list[str]]:
        """The flag for the labels, and the line that makes them of the kind that the cell answers."""
        if self.labels is None:
            return "", []
        treated = self.subject.treated
        if treated is None or treated.labels == "\0":
            return f" --labels {self.labels}", []
        if treated.labels is None:
            return "", []
        name = _free("answers", self.notebook.namespace)
        return f" --labels {name}", [f"{name} = {treated.labels.replace(chr(0), self.labels)}"]

    def _lines(self, stand_in: Mapping[str, str]) -> list[str]:
        lines = [f"    {text}" for one in self.written.statements for text in ast.unparse(one).split("\n")]
        if stand_in:
            return [_put(stand_in), *lines]
        return [f"    {FRAME} = {FRAME}.copy()", *lines] if self.written.copies else lines


def _put(stand_in: Mapping[str, str]) -> str:
    """The frame with a value in the place of labels that the code reads and the answers do not depend on."""
    named = all(name.isidentifier() for name in stand_in)
    given = ", ".join(f"{name}={value}" if named else f"{name!r}: {value}" for name, value in stand_in.items())
    return f"    {FRAME} = {FRAME}.assign({given if named else f'**{{{given}}}'})"


def _free(name: str, namespace: Mapping[str, Any]) -> str:
    return next(one for one in (name, f"{name}_sent", *(f"{name}_{n}" for n in range(2, 99))) if one not in namespace)


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


def transformers(written: Body) -> list[str]:
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
