"""What ships drags in nothing of the authoring side."""

from __future__ import annotations

import subprocess
import sys

PROBE = """
import importlib, pkgutil, sys
import nb2prod.runtime
for info in pkgutil.walk_packages(nb2prod.runtime.__path__, "nb2prod.runtime."):
    if info.name != "nb2prod.runtime.service":
        importlib.import_module(info.name)
print(" ".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""
LEFT_BEHIND = {"mlflow", "pandas", "sklearn", "IPython", "jupyter_server", "tornado", "scipy", "sqlalchemy", "pyarrow"}


def test_importing_all_that_ships_loads_no_authoring_package() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    assert not LEFT_BEHIND & set(done.stdout.split())
