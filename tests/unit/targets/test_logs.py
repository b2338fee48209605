from __future__ import annotations

import itertools
from pathlib import Path

from nb2prod.targets.local import logs


def test_the_last_lines_go_on_in_the_file_rotated_before(tmp_path: Path) -> None:
    (tmp_path / "worker-1.log.1").write_text("a\nb\nc\n")
    (tmp_path / "worker-1.log").write_text("d\n")
    assert logs.last_lines(tmp_path / "worker-1.log", 3) == ["b", "c", "d"]


def test_long_logs_are_read_from_their_end(tmp_path: Path) -> None:
    path = tmp_path / "worker-1.log"
    path.write_text("".join(f"{number:0200d}\n" for number in range(2000)))
    assert [int(line) for line in logs.last_lines(path, 700)] == list(range(1300, 2000))


def test_a_log_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    assert logs.tail([tmp_path / "worker-1.log"], 5) == []


def test_several_workers_are_told_apart(tmp_path: Path) -> None:
    paths = [tmp_path / "worker-1.log", tmp_path / "worker-2.log"]
    for path in paths:
        path.write_text("ready\n")
    assert logs.tail(paths, 5) == ["worker-1  ready", "worker-2  ready"]


def test_following_goes_on_across_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "worker-1.log"
    path.write_text("one\n")
    lines = logs.follow([path], 5, pause=0.01)
    assert next(lines) == "one"
    with path.open("a") as file:
        file.write("two\nthr")
    assert next(lines) == "two"
    with path.open("a") as file:
        file.write("ee\n")
    assert next(lines) == "three"
    path.rename(tmp_path / "worker-1.log.1")
    path.write_text("four\nfive\n")
    assert list(itertools.islice(lines, 2)) == ["four", "five"]
