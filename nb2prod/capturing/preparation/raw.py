"""Where the raw rows are: the last variable before the first preparation that still holds them."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nb2prod.capturing.preparation import forms
from nb2prod.capturing.preparation.columns import ALL, Columns
from nb2prod.capturing.preparation.slicing import Slice
from nb2prod.capturing.preparation.spine import part
from nb2prod.capturing.preparation.statements import Program, in_place, written
from nb2prod.capturing.values import is_frame


@dataclass(frozen=True)
class Raw:
    """The raw rows: their variable, the columns of it that are used, and whether it still holds them.

    `at` is the first step that a caller's rows go through, `preparing` are those that make other values, `place` is
    where the variable is changed. `source` is the expression that read the rows, where they can be read again.
    """

    name: str
    at: int
    preparing: tuple[int, ...]
    columns: Columns
    alive: bool
    place: tuple[int, int]
    statement: int
    value: Any = None
    source: str | None = None
    among: str = ""
    """The variable whose index says which of the rows the model was fitted on, where those are fewer."""

    @property
    def whole_text(self) -> str:
        return self.name if self.alive else "raw"

    @property
    def text(self) -> str:
        """The raw rows as an expression of the notebook's."""
        if not self.alive and not self.source:
            return "raw"
        return self._of(self.name if self.alive else str(self.source))

    def _of(self, name: str) -> str:
        """The columns and rows that are used, of a frame that is called `name`."""
        return self.columns_of(f"{name}.loc[{self.among}.index]" if self.among else name)

    def columns_of(self, name: str) -> str:
        """The columns that are used, of a frame that is called `name`."""
        if not is_frame(self.value):
            return name
        every = [str(one) for one in self.value.columns]
        used = [one for one in every if one in self.columns]
        gone = [one for one in every if one not in self.columns]
        if not gone:
            return name
        return f"{name}.drop(columns={gone!r})" if len(gone) < len(used) else f"{name}[{used!r}]"

    @property
    def note(self) -> str:
        """What must be written before the rows are changed, where nothing else holds them."""
        return "" if self.alive or self.source else f"raw = {self.columns_of(self.name)}.copy()"

    def bound(self, namespace: Mapping[str, Any]) -> tuple[str, list[str]]:
        """The variable for `--data`, and the line that makes it."""
        if self.text == self.name:
            return self.name, []
        if self.note:
            return ("raw", []) if not self.among else ("rows", [f"rows = raw.loc[{self.among}.index]"])
        held = "raw" if "raw" not in namespace else f"raw_{self.name}"
        return held, [f"{held} = {self.text}"]


def outset(
    program: Program,
    made: Slice,
    namespace: Mapping[str, Any],
    labels: Collection[str] = frozenset(),
    *,
    numbered: bool = False,
    added: bool = False,
) -> Raw | None:
    """The raw rows of a slice; None where nothing was prepared. What makes columns of the `labels` is no preparation.

    `numbered` takes none from before the rows were numbered anew: their index no longer says which they are. `added` leaves
    out columns that a later step made without reading them: the frame holds the others as they were.
    """
    begun = next((number for number, name in enumerate(made.spine) if name is not None), len(made.spine))
    for number in range(begun, len(made.steps)):
        if _makes_data(made, number, namespace):
            begun = number + 1
    later = [n for n in range(begun, len(made.steps)) if not forms.stores(made.steps[n].node, labels)]
    preparing = tuple(n for n in later if _prepares(program, made, n, namespace))
    if not preparing:
        return None
    anew = [n + 1 for n in range(begun, preparing[0]) if numbers_anew(made.steps[n].node)]
    if numbered and anew:
        begun = anew[-1]
    for at in range(preparing[0], begun - 1, -1):
        name = made.spine[at]
        if name is None or made.wants[at].keys() & made.rows[at] - {name}:
            continue
        wanted = made.wants[at].get(name, ALL)
        wanted = wanted - _added(made, at, name) if added and wanted.only is None else wanted
        if name in namespace and _kept(program, name, wanted, made.places[at], namespace):
            return Raw(name, at, preparing, wanted, True, _place(made, at), made.places[at], namespace[name])
    at = _gone(program, made, begun, preparing[0])
    name = made.spine[at]
    if name is None:
        return None
    copied = next(_copies(program, made, range(preparing[0], at - 1, -1), namespace), None)
    if copied is not None:
        return Raw(
            copied[0], copied[1], preparing, copied[2], True, _place(made, at), made.places[at], namespace[copied[0]]
        )
    columns, source = made.wants[at].get(name, ALL), _source(program, made, at)
    return Raw(name, at, preparing, columns, False, _place(made, at), made.places[at], source=source)


