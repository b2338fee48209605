from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from spooling import NOON, SIGNATURE, answers, baseline, rows

from nb2prod.errors import Nb2prodError
from nb2prod.records.serving import ServiceSettings
from nb2prod.runtime.counting import Counter
from nb2prod.runtime.protocol import feedback
from nb2prod.runtime.recorder import SpoolRecorder

Ask = Callable[..., tuple[int, Any]]
SETTINGS = ServiceSettings(name="delays", version=3, traffic=True, counter="self", outcomes=("cost",))


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[SpoolRecorder]:
    made = SpoolRecorder(tmp_path, name="delays", baseline=baseline(), signature=SIGNATURE, rotate=3600.0)
    yield made
    made.close()


def ask(
    recorder: SpoolRecorder | None, route: str, body: Any = None, query: str = "", settings: ServiceSettings = SETTINGS
) -> tuple[int, Any]:
    (handler,) = (one for (_, path), one in feedback.spooled(recorder, lambda: settings).items() if path == route)
    scope = {"nb2prod.request_id": "q1", "query_string": query.encode()}
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    status, _, reply = asyncio.run(handler(scope, sent))
    return status, json.loads(reply)


def test_one_good_item_is_accepted(recorder: SpoolRecorder) -> None:
    status, said = ask(recorder, "/feedback", {"id": "a", "label": 1, "outcomes": {"cost": 2}, "time": 1e12})
    assert (status, said["accepted"], said["refused"]) == (202, 1, [])


def test_one_bad_item_is_a_problem(recorder: SpoolRecorder) -> None:
    status, said = ask(recorder, "/feedback", {"id": "a", "label": "late"})
    assert (status, said["type"], said["pointer"]) == (422, "urn:nb2prod:feedback-refused", "/label")
    assert said["kept"] == "nothing was changed"
    assert "late" not in json.dumps(said["detail"])


def test_the_good_items_of_a_batch_are_kept_and_the_bad_ones_told(recorder: SpoolRecorder) -> None:
    batch = [
        {"id": "a", "label": 1},
        {"id": "b", "row": "two", "label": 1},
        "nonsense",
        {"id": "c", "outcomes": {"conversion": 1}},
        {"request_id": "r", "row": 0, "label": 0},
    ]
    status, said = ask(recorder, "/feedback", batch)
    assert (status, said["accepted"]) == (207, 2)
    assert [(one["item"], one["status"], one["pointer"]) for one in said["refused"]] == [
        (1, 422, "/1/row"),
        (2, 422, "/2"),
        (3, 422, "/3/outcomes/conversion"),
    ]
    assert recorder.metrics()["feedback_refused_total"] == 3
    assert recorder.metrics()["feedback_kept_total"] == 2


def test_a_row_that_the_request_did_not_have_is_refused_and_the_rest_kept(recorder: SpoolRecorder) -> None:
    recorder.record(rows(2), answers(2), request_id="mine", ids=None, times=None, version=3, arrived=NOON)
    ours = "0123456789abcdef-1f.3"
    items = [("mine", 1), ("mine", 2), (ours, 2), (ours, 3), ("another worker's", 9)]
    status, said = ask(recorder, "/feedback", [{"request_id": of, "row": row, "label": 1} for of, row in items])
    assert (status, said["accepted"]) == (207, 3)
    assert [(one["item"], one["pointer"]) for one in said["refused"]] == [(1, "/1/row"), (3, "/3/row")]
    assert "had 2 rows" in said["refused"][0]["detail"]
    assert recorder.metrics()["feedback_refused_total"] == 2


def test_what_is_no_json_is_said(recorder: SpoolRecorder) -> None:
    with pytest.raises(Nb2prodError, match="not JSON"):
        ask(recorder, "/feedback", b"{")


@pytest.mark.parametrize("route", ["/feedback", "/monitoring/panes"])
def test_a_service_without_a_recorder_says_so(route: str) -> None:
    with pytest.raises(Nb2prodError) as caught:
        ask(None, route, {"id": "a", "label": 1})
    assert caught.value.code == "not-recording"


def test_panes_are_pulled_page_by_page_with_the_model_that_they_stand_against(recorder: SpoolRecorder) -> None:
    recorder.record(rows(2), answers(2), request_id="r", ids=None, times=None, version=3, arrived=NOON)
    recorder.flush()
    counter = Counter(recorder.spool)
    counter.run()
    counter.close()
    status, page = ask(recorder, "/monitoring/panes", query="after=0")
    (one,) = page["increments"]
    assert (status, one["rows"], one["version"], page["more"]) == (200, 2, 3, False)
    assert ask(recorder, "/monitoring/panes", query=f"after={page['last']}")[1]["increments"] == []
    _, model = ask(recorder, "/monitoring/panes", query=f"model={one['model']}")
    assert set(model["files"]) == {"name", "signature.json", "baseline.json", "baseline.npz"}
    for query in ("after=x", "model=../.."):
        with pytest.raises(Nb2prodError):
            ask(recorder, "/monitoring/panes", query=query)


