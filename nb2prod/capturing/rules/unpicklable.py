"""Connections, files, locks, threads, generators: what belongs to this process and cannot be saved."""

from __future__ import annotations

import ast
import io
import re
import threading
import types
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from nb2prod.capturing import contents, golden, leaving, reading
from nb2prod.capturing.contents import Held
from nb2prod.capturing.execution import excluded
from nb2prod.capturing.rules.base import Case, Rule
from nb2prod.errors import Refused
from nb2prod.records.capture import Finding, Severity

_TYPES: tuple[type, ...] = (
    types.GeneratorType,
    types.CoroutineType,
    types.AsyncGeneratorType,
    types.FrameType,
    threading.Thread,
    type(threading.Lock()),
    type(threading.RLock()),
    io.IOBase,
)
# by name: none of these modules is imported to find out
_NAMES = {
    "sqlite3.Connection": "a database connection",
    "sqlite3.Cursor": "a database cursor",
    "sqlalchemy.engine.base.Engine": "a database engine",
    "sqlalchemy.engine.base.Connection": "a database connection",
    "sqlalchemy.orm.session.Session": "a database session",
    "psycopg2.extensions.connection": "a database connection",
    "psycopg.Connection": "a database connection",
    "pymysql.connections.Connection": "a database connection",
    "pymongo.mongo_client.MongoClient": "a database client",
    "redis.client.Redis": "a database client",
    "duckdb.DuckDBPyConnection": "a database connection",
    "_duckdb.DuckDBPyConnection": "a database connection",
    "pyspark.sql.session.SparkSession": "a Spark session",
    "threading.Condition": "a lock",
    "threading.Event": "a lock",
    "threading.Semaphore": "a lock",
    "threading.Barrier": "a lock",
    "_thread._local": "a thread's own values",
    "tempfile._TemporaryFileWrapper": "an open file",
    "socket.socket": "a socket",
    "ssl.SSLSocket": "a socket",
    "subprocess.Popen": "a process",
    "_queue.SimpleQueue": "a queue of this process",
    "queue.Queue": "a queue of this process",
    "concurrent.futures.thread.ThreadPoolExecutor": "a pool of threads",
    "concurrent.futures.process.ProcessPoolExecutor": "a pool of processes",
    "multiprocessing.pool.Pool": "a pool of processes",
}


class Unpicklable(Rule):
    """A refusal only where saving would fail: a class may leave its connection behind by its own ``__getstate__``.

    An open text file is refused too: cloudpickle would take the whole file along, unasked.
    """

    code: ClassVar[str] = "not-picklable"
    severity: ClassVar[Severity] = "refuse"
    acceptable: ClassVar[bool] = False
    about: ClassVar[str] = "the model holds a connection, an open file, a lock, a thread or a generator"
    fix: ClassVar[str] = "def __getstate__(self): leave it out; or %deploy model --exclude NAME"

    def look(self, case: Case) -> Iterator[Finding]:
        for held in case.held:
            what = living(held.value)
            if what is not None and (_taken_along(held.value) or not _saves(held.value)):
                yield self.finding(
                    f"`{case.shown}` holds {what}, which cannot be saved",
                    where=place(held),
                    why=f"{_article(what)} belongs to this process; the service runs in another one.",
                    fix=_fix(held, case),
                )
                return


def living(value: Any) -> str | None:
    """What a value is, in words, where it lives in this process only."""
    named = next((_NAMES[name] for cls in type(value).__mro__ if (name := _qualified(cls)) in _NAMES), None)
    if named:
        return named
    if isinstance(value, io.BytesIO | io.StringIO) or not isinstance(value, _TYPES):
        return None
    if isinstance(value, io.IOBase):
        return "an open file"
    if isinstance(value, threading.Thread):
        return "a thread"
    if isinstance(value, types.GeneratorType | types.AsyncGeneratorType | types.CoroutineType):
        return "a generator"
    return "a lock" if type(value).__name__ in ("lock", "RLock") else f"a {type(value).__name__}"


def _fix(held: Held, case: Case) -> str:
    """Lines for the class that holds it, or the line that makes it where it is used; `--exclude` where nothing needs it."""
    name = re.split(r"[.\[]", held.path, maxsplit=1)[0]
    made = _made(held.value, name, case)
    if held.owner is not None:
        return _left(held, case, made) or mend(held)
    if held.by == "global" and held.of and _answers_without(name, case):
        return f"%deploy {case.shown} --exclude {name}"
    if name != held.path or made is None or held.by not in ("global", "closure", "default"):
        return mend(held)
    return (
        _read_once(held, case, made)
        or _read_whole(held, case, made)
        or (
            f"{name} = {ast.unparse(made)}\n# as the first line of {_plain(held.of or 'predict')}: "
            "made where it runs, it need not be saved"
        )
    )


def _left(held: Held, case: Case, made: ast.expr | None) -> str | None:
    def tree(cls: type) -> tuple[ast.AST, str] | None:
        return next(((one.tree, one.where) for one in case.travelling if one.thing is cls), None)

    lines = leaving.lines(held, tree, case.notebook.namespace, made)
    return re.sub(r"(?<=%deploy )model\b", case.shown, lines) if lines else None


