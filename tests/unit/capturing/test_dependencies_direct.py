"""What came from a repository, an archive or a folder travels as its own files; an editable install as local code."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nb2prod.capturing import dependencies
from nb2prod.capturing.dependencies import Needed
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


def test_an_editable_install_goes_as_code_with_its_name_and_version(site: Path, tmp_path: Path) -> None:
    source = tmp_path / "project"
    (source / "src" / "editthing").mkdir(parents=True)
    (source / "src" / "editthing" / "__init__.py").write_text("import yaml\n" + BODY)
    (source / "src" / "editthing" / "table.csv").write_text("a\n")
    install(
        site, "editthing", {"url": source.as_uri(), "dir_info": {"editable": True}}, {"__editable__.editthing.pth": ""}
    )
    sys.path.insert(0, str(source / "src"))
    try:
        found = needed("editthing", tmp_path)
    finally:
        sys.path.remove(str(source / "src"))
    assert {"editthing/__init__.py", "editthing/table.csv", "editthing-1.0.dist-info/METADATA"} <= set(found.files)
    assert not [pin for pin in found.pins if pin.startswith("editthing")]
    assert [pin for pin in found.pins if pin.startswith("pyyaml")]
