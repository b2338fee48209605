"""A notebook run without a front end stops after the cell that marks the model, and warns of nothing on the way."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from nb2prod.errors import Refused, UsageError
from nb2prod.sdk import marking
from nb2prod.sdk.kernel import Kernel
from nb2prod.sdk.marking import MARKING, MIME, named
from nb2prod.sdk.notebooks import _with_said, marked_model

LOAD = "%load_ext nb2prod\nmodel, other = 1, 2"
AFTER = "deployment.predict([1])"


def notebook(folder: Path, *cells: str) -> Path:
    path = folder / "n.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells]), path)
    return path


def run(path: Path, model: str) -> tuple[int, int]:
    with Kernel(path, cell_timeout=60, environment={MARKING: "1"}) as kernel:
        return tuple(kernel.run_cells(model))


def test_what_comes_after_the_cell_that_marks_the_model_does_not_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = notebook(tmp_path, LOAD, "%deploy model --dry-run", "x = 1", "%deploy model --name d", AFTER, "1 / 0")
    assert run(path, "model") == (4, 2)
    assert "encryption" not in capfd.readouterr().err


def test_a_notebook_that_marks_another_model_runs_on_and_says_why_it_fails(tmp_path: Path) -> None:
    path = notebook(tmp_path, LOAD, "%deploy model", AFTER)
    with pytest.raises(Refused) as caught:
        run(path, "other")
    assert "only mark their model" in caught.value.why
    assert caught.value.fix.startswith("%deploy model  ")


@pytest.mark.parametrize("cell", ["%deploy model", "%%deploy --data X\ndef predict(frame):\n    return frame"])
def test_a_line_that_the_notebook_does_not_load_is_told_with_the_line_that_does(tmp_path: Path, cell: str) -> None:
    with pytest.raises(Refused) as caught:
        run(notebook(tmp_path, "model = 1", cell), "model")
    assert caught.value.fix == "%load_ext nb2prod      # as the first line of cell 2"


def test_a_notebook_without_a_mark_runs_to_its_end(tmp_path: Path) -> None:
    assert run(notebook(tmp_path, LOAD, "y = 1"), "model") == (2, 0)


CELL = "%%deploy --data raw --labels y[:2] --env KEY --workers 4 --p99-ms 50\ndef predict(frame):\n    return frame"


def test_the_flags_of_the_line_that_marks_the_model_are_known_to_its_kernel(tmp_path: Path) -> None:
    path = notebook(tmp_path, LOAD, "raw, y = [1], [1, 2, 3]", CELL, "1 / 0")
    heard: list[dict[str, object]] = []
    with Kernel(path, cell_timeout=60, environment={MARKING: "1"}) as kernel:
        assert tuple(kernel.run_cells("predict")) == (3, 1)
        asked = "from nb2prod.sdk import marking, notebooks\n"
        asked += (
            "marking.publish({'verify': notebooks._with_said('verify', 'predict', {'labels': 'z', 'env': ('B',)})})"
        )
        kernel.run(asked, heard=lambda data: heard.append(data[MIME]))
    assert heard == [{"verify": {"data": "raw", "labels": "z", "env": ["B", "KEY"]}}]


def test_flags_of_the_caller_go_before_those_of_the_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(marking._SAID, "predict", lambda: {"data": "raw", "workers": 4})
    assert _with_said("deploy", "predict", {"data": "X"}) == {"data": "X", "workers": 4}
    assert _with_said("verify", "predict", {}) == {"data": "raw"}
    assert _with_said("deploy", "other", {"data": "X"}) == {"data": "X"}


@pytest.mark.parametrize(
    ("cells", "model"),
    [
        ([LOAD, CELL], "predict"),
        ([LOAD, "%deploy make_pipeline(scaler, clf) --name d"], "make_pipeline(scaler, clf)"),
        ([LOAD, "%deploy clf --dry-run", "%deploy?", "%deploy", "x = 1"], "model"),
        ([LOAD, "%deploy one", "%deploy two"], "model"),
    ],
)
def test_without_a_model_the_only_one_that_a_deploy_names_is_meant(
    cells: list[str], model: str, tmp_path: Path
) -> None:
    assert marked_model(notebook(tmp_path, *cells)) == model


def test_a_deploy_in_a_comment_names_nothing() -> None:
    assert named(["# %deploy model", "print('%deploy x')"]) == []


def test_a_file_that_is_no_notebook_is_to_be_looked_into(tmp_path: Path) -> None:
    path = tmp_path / "broken.ipynb"
    path.write_text('{"cells": [')
    with pytest.raises(UsageError) as caught:
        Kernel(path, cell_timeout=2, environment={})
    assert caught.value.fix.startswith(f"python -m json.tool {path}")


def test_a_cell_that_ran_out_of_its_time_gets_tenfold(tmp_path: Path) -> None:
    with (
        pytest.raises(Refused) as caught,
        Kernel(notebook(tmp_path, "while True: pass"), cell_timeout=1, environment={}) as kernel,
    ):
        kernel.run_cells("model")
    assert (caught.value.why, caught.value.fix) == ("The cell ran out of its 1 s.", "--cell-timeout 10")
