"""A process that records as a worker does, to be killed: it writes on stdout how many rows it has handed to the recorder."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

from spooling import NOON, SIGNATURE, answers, baseline, rows

from nb2prod.records.monitoring import Feedback
from nb2prod.runtime.recorder import SpoolRecorder


def main(spool: Path, *, counter: str, limit: int, capacity: int) -> None:
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    recorder = SpoolRecorder(
        spool,
        name="delays",
        baseline=baseline(),
        signature=SIGNATURE,
        rotate=0.05,
        counter=counter,  # type: ignore[arg-type]
        capacity=capacity,
    )
    number = taken = 0
    while True:
        number += 1
        n = 1 + number % 7
        ids = [f"{os.getpid()}-{number}-{row}" for row in range(n)] if number % 3 == 0 else None
        request = f"{os.getpid()}-{number}"
        recorder.record(rows(n), answers(n), request_id=request, ids=ids, times=None, version=1, arrived=NOON)
        taken += n
        if number % 10 == 0:
            recorder.feedback([Feedback(request_id=request, row=0, label=1)])
        os.write(1, taken.to_bytes(8, "little"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), counter=sys.argv[2], limit=int(sys.argv[3]), capacity=int(sys.argv[4]))
