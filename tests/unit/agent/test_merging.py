"""Three services that share the traffic are told of as one that has it all, whoever counted what, and when it was pulled."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from elsewhere import Elsewhere, elsewhere
from spooling import NOON

import nb2prod
from nb2prod.agent.duty import Duty
from nb2prod.home import Home
from nb2prod.lifecycle.services import Services
from nb2prod.monitoring import Collector
from nb2prod.monitoring.alerts import arrivals
from nb2prod.records.alerts import AlertRecord
from nb2prod.store import Store

REQUESTS, ROWS, EVERY, ROTATE = 100, 100, 0.5, 4
"""A request every half second, in turn to each service; a segment is handed over every two seconds."""


class Watch:
    """A home that pulls so many services, which share one stream that drifts in its middle."""

    def __init__(self, folder: Path, stack: ExitStack, count: int) -> None:
        self.now = NOON
        self.home = Home(folder / "home", folder / "cache")
        self.store = Store(self.home)
        self.services = [stack.enter_context(elsewhere(folder / f"service-{n}", version=None)) for n in range(count)]
        self.book = Services(self.home)
        for one in self.services:
            self.book.add(one.url)
        self.collector = Collector(self.home, self.store, clock=lambda: self.now)
        self.duty = Duty(self.home, self.store)
        self.random, self.sent = np.random.default_rng(3), 0

    def answer(self, requests: int = REQUESTS) -> None:
        for _ in range(requests):
            ages = self.random.normal(40 if self.sent < REQUESTS // 2 else 52, 10, ROWS)
            turn = self.services[self.sent % len(self.services)]
            turn.answer(self.sent * EVERY / 60, ages, self.random.random(ROWS))
            self.sent += 1
            if self.sent % ROTATE == 0:
                for one in self.services:
                    one.recorder.flush()
        for one in self.services:
            one.count()

    def look(self, now: float, *silent: Elsewhere) -> None:
        """Pull all but those that are silent, and evaluate."""
        self.now = now
        for one in self.book.all():
            if one.url not in {gone.url for gone in silent}:
                self.collector.pull(one.remote())
        self.duty.turn(now, ("delays",))

    def told(self) -> list[AlertRecord]:
        return list(self.store.alerts.all("delays"))


def test_a_drift_within_a_minute_is_told_of_three_services_as_of_one(tmp_path: Path) -> None:
    with ExitStack() as stack:
        one, three = Watch(tmp_path / "one", stack, 1), Watch(tmp_path / "three", stack, 3)
        for watch in (one, three):
            watch.answer()
            watch.look(NOON + 150)
    (told,) = one.told()
    assert (told.features, told.ended) == (("age",), None)
    assert three.told() == [told]
    assert told.rows.endswith("since the change")  # nobody said which version it is


def test_the_minutes_of_others_wait_for_a_service_that_does_not_answer_for_a_while(tmp_path: Path) -> None:
    with ExitStack() as stack:
        one, three = Watch(tmp_path / "one", stack, 1), Watch(tmp_path / "three", stack, 3)
        for watch in (one, three):
            watch.look(NOON)
            watch.answer(REQUESTS // 4)
            watch.look(NOON + 15)
            watch.answer(REQUESTS - REQUESTS // 4)
            watch.look(NOON + 130, *watch.services[1:2])
        assert (len(one.told()), len(three.told())) == (1, 0)
        three.look(NOON + 150)
        assert [(record.title, record.what) for record in three.told()] == [(one.told()[0].title, one.told()[0].what)]
        three.look(NOON + 15 + arrivals.PATIENCE * 2, *three.services)
        assert len(three.told()) == 1


def test_a_service_that_is_gone_for_long_holds_up_no_other(tmp_path: Path) -> None:
    with ExitStack() as stack:
        watch = Watch(tmp_path, stack, 3)
        watch.answer(10)
        watch.look(NOON + 20)
        watch.answer(REQUESTS - 10)
        watch.look(NOON + 20 + arrivals.PATIENCE, watch.services[1])
        assert [record.features for record in watch.told()] == [("age",)]


def test_a_backlog_that_is_pulled_service_by_service_is_read_as_it_arrived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "AT_ONCE", 20)
    with ExitStack() as stack:
        one, three = Watch(tmp_path / "one", stack, 1), Watch(tmp_path / "three", stack, 3)
        for watch in (one, three):
            watch.answer(3 * REQUESTS)
            for turn in range(10):
                watch.look(NOON + 300 + turn)
            assert watch.store.alerts.place("delays").beyond == ()
    assert [(record.title, record.what, record.ended) for record in three.told()] == [
        (record.title, record.what, record.ended) for record in one.told()
    ]


def test_a_pulled_deployment_is_listed_with_its_rows(tmp_path: Path) -> None:
    with ExitStack() as stack:
        watch = Watch(tmp_path, stack, 3)
        watch.answer()
        watch.look(NOON + 150)
        handle = nb2prod.get("delays", home=watch.home)
        assert handle.status().rows == REQUESTS * ROWS
        assert {item.since for item in handle.drift() if item.drifted} == {"2023-11-14T12:00Z"}
