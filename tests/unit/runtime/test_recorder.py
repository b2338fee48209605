from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spooling import NOON, SIGNATURE, answers, baseline, rows

from nb2prod.records.monitoring import Feedback
from nb2prod.runtime import batches, ring, segments
from nb2prod.runtime.recorder import REASONS, SpoolRecorder, ask


def recorder(spool: Path, **settings: Any) -> SpoolRecorder:
    fields = {"name": "delays", "baseline": baseline(), "signature": SIGNATURE, "rotate": 3600.0} | settings
    return SpoolRecorder(spool, **fields)


def record(one: SpoolRecorder, n: int, request: str = "r1", **fields: Any) -> None:
    given = {"request_id": request, "ids": None, "times": None, "version": 3, "arrived": NOON} | fields
    one.record(rows(n), answers(n), **given)


def kept(spool: Path) -> int:
    return sum(frame.rows for path in segments.pending(spool) for frame in segments.read(path)[1])


def kill(one: SpoolRecorder) -> None:
    """Let go of its ring as the system does for a process that was killed: nothing is handed over."""
    one._stop.set()
    one._thread.join()
    one._ring.close()


def law(one: SpoolRecorder) -> bool:
    counted = one.metrics()
    return counted["rows_accepted_total"] == counted["rows_persisted_total"] + counted["rows_dropped_total"]


def test_rows_come_back_from_segments_as_they_were(tmp_path: Path) -> None:
    one = recorder(tmp_path)
    record(one, 3, ids=["a", None, "b"], times=[1.0, None, 2.0])
    one.close()
    (path,) = segments.pending(tmp_path)
    head, (frame,) = segments.read(path)
    (batch,) = batches.decode_rows(frame.payload, frame.kind)
    assert (head.name, head.sequence, head.rows) == ("delays", 1, 3)
    assert batch.columns == {"age": [40.0, 41.0, 42.0], "town": ["Ulm"] * 3}
    assert (batch.ids, batch.times, batch.version) == (["a", None, "b"], [1.0, None, 2.0], 3)


def test_a_full_ring_drops_rows_and_says_so(tmp_path: Path) -> None:
    one = recorder(tmp_path, capacity=4096, limit=0)
    for _ in range(100):
        record(one, 5)
        one.flush()
    counted = one.metrics()
    assert counted["rows_accepted_total"] == 500
    assert 0 < counted["rows_dropped_total"] < 500
    one.limit = 2**20
    one.close()
    assert law(one)
    assert kept(tmp_path) == one.metrics()["rows_persisted_total"]


def test_values_without_a_form_are_kept_as_text(tmp_path: Path) -> None:
    one = recorder(tmp_path)
    given = rows(1)
    given.columns["age"] = [10**30]
    one.record(given, answers(1), request_id="r", ids=None, times=None, version=None, arrived=NOON)
    one.close()
    assert kept(tmp_path) == 1


def test_one_value_without_a_form_takes_no_other_request_with_it(tmp_path: Path) -> None:
    one = recorder(tmp_path)
    record(one, 1, "r0")
    for number in range(3):
        given = rows(1)
        given.columns["age"] = [10**30 if number == 1 else 5]
        one.record(given, answers(1), request_id=f"r{number}", ids=None, times=None, version=None, arrived=NOON)
    one.close()
    (path,) = segments.pending(tmp_path)
    found = [batch for frame in segments.read(path)[1] for batch in batches.decode_rows(frame.payload, frame.kind)]
    assert [batch.columns["age"] for batch in found] == [[40.0], [5], [1e30], [5]]


def test_what_a_killed_writer_had_not_framed_is_accepted_and_dropped(tmp_path: Path) -> None:
    held = ring.claim(tmp_path, 4096, "00" * 16)
    assert held.append(b"kept", 3, batches.ROWS)
    held.taken[0] += 7
    assert held.append(b"framed", 2, batches.ROWS, taken=2)
    path = ring.rings(tmp_path)[0]
    seen = ring.peek(path)
    assert seen is not None
    assert (seen[1].accepted, seen[1].waiting) == (10, 10)
    assert held.now().accepted == 10
    held.close()  # as the system does for a process that was killed
    for _ in range(2):
        found = ring.adopt(path)
        assert found is not None
        segments.recover(found, tmp_path, "x")
        assert (found.state.accepted, found.state.persisted, found.state.dropped) == (10, 5, 5)
        found.close()


