"""Labels join to the latest prediction with their id, across versions; late, twice or out of order makes no difference.

A label belongs to the latest prediction with its id that had arrived when the label did; where none had, to the first that comes
after. A prediction that turns up later (another worker's segment) but had arrived before the label takes it over. Of two labels
for one prediction the later one counts (by their own `time` where they have one, else by arrival), in whatever order they came.
Only scores and predictions are kept, ids as hashes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from operator import methodcaller
from typing import Any, NamedTuple

import msgspec
import numpy as np

from nb2prod.records.monitoring import Feedback
from nb2prod.runtime import batches
from nb2prod.runtime.batches import Batch, Labels
from nb2prod.runtime.labelling import epoch, id_text
from nb2prod.runtime.periods import Period
from nb2prod.runtime.side import Side

KEPT_SECONDS = 90 * 86400
KEPT_BYTES = 2 * 2**30
MATURATION_SECONDS = 30 * 86400
SPAN = 512
"""Ids of ours that are no further apart are kept as one run, so that few runs can hold any one of them."""
HELD = 10_000
"""Requests with a held label that are known by heart."""
_OWN = re.compile(r"([0-9a-f]{16})-([0-9a-f]{1,15})\.\d{1,9}")


class Told(msgspec.Struct, array_like=True):
    """What is known to have come true of one prediction: value and its stamp, for the label and for each outcome."""

    label: tuple[Any, float] | None
    outcomes: dict[str, tuple[float, float]]


class Delta(NamedTuple):
    """A change of counts: `sign` +1 for what came true, −1 for what was thought to."""

    model: str
    version: int
    period: Period
    sign: int
    scores: Any
    prediction: Any
    label: Any
    outcomes: dict[str, float]
    slices: tuple[str, ...] = ()


class Join:
    """The label join in a side file. Every method runs inside the caller's transaction."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self._db = side.db
        self._holds = self._knows = True
        self._held: set[int] | None = None
        self._rid = 0
        self._requests: list[tuple[Any, ...]] = []
        self._ids: list[tuple[int, int, int]] = []
        self._runs: list[tuple[int, int, int, int]] = []

    def begin(self) -> None:
        """At the start of a transaction: most segments meet no held labels, so they need not ask for each row."""
        self._holds, self._knows = (
            bool(self._db.execute(f"SELECT EXISTS (SELECT 1 FROM {table})").fetchone()[0])
            for table in ("held", "labels")
        )
        found = self._db.execute("SELECT key FROM held WHERE row>=0 LIMIT ?", (HELD + 1,)).fetchall()
        self._held = {key for (key,) in found} if len(found) <= HELD else None
        (self._rid,) = self._db.execute("SELECT coalesce(max(rid), 0) FROM requests").fetchone()
        self._requests, self._ids, self._runs = [], [], []

    def flush(self) -> None:
        """Write the answers that wait: all at once costs a fifth of one at a time. Before any question, and at the end."""
        if self._requests:
            insert = "INSERT INTO requests (rid, key, model, version, arrived, n, cells) VALUES (?, ?, ?, ?, ?, ?, ?)"
            self._db.executemany(insert, self._requests)
            self._db.executemany("INSERT INTO ids VALUES (?, ?, ?)", self._ids)
            self._db.executemany("INSERT INTO runs VALUES (?, ?, ?, ?)", self._runs)
            self._requests, self._ids, self._runs = [], [], []

    def predicted(
        self, batch: Batch, model: str, periods: Sequence[Period], slices: Mapping[str, list[int]] | None = None
    ) -> list[Delta]:
        """Keep the answers of a batch; what labels that came before it, or moved to it, change.

        `periods` is one for all rows, or one a row; `slices` names the rows of each declared slice.
        """
        if batch.parts is not None:
            return self._moment(batch, model, periods, slices or {})
        cells = batches.encode_any([list(periods), batch.predictions, _scores(batch.probabilities), slices or {}])
        key = key_of("r", batch.request_id)
        self._rid += 1
        rid = self._rid
        self._requests.append((rid, key, model, batch.version, batch.arrived, batch.n, cells))
        named = [(key_of("i", text), row) for row, text in enumerate(batch.ids or ()) if text is not None]
        self._ids.extend((key, rid, row) for key, row in named)
        if not self._holds and not (named and self._knows):
            return []
        self.flush()
        deltas = self._release(key, rid, batch.n) if self._holds else []
        for key, row in named:
            deltas += self._take_over(key, rid, row, batch.arrived)
        return deltas

    def _moment(
        self, batch: Batch, model: str, periods: Sequence[Period], slices: Mapping[str, list[int]]
    ) -> list[Delta]:
        """Many requests at once: as one run where no label waits for any of them and their ids are ours and near."""
        assert batch.parts is not None
        run = None if self._waited_for(batch.parts[0]) else _run(batch.parts[0])
        if run is not None:
            self._keep_run(batch, run, model, periods, slices)
            return []
        deltas: list[Delta] = []
        start = 0
        for one in batch.singles():
            within = {
                key: [row - start for row in rows if start <= row < start + one.n] for key, rows in slices.items()
            }
            deltas += self.predicted(one, model, periods, {key: rows for key, rows in within.items() if rows})
            start += one.n
        return deltas

    def _waited_for(self, names: Sequence[str]) -> bool:
        """Whether a label may be held for one of these requests."""
        if self._held is None:
            return self._holds
        return bool(self._held) and not self._held.isdisjoint(key_of("r", name) for name in names)

    def _keep_run(
        self, batch: Batch, run: Run, model: str, periods: Sequence[Period], slices: Mapping[str, list[int]]
    ) -> None:
        assert batch.parts is not None
        prefix, numbers = run
        said = _scores(batch.probabilities)
        cells = batches.encode_any([list(periods), batch.predictions, said, slices, [numbers, batch.parts[2]]])
        self._rid += 1
        self._requests.append((self._rid, 0, model, batch.version, batch.arrived, 0, cells))
        self._runs.append((prefix, min(numbers), max(numbers), self._rid))

    def labelled(self, labels: Labels) -> list[Delta]:
        """Join each item, or hold it until its prediction comes."""
        self.flush()
        deltas: list[Delta] = []
        for item in labels.items:
            told = _told(item, labels.arrived)
            key, row = _target(item)
            found = self._find(key, row, labels.arrived) or self._find_in_run(item)
            if found is None:
                self._hold(key, row, labels.version, labels.arrived, told)
            else:
                deltas += self._apply(*found, key if row < 0 else None, labels.arrived, told)
        return deltas

    def expire(self, now: float, after: float = MATURATION_SECONDS) -> list[tuple[int, float]]:
        """Version and arrival of held labels whose prediction never came; they are let go and counted."""
        old = self._db.execute("SELECT version, arrived FROM held WHERE arrived<?", (now - after,)).fetchall()
        if old:
            self._db.execute("DELETE FROM held WHERE arrived<?", (now - after,))
            self._side.add("unmatched", len(old))
        return old

    def prune(self, now: float, seconds: float = KEPT_SECONDS, size: int = KEPT_BYTES) -> int:
        """Forget the answers to the oldest requests; how many requests."""
        (last,) = self._db.execute(
            "SELECT coalesce(max(rid), 0) FROM requests WHERE arrived<?", (now - seconds,)
        ).fetchone()
        used, most = self._bytes(), size
        if used > most:
            least, greatest = self._db.execute("SELECT min(rid), max(rid) FROM requests").fetchone()
            if least is not None:  # a tenth more than needed, so that it is not done at every turn
                last = max(last, least + int((greatest - least + 1) * min(1.0, 1 - 0.9 * most / used)))
        if not last:
            return 0
        for table in ("ids", "labels", "runs"):
            self._db.execute(f"DELETE FROM {table} WHERE rid<=?", (last,))
        return self._db.execute("DELETE FROM requests WHERE rid<=?", (last,)).rowcount

    def _bytes(self) -> int:
        pages, free, size = (
            self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    # -- which prediction

    def _find(self, key: int, row: int, arrived: float) -> tuple[int, int] | None:
        """(rid, row) of the prediction that a label which arrived then belongs to."""
        if row >= 0:
            query = "SELECT rid, ?, arrived FROM requests WHERE key=? AND n>?"
            found = self._db.execute(query, (row, key, row)).fetchall()
        else:
            query = "SELECT i.rid, i.row, r.arrived FROM ids i JOIN requests r ON r.rid=i.rid WHERE i.key=?"
            found = self._db.execute(query, (key,)).fetchall()
        if not found:
            return None
        before = [one for one in found if one[2] <= arrived]
        best = max(before, key=_age) if before else min(found, key=_age)
        return best[0], best[1]

    def _find_in_run(self, item: Feedback) -> tuple[int, int] | None:
        """The same where the request was kept in a run."""
        own = None if item.id is not None else _OWN.fullmatch(item.request_id or "")
        if own is None:
            return None
        prefix, number = _signed(int(own[1], 16)), int(own[2], 16)
        query = (
            "SELECT rid, cells FROM runs JOIN requests USING (rid) WHERE prefix=? AND first BETWEEN ? AND ? AND last>=?"
        )
        for rid, cells in self._db.execute(query, (prefix, number - SPAN, number, number)):
            numbers, rows = batches.decode_any(cells)[4]
            if number in numbers:
                place = numbers.index(number)
                return (rid, sum(rows[:place]) + item.row) if item.row < rows[place] else None
        return None

    def _release(self, key: int, rid: int, n: int) -> list[Delta]:
        """Labels by request id that were held for this request."""
        deltas: list[Delta] = []
        for hid, row, arrived, told in self._db.execute(
            "SELECT hid, row, arrived, told FROM held WHERE key=?", (key,)
        ).fetchall():
            if 0 <= row < n:
                self._db.execute("DELETE FROM held WHERE hid=?", (hid,))
                deltas += self._apply(rid, row, None, arrived, _read(told))
        return deltas

    def _take_over(self, key: int, rid: int, row: int, arrived: float) -> list[Delta]:
        """Labels held for this id, and labels that joined an older prediction though this one had arrived before them."""
        deltas: list[Delta] = []
        held = self._db.execute(
            "SELECT hid, arrived, told FROM held WHERE key=? AND row<0 ORDER BY hid", (key,)
        ).fetchall()
        for hid, came, told in held:
            self._db.execute("DELETE FROM held WHERE hid=?", (hid,))
            deltas += self._apply(rid, row, key, came, _read(told))
        query = (
            "SELECT l.rid, l.row, l.arrived, l.told, r.arrived FROM ids i JOIN labels l ON l.rid=i.rid AND l.row=i.row "
            "JOIN requests r ON r.rid=i.rid WHERE i.key=? AND l.key=i.key AND i.rid<>?"
        )
        for old_rid, old_row, came, told, old_arrived in self._db.execute(query, (key, rid)).fetchall():
            if _better(arrived, old_arrived, came):
                self._db.execute("DELETE FROM labels WHERE rid=? AND row=?", (old_rid, old_row))
                deltas += self._deltas(old_rid, old_row, _read(told), -1)
                deltas += self._apply(rid, row, key, came, _read(told))
        return deltas

    def _hold(self, key: int, row: int, version: int, arrived: float, told: Told) -> None:
        self._holds = True
        if row >= 0 and self._held is not None:
            self._held.add(key)
        values = (key, row, version, arrived, msgspec.msgpack.encode(told))
        self._db.execute("INSERT INTO held (key, row, version, arrived, told) VALUES (?, ?, ?, ?, ?)", values)

    # -- what it changes

    def _apply(self, rid: int, row: int, key: int | None, arrived: float, told: Told) -> list[Delta]:
        query = "SELECT told, arrived FROM labels WHERE rid=? AND row=?"
        found = self._db.execute(query, (rid, row)).fetchone()
        before = _read(found[0]) if found else Told(None, {})
        after = _later(before, told)
        self._knows = True
        came = max(arrived, found[1]) if found else arrived
        values = (rid, row, key, came, msgspec.msgpack.encode(after))
        self._db.execute("INSERT OR REPLACE INTO labels VALUES (?, ?, ?, ?, ?)", values)
        gone, new = _difference(before, after)
        return self._deltas(rid, row, gone, -1) + self._deltas(rid, row, new, 1)

    def _deltas(self, rid: int, row: int, told: Told, sign: int) -> list[Delta]:
        if told.label is None and not told.outcomes:
            return []
        query = "SELECT model, version, cells FROM requests WHERE rid=?"
        model, version, cells = self._db.execute(query, (rid,)).fetchone()
        periods, predictions, scores, *more = batches.decode_any(cells)
        grain, start = periods[row if len(periods) > 1 else 0]
        label = told.label[0] if told.label else msgspec.UNSET
        outcomes = {name: value for name, (value, _) in told.outcomes.items()}
        said = None if scores is None else scores[row]
        within = tuple(name for name, rows in (more[0] if more else {}).items() if row in rows)
        return [Delta(model, version, (grain, start), sign, said, predictions[row], label, outcomes, within)]


def key_of(domain: str, text: str) -> int:
    """A signed 64-bit hash: what was sent as an id is not kept."""
    digest = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8, person=domain.encode()).digest()
    return int.from_bytes(digest, "big", signed=True)


