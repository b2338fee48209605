"""nb2prod as its users have it: installed from a wheel, not a checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from nb2prod.environments.uv import executable

ROOT = Path(__file__).parents[2]
SCRIPT = """
import json
import numpy as np, pandas as pd
from sklearn.ensemble import RandomForestClassifier
import nb2prod
X = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 3)), columns=["a", "b", "c"])
y = (X["a"] > 0).astype(int)
made = nb2prod.capture(RandomForestClassifier(n_estimators=3).fit(X, y), name="wheel", data=X, labels=y, holdout=(X, y))
lock = (made.folder / "requirements.txt").read_text()
names = [line.partition("==")[0] for line in lock.splitlines() if "==" in line and not line.startswith((" ", "#"))]
print(json.dumps({"file": nb2prod.__file__, "locked": names}))
"""


def test_a_lock_holds_nothing_of_what_nb2prod_is_made_with(tmp_path: Path) -> None:
    uv = executable()
    subprocess.run([uv, "build", "-q", "--wheel", str(ROOT), "-o", str(tmp_path / "dist")], check=True)
    subprocess.run([uv, "venv", "-q", "-p", sys.executable, str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    subprocess.run([uv, "pip", "install", "-q", "--no-deps", "-p", str(python), str(wheel)], check=True)
    (site,) = (tmp_path / "venv" / "lib").glob("*/site-packages")
    (site / "theirs.pth").write_text(sysconfig.get_path("purelib") + "\n")  # the dependencies, as they lie here
    environ = {**os.environ, "NB2PROD_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [str(python), "-c", SCRIPT], cwd=tmp_path, env=environ, capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout.splitlines()[-1])
    assert Path(told["file"]).is_relative_to(site)
    assert {"scikit-learn", "skops", "bentoml"} <= set(told["locked"])
    assert not {"nb2prod", "mlflow", "ipywidgets", "supervisor", "matplotlib"} & set(told["locked"])
