"""A wheel put together from installed files is the same each time, and its metadata survives."""

import zipfile
from pathlib import Path

import pytest

from nb2prod.environments import Installed
from nb2prod.environments.wheels import given, name_and_version, repack, write
from nb2prod.errors import Refused, UsageError


def install(site: Path, name: str = "own-thing", version: str = "1.0+nb", **files: str) -> None:
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Dist: six\n")
    (info / "WHEEL").write_text(
        "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py2-none-any\nTag: py3-none-any\n"
    )
    for path, text in files.items():
        (site / "own_thing").mkdir(exist_ok=True)
        (site / "own_thing" / f"{path}.py").write_text(text)
    listed = [f"own_thing/{path}.py,," for path in files] + [f"{info.name}/METADATA,,", f"{info.name}/RECORD,,"]
    (info / "RECORD").write_text("\n".join(listed) + "\n")


def test_the_same_files_give_the_same_wheel(tmp_path: Path) -> None:
    install(tmp_path / "site", __init__="x = 1\n")
    distribution = Installed.on([tmp_path / "site"])["own-thing"]
    one, other = repack(distribution, tmp_path / "a"), repack(distribution, tmp_path / "b")
    assert one.read_bytes() == other.read_bytes()
    assert one.name == "own_thing-1.0+nb-py2.py3-none-any.whl"
    assert name_and_version(one) == ("own-thing", "1.0+nb")


def test_the_wheel_holds_code_and_metadata_and_a_record_of_both(tmp_path: Path) -> None:
    install(tmp_path / "site", __init__="x = 1\n", part="y = 2\n")
    with zipfile.ZipFile(repack(Installed.on([tmp_path / "site"])["own-thing"], tmp_path)) as archive:
        names = set(archive.namelist())
        record = archive.read("own_thing-1.0+nb.dist-info/RECORD").decode()
    assert {"own_thing/__init__.py", "own_thing/part.py", "own_thing-1.0+nb.dist-info/METADATA"} <= names
    assert "own_thing/part.py,sha256=" in record


def test_an_install_without_its_files_is_refused(tmp_path: Path) -> None:
    install(tmp_path / "site")
    with pytest.raises(Refused, match="not where its metadata says"):
        repack(Installed.on([tmp_path / "site"])["own-thing"], tmp_path)


def test_a_wheel_that_is_named_must_be_one_that_installs_here(tmp_path: Path) -> None:
    files = {
        "ours.py": b"",
        "ours-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: ours\nVersion: 1.0\n",
        "ours-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nTag: py3-none-any\n",
    }
    made = write("ours", "1.0", files, tmp_path)
    assert given([str(made)]) == (made,)
    foreign = made.with_name("ours-1.0-cp27-cp27m-win32.whl")
    foreign.write_bytes(made.read_bytes())
    broken = made.with_name("ours-2.0-py3-none-any.whl")
    broken.write_text("no archive")
    for path in (tmp_path / "gone-1.0-py3-none-any.whl", foreign, broken, tmp_path / "notes.txt"):
        with pytest.raises(UsageError) as refusal:
            given([path])
        assert refusal.value.code == "bad-wheel"
        assert refusal.value.fix
