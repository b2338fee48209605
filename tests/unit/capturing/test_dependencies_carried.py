"""A lock that the notebook carries is read, compared with the kernel, and ours is offered back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nb2prod.capturing import carried
from nb2prod.environments import Distribution
from nb2prod.errors import NotFound

LOCK = """version = 1
requires-python = ">=3.11"
[[package]]
name = "numpy"
version = "2.0.0"
[[package]]
name = "torch"
version = "2.5.0"
[[package]]
name = "torch"
version = "2.5.0+cpu"
"""
SCRIPT = """# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "numpy<2",
#     "pandas",
# ]
# ///
import numpy
"""
KERNEL = {"numpy": Distribution("numpy", "2.4.6", Path()), "pandas": Distribution("pandas", "3.1.1", Path())}


def notebook(folder: Path, cells: tuple[str, ...] = (), **metadata: object) -> Path:
    said = [
        {"cell_type": "code", "source": text.splitlines(keepends=True), "metadata": {}, "outputs": []} for text in cells
    ]
    path = folder / "work.ipynb"
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": said}))
    return path


def test_a_lock_beside_the_notebook_is_read_up_to_the_repository(tmp_path: Path) -> None:
    (tmp_path / "project" / "notebooks").mkdir(parents=True)
    (tmp_path / "project" / "uv.lock").write_text(LOCK)
    found = carried.read(None, tmp_path / "project" / "notebooks")
    assert found is not None
    assert found.versions == {"numpy": "2.0.0"}  # torch has one for each platform
    (tmp_path / "project" / "notebooks" / ".git").mkdir()
    assert carried.read(None, tmp_path / "project" / "notebooks") is None


@pytest.mark.parametrize("metadata", [{"uv.lock": LOCK}, {"uv": {"lock": LOCK}}])
def test_a_lock_in_the_metadata_is_read(tmp_path: Path, metadata: dict[str, object]) -> None:
    found = carried.read(notebook(tmp_path, **metadata), tmp_path)
    assert found is not None
    assert found.versions["numpy"] == "2.0.0"


def test_a_script_block_in_a_cell_is_read(tmp_path: Path) -> None:
    found = carried.read(notebook(tmp_path, ("1 + 1", SCRIPT)), tmp_path)
    assert found is not None
    assert found.source == "the script block of cell 2"
    assert set(found.ranges) == {"numpy", "pandas"}


def test_what_the_kernel_has_otherwise_is_told_and_a_local_label_is_no_difference(tmp_path: Path) -> None:
    found = carried.Carried("uv.lock", versions={"numpy": "2.0.0", "pandas": "3.1.1+cpu", "six": "1.0"})
    (finding,) = found.differences(KERNEL)
    assert finding.severity == "warn"
    assert "numpy==2.4.6 (there ==2.0.0)" in finding.title
    assert "pandas" not in finding.title
    assert found.preferences(KERNEL) == ("six==1.0",)


def test_ranges_are_compared_too(tmp_path: Path) -> None:
    found = carried.read(notebook(tmp_path, (SCRIPT,)), tmp_path)
    assert found is not None
    (finding,) = found.differences(KERNEL)
    assert "pip install 'numpy<2'" in finding.fix


def test_our_lock_is_written_back_once_whatever_was_there(tmp_path: Path) -> None:
    path = notebook(tmp_path, ("x = 1", SCRIPT))
    carried.offer(path, ["six==1.17.0"], "3.11.7")
    carried.offer(path, ["six==1.17.0"], "3.11.7")
    document = json.loads(path.read_text())
    assert len(document["cells"]) == 2
    assert "import numpy" in "".join(document["cells"][1]["source"])
    found = carried.read(path, tmp_path)
    assert found is not None
    assert found.versions == {"six": "1.17.0"}


def test_a_notebook_without_a_lock_gets_a_cell(tmp_path: Path) -> None:
    path = notebook(tmp_path, ("x = 1",))
    carried.offer(path, ["six==1.17.0"], "3.11.7")
    assert "six==1.17.0" in "".join(json.loads(path.read_text())["cells"][0]["source"])


def test_without_a_notebook_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        carried.offer(tmp_path / "none.ipynb", [], "3.11")


def test_extras_that_were_asked_for_are_remembered_and_another_python_is_told(tmp_path: Path) -> None:
    script = SCRIPT.replace("pandas", "uvicorn[standard]>=0.30").replace(">=3.11", "==2.7.*")
    found = carried.read(notebook(tmp_path, (script,)), tmp_path)
    assert found is not None
    assert found.with_extras("uvicorn==0.30.1") == "uvicorn[standard]==0.30.1"
    assert found.with_extras("numpy==2.4.6") == "numpy==2.4.6"
    codes = [finding.code for finding in found.differences({})]
    assert codes == ["other-python-than-locked"]


def test_extras_of_a_projects_own_lock_are_read(tmp_path: Path) -> None:
    lock = (
        LOCK
        + """
[[package]]
name = "work"
version = "0.1"
source = { virtual = "." }
[package.metadata]
requires-dist = [{ name = "pandas", extras = ["excel"], specifier = ">=2" }, { name = "numpy" }]
"""
    )
    found = carried.read(notebook(tmp_path, **{"uv.lock": lock}), tmp_path)
    assert found is not None
    assert found.extras == {"pandas": frozenset({"excel"})}


def test_what_the_pins_need_in_turn_is_locked_at_the_proven_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def twin(arguments: list[str], settings: object, *, folder: Path) -> str:
        seen.append((folder / "notebook.py").read_text())
        (folder / "notebook.py.lock").write_text("version = 1\n")
        return ""

    monkeypatch.setattr(carried.uv, "run", twin)
    path = tmp_path / "work.ipynb"
    path.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    carried.offer(path, ["pandas==3.1.1"], "3.11.7", ["pandas==3.1.1", "packaging==26.3"])
    held, last = seen
    assert '# constraint-dependencies = [\n#     "pandas==3.1.1",\n#     "packaging==26.3",\n# ]\n# ///' in held
    assert "packaging" not in last
    assert "packaging" not in path.read_text()
