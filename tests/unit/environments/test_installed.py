"""What is installed is read from metadata folders."""

import json
from pathlib import Path

from nb2prod.environments import Installed


def put(site: Path, name: str, version: str = "1.0", requires: tuple[str, ...] = (), **files: str) -> Path:
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {need}" for need in requires)]
    (info / "METADATA").write_text("\n".join(lines) + "\n\nbody\nRequires-Dist: not-this\n")
    for file, text in files.items():
        (info / file.replace("__", ".")).write_text(text)
    return info


def test_the_first_on_the_path_wins_as_for_import(tmp_path: Path) -> None:
    put(tmp_path / "a", "x", "1.0")
    put(tmp_path / "b", "x", "2.0")
    assert Installed.on([tmp_path / "a", tmp_path / "b"])["X"].version == "1.0"


def test_the_closure_follows_metadata_markers_and_extras(tmp_path: Path) -> None:
    put(tmp_path, "top", requires=("low", "win ; sys_platform == 'win32'", "more ; extra == 'all'"))
    for name in ("low", "win", "more", "other"):
        put(tmp_path, name)
    installed = Installed.on([tmp_path])
    assert set(installed.closure(["top==1.0"])) == {"top", "low"}
    assert set(installed.closure(["top[all]==1.0"])) == {"top", "low", "more"}


def test_an_editable_install_points_to_its_source(tmp_path: Path) -> None:
    said = json.dumps({"url": "file:///a%20b/src", "dir_info": {"editable": True}})
    put(tmp_path, "mine", direct_url__json=said)
    assert Installed.on([tmp_path])["mine"].source == Path("/a b/src")


def test_the_build_path_that_conda_leaves_is_no_local_install(tmp_path: Path) -> None:
    said = json.dumps({"url": "file:///home/conda/feedstock_root/build_artifacts/x/work", "dir_info": {}})
    put(tmp_path, "twin", direct_url__json=said, INSTALLER="conda\n")
    assert Installed.on([tmp_path])["twin"].direct_url is None