@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 2), st.sampled_from([0.0, 59.0, 60.0]), *[st.booleans()] * 3))
)
def test_the_requests_of_a_moment_come_back_one_by_one(given: list[tuple[int, int, float, bool, bool, bool]]) -> None:
    asked: list[batches.Request] = []
    for number, (n, version, later, whole, said, named) in enumerate(given):
        matrix = np.arange(n * 2, dtype="i4" if whole else "f8").reshape(n, 2) + number
        scores = tuple((0.25, 0.75) for _ in range(n)) if said else None
        ids = [f"i{row}" for row in range(n)] if named else None
        asked.append((f"r{number}", version, NOON + later, n, matrix, tuple(range(n)), scores, ids, None))
    found = batches.decode_rows(batches.encode_moment(asked), batches.MOMENT) if asked else []
    assert all(one.n == len(one.columns) for one in found)
    singles = [single for one in found for single in one.singles()]
    assert len(singles) == len(asked)
    for one, request in zip(singles, asked, strict=True):
        name, version, arrived, n, matrix, predictions, scores, ids, _ = request
        assert (one.request_id, one.version, one.arrived, one.n, one.ids) == (name, version, arrived, n, ids)
        assert one.columns.dtype == matrix.dtype
        assert np.array_equal(one.columns, matrix)
        assert tuple(one.predictions) == predictions
        assert one.probabilities == (None if scores is None else [list(row) for row in scores])


