"""Prometheus reads what monitoring says: drift, performance and business figures, from the file that /metrics shows too."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from alerting import WATCHED, Feed, after, deploy
from prometheus_client.parser import text_string_to_metric_families

from nb2prod.baseline import sparse
from nb2prod.home import Home
from nb2prod.monitoring import drift, exposition
from nb2prod.monitoring.alerts.evaluation import Evaluator
from nb2prod.monitoring.report import grafana
from nb2prod.records.alerts import Alert
from nb2prod.records.serving import ServiceSettings
from nb2prod.runtime.front import verdicts
from nb2prod.runtime.side import Side
from nb2prod.store import Store
from nb2prod.store.labels import Told


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A deployment that has drifted, has labels, and does not pay."""
    home = Home(tmp_path_factory.mktemp("figures") / "home", tmp_path_factory.mktemp("cache"))
    store = Store(home)
    deploy(store)
    store.alerts.declare("delays", [Alert("conversion", below=0.5, over="7d"), Alert("complaints", above=0.5)])
    feed, evaluator = Feed(store), Evaluator(store)
    for minute in range(30):
        feed.minute(minute, shift=0.0 if minute < 10 else 1.0)
    score = feed.random.random(400)
    labels = (feed.random.random(400) < score).astype(int)
    counted = WATCHED.baseline.count_labels(np.stack((1 - score, score), axis=1), labels, (score > 0.5).astype(int))
    feed.put(29, 0, sparse(counted))
    feed.outcome(29, np.array([1.0] * 40 + [0.0] * 360))
    evaluator.turn("delays", after(30))
    joined = store.labels  # made before the transaction begins
    with store.database.write() as connection:
        joined.tell(connection, Told(outbox="o", name="delays", last=1, collected=0.0, held=10, unmatched=2))
    exposition.write(home, store, "delays", after(30))
    return home


@pytest.fixture(scope="module")
def samples(home: Home) -> dict[tuple[str, ...], float]:
    """Name and labels to value, as Prometheus reads them."""
    text = verdicts(ServiceSettings(name="delays", figures=str(exposition.path_of(home, "delays")))).decode()
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.type == "gauge"
        for one in family.samples:
            assert one.labels.pop("deployment") == "delays"
            found[one.name.removeprefix("nb2prod_"), *one.labels.values()] = one.value
    return found


def test_drift_has_its_effect_and_its_alarm_by_feature(samples: dict[tuple[str, ...], float]) -> None:
    assert samples["drift_effect", "age"] > samples["drift_effect_low", "age"] > 0.5
    assert samples["drift_alarm", "age"] == 1
    assert samples["drift_alarm", "town"] == 0
    assert samples["alerts_open", "drift"] == 1


def test_drift_is_as_far_as_drift_says(home: Home, samples: dict[tuple[str, ...], float]) -> None:
    told = {one.feature: one for one in drift(Store(home), "delays")}
    assert told["age"].effect == samples["drift_effect", "age"]
    assert {feature: one.low for feature, one in told.items()} == {
        feature: samples["drift_effect_low", feature] for feature in told
    }


def test_labels_that_joined_to_nothing_are_told(samples: dict[tuple[str, ...], float]) -> None:
    assert (samples["labels_waiting",], samples["labels_unmatched",]) == (10, 2)


def test_performance_is_told_as_realised_and_as_estimated(samples: dict[tuple[str, ...], float]) -> None:
    low, value, high = (samples["performance" + end, "accuracy", "realised"] for end in ("_low", "", "_high"))
    assert low < value < high
    assert 0.6 < value < 0.9
    assert 0.6 < samples["performance", "accuracy", "estimated"] < 0.9


def test_business_metrics_stand_with_interval_limit_and_state(samples: dict[tuple[str, ...], float]) -> None:
    text = "conversion below 0.5 over 7d"
    assert samples["alert_value", text] == pytest.approx(0.1)
    assert samples["alert_value_low", text] < 0.1 < samples["alert_value_high", text] < samples["alert_limit", text]
    states = {state: samples["alert_state", text, state] for state in exposition.STATES}
    assert states == {"fine": 0, "unsure": 0, "warn": 0, "page": 1, "waiting": 0}
    assert samples["alert_state", "complaints above 0.5 over 7d", "waiting"] == 1
    assert ("alert_value", "complaints above 0.5 over 7d") not in samples
    assert samples["evaluated_timestamp_seconds",] == after(30)


def test_every_panel_of_the_dashboard_about_verdicts_has_its_metric(samples: dict[tuple[str, ...], float]) -> None:
    asked = set(re.findall(r"nb2prod_((?:drift|performance|alert)\w*)", json.dumps(grafana())))
    assert len(asked) >= 10
    assert asked <= {key[0] for key in samples}


def test_a_service_that_nobody_has_evaluated_shows_its_own_metrics_alone(tmp_path: Path) -> None:
    assert verdicts(ServiceSettings(name="delays")) == b""
    assert verdicts(ServiceSettings(name="delays", figures=str(tmp_path / "gone"))) == b""


def test_sampled_rows_that_could_not_be_kept_are_counted(home: Home, samples: dict[tuple[str, ...], float]) -> None:
    assert ("sample_dropped_total",) not in samples  # nothing was counted in this home
    folder = home.deployment("delays") / "counts"
    folder.mkdir(parents=True)
    side = Side(folder)
    side.add("sample_dropped", 7)
    side.close()
    written = exposition.write(home, Store(home), "delays", after(30)).read_text()
    assert 'nb2prod_sample_dropped_total{deployment="delays"} 7.0' in written
