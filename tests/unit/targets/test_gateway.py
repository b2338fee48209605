from __future__ import annotations

import json
from pathlib import Path

from nb2prod.targets.local.gateway import Route, configuration
from nb2prod.targets.local.slots import Slots


def route(sockets: Path) -> Route:
    return Route("delays", 3080, Slots(sockets, "delays"), workers=2, body_limit=1000)


def proxies(server: dict) -> list[dict]:
    return [handler for one in server["routes"] for handler in one["handle"] if handler["handler"] == "reverse_proxy"]


def test_the_whole_body_is_held_so_that_a_retry_does_not_arrive_empty(tmp_path: Path) -> None:
    server = configuration([route(tmp_path)], tmp_path / "caddy.sock")["apps"]["http"]["servers"]["delays"]
    assert server["listen"] == ["127.0.0.1:3080"]
    for proxy in proxies(server):
        assert proxy["request_buffers"] == 1000
        assert proxy["load_balancing"]["try_duration"] == "5s"
        assert {"method": ["POST"], "path": ["/predict", "/v2/*", "/feedback"]} in proxy["load_balancing"][
            "retry_match"
        ]


def test_a_switch_changes_no_configuration(tmp_path: Path) -> None:
    one = route(tmp_path)
    before = configuration([one], tmp_path / "caddy.sock")
    one.slots.point("b", [tmp_path / "x.sock"])
    one.slots.activate("b")
    assert configuration([one], tmp_path / "caddy.sock") == before


def test_every_own_answer_is_a_problem_document(tmp_path: Path) -> None:
    server = configuration([route(tmp_path)], tmp_path / "caddy.sock")["apps"]["http"]["servers"]["delays"]
    for problem in server["errors"]["routes"]:
        body = json.loads(problem["handle"][0]["body"].removeprefix("\\"))
        assert {"type", "title", "status", "detail", "pointer", "fix", "kept", "request_id"} == set(body)


def test_slots_lead_where_they_are_pointed_and_are_used_in_turn(tmp_path: Path) -> None:
    slots = Slots(tmp_path, "delays")
    assert (slots.active, slots.spare) == ("a", "b")
    slots.point("b", [tmp_path / "1.sock", tmp_path / "2.sock"])
    slots.point("b", [tmp_path / "3.sock", tmp_path / "4.sock"])
    assert [link.readlink() for link in slots.links("b", 2)] == [tmp_path / "3.sock", tmp_path / "4.sock"]
    slots.activate("b")
    assert (slots.active, slots.spare) == ("b", "a")
    slots.clear()
    assert list(tmp_path.iterdir()) == []
