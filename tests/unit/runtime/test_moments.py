"""Requests that are kept together: the same counts, the same labels."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
from msgspec.structs import replace
from spooling import NOON, SIGNATURE, answers, baseline

from nb2prod.records.capture import Column
from nb2prod.records.monitoring import Feedback, Increment
from nb2prod.runtime.counting import Counter
from nb2prod.runtime.recorder import SpoolRecorder
from nb2prod.runtime.rows import Rows

OWN = "f0" * 8
MATRIX = replace(
    SIGNATURE,
    rows="array",
    columns=tuple(Column(name=name, kind="number", dtype="float64") for name in ("age", "town")),
)


def _told(folder: Path, *, together: bool) -> list[Increment]:
    """What is counted of requests with ids of ours and of the caller's, and of labels for them before and after."""
    choose = random.Random(5)
    fields = {"name": "delays", "baseline": baseline(), "signature": MATRIX, "rotate": 3600.0}
    one = SpoolRecorder(folder, **fields)
    early = [Feedback(request_id=f"{OWN}-{number:x}.{1 + number % 3}", row=0, label=1) for number in range(5)]
    one.feedback(early)
    for number in range(300):
        n = 1 + number % 3
        request = f"{OWN}-{number:x}.{n}" if number not in (249, 299) else f"order {number}"
        given = Rows(n, None, matrix=np.full((n, 2), choose.gauss(40, 10)), names=MATRIX.names)
        arrived = NOON + number % 200
        said = answers(n, choose.random())
        one.record(given, said, request_id=request, ids=None, times=None, version=3, arrived=arrived)
        if not together or number % 100 == 99:
            one._frame()
    one.flush()
    counter = Counter(folder, clock=lambda: NOON + 60)
    counter.run()
    late = [Feedback(request_id=f"{OWN}-{number:x}.{1 + number % 3}", row=number % 3, label=0) for number in range(300)]
    more = [
        Feedback(request_id=f"{OWN}-7.2", row=1, label=1),
        Feedback(request_id="order 249", row=0, label=1),
        Feedback(request_id=f"{OWN}-ffff.1", row=0, label=1),
    ]
    one.feedback([*late, *more])
    one.close()
    counter.run()
    assert (counter.side.db.execute("SELECT count(*) FROM runs").fetchone()[0] > 0) == together
    found = list(counter.page().increments)
    counter.close()
    return found


def test_requests_that_are_kept_together_count_and_join_as_each_would_alone(tmp_path: Path) -> None:
    totals = []
    for together in (True, False):
        total: dict[tuple[int, str, int, str], dict[int, int]] = {}
        for one in _told(tmp_path / str(together), together=together):
            for name, pairs in one.counts.items():
                held = total.setdefault((one.version, one.grain, one.period, name), {})
                for place, count in pairs:
                    held[place] = held.get(place, 0) + count
        totals.append({key: {place: count for place, count in held.items() if count} for key, held in total.items()})
    assert totals[0] == totals[1]
    assert sum(sum(held.values()) for key, held in totals[0].items() if key[3] == "@confusion") == 300 - 2 + 3 + 1
