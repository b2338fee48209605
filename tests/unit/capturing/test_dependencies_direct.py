"""What came from a repository, an archive or a folder travels as its own files; an editable install as local code."""

from __future__ import annotations

import json
import sys
import sysconfig
from collections.abc import Callable, Iterator
from importlib.metadata import Distribution
from pathlib import Path
from site import addsitedir
from types import FunctionType

import pandas as pd
import pytest

from nb2prod.capturing import dependencies, probe
from nb2prod.capturing.dependencies import Needed
from nb2prod.capturing.distributions import Origins
from nb2prod.capturing.imports import Import
from nb2prod.environments import Installed
from nb2prod.home import Home
from nb2prod.runtime import flavors

BODY = "def predict(frame):\n    return 1\n"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def install(site: Path, name: str, direct: dict[str, object], files: dict[str, str]) -> None:
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    (info / "direct_url.json").write_text(json.dumps(direct))
    for path, text in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)
    (info / "RECORD").write_text("".join(f"{path},,\n" for path in (*files, f"{info.name}/METADATA")))


def needed(module: str, tmp_path: Path) -> Needed:
    __import__(module)
    model = sys.modules[module].predict
    flavors.save(model, tmp_path / "model")
    home = Home(tmp_path / "home", tmp_path / "cache")
    return dependencies.prepare(model, tmp_path / "model", notebook_folder=tmp_path, home=home)


def test_a_repository_install_travels_as_a_wheel_and_its_token_does_not(site: Path, tmp_path: Path) -> None:
    vcs = {"vcs": "git", "commit_id": "abc123"}
    install(
        site, "vcsthing", {"url": "https://tok3n@git.example/x.git", "vcs_info": vcs}, {"vcsthing/__init__.py": BODY}
    )
    found = needed("vcsthing", tmp_path)
    assert found.pins == ("vcsthing==1.0",)
    assert [wheel.name for wheel in found.wheels] == ["vcsthing-1.0-py3-none-any.whl"]
    assert "abc123" in found.unlocked[0]
    assert "tok3n" not in found.unlocked[0]
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and b"tok3n" in path.read_bytes()]


def test_what_conda_installed_is_locked_from_the_index(site: Path, tmp_path: Path) -> None:
    direct = {"url": "file:///home/conda/feedstock_root/build_artifacts/x/work", "dir_info": {}}
    install(site, "twinthing", direct, {"twinthing/__init__.py": BODY})
    found = needed("twinthing", tmp_path)
    assert found.pins == ("twinthing==1.0",)
    assert found.wheels == ()


def checkout(folder: Path) -> Path:
    """A package's working copy, as `pip install --editable` is given one."""
    code = folder / "src" / "editthing"
    code.mkdir(parents=True)
    (code / "__init__.py").write_text("import yaml\n" + BODY)
    (code / "table.csv").write_text("a\n")
    (folder / "tests").mkdir()
    (folder / "tests" / "test_it.py").write_text("")
    return folder


def by_path(site: Path, source: Path) -> None:
    """Hatchling, and setuptools with ``editable_mode=compat``: a line of a .pth file leads to the sources."""
    install(site, "editthing", {"url": source.as_uri(), "dir_info": {"editable": True}}, {"_editthing.pth": ""})
    (site / "_editthing.pth").write_text(f"{source / 'src'}\n")


def by_develop(site: Path, source: Path) -> None:
    """`setup.py develop` of older setuptools: a link, one .pth file for all, and the metadata beside the sources."""
    info = source / "src" / "editthing.egg-info"
    info.mkdir()
    (info / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: editthing\nVersion: 1.0\n")
    (info / "SOURCES.txt").write_text("")
    (info / "top_level.txt").write_text("editthing\n")
    (site / "editthing.egg-link").write_text(f"{source / 'src'}\n../")
    (site / "easy-install.pth").write_text(f"{source / 'src'}\n")


@pytest.mark.parametrize("way", [by_path, by_develop])
def test_an_editable_install_by_a_pth_file_goes_as_code_with_its_name_and_version(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: Callable[[Path, Path], None]
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    way(site, checkout(tmp_path / "project"))
    addsitedir(str(site))
    found = needed("editthing", tmp_path)
    (record,) = found.local
    assert record.name == "editthing"
    assert {"editthing/__init__.py", "editthing/table.csv"} < set(record.files)
    assert not [path for path in found.files if "test_it" in path]
    assert [pin.partition("==")[0] for pin in found.pins] == ["pyyaml"]
    found.copy_code(tmp_path / "code")
    (there,) = Distribution.discover(name="editthing", path=[str(tmp_path / "code")])
    assert there.version == "1.0"


def test_a_folder_that_a_pth_line_leads_to_goes_without_being_a_distribution(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    source = checkout(tmp_path / "project")
    (site / "mine.pth").write_text(f"{source / 'src'}\n")
    addsitedir(str(site))
    found = needed("editthing", tmp_path)
    assert sorted(found.files) == ["editthing/__init__.py", "editthing/table.csv"]
    before = found.local[0].digest
    (source / "src" / "editthing" / "table.csv").write_text("b\n")
    again = tmp_path / "again"
    again.mkdir()
    assert needed("editthing", again).local[0].digest != before


def test_a_function_of_an_installed_package_did_not_come_with_the_model() -> None:
    def made(file: str, module: str | None) -> FunctionType:
        function = FunctionType(compile("import matplotlib", file, "exec"), {})
        function.__module__ = module  # type: ignore[assignment]
        return function

    away = made(f"{sysconfig.get_path('purelib')}/skops/io/_utils.py", "skops.io._gone")
    assert probe._of_a_module(away, set())
    assert probe._of_a_module(made("<string>", None), set())  # the probe's own line, as Python 3.11 shows it
    assert not probe._of_a_module(made("<ipython-input-3>", "__main__"), set())


def test_nb2prod_itself_is_nothing_that_a_model_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    origins = Origins(Installed.on())
    search = dependencies._Search(origins, sys.path, frozenset(), Path())
    monkeypatch.setattr(Origins, "of_import", lambda self, name: next(iter(self.installed.by_name.values())))
    search.imported(Import("nb2prod.capturing.probe", ("main",)))
    assert search.found == {}
    search.imported(Import("not_here_at_all", ()))
    assert len(search.found) == 1


def test_rows_that_come_as_a_frame_need_pandas_though_no_process_could_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "modules", lambda *_args, **_options: {"error": "it gave no answer in 120 s"})
    flavors.save(max, tmp_path / "model")
    found = dependencies.prepare(
        max,
        tmp_path / "model",
        notebook_folder=tmp_path,
        home=Home(tmp_path / "home", tmp_path / "cache"),
        sample=pd.DataFrame({"a": [1]}),
    )
    assert [pin.partition("==")[0] for pin in found.pins] == ["pandas"]
