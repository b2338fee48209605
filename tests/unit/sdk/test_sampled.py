"""`deploy(sample=…)` as a setting, and `deployment.sample` as a DataFrame."""

from __future__ import annotations

import time
from types import SimpleNamespace

import msgspec
import pandas as pd
import pytest
from spooling import SIGNATURE, answers, baseline, rows

from nb2prod.errors import UsageError
from nb2prod.home import Home
from nb2prod.lifecycle.upkeep import removal
from nb2prod.monitoring import exposition
from nb2prod.records.alerts import AlertRecord
from nb2prod.records.base import read
from nb2prod.records.sampling import Sampling
from nb2prod.records.serving import ServiceSettings
from nb2prod.runtime.recorder import SpoolRecorder
from nb2prod.runtime.samples import Samples
from nb2prod.sdk import limits
from nb2prod.sdk.deployment import Deployment
from nb2prod.sdk.wish import Limits
from nb2prod.store import Store

NOW = time.time() // 1 - 600
CAPTURE = SimpleNamespace(record=SimpleNamespace(signature=SIGNATURE))


@pytest.fixture
def home(tmp_path):
    """A home with a live deployment and its spool."""
    home = Home(tmp_path / "home", tmp_path / "cache")
    store = Store(home).deployments
    store.create("delays", port=3080)
    run = store.add_run("delays", bento="/b", python="/p", workers=1).run
    store.change_run("delays", run, version=1)
    store.switch("delays", run)
    folder = home.deployment("delays") / f"run-{run}"
    (folder / "spool").mkdir(parents=True)
    told = ServiceSettings(name="delays", version=1, traffic=True, spool=str(folder / "spool"))
    (folder / "service.json").write_bytes(msgspec.json.encode(told))
    return home


@pytest.fixture
def service(home):
    spool = home.deployment("delays") / "run-1" / "spool"
    made = SpoolRecorder(spool, name="delays", baseline=baseline(), signature=SIGNATURE)
    yield made
    made.close()


def send(service, n, arrived=NOW, times=None):
    service.record(rows(n), answers(n), request_id="r", ids=None, times=times, version=1, arrived=arrived)
    assert service.flush()


def ask(home, sample):
    limits.apply(home, "delays", Limits.of(None, None, sample=sample))


def test_a_deploy_turns_sampling_on_in_place_says_nothing_later_and_turns_it_off(home):
    wanted = Sampling(0.25, deny=("town",), days=7, bytes="5MiB")
    path = home.deployment("delays") / "run-1" / "service.json"
    assert read(path, ServiceSettings).sample is None
    ask(home, wanted)
    assert read(path, ServiceSettings).sample == wanted
    ask(home, None)
    assert read(path, ServiceSettings).sample == wanted
    ask(home, Sampling(0.0))
    assert read(path, ServiceSettings).sample == Sampling(0.0)


def test_kept_rows_are_a_frame_by_the_time_that_the_caller_named(home, service):
    ask(home, Sampling(1.0, deny=("town",)))
    send(service, 2, times=[NOW - 3600, None])
    frame = Deployment("delays", home=home).sample()
    assert list(frame.columns) == ["age", "@prediction", "@score", "@version", "@request_id", "@row"]
    assert frame.index.tolist() == [
        pd.Timestamp(NOW - 3600, unit="s", tz="UTC"),
        pd.Timestamp(NOW, unit="s", tz="UTC"),
    ]
    assert frame["age"].tolist() == [40.0, 41.0]
    assert frame["@score"].tolist() == [0.75, 0.75]


def test_for_an_alarm_the_rows_around_the_moment_of_change_are_shown(home, service):
    ask(home, Sampling(1.0))
    for second in range(60):
        send(service, 1, NOW + second)
    deployment = Deployment("delays", home=home)
    with pytest.warns(UserWarning, match="no alarm stands"):
        assert deployment.sample(10, where="alarm").empty
    told(Store(home), "drift", first=30, raised=50)
    frame = deployment.sample(10, where="alarm")
    assert seconds(frame) == list(range(25, 35))


def test_for_a_limit_the_rows_before_it_was_told_are_shown_and_each_moment_has_its_share(home, service):
    ask(home, Sampling(1.0))
    for second in range(60):
        send(service, 1, NOW + second)
    store = Store(home)
    told(store, "drift", first=20, raised=40)
    for kind in ("limit", "rejected", "limit"):  # their window begins with the life
        told(store, kind, first=0, raised=50)
    frame = Deployment("delays", home=home).sample(8, where="alarm")
    assert seconds(frame) == [18, 19, 20, 21, 46, 47, 48, 49]


def told(store, kind, first, raised):
    """An open alert."""
    record = AlertRecord(
        key=f"{kind}{time.perf_counter_ns()}",
        name="delays",
        version=1,
        kind=kind,
        subject="age",
        title="t",
        what="w",
        first=NOW + first,
        raised=NOW + raised,
    )
    with store.database.write() as connection:
        store.alerts.put(connection, record)


def seconds(frame):
    return [int(at.timestamp() - NOW) for at in frame.index]


def test_the_limit_in_bytes_holds_while_rows_come(home, service):
    ask(home, Sampling(1.0, bytes="1MiB"))
    for _ in range(8):
        send(service, 2000)
        service.flush()
    deployment = Deployment("delays", home=home)
    deployment.sample(1)
    samples = Samples(home.deployment("delays") / "counts")
    state = samples.state()
    samples.close()
    assert state.taken == 16_000 == state.kept + state.expired
    assert state.bytes <= 2**20


def test_no_sample_says_how_to_get_one(home, service):
    deployment = Deployment("delays", home=home)
    with pytest.raises(UsageError) as caught:
        deployment.sample()
    assert "--sample 0.01" in caught.value.fix
    ask(home, Sampling(0.5))
    with pytest.raises(UsageError, match="yet"):
        deployment.sample()
    with pytest.raises(UsageError, match="no sample"):
        deployment.sample(10, where="nowhere")
    for wrong in ("5", 2.5, None, True, 0):
        with pytest.raises(UsageError, match="no sample"):
            deployment.sample(wrong)


def test_a_denied_column_that_the_model_has_not_is_refused():
    with pytest.raises(UsageError) as caught:
        limits.check_sample(CAPTURE, Sampling(0.1, deny=("twon",)))
    assert caught.value.fix == "--sample-deny town"
    limits.check_sample(CAPTURE, Sampling(0.1, deny=("town",)))


def test_removing_a_deployment_removes_its_rows_and_its_figures(home, service):
    ask(home, Sampling(1.0))
    send(service, 5)
    deployment = Deployment("delays", home=home)
    assert len(deployment.sample()) == 5
    figures = exposition.write(home, Store(home), "delays", NOW)
    removal.remove(home, "delays")
    assert not figures.exists()
    assert not home.deployment("delays").exists()
    assert list(home.root.rglob("samples.db*")) == []
