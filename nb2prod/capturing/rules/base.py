"""A rule and the case that it looks at."""

from __future__ import annotations

import ast
import dataclasses
import re
import types
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import msgspec

from nb2prod.capturing import cells, contents, preparation
from nb2prod.capturing.contents import Held
from nb2prod.capturing.discovery import Found
from nb2prod.capturing.execution import Notebook
from nb2prod.capturing.parts import Part, parts
from nb2prod.records.capture import Finding, Severity


@dataclass(frozen=True)
class Travelling:
    """A function or class whose code goes along: its syntax tree and where it was written."""

    name: str
    tree: ast.AST
    where: str
    thing: Any

    def place(self, node: ast.AST) -> str:
        """The line of a node, in the words of the card."""
        return f"{self.where}, line {getattr(node, 'lineno', 1)}"


@dataclass(frozen=True)
class Case:
    """All that rules look at: the model, its data, the notebook, and what the caller declared."""

    found: Found
    notebook: Notebook
    flavor: Any = None
    variables: Sequence[str] = ()
    hosts: Sequence[str] = ()
    exclude: Sequence[str] = field(default=())

    @property
    def shown(self) -> str:
        """The model's variable; one made in the line itself is `model`, for which the magic says what was typed."""
        return self.found.variable or "model"

    def fresh(self, name: str) -> str:
        """The name, or the first numbered one that no variable of the notebook has."""
        names = (name, *(f"{name}_{n}" for n in range(2, len(self.notebook.namespace) + 3)))
        return next(one for one in names if one not in self.notebook.namespace)

    @cached_property
    def fitted_at(self) -> int | None:
        """The execution that fitted the model, or, for a function, that defined it."""
        if self.found.fit is not None:
            return self.found.fit.execution
        writer = self.notebook.graph.writer(self.found.root) if self.found.root else None
        return writer.execution if writer else None

    @cached_property
    def behind(self) -> list[cells.Facts]:
        """The executed cells that the model depends on, as of its fit."""
        graph, name = self.notebook.graph, self.found.root
        if name is None:
            return []
        if self.found.fit is None:
            return graph.behind(name)
        at = self.found.fit.execution
        names = [self.found.fit.root, *([self.found.fit.assigned] if self.found.fit.assigned else [])]
        executions = {cell.execution for one in names for cell in graph.behind(one, at=at)}
        return [cell for cell in graph.cells if cell.execution in executions]

    @cached_property
    def parts(self) -> list[Part]:
        """The model and the values that its code reads, each with the statements that made it."""
        return parts(self.found, self.notebook, self.held)

    @cached_property
    def fitted(self) -> preparation.Subject | None:
        """The model and the rows of the very call that fitted it."""
        found, fit = self.found, self.found.fit
        if fit is None or (fit.data is not None and found.data_name != fit.data):
            return None
        return preparation.Subject(
            found.model, self.shown, found.name, found.data, found.data_name, fit, found.labels, found.labels_name
        )

    @cached_property
    def answers_outside(self) -> preparation.Afterwards | None:
        """What the notebook makes of the model's answers."""
        try:
            return preparation.afterwards(self.fitted, self.notebook) if self.fitted else None
        except Exception:  # a reading of code that goes astray must not keep a model from being captured
            return None

    @cached_property
    def subject(self) -> preparation.Subject | None:
        """The same with what the notebook makes of the answers."""
        made = self.answers_outside
        return dataclasses.replace(self.fitted, treated=made.treatment) if self.fitted and made else self.fitted

    @cached_property
    def prepared_outside(self) -> preparation.Outside | None:
        """The preparation between the raw rows and the fit."""
        return preparation.outside(self.subject, self.notebook) if self.subject else None

    @cached_property
    def held(self) -> list[Held]:
        """Everything that the model holds, by its path; globals that are excluded are left out."""
        every = contents.walk(self.found.model)
        return [held for held in every if held.by != "global" or re.split(r"[.\[]", held.path)[0] not in self.exclude]

    @cached_property
    def travelling(self) -> list[Travelling]:
        """The functions and classes whose code goes along, with their source."""
        found = []
        for held in self.held:
            thing = held.value
            if isinstance(thing, types.FunctionType | type) and not _is_method(thing) and _goes_along(thing):
                source = self._source(thing)
                if source is not None:
                    found.append(source)
        return found

    @cached_property
    def definitions(self) -> list[str]:
        """The notebook's own functions and classes that go along: `clean (cell 2)`, the model's own first."""
        own = [code for code in self.travelling if contents.travels(code.thing)]
        return list(dict.fromkeys(f"{code.name} ({re.sub(r' .In .*', '', code.where)})" for code in own))

    def _source(self, thing: Any) -> Travelling | None:
        name = thing.__qualname__
        for cell in reversed(self.notebook.graph.cells):
            node = _definition(cell, name)
            if node is not None and (isinstance(thing, type) or _is_code_of(node, thing, cell.tree)):
                return Travelling(name, node, self.notebook.place(cell.execution), thing)
        return _from_file(thing)


