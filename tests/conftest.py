"""The sockets of the tests' homes lie in a short folder of this run, gone with it; each test process has ports of its own."""

import os
import shutil
import signal
import tempfile

import pytest

_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
if not _WORKER:  # the processes that it starts inherit it
    os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="nb-", dir="/tmp")

# a deployment that is stopped for a moment must find its port free, whatever the tests beside it deploy
# a shell's background job ignores Ctrl-C and hands that on; what is interrupted here must not
signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ["NB2PROD_FIRST_PORT"] = str(3080 + 200 * int(_WORKER.removeprefix("gw") or 0))


def pytest_unconfigure(config: pytest.Config) -> None:
    if not _WORKER:
        shutil.rmtree(os.environ["XDG_RUNTIME_DIR"], ignore_errors=True)
