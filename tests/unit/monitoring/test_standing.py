"""One story: what the alert says stands, `drift`, status and report say too, and what is over all of them tell as over."""

from __future__ import annotations

from pathlib import Path

import pytest
from alerting import Feed, after, deploy
from msgspec.structs import replace

from nb2prod.home import Home
from nb2prod.monitoring import drift
from nb2prod.monitoring.alerts.evaluation import Evaluator
from nb2prod.monitoring.report import Page, of_deployment, words
from nb2prod.monitoring.standing import moment, spoken, stood
from nb2prod.monitoring.statistics.gaps import GATE
from nb2prod.records.monitoring import FeatureDrift
from nb2prod.records.serving import ServiceStatus
from nb2prod.sdk import card
from nb2prod.store import Store

UP = ServiceStatus(name="delays", state="live", url=None, version=1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(Home(tmp_path / "home", tmp_path / "cache"))
    deploy(made)
    return made


def watched(store: Store, feed: Feed, evaluator: Evaluator, shifts: dict[range, float]) -> None:
    for minutes, shift in shifts.items():
        for minute in minutes:
            feed.minute(minute, shift=shift)
            evaluator.turn("delays", after(minute))


def test_what_stands_is_said_with_the_alerts_own_figures_everywhere(store: Store) -> None:
    watched(store, Feed(store), Evaluator(store), {range(20): 0.0, range(20, 40): 1.0})
    (alert,) = store.alerts.open("delays")
    found = {one.feature: one for one in drift(store, "delays")}
    assert {name for name, one in found.items() if one.drifted} == set(alert.features) == {"age"}
    age, (moved,) = found["age"], alert.moved
    assert (age.direction, age.low, age.effect) == (moved.direction, round(moved.bound, 6), round(moved.effect, 6))
    assert age.since == moment(alert.first)
    assert 1800 <= found["town"].rows <= 2200  # the rows since the change, not the whole life
    report = of_deployment(store, "delays")
    assert [one for one in report.drift if one.drifted] == [age]
    assert report.bound == GATE
    text = Page(report).text()
    shown = card.drift(list(found.values()), "delays").text()
    status = card.deployment(UP, drift=list(found.values()), performance=[], voice="terminal").text()
    for said in (text, shown, status):
        assert spoken(age.since) in said
        assert moved.direction in said
    assert spoken(age.since) in alert.title
    assert moved.direction in alert.what
    assert f"at least {moved.bound:.2g}" in alert.what


def test_what_is_over_is_told_as_over_with_its_span_and_stands_nowhere(store: Store) -> None:
    feed, evaluator = Feed(store), Evaluator(store)
    watched(store, feed, evaluator, {range(20): 0.0, range(20, 40): 1.0, range(40, 110): 0.0})
    assert store.alerts.open("delays") == ()
    (alert,) = store.alerts.all("delays")
    found = {one.feature: one for one in drift(store, "delays")}
    assert not any(one.drifted for one in found.values())
    age, (moved,) = found["age"], alert.moved
    assert moved.ended is not None
    assert (age.since, age.until, age.was) == (moment(moved.first), moment(moved.ended), moved.direction)
    assert age.effect < 0.2  # of the rows since it was over: the mean of the whole life is past it
    span = stood(age.since, age.until)
    report = of_deployment(store, "delays")
    assert Page(report).text().startswith("delays 1: all is as in training again over ")
    for said in (
        Page(report).text(),
        Page(report).html(),
        card.drift(list(found.values()), "delays").text(),
        card.deployment(UP, drift=list(found.values()), performance=[], voice="terminal").text(),
    ):
        assert span in " ".join(said.split())
        assert moved.direction in " ".join(said.split())


def test_where_nobody_watches_what_is_certain_over_all_rows_is_named(store: Store) -> None:
    feed = Feed(store)
    for minute in range(20):
        feed.minute(minute, shift=1.0)
    assert [one.feature for one in drift(store, "delays") if one.drifted] == ["age"]


def test_a_span_of_one_day_says_the_day_once() -> None:
    assert stood("2026-11-27T12:04Z", "2026-11-27T12:13Z") == "Fri 27 Nov 12:04 to 12:13 UTC"
    assert stood("2026-11-27T12:04Z", "2026-11-28T02:13Z") == "Fri 27 Nov 12:04 to Sat 28 Nov 02:13 UTC"
    assert (spoken("2013-06"), spoken("2013-06-02")) == ("June 2013", "2013-06-02")


def test_what_began_at_one_time_is_told_with_that_time_once() -> None:
    since = "2026-11-27T13:12Z"
    fields = {"period": None, "rows": 9, "effect": 1.0, "low": 0.9, "drifted": True, "direction": "up"}
    moved = [FeatureDrift(feature=name, since=since, **fields) for name in ("age", "@score")]  # type: ignore[arg-type]
    shown = card.deployment(UP, drift=moved, performance=[]).text()
    assert "2 drifts since Fri 27 Nov 13:12 UTC: age up, score up" in " ".join(shown.split())


def test_what_is_far_without_an_alarm_is_not_said_to_be_uncertain() -> None:
    far = FeatureDrift(feature="x", period=None, rows=9, effect=0.7, low=0.6, drifted=False, direction="up")
    assert words.compared(far, GATE) == "up; at least .60 σ, and no alarm of it stands"
    assert words.compared(replace(far, low=0.01), GATE) == "up; not for certain past .04 σ"


def test_what_ended_with_its_version_is_over_though_the_version_comes_back(store: Store) -> None:
    feed, evaluator = Feed(store), Evaluator(store)
    watched(store, feed, evaluator, {range(20): 0.0, range(20, 30): 1.0})
    deploy(store)
    watched(store, Feed(store, version=2, source="t"), evaluator, {range(31, 33): 0.0})
    store.deployments.switch("delays", 1)
    assert store.alerts.open("delays") == ()
    (age,) = [one for one in drift(store, "delays") if one.feature == "age"]
    assert (age.drifted, age.until) == (False, moment(store.alerts.all("delays")[0].ended or 0.0))
