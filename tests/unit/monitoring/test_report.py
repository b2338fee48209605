"""A report: a summary first, then its text, JSON and HTML that reads with no network and no script."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

from nb2prod.baseline import Baseline
from nb2prod.errors import NotFound
from nb2prod.monitoring import Monitor
from nb2prod.monitoring.drifts import drift
from nb2prod.monitoring.report import Page, charts, grafana, of_deployment, words
from nb2prod.monitoring.report.shapes import shape
from nb2prod.records.alerts import Alert
from nb2prod.records.monitoring import FeatureDrift, Performance
from nb2prod.records.report import Report
from nb2prod.records.serving import ServiceStatus
from nb2prod.runtime.metrics import Metrics
from nb2prod.store import Store


def rows(count: int, seed: int, late: float = 0.0) -> dict[str, object]:
    rng = np.random.default_rng(seed)
    return {
        "delay": rng.exponential(20, count) + late,
        "carrier": rng.choice(["UA", "<B6>", "EV"], count),
        "flat": np.ones(count),
    }


@pytest.fixture(scope="module")
def monitor() -> Monitor:
    scores = np.random.default_rng(9).beta(2, 5, 3000)
    labels = (np.random.default_rng(8).random(3000) < scores).astype(int)
    made = Monitor(Baseline.from_frame(rows(6000, 0), scores, labels))
    for pane in range(10):
        made.update(rows(200, pane + 1, 15.0 * (pane > 4)), scores=np.random.default_rng(pane).beta(2, 5, 200))
    return made


def test_the_first_line_is_the_summary_and_a_drift_is_told_in_words(monitor: Monitor) -> None:
    text = monitor.report().text()
    assert text.splitlines()[0] == "These rows: 1 of 6 watched things have moved over 2,000 rows"
    assert re.search(r"delay: up: median [\d.]+ to [\d.]+ since row 1,000; at least \.\d+ σ", text)
    assert "accuracy" in text
    assert "ROC AUC" in text
    assert "no shift under 0.045 standard deviations can ever be certain" in text
    assert "Constant in training, so any other value is new: flat" in text


def test_the_html_stands_alone_and_escapes_what_users_named(monitor: Monitor, tmp_path: Path) -> None:
    page = monitor.report()
    path = page.save(tmp_path / "report.html")
    text = path.read_text(encoding="utf-8")
    assert text.count("<svg") >= 6
    assert "<script" not in text
    assert not re.search(r"""(?:src|href)=["'](?!#)""", text.replace("xlink:href", ""))
    assert "url(http" not in text
    assert "<B6>" not in text
    assert "prefers-color-scheme:dark" in text
    assert page._repr_mimebundle_()["text/plain"] == page.text()


def test_its_json_has_the_distances_with_what_chance_alone_reaches(monitor: Monitor) -> None:
    found = json.loads(msgspec.json.encode(monitor.report().as_dict()))
    delay = next(one for one in found["shapes"] if one["feature"] == "delay")
    assert {one["name"] for one in delay["distances"]} == {"psi", "js", "ks", "wasserstein"}
    assert all(one["value"] > one["critical"] > 0 for one in delay["distances"])
    carrier = next(one for one in found["shapes"] if one["feature"] == "carrier")
    assert all(one["value"] < 2 * one["critical"] for one in carrier["distances"])
    assert found["calibration"]
    assert {one["feature"] for one in found["confidence"]} == {"@score", "@margin", "@entropy"}


def test_one_feature_can_be_looked_at_alone_and_another_name_says_which_there_are(monitor: Monitor) -> None:
    assert [one.feature for one in monitor.report(feature="carrier").summary.shapes] == ["carrier"]
    with pytest.raises(NotFound, match="late") as caught:
        monitor.report(feature="late")
    assert "delay" in caught.value.why


@pytest.mark.parametrize(
    "values", [np.r_[np.zeros(900), np.ones(100) * 1e6], np.ones(50), np.arange(3.0), np.array([np.nan] * 40)]
)
def test_any_column_can_be_drawn(values: np.ndarray) -> None:
    feature = Baseline.from_frame({"x": values}).feature("x")
    for live in (feature.counts, np.zeros_like(feature.counts), np.ones_like(feature.counts)):
        assert charts.svg(charts.outlines(shape(feature, live, ""))).startswith("<svg")


def test_outlines_hold_all_rows_within_their_range() -> None:
    feature = Baseline.from_frame({"x": np.random.default_rng(0).normal(size=5000)}).feature("x")
    drawn = shape(feature, feature.counts, "")
    mass = float(np.diff(drawn.edges) @ np.array(drawn.training))
    assert mass == pytest.approx(1 - drawn.outside, abs=1e-3)
    assert 0.97 < mass <= 1
    np.testing.assert_allclose(drawn.training, drawn.now)


