"""What a handle shows of itself."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from nb2prod import packaging
from nb2prod.home import Home
from nb2prod.sdk.deployment import Deployment
from nb2prod.store import Store
from nb2prod.targets.local import LocalTarget


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.delenv("NB2PROD_STORE", raising=False)
    home = Home(tmp_path / "home", tmp_path / "cache")
    store = Store(home).deployments
    store.create("wine", port=3080)
    run = store.add_run("wine", bento="/b", python="/p", workers=1).run
    store.change_run("wine", run, version=2)
    store.switch("wine", run)
    return home


def test_a_live_one_shows_its_version_and_address_and_asks_nobody(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", None)
    assert repr(Deployment("wine", home=home)) == "Deployment('wine', version=2, url='http://127.0.0.1:3080')"


def test_a_stopped_or_unknown_one_shows_its_name(home: Home) -> None:
    Store(home).deployments.change("wine", desired="stopped", verb="stop")
    assert repr(Deployment("wine", home=home)) == "Deployment('wine')"
    assert repr(Deployment("beer", home=home)) == "Deployment('beer')"


def test_a_broken_store_does_not_keep_a_handle_from_being_shown(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NB2PROD_STORE", "no database")
    assert repr(Deployment("wine", home=home)) == "Deployment('wine')"


def test_a_start_says_that_a_damaged_bento_was_made_again_and_so_does_the_log(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    wine = Deployment("wine", home=home)
    target = LocalTarget(home)
    live = target.store.live("wine")
    assert live is not None
    target.processes.run(live).log(1).parent.mkdir(parents=True)
    monkeypatch.setattr(Deployment, "_capture", None)
    monkeypatch.setattr(packaging, "mend", lambda *_, **__: "`model/m.skops` is not the file that was captured")
    monkeypatch.setattr(LocalTarget, "start", lambda *_: None)
    with pytest.warns(UserWarning, match=r"wine: The Bento was damaged: `model/m.skops` is not the file"):
        wine.start()
    (line,) = wine.logs()
    assert " wine WARNING The Bento was damaged: `model/m.skops` is not the file that was captured." in line
