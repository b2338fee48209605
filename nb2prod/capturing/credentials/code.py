"""Texts that code spells out, each with the names that it is given to."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nb2prod.capturing.credentials import calls, folding, names, parameters

_NAMES = frozenset(
    {"name", "scope", "key_name", "secret_name", "secret_id", "username", "user", "service", "help", "description"}
)
_NEUTRAL = frozenset({"value", "default", "data", "text", "initial", "content", "string", "val", "v", "fill_value"})
_NAMING = frozenset(
    {"name", "key", "variable", "option", "parameter", "field", "header", "description", "label", "env"}
)
# keywords that say what another argument is
_LABELS = frozenset(
    {"alias", "validation_alias", "env", "envvar", "env_var", "dest", "label", "description", "id", "name"}
)


@dataclass(frozen=True)
class Spelled:
    """A text in code, the names that it is given to and those of what it stands in.

    `pair` says that name and value were written as such: an assignment, an argument, a key. `again` says that the text stands
    elsewhere, and here a variable that holds it.
    """

    text: str
    node: ast.AST
    names: tuple[str, ...] = ()
    pair: bool = True
    around: tuple[str, ...] = ()
    again: bool = False


def texts(tree: ast.AST, known: Mapping[str, Any] | None = None) -> Iterator[Spelled]:
    """Every text of a piece of code, parts that are joined taken together; `known` are constants of code before it.

    Examples
    --------
    >>> [(one.text, one.names) for one in texts(ast.parse("client(token='abc' + 'def')"))]
    [('abcdef', ('token',))]
    """
    reader = _Reader({**(known or {}), **folding.constants(tree)}, parameters.of(tree))
    reader.read(tree, _NOTHING)
    yield from reader.found


@dataclass(frozen=True)
class _Given:
    names: tuple[str, ...] = ()
    pair: bool = True
    around: tuple[str, ...] = ()

    def loose(self, *names: str) -> _Given:
        return _Given((*self.names, *names), False, self.around)

    def within(self, *names: str | None, pair: bool = True) -> _Given:
        """Given to names within what the names so far are given to."""
        told = tuple(name for name in names if name)
        return _Given(told, pair, (*self.names, *self.around)) if told else self


_NOTHING = _Given()
_LOOSE = _Given(pair=False)


@dataclass
class _Reader:
    known: Mapping[str, Any]
    signatures: Mapping[str, tuple[str, ...]]
    found: list[Spelled] = field(default_factory=list)

    def read(self, node: ast.AST | None, given: _Given) -> None:
        """Walk down with the names that a value is given to; a call between name and value makes the pair a loose one."""
        if node is None:
            return
        text = _constant(node, given) if isinstance(node, ast.Constant) else folding.text(node, self.known)
        if text is not None:
            again = isinstance(node, ast.Name)
            if not again or given.names or given.around:
                self.found.append(Spelled(text, node, given.names, given.pair, given.around, again))
            if not isinstance(node, ast.JoinedStr) and "{…}" not in text:
                return
        handler = getattr(self, f"_of_{type(node).__name__.lower()}", None)
        if handler is not None:
            handler(node, given)
            return
        inner = given if isinstance(node, _CARRYING) else _Given(pair=given.pair)
        for child in ast.iter_child_nodes(node):
            self.read(child, inner)

    def _of_joinedstr(self, node: ast.JoinedStr, given: _Given) -> None:
        """The whole was judged by its names; what stands between the fields is judged for itself."""
        for part in node.values:
            self.read(part, _LOOSE if isinstance(part, ast.Constant) else given)

    def _of_classdef(self, node: ast.ClassDef, given: _Given) -> None:
        for part in (*node.decorator_list, *node.bases, *node.keywords):
            self.read(part, _LOOSE)
        for line in node.body:
            self.read(line, _Given((node.name,), False))

    def _of_assign(self, node: ast.Assign, given: _Given) -> None:
        targets = node.targets
        if len(targets) == 1 and isinstance(targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple | ast.List):
            for target, value in zip(targets[0].elts, node.value.elts, strict=False):
                self.read(value, given.within(*_named(target)))
            return
        self.read(node.value, given.within(*(name for target in targets for name in _named(target))))

    def _of_annassign(self, node: ast.AnnAssign | ast.AugAssign | ast.NamedExpr, given: _Given) -> None:
        self.read(node.value, given.within(*_named(node.target)))

    _of_augassign = _of_annassign
    _of_namedexpr = _of_annassign

    def _of_dict(self, node: ast.Dict, given: _Given) -> None:
        keys = [self._text(key) for key in node.keys]
        naming = [
            self._text(value) for key, value in zip(keys, node.values, strict=True) if key and key.lower() in _NAMING
        ]
        table = len({len(value.elts) if isinstance(value, ast.List) else id(value) for value in node.values}) == 1
        for key, told, value in zip(node.keys, keys, node.values, strict=True):
            self.read(key, _LOOSE)
            if table and len(keys) > 1 and isinstance(value, ast.List):
                self._of_column(told, value, given)
                continue
            self.read(value, self._of_key(told, value, naming, given, short={"u", "user", "usr"} & {*keys}))
        self._columns([value for value in node.values if isinstance(value, ast.List | ast.Tuple)])

    def _of_column(self, told: str | None, column: ast.List, given: _Given) -> None:
        """A list among lists of one length is a column: what stands in it are neither user and password nor a command."""
        for part in column.elts:
            self.read(part, given.within(told).loose())

    def _of_key(self, told: str | None, value: ast.expr, naming: list[Any], given: _Given, *, short: Any) -> _Given:
        """What the value of a key is given to; in `{"u": …, "p": …}` and `users = {"anna": …}` it is a password."""
        if told is not None and told.lower() in _NEUTRAL:
            return given.within(*naming, told)
        if (told == "p" and short) or (_is_logins(given.names) and names.is_typed(self._text(value) or "")):
            return given.within("password")
        return given.within(told)

    def _columns(self, lists: list[ast.List | ast.Tuple]) -> None:
        """Lists side by side, the first one holding the names of what stands in the others."""
        heads = [self._text(name) for name in lists[0].elts] if lists else []
        login = _is_logins(tuple(head for head in heads if head))
        for other in lists[1:]:
            for told, value in zip(heads, other.elts, strict=False):
                if told:
                    self.read(value, _Given((told,), login))

    def _of_for(self, node: ast.For | ast.comprehension, given: _Given) -> None:
        """What a loop goes over has the names of what it is given to, one by one."""
        told = node.target.elts if isinstance(node.target, ast.Tuple) else []
        for one in node.iter.elts if told and isinstance(node.iter, ast.List | ast.Tuple) else []:
            for name, value in zip(told, one.elts if isinstance(one, ast.Tuple | ast.List) else [], strict=False):
                self.read(value, _NOTHING.within(*_named(name)))
        for child in ast.iter_child_nodes(node):
            self.read(child, _Given(pair=given.pair))

    _of_comprehension = _of_for

    def _of_compare(self, node: ast.Compare, given: _Given) -> None:
        sides = [node.left, *node.comparators]
        told = tuple(name for side in sides for name in _named(side))
        for side in sides:
            self.read(side, _Given(told, False) if not isinstance(side, ast.Name) else _LOOSE)

    def _of_match(self, node: ast.Match, given: _Given) -> None:
        for case in node.cases:
            self.read(case.pattern, _Given(_named(node.subject), False))
            for line in case.body:
                self.read(line, _NOTHING)

    def _of_tuple(self, node: ast.Tuple | ast.List | ast.Set, given: _Given) -> None:
        pair = len(node.elts) == 2 and not isinstance(node, ast.Set)
        self._command(node)
        if self._is_spoken(node, given):
            given = _LOOSE
        for at, part in enumerate(node.elts):
            value = self._text(part) or "" if pair and at == 1 else ""
            typed = names.is_typed(value) and _is_logins(given.names)
            typed = typed or bool(value and calls.is_login(self._text(node.elts[0]) or "", value))
            if typed or (pair and at == 1 and _is_login(given.names)):
                self.read(part, given.within("password", pair=isinstance(node, ast.Tuple)))
                continue
            before = self._text(node.elts[0]) if pair and at else None
            self.read(part, given.loose(*((before,) if before else ())))

    def _is_spoken(self, node: ast.Tuple | ast.List | ast.Set, given: _Given) -> bool:
        """Whether these are the tokens of a text: most of them are words."""
        if len(node.elts) < 3 or not any("token" in name.lower() for name in given.names):
            return False
        return sum((self._text(part) or "").isalpha() for part in node.elts) > len(node.elts) / 2

    def _command(self, node: ast.Tuple | ast.List | ast.Set) -> None:
        """The parts of a command, as a process is started with, are one line of a shell."""
        parts = [self._text(part) for part in node.elts[:40]] if len(node.elts) > 2 else []
        line = [part or "{…}" for part in parts]
        if line and re.fullmatch(r"[\w./-]{2,40}", line[0]) and any(part.startswith("-") for part in line[1:]):
            self.found.append(Spelled(" ".join(line), node, ("command",), False))

    _of_list = _of_tuple
    _of_set = _of_tuple

    def _of_call(self, node: ast.Call, given: _Given) -> None:
        called = _last(node.func)
        looked_up = bool(calls.LOOKED_UP.search(called))
        self.read(node.func, _LOOSE)
        lists = [one for one in node.args if isinstance(one, ast.List | ast.Tuple)]
        if called == "zip" and len(lists) == len(node.args):
            self._columns(lists)
        known = parameters.known(_dotted(node.func))
        asked = self.signatures.get(called) or known
        naming = tuple(
            text
            for one in node.keywords
            if one.arg in _LABELS and (text := self._text(one.value)) and names.speaks(text)
        )
        before: str | None = None
        for at, argument in enumerate(node.args):
            if at < len(asked) and names.speaks(asked[at]):
                self.read(argument, given.within(asked[at]))
            elif at < len(known) and called not in self.signatures:
                self.read(argument, _LOOSE)
            elif naming and not looked_up and at == len(node.args) - 1:
                self.read(argument, given.within(*naming))
            else:
                of, outer = ((), ()) if looked_up else (_dotted(node.func)[1:], (called, *given.names))
                self.read(argument, self._positional(node, at, before, _Given(outer, False, (*of, *given.around))))
            before = self._text(argument)
        for keyword in node.keywords:
            if keyword.arg in _NEUTRAL:
                told = [text.lstrip("-") for one in node.args[:2] if (text := self._text(one))]
                told += naming
                self.read(keyword.value, _Given((*told, called, *given.names), bool(told) or given.pair, given.around))
            else:
                self._keyword(keyword, given, called, looked_up=looked_up)

    def _positional(self, node: ast.Call, at: int, before: str | None, given: _Given) -> _Given:
        """What stands before an argument names it; one that logs in is a password."""
        called = _last(node.func)
        spoken = _spoken(node.args) if calls.signs_in(called) else node.args
        last = at == len(spoken) - 1
        told = (before,) if before else ()
        given_texts = [self._text(one) for one in spoken]
        dotted = _dotted(node.func) or (called,)
        if at and calls.handed_on(called):
            dotted, given_texts, at = _dotted(node.args[0]) or (given_texts[0] or "",), given_texts[1:], at - 1
        password = calls.password(dotted, given_texts, at)
        if password is not None:
            return _Given((*told, "password", *given.names), password, given.around)
        if last and (field := self._field(node.func)):
            return _Given((*field, *given.names), True, given.around)
        if calls.may_be_between(called, at):
            return _Given((*told, *given.names), False, ("password", *given.around))
        return _Given((*told, *given.names), bool(told and calls.SETTING.search(called)), given.around)

    def _field(self, function: ast.expr) -> tuple[str, ...]:
        """What a field was looked up by that is filled: `find("password").send_keys(…)`."""
        if not isinstance(function, ast.Attribute) or not calls.FILLING.search(function.attr):
            return ()
        found = function.value.args if isinstance(function.value, ast.Call) else []
        if isinstance(function.value, ast.Call) and _last(function.value.func) == "open":
            found = found[:1]  # not the mode
        return tuple(text for one in found if (text := self._text(one)))

    def _keyword(self, keyword: ast.keyword, given: _Given, called: str, *, looked_up: bool) -> None:
        if keyword.arg and keyword.arg not in _NAMES:
            pair = not looked_up or names.is_password(keyword.arg)
            outer = _Given((*given.names, called), given.pair, given.around) if keyword.arg == "key" else given
            self.read(keyword.value, outer.within(keyword.arg, pair=pair))
        else:
            self.read(keyword.value, _LOOSE if keyword.arg else given)

    def _of_functiondef(self, node: ast.FunctionDef | ast.AsyncFunctionDef, given: _Given) -> None:
        for part in node.decorator_list:
            self.read(part, _LOOSE)
        self.read(node.args, _NOTHING)
        gives = names.is_password(node.name) and isinstance(node.body[0], ast.Return) and len(node.body) == 1
        for line in node.body:
            self.read(line, _Given((node.name,) if isinstance(line, ast.Return) else (), gives))

    _of_asyncfunctiondef = _of_functiondef

    def _of_arguments(self, node: ast.arguments, given: _Given) -> None:
        defaults = [*node.posonlyargs, *node.args][-len(node.defaults) :] if node.defaults else []
        given_to: list[tuple[ast.arg, ast.expr | None]] = [
            *zip(defaults, node.defaults, strict=True),
            *zip(node.kwonlyargs, node.kw_defaults, strict=True),
        ]
        for argument, default in given_to:  # nobody gives a hash as the default of what is looked up
            self.read(default, _Given((argument.arg,), around=("default",)))

    def _of_subscript(self, node: ast.Subscript, given: _Given) -> None:
        self.read(node.value, _LOOSE)
        self.read(node.slice, _LOOSE)

    def _text(self, node: ast.AST | None) -> str | None:
        return folding.text(node, self.known)


_CARRYING = (
    *(ast.BoolOp, ast.IfExp, ast.Lambda, ast.Return, ast.Await, ast.Starred, ast.BinOp, ast.Attribute),
    *(ast.MatchValue, ast.MatchOr, ast.FormattedValue, ast.JoinedStr),
)


def _constant(node: ast.Constant, given: _Given) -> str | None:
    """A text; a whole number where it is given to a name, as some passwords are."""
    if isinstance(node.value, int) and not isinstance(node.value, bool):
        return str(node.value) if given.pair and node.value >= 10**5 and given.names else None
    return folding.text(node)


def _spoken(arguments: list[ast.expr]) -> list[ast.expr]:
    """Arguments without those at the end that can be no password: `authenticate("db", "me", "…", {}, True)`."""
    count = len(arguments)
    while count and isinstance(arguments[count - 1], ast.Dict | ast.Constant) and not _is_text(arguments[count - 1]):
        count -= 1
    return arguments[:count]


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)


def _is_login(names: tuple[str, ...]) -> bool:
    return any(re.search(r"(?i)auth(?!or(?!i))|cred(?!it)|login", name) for name in names)


def _is_logins(told: tuple[str, ...]) -> bool:
    return any(
        re.search(r"(?i)(user(_?name)?|login|account|member|konten|usuario|benutzer|utilisateur)\w{0,2}$", one)
        for one in told
    )


def _named(target: ast.AST) -> tuple[str, ...]:
    """The names of a target: `password`, `self.password`, `config["db"]["password"]`."""
    if isinstance(target, ast.Name):
        return (target.id,)
    if isinstance(target, ast.Attribute):
        return (target.attr, *(f"{name}_{target.attr}" for name in _named(target.value)[:1] if name != "self"))
    if isinstance(target, ast.Subscript):
        told = folding.text(target.slice)
        return (told,) if told else _named(target.value)
    if isinstance(target, ast.Tuple | ast.List):
        return tuple(name for part in target.elts for name in _named(part))
    return ()


def _last(function: ast.AST) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _dotted(function: ast.AST) -> tuple[str, ...]:
    """The name that is called and those before it: `("Client", "cohere")`."""
    if isinstance(function, ast.Attribute):
        return (function.attr, *_dotted(function.value))
    return (function.id,) if isinstance(function, ast.Name) else ()
