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


@pytest.mark.proof
def test_local_code_and_a_repository_install_answer_the_same_in_the_clean_environment(
    home: Home, tmp_path: Path
) -> None:
    """A whole kernel: a package with data beside the notebook, an import inside a function, a distribution of no index."""
    (tmp_path / "kernel" / "localpkg" / "deep").mkdir(parents=True)
    package = tmp_path / "kernel" / "localpkg"
    (package / "__init__.py").write_text("")
    (package / "table.json").write_text("[3, 4]")
    (package / "deep" / "__init__.py").write_text(
        "import json\nfrom pathlib import Path\nfrom ..factor import FACTOR\n"
        "def scaled(column):\n    import fromrepo\n"
        "    first = json.loads((Path(__file__).parents[1] / 'table.json').read_text())[0]\n"
        "    return column * FACTOR * first * fromrepo.TWO\n"
    )
    (package / "factor.py").write_text("FACTOR = 5\n")
    site = tmp_path / "site-packages"
    (site / "fromrepo-1.0.dist-info").mkdir(parents=True)
    (site / "fromrepo.py").write_text("TWO = 2\n")
    info = {
        "METADATA": "Metadata-Version: 2.1\nName: fromrepo\nVersion: 1.0\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "direct_url.json": '{"url": "https://git.example/fromrepo.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}}',
        "RECORD": "fromrepo.py,,\nfromrepo-1.0.dist-info/METADATA,,\n",
    }
    for name, text in info.items():
        (site / "fromrepo-1.0.dist-info" / name).write_text(text)
    kernel = tmp_path / "kernel" / "run.py"
    kernel.write_text(
        "import sys\nsys.path[:0] = [sys.argv[3], sys.argv[4]]\n"
        "from pathlib import Path\nimport pandas as pd\n"
        "from nb2prod import environments\nfrom nb2prod.capturing.capture import capture\n"
        "from nb2prod.capturing.replay import replay\nfrom nb2prod.home import Home\n"
        "def predict(frame):\n    from localpkg.deep import scaled\n    return scaled(frame['a'])\n"
        "home = Home(*sys.argv[1:3])\n"
        "made = capture(predict, home=home, name='whole', data=pd.DataFrame({'a': [float(n) for n in range(50)]}))\n"
        "found = made.record.environment\n"
        "assert [module.name for module in found.local] == ['localpkg'], found.local\n"
        "assert found.wheels == ('fromrepo-1.0-py3-none-any.whl',), found.wheels\n"
        "assert made.live is not None\n"
        "replayed = replay(made, environments.build_for(made, home).python, made.live, home=home).replay\n"
        "assert replayed.equal and replayed.held == 'bit-for-bit', replayed\n"
    )
    command = [sys.executable, str(kernel), str(home.root), str(home.cache), str(kernel.parent), str(site)]
    done = subprocess.run(command, cwd=kernel.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
