"""A process forked with its libraries already there behaves as one started for the job."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nb2prod.environments import forkserver
from nb2prod.environments.forkserver import ForkServer

pytestmark = pytest.mark.skipif(not forkserver.possible(), reason="no fork server on this system")

ENVIRONMENT = {"ONLY": "this"}
QUIET = {"OPENBLAS_NUM_THREADS": "1"}


def alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with ForkServer(Path(sys.executable), ["numpy", "no_such_library"], environment=QUIET) as started:
        yield started


def run(server: ForkServer, code: str, folder: Path, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return server.run(code, cwd=folder, environment=ENVIRONMENT, given=given, timeout=60)


def test_what_goes_in_and_out_is_the_jobs_own(server: ForkServer, tmp_path: Path) -> None:
    code = "import os, sys; print(sys.stdin.read(), dict(os.environ), os.getcwd(), __name__, sys.argv)"
    done = run(server, code, tmp_path, b"given")
    assert done.stdout.decode().strip() == f"given {ENVIRONMENT} {tmp_path} __main__ ['-c']"
    assert done.returncode == 0


def test_the_libraries_are_there_before_the_job(server: ForkServer, tmp_path: Path) -> None:
    done = run(server, "import sys; print('numpy' in sys.modules, 'pandas' in sys.modules)", tmp_path)
    assert done.stdout == b"True False\n"


def test_one_job_sees_nothing_of_another(server: ForkServer, tmp_path: Path) -> None:
    run(server, "import builtins, numpy; builtins.left = numpy.left = 1; import __main__; __main__.left = 1", tmp_path)
    code = "import builtins, numpy, __main__; print(any(hasattr(m, 'left') for m in (builtins, numpy, __main__)))"
    assert run(server, code, tmp_path).stdout == b"False\n"


def test_two_jobs_draw_different_random_numbers(server: ForkServer, tmp_path: Path) -> None:
    code = "import random, numpy; print(random.random(), numpy.random.rand())"
    first, second = (run(server, code, tmp_path).stdout.split() for _ in range(2))
    assert all(a != b for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize(
    ("code", "status"), [("import sys; sys.exit(3)", 3), ("1/0", 1), ("import os; os.kill(os.getpid(), 9)", -9)]
)
def test_the_status_is_that_of_a_started_process(server: ForkServer, tmp_path: Path, code: str, status: int) -> None:
    done = run(server, code, tmp_path)
    assert done.returncode == status
    assert (b"ZeroDivisionError" in done.stderr) is (status == 1)


def test_a_job_that_takes_too_long_is_ended_with_what_it_started(server: ForkServer, tmp_path: Path) -> None:
    code = "import os, subprocess; print(os.getpid(), flush=True); subprocess.run(['sleep', '1000'])"
    kept = os.memfd_create("kept")
    process = server.fork(code, cwd=tmp_path, environment={}, stdin=kept, stdout=kept, stderr=kept)
    with pytest.raises(TimeoutError):
        process.wait(0.2)
    process.kill()
    assert process.wait(30) == -signal.SIGKILL
    until = time.monotonic() + 30
    while alive(process.pid) and time.monotonic() < until:  # what it started is reaped by the system
        threading.Event().wait(0.05)
    assert not alive(process.pid)
    os.close(kept)


def test_a_server_with_a_second_thread_does_not_fork(tmp_path: Path) -> None:
    with ForkServer(Path(sys.executable), ["pyarrow"], environment=QUIET) as threaded:  # its allocator starts one
        assert not threaded.ready()
        with pytest.raises(OSError, match="not ready"):
            threaded.fork("1", cwd=tmp_path, environment={}, stdin=0, stdout=1, stderr=2)


def test_a_server_that_has_ended_says_so(tmp_path: Path) -> None:
    with ForkServer(Path("/bin/false"), ["json"]) as ended:
        assert not ended.ready()
