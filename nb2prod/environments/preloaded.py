"""The subprocess of a fork server: imports libraries once, then forks a process for each job. Standard library alone.

Run as ``python -I preloaded.py FD LIBRARIES`` by `environments.forkserver`. A job comes over the socket FD as one JSON document
with four descriptors: stdin, stdout, stderr and a pipe on which the process's pid and, at its end, its status are written.
"""

import array
import contextlib
import importlib
import json
import os
import pathlib
import select
import signal
import socket
import sys
import types

JOB = 1 << 20
DESCRIPTORS = 4


def main() -> None:
    """Preload, say whether forking is safe, fork until the other side is gone."""
    control = socket.socket(fileno=int(sys.argv[1]))
    for library in json.loads(sys.argv[2]):
        with contextlib.suppress(Exception):  # a library that cannot be imported is the job's to tell
            importlib.import_module(library)
    threads = list(pathlib.Path("/proc/self/task").iterdir())
    control.send(b"ready" if len(threads) == 1 else b"threads")
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    running: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([control.fileno(), woken], [], [])
        if woken in ready:
            os.read(woken, 512)
            _reap(running)
        if control.fileno() in ready and not _fork(control, (woken, wake), running):
            break
    for pid in running:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    os._exit(0)  # taking down what was imported would take longer than the fork did


def _fork(control: socket.socket, own: tuple[int, int], running: dict[int, int]) -> bool:
    """Fork for the next job; False where there is none and never will be."""
    job, descriptors = _receive(control)
    if not job:
        return False
    stdin, stdout, stderr, status = descriptors
    pid = os.fork()
    if pid == 0:
        for fd in (control.detach(), *own, *running.values()):
            os.close(fd)
        _become(job, (stdin, stdout, stderr), status)
    os.write(status, f"{pid}\n".encode())
    for fd in (stdin, stdout, stderr):
        os.close(fd)
    running[pid] = status
    return True


def _receive(control: socket.socket) -> tuple[dict[str, object], list[int]]:
    descriptors = array.array("i")
    document, ancillary, _, _ = control.recvmsg(JOB, socket.CMSG_SPACE(DESCRIPTORS * descriptors.itemsize))
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    return (json.loads(document) if document else {}), list(descriptors)


def _reap(running: dict[int, int]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        pipe = running.pop(pid)
        with contextlib.suppress(BrokenPipeError):
            os.write(pipe, f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os.close(pipe)


def _become(job: dict[str, object], stdio: tuple[int, int, int], status: int) -> None:
    """The forked process: a session, descriptors, folder, environment and `__main__` of its own; never returns."""
    code = 1
    try:
        os.close(status)
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for fd, to in zip(stdio, (0, 1, 2), strict=True):
            os.dup2(fd, to)
            os.close(fd)
        os.chdir(str(job["cwd"]))
        os.environ.clear()
        os.environ.update(job["environment"])  # type: ignore[call-overload]
        _reseed()
        code = _run(str(job["code"]))
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _run(code: str) -> int:
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    sys.argv = ["-c"]
    try:
        exec(compile(code, "<string>", "exec"), main.__dict__)
    except SystemExit as end:
        if isinstance(end.code, int) or end.code is None:
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    return 0


def _reseed() -> None:
    """numpy's global generator, which two forks would share; the standard library's looks after itself."""
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()


if __name__ == "__main__":
    main()
