"""What is refused of a canary before anything is made."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nb2prod.cli import spoken
from nb2prod.errors import Conflict, NotFound, Unavailable, UsageError
from nb2prod.home import Home
from nb2prod.records.lifecycle import Action
from nb2prod.sdk import stopped, versions
from nb2prod.sdk.deployment import Deployment
from nb2prod.sdk.environment import known, write_variables
from nb2prod.store import Store


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.delenv("NB2PROD_STORE", raising=False)
    home = Home(tmp_path / "home", tmp_path / "cache")
    store = Store(home).deployments
    store.create("delays", port=3080)
    run = store.add_run("delays", bento=str(tmp_path / "bento"), python="/p", workers=1).run
    store.change_run("delays", run, version=3)
    store.switch("delays", run)
    return home


@pytest.mark.parametrize("percent", [-1, 100.1, float("inf"), float("nan"), "10", True])
def test_what_is_no_share_is_refused_with_a_line_that_is_one(home: Home, percent: Any) -> None:
    with pytest.raises(UsageError) as wrong:
        Deployment("delays", home=home).canary(4, percent=percent)
    assert (wrong.value.code, wrong.value.fix) == ("wrong-percent", "nb2prod canary delays 4 --percent 10")


def test_the_version_that_has_the_traffic_is_no_canary_of_its_own(home: Home) -> None:
    with pytest.raises(Conflict, match="takes the traffic already"):
        Deployment("delays", home=home).canary(3)


def test_without_a_canary_there_is_nothing_to_promote_to_end_or_to_change(home: Home) -> None:
    found = Deployment("delays", home=home)
    for verb in (found.promote, lambda: found.canary(percent=0), lambda: versions.change_share(home, "delays", 5)):
        with pytest.raises(NotFound) as none:
            verb()
        assert none.value.code == "no-canary"


def test_a_canary_of_another_version_is_not_ended_for_the_one_that_alarmed(home: Home) -> None:
    store = Store(home).deployments
    run = store.add_run("delays", bento="/b", python="/p", workers=1).run
    store.begin_canary("delays", run, 10, version=5)
    with pytest.raises(NotFound):
        versions.end_canary(home, "delays", 4)
    assert store.canary("delays") is not None


def test_a_service_of_an_older_nb2prod_cannot_send_a_share_on(home: Home, tmp_path: Path) -> None:
    shipped = tmp_path / "bento" / "src" / "nb2prod" / "runtime"
    shipped.mkdir(parents=True)
    with pytest.raises(Conflict, match="cannot send a share on"):
        versions.require_champion(home, "delays")
    (shipped / "canary.py").touch()
    assert versions.require_champion(home, "delays").version == 3


def test_the_fix_for_a_version_that_is_not_there_begins_a_canary_and_deploys_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(name: str, version: int, home: Home) -> None:
        raise NotFound(f"The registry has no {name}/{version}", code="no-such-version", fix=f"%deploy models:/{name}/4")

    registered = [SimpleNamespace(version=number) for number in (4, 3, 2)]
    monkeypatch.setattr(versions.registry, "fetch", fetch)
    monkeypatch.setattr(versions.registry, "versions", lambda name, home: registered)
    with pytest.raises(NotFound) as none:
        Deployment("delays", home=home).canary(9, percent=5)
    assert none.value.fix == 'nb2prod.get("delays").canary(4, percent=5)'
    assert spoken.problem(none.value).fix == "nb2prod canary delays 4 --percent 5"
    del registered[0], registered[1]
    with pytest.raises(NotFound) as alone:
        Deployment("delays", home=home).canary(9)
    assert alone.value.fix == "%deploy model --name delays --canary 10"


def _stopped_by_a_rule(home: Home, said: str, when: float) -> None:
    store = Store(home)
    actions = store.actions  # made before the transaction begins
    run = store.deployments.add_run("delays", bento="/b", python="/p", workers=1).run
    store.deployments.begin_canary("delays", run, 10, version=4)
    store.deployments.end_canary("delays")
    detail = {"alert": "k", "phase": "begin", "version": 4}
    action = Action(deployment="delays", verb="stop", reason="limit:complaints above 0.08 over 1h", detail=detail)
    with store.database.write() as connection:
        actions.plan(connection, "k:stop", action, when=when, target="canary")
    actions.end(actions.log("delays")[-1], "done", said=said, when=when)


def test_a_canary_that_a_rule_stopped_is_remembered_with_the_rule_and_warned_of(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Deployment("delays", home=home)
    assert found.last_canary is None
    _stopped_by_a_rule(home, "canary of version 4 stopped", time.time())
    last = found.last_canary
    assert last is not None
    assert (last.version, last.rule) == (4, "complaints above 0.08 over 1h")
    monkeypatch.setattr(versions, "_begin", lambda *_: None)
    with pytest.warns(UserWarning, match=r'version 4 was stopped as the canary on .* by rule "complaints above 0.08'):
        found.canary(4)
    registered = [SimpleNamespace(version=number) for number in (4, 3, 2)]
    monkeypatch.setattr(versions.registry, "versions", lambda name, home: registered)
    with pytest.raises(UsageError, match="Which version") as which:
        found.canary(percent=5)
    assert which.value.fix == "nb2prod canary delays 2 --percent 10"
    assert "Version 4 was stopped as the canary on" in which.value.why


def test_a_canary_that_was_promoted_though_a_rule_stopped_it_is_warned_of(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    _stopped_by_a_rule(home, "canary of version 4 stopped", time.time())
    store = Store(home).deployments
    run = store.add_run("delays", bento="/b", python="/p", workers=1).run
    store.begin_canary("delays", run, 30, version=4)
    monkeypatch.setattr(versions, "promote", lambda home, name: 4)
    with pytest.warns(UserWarning, match="version 4 was stopped as the canary"):
        assert Deployment("delays", home=home).promote() == 4


@pytest.mark.parametrize(
    ("said", "days"), [("version 4 was no canary any more", 0), ("canary of version 4 stopped", 8)]
)
def test_what_ended_by_hand_or_long_ago_is_not_warned_of(home: Home, said: str, days: int) -> None:
    _stopped_by_a_rule(home, said, time.time() - 86400 * days)
    last = Deployment("delays", home=home).last_canary
    assert last is not None
    assert (last.version, last.rule) == (4, "")
    assert stopped.stopped_lately(home, "delays", 4) == ""


def test_beside_a_stopped_or_unknown_one_no_canary_begins(home: Home) -> None:
    Store(home).deployments.change("delays", desired="stopped", verb="stop")
    with pytest.raises(Unavailable) as stopped:
        versions.require_champion(home, "delays")
    assert stopped.value.fix == "nb2prod start delays"
    with pytest.raises(Unavailable):
        versions.require_champion(home, "churn")


def test_a_canarys_variables_leave_those_of_the_champion(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.deployment("delays").mkdir(parents=True)
    write_variables(home, "delays", {"URL": "one", "KEY": "old"})
    monkeypatch.setenv("NEW", "two")
    found = known(home, "delays", ["URL", "NEW"])
    assert found == {"URL": "one", "NEW": "two"}
    write_variables(home, "delays", found, beside=True)
    assert known(home, "delays", ["KEY", "URL", "NEW"]) == {"KEY": "old", "URL": "one", "NEW": "two"}
