"""A replay sees neither the network nor the notebook's folder, but what it needs of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from nb2prod.capturing import walls


def seen(front: tuple[str, ...], path: Path) -> bool:
    """Whether a program in C, which no audit hook of Python's sees, finds the file."""
    return subprocess.run([*front, "cat", str(path)], capture_output=True, check=False).returncode == 0


def test_the_notebooks_folder_is_covered_but_for_a_home_inside_it(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, home = tmp_path / "a project", tmp_path / "a project" / ".home" / "nb2prod"
    home.mkdir(parents=True)
    (folder / "data.csv").write_text("1")
    (home / "capture.json").write_text("{}")
    made = walls.walls(hidden=folder, seen=[home])
    if made.files != "namespace":
        pytest.skip("this system has no mount namespaces for us")
    assert not seen(made.front, folder / "data.csv")
    assert seen(made.front, home / "capture.json")
    assert seen((), folder / "data.csv")
    assert sorted(path.name for path in folder.iterdir()) == [".home", "data.csv"]


def test_what_is_written_to_a_home_inside_the_folder_stays(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    made = walls.walls(hidden=tmp_path, seen=[tmp_path / "home"])
    subprocess.run([*made.front, "touch", str(tmp_path / "home" / "written")], check=True)
    assert (tmp_path / "home" / "written").exists()


@pytest.mark.parametrize("folder", ["/", "/usr", "/nowhere-at-all"])
def test_what_cannot_be_covered_is_left_to_the_audit_hook(folder: str) -> None:
    assert walls.walls(hidden=Path(folder)).files == "audit hook"


def test_a_folder_that_holds_the_temporary_files_of_the_replay_is_not_covered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walls.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    assert walls.walls(hidden=tmp_path).files == "audit hook"


def test_allowed_hosts_leave_the_network_open_and_the_folder_covered(tmp_path: Path) -> None:
    made = walls.walls(["features.example"], hidden=tmp_path)
    assert made.network == "audit hook"
    assert "--net" not in made.front
