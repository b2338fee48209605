from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from nb2prod import environments
from nb2prod.capturing import folders
from nb2prod.errors import NotFound
from nb2prod.home import Home
from nb2prod.lifecycle import upkeep
from nb2prod.lifecycle.upkeep.checks import Ailment, Ground, leftovers
from nb2prod.lifecycle.upkeep.sizes import mebibytes, tree_bytes
from nb2prod.store import Store
from nb2prod.targets.local import LocalTarget
from tests import captures


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home", tmp_path / "cache")


def look(home: Home) -> list[Ailment]:
    return list(leftovers.LeftoversCheck(Ground(home, LocalTarget(home))).look())


def test_a_folder_without_a_deployment_is_a_leftover_and_is_mended(home: Home) -> None:
    left = home.deployment("gone") / "run-1"
    left.mkdir(parents=True)
    (found,) = look(home)
    assert str(left.parent) in found.text
    assert found.mend is not None
    found.mend()
    assert not left.parent.exists()
    assert look(home) == []


def test_what_is_being_made_is_left_alone_until_it_is_old(home: Home) -> None:
    half = home.bentos / ".making-x"
    half.mkdir(parents=True)
    assert look(home) == []
    os.utime(half, (0, 0))
    assert len(look(home)) == 1


def test_removing_what_is_not_there_says_so(home: Home) -> None:
    with pytest.raises(NotFound):
        upkeep.remove(home, "delays")


def test_prune_keeps_the_newest_runs_and_what_takes_traffic(home: Home) -> None:
    store = Store(home).deployments
    store.create("delays", port=3080)
    for version in range(1, 5):
        run = store.add_run("delays", bento="/b", python="/p/bin/python", workers=1, capture=f"{version:064d}").run
        store.change_run("delays", run, version=version)
        store.switch("delays", run)
    dry = upkeep.prune(home, dry_run=True, keep=2)
    assert [one.what for one in dry.freed if one.kind == "run"] == ["delays 2", "delays 1"]
    assert len(store.runs("delays")) == 4
    upkeep.prune(home, keep=2)
    assert [row.version for row in store.runs("delays")] == [3, 4]


def test_uninstall_leaves_no_file(home: Home) -> None:
    (home.environments / "x").mkdir(parents=True)
    upkeep.uninstall(home)
    assert not home.root.exists()
    assert not home.cache.exists()


def test_sizes_count_files_and_not_what_links_lead_to(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 10)
    assert tree_bytes(tmp_path) == 10
    assert tree_bytes(tmp_path / "nothing") == 0
    assert mebibytes(3 * 2**29) == "1.5 GB"


def made(home: Home, key: str, name: str, hours: float) -> Path:
    """A capture and its Bento, made some hours ago."""
    capture = captures.capture(home.captures / key, name=name).folder
    (home.bentos / name / key).mkdir(parents=True)
    then = time.time() - hours * 3600
    os.utime(capture / "capture.json", (then, then))
    return capture


def pruned(home: Home, **options: Any) -> list[tuple[str, str]]:
    return [(one.kind, one.what) for one in upkeep.prune(home, **options).freed]


def test_captures_that_nobody_registered_go_after_some_hours_with_their_bentos(home: Home) -> None:
    old, new = made(home, "a" * 12, "delays", 7), made(home, "b" * 12, "delays", 1)
    expected = [("capture", f"delays {'a' * 12}"), ("bento", f"delays:{'a' * 12}")]
    assert pruned(home, dry_run=True) == expected
    assert old.is_dir()
    assert pruned(home) == expected
    assert not old.exists()
    assert new.is_dir()
    assert [one.name for one in (home.bentos / "delays").iterdir()] == ["b" * 12]


def test_a_refused_capture_goes_at_once_and_its_mark_with_it(home: Home) -> None:
    capture = captures.Capture(made(home, "a" * 12, "delays", 0), None, None)  # type: ignore[arg-type]
    folders.refused(capture, home)
    assert "it was refused" in {one.why for one in upkeep.prune(home, dry_run=True).freed}
    assert ("capture", f"delays {'a' * 12}") in pruned(home)
    assert not folders.refusal(home, "a" * 12).exists()


