"""A model of a running kernel is captured, and a clean environment gives the kernel's own answers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nb2prod import environments
from nb2prod.capturing import replay
from nb2prod.capturing.capture import capture, identical
from nb2prod.capturing.execution import Notebook
from nb2prod.errors import Refused
from nb2prod.home import Home
from nb2prod.records.capture import Capture
from nb2prod.runtime import manifest


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(root=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    made = pd.DataFrame({"a": rng.normal(size=400), "b": rng.normal(size=400), "n": rng.integers(0, 9, 400)})
    made.loc[:5, "b"] = np.nan
    return made


@pytest.fixture(scope="module")
def captured(home: Home, frame: pd.DataFrame) -> Capture:
    labels = (frame["a"] + frame["n"] / 5 > 1).astype(int)
    model = HistGradientBoostingClassifier(max_iter=20, random_state=0).fit(frame, labels)
    notebook = Notebook(
        namespace={"model": model, "X": frame, "y": labels}, executed=((1, "model = make().fit(X, y)"),)
    )
    return capture("model", home=home, notebook=notebook, name="first")


def write(folder: Path, *sources: str) -> Path:
    cells = [nbformat.v4.new_code_cell(textwrap.dedent(source).strip()) for source in sources]
    path = folder / "notebook.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def ran(path: Path) -> Notebook:
    """The notebook's cells run one after the other in an IPython shell of its folder."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    for cell in nbformat.read(path, as_version=4).cells:
        shell.run_cell(cell.source, store_history=True).raise_error()
    shell.user_ns["__vsc_ipynb_file__"] = str(path)
    return Notebook.from_ipython(shell)


def replayed(made: Capture, home: Home, **options: Any) -> replay.Replayed:
    built = environments.build_for(made, home=home)
    assert made.live is not None
    return replay.replay(made, built.python, made.live, home=home, **options)


def test_a_capture_is_a_whole_folder(captured: Capture) -> None:
    assert manifest.check(captured.folder) == captured.manifest
    assert captured.folder.name == captured.digest[:12]
    assert captured.record.signature.names == ("a", "b", "n")
    assert [column.nullable for column in captured.record.signature.columns] == [False, True, False]
    assert captured.record.lineage.data[0].name == "X"
    assert captured.golden is not None
    assert captured.golden.kind == "synthetic"
    assert captured.live is not None
    assert len(captured.live.rows) >= 100


def test_a_clean_environment_gives_the_kernels_answers(captured: Capture, home: Home) -> None:
    outcome = replayed(captured, home)
    assert outcome.replay.equal
    assert outcome.replay.held == "bit-for-bit"
    assert outcome.outside == ()


def test_the_same_capture_again_is_the_one_that_is_there(captured: Capture, home: Home, frame: pd.DataFrame) -> None:
    labels = (frame["a"] + frame["n"] / 5 > 1).astype(int)
    model = HistGradientBoostingClassifier(max_iter=20, random_state=0).fit(frame, labels)
    again = capture(model, home=home, name="first", data=frame, labels=labels)
    assert identical(again, captured)


def test_another_model_is_not_identical(captured: Capture, home: Home, frame: pd.DataFrame) -> None:
    labels = (frame["a"] + frame["n"] / 5 > 1).astype(int)
    model = HistGradientBoostingClassifier(max_iter=25, random_state=0).fit(frame, labels)
    other = capture(model, home=home, name="first", data=frame, labels=labels)
    assert not identical(other, captured)


