"""The proven lock goes back into the notebook's file, and only where there is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from nb2prod.capturing import carried
from nb2prod.capturing.execution import Notebook
from nb2prod.errors import UsageError
from nb2prod.records.capture import Capture, Manifest
from nb2prod.sdk import lockfile
from tests.unit.sdk import samples


def test_a_notebook_without_a_file_is_told_before_anything_is_made(tmp_path: Path) -> None:
    for notebook in (None, Notebook(), Notebook(path=tmp_path / "unsaved.ipynb")):
        with pytest.raises(UsageError) as refusal:
            lockfile.target(notebook)
        assert "--write-lock" in refusal.value.fix


def test_what_travels_as_a_wheel_is_left_out_of_what_an_index_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered: list[Any] = []
    monkeypatch.setattr(carried, "offer", lambda *said: offered.append(said))
    pins, wheels = ("numpy==2.4.6", "our-own==1.0", "uvicorn[standard]==0.30.1"), ("our_own-1.0-py3-none-any.whl",)
    record = samples.record()
    around = msgspec.structs.replace(record.environment, pins=pins, wheels=wheels, python="3.11.7")
    record = msgspec.structs.replace(record, environment=around)
    (tmp_path / "requirements.txt").write_text("numpy==2.4.6\npackaging==26.3\nour-own==1.0\n")
    told = lockfile.write(Capture(tmp_path, record, Manifest(files={})), tmp_path / "work.ipynb")
    every = ["numpy==2.4.6", "packaging==26.3"]
    assert offered == [(tmp_path / "work.ipynb", ["numpy==2.4.6", "uvicorn[standard]==0.30.1"], "3.11.7", every)]
    assert (told.title, told.fix) == ("The versions were written into work.ipynb", "File, Reload Notebook from Disk")
    assert "Overwrite drops the versions" in told.why
