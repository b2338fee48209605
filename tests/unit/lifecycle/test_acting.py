"""What is done about an alert: at least once, told once an address, and never against what somebody has said."""

from __future__ import annotations

import json
import stat
import sys
import threading
import time
from collections.abc import Iterator
from email.header import decode_header, make_header
from pathlib import Path
from typing import Any

import msgspec
import pytest
from receivers import mailbox, text_of, webhook

from nb2prod.errors import NotFound, UsageError
from nb2prod.home import Home
from nb2prod.lifecycle import acting
from nb2prod.lifecycle.acting import Actor
from nb2prod.lifecycle.destinations import Destinations
from nb2prod.records.alerts import AlertRecord
from nb2prod.records.lifecycle import Action
from nb2prod.store import Store


class Serving:
    """Which version takes the traffic; a rollback takes the one before it."""

    def __init__(self) -> None:
        self.live, self.switched = 3, 0
        self.canary: int | None = None

    def rollback(self, name: str, version: int) -> int | None:
        if version != self.live:
            return None
        self.live, self.switched = version - 1, self.switched + 1
        return self.live

    def stop(self, name: str, version: int) -> bool:
        if version != self.canary:
            return False
        self.canary = None
        return True


class Desk:
    """A home with somebody to tell, and alerts to tell of."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.store = Store(home)
        self.serving = Serving()
        self.destinations = Destinations(home)
        self.actor = Actor(home, self.store, self.serving.rollback, self.serving.stop, hook_seconds=5.0)

    def raised(
        self,
        key: str = "k",
        then: tuple[str, ...] = ("notify",),
        phase: str = "begin",
        when: float = 0.0,
        version: int = 3,
        traffic: int = 1,
    ) -> None:
        record = AlertRecord(
            key=key,
            name="delays",
            version=version,
            kind="drift",
            subject="dep_delay",
            title="delays: dep_delay has moved up since about Tue 24 Nov 14:10 UTC",
            what="up: median 2 to 9",
            rows="3,200 since the change, version 3",
            tries=("nb2prod drift delays", "nb2prod rollback delays"),
            first=0.0,
            raised=when,
            ended=when if phase == "end" else None,
        )
        alerts, actions = self.store.alerts, self.store.actions
        with self.store.database.write() as connection:
            alerts.put(connection, record)
            for step in then:
                verb, _, target = step.partition(" ")
                detail = {"alert": key, "phase": phase, "version": version, "traffic": traffic}
                action = Action(deployment="delays", verb=verb, reason="drift:dep_delay", detail=detail)
                actions.plan(connection, f"{key}:{phase}:{step}", action, when=when, target=target)

    def act(self, when: float = 0.0) -> None:
        self.actor.act("delays", when)

    def log(self) -> list[tuple[str, str, str]]:
        return [(row.verb, row.state, row.said) for row in self.store.actions.log("delays")]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(Home(tmp_path / "home", tmp_path / "cache"))


@pytest.fixture
def hook() -> Iterator[Any]:
    with webhook() as server:
        yield server


def test_an_alert_comes_as_mail_and_to_a_webhook_in_the_words_that_it_has_everywhere(desk: Desk, hook: Any) -> None:
    with mailbox() as mail:
        desk.destinations.add(hook.url)
        desk.destinations.add(mail.url)
        desk.raised()
        desk.act()
        desk.act(1.0)
        (message,) = mail.heard
    assert str(make_header(decode_header(message["subject"]))).startswith("delays: dep_delay has moved up since")
    assert "try      nb2prod drift delays" in text_of(message)
    (document,) = hook.heard
    assert document["title"].startswith("delays: dep_delay has moved up")
    assert "what     up: median 2 to 9" in document["message"]
    assert [(verb, state) for verb, state, _ in desk.log()] == [("notify", "done"), ("tell", "done"), ("tell", "done")]


def test_one_more_message_when_it_is_over_and_only_to_who_heard_that_it_began(desk: Desk, hook: Any) -> None:
    desk.raised("unheard")
    desk.act()
    assert desk.log()[0][1:] == ("skipped", "there is nobody to tell: nb2prod alerts notify add URL")
    desk.destinations.add(hook.url)
    desk.raised("unheard", phase="end", when=9.0)
    desk.act(9.0)
    assert hook.heard == []
    desk.raised("heard", when=10.0)
    desk.act(10.0)
    desk.raised("heard", phase="end", when=20.0)
    desk.act(20.0)
    assert [one["title"][:12] for one in hook.heard] == ["delays: dep_", "Over: delays"]


def test_an_address_that_does_not_answer_is_tried_again_and_holds_up_no_other(desk: Desk, hook: Any) -> None:
    with webhook() as broken:
        broken.status = 500
        desk.destinations.add(broken.url)
        desk.destinations.add(hook.url)
        desk.raised()
        desk.act()
        assert (broken.asked, len(hook.heard)) == (1, 1)
        desk.act(30.0)
        assert broken.asked == 1
        broken.status = 200
        desk.act(99.0)
        assert len(broken.heard) == 1
    assert [state for _, state, _ in desk.log()] == ["done", "done", "done"]


def test_after_five_tries_it_is_given_up_and_the_log_says_why(desk: Desk) -> None:
    desk.destinations.add("json://127.0.0.1:1/nowhere")
    desk.raised()
    for when in (0.0, 200.0, 600.0, 2000.0, 4000.0, 9000.0):
        desk.act(when)
    verb, state, said = desk.log()[-1]
    assert (verb, state) == ("tell", "failed")
    assert "was not told" in said


def test_the_same_reason_cools_down_and_says_so(desk: Desk, hook: Any) -> None:
    desk.destinations.add(hook.url)
    desk.raised("a")
    desk.act()
    desk.raised("b", when=600.0)
    desk.act(600.0)
    assert len(hook.heard) == 1
    put_off = "the same was told 10 min ago; told in 50 min where it still stands"
    assert ("notify", "waiting", put_off) in desk.log()
    desk.act(3500.0)
    assert len(hook.heard) == 1
    desk.act(3700.0)
    assert len(hook.heard) == 2


def test_what_stands_again_after_the_traffic_changed_is_told_at_once(desk: Desk, hook: Any) -> None:
    desk.destinations.add(hook.url)
    desk.raised("as canary")
    desk.act()
    desk.raised("as champion", when=180.0, traffic=2)
    desk.act(180.0)
    assert [one["title"][:12] for one in hook.heard] == ["delays: dep_"] * 2


def back_and_forth(desk: Desk) -> None:
    """An alert that begins three times within six minutes, and stands."""
    for minute, key, phase in (
        (0, "a", "begin"),
        (1, "a", "end"),
        (3, "b", "begin"),
        (4, "b", "end"),
        (6, "c", "begin"),
    ):
        desk.raised(key, phase=phase, when=60.0 * minute)
        desk.act(60.0 * minute)


def test_what_begins_again_after_it_was_told_to_be_over_is_told_at_once_and_over_once_it_stays_so(
    desk: Desk, hook: Any
) -> None:
    desk.destinations.add(hook.url)
    back_and_forth(desk)
    assert [one["title"][:12] for one in hook.heard] == ["delays: dep_", "Over: delays", "delays: dep_"]
    assert "it began 2 times within the hour; told in 59 min where it is still over" in [
        said for *_, said in desk.log()
    ]
    desk.raised("c", phase="end", when=420.0)
    desk.act(420.0)
    desk.act(3700.0)
    assert len(hook.heard) == 3
    desk.act(3900.0)
    assert [one["title"][:12] for one in hook.heard[3:]] == ["Over: delays"]


def test_what_goes_back_and_forth_and_stands_when_it_has_cooled_down_is_not_told_to_be_over(
    desk: Desk, hook: Any
) -> None:
    desk.destinations.add(hook.url)
    back_and_forth(desk)
    desk.act(3900.0)
    assert [one["title"][:12] for one in hook.heard[2:]] == ["delays: dep_"] * 2
    assert "it began again before it had cooled down" in [said for *_, said in desk.log()]


def test_a_version_that_was_given_the_traffic_back_is_not_rolled_back_again_at_once_and_the_message_says_so(
    desk: Desk, hook: Any
) -> None:
    desk.destinations.add(hook.url)
    desk.raised("a", then=("rollback", "notify"))
    desk.act()
    desk.serving.live = 3
    desk.raised("b", then=("rollback", "notify"), when=660.0, traffic=3)
    desk.act(660.0)
    assert (desk.serving.live, desk.serving.switched, len(hook.heard)) == (3, 1, 2)
    again = "somebody has given it traffic again since; it cools down until 00:00 UTC"
    assert f"rollback skipped: the same was done 11 min ago, and {again}" in hook.heard[1]["message"]


def test_what_joins_an_alert_is_told_once_the_last_message_has_cooled_down(desk: Desk, hook: Any) -> None:
    desk.destinations.add(hook.url)
    desk.raised()
    desk.act()
    desk.raised(phase="more", when=600.0)
    desk.act(600.0)
    assert len(hook.heard) == 1
    assert "told in 50 min where it still stands" in desk.log()[-1][2]
    desk.act(3700.0)
    assert [one["title"][:13] for one in hook.heard] == ["delays: dep_d", "More: delays:"]
    desk.raised(phase="end", when=3800.0)
    desk.act(3800.0)
    assert hook.heard[2]["title"].startswith("Over: delays")


def test_an_acknowledgement_is_of_what_the_alert_said_then(desk: Desk, hook: Any) -> None:
    desk.destinations.add(hook.url)
    desk.raised()
    desk.act()
    desk.store.alerts.acknowledge("delays", 1, by="ada", when=100.0)
    desk.raised(phase="more", when=4000.0)
    desk.act(4000.0)
    assert len(hook.heard) == 2


def test_what_joined_is_not_told_of_what_is_over_or_was_seen_with_it(desk: Desk, hook: Any) -> None:
    desk.destinations.add(hook.url)
    desk.raised()
    desk.act()
    desk.raised(phase="more", when=4000.0)
    desk.store.alerts.acknowledge("delays", 1, by="ada", when=4000.5)
    desk.act(4001.0)
    assert (len(hook.heard), desk.log()[-1][2]) == (1, "acknowledged by ada")


def test_a_message_that_was_put_off_is_not_sent_of_what_is_over(desk: Desk, hook: Any) -> None:
    desk.destinations.add(hook.url)
    desk.raised("a")
    desk.act()
    desk.raised("b", when=600.0)
    desk.act(600.0)
    desk.raised("b", phase="end", when=900.0)
    desk.act(900.0)
    desk.act(4000.0)
    assert len(hook.heard) == 1
    assert [said for _, state, said in desk.log() if state == "skipped"] == [
        "it was over before it had cooled down",
        "nobody was told that it began",
    ]


def test_another_version_is_another_case(desk: Desk, hook: Any) -> None:
    desk.destinations.add(hook.url)
    desk.raised("a", then=("rollback", "notify"))
    desk.act()
    desk.serving.live = 4
    desk.raised("b", then=("rollback", "notify"), when=660.0, version=4)
    desk.act(660.0)
    assert desk.serving.switched == 2
    assert [one["message"].count("done     rolled back from version") for one in hook.heard] == [1, 1]
    assert [when // 600 for when in sorted(desk.store.actions.told("delays").values())] == [0.0, 1.0]


def test_a_rollback_that_is_left_out_is_in_the_alert_and_in_the_message(desk: Desk, hook: Any) -> None:
    desk.raised("a", then=("rollback",))
    desk.act()
    desk.serving.live = 3
    desk.destinations.add(hook.url)
    desk.raised("b", then=("rollback", "notify"), when=660.0)
    desk.act(660.0)
    why = "rollback skipped: the same was done 11 min ago; it cools down"
    assert (desk.serving.live, desk.serving.switched) == (3, 1)
    assert desk.store.alerts.all("delays")[-1].done == (why,)
    assert f"done     {why}" in hook.heard[0]["message"]


def test_a_message_does_not_wait_for_a_slow_rollback_and_what_came_of_it_is_told(desk: Desk, hook: Any) -> None:
    held = threading.Event()

    def slowly(name: str, version: int) -> int | None:
        held.wait(30)
        return desk.serving.rollback(name, version)

    desk.destinations.add(hook.url)
    desk.actor = Actor(desk.home, desk.store, slowly, desk.serving.stop, patience=0.2)
    desk.raised(then=("rollback", "notify"), when=600.0)
    desk.act(600.0)
    assert (len(hook.heard), desk.serving.switched, desk.actor.busy("delays")) == (1, 0, True)
    assert "done     rollback began at 00:10 UTC and goes on" in hook.heard[0]["message"]
    desk.act(610.0)
    assert (len(hook.heard), desk.serving.switched) == (1, 0)
    held.set()
    desk.actor.close()
    assert (desk.serving.switched, desk.actor.busy("delays")) == (1, False)
    desk.act(620.0)
    assert hook.heard[1]["title"].startswith("What came of it: delays: dep_delay has moved up")
    assert "goes on; rolled back from version 3 to 2 by dep_delay" in hook.heard[1]["message"]
    assert len(hook.heard) == 2


def test_what_came_of_it_is_in_the_message_that_it_is_over(desk: Desk, hook: Any) -> None:
    held = threading.Event()
    desk.destinations.add(hook.url)
    slowly = lambda name, version: held.wait(30) and desk.serving.rollback(name, version)  # noqa: E731
    desk.actor = Actor(desk.home, desk.store, slowly, desk.serving.stop, patience=0.2)
    desk.raised(then=("rollback", "notify"))
    desk.act()
    held.set()
    desk.actor.close()
    over = msgspec.structs.replace(desk.store.alerts.all("delays")[0], ended=9.0, successor=2)
    desk.raised(phase="end", when=9.0)
    with desk.store.database.write() as connection:
        desk.store.alerts.put(connection, over)
    desk.act(10.0)
    assert [one["title"][:18] for one in hook.heard] == ["delays: dep_delay ", "Over for version 3"]
    assert "rolled back from version 3 to 2" in hook.heard[1]["message"]


def test_what_comes_of_it_after_the_message_that_it_is_over_is_told_too(desk: Desk, hook: Any) -> None:
    held = threading.Event()
    desk.destinations.add(hook.url)
    slowly = lambda name, version: held.wait(30) and desk.serving.rollback(name, version)  # noqa: E731
    desk.actor = Actor(desk.home, desk.store, slowly, desk.serving.stop, patience=0.2)
    desk.raised(then=("rollback", "notify"))
    began = time.monotonic()
    desk.act()
    at = time.monotonic() - began  # the rollback's clock goes on beside the turns
    over = msgspec.structs.replace(desk.store.alerts.all("delays")[0], ended=at, successor=2)
    desk.raised(phase="end", when=at)
    with desk.store.database.write() as connection:
        desk.store.alerts.put(connection, over)
    desk.act(at)
    assert [one["title"][:18] for one in hook.heard] == ["delays: dep_delay ", "Over for version 3"]
    time.sleep(0.05)
    held.set()
    desk.actor.close()
    desk.act(10.0)
    assert "rolled back from version 3 to 2" not in hook.heard[1]["message"]
    assert hook.heard[2]["title"].startswith("What came of it: delays: dep_delay")
    assert "rolled back from version 3 to 2" in hook.heard[2]["message"]
    assert "it is in the message that it is over" not in [said for _, _, said in desk.log()]


def test_the_log_says_when_a_message_was_sent_and_when_a_hook_ended(desk: Desk, hook: Any) -> None:
    desk.destinations.add(hook.url)
    desk.raised(then=("run sleep 1.5", "notify"))
    desk.act(100.0)
    ran, _, told = desk.store.actions.log("delays")
    assert ran.ended is not None
    assert told.ended is not None
    assert 101.5 <= ran.ended <= told.ended < 200
    assert desk.store.actions.told("delays")["k"] == told.ended


def test_what_was_rolled_back_no_longer_tries_it(desk: Desk) -> None:
    desk.raised(then=("rollback",))
    desk.act()
    assert desk.store.alerts.all("delays")[0].tries == ("nb2prod drift delays",)


def test_a_canary_is_stopped_once_and_its_alert_says_when_and_why(desk: Desk, hook: Any) -> None:
    desk.destinations.add(hook.url)
    desk.serving.canary = 3
    desk.raised("a", then=("stop canary", "notify"))
    desk.act(52_260.0)
    assert (desk.serving.canary, desk.serving.live) == (None, 3)
    said = 'canary of version 3 stopped at 14:31 by rule "dep_delay"'
    assert desk.store.alerts.all("delays")[0].done == (said,)
    assert f"done     {said}" in hook.heard[0]["message"]
    assert ("stop", "done", "canary of version 3 stopped") in desk.log()


def test_a_canary_that_was_begun_again_is_not_stopped_again_at_once_and_the_message_says_so(
    desk: Desk, hook: Any
) -> None:
    desk.destinations.add(hook.url)
    desk.serving.canary = 3
    desk.raised("a", then=("stop canary",))
    desk.act()
    desk.serving.canary = 3
    desk.raised("b", then=("stop canary", "notify"), when=660.0)
    desk.act(660.0)
    why = "stop of the canary skipped: the same was done 11 min ago; it cools down"
    assert desk.serving.canary == 3
    assert f"done     {why}" in hook.heard[0]["message"]


def test_what_is_no_canary_any_more_is_left_alone(desk: Desk) -> None:
    desk.serving.canary = 4
    desk.raised("a", then=("stop canary",))
    desk.act()
    assert desk.serving.canary == 4
    assert desk.log() == [("stop", "done", "version 3 was no canary any more")]
    assert desk.store.alerts.all("delays")[0].done == ()


@pytest.mark.parametrize("subject", ["*", "drift", "dep_delay"])
def test_what_is_silenced_is_neither_told_nor_done(desk: Desk, hook: Any, subject: str) -> None:
    desk.destinations.add(hook.url)
    desk.store.alerts.silence("delays", subject, 100.0, reason="a known sale", by="ada")
    desk.raised(then=("rollback", "notify"), when=50.0)
    desk.act(50.0)
    assert (hook.heard, desk.serving.live) == ([], 3)
    assert {state for _, state, _ in desk.log()} == {"skipped"}
    assert desk.log()[0][2] == "silenced by ada: a known sale"


def test_a_silence_of_something_else_or_one_that_is_over_holds_up_nothing(desk: Desk, hook: Any) -> None:
    desk.destinations.add(hook.url)
    desk.store.alerts.silence("delays", "age", 100.0)
    desk.store.alerts.silence("delays", "*", 40.0)
    desk.raised(when=50.0)
    desk.act(50.0)
    assert len(hook.heard) == 1


def test_what_was_acknowledged_before_is_not_told(desk: Desk, hook: Any) -> None:
    desk.destinations.add(hook.url)
    desk.raised()
    desk.store.alerts.acknowledge("delays", 1, by="ada", when=0.5)
    desk.act(1.0)
    assert hook.heard == []
    assert desk.log()[0][2] == "acknowledged by ada"


def test_a_rollback_cut_off_after_the_switch_is_not_done_twice(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.raised(then=("rollback",))
    with monkeypatch.context() as patch:
        patch.setattr(desk.store.actions, "end", lambda *_, **__: sys.exit(9))
        with pytest.raises(SystemExit):
            desk.act()
    assert desk.log()[0][1] == "started"
    Actor(desk.home, desk.store, desk.serving.rollback, desk.serving.stop).act("delays", 5.0)
    assert (desk.serving.live, desk.serving.switched) == (2, 1)
    assert desk.log()[0][1:] == ("done", "version 3 took no traffic any more")
    assert desk.store.alerts.all("delays")[0].done == ("rolled back from version 3 to 2 by dep_delay",)


def test_a_message_cut_off_before_it_was_marked_goes_out_again(desk: Desk, hook: Any, monkeypatch: Any) -> None:
    desk.destinations.add(hook.url)
    desk.raised()
    with monkeypatch.context() as patch:
        patch.setattr(acting, "tell", lambda *_: sys.exit(9))
        with pytest.raises(SystemExit):
            desk.act()
    Actor(desk.home, desk.store, desk.serving.rollback, desk.serving.stop).act("delays", 5.0)
    assert len(hook.heard) == 1


def test_what_was_done_is_in_the_message(desk: Desk, hook: Any) -> None:
    desk.destinations.add(hook.url)
    desk.raised(then=("rollback", "notify"))
    desk.act()
    assert "done     rolled back from version 3 to 2" in hook.heard[0]["message"]


def test_a_hook_gets_the_alert_as_json_and_what_it_says_is_logged(desk: Desk, tmp_path: Path) -> None:
    script = tmp_path / "page.py"
    script.write_text("import sys, pathlib; pathlib.Path(sys.argv[1]).write_text(sys.stdin.read()); print('paged')")
    desk.raised(then=(f"run {sys.executable} {script} {tmp_path / 'said.json'}",))
    desk.act()
    said = json.loads((tmp_path / "said.json").read_text())
    assert (said["phase"], said["alert"]["subject"]) == ("begin", "dep_delay")
    assert msgspec.convert(said["alert"], AlertRecord).tries
    assert desk.log()[0] == ("run", "done", "paged")
    assert desk.store.alerts.all("delays")[0].done == (f"ran {sys.executable} {script}",)


@pytest.mark.parametrize(
    ("command", "why", "state"),
    [
        ("/no/such/thing", "cannot be run", "failed"),
        (f"{sys.executable} -c 'import sys; sys.exit(3)'", "ended with 3", "waiting"),
        (f"{sys.executable} -c 'import time; time.sleep(600)'", "did not end within 1 s", "waiting"),
    ],
)
def test_a_hook_that_fails_says_why(desk: Desk, command: str, why: str, state: str) -> None:
    desk.actor = Actor(desk.home, desk.store, desk.serving.rollback, desk.serving.stop, hook_seconds=1.0)
    desk.raised(then=(f"run {command}",))
    desk.act()
    assert desk.log()[0][1] == state
    assert why in desk.log()[0][2]


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (NotFound("`delays` has nothing to go back to", code="no-run", why="No version before 1."), "skipped"),
        (UsageError("no", code="no"), "failed"),
    ],
)
def test_what_waiting_does_not_mend_is_not_tried_again(desk: Desk, error: Exception, state: str) -> None:
    def refused(name: str, version: int) -> int | None:
        raise error

    desk.actor = Actor(desk.home, desk.store, refused, desk.serving.stop)
    desk.raised(then=("rollback",))
    desk.act()
    desk.act(86400.0)
    ((verb, told, said),) = desk.log()
    assert (verb, told) == ("rollback", state)
    assert said.startswith(str(error).splitlines()[0])
    assert desk.store.actions.log("delays")[0].tries == 1
    assert desk.store.alerts.all("delays")[0].done == (f"rollback {state}: {said.rstrip('.')}",)


def test_addresses_are_kept_for_their_owner_and_shown_without_secrets(desk: Desk) -> None:
    one = desk.destinations.add("mailto://ada:hunter2@example.org")
    assert desk.destinations.add("mailto://ada:hunter2@example.org") == one
    path = desk.home.root / "notify.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "hunter2" not in one.shown
    other = desk.destinations.add("slack://tokenA12345/tokenB12345/tokenCabcdefghijklmnopqrstuv", "churn")
    assert desk.destinations.all("delays") == (one,)
    assert desk.destinations.all("churn") == (one, other)
    desk.destinations.remove(one.id)
    with pytest.raises(NotFound) as caught:
        desk.destinations.remove(one.id)
    assert other.id in caught.value.why


def test_an_address_that_nobody_knows_is_refused_without_repeating_it(desk: Desk) -> None:
    with pytest.raises(UsageError) as caught:
        desk.destinations.add("nonsense://secret-token")
    assert "secret" not in str(caught.value)
