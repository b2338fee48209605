"""The SQLite file beside a spool."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

OPEN = """
import sys, time
from pathlib import Path
from nb2prod.runtime.side import Side
print("ready", flush=True)
begin = float(sys.stdin.readline())
for number in range(50):
    while time.time() < begin + number * 0.02:
        pass
    Side(Path(sys.argv[1], str(number))).close()
"""


def test_several_processes_that_open_a_new_one_at_once_all_get_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OPEN, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    started = [subprocess.Popen(command, text=True, **pipes) for _ in range(5)]  # type: ignore[call-overload]
    for process in started:
        assert process.stdout.readline() == "ready\n"
    begin = time.time() + 0.1
    for process in started:
        process.stdin.write(f"{begin}\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[1] for process in started]
    assert [process.returncode for process in started] == [0] * 5, said
