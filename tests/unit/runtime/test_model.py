"""A capture loads only whole, answers as its kernel did, and a clean process can replay it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import DBSCAN, KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from nb2prod.errors import Refused
from nb2prod.records.capture import Column, Output, Signature
from nb2prod.runtime import flavors, manifest
from nb2prod.runtime.model import ServedModel, environment_file
from nb2prod.runtime.replayer import Watch
from nb2prod.runtime.rows import rows_from_wire
from nb2prod.runtime.wire import answers_to_wire, rows_to_wire

from . import captures

RNG = np.random.default_rng(0)
X = pd.DataFrame({"a": RNG.normal(size=80), "b": RNG.normal(size=80), "c": RNG.choice(["x", "y", "z"], 80)})
Y = np.where(X["a"] + (X["c"] == "x") > 0.3, "late", "on time")
MATRIX = X[["a", "b"]].to_numpy()
TABLE = Signature(
    columns=(
        Column(name="a", kind="number", dtype="float64"),
        Column(name="b", kind="number", dtype="float64"),
        Column(name="c", kind="text", dtype="str"),
    ),
    output=Output(kind="class", dtype="object", classes=("late", "on time"), probabilities=True),
)


def encoded(last: Any) -> Any:
    turn = ColumnTransformer([("c", OneHotEncoder(handle_unknown="ignore"), ["c"])], remainder=StandardScaler())
    return make_pipeline(turn, last)


@pytest.mark.parametrize(
    "last",
    [LogisticRegression(), HistGradientBoostingClassifier(max_iter=5), RandomForestClassifier(5, random_state=0)],
)
def test_a_pipeline_answers_from_disk_bit_for_bit_as_in_the_kernel(tmp_path: Path, last: Any) -> None:
    pipe = encoded(last)
    pipe.set_params(columntransformer__sparse_threshold=0)
    pipe.fit(X, Y)
    served = ServedModel.load(captures.write(tmp_path, pipe, TABLE))
    answers = served.answer(rows_from_wire(rows_to_wire(X, TABLE), TABLE))
    assert answers.predictions == tuple(pipe.predict(X))
    assert answers.probabilities == tuple(map(tuple, pipe.predict_proba(X)))
    assert served.record.model.format == "skops"


@pytest.mark.parametrize(
    ("model", "probabilities"),
    [
        (KMeans(2, n_init=1, random_state=0), False),
        (IsolationForest(n_estimators=5, random_state=0), False),
        (LinearRegression(), False),
        (RidgeClassifier(), False),
        (SVC(), False),
        (KNeighborsClassifier(), True),
    ],
)
def test_every_kind_of_predictor_is_asked_for_what_it_has(tmp_path: Path, model: Any, probabilities: bool) -> None:
    model.fit(MATRIX, (Y == "late").astype(int))
    flavor = flavors.of(model)
    predictions, scores = flavor.answer(model, MATRIX)
    np.testing.assert_array_equal(predictions, model.predict(MATRIX))
    assert (scores is not None) == probabilities
    record = flavors.save(model, tmp_path)
    np.testing.assert_array_equal(flavors.load(tmp_path, record).predict(MATRIX), predictions)


def test_a_regression_of_several_outputs_answers_objects(tmp_path: Path) -> None:
    model = LinearRegression().fit(MATRIX, MATRIX * 2)
    made = Signature(columns=TABLE.columns[:2], output=Output(kind="number", names=("p", "q")), rows="array")
    served = ServedModel.load(captures.write(tmp_path, model, made))
    (answer,) = served.answer(served.reader.rows([[1.0, 2.0]])).predictions
    assert answer == pytest.approx({"p": 2.0, "q": 4.0})


@pytest.mark.parametrize("thing", [X, MATRIX, StandardScaler(), DBSCAN(), LogisticRegression, 5, "model"])
def test_what_cannot_be_asked_is_refused(thing: Any) -> None:
    with pytest.raises(Refused) as refusal:
        flavors.of(thing)
    assert refusal.value.code == "not-a-model"


def test_fitted_and_classes_are_told() -> None:
    model = LogisticRegression()
    flavor = flavors.of(model)
    assert not flavor.fitted(model)
    model.fit(MATRIX, Y)
    assert flavor.fitted(model)
    assert flavor.classes(model) == ("late", "on time")


def test_a_type_that_is_not_reviewed_goes_by_cloudpickle(tmp_path: Path) -> None:
    model = make_pipeline(FunctionTransformer(lambda rows: rows * 2), LinearRegression()).fit(MATRIX, MATRIX[:, 0])
    record = flavors.save(model, tmp_path)
    assert record.format == "cloudpickle"
    assert record.detail["skops"]
    np.testing.assert_array_equal(flavors.load(tmp_path, record).predict(MATRIX), model.predict(MATRIX))


def test_an_object_that_holds_an_open_file_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as file, pytest.raises(Refused) as refusal:
        flavors.save(lambda frame: file.write("x"), tmp_path / "model")
    assert refusal.value.code == "not-picklable"


def double(frame: pd.DataFrame) -> pd.Series:
    return frame["age"] * 2


def test_a_changed_missing_or_added_file_is_refused_before_anything_loads(tmp_path: Path) -> None:
    folder = captures.write(tmp_path, double, code={"ageutils.py": "YES = 1\n"})
    manifest.check(folder)
    (folder / "code" / "more.py").write_text("")
    with pytest.raises(Refused, match="was not there"):
        ServedModel.load(folder)
    (folder / "code" / "more.py").unlink()
    (folder / "code" / "ageutils.py").write_text("YES = 2\n")
    with pytest.raises(Refused, match="is not the file"):
        ServedModel.load(folder)
    (folder / "code" / "ageutils.py").unlink()
    with pytest.raises(Refused, match="is missing"):
        ServedModel.load(folder)


def test_planted_bytecode_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "path_hooks", list(sys.path_hooks))
    folder = captures.write(tmp_path, double, code={"plainmodule.py": "ANSWER = 'source'\n"})
    source = folder / "code" / "plainmodule.py"
    import os
    import py_compile

    twin = tmp_path / "twin.py"
    twin.write_text("ANSWER = 'planted'\n")
    os.utime(twin, (source.stat().st_atime, source.stat().st_mtime))
    cache = folder / "code" / "__pycache__" / f"plainmodule.{sys.implementation.cache_tag}.pyc"
    py_compile.compile(str(twin), cfile=str(cache), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    twin.unlink()
    ServedModel.load(folder)
    import plainmodule  # type: ignore[import-not-found]

    assert plainmodule.ANSWER == "source"


def test_a_declared_variable_must_have_a_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AGES_FACTOR", raising=False)
    folder = captures.write(tmp_path, double, variables=("AGES_FACTOR",))
    with pytest.raises(Refused) as refusal:
        ServedModel.load(folder)
    assert refusal.value.code == "missing-environment"
    monkeypatch.setenv("AGES_FACTOR", "1")
    ServedModel.load(folder, environment={"AGES_FACTOR": "2"})


def test_the_file_of_values_must_be_private(tmp_path: Path) -> None:
    file = tmp_path / "values.json"
    file.write_text('{"KEY": "v"}')
    file.chmod(0o644)
    with pytest.raises(Refused, match="read by others"):
        environment_file(str(file))
    file.chmod(0o600)
    assert environment_file(str(file)) == {"KEY": "v"}


def test_a_function_that_drops_rows_is_refused(tmp_path: Path) -> None:
    served = ServedModel.load(captures.write(tmp_path, lambda frame: frame["age"].dropna().head(1)))
    with pytest.raises(Refused) as refusal:
        served.answer(served.reader.rows([{"age": 1, "city": "a"}] * 2))
    assert refusal.value.code == "wrong-count"


ROWS = [{"age": 1.5, "city": "a"}, {"age": 2.0, "city": "b"}, {"age": -1, "city": "c"}]


def replay(folder: Path, **more: Any) -> dict[str, Any]:
    root = Path(flavors.__file__).parents[3]
    start = (
        f"import sys; sys.path.insert(0, {str(root)!r}); from nb2prod.runtime.replayer import main; sys.exit(main())"
    )
    job = {"capture": str(folder), "rows": ROWS, "single": 2} | more
    done = subprocess.run([sys.executable, "-I", "-c", start], input=json.dumps(job), capture_output=True, text=True)
    assert done.stdout, done.stderr
    return dict(json.loads(done.stdout))


def test_a_clean_process_answers_as_one_batch_and_one_by_one(tmp_path: Path) -> None:
    def predict(frame):  # type: ignore[no-untyped-def]
        print("noise on stdout")
        return frame["age"] * 2

    predict.__module__ = "__main__"
    said = replay(captures.write(tmp_path, predict))
    assert said["batch"] == {"predictions": [3.0, 4.0, -2.0], "probabilities": None}
    assert said["single"]["predictions"] == [3.0, 4.0]
    assert (said["files"], said["modules"], said["hosts"]) == ([], [], [])


def test_a_file_read_outside_is_written_down_and_a_missing_one_named(tmp_path: Path) -> None:
    table = tmp_path / "zones.csv"
    table.write_text("1")

    def predict(frame):  # type: ignore[no-untyped-def]
        return frame["age"] * float(open(table).read())  # noqa: PTH123

    predict.__module__ = "__main__"
    folder = captures.write(tmp_path / "capture", predict)
    assert replay(folder)["files"] == [str(table)]
    table.unlink()
    said = replay(folder)
    assert said["error"]["code"] == "missing-file"
    assert "zones.csv" in said["error"]["why"]


def test_a_model_that_reaches_for_the_network_is_stopped(tmp_path: Path) -> None:
    def predict(frame):  # type: ignore[no-untyped-def]
        import socket

        socket.create_connection(("127.0.0.1", 9), timeout=1)

    predict.__module__ = "__main__"
    said = replay(captures.write(tmp_path, predict))
    assert said["error"]["code"] == "network"
    assert said["hosts"] == ["127.0.0.1"]


def test_answers_to_no_rows_ask_no_model(tmp_path: Path) -> None:
    served = ServedModel.load(captures.write(tmp_path, lambda frame: 1 / 0))
    assert served.answer(served.reader.rows([])).predictions == ()


def test_probabilities_are_left_out_where_the_signature_has_none() -> None:
    made = Signature(columns=TABLE.columns, output=Output(kind="class"))
    assert answers_to_wire(np.array([1]), np.array([[0.2, 0.8]]), made).probabilities is None


def test_loading_leaves_no_half_imported_skops_behind(tmp_path: Path) -> None:
    captures.write(tmp_path, LogisticRegression().fit(MATRIX, Y), TABLE)
    probe = (
        "import sys; from pathlib import Path; from nb2prod.runtime import flavors\n"
        f"model = flavors.load(Path({str(tmp_path / 'model')!r}))\n"
        "assert 'sklearn.gaussian_process' not in sys.modules\n"
        "from skops.io._trusted_types import SKLEARN_ESTIMATOR_TYPE_NAMES as names\n"
        "print(type(model).__name__, len(names) > 100)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["LogisticRegression", "True"]


def test_only_scikit_learns_own_estimators_are_trusted_beyond_the_list() -> None:
    from nb2prod.runtime.flavors import skops_files

    assert skops_files.reviewed(["sklearn.svm._classes.SVC"]) == ["sklearn.svm._classes.SVC"]
    for name in ("builtins.eval", "sklearn.utils.all_estimators", "os.system", "sklearn_evil.Model"):
        with pytest.raises(Refused):
            skops_files.reviewed([name])


def test_a_universal_function_in_a_pipeline_is_a_skops_file_too(tmp_path: Path) -> None:
    positive = np.abs(MATRIX) + 1.0
    model = make_pipeline(FunctionTransformer(np.log1p), LinearRegression()).fit(positive, MATRIX[:, 0])
    record = flavors.save(model, tmp_path)
    assert record.format == "skops"
    np.testing.assert_array_equal(flavors.load(tmp_path, record).predict(positive), model.predict(positive))


def test_a_cached_function_of_the_notebook_goes_along_with_an_empty_cache(tmp_path: Path) -> None:
    script = """
import functools, sys
from pathlib import Path
from nb2prod.runtime import flavors
@functools.lru_cache(maxsize=7)
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
def predict(rows): return [fib(row) for row in rows]
predict([20])
flavors.save(predict, Path(sys.argv[1]))
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "model")], check=True)
    loaded = flavors.load(tmp_path / "model")
    fib = loaded.__globals__["fib"]
    assert fib.cache_info() == (0, 0, 7, 0)
    assert loaded([10, 20]) == [55, 6765]


def test_a_link_is_judged_by_what_it_leads_to(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "file").touch()
    (inside / "out").symlink_to(outside / "file")
    (outside / "in").symlink_to(inside / "file")
    (inside / "away").symlink_to(outside)
    watch = Watch([inside], network=False, hosts=())
    told = {
        name: watch.outside(str(tmp_path / name)) for name in ("inside/file", "outside/in", "outside/../inside/file")
    }
    assert not any(told.values()), told
    told = {name: watch.outside(str(tmp_path / name)) for name in ("outside/file", "inside/out", "inside/away/file")}
    assert all(told.values()), told