def test_what_another_process_works_with_stays_until_it_ends(home: Home) -> None:
    capture = made(home, "a" * 12, "delays", 48)
    code = (
        f"from nb2prod.home import Home; Home({str(home.root)!r}, {str(home.cache)!r}).hold('capture-{'a' * 12}');"
        "print('held', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert pruned(home) == []
        assert capture.is_dir()
        other.communicate("\n")
    assert ("capture", f"delays {'a' * 12}") in pruned(home)


def test_while_a_deploy_of_the_name_runs_nothing_of_it_goes(home: Home) -> None:
    capture = made(home, "a" * 12, "delays", 48)
    with home.lock("deploy-delays"):
        assert pruned(home) == []
    assert capture.is_dir()
    assert pruned(home) != []


def test_uninstall_says_what_became_of_the_shared_cache(home: Home, tmp_path: Path) -> None:
    for name in ("mine", "theirs"):
        (home.environments / name / "bin").mkdir(parents=True)
        (home.environments / name / "bin" / "python").write_bytes(b"x" * 1000)
    other = tmp_path / "other"
    for folder in (
        other / "local",
        other / "deployments" / "delays" / "run-1",
        other / "deployments" / "delays" / "run-2",
    ):
        folder.mkdir(parents=True)
        environments.lease(home.environments / "theirs", folder)
    (home.deployment("prices") / "run-1").mkdir(parents=True)
    environments.lease(home.environments / "mine", home.deployment("prices") / "run-1")
    removed = upkeep.uninstall(home)
    assert (removed.cache, removed.cache_bytes >= 1000) == (str(home.cache), True)
    assert removed.kept == (str(home.environments / "theirs"),)
    assert removed.kept_bytes >= 1000
    assert removed.users == (str(other),)


def test_uninstall_of_a_home_that_never_deployed_takes_nothing_from_those_that_did(home: Home, tmp_path: Path) -> None:
    users = [Home(tmp_path / name, home.cache) for name in ("one", "two")]
    for user in users:
        environments.join(user)
    (home.environments / "e" / "bin").mkdir(parents=True)
    (home.environments / "e" / "bin" / "python").write_bytes(b"x" * 1000)
    for folder in ("locks", "wheels", "mlflow-templates"):
        (home.cache / folder).mkdir()
        (home.cache / folder / "a.json").write_text("{}")
    removed = upkeep.uninstall(home)
    assert (removed.cache_bytes, removed.users) == (0, tuple(str(user.root) for user in users))
    assert len(list(home.cache.rglob("a.json"))) == 3
    shutil.rmtree(users[0].root)  # gone without an uninstall: it counts no more
    upkeep.uninstall(users[1])
    assert not home.cache.exists()


def test_uninstall_leaves_no_folder_of_the_cache_where_no_other_home_uses_it(home: Home) -> None:
    for name in ("environments", "control", "locks", "wheels", "mlflow-templates", "probes", "bills", "shipped"):
        (home.cache / name).mkdir()
    upkeep.uninstall(home)
    assert not home.cache.exists()


def test_uninstall_takes_nothing_from_the_cache_while_another_home_deploys(home: Home) -> None:
    (home.cache / "shipped" / "one").mkdir(parents=True)
    (home.locks).mkdir()
    with environments.in_use(home.cache):
        removed = upkeep.uninstall(home)
    assert not home.root.exists()
    assert home.locks.is_dir()
    assert (home.cache / "shipped" / "one").is_dir()
    assert removed.cache_bytes == 0


def test_room_is_made_by_pruning_where_there_is_something_else_on_another_disk(home: Home) -> None:
    assert home.room_fix(2**60).startswith("export NB2PROD_HOME=/another/disk/nb2prod")
    assert "MB on this disk" in home.room_fix(2**60)
    (home.captures / "x").mkdir(parents=True)
    assert home.room_fix().startswith("nb2prod prune")
