"""Services elsewhere that count for themselves: pulled, merged, and watched as one is."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
from elsewhere import elsewhere
from spooling import NOON, SIGNATURE, baseline

import nb2prod
from nb2prod import monitoring
from nb2prod.agent.duty import Duty
from nb2prod.agent.pulling import Pulling
from nb2prod.cli.run import run
from nb2prod.errors import Conflict, NotFound, Unavailable, UsageError
from nb2prod.home import Home
from nb2prod.lifecycle.services import Services
from nb2prod.monitoring import Collector
from nb2prod.records.capture import Answers
from nb2prod.records.monitoring import Feedback
from nb2prod.records.serving import ServiceSettings
from nb2prod.runtime.recorder import SpoolRecorder
from nb2prod.runtime.rows import Rows
from nb2prod.store import Store
from nb2prod.targets.local.processes import Processes
from nb2prod.targets.local.supervisor import Supervisor


def watched(folder: Path, count: int) -> tuple[Store, list[Any]]:
    """The same traffic over so many services, pulled twice; the store, and what was told."""
    home = Home(folder / "home", folder / "cache")
    store, services, random = Store(home), Services(home), np.random.default_rng(3)
    with ExitStack() as stack:
        all_of_them = [stack.enter_context(elsewhere(folder / f"service-{n}")) for n in range(count)]
        for one in all_of_them:
            services.add(one.url)
        for minute in range(30):
            ages, scores = random.normal(40 if minute < 10 else 50, 10, 120), random.random(120)
            for n, one in enumerate(all_of_them):
                one.answer(minute, np.array_split(ages, count)[n], np.array_split(scores, count)[n])
        for one in all_of_them:
            one.recorder.flush()
            one.count()
        pulling, duty = Pulling(services, Collector(home, store), store), Duty(home, store)
        for _ in range(2):
            names = pulling.turn(NOON)
            duty.turn(NOON + 60 * 40, names)
    assert names == ("delays",)
    return store, list(store.alerts.all("delays"))


def test_three_services_are_watched_as_one_is(tmp_path: Path) -> None:
    (single, told), (three, merged) = watched(tmp_path / "one", 1), watched(tmp_path / "three", 3)
    (version, key, rows) = single.panes.versions("delays")[0]
    assert three.panes.versions("delays") == [(version, key, rows)]
    assert three.panes.of("delays", version, key) == single.panes.of("delays", version, key)
    assert [(one.kind, one.subject, one.features) for one in merged] == [
        (one.kind, one.subject, one.features) for one in told
    ]
    assert told[0].subject == "age"
    assert abs(merged[0].first - told[0].first) <= 120


def test_a_service_that_does_not_answer_is_asked_less_often_and_holds_up_no_other(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", tmp_path / "cache")
    store, services = Store(home), Services(home)
    with elsewhere(tmp_path / "a") as one:
        services.add(one.url)
    with elsewhere(tmp_path / "b") as two:
        services.add(two.url)
        two.answer(0, np.full(2, 40.0), np.full(2, 0.5))
        two.recorder.flush()
        two.count()
        pulling = Pulling(services, Collector(home, store), store)
        assert pulling.turn(NOON) == ("delays",)
        pulling.turn(NOON + 1)
        assert pulling._waits[one.url] == (NOON + 10, 20.0)


def test_an_address_is_kept_once_somebody_answers_there(tmp_path: Path) -> None:
    services = Services(Home(tmp_path / "home", tmp_path / "cache"))
    with pytest.raises(UsageError):
        services.add("10.0.0.5:3000")
    with pytest.raises(Unavailable):
        services.add("http://127.0.0.1:1")
    assert services.all() == ()


def test_the_verb_adds_lists_and_removes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NB2PROD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NB2PROD_CACHE", str(tmp_path / "cache"))
    home, running = Home(), []
    monkeypatch.setattr(Processes, "place", SimpleNamespace(keep=lambda: None, newest="python", sockets=tmp_path))
    monkeypatch.setattr(Processes, "clear", lambda self: running.append([]))
    monkeypatch.setattr(Supervisor, "apply", lambda self, programs: running.append([one.name for one in programs]))
    monkeypatch.setattr(Supervisor, "shutdown", lambda self: None)
    assert run(["service", "list"]) == 0
    with elsewhere(tmp_path / "a") as one:
        assert run(["service", "add", one.url, "--token", "hunter2"]) == 0
        assert run(["service", "list"]) == 0
        shown = capsys.readouterr().out
        assert one.url in shown
        assert "hunter2" not in shown
        assert "not watched: no agent runs" in shown
        assert "calm" not in shown
        assert running == [["agent"]]
        with home.lock("agent"):
            assert run(["service", "list"]) == 0
            assert "not pulled yet" in capsys.readouterr().out
        assert run(["service", "remove", one.url]) == 0
        assert run(["service", "remove", one.url]) == 1
        assert running == [["agent"], []]


def test_a_pulled_service_has_a_handle_for_all_that_its_counts_say(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", tmp_path / "cache")
    random = np.random.default_rng(3)
    with elsewhere(tmp_path / "service") as one:
        Services(home).add(one.url)
        with pytest.raises(NotFound):
            nb2prod.get("delays", home=home)
        for minute in range(3):
            one.answer(minute, random.normal(60, 10, 100), random.random(100))
        one.recorder.flush()
        one.count()
        Collector(home, Store(home)).pull(Services(home).all()[0].remote())
        found = nb2prod.get("delays", home=home)
        assert [moved.feature for moved in found.drift() if moved.drifted] == ["age"]
        one.answer(4, random.normal(60, 10, 100), random.random(100))
        one.recorder.flush()
        one.count()
        assert found.drift()[0].rows == 400
        assert (found.status().state, found.status().version, found.url) == ("live", 1, one.url)
        assert found.performance()[0].predicted is not None
        assert "delays" in found.report().text()
        assert [rule.text for rule in found.add_alert("accuracy below 0.6 over 7d")] == ["accuracy below 0.6 over 7d"]
        with pytest.raises(UsageError, match="never"):
            found.add_alert("conversion below 0.1 over 7d")
        for verb in ("predict", "feedback", "stop", "logs", "rollback", "sample"):
            with pytest.raises(UsageError, match="elsewhere") as caught:
                getattr(found, verb)(None)
            assert one.url in caught.value.fix
    assert found.status().state == "failed"
    with pytest.warns(UserWarning, match="what was pulled before"):
        assert found.drift()[0].rows == 400
    with pytest.raises(NotFound) as missing:
        nb2prod.get("dleays", home=home)
    assert "delays" in missing.value.why


def test_pulled_services_are_listed_with_all_their_addresses_and_what_they_say_they_serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NB2PROD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NB2PROD_CACHE", str(tmp_path / "cache"))
    home = Home()
    with (
        elsewhere(tmp_path / "a", label="delays:887a887a887a", version=None) as one,
        elsewhere(tmp_path / "b", label="", version=None) as two,
    ):
        for at, service in enumerate((one, two)):
            Services(home).add(service.url)
            service.answer(0, np.full(100, 40.0), np.full(100, 0.3))
            service.recorder.flush()
            service.count()
            Collector(home, Store(home)).pull(Services(home).all()[at].remote())
        (found,) = nb2prod.deployments()
        assert type(found).__name__ == "Pulled"
        for words in (["list"], ["status"]):
            assert run(words) == 0
            shown = capsys.readouterr().out
            assert all(part in shown for part in (one.url, two.url, "delays:887a887a887a"))
            assert "delays 0" not in shown
        assert run(["drift"]) == 0
        with pytest.raises(UsageError) as caught:
            found.remove()
        assert caught.value.fix == f"nb2prod service remove {one.url} && nb2prod service remove {two.url}"
        Services(home).remove(one.url)
        assert run(["status"]) == 0
        assert "delays (version unknown) is live" in capsys.readouterr().out


TAG, OTHER = "delays:887a887a887a", "delays:0b0b0b0b0b0b"


def deployed(store: Store, *tags: str) -> None:
    """A deployment here whose versions are these Bentos; the last one takes the traffic."""
    store.deployments.create("delays", port=3080)
    for version, tag in enumerate(tags, 1):
        run = store.deployments.add_run("delays", bento="b", python="p", workers=1, tag=tag).run
        store.deployments.change_run("delays", run, version=version)
        store.deployments.switch("delays", run)


def counted_here(home: Home, store: Store, rows: int, version: int) -> None:
    """Rows that the deployment here has answered."""
    spool = home.deployment("delays") / "run-1" / "spool"
    spool.mkdir(parents=True)
    told = ServiceSettings(name="delays", version=version, traffic=True, spool=str(spool))
    (spool.parent / "service.json").write_bytes(msgspec.json.encode(told))
    recorder = SpoolRecorder(spool, name="delays", baseline=baseline(), signature=SIGNATURE, rotate=3600.0)
    given: dict[str, Any] = {"request_id": "here", "ids": [f"o{n}" for n in range(rows)], "times": None}
    said = Answers(predictions=(1,) * rows, probabilities=((0.25, 0.75),) * rows)
    asked = Rows(rows, {"age": [40.0] * rows, "town": ["Ulm"] * rows})
    recorder.record(asked, said, arrived=NOON, version=version, **given)
    recorder.feedback([Feedback(id=f"o{n}", label=1) for n in range(rows)], version=version)
    recorder.close()
    Collector(home, store).run_once()


def test_a_bento_of_a_version_here_that_serves_elsewhere_adds_to_that_version(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", tmp_path / "cache")
    store = Store(home)
    deployed(store, OTHER, TAG)
    counted_here(home, store, 500, version=2)
    with elsewhere(tmp_path / "a", TAG, None) as one:
        Services(home).add(one.url)
        one.answer(1, np.full(300, 41.0), np.full(300, 0.5))
        one.recorder.flush()
        one.count()
        Collector(home, store).pull(Services(home).all()[0].remote())
        assert [(version, rows) for version, _, rows in store.panes.versions("delays")] == [(2, 800)]
        handle = nb2prod.get("delays", home=home)
        monkey: Any = handle
        monkey.__dict__["_target"] = SimpleNamespace(status=lambda name: None)
        assert {item.rows for item in handle.drift()} == {800}
        assert next(item for item in handle.performance("accuracy")).n == 500
        one.answer(2, np.full(100, 41.0), np.full(100, 0.5))
        one.recorder.flush()
        one.count()
        assert {item.rows for item in handle.drift()} == {900}
        told = store.labels.outbox(Services(home).all()[0].outbox)
        assert told is not None
        assert told.rows == 400


def test_another_model_under_the_name_of_a_deployment_here_is_refused_and_hides_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", tmp_path / "cache")
    store = Store(home)
    deployed(store, TAG)
    counted_here(home, store, 500, version=1)
    with elsewhere(tmp_path / "a", TAG, None) as one:
        Services(home).add(one.url)
        one.label = OTHER  # the service there was replaced
        one.answer(1, np.full(300, 41.0), np.full(300, 0.5))
        one.recorder.flush()
        one.count()
        remote = Services(home).all()[0].remote()
        with pytest.raises(Conflict, match="another model"):
            Collector(home, store).pull(remote)
        with pytest.raises(Conflict, match="another model"):
            Services(home).add(one.url)
    assert [(version, rows) for version, _, rows in store.panes.versions("delays")] == [(1, 500)]


def test_counts_of_the_version_that_takes_traffic_are_shown_whatever_came_last(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", tmp_path / "cache")
    store = Store(home)
    deployed(store, OTHER, TAG)
    counted_here(home, store, 500, version=2)
    with elsewhere(tmp_path / "a", OTHER, None) as one:
        Services(home).add(one.url)
        one.answer(9, np.full(300, 41.0), np.full(300, 0.5))
        one.recorder.flush()
        one.count()
        Collector(home, store).pull(Services(home).all()[0].remote())
    assert [(version, rows) for version, _, rows in store.panes.versions("delays")] == [(1, 300), (2, 500)]
    assert {item.rows for item in monitoring.drift(store, "delays")} == {500}