Run = tuple[int, list[int]]
"""The prefix that ids of ours share, and the number of each."""


def _run(names: Sequence[str]) -> Run | None:
    """The run that these ids are; None where one of them is not ours, or far from the others."""
    head = names[0][:17]
    if _OWN.fullmatch(names[0]) is None or not all(map(methodcaller("startswith", head), names)):
        return None
    if set(map(methodcaller("count", "."), names)) != {1}:
        return None
    try:
        numbers = [int(name[17 : name.index(".")], 16) for name in names]
    except ValueError:
        return None
    near = max(numbers) - min(numbers) <= SPAN
    return (_signed(int(head[:16], 16)), numbers) if near and len(set(numbers)) == len(numbers) else None


def _signed(number: int) -> int:
    return number - 2**64 if number >= 2**63 else number


def _age(found: tuple[int, int, float]) -> tuple[float, int, int]:
    return found[2], found[0], found[1]


def _better(candidate: float, current: float, label: float) -> bool:
    """Is a prediction that arrived at `candidate` the one that a label belongs to, rather than the one it joined?"""
    if candidate <= label:
        return current > label or candidate > current
    return current > label and candidate < current


def _target(item: Feedback) -> tuple[int, int]:
    """Key and row; row −1 where the id names the prediction."""
    if item.id is not None:
        return key_of("i", id_text(item.id) or ""), -1
    return key_of("r", item.request_id or ""), item.row


