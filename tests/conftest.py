"""The sockets of the tests' homes lie in a short folder of this run, gone with it; each test process has ports of its own."""

import atexit
import os
import shutil
import tempfile

os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="nb-", dir="/tmp")
atexit.register(shutil.rmtree, os.environ["XDG_RUNTIME_DIR"], ignore_errors=True)

# a deployment that is stopped for a moment must find its port free, whatever the tests beside it deploy
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
os.environ["NB2PROD_FIRST_PORT"] = str(3080 + 200 * int(_WORKER))
