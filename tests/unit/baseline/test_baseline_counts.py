"""Counts of a frame: what falls where, and that any split of the rows counts the same."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nb2prod.baseline import Baseline, add_counts, dense, sparse
from nb2prod.baseline.feature import BODY, INFINITE, NULL, TYPE
from nb2prod.errors import Conflict, Failed

CELLS = st.lists(st.integers(0, 9), min_size=3, max_size=3)


def training(rows: int = 3000, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    delay = rng.normal(size=rows)
    delay[rng.random(rows) < 0.1] = 0.0
    return pd.DataFrame(
        {
            "delay": delay,
            "small": rng.gamma(2, size=rows).astype("float32"),
            "seats": pd.array(rng.integers(0, 5, rows), dtype="Int64"),
            "gap": np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows)),
            "carrier": rng.choice(["UA", "AA", "DL", "ZZ"], rows, p=[0.5, 0.3, 0.195, 0.005]),
            "late": rng.random(rows) < 0.3,
            "when": pd.Timestamp("2013-01-01") + pd.to_timedelta(rng.integers(0, 90 * 24, rows), unit="h"),
            "note": [f"gate {i % 40} change number {i}" for i in range(rows)],
            "zone": pd.Categorical(rng.choice(["east", "west"], rows)),
        }
    )


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return training()


@pytest.fixture(scope="module")
def baseline(frame: pd.DataFrame) -> Baseline:
    rng = np.random.default_rng(3)
    scores = rng.beta(1, 3, 1500)
    return Baseline.from_frame(frame, scores, (rng.random(1500) < scores).astype(int))


def wire(frame: pd.DataFrame) -> dict[str, list[object]]:
    """A frame as JSON brings it."""
    lists = {name: frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in frame.columns}
    lists["when"] = [value.isoformat() for value in frame["when"]]
    lists["small"] = [float(str(value)) for value in frame["small"]]
    return lists


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def test_every_kind_is_told_from_its_values(baseline: Baseline) -> None:
    kinds = {feature.name: feature.kind for feature in baseline.features}
    assert kinds["delay"] == kinds["seats"] == "number"
    assert kinds["carrier"] == kinds["zone"] == "category"
    assert kinds["late"] == "boolean"
    assert kinds["when"] == "datetime"
    assert {"note", "note#oov", "note#terms", "@multivariate", "@score", "@margin", "@entropy"} <= kinds.keys()
    assert baseline.names == tuple(training(10).columns)
    assert baseline.score_names == ("@score", "@margin", "@entropy")


def test_training_rows_fall_where_training_counted_them(baseline: Baseline, frame: pd.DataFrame) -> None:
    counts = baseline.count(frame)
    for feature in baseline.features:
        if feature.role == "feature" and feature.part != "oov":
            np.testing.assert_array_equal(counts[feature.name], feature.counts, err_msg=feature.name)
            assert counts[feature.name].sum() == len(frame)


def test_json_rows_count_as_the_frame_does(baseline: Baseline, frame: pd.DataFrame) -> None:
    same(baseline.count(wire(frame)), baseline.count(frame))


def test_blocks_are_about_equal_and_an_atom_stands_alone(baseline: Baseline) -> None:
    delay = baseline.feature("delay")
    assert 60 <= len(delay.edges) <= 75
    at_zero = BODY + delay.edges.searchsorted(0.0, side="right")
    assert 250 < delay.counts[at_zero] < 350
    assert delay.counts[BODY] == delay.counts[-1] == 0
    assert delay.counts.sum() == 3000


def test_a_float32_atom_is_met_by_the_double_that_json_brings() -> None:
    frame = {"price": np.full(500, 0.1, dtype="float32")}
    baseline = Baseline.from_frame(frame)
    np.testing.assert_array_equal(baseline.count({"price": [0.1] * 500})["price"], baseline.feature("price").counts)


@pytest.mark.parametrize(
    ("column", "values", "bucket"),
    [
        ("delay", [None, float("nan"), pd.NA], NULL),
        ("delay", [float("inf"), -float("inf"), 10**400], INFINITE),
        ("delay", ["1.0", [1], {}, "x"], TYPE),
        ("delay", [-1e6, -1e300], BODY),
        ("delay", [1e6, 99], -1),
        ("carrier", [None, float("nan")], NULL),
        ("carrier", [1, 2.5, ["UA"]], TYPE),
        ("carrier", ["XX", ""], -1),
        ("carrier", ["ZZ"], -2),
        ("late", ["yes", 7], TYPE),
        ("when", ["tomorrow", True], TYPE),
        ("when", ["1970-01-01T00:00:00"], BODY),
        ("note", [None], NULL),
        ("note", [5, True], TYPE),
    ],
)
def test_odd_values_have_a_bucket(baseline: Baseline, column: str, values: list[object], bucket: int) -> None:
    assert baseline.count({column: values})[column][bucket] == len(values)


def test_a_missing_column_is_null_in_every_row_and_an_extra_one_is_left_out(baseline: Baseline) -> None:
    counts = baseline.count({"delay": [1.0, 2.0], "surprise": [1, 2]})
    assert counts["gap"][NULL] == 2
    assert counts["carrier"][NULL] == 2
    assert "surprise" not in counts
    assert baseline.count({}, n=4)["delay"][NULL] == 4


def test_no_rows_count_nothing(baseline: Baseline, frame: pd.DataFrame) -> None:
    for empty in (frame.iloc[:0], {}, {name: [] for name in frame.columns}):
        assert all(array.sum() == 0 for array in baseline.count(empty).values())


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(0, 400), max_size=6), seed=st.integers(0, 5))
def test_any_split_of_the_rows_counts_as_the_single_pass(baseline: Baseline, cuts: list[int], seed: int) -> None:
    frame = training(400, seed + 10)
    scores = np.random.default_rng(seed).beta(1, 3, 400)
    whole = baseline.count(frame, scores=scores)
    places = [0, *sorted(cuts), 400]
    pieces = [baseline.count(frame.iloc[a:b], scores=scores[a:b]) for a, b in itertools.pairwise(places)]
    total: dict[str, np.ndarray] = {}
    for piece in np.random.default_rng(seed).permutation(np.array(pieces, dtype=object)):
        total = Baseline.merge(total, piece)
    same(total, whole)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from("abc"), st.lists(st.integers(0, 9), min_size=3, max_size=3)),
        min_size=3,
        max_size=3,
    )
)
def test_adding_counts_is_associative_and_commutative(three: list[dict[str, list[int]]]) -> None:
    a, b, c = ({name: np.array(cells) for name, cells in counts.items()} for counts in three)
    same(add_counts(add_counts(a, b), c), add_counts(a, add_counts(b, c)))
    same(add_counts(a, b), add_counts(b, a))


def test_sparse_and_dense_are_each_others_reverse(baseline: Baseline, frame: pd.DataFrame) -> None:
    counts = baseline.count(frame.head(20), scores=np.full(20, 0.3)) | baseline.count_labels([0.2, 0.7], [0, 1])
    same(dense(sparse(counts), baseline), counts)
    assert dense({"stranger": [(0, 1)], "delay": [(9999, 1)]}, baseline)["delay"].sum() == 0


def test_a_saved_baseline_loads_equal(baseline: Baseline, frame: pd.DataFrame, tmp_path) -> None:
    baseline.save(tmp_path / "b")
    loaded = Baseline.load(tmp_path / "b")
    assert loaded.digest == baseline.digest
    assert loaded.scores_digest == baseline.scores_digest
    assert loaded.rows == baseline.rows
    assert loaded.target is not None
    assert loaded.target.classes == ("0", "1")
    scores = np.linspace(0, 1, len(frame))
    same(loaded.count(frame, scores=scores), baseline.count(frame, scores=scores))
    assert loaded.calibration is not None
    assert baseline.calibration is not None
    np.testing.assert_array_equal(loaded.calibration(scores), baseline.calibration(scores))
    loaded.save(tmp_path / "c")
    for name in ("baseline.json", "baseline.npz"):
        assert (tmp_path / "b" / name).read_bytes() == (tmp_path / "c" / name).read_bytes()


def test_the_digest_tells_data_apart_and_leaves_scores_out(frame: pd.DataFrame, baseline: Baseline) -> None:
    assert Baseline.from_frame(frame).digest == baseline.digest
    assert Baseline.from_frame(frame.iloc[1:]).digest != baseline.digest
    assert Baseline.from_frame(frame).scores_digest == ""


def test_a_newer_or_broken_file_is_refused(baseline: Baseline, tmp_path) -> None:
    baseline.save(tmp_path)
    document = tmp_path / "baseline.json"
    document.write_text(document.read_text().replace('"schema": 1', '"schema": 2'))
    with pytest.raises(Conflict):
        Baseline.load(tmp_path)
    document.write_text("{")
    with pytest.raises(Failed):
        Baseline.load(tmp_path)


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_tiny_and_constant_frames_work(rows: int, tmp_path) -> None:
    baseline = Baseline.from_frame(
        {"a": np.ones(rows), "b": ["x"] * rows, "c": [None] * rows}, np.full(rows, 0.5), np.ones(rows)
    )
    baseline.save(tmp_path)
    counts = Baseline.load(tmp_path).count({"a": [1.0, 2.0], "b": ["x", "y"], "c": [None, 1]}, scores=[0.5, 0.7])
    assert counts["a"].sum() == 2


def test_arrays_and_texts_have_columns_of_their_own() -> None:
    assert Baseline.from_frame(np.zeros((5, 2))).names == ("x0", "x1")
    texts = Baseline.from_frame([f"a quite long text of words {i}" for i in range(50)])
    assert texts.names == ("text",)
    assert texts.feature("text#oov").counts.sum() > 0


def test_five_hundred_columns_work() -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 500)))
    counts = Baseline.from_frame(frame).count(frame.iloc[:1])
    assert counts["499"].sum() == 1


def test_it_imports_numpy_alone() -> None:
    code = "import sys, nb2prod.baseline; print(sorted({'pandas','scipy','sklearn','mlflow'} & set(sys.modules)))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
