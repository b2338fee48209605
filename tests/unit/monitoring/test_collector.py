from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from spooling import NOON, SIGNATURE, answers, baseline, rows

from nb2prod import monitoring
from nb2prod.baseline import Baseline
from nb2prod.home import Home
from nb2prod.monitoring import Collector
from nb2prod.records.capture import Answers, Column, Output, Signature
from nb2prod.records.monitoring import Feedback
from nb2prod.records.serving import ServiceSettings
from nb2prod.runtime.counting import Counter
from nb2prod.runtime.recorder import SpoolRecorder
from nb2prod.runtime.rows import Rows
from nb2prod.store import Store

DAY = 86400
BASELINE = baseline()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home", tmp_path / "cache")


@pytest.fixture
def store(home: Home) -> Store:
    return Store(home)


def service(home: Home, name: str = "delays", run: int = 1, counter: str = "agent", **fields: object) -> SpoolRecorder:
    folder = home.deployment(name) / f"run-{run}"
    spool = folder / "spool"
    spool.mkdir(parents=True, exist_ok=True)
    settings = ServiceSettings(name=name, version=run, traffic=True, spool=str(spool), counter=counter)  # type: ignore[arg-type]
    import msgspec

    (folder / "service.json").write_bytes(msgspec.json.encode(settings))
    given = {"name": name, "baseline": BASELINE, "signature": SIGNATURE} | fields
    return SpoolRecorder(spool, **given)  # type: ignore[arg-type]


@pytest.fixture
def one(home: Home) -> Iterator[SpoolRecorder]:
    made = service(home)
    yield made
    made.close()


def send(recorder: SpoolRecorder, n: int, request: str, *, version: int = 1, **fields: object) -> None:
    given = {"ids": None, "times": None, "arrived": NOON} | fields
    recorder.record(rows(n), answers(n), request_id=request, version=version, **given)  # type: ignore[arg-type]


def total(store: Store, name: str = "delays", version: int = 1) -> int:
    return sum(rows for number, _, rows in store.panes.versions(name) if number == version)


def test_what_a_service_answered_comes_into_the_store_once(home: Home, store: Store, one: SpoolRecorder) -> None:
    for number in range(10):
        send(one, 3, f"r{number}")
    assert monitoring.count_spool(home, "delays", 20.0, store=store).complete
    collector = Collector(home, store)
    for _ in range(3):
        collector.run_once()
    assert total(store) == 30
    assert one.metrics()["rows_counted_total"] == 30


def test_an_answer_that_is_not_fresh_says_how_old_it_is(home: Home, store: Store, one: SpoolRecorder) -> None:
    send(one, 1, "r1")
    old = monitoring.count_spool(home, "delays", 0.0, store=store)
    assert (old.complete, old.seconds) == (False, None)
    assert monitoring.count_spool(home, "delays", 20.0, store=store).complete
    send(one, 1, "r2")
    old = monitoring.count_spool(home, "delays", 0.0, store=store)
    assert not old.complete
    assert old.seconds is not None


