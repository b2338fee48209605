"""`nb2prod alerts` on a real home and store: its words, what it shows, its exit codes."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alerting import Feed, after, deploy
from receivers import webhook

import nb2prod
from nb2prod.agent.duty import Duty
from nb2prod.cli.run import run
from nb2prod.home import Home
from nb2prod.records.alerts import Alert
from nb2prod.records.serving import ServiceStatus
from nb2prod.store import Store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("NB2PROD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NB2PROD_CACHE", str(tmp_path / "cache"))
    made = Store(Home())
    deploy(made, versions=0)
    return made


@pytest.fixture
def hook() -> Iterator[Any]:
    with webhook() as server:
        yield server


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_a_limit_is_added_in_plain_words_listed_and_removed(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["conversion", "below", "0.03", "over", "7d", "where", "carrier=UA"]
    assert run(["alerts", "add", "delays", *words, "--json"]) == 0
    assert said(capsys)["limits"][0]["text"] == " ".join(words)
    assert run(["alerts", "list", "delays"]) == 0
    shown = capsys.readouterr().out
    assert "conversion below 0.03 over 7d where carrier=UA" in shown
    assert "too few yet" in shown
    assert run(["alerts", "remove", "delays", " ".join(words)]) == 0
    assert run(["alerts", "remove", "delays", " ".join(words)]) == 1
    assert "It has none yet" in capsys.readouterr().err


def test_words_that_are_no_alert_end_in_a_line_that_is_one(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["alerts", "add", "delays", "conversion", "under", "3"]) == 2
    assert "nb2prod alerts add delays 'conversion below 0.03 over 7d'" in capsys.readouterr().err


def test_what_was_told_is_listed_acknowledged_silenced_and_logged(
    store: Store, hook: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["alerts", "notify", "add", hook.url]) == 0
    feed, duty = Feed(store), Duty(Home(), store)
    for minute in range(20):
        feed.minute(minute, shift=1.0)
    duty.turn(after(20))
    capsys.readouterr()
    assert run(["alerts", "list", "delays", "--json"]) == 0
    (one,) = said(capsys)["alerts"]
    assert one["subject"] == "age"
    assert run(["alerts", "ack", "delays", str(one["id"])]) == 0
    assert run(["alerts", "ack", "delays", "99"]) == 1
    assert run(["alerts", "silence", "delays", "2h", "--about", "age", "--reason", "a sale"]) == 0
    assert store.alerts.silenced("delays", 0.0)[0].reason == "a sale"
    assert run(["alerts", "silence", "delays", "soon"]) == 2
    assert run(["alerts", "speak", "delays"]) == 0
    assert store.alerts.silenced("delays", 0.0) == ()
    capsys.readouterr()
    assert run(["alerts", "list"]) == 0
    shown = capsys.readouterr().out
    assert "acknowledged by" in shown
    assert "nobody" not in shown
    assert run(["alerts", "log", "delays"]) == 0
    shown = capsys.readouterr().out
    assert "told json://127.0.0.1" in shown
    assert "drift:age" in shown
    assert len(hook.heard) == 1


@pytest.mark.parametrize(
    ("typed", "near"),
    [("aeg", "age"), ("drfit", "drift"), ("conversion", "conversion below 0.03 over 7d"), ("nothing like it", "age")],
)
def test_a_silence_of_what_is_not_there_names_what_is(
    store: Store, capsys: pytest.CaptureFixture[str], typed: str, near: str
) -> None:
    Feed(store).minute(0)
    store.alerts.declare("delays", [Alert("conversion", below=0.03, over="7d")])
    assert run(["alerts", "silence", "delays", "1m", "--about", typed]) == 2
    shown = " ".join(capsys.readouterr().err.split())
    assert f"`delays` has {near}, " in shown
    assert f"nb2prod alerts silence delays 1m --about {shlex.quote(near)}" in shown
    assert store.alerts.silenced("delays", 0.0) == ()
    for there in ("age", "@score", "performance", "conversion below 0.03 over 7d", "*"):
        assert run(["alerts", "silence", "delays", "1m", "--about", there]) == 0


def test_an_alert_that_nobody_heard_of_says_so(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    feed, duty = Feed(store), Duty(Home(), store)
    for minute in range(20):
        feed.minute(minute, shift=1.0)
    duty.turn(after(20))
    assert run(["alerts", "list", "delays"]) == 0
    assert "nobody" in capsys.readouterr().out


def test_status_names_the_alerts_that_stand(store: Store) -> None:
    feed, duty = Feed(store), Duty(Home(), store)
    for minute in range(20):
        feed.minute(minute, shift=1.0)
    duty.turn(after(20))
    found = nb2prod.get("delays").with_labels(ServiceStatus(name="delays", state="live", url=None, version=1))
    assert [title.partition(" since")[0] for title in found.alerts] == ["delays: age has moved up"]


def test_the_log_has_as_many_lines_as_were_asked_for_and_the_list_a_block_for_every_alert(
    store: Store, hook: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["alerts", "notify", "add", hook.url]) == 0
    feed, duty = Feed(store), Duty(Home(), store)
    for minute in range(30):
        feed.minute(minute, shift=1.0, **{"@refused.null|age": [(0, 50)]})
        duty.turn(after(minute))
    capsys.readouterr()
    assert run(["alerts", "list", "delays"]) == 0
    shown = capsys.readouterr().out
    assert "2 alerts now, 2 in all" in shown
    assert ("Alert 1" in shown, "Alert 2" in shown) == (True, True)
    for lines in (1, 2):
        assert run(["alerts", "log", "delays", "-n", str(lines)]) == 0
        assert capsys.readouterr().out.count("told json://") == lines
    assert run(["alerts", "log", "delays", "-n", "3", "--json"]) == 0
    assert [one["verb"] for one in said(capsys)["log"]] == ["tell", "notify", "tell"]


def test_addresses_are_added_tested_listed_without_secrets_and_removed(
    store: Store, hook: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["alerts", "test", "delays"]) == 2
    assert "nb2prod alerts notify add" in capsys.readouterr().err
    assert run(["alerts", "notify", "add", hook.url, "--only", "delays", "--json"]) == 0
    number = said(capsys)["id"]
    assert run(["alerts", "test", "delays"]) == 0
    assert hook.heard[0]["title"] == "delays: a test; all is well"
    hook.status = 500
    assert run(["alerts", "notify", "test", number]) == 1
    assert run(["alerts", "notify", "add", "mailto://ada:hunter2@example.org"]) == 0
    assert run(["alerts", "notify", "list"]) == 0
    assert "hunter2" not in capsys.readouterr().out
    assert run(["alerts", "notify", "remove", number]) == 0
    assert run(["alerts", "notify", "remove", number]) == 1
    assert run(["alerts", "notify", "add", "nonsense://x"]) == 2


@pytest.mark.parametrize("words", [["alerts"], ["alerts", "notify"], ["alerts", "add"], ["rollback"]])
def test_every_help_ends_in_examples(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*words, "--help"]) == 0
    assert "Examples\n" in capsys.readouterr().out


def test_with_nothing_before_it_a_rollback_is_refused_with_a_line_to_type(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["rollback", "delays"]) == 1
    assert "nothing to go back to" in capsys.readouterr().err