def test_panes_of_a_spool_that_an_agent_counts_are_not_served(recorder: SpoolRecorder) -> None:
    with pytest.raises(Nb2prodError) as caught:
        ask(recorder, "/monitoring/panes", settings=ServiceSettings(name="delays", traffic=True))
    assert caught.value.code == "counted-by-agent"


@pytest.mark.parametrize(
    ("more", "pointer", "fix"),
    [
        ({"label": 1, "cost": 1}, "/cost", '"outcomes": {"cost": 1}'),
        ({"label": 1, "conversion": True}, "/conversion", '"outcomes": {"conversion": 1}'),
        ({"label": 1, "cost": "much"}, "/cost", '"outcomes": {"cost": 1}'),
        ({"label": 1, "comment": "late again"}, "/comment", "leave `comment` out"),
        ({"lable": 1, "outcomes": {"cost": 1}}, "/lable", '"label": 1'),
        ({"outcomes": {"cost": "much"}}, "/outcomes/cost", '"outcomes": {"cost": 1}'),
        ({"outcomes": {"cost": 3, "late": None}}, "/outcomes/late", '"outcomes": {"late": 1}'),
        ({"outcomes": 3}, "/outcomes", '"outcomes": {"conversion": 1}'),
        ({}, "", '"label": 0, or "outcomes": {"cost": 1}'),
    ],
)
def test_nothing_that_was_sent_is_let_go_in_silence_and_the_fix_shows_where_it_belongs(
    recorder: SpoolRecorder, more: dict[str, Any], pointer: str, fix: str
) -> None:
    status, said = ask(recorder, "/feedback", {"id": "a", **more})
    assert (status, said["accepted"], said["pointer"], said["fix"]) == (422, 0, pointer, fix)
    assert "again" not in said["detail"]
    assert "much" not in said["detail"]
    assert recorder.metrics()["feedback_refused_total"] == 1


def test_one_other_item_is_said_to_be_one(recorder: SpoolRecorder) -> None:
    _, said = ask(recorder, "/feedback", [{"id": "a", "label": 1}, {"id": "b", "label": "late"}])
    assert said["refused"][0]["kept"] == "the other item is kept"


def test_a_request_of_one_row_is_said_to_have_one(recorder: SpoolRecorder) -> None:
    _, said = ask(recorder, "/feedback", {"request_id": "0123456789abcdef-1f.1", "row": 1, "label": 1})
    assert "had 1 row," in said["detail"]


def test_a_label_that_is_no_class_is_refused_alone_and_counted(recorder: SpoolRecorder) -> None:
    given: dict[str, Any] = {"request_id": "r", "ids": [str(n) for n in range(6)], "times": None, "version": 3}
    recorder.record(rows(6), answers(6), arrived=NOON, **given)
    labels = [1, "1", True, 9, 0.5, 0]
    status, said = ask(recorder, "/feedback", [{"id": n, "label": label} for n, label in enumerate(labels)])
    assert (status, said["accepted"], [bad["pointer"] for bad in said["refused"]]) == (207, 4, ["/3/label", "/4/label"])
    assert recorder.metrics()["feedback_refused_total"] == 2
    recorder.flush()
    counter = Counter(recorder.spool)
    with counter.side.alone():
        counter.run()
    (one,) = counter.page().increments
    counter.close()
    assert one.counts["@agreed"] == [(0, 1), (1, 3)]
    assert "@unread" not in one.counts


def test_a_number_out_of_range_refuses_its_own_item_alone(recorder: SpoolRecorder) -> None:
    body = (
        b'[{"id": 1, "label": 1}, {"id": 2, "label": 1e400}, {"id": 3, "outcomes": {"cost": -1e999}},'
        b' {"id": 4, "label": 1, "time": 1e400}, {"id": 1000000000000000000000000000000, "label": 1},'
        b' {"id": 6, "label": 0}]'
    )
    status, said = ask(recorder, "/feedback", body)
    assert (status, said["accepted"]) == (207, 2)
    assert [bad["pointer"] for bad in said["refused"]] == ["/1/label", "/2/outcomes/cost", "/3/time", "/4/id"]
    with pytest.raises(Nb2prodError, match="not JSON"):
        ask(recorder, "/feedback", b'[{"id": 1, "label": 1e400}, {"id": 2, "label": NaN}]')
