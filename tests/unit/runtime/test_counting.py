from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from spooling import NOON, SIGNATURE, answers, baseline, rows

from nb2prod.baseline import dense
from nb2prod.records.monitoring import Feedback, Increment
from nb2prod.runtime import ring, segments, selfcount, sums
from nb2prod.runtime.batches import FEEDBACK, ROWS, Batch, Labels, encode
from nb2prod.runtime.counting import Counter
from nb2prod.runtime.periods import period_of
from nb2prod.runtime.recorder import SpoolRecorder
from nb2prod.runtime.ring import FRAME, crc
from nb2prod.runtime.watched import Watched, declare

DAY = 86400
WATCHED = Watched("delays", baseline(), SIGNATURE)
SOURCE = "ab" * 16


class Spool:
    """Segments written one by one, and a counter over them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.sequence = 0
        WATCHED.save(folder)
        self.counter = Counter(folder, clock=lambda: NOON + 60)

    def write(self, *records: Batch | Labels, source: str = SOURCE) -> Path:
        self.sequence += 1
        found, taken = b"", 0
        for record in records:
            n, kind = (record.n, ROWS) if isinstance(record, Batch) else (0, FEEDBACK)
            payload = encode(record)
            found += FRAME.pack(len(payload), crc(payload, n, kind), n, kind) + payload
            taken += n
        head = segments.Head(source=source, sequence=self.sequence, name="delays", key=WATCHED.key, rows=taken)
        path = segments.path_of(self.folder, source, self.sequence)
        segments.write(path, head, [found])
        return path

    def count(self) -> list[Increment]:
        with self.counter.side.alone():
            self.counter.run()
        return list(self.counter.page().increments)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path / "spool")
    yield made
    made.counter.close()


def batch(
    request: str,
    ids: Sequence[str] | None = None,
    *,
    arrived: float = NOON,
    score: float = 0.75,
    version: int = 3,
    times: Sequence[float | None] | None = None,
    n: int = 1,
) -> Batch:
    n = len(ids) if ids else n
    said = answers(n, score)
    columns = rows(n).columns
    return Batch(
        request, version, arrived, n, columns, said.predictions, said.probabilities, list(ids) if ids else None, times
    )


def labels(*items: Feedback, arrived: float = NOON + 10) -> Labels:
    return Labels(3, arrived, list(items))


def confusion(increments: list[Increment]) -> dict[tuple[int, int], list[int]]:
    """(version, period) → the confusion matrix, flat."""
    found: dict[tuple[int, int], np.ndarray] = {}
    for one in increments:
        counts = dense(one.counts, WATCHED.baseline).get("@confusion")
        if counts is not None:
            found[one.version, one.period] = found.get((one.version, one.period), 0) + counts
    return {key: counts.tolist() for key, counts in found.items() if counts.any()}


def test_counts_equal_the_baseline_s_own(spool: Spool) -> None:
    spool.write(batch("r1", n=3), batch("r2", n=2, score=0.2))
    (one,) = spool.count()
    said = np.array([[0.25, 0.75]] * 3 + [[0.8, 0.2]] * 2)
    columns = {"age": [40.0, 41.0, 42.0, 40.0, 41.0], "town": ["Ulm"] * 5}
    expected = WATCHED.baseline.count(columns, scores=said)
    found = dense(one.counts, WATCHED.baseline)
    assert (one.rows, one.version, one.name) == (5, 3, "delays")
    assert all(np.array_equal(found[name], counts) for name, counts in expected.items() if counts.any())
    assert one.counts["@predicted"] == [(0, 2), (1, 3)]


def test_each_version_and_event_period_has_an_increment(spool: Spool) -> None:
    times = [NOON - 30, NOON - 5 * 3600, NOON - 300 * DAY, None]
    spool.write(batch("r1", n=4, times=times), batch("r2", version=4))
    found = {(one.version, one.grain, one.period): one.rows for one in spool.count()}
    assert found == {
        (3, "minute", int(NOON) - 60): 1,
        (3, "minute", int(NOON)): 1,
        (3, "hour", int(NOON) - 5 * 3600): 1,
        (3, "day", int(NOON) // DAY * DAY - 300 * DAY): 1,
        (4, "minute", int(NOON)): 1,
    }


def test_the_grain_follows_the_age_of_the_event() -> None:
    ages = [0, 7199, 7200, 14 * DAY - 1, 14 * DAY]
    assert [period_of(NOON - age, NOON)[0] for age in ages] == ["minute", "minute", "hour", "hour", "day"]


def test_a_segment_that_is_delivered_again_is_not_counted_again(spool: Spool) -> None:
    path = spool.write(batch("r1", n=2))
    again = path.read_bytes()
    assert len(spool.count()) == 1
    assert not path.exists()
    path.write_bytes(again)
    assert len(spool.count()) == 1
    assert not path.exists()


def test_a_torn_tail_costs_only_itself(spool: Spool) -> None:
    path = spool.write(batch("r1", n=2), batch("r2", n=3))
    path.write_bytes(path.read_bytes()[:-5])
    (one,) = spool.count()
    assert one.rows == 2
    assert spool.counter.side.total("rows_torn") == 3


def test_a_segment_that_cannot_be_read_does_not_stop_the_next(spool: Spool) -> None:
    spool.write(batch("r1")).write_bytes(b"nonsense")
    spool.write(batch("r2", n=2))
    assert [one.rows for one in spool.count()] == [2]
    assert spool.counter.side.total("segments_left_out") == 1


def test_a_label_counts_for_its_prediction_s_version_and_period(spool: Spool) -> None:
    spool.write(batch("r1", ["a"], version=2, times=[NOON - 300 * DAY]), batch("r2", ["b"], version=3))
    spool.write(labels(Feedback(id="a", label=0, time=NOON * 1000), Feedback(request_id="r2", row=0, label=1)))
    found = confusion(spool.count())
    assert found == {
        (2, int(NOON) - 300 * DAY - 12 * 3600): [0, 0, 0, 1, 0, 0, 0, 0, 0],
        (3, int(NOON)): [0, 0, 0, 0, 1, 0, 0, 0, 0],
    }


def test_a_label_twice_counts_once_and_a_later_one_replaces_it(spool: Spool) -> None:
    spool.write(batch("r1", ["a"]))
    spool.write(labels(Feedback(id="a", label=0), Feedback(id="a", label=0)), labels(Feedback(id="a", label=0)))
    assert confusion(spool.count())[3, int(NOON)][3] == 1
    spool.write(labels(Feedback(id="a", label=1), arrived=NOON + 20))
    spool.write(labels(Feedback(id="a", label=0), arrived=NOON + 15))
    assert confusion(spool.count())[3, int(NOON)] == [0, 0, 0, 0, 1, 0, 0, 0, 0]


def test_an_unknown_id_is_held_then_unmatched(spool: Spool) -> None:
    spool.write(labels(Feedback(id="nobody", label=1), Feedback(id="later", label=1)))
    spool.count()
    assert spool.counter.page().held == 2
    spool.write(batch("r1", ["later"]))
    assert confusion(spool.count())[3, int(NOON)][4] == 1
    spool.counter.close()
    spool.counter = Counter(spool.folder, clock=lambda: NOON + 60 * DAY)
    spool.count()
    page = spool.counter.page()
    assert (page.held, page.unmatched) == (0, 1)


def test_the_order_of_segments_makes_no_difference(tmp_path: Path) -> None:
    records: list[Batch | Labels] = [
        batch("r1", ["a", "b"], arrived=NOON, score=0.2),
        batch("r2", ["a"], arrived=NOON + 5, version=4),
        batch("r3", ["a", "c"], arrived=NOON + 20, version=5),
        labels(Feedback(id="a", label=1), Feedback(id="b", label=0), arrived=NOON + 10),
        labels(Feedback(id="a", label=0), Feedback(request_id="r3", row=1, label=1), arrived=NOON + 11),
    ]
    found = []
    for number, order in enumerate(itertools.permutations(records)):
        if number % 7 == 0:
            one = Spool(tmp_path / str(number))
            for record in order:
                one.write(record)
            found.append(confusion(one.count()))
            one.counter.close()
    assert all(other == found[0] for other in found)
    assert found[0][4, int(NOON)] == [0, 0, 0, 1, 0, 0, 0, 0, 0]


def test_outcomes_are_summed_exactly(spool: Spool) -> None:
    values = [random.Random(7).lognormvariate(0, 3) for _ in range(50)]
    spool.write(batch("r1", [str(i) for i in range(50)]))
    spool.write(labels(*(Feedback(id=str(i), outcomes={"cost": value}) for i, value in enumerate(values))))
    pairs = [one.counts["@outcome.cost"] for one in spool.count() if "@outcome.cost" in one.counts]
    from nb2prod.runtime import sums

    assert sums.count(pairs[0]) == 50
    assert sums.total(pairs[0]) == pytest.approx(sum(values), rel=1e-8)


def test_the_outbox_keeps_to_its_cap_and_counts_what_it_lost(spool: Spool) -> None:
    spool.counter.outbox._cap = 3000
    for number in range(20):
        spool.write(batch(f"r{number}"))
    left = spool.count()
    assert 0 < len(left) < 20
    assert spool.counter.page().lost == 20 - len(left)


def test_scores_are_forgotten_by_age_and_by_size(spool: Spool) -> None:
    for number in range(200):
        spool.write(batch(f"r{number}", [f"i{number}"], arrived=NOON + number))
    spool.count()
    side, join = spool.counter.side, spool.counter._join
    with side.transaction():
        assert join.prune(NOON + 100, seconds=0.0) == 100
        assert join.prune(NOON, size=1) > 0
    (left,) = side.db.execute("SELECT count(*) FROM ids").fetchone()
    assert left == side.db.execute("SELECT count(*) FROM requests").fetchone()[0] < 100


def test_the_counter_takes_over_what_dead_writers_left_and_tells_what_it_counted(tmp_path: Path) -> None:
    fields = {"name": "delays", "baseline": WATCHED.baseline, "signature": SIGNATURE, "rotate": 3600.0}
    dead, live = SpoolRecorder(tmp_path, **fields), SpoolRecorder(tmp_path, **fields)
    for one in (dead, live):
        one.record(rows(2), answers(2), request_id="r", ids=None, times=None, version=3, arrived=NOON)
    live.flush()
    dead._stop.set()
    dead._thread.join()
    dead._ring.close()  # as the system does for a process that was killed
    counter = Counter(tmp_path)
    counter.run()
    assert sum(one.rows for one in counter.page().increments) == 4
    assert live.metrics()["rows_counted_total"] == 4
    counter.close()
    live.close()


def test_a_side_file_of_before_runs_goes_on(tmp_path: Path) -> None:
    made = Spool(tmp_path / "spool")
    made.write(batch("r1"))
    made.count()
    made.counter.side.db.execute("DROP TABLE runs")
    made.counter.side.db.execute("PRAGMA user_version=1")
    made.counter.close()
    made.counter = Counter(made.folder, clock=lambda: NOON + 60)
    made.write(labels(Feedback(request_id="r1", row=0, label=1)))
    assert confusion(made.count()) != {}
    made.counter.close()


def test_counting_ends_where_idle_time_does_not_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    live = SpoolRecorder(tmp_path, name="delays", baseline=WATCHED.baseline, signature=SIGNATURE, rotate=3600.0)
    waits = iter([0.0, 0.0, selfcount.LATE + 1])
    monkeypatch.setattr(selfcount, "_waited", lambda spool: next(waits))
    monkeypatch.setattr(selfcount, "_yield", lambda: True)
    assert selfcount.count(tmp_path, every=0.0, patient=True) == 0
    assert list(waits) == []
    live.close()


def test_rings_of_workers_long_gone_are_removed(tmp_path: Path) -> None:
    fields = {"name": "delays", "baseline": WATCHED.baseline, "signature": SIGNATURE, "rotate": 3600.0}
    one = SpoolRecorder(tmp_path, **fields)
    one.record(rows(2), answers(2), request_id="r", ids=None, times=None, version=3, arrived=NOON)
    one.close()
    now = time.time()
    for clock, left in ((now, 1), (now + 3600, 0)):
        counter = Counter(tmp_path, clock=lambda at=clock: at)
        counter.run()
        counter.close()
        assert len(list(tmp_path.glob("ring-*"))) == left
    again = SpoolRecorder(tmp_path, **fields)
    assert again.metrics()["rows_accepted_total"] == 2
    again.close()


def test_counting_that_cannot_go_on_ends_with_the_workers(tmp_path: Path) -> None:
    (tmp_path / "side").write_text("a file in the way")
    assert selfcount.count(tmp_path, every=0.0) == 0


def added(increments: list[Increment], name: str) -> dict[int, int]:
    found: dict[int, int] = {}
    for increment in increments:
        for place, count in increment.counts.get(name, ()):
            found[place] = found.get(place, 0) + count
    return {place: count for place, count in found.items() if count}


def test_rows_labels_and_outcomes_of_a_declared_slice_are_counted_apart(spool: Spool) -> None:
    declare(spool.folder, [("town", "Ulm"), ("town", "Bonn"), ("age", "41")])
    spool.write(batch("r", ["a", "b", "c"]))
    said = [Feedback(id=name, label=1, outcomes={"cost": cost}) for name, cost in (("a", 2.0), ("b", 1.0), ("c", 0.0))]
    spool.write(Labels(3, NOON + 5, said))
    found = spool.count()
    assert added(found, "@slice.town=Ulm") == {0: 3}
    assert added(found, "@slice.town=Bonn") == {}
    assert added(found, "@slice.age=41") == {0: 1}
    assert added(found, "@outcome.cost|age=41") == dict(sums.exact([1.0]))
    assert added(found, "@squares.cost") == dict(sums.exact([4.0, 1.0, 0.0]))
    assert added(found, "@rest.cost") == {0: 1}
    assert added(found, "@agreed|age=41") == {1: 1}
    corrected = Feedback(id="b", outcomes={"cost": 3.0})
    spool.write(Labels(3, NOON + 9, [corrected]))
    found = spool.count()
    assert sums.total(added(found, "@outcome.cost|age=41").items()) == 3.0
    assert sums.total(added(found, "@squares.cost").items()) == 13.0


def test_a_slice_that_is_declared_later_leaves_older_rows_out(spool: Spool) -> None:
    spool.write(batch("r", ["a"]))
    spool.count()
    declare(spool.folder, [("town", "Ulm")])
    spool.write(batch("s", ["b"]), Labels(3, NOON + 5, [Feedback(id="a", label=1), Feedback(id="b", label=1)]))
    found = spool.count()
    assert added(found, "@slice.town=Ulm") == {0: 1}
    assert added(found, "@agreed|town=Ulm") == {1: 1}
    assert added(found, "@agreed") == {1: 2}


def test_refused_requests_are_counted_by_reason_and_column(tmp_path: Path) -> None:
    one = SpoolRecorder(tmp_path / "s", name="delays", baseline=baseline(), signature=SIGNATURE, rotate=3600.0)
    for _ in range(3):
        one.reject("age", "wrong-type", version=2)
    one.reject("", "malformed-json", version=2)
    one.close()
    counter = Counter(tmp_path / "s")
    with counter.side.alone():
        counter.run()
    found = list(counter.page().increments)
    counter.close()
    assert {increment.version for increment in found} == {2}
    assert sum(increment.rows for increment in found) == 0
    assert added(found, "@refused.wrong-type|age") == {0: 3}
    assert added(found, "@refused.malformed-json|") == {0: 1}


def test_a_label_waits_for_its_prediction_as_long_as_it_is_told_to(spool: Spool) -> None:
    spool.write(Labels(3, NOON, [Feedback(id="nobody", label=1)]))
    for waits, unmatched in ((3 * DAY, 0), (DAY, 1)):
        counter = Counter(spool.folder, clock=lambda: NOON + 2 * DAY, maturation=waits)
        with counter.side.alone():
            counter.run()
        assert counter.page().unmatched == unmatched
        counter.close()


def test_a_worker_that_does_not_come_back_leaves_its_figures(tmp_path: Path) -> None:
    def worker() -> SpoolRecorder:
        return SpoolRecorder(tmp_path / "s", name="delays", baseline=baseline(), signature=SIGNATURE, rotate=3600.0)

    gone = worker()
    gone.record(rows(3), answers(3), request_id="r", ids=None, times=None, version=2, arrived=NOON)
    gone.reject("age", "wrong-type", version=2, rows=4)
    gone.close()
    for later in (0.0, 3600.0, 7200.0):  # the second turn retires the ring, the third finds nothing to retire
        counter = Counter(tmp_path / "s", clock=lambda later=later: time.time() + later)
        with counter.side.alone():
            counter.run()
        counter.close()
    assert ring.rings(tmp_path / "s") == []
    one = worker()
    one.reject("age", "wrong-type", version=2)
    found = one.metrics()
    one.close()
    names = ("rows_accepted_total", "rows_persisted_total", "rows_counted_total", "rows_rejected_total")
    assert [found[name] for name in names] == [3, 3, 3, 5]
