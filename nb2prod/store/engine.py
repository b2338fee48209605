"""The database behind the store: SQLite in the home, or `NB2PROD_STORE`; schema versions and migrations, one a section.

A section (deployments, increments, panes, …) is a file of its own with its tables, its schema version and its migrations. It is
made or migrated when it is first used; one that a newer nb2prod wrote is refused.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import sqlalchemy as sa

from nb2prod.errors import Conflict, Unavailable, UsageError
from nb2prod.home import Home
from nb2prod.runtime.side import write_ahead

Migration = Callable[[sa.Connection], None]

_versions = sa.Table(
    "nb2prod_schema",
    sa.MetaData(),
    sa.Column("section", sa.String(64), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
)
_ADVISORY = 0x6E62_3270  # "nb2p": PostgreSQL's lock while a section is made


class Database:
    """One database; every access is a short transaction.

    Parameters
    ----------
    home
        Holds the SQLite file, and backups made before a migration.
    url
        SQLAlchemy's URL; default ``NB2PROD_STORE``, else SQLite (WAL) in the home.

    Raises
    ------
    UsageError
        The URL names no database that can be reached with what is installed.
    Unavailable
        The home's file system cannot keep SQLite's locks.
    """

    def __init__(self, home: Home, url: str | None = None) -> None:
        self.home = home
        given = url or os.environ.get("NB2PROD_STORE")
        self.url = _parsed(given) if given else sa.URL.create("sqlite", database=str(home.database))
        self.engine = _engine(self.url)

    @property
    def sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    def insert(self, table: sa.Table) -> Any:
        """An insert that knows `on_conflict_…`, which each of the two databases has in a class of its own."""
        if self.sqlite:
            from sqlalchemy.dialects import sqlite

            return sqlite.insert(table)
        from sqlalchemy.dialects import postgresql  # here, because it takes half as long to load as all the rest

        return postgresql.insert(table)

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that sees one state of the database."""
        with _translated(self.url), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that may write: all of it is kept, or, after an exception, nothing. Writers wait for each other."""
        writing = self.engine.execution_options(nb2prod_write=True)
        with _translated(self.url), writing.connect() as connection, connection.begin():
            yield connection

    def prepare(self, section: Section) -> None:
        """Make a section's tables, or migrate them; nothing is written where they are of this version."""
        with self.read() as connection:
            found = self._version(connection, section.name)
        if found == section.schema:
            return
        if found is not None and found > section.schema:
            raise _newer(section, found, self.url)
        if found is not None:
            self._back_up(section.name, found)
        with self.write() as connection:
            self._bring_up(connection, section)

    def _bring_up(self, connection: sa.Connection, section: Section) -> None:
        if not self.sqlite:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY)))
        found = self._version(connection, section.name)
        if found is None:
            _versions.create(connection, checkfirst=True)
            section.metadata.create_all(connection)
            connection.execute(sa.insert(_versions).values(section=section.name, version=section.schema))
            return
        for version in range(found, section.schema):
            section.migrations[version](connection)
        named = _versions.c.section == section.name
        connection.execute(sa.update(_versions).where(named).values(version=section.schema))

    def _version(self, connection: sa.Connection, name: str) -> int | None:
        if not sa.inspect(connection).has_table(_versions.name):
            return None
        found: int | None = connection.scalar(sa.select(_versions.c.version).where(_versions.c.section == name))
        return found

    def _back_up(self, name: str, version: int) -> None:
        """Before a migration: a whole copy of the SQLite file; a server's database has its own backups."""
        if not self.sqlite:
            return
        folder = self.home.root / "backups"
        folder.mkdir(exist_ok=True)
        target = folder / f"nb2prod-{name}-{version}-{time.strftime('%Y%m%dT%H%M%S')}.db"
        with contextlib.closing(self.engine.raw_connection()) as connection:
            connection.cursor().execute("VACUUM INTO ?", (str(target),))


class Section:
    """A part of the store: its tables, its schema version, and how each older version becomes the next."""

    name: ClassVar[str]
    schema: ClassVar[int] = 1
    metadata: ClassVar[sa.MetaData]
    migrations: ClassVar[Mapping[int, Migration]] = {}

    def __init__(self, database: Database) -> None:
        self.database = database
        database.prepare(self)


def _parsed(url: str) -> sa.URL:
    try:
        return sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise _unusable(error) from error


def _engine(url: sa.URL) -> sa.Engine:
    try:
        if url.get_backend_name() != "sqlite":
            return sa.create_engine(url, pool_pre_ping=True)
        # A connection a transaction: cheap in SQLite, safe over fork and threads, and nothing stays open.
        engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"timeout": 30})
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ImportError) as error:
        raise _unusable(error) from error
    sa.event.listen(engine, "connect", _on_connect)
    sa.event.listen(engine, "begin", _on_begin)
    return engine


def _unusable(error: Exception) -> UsageError:
    return UsageError(
        "NB2PROD_STORE names no database that can be used",
        code="store-url",
        where="NB2PROD_STORE",
        why=str(error),
        fix="export NB2PROD_STORE=postgresql+psycopg://user@host/database    # with: pip install 'nb2prod[postgres]'",
    )


def _on_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver begins no transactions of its own; `_on_begin` does
    mode = write_ahead(connection)
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=FULL")  # a segment is deleted on the strength of a commit
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()
    if mode not in ("wal", "memory"):
        raise Unavailable(
            "The home's file system cannot keep SQLite's locks",
            code="home-locks",
            why=f"SQLite fell back to journal mode {mode}; network file systems often do this.",
            fix="export NB2PROD_HOME=/a/folder/on/a/local/disk",
        )


def _on_begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("nb2prod_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextlib.contextmanager
def _translated(url: sa.URL) -> Iterator[None]:
    try:
        yield
    except sa.exc.OperationalError as error:
        raise Unavailable(
            "The store does not answer",
            code="store-unavailable",
            where=url.render_as_string(hide_password=True),
            why=str(error.orig),
            fix="nb2prod doctor",
            kept="nothing was changed",
        ) from error


def _newer(section: Section, found: int, url: sa.URL) -> Conflict:
    return Conflict(
        "The store was written by a newer nb2prod",
        code="newer-schema",
        where=url.render_as_string(hide_password=True),
        why=f"Its {section.name} have schema {found}; this nb2prod reads up to {section.schema}.",
        fix="pip install --upgrade nb2prod",
        kept="nothing was changed",
    )
