"""What is used is not freed."""

import os
import shutil
import threading
import time
from pathlib import Path

from nb2prod.environments import leases
from nb2prod.environments.upkeep import prune
from nb2prod.home import Home


def made(home: Home, name: str, days: float) -> Path:
    folder = home.environments / name
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").write_bytes(b"x" * 1000)
    mark = folder.with_name(name + ".json")
    mark.write_text("{}")
    then = time.time() - days * 86400
    os.utime(mark, (then, then))
    return folder


def test_a_lease_holds_while_its_holder_exists(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", tmp_path / "cache")
    folder, holder = made(home, "e", 99), tmp_path / "deployment"
    holder.mkdir()
    leases.lease(folder, holder)
    assert prune(home) == []
    holder.rmdir()
    assert [freed.path for freed in prune(home)] == [folder]
    assert list(home.environments.iterdir()) == []


def test_a_release_ends_a_lease(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", tmp_path / "cache")
    folder = made(home, "e", 99)
    leases.lease(folder, tmp_path)
    leases.release(folder, tmp_path)
    assert len(prune(home)) == 1


def test_while_a_process_works_with_the_cache_nothing_of_it_goes(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", tmp_path / "cache")
    folder, shipped = made(home, "e", 99), home.cache / "shipped" / "one"
    shipped.mkdir(parents=True)
    with leases.in_use(home.cache):
        with leases.in_use(home.cache):
            assert prune(home, cap=0, unused_for=0.0) == []
        assert prune(home, cap=0, unused_for=0.0) == []
    assert {freed.path for freed in prune(home, cap=0, unused_for=0.0)} == {folder, shipped}


def test_a_mark_that_went_with_the_cache_is_made_again(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    waiting = threading.Event()

    def work() -> None:
        waiting.set()
        with leases.in_use(cache), leases.unused(cache) as free:
            found.append(free)

    found: list[bool] = []
    with leases.in_use(cache):
        pass
    with leases.unused(cache) as free:
        assert free
        thread = threading.Thread(target=work)
        thread.start()
        waiting.wait()
        time.sleep(0.1)
        (cache / leases.MARK).unlink()
        cache.rmdir()
    thread.join()
    assert found == [False]
    assert (cache / leases.MARK).exists()


def test_a_dry_run_removes_nothing_and_names_what_would_go(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", tmp_path / "cache")
    folder = made(home, "e", 99)
    assert [freed.path for freed in prune(home, dry_run=True)] == [folder]
    assert folder.is_dir()


def test_a_dry_run_leaves_out_what_is_leased(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", tmp_path / "cache")
    leases.lease(made(home, "e", 99), tmp_path)
    assert prune(home, dry_run=True) == []


def test_a_home_that_uses_a_cache_is_known_to_it_until_its_folder_is_gone(tmp_path: Path) -> None:
    one, other = Home(tmp_path / "one", tmp_path / "cache"), Home(tmp_path / "other", tmp_path / "cache")
    leases.join(one)
    leases.join(other)
    leases.join(other)
    assert set(leases.homes(one.cache)) == {one.root, other.root}
    leases.leave(one)
    assert leases.homes(one.cache) == [other.root]
    shutil.rmtree(other.root)
    assert leases.homes(one.cache) == []
    assert list((one.cache / leases.HOMES).iterdir()) == []
