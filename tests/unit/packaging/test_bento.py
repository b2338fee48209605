from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import captures
import pytest
import wheels
import yaml

from nb2prod import packaging
from nb2prod.errors import Failed, NotFound
from nb2prod.home import Home
from nb2prod.packaging import bento as making
from nb2prod.records.capture import Capture
from nb2prod.records.proof import BentoRef

LOCK = "bentoml==1.4.40 \\\n    --hash=sha256:" + "0" * 64 + "\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("homes") / "hö me 50%")


@pytest.fixture(scope="module")
def loans(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Capture:
    wheel = wheels.make(tmp_path_factory.mktemp("wheels"), "nb2offset", "OFFSET = 7\n")
    return captures.capture(home.captures / "loans" / "made", lock=LOCK, wheels=[wheel])


@pytest.fixture(scope="module")
def built(home: Home, loans: Capture) -> BentoRef:
    return packaging.build(loans, home=home)


def files(folder: str | Path) -> dict[str, str]:
    paths = (path for path in Path(folder).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_a_bento_is_named_after_the_capture_and_holds_it_with_the_serving_part(
    built: BentoRef, home: Home, loans: Capture
) -> None:
    folder = Path(built.folder)
    assert folder == home.bentos / "loans" / loans.digest[:12]
    assert (built.tag, built.capture) == (loans.tag, loans.digest)
    assert files(loans.folder) == files(folder / "src" / "capture")
    parts = {path.name for path in (folder / "src" / "nb2prod").iterdir()}
    assert parts - {"__pycache__"} == {"__init__.py", "errors.py", "records", "baseline", "runtime"}
    assert built.bytes == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_the_lock_is_the_captures_own_with_its_hashes_and_wheels(built: BentoRef) -> None:
    folder = Path(built.folder)
    text = (folder / "env/python/requirements.txt").read_text()
    assert text == "--find-links wheels\n" + LOCK
    description = yaml.safe_load((folder / "bento.yaml").read_text())
    assert description["image"]["python_requirements"] == text
    assert (description["name"], description["version"]) == tuple(built.tag.split(":"))
    assert [path.name for path in (folder / "env/python/wheels").iterdir()] == ["nb2offset-1.0-py3-none-any.whl"]


def test_no_path_of_this_machine_travels(built: BentoRef, home: Home) -> None:
    for path in Path(built.folder).rglob("*"):
        if path.is_file():
            assert str(home.root).encode() not in path.read_bytes(), path
            assert str(home.cache).encode() not in path.read_bytes(), path


def test_its_bytecode_is_checked_against_the_sources_content(built: BentoRef) -> None:
    compiled = list(Path(built.folder, "src", "nb2prod").rglob("*.pyc"))
    assert compiled
    for path in compiled:
        assert int.from_bytes(path.read_bytes()[4:8], "little") == 0b11, path  # PEP 552: by hash, and checked


def test_a_whole_bento_is_built_once(
    built: BentoRef, home: Home, loans: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("BentoML was started again")

    monkeypatch.setattr(subprocess, "run", never)
    assert packaging.build(loans, home=home) == built
    assert packaging.open_bento(loans.tag, home) == built


def test_a_build_killed_half_way_is_completed_by_the_next(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    torn = captures.capture(home.captures / "torn" / "made", name="torn", lock=LOCK)

    class Killed(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(making, "_put_lock", die)
        with pytest.raises(Killed):
            packaging.build(torn, home=home)
    with pytest.raises(NotFound):
        packaging.open_bento(torn.tag, home)
    assert Path(packaging.build(torn, home=home).folder, "bento.yaml").is_file()
    assert not list(home.bentos.glob(".*"))


def test_a_torn_bento_is_built_again(home: Home) -> None:
    made = captures.capture(home.captures / "broken" / "made", name="broken", lock=LOCK)
    first = packaging.build(made, home=home)
    victim = Path(first.folder, "src/capture/model/flavor.json")
    victim.write_text("{}")
    assert packaging.mend(made, home=home) == "`model/flavor.json` is not the file that was captured"
    assert packaging.mend(made, home=home) is None
    again = packaging.build(made, home=home)
    assert again.folder == first.folder
    assert victim.read_bytes() == (made.folder / "model" / "flavor.json").read_bytes()


def test_bentoml_failing_is_said_in_its_own_words(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    made = captures.capture(home.captures / "failing" / "made", name="failing", lock=LOCK)
    monkeypatch.setattr(making, "SERVICE", "raise ImportError('no such thing')\n")
    with pytest.raises(Failed) as caught:
        packaging.build(made, home=home)
    assert "no such thing" in caught.value.why
    assert not (home.bentos / "failing" / made.digest[:12]).exists()
    assert not list(home.bentos.glob(".*"))


def test_remove_takes_one_or_all_of_a_name(home: Home) -> None:
    made = captures.capture(home.captures / "gone" / "made", name="gone", lock=LOCK)
    reference = packaging.build(made, home=home)
    assert packaging.remove(made.tag, home) == reference.bytes
    assert not Path(reference.folder).exists()
    assert packaging.remove("gone", home) == 0


def test_what_a_killed_builder_left_goes_with_the_next_one(tmp_path: Path) -> None:
    home = Home(tmp_path)
    script = "import os, signal, sys; from nb2prod.home import Home; from nb2prod.packaging import Builder"
    killed = subprocess.run(
        [sys.executable, "-c", f"{script}; Builder(Home(sys.argv[1])); os.kill(os.getpid(), signal.SIGKILL)", tmp_path],
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    (left,) = home.bentos.iterdir()
    with packaging.Builder(home) as builder, packaging.Builder(home) as other:
        assert set(home.bentos.iterdir()) == {builder.folder, other.folder}
    assert not left.exists()
    assert list(home.bentos.iterdir()) == []
