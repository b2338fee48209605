"""What counting remembers beside the spool, in one SQLite file: what was counted, what waits to be fetched, what labels join to.

A segment is counted in one transaction: its increments, its rows for the label join and the note that it was counted are
kept together or not at all.
"""

from __future__ import annotations

import contextlib
import fcntl
import sqlite3
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from nb2prod.errors import Conflict

SCHEMA = 2
_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE sources (source TEXT PRIMARY KEY, sequence INTEGER NOT NULL, rows INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, rows INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE requests (rid INTEGER PRIMARY KEY, key INTEGER NOT NULL, model TEXT NOT NULL, version INTEGER NOT NULL,
    arrived REAL NOT NULL, n INTEGER NOT NULL, cells BLOB NOT NULL);
CREATE INDEX requests_key ON requests (key);
CREATE TABLE ids (key INTEGER NOT NULL, rid INTEGER NOT NULL, row INTEGER NOT NULL, PRIMARY KEY (key, rid, row)) WITHOUT ROWID;
CREATE INDEX ids_rid ON ids (rid);
CREATE TABLE labels (rid INTEGER NOT NULL, row INTEGER NOT NULL, key INTEGER, arrived REAL NOT NULL, told BLOB NOT NULL,
    PRIMARY KEY (rid, row)) WITHOUT ROWID;
CREATE TABLE held (hid INTEGER PRIMARY KEY, key INTEGER NOT NULL, row INTEGER NOT NULL, version INTEGER NOT NULL,
    arrived REAL NOT NULL, told BLOB NOT NULL);
CREATE INDEX held_key ON held (key);
CREATE INDEX held_arrived ON held (arrived);
"""
_RUNS = """
CREATE TABLE runs (prefix INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, rid INTEGER NOT NULL,
    PRIMARY KEY (prefix, first, rid)) WITHOUT ROWID;
"""


def write_ahead(db: sqlite3.Connection) -> str:
    """Ask for a write-ahead log; returns the journal that there is.

    SQLite's own timeout does not hold here: where two processes turn a new file to it at once, one is told that it is locked.
    """
    until = time.monotonic() + 30
    while True:
        try:
            return str(db.execute("PRAGMA journal_mode=WAL").fetchone()[0])
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)


class Side:
    """The side folder of a spool, or of all spools of a deployment.

    Raises
    ------
    Conflict
        A newer nb2prod wrote it.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.path = folder / "counts.db"
        self.db = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
        write_ahead(self.db)
        self.db.execute("PRAGMA synchronous=FULL")  # a segment is deleted on the strength of a commit
        self._prepare()

    def close(self) -> None:
        self.db.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    @contextlib.contextmanager
    def alone(self, timeout: float = 30.0) -> Iterator[None]:
        """Only one process counts at a time.

        Raises
        ------
        Conflict
            Another one has counted for longer than `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        with (self.folder / "counting.lock").open("a") as file:
            while not try_lock(file.fileno()):
                if time.monotonic() >= deadline:
                    raise Conflict(
                        "Another process is counting this spool",
                        code="locked",
                        where=str(self.folder),
                        why=f"It has held the lock for more than {timeout:.0f} s.",
                        fix="ask again",
                        kept="nothing was changed",
                    )
                time.sleep(0.02)
            yield

    # -- what was counted

    def sequence(self, source: str) -> int:
        """The last segment of a source that was counted; 0 for none."""
        row = self.db.execute("SELECT sequence FROM sources WHERE source=?", (source,)).fetchone()
        return int(row[0]) if row else 0

    def mark(self, source: str, sequence: int, rows: int) -> None:
        self.db.execute(
            "INSERT INTO sources VALUES (?, ?, ?) ON CONFLICT (source) DO UPDATE SET sequence=excluded.sequence, "
            "rows=rows+excluded.rows",
            (source, sequence, rows),
        )

    def counted(self) -> dict[str, int]:
        """Rows counted, by source."""
        return dict(self.db.execute("SELECT source, rows FROM sources"))

    # -- totals

    @property
    def uuid(self) -> str:
        """Names this file for ever: a reader's place in the outbox holds for it alone."""
        return str(self.db.execute("SELECT value FROM meta WHERE key='uuid'").fetchone()[0])

    def add(self, name: str, count: int) -> None:
        self.db.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value=value+excluded.value", (name, count)
        )

    def total(self, name: str) -> int:
        row = self.db.execute("SELECT value FROM meta WHERE key=?", (name,)).fetchone()
        return int(row[0]) if row else 0

    def _prepare(self) -> None:
        (found,) = self.db.execute("PRAGMA user_version").fetchone()
        if found == SCHEMA:
            return
        if found > SCHEMA:
            raise Conflict(
                "The counts beside the spool were written by a newer nb2prod",
                code="newer-schema",
                where=str(self.path),
                why=f"They have schema {found}; this nb2prod reads up to {SCHEMA}.",
                fix="pip install --upgrade nb2prod",
                kept="nothing was changed",
            )
        with self.transaction():
            (found,) = self.db.execute("PRAGMA user_version").fetchone()
            if found == 0:
                for statement in _TABLES.split(";"):
                    self.db.execute(statement)
                self.db.execute("INSERT INTO meta VALUES ('uuid', ?)", (uuid.uuid4().hex,))
            if found < SCHEMA:
                self.db.execute(_RUNS)
                self.db.execute(f"PRAGMA user_version={SCHEMA}")


def try_lock(file: int) -> bool:
    """Take an exclusive lock that ends with the process, if it is free."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