def test_a_kill_between_store_and_outbox_counts_nothing_twice(
    home: Home, store: Store, one: SpoolRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(one, 4, "r1")
    one.flush()
    with monkeypatch.context() as patch:
        patch.setattr("nb2prod.runtime.outbox.Outbox.fetched", lambda self, upto: (_ for _ in ()).throw(OSError))
        assert not Collector(home, store).run_once()
    assert total(store) == 4
    assert Collector(home, store).run_once()
    assert total(store) == 4


def test_a_service_that_counts_for_itself_is_read_and_left_as_it_is(home: Home, store: Store) -> None:
    own = service(home, counter="self")
    send(own, 5, "r1")
    own.flush()
    counter = Counter(own.spool)
    counter.run()
    for _ in range(2):
        assert Collector(home, store).run_once()
    assert total(store) == 5
    assert len(counter.page().increments) == 1
    counter.close()
    own.close()


def test_two_collectors_and_three_services_give_what_one_gives(tmp_path: Path) -> None:
    found = []
    for services in (1, 3):
        home = Home(tmp_path / str(services), tmp_path / "cache")
        store = Store(home)
        spools = [service(home, run=run) for run in range(1, services + 1)]
        for number in range(30):
            send(spools[number % services], 1 + number % 4, f"r{number}", times=None, arrived=NOON + number)
        for spool in spools:
            spool.flush()
        for collector in (Collector(home, store), Collector(home, Store(home))) * 2:
            collector.run_once()
        found.append([(pane.period, pane.rows, pane.counts) for pane in panes(store)])
        for spool in spools:
            spool.close()
    assert found[0] == found[1]


def panes(store: Store) -> list:
    ((version, model, _),) = store.panes.versions("delays")
    return store.panes.of("delays", version, model)


def test_labels_join_across_the_runs_of_a_deployment(home: Home, store: Store) -> None:
    first, second = service(home), service(home, run=2)
    send(first, 2, "r1", ids=["a", "b"])
    second.feedback([Feedback(id="a", label=1), Feedback(id="b", label=0), Feedback(id="c", label=0)])
    for one in (second, first):
        one.flush()
        Collector(home, store).run_once()
    (record,) = monitoring.performance(store, "delays", "accuracy", version=1)
    assert (record.n, record.realised) == (2, 0.5)
    (told,) = store.labels.of("delays")
    assert told.held == 1
    first.close()
    second.close()


def test_drift_by_month_names_feature_and_month(home: Home, store: Store, one: SpoolRecorder) -> None:
    random = np.random.default_rng(1)
    for month, age in enumerate([40, 40, 55, 55]):
        given = Rows(
            500, {"age": random.normal(age, 10, 500).tolist(), "town": random.choice(["Ulm", "Bonn"], 500).tolist()}
        )
        times = [NOON - (400 - 31 * month) * DAY] * 500
        one.record(given, answers(500), request_id=str(month), ids=None, times=times, version=1, arrived=NOON)
    monitoring.count_spool(home, "delays", 20.0, store=store)
    ages = [found for found in monitoring.drift(store, "delays", by="month") if found.feature == "age"]
    assert [found.drifted for found in ages] == [False, False, True, True]
    assert ages[2].since == ages[3].since == ages[2].period
    (overall,) = [found for found in monitoring.drift(store, "delays") if found.feature == "age"]
    assert (overall.rows, overall.period) == (2000, None)


def test_realised_and_predicted_stand_side_by_side_by_month(home: Home, store: Store, one: SpoolRecorder) -> None:
    random = np.random.default_rng(2)
    for month in range(2):
        scores = random.random(800)
        truth = (random.random(800) < scores).astype(int).tolist()
        said = Answers(
            predictions=tuple((scores >= 0.5).astype(int).tolist()),
            probabilities=tuple((1 - p, p) for p in scores.tolist()),
        )
        ids = [f"{month}-{row}" for row in range(800)]
        times = [NOON - (300 - 31 * month) * DAY] * 800
        one.record(rows(800), said, request_id=str(month), ids=ids, times=times, version=1, arrived=NOON)
        if month == 0:
            one.feedback([Feedback(id=name, label=label) for name, label in zip(ids, truth, strict=True)])
    monitoring.count_spool(home, "delays", 20.0, store=store)
    known, unknown = monitoring.performance(store, "delays", "roc_auc", by="month")
    assert (known.n, unknown.n) == (800, 800)
    assert known.realised is not None
    assert known.predicted is not None
    assert abs(known.realised - known.predicted) < 0.06
    assert unknown.realised is None
    assert unknown.value == unknown.predicted
    share = monitoring.performance(store, "delays", "positive_share")[0]
    assert share.predicted == pytest.approx(0.5, abs=0.06)


def test_errors_of_a_regression_are_realised_without_reference_scores(home: Home, store: Store) -> None:
    signature = Signature(columns=(Column(name="age", kind="number", dtype="float64"),), output=Output(kind="number"))
    plain = Baseline.from_frame({"age": np.arange(100.0)})
    one = service(home, baseline=plain, signature=signature)
    given = Rows(3, {"age": [1.0, 2.0, 3.0]})
    said = Answers(predictions=(10.0, 20.0, 30.0))
    one.record(given, said, request_id="r", ids=["a", "b", "c"], times=None, version=1, arrived=NOON)
    one.feedback([Feedback(id="a", label=12.0), Feedback(id="b", label=19), Feedback(id="c", label=33.0)])
    monitoring.count_spool(home, "delays", 20.0, store=store)
    found = {record.metric: record.realised for record in monitoring.performance(store, "delays")}
    assert found["mae"] == pytest.approx(2.0)
    assert found["bias"] == pytest.approx(-4 / 3, rel=1e-4)
    one.close()


def test_nothing_counted_yet_is_an_empty_answer(store: Store) -> None:
    assert monitoring.drift(store, "nobody") == []
    assert monitoring.performance(store, "nobody") == []


def test_a_broken_deployment_does_not_stop_the_others(home: Home, store: Store, one: SpoolRecorder) -> None:
    broken = home.deployment("a-broken-one")
    (broken / "run-1" / "spool").mkdir(parents=True)
    (broken / "counts").write_text("a file in the way")
    settings = {"name": "a-broken-one", "spool": str(broken / "run-1" / "spool")}
    (broken / "run-1" / "service.json").write_text(json.dumps(settings))
    send(one, 2, "r1")
    one.flush()
    assert not Collector(home, store).run_once()
    assert total(store) == 2


def test_a_run_says_how_long_its_labels_wait(home: Home, one: SpoolRecorder) -> None:
    from nb2prod.monitoring.collector import settings_of

    assert settings_of(one.spool).maturation == 30 * DAY
    path = one.spool.parent / "service.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "maturation": 7.0 * DAY}))
    assert settings_of(one.spool).maturation == 7 * DAY
    assert settings_of(home.root).maturation == 30 * DAY
