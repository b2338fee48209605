"""Raw rows that somebody asked to keep: drawn while a segment is counted, without denied columns, for some days and bytes."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from nb2prod.errors import Conflict
from nb2prod.records.base import Record
from nb2prod.records.sampling import Sampling
from nb2prod.runtime import batches
from nb2prod.runtime.segments import Head

FILE = "samples.db"
SCHEMA = 1
_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE rows (id INTEGER PRIMARY KEY, source TEXT NOT NULL, sequence INTEGER NOT NULL, place INTEGER NOT NULL,
    version INTEGER NOT NULL, model TEXT NOT NULL, arrived REAL NOT NULL, body BLOB NOT NULL,
    UNIQUE (source, sequence, place));
CREATE INDEX rows_arrived ON rows (arrived)
"""


class Kept(Record, frozen=True, kw_only=True):
    """One kept row. `event` is the caller's own time where one was sent; times are epoch seconds."""

    version: int
    model: str
    arrived: float
    event: float | None
    request_id: str
    row: int
    values: dict[str, Any]
    prediction: Any
    score: Any


class State(Record, frozen=True, kw_only=True):
    """`taken` rows are `kept`, or were let go by age or size (`expired`)."""

    taken: int
    kept: int
    expired: int
    bytes: int


class Samples:
    """The kept rows of a deployment, in a file of their own beside its counts.

    A segment is drawn from once: the draw follows from its name alone, so a counter that is killed and starts over draws the
    same rows, and each is kept once.

    Raises
    ------
    Conflict
        A newer nb2prod wrote the file.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._db = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        self.path.chmod(0o600)
        self._db.execute("PRAGMA secure_delete=ON")  # a row that is let go leaves no bytes
        if self._db.execute("PRAGMA user_version").fetchone()[0] == 0:
            self._db.execute("PRAGMA auto_vacuum=INCREMENTAL")
        self._prepare()

    def close(self) -> None:
        self._db.close()

    def keep(self, rows: Sequence[tuple[Any, ...]]) -> int:
        """Keep what was drawn from a segment; how many rows were new."""
        if not rows:
            return 0
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            new = self._db.executemany(
                "INSERT OR IGNORE INTO rows (source, sequence, place, version, model, arrived, body) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                rows,
            ).rowcount
            self._add("taken", new)
        return new

    def prune(self, days: float, size: int, now: float | None = None) -> int:
        """Let the oldest rows go, by age, then by bytes; how many."""
        now = time.time() if now is None else now
        gone = self._let_go("DELETE FROM rows WHERE arrived<?", now - days * 86400)
        while self._bytes() > size:
            kept = self._count()
            share = max(
                1, int(kept * min(1.0, 1 - 0.9 * size / self._bytes()))
            )  # a tenth more, so that it is seldom done
            more = self._let_go(
                "DELETE FROM rows WHERE id IN (SELECT id FROM rows ORDER BY arrived, id LIMIT ?)", share
            )
            if not more:
                break
            gone += more
        return gone

    def draw(self, n: int, around: Sequence[float] = (), *, before: Sequence[float] = (), seed: int = 0) -> list[Kept]:
        """Kept rows in the order of their arrival: evenly drawn, or evenly over some moments.

        Those nearest to each moment `around`, as many before as after it, and those right `before` each of the others.
        """
        chosen: set[int] = set()
        moments = [(moment, 0.5) for moment in dict.fromkeys(around)] + [
            (moment, 1.0) for moment in dict.fromkeys(before)
        ]
        for place, (moment, share) in enumerate(moments):
            chosen |= self._near(moment, (n - len(chosen)) // (len(moments) - place), share, chosen)
        if not moments:
            known = [one for (one,) in self._db.execute("SELECT id FROM rows ORDER BY arrived, id")]
            chosen = set(np.random.default_rng(seed).permutation(known)[:n].tolist())
        found = []
        for number in sorted(chosen):
            query = "SELECT version, model, arrived, body FROM rows WHERE id=?"
            version, model, arrived, body = self._db.execute(query, (number,)).fetchone()
            told = batches.decode_any(body)
            found.append(Kept(version=version, model=model, arrived=arrived, **told))
        return sorted(found, key=lambda one: one.arrived)

    def state(self) -> State:
        """How many were taken, are kept, were let go."""
        taken, kept = self._total("taken"), self._count()
        return State(taken=taken, kept=kept, expired=taken - kept, bytes=self._bytes())

    def _near(self, moment: float, n: int, share: float, chosen: set[int]) -> set[int]:
        """The rows nearest to a moment, such a share of them before it, besides those that were chosen already."""
        limit = n + len(chosen)
        before, after = (
            [
                one
                for (one,) in self._db.execute(f"SELECT id FROM rows WHERE arrived{side} LIMIT ?", (moment, limit))
                if one not in chosen
            ]
            for side in ("<? ORDER BY arrived DESC, id DESC", ">=? ORDER BY arrived, id")
        )
        first = max(int(n * share), n - len(after))
        taken = before[:first]
        return {*taken, *after[: n - len(taken)]}

    def _let_go(self, statement: str, value: float) -> int:
        gone = self._db.execute(statement, (value,)).rowcount
        if gone:
            self._db.executescript("PRAGMA incremental_vacuum")  # `execute` would free one page
        return gone

    def _count(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM rows").fetchone()[0])

    def _bytes(self) -> int:
        pages, free, size = (
            self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    def _add(self, name: str, count: int) -> None:
        self._db.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value=value+excluded.value", (name, count)
        )

    def _total(self, name: str) -> int:
        row = self._db.execute("SELECT value FROM meta WHERE key=?", (name,)).fetchone()
        return int(row[0]) if row else 0

    def _prepare(self) -> None:
        (found,) = self._db.execute("PRAGMA user_version").fetchone()
        if found > SCHEMA:
            raise Conflict(
                "The sampled rows were written by a newer nb2prod",
                code="newer-schema",
                where=str(self.path),
                why=f"They have schema {found}; this nb2prod reads up to {SCHEMA}.",
                fix="pip install --upgrade nb2prod",
                kept="nothing was changed",
            )
        if found == 0:
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                if self._db.execute("PRAGMA user_version").fetchone()[0] == 0:
                    for statement in _TABLES.split(";"):
                        self._db.execute(statement)
                    self._db.execute(f"PRAGMA user_version={SCHEMA}")


def drawn(
    head: Head, found: Iterable[batches.Batch], names: Sequence[str], sampling: Sampling
) -> Iterator[tuple[Any, ...]]:
    """Rows of one segment as `Samples.keep` takes them; each is drawn for itself, and denied columns are left out."""
    chance = np.random.default_rng([int(head.source, 16), head.sequence])
    at = 0
    for batch in chain.from_iterable(one.singles() for one in found):
        for row in np.flatnonzero(chance.random(batch.n) < sampling.rate).tolist():
            body = batches.encode_any(_body(batch, row, names, sampling.deny))
            yield head.source, head.sequence, at + row, batch.version, head.key, batch.arrived, body
        at += batch.n


def _body(batch: batches.Batch, row: int, names: Sequence[str], deny: Sequence[str]) -> dict[str, Any]:
    if isinstance(batch.columns, np.ndarray):
        values = {name: batch.columns[row, place] for place, name in enumerate(names) if name not in deny}
    else:
        values = {name: column[row] for name, column in batch.columns.items() if name not in deny}
    scores = None if batch.probabilities is None else [float(value) for value in batch.probabilities[row]]
    return {
        "event": None if batch.times is None else batch.times[row],
        "request_id": batch.request_id,
        "row": row,
        "values": {name: _plain(value) for name, value in values.items()},
        "prediction": _plain(batch.predictions[row]),
        "score": scores[1] if scores is not None and len(scores) == 2 else scores,
    }


def _plain(value: Any) -> Any:
    """A date-time as ISO text: nanoseconds have no other plain form."""
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else str(value)
    return value.item() if isinstance(value, np.generic) else value
