"""From increments in a store to alerts and planned actions: each once, whatever is cut off or restarted."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from alerting import WATCHED, Feed, after, beside, deploy
from spooling import NOON

from nb2prod.cli import spoken
from nb2prod.home import Home
from nb2prod.lifecycle.notify import message
from nb2prod.monitoring import snapshot
from nb2prod.monitoring.alerts.course import Course
from nb2prod.monitoring.alerts.evaluation import Evaluator, Pulse
from nb2prod.monitoring.alerts.life import Life
from nb2prod.monitoring.alerts.measures import measure
from nb2prod.monitoring.alerts.traffic import HOUR, Rhythm
from nb2prod.monitoring.alerts.words import drift_what, moment
from nb2prod.monitoring.statistics.harm import Harm, Verdict
from nb2prod.records.alerts import SLO, Alert, AlertRecord
from nb2prod.records.monitoring import Alarm, Increment
from nb2prod.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(Home(tmp_path / "home", tmp_path / "cache"))
    deploy(made)
    return made


def told(store: Store) -> list[tuple[str, str, bool]]:
    return [(one.kind, one.subject, one.ended is not None) for one in store.alerts.all("delays")]


def planned(store: Store) -> list[tuple[str, str]]:
    return [(row.verb, row.detail["phase"]) for row in store.actions.log("delays")]


def test_a_drift_is_one_alert_with_what_moved_since_when_and_what_to_try(store: Store) -> None:
    feed, evaluator = Feed(store), Evaluator(store)
    for minute in range(40):
        feed.minute(minute, shift=0.0 if minute < 20 else 1.0)
        evaluator.turn("delays", after(minute))
    (one,) = store.alerts.open("delays")
    assert (one.kind, one.subject, one.version) == ("drift", "age", 1)
    assert abs(one.first - (NOON + 20 * 60)) <= 180
    assert one.title.startswith("delays: age has moved up since about Tue 14 Nov 12:")
    assert "median" in one.what
    assert "standard deviations" in one.what
    assert "version 1" in one.rows
    again = "%deploy model --name delays  # after retraining"
    assert one.tries == ("nb2prod drift delays", "nb2prod status delays", again)
    assert spoken.line(again) == "nb2prod deploy notebook.ipynb --model model --name delays  # after retraining"
    assert "a season cannot be told from drift" in one.matters
    assert planned(store) == [("notify", "begin")]
    assert one.text().splitlines()[1].startswith("  what     up: median")


def test_a_harmless_drift_is_a_note_until_the_scores_show_harm(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    feed, evaluator = Feed(store), Evaluator(store)
    with monkeypatch.context() as calm:
        calm.setattr(Harm, "judge", lambda *_: Verdict(False, "harmless by the scores", 0.0, -0.001, 0.001))
        calm.setattr(Harm, "shown", lambda *_: False)
        for minute in range(20):
            feed.minute(minute, shift=1.0)
        evaluator.turn("delays", after(20))
        (one,) = store.alerts.open("delays")
        assert one.severity == "note"
        assert one.matters.startswith("harmless by the scores")
        assert planned(store) == []
    monkeypatch.setattr(Harm, "shown", lambda *_: True)
    for minute in range(21, 40):
        feed.minute(minute, shift=1.0)
    evaluator.turn("delays", after(40))
    (one,) = store.alerts.open("delays")
    assert one.severity == "page"
    assert planned(store) == [("notify", "begin")]


def test_the_way_back_is_offered_where_there_is_one(store: Store) -> None:
    deploy(store)
    feed, evaluator = Feed(store, version=2), Evaluator(store)
    for minute in range(20):
        feed.minute(minute, shift=1.0)
    evaluator.turn("delays", after(20))
    assert "nb2prod rollback delays" in store.alerts.open("delays")[0].tries
    store.deployments.switch("delays", 1)
    older = Feed(store, source="t")
    for minute in range(21, 40):
        older.minute(minute, shift=1.0)
    evaluator.turn("delays", after(40))
    assert [one.version for one in store.alerts.all("delays")] == [2, 1]
    assert not any("nb2prod rollback delays" in one.tries for one in store.alerts.all("delays"))


def test_restarted_at_every_turn_it_tells_the_same_and_nothing_twice(store: Store, tmp_path: Path) -> None:
    other = Store(Home(tmp_path / "other", tmp_path / "cache"))
    deploy(other)
    whole = Evaluator(other)
    first, second = Feed(store), Feed(other)
    for minute in range(40):
        for feed in (first, second):
            feed.minute(minute, shift=0.0 if minute < 20 else 1.0)
        Evaluator(store).turn("delays", after(minute))
        whole.turn("delays", after(minute))
    assert store.alerts.all("delays") == other.alerts.all("delays")
    assert planned(store) == planned(other) == [("notify", "begin")]


def test_a_turn_that_is_cut_off_before_it_is_kept_is_taken_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    feed, evaluator = Feed(store), Evaluator(store)
    for minute in range(30):
        feed.minute(minute, shift=1.0)
    with monkeypatch.context() as patch:
        patch.setattr(store.alerts, "move", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            evaluator.turn("delays", after(30))
    assert told(store) == []
    evaluator.turn("delays", after(30))
    life = evaluator._lives[next(iter(evaluator._lives))]
    assert life.monitor.rows == 3000
    assert told(store) == [("drift", "age", False)]


def test_what_arrives_late_is_read_once_and_an_unfinished_minute_waits(store: Store) -> None:
    feed, late, evaluator = Feed(store), Feed(store, source="another"), Evaluator(store)
    feed.minute(10)
    feed.minute(12)
    evaluator.turn("delays", after(10))
    late.minute(3)
    evaluator.turn("delays", after(10))
    evaluator.turn("delays", after(12))
    evaluator.turn("delays", after(12))
    (life,) = evaluator._lives.values()
    assert life.monitor.rows == 300
    assert store.alerts.place("delays").through == 3
    assert store.alerts.place("delays").beyond == ()


def test_other_code_bets_again_on_the_counts_and_tells_nothing_twice(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = Feed(store)
    for minute in range(30):
        feed.minute(minute, shift=1.0)
    Evaluator(store).turn("delays", after(30))
    monkeypatch.setattr(snapshot, "_layout", lambda: "another")
    feed.minute(31, shift=1.0)
    evaluator = Evaluator(store)
    evaluator.turn("delays", after(31))
    (life,) = evaluator._lives.values()
    assert life.monitor.rows == 3100
    assert told(store) == [("drift", "age", False)]


def test_an_alert_is_over_when_its_version_takes_no_traffic_any_more(store: Store) -> None:
    feed, evaluator = Feed(store), Evaluator(store)
    for minute in range(20):
        feed.minute(minute, shift=1.0)
    evaluator.turn("delays", after(20))
    deploy(store)
    newer = Feed(store, version=2)
    newer.minute(25)
    evaluator.turn("delays", after(25))
    assert told(store) == [("drift", "age", True)]
    assert "takes no traffic any more" in store.alerts.all("delays")[0].done[-1]
    assert planned(store) == [("notify", "begin"), ("notify", "end")]


def test_a_version_that_is_live_again_is_told_of_anew(store: Store) -> None:
    store.alerts.declare("delays", [Alert("conversion", below=0.3, over="1h")])
    deploy(store)
    store.deployments.switch("delays", 1)
    feeds, evaluator = {1: Feed(store), 2: Feed(store, version=2, source="t")}, Evaluator(store)

    def live(version: int, minutes: range) -> None:
        store.deployments.switch("delays", version)
        for minute in minutes:
            feeds[version].minute(minute, shift=2.0 - version)
            feeds[version].outcome(minute, np.full(100, version - 1.0))
            evaluator.turn("delays", after(minute))

    live(1, range(20))
    assert {kind for kind, _, over in told(store) if not over} == {"limit", "drift"}
    live(2, range(20, 25))
    live(1, range(25, 45))
    live(1, range(45, 50))
    both = sorted((one.version, one.kind, one.ended is not None) for one in store.alerts.all("delays"))
    assert both == [(1, kind, over) for kind in ("drift", "limit") for over in (False, True)]
    assert planned(store).count(("notify", "begin")) == 4


def test_after_a_rollback_an_alert_shows_its_own_versions_figures_and_the_end_says_how_it_is_now(store: Store) -> None:
    words = "conversion below 0.3 over 1h", "conversion below 0.2 over 1h", "cost above 9 over 1h"
    store.alerts.declare("delays", [Alert.parse(text) for text in words])
    deploy(store)
    store.deployments.switch("delays", 1)
    feeds, evaluator = {1: Feed(store), 2: Feed(store, version=2, source="t")}, Evaluator(store)
    random, shares = np.random.default_rng(3), {1: 0.1, 2: 0.0}

    def live(version: int, minutes: range) -> None:
        store.deployments.switch("delays", version)
        for minute in minutes:
            feeds[version].minute(minute, shift=1.0)
            feeds[version].outcome(minute, (random.random(100) < shares[version]).astype(float))
            feeds[version].outcome(minute, np.full(100, 3.0 * version), "cost")
            evaluator.turn("delays", after(minute))

    live(1, range(20))
    seen = next(one for one in store.alerts.open("delays") if one.kind == "drift")
    store.alerts.acknowledge("delays", seen.id, by="ada", when=after(20))
    live(2, range(20, 40))
    live(1, range(40, 42))
    ended = [one for one in store.alerts.all("delays") if one.successor == 1]
    assert {one.version for one in ended} == {2}
    limit = next(one for one in ended if one.subject == words[0])
    assert limit.done[-1].startswith("version 2 takes no traffic any more, version 1 does: conversion is 0.")
    assert limit.done[-1].endswith("there, past this limit too")
    assert message(limit, "end")[0] == "Over for version 2: delays: conversion is below 0.3 over 1h"
    drift = next(one for one in ended if one.kind == "drift")
    assert drift.done[-1].endswith("version 1 does: the same stands there too")
    again = {one.subject: one for one in store.alerts.open("delays")}
    assert set(again) == {"age", *words[:2]}
    assert "cost 3 (" in again[words[0]].matters
    assert "conversion" not in again[words[0]].matters
    assert "conversion 0.1" in again["age"].matters or "conversion 0.0" in again["age"].matters
    assert "conversion 0 (" not in again["age"].matters
    told = f"the same of version 1 was acknowledged by ada on {moment(after(20))}, as alert {seen.id}"
    assert told in again["age"].text()
    assert again["age"].acknowledged is None
    assert not any("acknowledged" in step for step in again[words[0]].done)


def test_what_joins_an_open_alert_is_told_where_it_is_another_thing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def alarm(feature: str, kind: str, first: int) -> Alarm:
        rows = {"first_row": first, "earliest": first, "latest": first, "raised": first + 50, "group": 1}
        return Alarm(feature=feature, kind=kind, effect=0.3, bound=0.2, direction="up", evidence=9.0, **rows)

    found, feed, evaluator = [alarm("@labels", "performance", 50)], Feed(store), Evaluator(store)
    monkeypatch.setattr(Life, "alarms", lambda *_: {1: found} if found else {})

    def turned(minute: int, *more: Alarm) -> list[tuple[str, str]]:
        feed.minute(minute)
        found.extend(more)
        evaluator.turn("delays", after(minute))
        return planned(store)

    assert turned(0) == [("notify", "begin")]
    turned(10, alarm("age", "drift", 50))  # the first column: what the errors come from
    assert turned(11) == [("notify", "begin"), ("notify", "more")]
    turned(12, alarm("town", "drift", 50))  # began with it, and was seen later
    assert len(planned(store)) == 2
    feed.minute(13, rows=2000)
    turned(14, alarm("@score", "prediction", 450))  # began after it was told
    assert planned(store)[2:] == [("notify", "more")]
    assert "errors" in store.alerts.open("delays")[0].title
    assert "age, town and the score have changed together" in store.alerts.open("delays")[0].title


def test_what_moved_is_told_by_its_size_and_errors_last() -> None:
    def alarm(feature: str, kind: str, effect: float) -> Alarm:
        rows = {"first_row": 0, "earliest": 0, "latest": 1, "raised": 9, "group": 1, "evidence": 9.0}
        return Alarm(feature=feature, kind=kind, effect=effect, bound=effect / 2, direction="up", **rows)

    said = drift_what(
        [alarm("@labels", "performance", 9.0), alarm("items", "drift", 0.19), alarm("basket", "drift", 0.32)]
    )
    assert said.startswith("basket up; items up; up; by at least 0.16 of")


def test_a_limit_is_told_when_it_is_passed_for_certain_and_once_more_when_it_is_over(store: Store) -> None:
    alert = Alert("conversion", below=0.3, over="1h", then=("notify", "rollback"))
    store.alerts.declare("delays", [alert])
    feed, evaluator, random = Feed(store), Evaluator(store), np.random.default_rng(1)
    for minute in range(300):
        share = 0.15 if 100 <= minute < 160 else 0.5
        feed.minute(minute, rows=50)
        feed.outcome(minute, (random.random(50) < share).astype(float))
        evaluator.turn("delays", after(minute))
        if minute == 150:
            (one,) = store.alerts.open("delays")
            assert one.subject == "conversion below 0.3 over 1h"
            assert one.title == "delays: conversion is below 0.3 over 1h"
            assert "limit 0.3; certain to 95 % over the whole life" in one.what
            assert store.alerts.rules("delays")[0].reading.verdict == "page"
    assert told(store) == [("limit", "conversion below 0.3 over 1h", True)]
    assert planned(store) == [("rollback", "begin"), ("notify", "begin"), ("notify", "end")]
    assert store.alerts.rules("delays")[0].reading.verdict == "fine"


def test_a_limit_that_is_added_later_sees_what_came_before_it(store: Store) -> None:
    feed, evaluator = Feed(store), Evaluator(store)
    confusion = [(0, 20), (1, 5), (3, 15), (4, 10)]  # predicted × true, in rows of three
    for minute in range(70):
        feed.minute(minute, rows=50, **{"@agreed": [(0, 20), (1, 30)], "@confusion": confusion})
        evaluator.turn("delays", after(minute))
    store.alerts.declare("delays", [Alert("accuracy", below=0.7, over="1h"), Alert("f1", below=0.9, over="1h")])
    for turning in (evaluator, Evaluator(store)):
        turning.turn("delays", after(70))
        accuracy, f1 = (rule.reading for rule in store.alerts.rules("delays"))
        assert (accuracy.verdict, accuracy.value) == ("page", pytest.approx(0.6))
        assert 50 * 50 <= accuracy.n <= 60 * 50
        assert f1.value == pytest.approx(2 * 10 / (2 * 10 + 15 + 5))
        assert f1.low < f1.value < f1.high < 0.9
    feed.minute(71, rows=50, **{"@agreed": [(0, 20), (1, 30)]})
    evaluator.turn("delays", after(71))
    assert store.alerts.rules("delays")[0].reading.n <= accuracy.n + 50
    limits = [one.subject for one in store.alerts.open("delays") if one.kind == "limit"]
    assert limits == ["accuracy below 0.7 over 1h", "f1 below 0.9 over 1h"]


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("precision", 10 / 25),
        ("recall", 10 / 15),
        ("f1", 20 / 40),
        ("false_positives", 15 / 50),
        ("false_negatives", 5 / 50),
    ],
)
def test_metrics_of_two_classes_follow_from_the_table_of_said_and_true(metric: str, value: float) -> None:
    confusion = [(0, 20), (1, 5), (3, 15), (4, 10)]
    one = Increment(
        source="s",
        sequence=1,
        name="delays",
        version=1,
        model=WATCHED.key,
        grain="minute",
        period=0,
        arrived=0,
        rows=50,
        counts={"@confusion": confusion},
    )
    alert, course = Alert(metric, above=0.0, min_count=1), Course.of(Alert(metric, above=0.0))
    course.add(alert, measure(alert, one, WATCHED.baseline), 0.0, 0.0)
    assert course.read(alert, 1.0, 0.05).value == pytest.approx(value)


def test_a_limit_speaks_of_no_time_before_the_first_report(store: Store) -> None:
    store.alerts.declare("delays", [Alert("conversion", below=0.9, over="7d")])
    feed, evaluator = Feed(store), Evaluator(store)
    for minute in range(20):
        feed.minute(minute, rows=50)
        feed.outcome(minute, np.zeros(50))
    evaluator.turn("delays", after(20))
    assert store.alerts.rules("delays")[0].reading.since == NOON


def test_a_limit_of_a_slice_looks_at_the_slice_alone(store: Store) -> None:
    store.alerts.declare("delays", [Alert("cost", above=2.0, per="prediction", over="1h", where={"town": "Ulm"})])
    feed, evaluator = Feed(store), Evaluator(store)
    from nb2prod.runtime import sums

    for minute in range(40):
        costs = np.full(30, 9.0)
        feed.minute(
            minute,
            rows=100,
            **{
                "@slice.town=Ulm": [(0, 50)],
                "@outcome.cost": sums.exact(costs),
                "@outcome.cost|town=Ulm": sums.exact(costs),
                "@squares.cost|town=Ulm": sums.exact(costs**2),
                "@rest.cost|town=Ulm": [(0, 30)],
            },
        )
    evaluator.turn("delays", after(40))
    (rule,) = store.alerts.rules("delays")
    assert rule.reading.value == pytest.approx(30 * 9 / 50)
    assert store.alerts.open("delays")[0].title == "delays: cost where town=Ulm is above 2 over 1h"


def test_refused_requests_are_told_with_column_and_reason(store: Store) -> None:
    feed, evaluator = Feed(store), Evaluator(store)
    for minute in range(60):
        more = {"@refused.wrong-type|age": [(0, 20)], "@refused.malformed-json|": [(0, 1)]} if minute >= 40 else {}
        feed.minute(minute, rows=100, **more)
        evaluator.turn("delays", after(minute))
    (one,) = store.alerts.open("delays")
    assert (one.kind, one.subject) == ("rejected", "wrong-type|age")
    assert "age: wrong-type (" in one.what


def test_silence_is_told_of_a_version_that_no_row_has_reached(store: Store) -> None:
    feed, evaluator, now = Feed(store), Evaluator(store), after(60)
    feed.minute(0)
    evaluator.turn("delays", now - 10)
    deploy(store)  # a version that answers nobody
    hours = range(int(now // HOUR) - 60, int(now // HOUR))
    kept = Rhythm(
        hours=dict.fromkeys(hours, 200),
        watched=dict.fromkeys(hours, float(HOUR)),
        last_row=now - HOUR,
        looked=now - 10,
        awake=now - 60 * HOUR,
    )
    with store.database.write() as connection:
        store.alerts.keep(connection, "delays", 0, "traffic", msgspec.msgpack.encode(kept))
    evaluator.turn("delays", now)
    (one,) = store.alerts.open("delays")
    assert (one.kind, one.subject, one.version) == ("traffic", "silence", 2)


def test_service_levels_are_watched_by_the_services_own_counts(store: Store) -> None:
    store.alerts.declare("delays", SLO(p99_ms=50, availability=0.99).alerts())
    feed, evaluator = Feed(store), Evaluator(store)
    for minute in range(60):
        feed.minute(minute, rows=10)
        failed = 30 if minute >= 30 else 0
        evaluator.turn("delays", after(minute), pulse=Pulse(200, failed, 1))
    (one,) = [record for record in store.alerts.open("delays") if record.kind == "limit"]
    assert one.title.startswith("delays: fewer than 99 % of requests are answered")
    readings = {rule.alert.metric: rule.reading.verdict for rule in store.alerts.rules("delays")}
    assert readings == {"availability": "page", "slow": "fine"}


def test_no_alert_is_without_something_to_try(store: Store) -> None:
    feed, evaluator = Feed(store), Evaluator(store)
    for minute in range(30):
        feed.minute(minute, shift=1.0, **{"@refused.null|age": [(0, 50)]})
        evaluator.turn("delays", after(minute))
    found: tuple[AlertRecord, ...] = store.alerts.all("delays")
    assert {one.kind for one in found} == {"drift", "rejected"}
    assert all(one.tries for one in found)


def test_calm_traffic_tells_nothing(store: Store) -> None:
    store.alerts.declare("delays", [Alert("conversion", below=0.1, over="1h")])
    feed, evaluator, random = Feed(store), Evaluator(store), np.random.default_rng(2)
    for minute in range(120):
        feed.minute(minute)
        feed.outcome(minute, (random.random(20) < 0.2).astype(float))
        evaluator.turn("delays", after(minute))
    assert told(store) == []
    assert planned(store) == []


# A canary beside the version that has the traffic.


def fed(store: Store, minutes: range, worth: float, **shifts: float) -> None:
    """Rows and a conversion for both: the champion's are well, the canary's are of that worth and shift."""
    for feed, value, shift in (
        (Feed(store), 1.0, 0.0),
        (Feed(store, version=2, source="canary"), worth, shifts.get("shift", 0.0)),
    ):
        for minute in minutes:
            feed.minute(minute, shift=shift)
            feed.outcome(minute, np.full(50, value))


@pytest.mark.parametrize("then", ["stop canary", "rollback"])
def test_a_limit_that_the_canarys_rows_pass_asks_to_stop_it_and_for_no_rollback(store: Store, then: str) -> None:
    store.alerts.declare("delays", [Alert("conversion", below=0.5, over="1h", then=(then, "notify"))])
    beside(store, 2)
    fed(store, range(20), 0.0)
    Evaluator(store).turn("delays", after(20))
    (one,) = store.alerts.open("delays")
    assert (one.version, one.title) == (2, "delays, canary of version 2: conversion is below 0.5 over 1h")
    assert "nb2prod canary delays --stop" in one.tries
    assert "nb2prod drift delays --version 2" in one.tries
    assert "nb2prod rollback delays" not in one.tries
    assert [(row.verb, row.target) for row in store.actions.log("delays")] == [("stop", "canary"), ("notify", "")]
    (rule,) = store.alerts.rules("delays")
    assert (rule.reading.verdict, rule.reading.version) == ("fine", 1)


def test_a_limit_that_the_champions_rows_pass_stops_no_canary(store: Store) -> None:
    store.alerts.declare("delays", [Alert("conversion", above=0.5, over="1h", then=("stop canary", "notify"))])
    beside(store, 2)
    fed(store, range(20), 0.0)
    Evaluator(store).turn("delays", after(20))
    (one,) = store.alerts.open("delays")
    assert one.version == 1
    assert planned(store) == [("notify", "begin")]


def test_drift_of_the_canarys_rows_is_its_own_alert_and_over_when_it_ends(store: Store) -> None:
    beside(store, 2)
    fed(store, range(20), 1.0, shift=1.0)
    evaluator = Evaluator(store)
    evaluator.turn("delays", after(20))
    (one,) = store.alerts.open("delays")
    assert (one.kind, one.subject, one.version) == ("drift", "age", 2)
    assert one.title.startswith("delays, canary of version 2: age has moved up")
    store.deployments.end_canary("delays")
    evaluator.turn("delays", after(21))
    (one,) = store.alerts.all("delays")
    assert one.ended is not None
    assert one.done == ("version 2 takes no traffic any more, version 1 does and is watched",)
    assert "nb2prod canary delays --stop" not in one.tries


def test_what_stands_of_a_canary_stands_on_when_it_is_promoted(store: Store) -> None:
    beside(store, 2)
    fed(store, range(20), 1.0, shift=1.0)
    evaluator = Evaluator(store)
    evaluator.turn("delays", after(20))
    run = store.deployments.canary("delays")
    assert run is not None
    store.deployments.switch("delays", run.run)
    evaluator.turn("delays", after(21))
    assert [(one.version, one.ended) for one in store.alerts.all("delays")] == [(2, None)]


def test_what_a_version_does_as_canary_and_with_all_of_the_traffic_is_planned_apart(store: Store) -> None:
    store.alerts.declare("delays", [Alert("conversion", below=0.5, over="1h", then=("notify",))])
    beside(store, 2)
    fed(store, range(20), 0.0)
    evaluator = Evaluator(store)
    evaluator.turn("delays", after(20))
    run = store.deployments.end_canary("delays")
    assert run is not None
    evaluator.turn("delays", after(21))
    store.deployments.switch("delays", run.run)
    evaluator.turn("delays", after(22))
    begun = [row for row in store.actions.log("delays") if row.detail["phase"] == "begin"]
    assert [row.detail["version"] for row in begun] == [2, 2]
    assert begun[0].detail["traffic"] < begun[1].detail["traffic"]


def test_requests_that_the_canary_did_not_answer_count_against_it_alone(store: Store) -> None:
    store.alerts.declare("delays", [Alert("availability", below=0.99, over="1h", then=("rollback",))])
    beside(store, 2)
    fed(store, range(5), 1.0)
    evaluator = Evaluator(store)
    for minute in range(5, 10):
        evaluator.turn("delays", after(minute), pulse=Pulse(5000, 0, 0), share=Pulse(500, 250, 0))
    (one,) = store.alerts.open("delays")
    assert one.version == 2
    assert [(row.verb, row.target) for row in store.actions.log("delays")] == [("stop", "canary")]