def test_a_function_of_the_notebook_travels_with_its_globals(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "prices.py").write_text("FACTOR = 2.0\n")
    path = write(
        tmp_path,
        """
        import numpy as np, pandas as pd
        from sklearn.linear_model import LogisticRegression
        import prices
        rng = np.random.default_rng(0)
        df = pd.DataFrame({"a": rng.normal(size=300), "c": rng.choice(["x", "y"], 300)})
        """,
        """
        THRESHOLD = 0.5
        inner = LogisticRegression().fit(df[["a"]], df["a"] > 0)
        def clean(frame):
            return frame[["a"]].fillna(0) * prices.FACTOR
        def predict(frame):
            return (inner.predict_proba(clean(frame))[:, 1] > THRESHOLD).astype(int)
        """,
        "predict(df.head())",
    )
    made = capture("predict", home=home, notebook=ran(path), name="fromcells")
    assert made.name == "fromcells"
    assert [module.name for module in made.record.environment.local] == ["prices"]
    assert made.record.lineage.notebook == str(path)
    assert made.record.lineage.stale_check == "full"
    assert replayed(made, home).replay.held == "bit-for-bit"


def test_the_replay_does_not_see_the_notebooks_folder(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "factor.txt").write_text("2")
    path = write(
        tmp_path,
        """
        import pandas as pd
        df = pd.DataFrame({"a": [1.0, 2.0, 3.0] * 50})
        # nb2prod: accept file-read: the replay is to find out
        name = "factor" + ".txt"
        def predict(frame):
            with open(name) as file:
                return frame["a"] * float(file.read())
        predict(df)
        """,
    )
    made = capture("predict", home=home, notebook=ran(path))
    with pytest.raises(Refused) as caught:
        replayed(made, home)
    assert caught.value.code == "missing-file"
    assert caught.value.fix


def test_a_capture_that_is_killed_half_way_leaves_nothing_to_trip_on(home: Home, frame: pd.DataFrame) -> None:
    script = """
    import os, signal, numpy as np, pandas as pd
    from sklearn.linear_model import LogisticRegression
    from nb2prod import environments
    from nb2prod.capturing.capture import capture
    from nb2prod.home import Home
    X = pd.DataFrame({"a": np.arange(50.0)})
    model = LogisticRegression().fit(X, X["a"] > 20)
    environments.lock = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)
    capture(model, home=Home(os.environ["HOME_OF_TEST"]), name="killed", data=X)
    """
    before = set(home.captures.iterdir())
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=os.environ | {"HOME_OF_TEST": str(home.root)},
        check=False,
        capture_output=True,
    )
    assert done.returncode == -signal.SIGKILL
    (left,) = set(home.captures.iterdir()) - before
    assert left.name.startswith(".making-")
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame[["a"]], frame["a"] > 0)
    made = capture(model, home=home, name="killed", data=frame[["a"]])
    assert made.folder.is_dir()
    assert not left.exists()


def test_only_declared_variables_reach_the_replay(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACTOR_OF_TEST", "3")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    path = write(
        tmp_path,
        """
        import os, pandas as pd
        df = pd.DataFrame({"a": [1.0, 2.0, 3.0] * 50})
        def predict(frame):
            return frame["a"] * float(os.environ["FACTOR_OF_TEST"])
        predict(df)
        """,
    )
    made = capture("predict", home=home, notebook=ran(path), env=["FACTOR_OF_TEST"])
    assert made.record.environment.variables == ("FACTOR_OF_TEST",)
    assert replayed(made, home, variables={"FACTOR_OF_TEST": "3"}).replay.equal
    assert not replayed(made, home, variables={"FACTOR_OF_TEST": "4"}).replay.equal
    assert "FACTOR_OF_TEST" not in json.dumps([str(made.record.signature), made.manifest.digest])


def test_what_cannot_be_left_behind_is_among_the_findings(home: Home, frame: pd.DataFrame) -> None:
    import statsmodels.formula.api as smf

    fitted = smf.ols("a ~ center(n)", frame).fit()
    notebook = Notebook(namespace={"fitted": fitted, "X": frame}, executed=((1, "fitted = smf.ols(…).fit()"),))
    made = capture("fitted", home=home, notebook=notebook, data="X", name="stateful")
    (along,) = [finding for finding in made.record.findings if finding.code == "training-rows"]
    assert along.title == "Training rows of `fitted` go along"