def _added(made: Slice, at: int, name: str) -> set[str]:
    """The columns that steps from `at` on put into a frame, and do not name where they make them."""
    found: set[str] = set()
    for step in made.steps[at:]:
        target = step.node.targets[0] if isinstance(step.node, ast.Assign) else None
        if isinstance(step.node, ast.Assign) and isinstance(target, ast.Subscript) and forms.root(target) == name:
            column = forms.constant(target.slice)
            read = {forms.constant(one) for one in ast.walk(step.node.value)} | {
                one.attr for one in ast.walk(step.node.value) if isinstance(one, ast.Attribute)
            }
            found |= {column} - read if isinstance(column, str) else set()
    return found


def numbers_anew(node: ast.stmt) -> bool:
    """`reset_index(drop=True)`, `concat(…, ignore_index=True)`, `df.index = …`."""
    for one in ast.walk(node):
        if isinstance(one, ast.Call):
            ignored = forms.constant(forms.keyword(one, "ignore_index")) is True
            if ignored or (isinstance(one.func, ast.Attribute) and forms.called(one) in ("reset_index", "set_axis")):
                return True
        if isinstance(one, ast.Attribute) and one.attr == "index" and isinstance(one.ctx, ast.Store):
            return True
    return False


def _gone(program: Program, made: Slice, begun: int, first: int) -> int:
    """The step before which rows that nothing holds any more are to be kept: where they were read, else the last that can be."""
    alone = [
        n
        for n in range(begun, first + 1)
        if made.spine[n] and not made.wants[n].keys() & made.rows[n] - {made.spine[n]}
    ]
    read = next((n for n in alone if _source(program, made, n)), None)
    if read is not None:
        return read
    return alone[-1] if alone else next((n for n in range(begun, first + 1) if made.spine[n]), begun)


def _copies(
    program: Program, made: Slice, places: Iterable[int], namespace: Mapping[str, Any]
) -> Iterator[tuple[str, int, Columns]]:
    """A copy that a cell took of the rows before they were changed (`raw = df.copy()`), and that still holds them."""
    for at in places:
        name = made.spine[at]
        if name is None or made.wants[at].keys() & made.rows[at] - {name}:
            continue
        wanted = made.wants[at].get(name, ALL)
        for number in range(made.places[at] - 1, -1, -1):
            copy = _copy(program.all[number].node, name)
            if copy in namespace and is_frame(namespace[copy]) and _kept(program, copy, wanted, number + 1, namespace):
                yield copy, at, wanted
            if program.changed(name, program.all[number]) is not None:
                break


def _copy(node: ast.stmt, name: str) -> str:
    """`raw` of `raw = df[["a", "b"]].copy()`; nothing where the rows are not chosen as they are, or not copied."""
    if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
        return ""
    value = node.value
    copied = isinstance(value, ast.Call) and forms.called(value) == "copy"
    while (
        isinstance(value, ast.Call)
        and forms.called(value) in ("copy", "drop")
        and isinstance(value.func, ast.Attribute)
    ):
        value = value.func.value
    if isinstance(value, ast.Subscript) and written(value.slice) is not None:
        value = value.value
    return node.targets[0].id if copied and isinstance(value, ast.Name) and value.id == name else ""


def _place(made: Slice, at: int) -> tuple[int, int]:
    return made.steps[at].execution, made.steps[at].line


def _kept(program: Program, name: str, wanted: Columns, place: int, namespace: Mapping[str, Any]) -> bool:
    """Whether nothing has changed the wanted columns of a variable since."""
    value = namespace[name]
    if is_frame(value) and wanted.only is not None and not wanted.only <= set(map(str, value.columns)):
        return False
    later = [one for one in program.all[place:] if not _only_rows(one.node, name, namespace)]
    changes = (program.changed(name, statement) for statement in later)
    return not any(change is not None and change.meets(wanted) for change in changes)