def test_a_spool_that_cannot_be_made_fails_no_prediction(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    one = recorder(tmp_path / "file" / "spool", capacity=4096)
    for _ in range(200):
        record(one, 1)
        one.flush()
    counted = one.metrics()
    assert counted["recorder_durable"] == 0
    assert counted["rows_dropped_total"] > 0
    one.close()


def test_workers_have_rings_of_their_own_and_a_successor_takes_over(tmp_path: Path) -> None:
    first, second = recorder(tmp_path), recorder(tmp_path)
    record(first, 2)
    record(second, 3)
    assert len(ring.rings(tmp_path)) == 2
    first.close()
    third = recorder(tmp_path)
    assert third.metrics()["rows_accepted_total"] == 5
    third.close()
    second.close()
    assert len(ring.rings(tmp_path)) == 2
    assert kept(tmp_path) == 5


def test_workers_hand_over_when_they_are_asked(tmp_path: Path) -> None:
    one = recorder(tmp_path)
    record(one, 1)
    ask(tmp_path)
    deadline = time.monotonic() + 20
    while not segments.pending(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert kept(tmp_path) == 1
    one.close()


@pytest.mark.parametrize(
    ("item", "pointer"),
    [
        (Feedback(id="a", label="late"), "/label"),
        (Feedback(label=1), ""),
        (Feedback(id="a"), ""),
        (Feedback(id=1.5, label=1), "/id"),
        (Feedback(request_id="r", row=-1, label=1), "/row"),
        (Feedback(id="a", outcomes={"cost/x": 1.0}), "/outcomes/cost~1x"),
        (Feedback(id="a", label=1, time="yesterday"), "/time"),
    ],
)
def test_feedback_is_refused_item_by_item(tmp_path: Path, item: Feedback, pointer: str) -> None:
    one = recorder(tmp_path, outcomes=("cost",))
    good = Feedback(id=7, label=True, outcomes={"cost": 2.0}, time="2013-01-01T00:00:00Z")
    first, second = one.feedback([item, good])
    assert (first.status, first.pointer, second.status) == ("refused", pointer, "kept")
    one.close()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_a_ring_gives_back_what_it_took_in_order(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    choose = random.Random(seed)
    folder = tmp_path_factory.mktemp("ring")
    held = ring.claim(folder, 2048, "00" * 16)
    expected: list[bytes] = []
    for _ in range(200):
        if choose.random() < 0.8:
            payload = choose.randbytes(choose.choice([0, 1, 30, 300, 1500]))
            if held.append(payload, 1, batches.ROWS):
                expected.append(payload)
        else:
            segments.hand_over(held, folder, "x")
    segments.recover(held, folder, "x")
    found = [frame.payload for path in segments.pending(folder) for frame in segments.read(path)[1]]
    assert found == expected
    assert held.state.accepted == held.state.persisted + held.state.dropped
    held.close()


def test_figures_are_the_sum_over_workers_whoever_is_asked_and_stay_when_one_is_killed(tmp_path: Path) -> None:
    first, second = recorder(tmp_path), recorder(tmp_path)
    for one, times in ((first, 3), (second, 4)):
        for _ in range(times):
            one.reject("age", "wrong-type", version=3, rows=2)
        one.feedback([Feedback(id="a", label=1), Feedback(id="a", label="no")])
        one.refused(1)
    first._failed(OSError("disk"))
    want = {
        "rows_rejected_total": 14,
        "rows_rejected_dropped_total": 0,
        "feedback_kept_total": 2,
        "feedback_refused_total": 4,
        "recorder_failures_total": 1,
    }
    assert [{name: one.metrics()[name] for name in want} for one in (first, second)] == [want, want]
    kill(first)
    third = recorder(tmp_path)
    third.reject("age", "wrong-type", version=3)
    grown = want | {"rows_rejected_total": 15}
    assert [{name: one.metrics()[name] for name in want} for one in (second, third)] == [grown, grown]
    second.close()
    third.close()


def test_a_refused_row_is_in_the_ring_at_once_so_that_a_kill_loses_none(tmp_path: Path) -> None:
    one = recorder(tmp_path)
    for _ in range(20):
        one.reject("age", "wrong-type", version=3)
    kill(one)
    found = ring.adopt(ring.rings(tmp_path)[0])
    assert found is not None
    segments.recover(found, tmp_path, "delays")
    found.close()
    (path,) = segments.pending(tmp_path)
    told = [batches.decode_refusals(frame.payload) for frame in segments.read(path)[1]]
    assert sum(count for one in told for _, _, count in one.items) == 20


def test_refusals_that_a_full_ring_does_not_take_are_counted_as_dropped(tmp_path: Path) -> None:
    one = recorder(tmp_path, capacity=4096, limit=0)
    for _ in range(200):
        one.reject("age", "wrong-type", version=3)
    found = one.metrics()
    assert found["rows_rejected_total"] == 200
    assert 0 < found["rows_rejected_dropped_total"] < 200
    one.close()


def test_past_so_many_reasons_a_refusal_is_told_by_its_code_alone(tmp_path: Path) -> None:
    one = recorder(tmp_path)
    for number in range(REASONS + 3):
        one.reject(f"c{number}", "unknown-column", version=3)
    one.close()
    (path,) = segments.pending(tmp_path)
    told = [batches.decode_refusals(frame.payload).items[0] for frame in segments.read(path)[1]]
    assert len(told) == REASONS + 3
    assert [column for column, _, _ in told[-4:]] == [f"c{REASONS - 1}", "", "", ""]


def test_a_lone_request_is_framed_at_once_whenever_the_thread_looked_last(tmp_path: Path) -> None:
    one = recorder(tmp_path)
    one._frame()  # an idle look, a moment ago
    record(one, 3)
    kill(one)
    found = ring.adopt(ring.rings(tmp_path)[0])
    assert found is not None
    assert (found.state.accepted, found.state.dropped) == (3, 0)
    found.close()


def test_all_services_cut_at_the_same_marks_of_the_clock(tmp_path: Path) -> None:
    made = SpoolRecorder(tmp_path, name="delays", baseline=baseline(), signature=SIGNATURE)
    try:
        for since in (100.1, 101.9):
            made._since = since
            assert [made._marked(now) for now in (since + 0.05, 102.0, 103.9)] == [False, True, True]
        made._rotate, made._since = 3600.0, 3599.0
        assert not made._marked(3601.0)
        assert made._marked(7199.0)
        made._rotate = 0.0
        assert made._marked(3599.0)
    finally:
        made.close()