def _read_once(held: Held, case: Case, made: ast.expr) -> str | None:
    """What the function reads through it, for a connection or file of this machine: a value that goes along."""
    if not _is_local(held.value) and not _taken_along(held.value):
        return None
    name, of = held.path, held.of or ""
    tree = _tree(of, case)
    read = reading.reading(tree, lambda node: isinstance(node, ast.Name) and node.id == name) if tree else None
    if read is None:
        return None
    source = _variable(held.value, case) or made
    once = ast.unparse(reading.replaced(read, lambda node: isinstance(node, ast.Name) and node.id == name, source))
    data, used = case.fresh("data"), ast.unparse(reading.shown(read))
    return f"{data} = {once}\n# in a cell, and the value goes along. In {_plain(of)}: {data} in the place of {used}"


def _read_whole(held: Held, case: Case, made: ast.expr) -> str | None:
    """Its tables as frames, where the function asks a database of this machine what the request says."""
    tree = _tree(held.of or "", case)
    if tree is None or not _is_local(held.value):
        return None
    lines = reading.whole(tree, ast.unparse(_variable(held.value, case) or made), case.fresh)
    names = " and ".join(line.partition(" = ")[0] for line in lines.splitlines())
    return f"{lines}\n# in a cell, and {names} goes along. In {_plain(held.of or '')}: look up in {names}, not in {held.path}"


def _is_local(value: Any) -> bool:
    """A database that is a file of this machine: opened where it runs it is not there."""
    url = str(getattr(value, "url", "")) if contents.kind(value) == "sqlalchemy.engine.base.Engine" else ""
    return contents.kind(value) in leaving.LOCAL or url.startswith(("sqlite", "duckdb"))


def _tree(name: str, case: Case) -> ast.AST | None:
    return next((one.tree for one in case.travelling if one.name == name), None)


def _variable(value: Any, case: Case) -> ast.expr | None:
    there = next((one for one, other in case.notebook.namespace.items() if other is value), None)
    return ast.Name(there, ast.Load()) if there else None


def _made(value: Any, name: str, case: Case) -> ast.expr | None:
    """The expression that a cell made it by: of the variable that holds it, else of the one of that name in a function."""
    held_by = [one for one, other in case.notebook.namespace.items() if other is value and not one.startswith("_")]
    for one in (*held_by, name):
        for statement in reversed(case.notebook.statements.all):
            for node in ast.walk(statement.node):
                found = _bound_to(node, one)
                if found is not None and not isinstance(found, ast.Name):
                    return found
    return None


def _bound_to(node: ast.AST, name: str) -> ast.expr | None:
    if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
        return node.value
    if isinstance(node, ast.withitem) and isinstance(node.optional_vars, ast.Name) and node.optional_vars.id == name:
        return node.context_expr
    return None


def _answers_without(name: str, case: Case) -> bool:
    """Whether the model answers a few of its rows where there is no such name: asked here, as capture will ask it."""
    rows = case.found.data
    if rows is None or case.flavor is None:
        return False
    try:
        with excluded(case.notebook.namespace, [name]):
            case.flavor.answer(case.found.model, golden.copied(golden.take(rows, slice(0, 3))))
    except Exception:  # in whatever way it fails, it does not answer
        return False
    return True


def culprit(error: Refused, case: Case) -> Refused:
    """A save that failed, with the path of what made it fail where that can be found."""
    found = next((held for held in _deepest(contents.walk(case.found.model)) if not _saves(held.value)), None)
    if found is None:
        return error
    return Refused(
        error.title,
        code=error.code,
        where=place(found),
        why=error.why,
        fix=_fix(found, case),
        kept="nothing was captured",
    )


def place(held: Held) -> str:
    """`steps[1].conn: sqlite3.Connection`; of what a function uses also the function, and how it came to it."""
    how = {"default": "a default of", "partial": "given to", "closure": "enclosed by"}.get(held.by, "used in")
    return f"{held} ({how} {_plain(held.of)})" if held.of else str(held)


def mend(held: Held) -> str:
    """How to leave it behind."""
    name = re.split(r"[.\[]", held.path, maxsplit=1)[0]
    of = _plain(held.of or "predict")
    if held.by == "class":
        owner = re.sub(r"\[.*", "", held.path)
        return f"{owner} = None      # and open it in the method that uses it"
    if held.by == "closure":
        return f"open `{name}` inside {of}"
    if held.by == "default":
        return f"def {of.rpartition('.')[2]}(…, {name}=None): open it inside"
    if held.by == "partial":
        return f"open it inside {of}, and give it only what is needed to open it"
    if held.of:
        return f"open `{name}` inside {of}"
    if held.attribute.isidentifier():
        return f"def __getstate__(self): return {{**self.__dict__, {held.attribute!r}: None}}"
    return "open it inside predict, and keep only what is needed to open it"


def _plain(name: str) -> str:
    return name.replace(".<locals>", "")


def _taken_along(value: Any) -> bool:
    return isinstance(value, io.TextIOWrapper) and isinstance(value.name, str) and not value.name.startswith("<")


def _deepest(found: Iterable[Held]) -> list[Held]:
    return sorted((held for held in found if not isinstance(held.value, type)), key=lambda h: -h.path.count("."))


def _saves(value: Any) -> bool:
    import cloudpickle

    try:
        cloudpickle.dumps(value)
    except Exception:  # what cannot be saved says so in any way it likes
        return False
    return True


def _qualified(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _article(what: str) -> str:
    return what[0].upper() + what[1:]
