"""The accounting law under fire: accepted = persisted + dropped, whoever is killed when, and whatever the disk says."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from spooling import NOON, SIGNATURE, answers, baseline, rows

from nb2prod.runtime import ring, segments
from nb2prod.runtime.counting import Counter
from nb2prod.runtime.outbox import Outbox
from nb2prod.runtime.recorder import SpoolRecorder
from nb2prod.runtime.side import Side

HERE = Path(__file__).parent
ROOMY = 2**20


@contextmanager
def writer(
    spool: Path, *, counter: str = "agent", limit: int = 0, capacity: int = ROOMY
) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, str(HERE / "recording.py"), str(spool), counter, str(limit), str(capacity)]
    path = os.pathsep.join([str(HERE.parent), str(HERE.parents[1])])
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path})
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def taken(process: subprocess.Popen[bytes], least: int) -> int:
    """Rows that the writer has handed over, read until they are at least so many."""
    assert process.stdout is not None
    found = 0
    while found < least:
        said = process.stdout.read(8)
        assert len(said) == 8, "the writer has ended"
        found = int.from_bytes(said, "little")
    return found


def end(process: subprocess.Popen[bytes], found: int) -> int:
    """Kill it; rows that it had handed over by then."""
    process.kill()
    assert process.stdout is not None
    rest = process.stdout.read()
    whole = len(rest) // 8 * 8
    return int.from_bytes(rest[whole - 8 : whole], "little") if whole else found


def totals(spool: Path) -> tuple[int, int, int]:
    """Accepted, persisted and dropped rows of all rings."""
    states = [found[1] for path in ring.rings(spool) if (found := ring.peek(path))]
    return (
        sum(state.accepted for state in states),
        sum(state.persisted for state in states),
        sum(state.dropped for state in states),
    )


def counted(spool: Path) -> int:
    side = Side(spool / "side")
    try:
        return sum(side.counted().values())
    finally:
        side.close()


def count_all(spool: Path) -> None:
    counter = Counter(spool)
    try:
        with counter.side.alone():
            counter.run()
    finally:
        counter.close()


def wait_for(condition: Callable[[], bool], seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_writer_killed_at_any_moment_leaves_every_accepted_row_persisted_or_dropped(tmp_path: Path) -> None:
    choose = random.Random(11)
    handed_over, largest = 0, 7
    for _ in range(8):
        with writer(tmp_path) as process:
            found = taken(process, choose.randrange(1, 4000))
            handed_over += end(process, found)
    count_all(tmp_path)
    accepted, persisted, dropped = totals(tmp_path)
    assert accepted == persisted + dropped
    assert counted(tmp_path) == persisted
    # a kill may fall between the recorder's word and the writer's
    assert handed_over <= accepted <= handed_over + 8 * largest
    assert segments.pending(tmp_path) == []


@pytest.mark.parametrize("kills", [1, pytest.param(6, marks=pytest.mark.proof)])
def test_a_counter_killed_at_any_moment_counts_each_row_once(tmp_path: Path, kills: int) -> None:
    choose = random.Random(12)
    command = [sys.executable, "-m", "nb2prod.runtime.selfcount", str(tmp_path)]
    with writer(tmp_path) as process:
        found, before = taken(process, 500), 0
        for _ in range(kills):
            counting = subprocess.Popen(command)
            try:
                deadline = time.monotonic() + 90.0
                while _counts(tmp_path) <= before:
                    assert time.monotonic() < deadline
                    found = taken(process, found + 50)  # or its pipe fills up and it writes no more
                found = taken(process, found + choose.randrange(1, 2000))
            finally:
                counting.kill()
                counting.wait()
            before = counted(tmp_path)
        end(process, found)
    count_all(tmp_path)
    accepted, persisted, dropped = totals(tmp_path)
    assert accepted == persisted + dropped
    assert counted(tmp_path) == persisted
    side = Side(tmp_path / "side")
    page = Outbox(side).page(0, 10**6)
    side.close()
    assert sum(one.rows for one in page.increments) == persisted
    names = {(one.source, one.sequence, one.version, one.model, one.grain, one.period) for one in page.increments}
    assert len(names) == len(page.increments)


def _counts(spool: Path) -> int:
    return counted(spool) if (spool / "side" / "counts.db").exists() else 0


def test_a_file_size_limit_drops_rows_and_counts_each_of_them(tmp_path: Path) -> None:
    with writer(tmp_path, limit=40_000, capacity=30_000) as process:
        found = taken(process, 20_000)
        end(process, found)
    count_all(tmp_path)
    accepted, persisted, dropped = totals(tmp_path)
    assert accepted == persisted + dropped >= found
    assert counted(tmp_path) == persisted


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="mounts a small file system")
def test_a_full_disk_drops_rows_counts_them_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(spool)], check=False).returncode:
        pytest.skip("may not mount here")
    try:
        one = SpoolRecorder(
            spool, name="delays", baseline=baseline(), signature=SIGNATURE, capacity=200_000, rotate=0.0
        )
        filler = spool / "filler"
        one.record(rows(1), answers(1), request_id="r", ids=None, times=None, version=1, arrived=NOON)
        assert one.flush()
        _fill(filler)
        for number in range(3000):
            one.record(rows(3), answers(3), request_id=str(number), ids=None, times=None, version=1, arrived=NOON)
        assert not one.flush()
        full = one.metrics()
        assert full["rows_dropped_total"] > 0
        assert full["recorder_failures_total"] > 0
        filler.unlink()
        assert one.flush()
        one.record(rows(2), answers(2), request_id="r", ids=None, times=None, version=1, arrived=NOON)
        one.close()
        count_all(spool)
        accepted, persisted, dropped = totals(spool)
        assert accepted == persisted + dropped == 9003
        assert counted(spool) == persisted
    finally:
        subprocess.run(["umount", "-l", str(spool)], check=True)


def test_a_service_counts_for_itself_in_one_process_that_ends_with_its_workers(tmp_path: Path) -> None:
    with writer(tmp_path, counter="self") as first, writer(tmp_path, counter="self") as second:
        found = [taken(first, 100), taken(second, 100)]
        wait_for(lambda: _counts(tmp_path) > 0)
        found = [taken(first, found[0] + 500), taken(second, found[1] + 500)]
        wait_for(lambda: len(_counting(tmp_path)) == 1)  # of two that were started at once one has ended
        (killed,) = _counting(tmp_path)
        os.kill(killed, signal.SIGKILL)
        wait_for(lambda: any(pid != killed for pid in _counting(tmp_path)))
        for process, had in zip((first, second), found, strict=True):
            end(process, had)
    wait_for(lambda: not _counting(tmp_path))
    accepted, persisted, dropped = totals(tmp_path)
    assert accepted == persisted + dropped
    assert counted(tmp_path) == persisted
    assert segments.pending(tmp_path) == []


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def _counting(spool: Path) -> list[int]:
    """Pids of the processes that count a spool."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if f"nb2prod.runtime.selfcount\0{spool}\0" in path.read_bytes().decode(errors="replace"):
                found.append(int(path.parent.name))
    return found
