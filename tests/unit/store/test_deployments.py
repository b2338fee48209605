from __future__ import annotations

import pytest

from nb2prod.errors import Conflict, NotFound
from nb2prod.store import Store
from nb2prod.store.deployments import Deployments


@pytest.fixture
def store(whole: Store) -> Deployments:
    return whole.deployments


def _run(store: Deployments, bento: str = "/bentos/a") -> int:
    return store.add_run(
        "delays", bento=bento, python="/env/bin/python", workers=2, capture="c" * 64, tag="delays:abc"
    ).run


def test_a_new_deployment_runs_nothing_and_remembers_its_port(store: Deployments) -> None:
    row = store.create("delays", port=3080, workers=3)
    assert (row.port, row.workers, row.desired, row.run, row.version) == (3080, 3, "stopped", None, None)
    assert store.all() == (row,)


def test_an_unknown_name_says_which_there_are(store: Deployments) -> None:
    store.create("delays", port=3080)
    with pytest.raises(NotFound, match="no deployment `delay`") as caught:
        store.get("delay")
    assert "delays" in caught.value.why


def test_a_name_is_taken_once(store: Deployments) -> None:
    store.create("delays", port=3080)
    with pytest.raises(Conflict):
        store.create("delays", port=3081)


def test_a_started_run_takes_no_traffic_until_the_switch(store: Deployments) -> None:
    store.create("delays", port=3080)
    first = _run(store)
    assert store.live("delays") is None
    assert store.candidate("delays") == store.run("delays", first)
    store.change_run("delays", first, version=1)
    assert store.switch("delays", first) is None
    assert store.get("delays").version == 1
    assert store.get("delays").desired == "running"
    assert store.candidate("delays") is None


def test_a_switch_retires_the_run_before(store: Deployments) -> None:
    store.create("delays", port=3080)
    for version in (1, 2):
        run = _run(store)
        store.change_run("delays", run, version=version)
        replaced = store.switch("delays", run)
    assert replaced == 1
    assert [(row.run, row.state) for row in store.runs("delays")] == [(1, "retired"), (2, "live")]
    found = store.of_version("delays", 1)
    assert found is not None
    assert found.run == 1


def test_history_tells_what_was_done_even_after_a_removal(store: Deployments) -> None:
    store.create("delays", port=3080)
    store.change("delays", settings={"slo": {"p99_ms": 50}}, verb="settings")
    assert store.get("delays").settings == {"slo": {"p99_ms": 50}}
    store.remove("delays")
    assert store.find("delays") is None
    assert [event.verb for event in store.history("delays")] == ["create", "settings", "remove"]


def test_a_canary_has_a_share_until_something_else_takes_it(store: Deployments) -> None:
    store.create("delays", port=3080)
    store.change_run("delays", _run(store), version=1)
    store.switch("delays", 1)
    store.change("delays", settings={"alerts": ["x"]}, verb="settings")
    for version, percent in ((2, 10.0), (3, 20.0)):
        row = store.begin_canary("delays", _run(store), percent, version=version)
        assert store.canary("delays") == row
        assert store.get("delays").settings == {"alerts": ["x"], "canary": percent}
    assert [(row.version, row.state) for row in store.runs("delays")] == [(1, "live"), (2, "ended"), (3, "canary")]
    store.share("delays", 55)
    assert store.get("delays").settings["canary"] == 55
    assert store.end_canary("delays") is not None
    assert (store.canary("delays"), store.get("delays").settings) == (None, {"alerts": ["x"]})
    assert store.end_canary("delays") is None


def test_a_canary_that_is_given_the_traffic_is_live_and_one_that_never_had_it_is_no_way_back(
    store: Deployments,
) -> None:
    store.create("delays", port=3080)
    store.change_run("delays", _run(store), version=1)
    store.switch("delays", 1)
    ended = store.begin_canary("delays", _run(store), 10, version=2)
    promoted = store.begin_canary("delays", _run(store), 10, version=3)
    assert store.switch("delays", promoted.run) == 1
    assert (store.canary("delays"), store.get("delays").settings) == (None, {})
    assert store.before("delays", 3) == 1
    assert store.run("delays", ended.run).state == "ended"
    assert [event.verb for event in store.history("delays")][-4:] == ["canary", "canary-ended", "canary", "switch"]
