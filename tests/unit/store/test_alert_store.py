from __future__ import annotations

import msgspec
import pytest

from nb2prod.errors import NotFound
from nb2prod.records.alerts import Alert, AlertRecord, Reading
from nb2prod.records.lifecycle import Action
from nb2prod.store import Store
from nb2prod.store.alerts import Place

CONVERSION, COST = Alert("conversion", below=0.03, over="7d"), Alert("cost", above=2.0)


def record(key: str = "k", **fields: object) -> AlertRecord:
    given = {"name": "delays", "version": 1, "kind": "drift", "subject": "age", "title": "age moved", "what": "up"}
    return AlertRecord(key=key, first=10.0, raised=20.0, **(given | fields))  # type: ignore[arg-type]


def put(store: Store, *records: AlertRecord) -> None:
    alerts = store.alerts
    with store.database.write() as connection:
        for one in records:
            alerts.put(connection, one)


def test_a_limit_keeps_its_place_in_the_budget_though_it_goes_and_comes_back(whole: Store) -> None:
    whole.alerts.declare("delays", [CONVERSION, COST, CONVERSION])
    assert [(rule.text, rule.place) for rule in whole.alerts.rules("delays")] == [(str(CONVERSION), 1), (str(COST), 2)]
    whole.alerts.withdraw("delays", str(CONVERSION))
    third = Alert("complaints", above=0.1)
    whole.alerts.declare("delays", [third, CONVERSION])
    places = {rule.alert.metric: rule.place for rule in whole.alerts.rules("delays")}
    assert places == {"conversion": 1, "cost": 2, "complaints": 3}
    assert whole.alerts.rules("other") == ()


def test_a_limit_that_is_not_there_says_which_are(whole: Store) -> None:
    whole.alerts.declare("delays", [COST])
    with pytest.raises(NotFound) as caught:
        whole.alerts.withdraw("delays", "conversion below 1 over 7d")
    assert str(COST) in caught.value.why


def test_readings_are_kept_with_their_limit(whole: Store) -> None:
    alerts = whole.alerts
    alerts.declare("delays", [COST])
    with whole.database.write() as connection:
        alerts.tell(connection, "delays", {str(COST): Reading(verdict="warn", n=300, value=2.1, low=1.9, high=2.3)})
    assert alerts.rules("delays")[0].reading.verdict == "warn"


def test_what_was_done_while_a_turn_went_on_is_not_lost_when_it_is_over(whole: Store) -> None:
    put(whole, record(done=("rollback began",)))
    (read,) = whole.alerts.all("delays")
    whole.alerts.note("k", "rolled back from version 2 to 1")
    put(whole, msgspec.structs.replace(read, ended=90.0, done=(*read.done, "version 2 takes no traffic any more")))
    (one,) = whole.alerts.all("delays")
    assert set(one.done) == {"rollback began", "rolled back from version 2 to 1", "version 2 takes no traffic any more"}


def test_an_alert_is_one_row_for_its_key_from_begin_to_end(whole: Store) -> None:
    put(whole, record())
    put(whole, record(ended=90.0, what="up again"))
    (one,) = whole.alerts.all("delays")
    assert (one.ended, one.what) == (90.0, "up again")
    assert whole.alerts.open("delays") == ()


def test_an_acknowledgement_outlives_changes_and_the_first_one_counts(whole: Store) -> None:
    put(whole, record())
    (one,) = whole.alerts.open("delays")
    whole.alerts.acknowledge("delays", one.id, by="ada", when=30.0)
    whole.alerts.acknowledge("delays", one.id, by="bob", when=40.0)
    whole.alerts.note("k", "told slack")
    whole.alerts.note("k", "told slack")
    put(whole, record(title="age moved further", done=("told slack",)))
    (one,) = whole.alerts.open("delays")
    assert (one.acknowledged, one.by, one.done) == (30.0, "ada", ("told slack",))
    with pytest.raises(NotFound, match="no alert 99"):
        whole.alerts.acknowledge("delays", 99, by="ada", when=1.0)


def test_a_silence_ends_by_itself_or_is_ended(whole: Store) -> None:
    whole.alerts.silence("delays", "age", 100.0, reason="known", by="ada")
    second = whole.alerts.silence("delays", "*", 200.0)
    assert [one.subject for one in whole.alerts.silenced("delays", 99.0)] == ["age", "*"]
    assert [one.subject for one in whole.alerts.silenced("delays", 150.0)] == ["*"]
    assert whole.alerts.speak("delays", second.id) == 1
    assert whole.alerts.silenced("delays", 150.0) == ()


def test_states_and_places_are_kept_in_one_transaction_or_not_at_all(whole: Store) -> None:
    alerts = whole.alerts

    def cut_off() -> None:
        with whole.database.write() as connection:
            alerts.keep(connection, "delays", 1, "monitor", b"x")
            alerts.move(connection, "delays", Place(through=7, beyond=(9,)))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cut_off()
    assert alerts.state("delays", 1, "monitor") is None
    for state in (b"a", b"b"):
        with whole.database.write() as connection:
            alerts.keep(connection, "delays", 1, "monitor", state)
            alerts.move(connection, "delays", Place(through=7, beyond=(9,)))
    assert alerts.state("delays", 1, "monitor") == b"b"
    assert alerts.place("delays") == Place(through=7, beyond=(9,))


def test_an_action_planned_twice_is_done_once_and_shows_how_far_it_came(whole: Store) -> None:
    actions, action = whole.actions, Action(deployment="delays", verb="notify", reason="age", detail={"alert": "k"})
    with whole.database.write() as connection:
        assert actions.plan(connection, "k:begin", action, when=1.0, target="mail")
        assert not actions.plan(connection, "k:begin", action, when=2.0, target="mail")
    (row,) = actions.due("delays", 5.0)
    actions.mark(row, "started")
    (row,) = actions.due("delays", 5.0)  # whoever started it was cut off
    assert (row.state, row.tries) == ("started", 1)
    actions.mark(row, "planned", said="no answer", due=60.0)
    assert actions.due("delays", 5.0) == ()
    actions.end(actions.due("delays", 61.0)[0], "done", said="told", when=62.0)
    assert actions.due("delays", 99.0) == ()
    assert [(one.state, one.said, one.ended) for one in actions.log("delays")] == [("done", "told", 62.0)]
    (done,) = actions.log("delays")
    assert actions.last(msgspec.structs.replace(done, id=row.id + 1)) == done
    assert actions.last(done) is None
    assert actions.last(msgspec.structs.replace(done, id=row.id + 1, detail={"version": 2})) is None


def test_one_of_two_holds_a_lease_until_it_lets_go_or_it_runs_out(whole: Store) -> None:
    leases = whole.leases
    assert leases.take("delays", "a", 60)
    assert leases.take("delays", "a", 60)
    assert not leases.take("delays", "b", 60)
    assert leases.holder("delays") == "a"
    leases.release("a")
    assert leases.take("delays", "b", 0.0)
    assert leases.holder("delays") is None
    assert leases.take("delays", "a", 60)


def test_forgetting_a_name_forgets_its_alerts(whole: Store) -> None:
    whole.alerts.declare("delays", [COST])
    put(whole, record(), record("o", name="other"))
    whole.forget("delays")
    assert whole.alerts.rules("delays") == ()
    assert whole.alerts.all("delays") == ()
    assert len(whole.alerts.all("other")) == 1
