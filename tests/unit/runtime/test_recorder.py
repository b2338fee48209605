from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spooling import NOON, SIGNATURE, answers, baseline, rows

from nb2prod.records.monitoring import Feedback
from nb2prod.runtime import batches, ring, segments
from nb2prod.runtime.recorder import SpoolRecorder, ask


def recorder(spool: Path, **settings: Any) -> SpoolRecorder:
    fields = {"name": "delays", "baseline": baseline(), "signature": SIGNATURE, "rotate": 3600.0} | settings
    return SpoolRecorder(spool, **fields)


def record(one: SpoolRecorder, n: int, request: str = "r1", **fields: Any) -> None:
    given = {"request_id": request, "ids": None, "times": None, "version": 3, "arrived": NOON} | fields
    one.record(rows(n), answers(n), **given)


def kept(spool: Path) -> int:
    return sum(frame.rows for path in segments.pending(spool) for frame in segments.read(path)[1])


def law(one: SpoolRecorder) -> bool:
    counted = one.metrics()
    return counted["rows_accepted_total"] == counted["rows_persisted_total"] + counted["rows_dropped_total"]


def test_rows_come_back_from_segments_as_they_were(tmp_path: Path) -> None:
    one = recorder(tmp_path)
    record(one, 3, ids=["a", None, "b"], times=[1.0, None, 2.0])
    one.close()
    (path,) = segments.pending(tmp_path)
    head, (frame,) = segments.read(path)
    batch = batches.decode_batch(frame.payload)
    assert (head.name, head.sequence, head.rows) == ("delays", 1, 3)
    assert batch.columns == {"age": [40.0, 41.0, 42.0], "town": ["Ulm"] * 3}
    assert (batch.ids, batch.times, batch.version) == (["a", None, "b"], [1.0, None, 2.0], 3)


def test_a_full_ring_drops_rows_and_says_so(tmp_path: Path) -> None:
    one = recorder(tmp_path, capacity=4096, limit=0)
    for _ in range(100):
        record(one, 5)
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


def test_a_spool_that_cannot_be_made_fails_no_prediction(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    one = recorder(tmp_path / "file" / "spool", capacity=4096)
    for _ in range(200):
        record(one, 1)
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