class Rule(ABC):
    """One thing that capture looks for.

    `code` names it for good; `severity` is its usual one; `strict` says whether `--strict` turns its warnings into refusals;
    `about` is what it finds, `fix` the line that mends it in general: a finding's own names the thing. `acceptable` says whether
    a cell may accept it with a reason.
    """

    code: ClassVar[str] = ""
    severity: ClassVar[Severity] = "warn"
    strict: ClassVar[bool] = False
    about: ClassVar[str] = ""
    fix: ClassVar[str] = ""
    acceptable: ClassVar[bool] = True

    @abstractmethod
    def look(self, case: Case) -> Iterator[Finding]:
        """Give what is found."""

    def found(self, case: Case, *, strict: bool = False) -> Iterator[Finding]:
        for finding in self.look(case):
            hardened = strict and self.strict and finding.severity == "warn"
            yield msgspec.structs.replace(finding, severity="refuse") if hardened else finding

    def finding(self, title: str, *, where: str, why: str, fix: str, severity: Severity | None = None) -> Finding:
        return Finding(code=self.code, severity=severity or self.severity, title=title, where=where, why=why, fix=fix)


def _goes_along(thing: Any) -> bool:
    return contents.travels(thing) or contents.is_local(thing)


def _is_method(thing: Any) -> bool:
    """Read with its class."""
    owner, _, _ = thing.__qualname__.rpartition(".")
    return isinstance(thing, types.FunctionType) and bool(owner) and not owner.endswith("<locals>")


def _definition(cell: cells.Facts, name: str) -> ast.AST | None:
    """The definition of a (nested: `Class.method`) name in a cell."""
    node: ast.AST | None = cell.tree
    for part in name.split("."):
        if part == "<locals>" or node is None:
            continue
        kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        node = next((n for n in ast.walk(node) if isinstance(n, kinds) and n.name == part and n is not node), None)
    return node if node is not cell.tree else None


def _is_code_of(node: ast.AST, function: types.FunctionType, cell: ast.Module | None) -> bool:
    """Whether a definition's code is the very code that the function runs; a later edit of its cell is another."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or cell is None:
        return False
    try:  # with what encloses it, whose names it does not look up as globals
        compiled = compile(cell, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except (SyntaxError, ValueError):
        return False
    own = [code for code in _codes(compiled) if code.co_qualname == function.__qualname__]
    return not own or any(
        one.co_names == function.__code__.co_names and _constants(one) == _constants(function.__code__) for one in own
    )


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _codes(constant)


def _constants(code: types.CodeType) -> list[Any]:
    return [repr(constant) for constant in code.co_consts if not isinstance(constant, types.CodeType)]


def _from_file(thing: Any) -> Travelling | None:
    import inspect

    try:
        lines, start = inspect.getsourcelines(thing)
        file = inspect.getsourcefile(thing) or ""
    except (OSError, TypeError):
        return None
    source = "".join(lines)
    indent = len(source) - len(source.lstrip())
    try:
        tree = ast.parse("\n".join(line[indent:] for line in source.splitlines()))
    except SyntaxError:
        return None
    ast.increment_lineno(tree, start - 1)
    return Travelling(thing.__qualname__, tree, _short(file), thing)


def _short(file: str) -> str:
    from pathlib import Path

    return "a cell" if "ipykernel" in file or file.startswith("<") else Path(file).name
