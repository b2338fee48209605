from __future__ import annotations

import os
from pathlib import Path

import pytest

from nb2prod.errors import NotFound
from nb2prod.home import Home
from nb2prod.lifecycle import upkeep
from nb2prod.lifecycle.upkeep.checks import Ailment, Ground, leftovers
from nb2prod.lifecycle.upkeep.sizes import mebibytes, tree_bytes
from nb2prod.store import Store
from nb2prod.targets.local import LocalTarget


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
