"""What a handle shows of itself."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from nb2prod.home import Home
from nb2prod.sdk.deployment import Deployment
from nb2prod.store import Store


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
