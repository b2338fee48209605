"""Alerts and service levels as settings: applied in place, told to the service, refused where they can never be told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from alerting import Feed
from spooling import SIGNATURE

from nb2prod.errors import Conflict, NotFound, UsageError
from nb2prod.home import Home
from nb2prod.records.alerts import SLO, Alert
from nb2prod.records.base import read
from nb2prod.records.serving import ServiceSettings
from nb2prod.sdk import limits, versions
from nb2prod.sdk.deployment import Deployment
from nb2prod.sdk.wish import Limits
from nb2prod.store import Store


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with a deployment whose service is told by its file."""
    home = Home(tmp_path / "home", tmp_path / "cache")
    store = Store(home).deployments
    store.create("delays", port=3080)
    run = store.add_run("delays", bento="/b", python="/p", workers=1).run
    store.change_run("delays", run, version=1)
    store.switch("delays", run)
    folder = home.deployment("delays") / f"run-{run}"
    folder.mkdir(parents=True)
    (folder / "service.json").write_bytes(msgspec.json.encode(ServiceSettings(name="delays", version=1, traffic=True)))
    return home


def told(home: Home) -> ServiceSettings:
    return read(home.deployment("delays") / "run-1" / "service.json", ServiceSettings)


def texts(home: Home) -> list[str]:
    return [rule.text for rule in Store(home).alerts.rules("delays")]


def test_the_service_learns_outcomes_slices_and_how_long_labels_wait(home: Home) -> None:
    given = [
        "conversion below 0.03 over 7d",
        Alert("cost", above=2, where={"town": "Ulm"}),
        "accuracy below 0.6 over 7d",
    ]
    limits.apply(home, "delays", Limits.of(given, None, "7d"))
    settings = told(home)
    assert (settings.outcomes, settings.slices) == (("conversion", "cost"), (("town", "Ulm"),))
    assert settings.maturation == 7 * 86400
    assert settings.traffic


def test_a_deploy_again_makes_its_own_list_the_truth_and_leaves_what_was_added_by_hand(home: Home) -> None:
    limits.apply(home, "delays", Limits.of(["a above 1 over 7d", "b above 1 over 7d"], SLO(p99_ms=50)))
    Deployment("delays", home=home).add_alert("c above 1 over 7d")
    limits.apply(home, "delays", Limits.of(None, None))
    assert len(texts(home)) == 4
    limits.apply(home, "delays", Limits.of("b above 1 over 7d", None))
    assert texts(home) == ["b above 1 over 7d", "slow above 0.01 over 1h", "c above 1 over 7d"]
    assert Store(home).deployments.get("delays").settings["slo"]["p99_ms"] == 50
    assert told(home).outcomes == ("b", "c")
    Deployment("delays", home=home).remove_alert("c above 1 over 7d")
    assert told(home).outcomes == ("b",)


@pytest.mark.parametrize(
    ("alert", "why"),
    [
        (Alert("mae", above=1), "models of numbers"),
        (Alert("conversion", below=1, where={"carrier": "UA"}), "no column `carrier`; it has age, town"),
        (Alert("rejected", above=0.02, where={"town": "Ulm"}), "is in no slice"),
        (Alert("availability", below=0.99, where={"town": "Ulm"}), "of all requests"),
        (Alert("slow", above=0.01, where={"town": "Ulm"}), "of all requests"),
    ],
)
def test_what_can_never_be_told_is_refused_before_anything_is_made(alert: Alert, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        limits.check(SIGNATURE, [alert])
    assert why in caught.value.why


def test_what_can_never_be_told_of_a_service_elsewhere_is_refused_too(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", tmp_path / "cache")
    Feed(Store(home)).minute(0)
    with pytest.raises(UsageError, match="can never be told"):
        Deployment("delays", home=home).add_alert("rejected above 0.02 over 1d where town=Ulm")
    assert texts(home) == []


def test_slices_are_bounded() -> None:
    many = [Alert("conversion", below=1, where={"town": str(n)}) for n in range(21)]
    limits.check(SIGNATURE, many[:20])
    with pytest.raises(UsageError, match="at most 20"):
        limits.check(SIGNATURE, many)


@pytest.mark.parametrize("given", [[3], ["conversion"], {"a": 1}])
def test_what_is_no_alert_is_refused(given: Any) -> None:
    with pytest.raises(UsageError, match="no alert"):
        Limits.of(given, None)


def test_a_length_of_time_that_is_none_is_refused_before_anything_is_made() -> None:
    with pytest.raises(UsageError, match="no length of time"):
        Limits.of(None, None, "a month")


def test_the_way_back_is_the_newest_older_version_that_took_traffic(home: Home) -> None:
    store = Store(home).deployments
    with pytest.raises(NotFound, match="nothing to go back to"):
        versions.roll_back(home, "delays")
    for version in (2, 3):
        run = store.add_run("delays", bento="/b", python="/p", workers=1).run
        store.change_run("delays", run, version=version)
        store.switch("delays", run)
    assert store.before("delays", 3) == 2
    assert store.before("delays", 1) is None
    store.note("delays", "rollback", version=1, replaced=2)
    assert store.before("delays", 3) == 1
    store.note("delays", "rollback", version=2, replaced=1)
    assert store.before("delays", 3) == 1
    store.switch("delays", 2)
    store.switch("delays", 3)
    assert store.before("delays", 3) == 2
    with pytest.raises(Conflict, match="at version 3 already"):
        versions.roll_back(home, "delays", 3)