def test_the_course_draws_the_limit_and_the_change_as_a_band() -> None:
    found = [
        FeatureDrift(
            feature="x", period=f"2013-0{k}", rows=9, effect=0.1 * k, low=0.05 * k, drifted=k > 2, since="2013-03"
        )
        for k in range(1, 5)
    ]
    drawn = charts.svg(charts.course(found, 0.1))
    assert drawn.count(charts.LIMIT) >= 3  # the limit, and two periods that the change lies in
    said = [
        Performance(metric="mae", period=f"2013-0{k}", n=9, value=k, low=k - 1, high=k + 1, realised=k) for k in (1, 2)
    ]
    assert charts.NOW in charts.svg(charts.performance(said))


def test_a_period_of_few_rows_does_not_set_the_scale_of_a_time_line() -> None:
    def period(place: int, effect: float, rows: int) -> FeatureDrift:
        period = f"2026-11-27T12:0{place}Z"
        return FeatureDrift(feature="debt", period=period, rows=rows, effect=effect, low=effect / 9, drifted=False)

    calm = [period(place, 0.2, 300) for place in range(4)]
    few = [*calm, period(4, 10.0, 5)]
    assert charts.highest(few, 0.04) == charts.highest(calm, 0.04) == pytest.approx(0.22)
    assert charts.highest([*calm, period(4, 10.0, 60)], 0.04) == pytest.approx(11)
    assert charts.highest([period(place, 1.0 + place, 5) for place in range(3)], 0.04) == pytest.approx(3.3)
    drawn = charts.course(few, 0.04)
    circles, triangles = (layer["data"]["values"] for layer in drawn["layer"][-2:])
    assert [len(circles), triangles] == [4, [{"x": "2026-11-27T12:04Z", "y": 0.22, "low": 0.22}]]
    assert charts.svg(drawn).startswith("<svg")


def test_a_deployment_without_rows_says_what_would_bring_them(store: Store) -> None:
    store.alerts.declare("delays", [Alert.parse("conversion below 0.03 over 7d")])
    page = Page(of_deployment(store, "delays"))
    assert page.text().startswith("delays: no rows have been counted yet")
    assert "deployment.predict(ROWS)" in page.html()
    assert "conversion below 0.03 over 7d" in page.text()
    assert "No business metric" not in page.text()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    from nb2prod.home import Home

    return Store(Home(tmp_path))


@pytest.mark.parametrize(("count", "said"), [(1, "1 request · 1 error"), (1000, "1,000 requests · 1,000 errors")])
def test_one_is_counted_as_one(monitor: Monitor, count: int, said: str) -> None:
    status = ServiceStatus(name="delays", state="live", url=None, version=1, requests=count, errors=count)
    told = msgspec.structs.replace(monitor.report().summary, status=status)
    assert words.up(told) == f"live · {said}"


def test_the_grafana_dashboard_asks_only_for_what_metrics_exposes() -> None:
    metrics = Metrics()
    metrics.request("/predict", 200, 0.01)
    metrics.answered(1, 1)
    metrics.failed("x")
    recorder = {f"rows_{what}_total": 1.0 for what in ("accepted", "persisted", "dropped", "counted")}
    exposed = metrics.text(recorder).decode()
    asked = set(re.findall(r"nb2prod_\w+", json.dumps(grafana())))
    wanted = {
        name for name in asked if not re.match("nb2prod_(drift|performance|alert)", name)
    }  # verdicts: test_exposition.py
    assert wanted
    assert not [name for name in wanted if not re.search(rf"^{name}(?:\{{| )", exposed, re.MULTILINE)]
    numbers = [panel["id"] for panel in grafana()["panels"]]
    assert len(numbers) == len(set(numbers))


def test_the_summary_is_a_record_that_travels() -> None:
    bare = Report(name="x", version=1, made="now", rows=0, training_rows=0, bound=0.1, certifiable=0.0)
    assert msgspec.json.decode(msgspec.json.encode(bare), type=Report) == bare


