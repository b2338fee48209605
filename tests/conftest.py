"""The sockets of the tests' homes lie in a short folder of this run, gone with it."""

import atexit
import os
import shutil
import tempfile

os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="nb-", dir="/tmp")
atexit.register(shutil.rmtree, os.environ["XDG_RUNTIME_DIR"], ignore_errors=True)
