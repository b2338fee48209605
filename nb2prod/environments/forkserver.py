"""A fork server in a clean environment: what several processes would import each is imported once, as multiprocessing's does.

Importing scikit-learn takes two to three seconds of CPU, so a proof that starts a process for each replay pays it each time.
Each job still gets a process of its own, forked before anything of the model was loaded.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

PROGRAM = Path(__file__).with_name("preloaded.py")
START_TIMEOUT = 120.0


class Forked:
    """A process of the fork server; as `subprocess.Popen` where it is used as one.

    Parameters
    ----------
    status
        The read end of the pipe on which the server writes pid and exit status.
    """

    def __init__(self, status: int) -> None:
        self._status = status
        self._said = b""
        self.returncode: int | None = None
        self.pid = int(self._line(START_TIMEOUT) or 0)
        if not self.pid:
            os.close(status)
            raise OSError("the fork server has ended")

    def poll(self) -> int | None:
        """The exit status, or None while it runs; negative for the signal that ended it."""
        with contextlib.suppress(TimeoutError):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end.

        Raises
        ------
        TimeoutError
            It still runs.
        """
        if self.returncode is None:
            line = self._line(timeout)
            self.returncode = int(line) if line else -signal.SIGKILL
            os.close(self._status)
        return self.returncode

    def kill(self) -> None:
        """End it and what it started."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def _line(self, timeout: float | None) -> bytes:
        """The next line of the pipe; empty where the server itself has ended."""
        until = None if timeout is None else time.monotonic() + timeout
        while b"\n" not in self._said:
            left = None if until is None else max(until - time.monotonic(), 0.0)
            if not select.select([self._status], [], [], left)[0]:
                raise TimeoutError
            more = os.read(self._status, 64)
            if not more:
                return b""
            self._said += more
        line, _, self._said = self._said.partition(b"\n")
        return line


class ForkServer:
    """Imports libraries in a clean environment and forks processes that have them.

    Parameters
    ----------
    python
        The interpreter of the environment; it runs isolated (``-I``).
    libraries
        Modules to import before the first fork. What cannot be imported is left to the job to tell.
    environment
        The server's own variables, which the libraries see as they are imported.
    front
        A command to put in front, such as ``("unshare", "--net")``; it holds for all that is forked.

    Examples
    --------
    >>> with ForkServer(Path(sys.executable), ["json"]) as server:
    ...     server.ready()
    True
    """

    def __init__(
        self,
        python: Path,
        libraries: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        front: Sequence[str] = (),
    ) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        self._safe: bool | None = None
        with theirs:
            os.set_inheritable(theirs.fileno(), True)
            command = [*front, str(python), "-I", str(PROGRAM), str(theirs.fileno()), json.dumps(list(libraries))]
            self._process = subprocess.Popen(
                command,
                env=dict(environment or {}),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def __enter__(self) -> ForkServer:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def ready(self) -> bool:
        """Wait until the libraries are there; whether it may fork: not where one of them has started a thread."""
        with self._lock:
            if self._safe is None:
                self._control.settimeout(START_TIMEOUT)
                with contextlib.suppress(OSError):
                    self._safe = self._control.recv(16) == b"ready"
            return bool(self._safe)

    def fork(
        self, code: str, *, cwd: Path, environment: Mapping[str, str], stdin: int, stdout: int, stderr: int
    ) -> Forked:
        """Run `code` as ``python -I -c code`` would, with the libraries there already.

        Raises
        ------
        OSError
            The server has ended, or may not fork.
        """
        if not self.ready():
            raise OSError("the fork server is not ready")
        ours, theirs = os.pipe()
        job = json.dumps({"code": code, "cwd": str(cwd), "environment": dict(environment)}).encode()
        descriptors = array.array("i", [stdin, stdout, stderr, theirs])
        try:
            with self._lock:
                self._control.sendmsg([job], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)])
        except OSError:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        return Forked(ours)

    def run(
        self, code: str, *, cwd: Path, environment: Mapping[str, str], given: bytes, timeout: float
    ) -> subprocess.CompletedProcess[bytes]:
        """As `subprocess.run` with captured output; what goes in and out stays in memory.

        Raises
        ------
        subprocess.TimeoutExpired
            It took longer, and was ended.
        OSError
            The server has ended, or may not fork.
        """
        with contextlib.ExitStack() as stack:
            stdin, stdout, stderr = (stack.enter_context(_memory()) for _ in range(3))
            stdin.write(given)
            stdin.seek(0)
            numbers = {"stdin": stdin.fileno(), "stdout": stdout.fileno(), "stderr": stderr.fileno()}
            process = self.fork(code, cwd=cwd, environment=environment, **numbers)
            try:
                status = process.wait(timeout)
            except TimeoutError as error:
                raise subprocess.TimeoutExpired(code, timeout) from error
            finally:
                process.kill()
                process.wait()
            stdout.seek(0)
            stderr.seek(0)
            return subprocess.CompletedProcess(code, status, stdout.read(), stderr.read())

    def close(self) -> None:
        """End the server and what it forked."""
        self._control.close()
        if self._safe is None:  # it may still be importing, and would notice only then
            self._process.kill()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _memory() -> BinaryIO:
    return os.fdopen(os.memfd_create("nb2prod"), "w+b", buffering=0)


def possible() -> bool:
    """Whether this system has what a fork server needs; on macOS a library may not be used after a fork."""
    return sys.platform == "linux"
