"""One story: what the alert says stands, `drift`, status and report say too, and what is over all of them tell as over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from alerting import Feed, after, deploy
from msgspec.structs import replace

from nb2prod.home import Home
from nb2prod.monitoring import drift, performance
from nb2prod.monitoring.alerts.evaluation import Evaluator
from nb2prod.monitoring.exposition import figures
from nb2prod.monitoring.report import Page, of_deployment, words
from nb2prod.monitoring.spans import between, line
from nb2prod.monitoring.standing import limits, moment, spoken, stood
from nb2prod.monitoring.statistics.gaps import GATE
from nb2prod.records.alerts import Alert, Moved
from nb2prod.records.monitoring import FeatureDrift
from nb2prod.records.serving import ServiceStatus
from nb2prod.sdk import card
from nb2prod.sdk.deployment import Deployment
from nb2prod.store import Store
from nb2prod.store.labels import Told
from nb2prod.store.panes import Pane

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


def test_a_life_of_twenty_minutes_is_drawn_over_time_with_the_change_as_a_band(store: Store) -> None:
    watched(store, Feed(store), Evaluator(store), {range(11): 0.0, range(11, 20): 0.7})
    report = of_deployment(store, "delays")
    assert report.by == "minute"
    assert len(report.periods) == 20
    first, last = report.changed["age"]
    assert first <= "2023-11-14T12:11Z" <= last
    assert last < "2023-11-14T12:16Z"
    page = Page(report).html()
    assert "the band is the time in which the change began" in page
    assert f"The change began within {stood(first, last)}" in page
    young = replace(report, course=tuple(one for one in report.course if one.period == first))
    assert words.ONE_PERIOD in Page(young).html()


def test_a_report_of_one_feature_is_of_that_one_alone(store: Store) -> None:
    store.alerts.declare("delays", [Alert("conversion", below=0.3, over="1h")])
    watched(store, Feed(store), Evaluator(store), {range(11): 0.0, range(11, 20): 0.7})
    page = Page(of_deployment(store, "delays", feature="age"))
    lines = page.text().splitlines()
    assert lines[0].startswith("delays 1: age: up: median")
    assert sum(line.startswith("  ▲ ") for line in lines) >= 8
    assert sum(line.startswith("  · ") for line in lines) >= 8
    assert any(line.startswith("  the change began within Tue 14 Nov 12:") for line in lines)
    for said in (page.text(), page.html()):
        assert "delays: age has moved up" in said
        assert "town" not in said
        assert "accuracy .7" not in said
        assert "Pays" not in said
    calm = Page(of_deployment(store, "delays", feature="town"))
    assert calm.text().startswith("delays 1: town: as in training")
    assert "age" not in calm.text()


@pytest.mark.parametrize(
    ("minutes", "rows", "by"),
    [(20, 100, "minute"), (90, 100, "2 minutes"), (90, 5, "10 minutes"), (600, 50, "30 minutes"), (2000, 50, "hour")],
)
def test_a_time_line_has_periods_that_rows_and_counts_are_enough_for(minutes: int, rows: int, by: str) -> None:
    panes = [Pane(grain="minute", period=60 * minute, rows=rows, counts={}) for minute in range(minutes)]
    assert line(panes) == by
    assert line([*panes, Pane(grain="day", period=-86400, rows=9, counts={})]) == "day"
    found = between("2023-11-14T12:00Z", "2023-11-14T14:00Z", by)
    assert (found[0], found[-1]) == ("2023-11-14T12:00Z", "2023-11-14T14:00Z")


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
    errors = Moved(
        feature="@labels", kind="performance", direction="errors 0.1 to 0.3", effect=0.2, bound=0.1, first=0.0
    )
    standing = replace(alert, kind="performance", subject="@labels", moved=(errors,), ended=None)
    wrong = Page(replace(report, alerts=(alert, standing))).text()
    assert wrong.startswith("delays 1: 1 alert stands, nothing has moved over ")
    assert "errors 0.1 to 0.3" in wrong
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


def test_a_version_without_rows_has_no_figures_of_another_one(store: Store) -> None:
    watched(store, Feed(store), Evaluator(store), {range(20): 0.0, range(20, 40): 1.0})
    deploy(store)
    assert (drift(store, "delays"), performance(store, "delays")) == ([], [])
    assert b"nb2prod_drift_effect" not in figures(store, "delays", after(41))
    assert b"nb2prod_performance" not in figures(store, "delays", after(41))
    report = of_deployment(store, "delays", status=replace(UP, version=2))
    assert (report.version, report.rows) == (2, 0)
    text = Page(report).text()
    assert text.startswith("delays 2: no rows of version 2 yet")
    assert words.right(report) == "no rows of version 2 yet"
    assert "  Version 1 has rows. nb2prod report delays --version 1" in text.splitlines()
    assert "  delays 1: age has moved up" in text
    assert "  delays: age has moved up" not in text
    before = of_deployment(store, "delays", version=1)
    assert (before.version, before.rows) == (1, 4000)
    assert "  delays: age has moved up" in words.text(before)


def test_the_rows_of_a_version_are_its_own_as_soon_as_there_are_any(store: Store) -> None:
    Feed(store).minute(0)
    deploy(store)
    Feed(store, version=2, source="t").minute(1, rows=30)
    report = of_deployment(store, "delays")
    assert (report.version, report.rows) == (2, 30)
    assert not any(line.startswith("nb2prod report") for _, line in report.missing)


def test_the_status_of_a_version_without_rows_says_so_and_whose_alerts_stand(store: Store) -> None:
    watched(store, Feed(store), Evaluator(store), {range(20): 0.0, range(20, 40): 1.0})
    handle = Deployment("delays", home=store.database.home)
    own = handle.with_labels(UP)
    assert own.alerts[0].startswith("delays: age has moved")
    assert "1 alert stands: age has moved up" in card.deployment(own, drift=[], performance=[]).text()
    other = handle.with_labels(replace(UP, version=2))
    assert other.alerts[0].startswith("delays 1: age has moved")
    said = card.deployment(other, drift=drift(store, "delays", version=2), performance=[]).text()
    assert "No rows of version 2 yet." in said
    assert "1 alert of version 1 stands: age has moved up" in said
    assert "1 alert of version 1 stands: age has moved up" in card.deployments([other]).text()
    assert card.drift([], "delays", 2).text().startswith("delays: no rows of version 2 yet")


def test_a_limit_that_is_past_is_in_the_headline_and_every_limit_is_shown(store: Store) -> None:
    rules = store.alerts.declare("delays", [Alert("conversion", below=limit / 10) for limit in range(1, 6)])
    feed, evaluator = Feed(store), Evaluator(store)
    for minute in range(10):
        feed.minute(minute)
        feed.outcome(minute, np.zeros(100))
    evaluator.turn("delays", after(10))
    report = of_deployment(store, "delays")
    count = len(store.alerts.open("delays"))
    assert count == 5
    assert words.title(report).startswith("delays 1: 5 alerts stand, nothing has moved")
    assert words.title(replace(report, alerts=())).startswith("delays 1: 5 limits are past for certain, nothing")
    assert all(rule.text in words.pays(report) for rule in rules)
    many = replace(report, alerts=report.alerts * 2)
    assert "  and 2 more" in words.text(many).splitlines()


def test_what_was_read_of_another_version_says_nothing_of_this_one(store: Store) -> None:
    store.alerts.declare("delays", [Alert("conversion", below=0.5)])
    feed, evaluator = Feed(store), Evaluator(store)
    for minute in range(10):
        feed.minute(minute)
        feed.outcome(minute, np.zeros(100))
    evaluator.turn("delays", after(10))
    assert "past its limit" in words.pays(of_deployment(store, "delays"))
    deploy(store)
    for _ in range(2):
        assert words.pays(of_deployment(store, "delays")) == "conversion below 0.5 over 7d: too few reports yet"
        assert [rule.reading.verdict for rule in limits(store, "delays")] == ["waiting"]
        Feed(store, version=2, source="t").minute(11)
    store.deployments.switch("delays", 1)
    assert "past its limit" in words.pays(of_deployment(store, "delays"))


@pytest.mark.parametrize(("held", "said"), [(10, "10 labels wait for their prediction"), (1, "1 label waits for its")])
def test_labels_that_wait_for_their_prediction_are_in_the_report(store: Store, held: int, said: str) -> None:
    Feed(store).minute(0)
    assert "No labels yet" in Page(of_deployment(store, "delays")).text()
    with store.database.write() as connection:
        store.labels.tell(connection, Told(outbox="o", name="delays", last=1, collected=0.0, held=held))
    page = Page(of_deployment(store, "delays"))
    assert said in page.text()
    assert said in page.html()
    assert page.as_dict()["labels_waiting"] == held
    assert "No labels yet" not in page.text()
