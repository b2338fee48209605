"""A notebook run without a front end stops after the cell that marks the model, and warns of nothing on the way."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from nb2prod.errors import Refused
from nb2prod.sdk.kernel import Kernel
from nb2prod.sdk.marking import MARKING

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
    assert caught.value.fix.startswith("nb2prod deploy n.ipynb --model model")


def test_a_notebook_without_a_mark_runs_to_its_end(tmp_path: Path) -> None:
    assert run(notebook(tmp_path, LOAD, "y = 1"), "model") == (2, 0)
