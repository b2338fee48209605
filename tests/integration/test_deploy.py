"""The main job through the SDK: one call to a verified service; again, changed, refused, gone."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import psutil
import pytest
from homes import uninstalled
from sklearn.linear_model import LogisticRegression

import nb2prod
from nb2prod import registry
from nb2prod.environments import served
from nb2prod.errors import Refused, Unavailable, UsageError
from nb2prod.home import Home
from nb2prod.records.lifecycle import Plan
from nb2prod.sdk import deploying

X = pd.DataFrame(np.random.default_rng(0).normal(size=(400, 3)), columns=["a", "b", "c"])
Y = (X["a"] + X["b"] > 0).astype(int)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    made = Home(tmp_path_factory.mktemp("home"))
    yield made
    uninstalled(made)


def fitted(C: float = 1.0) -> Any:
    return LogisticRegression(C=C).fit(X, Y)


def deploy(home: Home, model: Any, **options: Any) -> Any:
    given = {"name": "late", "data": X, "labels": Y, "holdout": (X, Y), "workers": 1, "home": home}
    return nb2prod.deploy(model, **{**given, **options})


@pytest.fixture(scope="module")
def live(home: Home) -> Any:
    return deploy(home, fitted())


def test_a_dry_run_says_what_would_go_and_makes_nothing(home: Home) -> None:
    planned = deploy(home, fitted(), name="planned", dry_run=True)
    assert isinstance(planned, Plan)
    assert planned.packages > 10
    assert "capture.json" in planned.files
    assert not list(home.captures.iterdir())
    assert [one.name for one in nb2prod.deployments(home) if one.name == "planned"] == []


def test_the_service_answers_as_the_kernel_and_is_the_champion(live: Any, home: Home) -> None:
    assert live.outcome.verification.status == "verified"
    assert live.outcome.verification.held == "bit-for-bit"
    np.testing.assert_array_equal(live.predict(X.head(20)), fitted().predict(X.head(20)))
    champion = registry.champion("late", home)
    assert champion is not None
    assert champion.version == live.version == 1


def test_replays_are_no_traffic(live: Any, home: Home) -> None:
    assert served.before(home.environments / live.outcome.verification.environment / "bin" / "python")
    quiet = deploy(home, fitted(0.3), name="quiet")  # so its proof leaves BentoML's own app to the first request
    assert httpx.get(f"{quiet.url}/schema.json", timeout=30).json()["routes"]
    assert quiet.status().requests == 0
    quiet.predict(X.head(2))
    assert quiet.status().requests == 1
    quiet.remove(purge=True)


def test_the_same_model_again_makes_nothing(live: Any, home: Home) -> None:
    again = deploy(home, fitted())
    assert again.outcome.unchanged
    assert again.version == 1
    assert [one.version for one in registry.versions("late", home)] == [1]


def test_a_changed_model_replaces_the_live_one_with_no_request_failed(live: Any, home: Home) -> None:
    url, rows, done = live.url, [dict(row) for row in X.head(3).to_dict("records")], threading.Event()
    statuses: list[int] = []

    def ask() -> None:
        with httpx.Client(timeout=30) as client:
            while not done.is_set():
                statuses.append(client.post(f"{url}/predict", json={"inputs": rows}).status_code)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        second = deploy(home, fitted(0.01))
    finally:
        done.set()
        asking.join()
    assert (second.version, second.outcome.replaced, second.url) == (2, 1, url)
    assert second.outcome.compared
    assert second.outcome.metric == "ROC AUC"
    assert set(statuses) == {200}
    assert len(statuses) > 20


def test_the_model_before_is_recognised_and_no_third_version_made(live: Any, home: Home) -> None:
    back = deploy(home, fitted())
    assert (back.version, back.outcome.replaced) == (1, 2)
    assert sorted(one.version for one in registry.versions("late", home)) == [1, 2]


SWAYED = '''
import os
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class Swayed(ClassifierMixin, BaseEstimator):
    """Answers by a variable of the process that asks it, hidden from whoever reads its code."""

    def fit(self, rows, labels):
        self.classes_ = np.unique(labels)
        self.n_features_in_ = rows.shape[1]
        return self

    def predict(self, rows):
        sway = getattr(os, "env" + "iron").get("SWAYED_BY", "0")
        return np.full(len(rows), int(sway))
'''


def test_a_model_whose_service_would_answer_differently_is_refused(
    live: Any, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "swayed_by.py").write_text(SWAYED)
    monkeypatch.syspath_prepend(str(tmp_path))
    Swayed = importlib.import_module("swayed_by").Swayed
    monkeypatch.setenv("SWAYED_BY", "1")
    before = live.version
    with pytest.raises(Refused) as refusal:
        deploy(home, Swayed().fit(X, Y), holdout=None)
    assert refusal.value.code == "answers-differ"
    assert f"version {before} goes on answering" in str(refusal.value.kept)
    assert len(registry.versions("late", home)) == 2
    assert live.status().state == "live"


def test_a_stopped_service_frees_its_port_and_starts_again(live: Any) -> None:
    live.stop()
    assert live.status().state == "stopped"
    with pytest.raises(httpx.ConnectError):
        httpx.get(live.status().url or "http://127.0.0.1:1", timeout=2)
    live.start()
    assert len(live.predict(X.head(2))) == 2


def test_a_wrong_call_says_so_before_anything_is_made(home: Home) -> None:
    with pytest.raises(UsageError) as wrong:
        deploy(home, fitted(), env=("NOT_SET_ANYWHERE",))
    assert wrong.value.code == "variable-not-set"


def test_a_declared_variable_reaches_the_replays_and_the_service(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATE_AFTER", "0.5")

    def predict(frame: Any) -> Any:
        import os

        return (frame["a"] > float(os.environ["LATE_AFTER"])).astype(int)

    made = deploy(home, predict, name="declared", env=("LATE_AFTER",), labels=None, holdout=None)
    np.testing.assert_array_equal(made.predict(X.head(20)), predict(X.head(20)))
    values = home.deployment("declared") / "environment.json"
    assert values.stat().st_mode & 0o777 == 0o600
    made.remove(purge=True)
    assert not values.exists()


def test_a_stopped_deployment_asks_nobody(home: Home) -> None:
    made = deploy(home, fitted(0.7), name="halted")
    made.stop()
    with pytest.raises(Unavailable) as refusal:
        made.predict(X.head(1))
    assert refusal.value.code == "not-live"
    assert refusal.value.fix == "nb2prod start halted"
    made.remove(purge=True)


def test_a_verified_model_comes_back_into_a_notebook(live: Any, home: Home) -> None:
    model = nb2prod.load("late/1", home)
    np.testing.assert_array_equal(model.predict(X), fitted().predict(X))


def test_what_an_interruption_or_a_damaged_file_left_is_completed_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    home = Home(tmp_path / "home")  # where nothing else runs
    try:
        with monkeypatch.context() as patched:
            patched.setattr(deploying._Deploying, "_deploy", interrupted)  # the version is registered by then
            with pytest.raises(KeyboardInterrupt) as stopped:
                deploy(home, fitted())
        assert stopped.value.__notes__ == ["version 1 is registered"]
        assert [one.name for one in nb2prod.deployments(home)] == []
        made = deploy(home, fitted())
        np.testing.assert_array_equal(made.predict(X.head(3)), fitted().predict(X.head(3)))
        assert made.version == 1
        made.stop()
        model = Path(made.outcome.bento, "src/capture/model/model.skops")
        sound = model.read_bytes()
        model.write_bytes(sound + b"junk")
        made.start()
        assert model.read_bytes() == sound
        made.predict(X.head(3))
    finally:
        uninstalled(home)


def test_the_registry_follows_a_deploy_that_was_killed_right_after_the_switch(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any, **__: Any) -> Any:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(registry, "set_champion", killed)
        with pytest.raises(SystemExit):
            deploy(home, fitted(0.7), name="crowned")
    assert registry.champion("crowned", home) is None
    again = deploy(home, fitted(0.7), name="crowned")
    assert again.outcome.unchanged
    champion = registry.champion("crowned", home)
    assert champion is not None
    assert champion.version == again.version
    again.remove(purge=True)


def test_uninstall_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    place = Home(tmp_path / "gone")
    deploy(place, fitted(3.0), name="gone")
    removed = uninstalled(place)
    assert not place.root.exists()
    assert removed.kept
    for process in psutil.process_iter(["cmdline"]):
        assert str(place.root) not in " ".join(process.info["cmdline"] or [])