def _told(item: Feedback, arrived: float) -> Told:
    own = epoch(item.time)
    stamp = arrived if own is None else own
    label = None if item.label is msgspec.UNSET else (item.label, stamp)
    return Told(label, {name: (value, stamp) for name, value in item.outcomes.items()})


def _read(told: bytes) -> Told:
    return msgspec.msgpack.decode(told, type=Told)


def _rank(stamped: tuple[Any, float]) -> tuple[float, bytes]:
    """Equal stamps are ordered by value, so that the order of arrival does not matter."""
    return stamped[1], msgspec.json.encode(stamped[0])


def _later(a: Told, b: Told) -> Told:
    labels = [one for one in (a.label, b.label) if one is not None]
    outcomes = dict(a.outcomes)
    for name, stamped in b.outcomes.items():
        outcomes[name] = max(outcomes.get(name, stamped), stamped, key=_rank)
    return Told(max(labels, key=_rank) if labels else None, outcomes)


def _difference(before: Told, after: Told) -> tuple[Told, Told]:
    """What no longer holds, and what holds now and did not; the same value with another stamp is neither."""
    changed = [name for name, (value, _) in after.outcomes.items() if before.outcomes.get(name, (None, 0))[0] != value]
    gone = {name: before.outcomes[name] for name in changed if name in before.outcomes}
    new = {name: after.outcomes[name] for name in changed}
    if before.label and after.label and _rank((before.label[0], 0)) == _rank((after.label[0], 0)):
        return Told(None, gone), Told(None, new)
    return Told(before.label if after.label else None, gone), Told(after.label, new)


def _scores(probabilities: Any) -> Any:
    """Probabilities as floats; of two classes the second one says it all."""
    if probabilities is None:
        return None
    matrix = np.asarray(probabilities, dtype=np.float64)
    return matrix[:, 1:] if matrix.ndim == 2 and matrix.shape[1] == 2 else matrix
