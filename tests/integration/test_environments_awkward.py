"""What real kernels hold beside plain wheels of an index."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nb2prod.environments import IndexSettings, Installed, LockRequest, build, control, lock, uv
from nb2prod.environments.wheels import built
from nb2prod.home import Home

PROJECT = """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "editproj"
version = "3.1"
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home", tmp_path / "cache")


def installed_into(site: Path, *arguments: str) -> Installed:
    site.mkdir()
    command = ["pip", "install", "--quiet", "--no-deps", "--target", str(site), "--python", sys.executable, *arguments]
    uv.run(command, IndexSettings.of_pip(), folder=site)
    return Installed.on([site])


@pytest.mark.proof
def test_what_an_index_has_only_as_a_source_travels_as_the_kernel_built_it(home: Home, tmp_path: Path) -> None:
    installed = installed_into(tmp_path / "site", "docopt==0.6.2")
    made = lock(LockRequest(pins=["docopt==0.6.2"], serving=False, installed=installed), home)
    assert made.unlocked[0].startswith("docopt==0.6.2")
    environment = build(made, home)
    subprocess.run([environment.python, "-I", "-c", "import docopt; assert docopt.__version__ == '0.6.2'"], check=True)


@pytest.mark.proof
def test_an_editable_install_that_another_package_needs_is_built_by_its_own_build_system(
    home: Home, tmp_path: Path
) -> None:
    source = tmp_path / "project"
    (source / "editproj").mkdir(parents=True)
    (source / "editproj" / "__init__.py").write_text("x = 1\n")
    (source / "pyproject.toml").write_text(PROJECT)
    installed = installed_into(tmp_path / "site", "--editable", str(source))
    assert installed["editproj"].source == source
    wheel = built(installed["editproj"], home.wheels)
    made = lock(LockRequest(pins=["editproj==3.1"], serving=False, wheels=[wheel]), home)
    subprocess.run([build(made, home).python, "-I", "-c", "import editproj"], check=True)


@pytest.mark.proof
def test_the_control_environment_runs_without_the_notebooks(home: Home) -> None:
    python = control(home)
    assert control(home) == python
    code = "import nb2prod, supervisor; print(nb2prod.__file__)"
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(str(python.parents[1]))
    assert (python.parent / "supervisord").exists()
    assert (python.parent / "caddy").exists()
    code = "import sys; from nb2prod import environments, home; print(environments.control(home.Home(*sys.argv[1:])))"
    command = [python, "-I", "-c", code, str(home.root), str(home.cache)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == str(python)
