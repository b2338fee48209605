"""Real locks and real environments, small ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from nb2prod.environments import IndexSettings, Installed, Lock, LockRequest, build, leases, lock, read_lock
from nb2prod.environments.venvs import size
from nb2prod.environments.wheels import repack
from nb2prod.errors import Refused, Unverified
from nb2prod.home import Home

CLOSED = IndexSettings(index="http://reader:s3cret@127.0.0.1:9/simple")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home", tmp_path / "cache")


@pytest.fixture(scope="module")
def six() -> str:
    return "six==1.17.0"


def small(home: Home, six: str) -> Lock:
    return lock(LockRequest(pins=[six], serving=False), home)


def own(
    site: Path, name: str = "own-thing", version: str = "1.0", requires: str = "six", body: str = "x = 1\n"
) -> Installed:
    """An installed distribution that no index has."""
    package, info = name.replace("-", "_"), site / f"{name.replace('-', '_')}-{version}.dist-info"
    (site / package).mkdir(parents=True)
    (site / package / "__init__.py").write_text(body)
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Dist: {requires}\n"
    )
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    (info / "RECORD").write_text(f"{package}/__init__.py,,\n{info.name}/METADATA,,\n")
    return Installed.on([site, *sys.path])


def test_a_lock_is_hashed_names_no_index_and_is_known_the_next_time(home: Home, six: str) -> None:
    made = small(home, six)
    assert made.packages == (six,)
    assert "--hash=sha256:" in made.text
    assert "://" not in made.text
    known = small(home, six)
    assert known.seconds == 0
    assert known.text == made.text
    assert lock(LockRequest(pins=[six], serving=False), home, relock=True).seconds > 0


def test_the_serving_packages_are_locked_with_the_models_at_the_kernels_versions(home: Home) -> None:
    installed = Installed.on()
    made = lock(LockRequest(pins=[installed["numpy"].pin]), home)
    assert {installed[name].pin for name in ("numpy", "bentoml", "uvicorn", "httptools", "msgspec")} <= set(
        made.packages
    )
    assert not [pin for pin in made.packages if pin.startswith(("mlflow==", "jupyterlab==", "ipywidgets=="))]


def test_a_conflict_with_the_serving_packages_is_refused_and_names_both_sides(home: Home) -> None:
    with pytest.raises(Refused) as refused:
        lock(LockRequest(pins=["rich==10.0.0"]), home)
    assert refused.value.code == "lock-conflict"
    assert "rich==10.0.0" in refused.value.title
    assert "bentoml" in refused.value.title


def test_a_closed_index_leaves_it_open_and_no_credential_behind(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(Unverified) as unverified:
        lock(LockRequest(pins=["six==1.0.9999"], serving=False, settings=CLOSED), home)
    assert unverified.value.code == "index-unreachable"
    assert unverified.value.fix
    assert "s3cret" not in str(unverified.value)
    written = [path for root in (home.root, home.cache) for path in root.rglob("*") if path.is_file()]
    assert not [path for path in written if b"s3cret" in path.read_bytes()]


def test_what_no_index_has_travels_as_a_wheel_of_its_installed_files(home: Home, tmp_path: Path) -> None:
    installed = own(tmp_path / "site")
    made = lock(LockRequest(pins=["own-thing==1.0"], serving=False, installed=installed), home)
    assert "own-thing==1.0 \\\n    --hash=sha256:" in made.text
    assert "file://" not in made.text
    assert made.unlocked[0].startswith("own-thing==1.0")
    environment = build(made, home)
    done = subprocess.run(
        [environment.python, "-I", "-c", "import own_thing, six; print(own_thing.x)"], capture_output=True, check=True
    )
    assert done.stdout.strip() == b"1"


def test_a_wheel_of_ones_own_goes_before_one_of_the_same_name_on_the_index(home: Home, tmp_path: Path) -> None:
    installed = own(tmp_path / "site", "six", "1.16.0", "numpy ; extra == 'never'", "mine = True\n")
    wheel = repack(installed["six"], tmp_path)
    made = lock(LockRequest(pins=["six==1.16.0"], serving=False, wheels=[wheel]), home)
    environment = build(made, home)
    subprocess.run([environment.python, "-I", "-c", "import six; assert six.mine"], check=True)


def test_versions_that_the_kernel_runs_with_stand_against_their_metadata(home: Home, tmp_path: Path) -> None:
    installed = own(tmp_path / "site", "own-thing", "1.0", "idna<1")
    made = lock(LockRequest(pins=["own-thing==1.0"], serving=False, installed=installed), home)
    assert installed["idna"].pin in made.packages
    assert any("idna<1" in note for note in made.notes)


def test_an_environment_is_made_once_and_holds_what_was_locked(home: Home, six: str) -> None:
    made = small(home, six)
    one, other = build(made, home), build(made, home)
    assert (one.created, other.created) == (True, False)
    assert one.python == other.python
    assert size(one.folder) > 1000
    subprocess.run([one.python, "-I", "-c", "import six"], check=True)


def test_a_package_that_is_not_the_locked_one_is_refused(home: Home, six: str) -> None:
    text = f"{six} \\\n    --hash=sha256:{'0' * 64}\n"
    with pytest.raises(Refused) as refused:
        build(Lock(text=text, key="other", packages=(six,)), home)
    assert refused.value.code == "hash-mismatch"
    assert not [path for path in home.environments.iterdir() if path.is_dir()]


def test_two_processes_make_one_environment(home: Home, six: str) -> None:
    (home.root / "requirements.txt").write_text(small(home, six).text)
    code = (
        "import sys; from pathlib import Path; from nb2prod.home import Home; from nb2prod.environments import build, read_lock\n"
        "home = Home(*sys.argv[1:]); print(build(read_lock(home.root / 'requirements.txt'), home).created)"
    )
    command = [sys.executable, "-c", code, str(home.root), str(home.cache)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    said = sorted(process.communicate(timeout=120)[0].strip() for process in both)
    assert said == [b"False", b"True"]


def test_one_that_was_killed_in_the_middle_is_made_anew(home: Home, six: str) -> None:
    made = small(home, six)
    key = build(made, home).key
    folder = home.environments / key
    folder.with_name(key + ".json").unlink()  # as if killed between rename and record
    (folder / "lib").rename(folder / "half")
    left = home.environments / f".{key}.left"
    left.mkdir()
    again = build(made, home)
    assert again.created
    assert not left.exists()
    subprocess.run([again.python, "-I", "-c", "import six"], check=True)


def test_a_killed_process_holds_no_environment(home: Home, six: str, tmp_path: Path) -> None:
    environment = build(small(home, six), home)
    code = (
        "import sys; from pathlib import Path; from nb2prod.environments import in_use\n"
        "with in_use(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(home.cache)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    with leases.unused(home.cache, environment.folder) as free:
        assert not free
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    with leases.unused(home.cache, environment.folder) as free:
        assert free


def test_a_captures_folder_is_read_back_as_its_lock(home: Home, six: str, tmp_path: Path) -> None:
    made = small(home, six)
    (tmp_path / "requirements.txt").write_text(made.text)
    assert read_lock(tmp_path / "requirements.txt", tmp_path / "wheels").key == made.key


def test_wheels_are_whole_archives(home: Home, tmp_path: Path) -> None:
    with zipfile.ZipFile(repack(own(tmp_path / "site")["own-thing"], tmp_path)) as archive:
        assert archive.testzip() is None