def test_a_deployments_report_draws_its_days_the_change_and_what_labels_said(store: Store, tmp_path: Path) -> None:
    from spooling import NOON, SIGNATURE, baseline

    from nb2prod.baseline import sparse
    from nb2prod.records.monitoring import Increment
    from nb2prod.runtime.outbox import Page as Fetched
    from nb2prod.runtime.watched import Watched, watched

    model = Watched("delays", baseline(), SIGNATURE)
    model.save(tmp_path / "side")
    folder = tmp_path / "side" / "models" / model.key
    known, rng, made = watched(folder).baseline, np.random.default_rng(1), []
    for day in range(6):
        score = rng.random(400)
        labels = (rng.random(400) < score).astype(int)
        columns = {"age": rng.normal(40 + 8 * (day > 2), 10, 400), "town": rng.choice(["Ulm", "Bonn"], 400)}
        said = np.stack((1 - score, score), axis=1)
        counts = sparse(known.count(columns, scores=said) | known.count_labels(said[:200], labels[:200]))
        when = int(NOON) + day * 86400
        fields = {
            "name": "delays",
            "version": 3,
            "model": model.key,
            "grain": "minute",
            "period": when,
            "arrived": when,
        }
        made.append(Increment(source="s", sequence=day + 1, rows=400, counts=counts, **fields))  # type: ignore[arg-type]
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    page = Fetched(outbox="o", increments=made, last=6, more=False, lost=0, held=0, unmatched=0)
    from nb2prod.home import Home
    from nb2prod.monitoring import Collector

    Collector(Home(tmp_path), store).take(page, lambda key: files)
    report = Page(of_deployment(store, "delays"))
    assert report.text().startswith("delays 3: 1 of 5 watched things have moved over 2,400 rows")
    (age,) = [one for one in report.summary.drift if one.drifted]
    assert (age.feature, age.since) == ("age", "2023-11-17")
    assert report.summary.by == "day"
    assert [one.since for one in drift(store, "delays") if one.feature == "age"] == ["2023-11-17"]
    assert all(one.since is None for one in drift(store, "delays") if not one.drifted)
    assert [one.realised is not None for one in report.summary.history] == [True] * 6
    text = report.html()
    assert "since 2023-11-17" in text
    assert "known as blue dots" in text
    assert "Is it up?" in text
    assert text.count("<svg") >= 9
    band, limit = "the band is the time in which the change began", "the limit from which a shift is told"
    assert band in text
    first = tuple(one for one in report.summary.course if one.period == "2023-11-14")
    one_day = Page(msgspec.structs.replace(report.summary, course=first)).html()
    assert band not in one_day
    assert limit in text
    assert limit not in one_day
    calm = tuple(msgspec.structs.replace(one, since=None) for one in report.summary.course)
    assert band not in Page(msgspec.structs.replace(report.summary, course=calm)).html()
    assert "pre{white-space:pre-wrap" in text  # an alert's long lines stay on the page


@pytest.fixture(scope="module")
def life() -> Monitor:
    """Two columns up together and back, a third up and up again, the two down."""
    rng = np.random.default_rng(0)

    def drawn(count: int, pair: float = 0.0, third: float = 0.0) -> dict[str, np.ndarray]:
        shared = rng.normal(size=count)
        a, b = (scale * shared + 0.1 * rng.normal(size=count) + scale * pair for scale in (1, 2))
        return {"a": a, "b": b, "c": np.exp(rng.normal(size=count) + third), "calm": rng.normal(size=count)}

    made = Monitor(Baseline.from_frame(drawn(20_000)))
    for panes, pair, third in ((20, 0, 0), (20, 0.4, 0), (60, 0, 0), (20, 0, 0.5), (20, 0, 1.5), (20, -0.4, 1.5)):
        for _ in range(panes):
            made.update(drawn(200, pair, third))
            made.alarms()
    return made


def test_a_monitors_report_tells_the_story_of_its_alarms(life: Monitor) -> None:
    open_ones = {one.feature: one for one in life.alarms() if one.ended is None}
    assert open_ones.keys() == {"a", "b", "c"}
    assert len(life.alarms()) == 6
    page = life.report()
    told = {one.feature: one for one in page.summary.drift}
    assert {name for name, one in told.items() if one.drifted} == open_ones.keys()
    for name, one in open_ones.items():
        assert told[name].since == f"row {one.first_row:,}"
        assert (told[name].low, told[name].direction) == (round(one.bound, 6), one.direction)
    assert f"3 of {len(told)} watched things have moved over 32,000 rows" in page.text()
    first = min(one.first_row for one in open_ones.values())
    assert (page.summary.span, page.summary.span_rows) == (f"row {first:,}", 32_000 - first)
    assert f"the {32_000 - first:,} rows since row {first:,}" in page.document()


def test_alarms_that_began_together_are_one_line_and_what_is_over_says_so(life: Monitor) -> None:
    text = life.report().text()
    lines = text[text.index("\nAlarms\n") :].splitlines()[2:6]
    assert [line.split(":")[0].strip().split(" row")[0] for line in lines] == ["since", "since", "over,", "over,"]
    together = next(line for line in lines if "since row 28,000" in line)
    assert "a down: median" in together
    assert "b down: median" in together
    assert "over, row 4,000 to " in text


def test_what_was_over_before_the_rows_that_are_looked_at_is_said_to_be() -> None:
    rng = np.random.default_rng(1)
    made = Monitor(Baseline.from_frame({"x": rng.normal(size=20_000)}))
    for pane in range(100):
        made.update({"x": rng.normal(0.6 * (10 <= pane < 25), 1, 200)})
        made.alarms()
    (alarm,) = made.alarms()
    assert alarm.ended is not None
    text = made.report().text()
    assert "all is as in training again" in text
    assert f"x: was up: median {alarm.direction.split('median ')[1]}, row 2,000 to row {alarm.ended:,}" in text


def test_three_rows_of_rare_levels_say_nothing_has_moved_where_nothing_was_alarmed() -> None:
    levels = ["alpha beta", "zeta", "gamma delta eps"]
    made = Monitor(Baseline.from_frame({"s": levels}))
    made.update({"s": np.random.default_rng(1).choice(levels, 2000)})
    assert made.alarms() == ()
    text = made.report().text()
    assert text.splitlines()[0] == "These rows: nothing has moved over 2,000 rows"
    assert "no drift in 1 watched things" in text
    assert "were to be expected" not in made.report().document()
    assert "Constant in training" not in text