def _only_rows(node: ast.stmt, name: str, namespace: Mapping[str, Any]) -> bool:
    """`df = df.dropna()`, `df.drop_duplicates(inplace=True)`, `y = df.pop("y")`: the rows that are left are as they were."""
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
        return forms.root(node.value) == name and not forms.prepares(node.value, {name}, namespace)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and forms.root(node.value.func) == name:
        bare = isinstance(node.value.func, ast.Attribute) and isinstance(node.value.func.value, ast.Name)
        return bare and forms.called(node.value) in forms.ROWS | {"drop"}
    return False


def _source(program: Program, made: Slice, at: int) -> str | None:
    """`pd.read_csv("…")`, where that alone made the rows."""
    if at == 0:
        return None
    node = made.steps[at - 1].node
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
        name = forms.called(node.value)
        if name.startswith(forms.SOURCES) and forms.root(node.value.func) not in made.rows[at - 1]:
            return ast.unparse(node.value)
    return None


def _makes_data(made: Slice, number: int, namespace: Mapping[str, Any]) -> bool:
    """Whether a step puts values into a frame that come from elsewhere: dice, a list, another table's column."""
    node, rows = made.steps[number].node, made.rows[number]
    if isinstance(node, ast.Assign):
        stores = [one for one in node.targets if isinstance(one, ast.Subscript | ast.Attribute)]
        if not stores:
            return forms.random(node.value, namespace) and not _splits(node.value)
        if any(isinstance(one, ast.Attribute) and one.attr in forms.ABOUT for one in stores):
            return False
        if any(forms.random(one, namespace) for one in (node.value, *stores)):
            return True
        if forms.other_rows(node.value, rows):
            return True
        return not (forms.reads_values(node.value, rows) or forms.scalar(node.value, namespace))
    return isinstance(node, ast.For | ast.AugAssign) and forms.random(node, namespace)


def _splits(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and forms.called(node) in forms.SPLITS


def _prepares(program: Program, made: Slice, number: int, namespace: Mapping[str, Any]) -> bool:
    node, rows = made.steps[number].node, made.rows[number]
    if isinstance(node, ast.Assign) and _splits(node.value) and isinstance(node.targets[0], ast.Tuple):
        # `X_train, X_test, y_train, y_test = train_test_split(X, y > 0)`: what is made of the labels is no preparation
        names = [getattr(one, "id", None) for one in node.targets[0].elts]
        wanted = made.wants[number + 1] if number + 1 < len(made.wants) else {}
        given = [part(node.value, place, len(names)) for place, name in enumerate(names) if name in wanted]
        return any(forms.prepares(one, rows, namespace) for one in given)
    return _statement_prepares(program, node, rows, namespace)


def _statement_prepares(program: Program, node: ast.stmt, rows: set[str], namespace: Mapping[str, Any]) -> bool:
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        inner = [one for target in targets for one in (target.elts if isinstance(target, ast.Tuple) else [target])]
        stores = [one for one in inner if isinstance(one, ast.Subscript | ast.Attribute)]
        if any(isinstance(one, ast.Attribute) and one.attr in forms.ABOUT for one in stores):
            return False
        if any(forms.root(one) in rows for one in stores):
            return not forms.carries(node.value, rows) or forms.prepares(node.value, rows, namespace)
        return forms.prepares(node.value, rows, namespace)
    if isinstance(node, ast.AugAssign):
        return forms.root(node.target) in rows
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        call = node.value
        changed = isinstance(call.func, ast.Attribute) and forms.root(call.func) in rows and in_place(call)
        own = any(program.mutates(call, at) for at in range(len(call.args)))
        return own or (changed and forms.called(call) not in forms.SELECTING | forms.ROWS)
    if isinstance(node, ast.For | ast.While | ast.If | ast.With | ast.Try):
        bodies = [one for name in ("body", "orelse", "finalbody") for one in getattr(node, name, [])]
        return any(_statement_prepares(program, one, rows, namespace) for one in bodies)
    return False
