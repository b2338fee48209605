"""Bytecode that a new environment gets from the interpreter that makes it."""

from __future__ import annotations

import os
import py_compile
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from nb2prod.environments import bytecode


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This interpreter's packages, with bytecode."""
    folder = tmp_path / "here"
    (folder / "pack").mkdir(parents=True)
    for name in ("same", "edited", "stale", "gone", "pack/part"):
        (folder / f"{name}.py").write_text(f"NAME = {name!r}\n")
        py_compile.compile(str(folder / f"{name}.py"), doraise=True)
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(folder))
    return folder


@pytest.fixture
def made(tmp_path: Path, here: Path) -> Path:
    """A new environment: one source is another, one has bytecode here that its source has outlived, one is not there."""
    site = tmp_path / "made/lib/python3/site-packages"
    (site / "pack").mkdir(parents=True)
    for name in ("same", "edited", "stale", "pack/part"):
        (site / f"{name}.py").write_text(f"NAME = {name!r}\n")
        os.utime(site / f"{name}.py", (1e9, 1e9))  # as a wheel says it
    (site / "edited.py").write_text("NAME = 'EDITED'\n")
    for folder in (here, site):
        (folder / "stale.py").write_text("NAME = 'other'\n")
    os.utime(here / "stale.py", (1e9, 1e9))
    return site


def compiled(site: Path) -> set[str]:
    return {path.name.partition(".")[0] for path in site.rglob("*.pyc")}


def test_only_what_is_the_same_is_carried_over_and_python_takes_it(made: Path) -> None:
    assert bytecode.carry_over(made.parents[2]) == 2
    assert compiled(made) == {"same", "part"}
    code = f"import sys; sys.path.insert(0, {str(made)!r}); import same, pack.part; print(same.NAME, pack.part.NAME)"
    done = subprocess.run([sys.executable, "-I", "-v", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "same pack/part"
    for name in ("same.py", "part.py"):
        assert any("matches" in line and line.endswith(name) for line in done.stderr.splitlines()), name


def test_of_a_package_that_is_loaded_here_only_what_is_loaded_is_taken(
    made: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "pack/other.py").write_text("")
    (made / "pack/other.py").write_text("")
    py_compile.compile(str(here / "pack/other.py"), doraise=True)
    module = type(sys)("pack.part")
    module.__file__ = str(here / "pack/part.py")
    monkeypatch.setitem(sys.modules, "pack.part", module)
    bytecode.carry_over(made.parents[2])
    assert compiled(made) == {"same", "part"}
