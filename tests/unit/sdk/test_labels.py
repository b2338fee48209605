from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest

from nb2prod.errors import InputError
from nb2prod.home import Home
from nb2prod.records.capture import Output
from nb2prod.runtime.hooks import FeedbackResult
from nb2prod.runtime.protocol import feedback as protocol
from nb2prod.sdk.client import Client
from nb2prod.sdk.deployment import Deployment
from nb2prod.sdk.labels import fitting


@pytest.mark.parametrize(
    ("output", "cells", "labels"),
    [
        (Output(kind="class", classes=(0, 1)), ["1", "x", None, "0"], [1, "x", None, 0]),
        (Output(kind="class", classes=(False, True)), ["True", "no", "false"], [True, "no", False]),
        (Output(kind="class", classes=("0", "1")), [1.0, 0, "1"], ["1", "0", "1"]),
        (Output(kind="number"), ["1.5", "2", "much"], [1.5, 2, "much"]),
        (Output(kind="text"), ["1", 2], ["1", "2"]),
    ],
)
def test_cells_are_labels_of_the_models_own_kind(output: Output, cells: list[Any], labels: list[Any]) -> None:
    assert fitting(cells, output) == labels
    assert list(map(type, fitting(cells, output))) == list(map(type, labels))


def answered(request: httpx.Request) -> httpx.Response:
    """As a service does that takes whole numbers as labels."""
    given = msgspec.json.decode(request.content)
    items = given if isinstance(given, list) else [given]
    results = [
        FeedbackResult(status="kept")
        if isinstance(item["label"], int)
        else FeedbackResult(status="refused", pointer="/label", why="A label is a number.", fix="")
        for item in items
    ]
    status, headers, body = protocol._reply(results, not isinstance(given, list), "q")
    return httpx.Response(status, headers=headers, content=body)


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    def client(_: Deployment) -> Client:
        made = Client()
        made._http = httpx.Client(base_url="http://worker", transport=httpx.MockTransport(answered))
        return made

    monkeypatch.setattr(Deployment, "_client", client)
    return Deployment("delays", home=Home(tmp_path / "home", tmp_path / "cache"))


def test_a_refused_item_of_a_later_batch_is_named_by_its_own_place(deployment: Deployment) -> None:
    items = [{"id": n, "label": "x" if n in (3, 4001) else 1} for n in range(5000)]
    told = deployment.feedback(items)
    assert told["accepted"] == 4998
    assert [(bad["item"], bad["title"], bad["pointer"]) for bad in told["refused"]] == [
        (3, "Item 3 cannot be kept", "/3/label"),
        (4001, "Item 4001 cannot be kept", "/4001/label"),
    ]


def test_a_batch_of_which_nothing_is_kept_takes_nothing_from_the_others(deployment: Deployment) -> None:
    told = deployment.feedback([{"id": n, "label": "x" if 1000 <= n < 2000 else 1} for n in range(3000)])
    assert (told["accepted"], len(told["refused"])) == (2000, 1000)
    assert deployment.feedback([{"id": 1, "label": "x"}])["accepted"] == 0


def test_one_item_that_is_refused_is_an_error(deployment: Deployment) -> None:
    with pytest.raises(InputError, match="item cannot be kept"):
        deployment.feedback(id=1, label="x")
    assert deployment.feedback(id=1, label=1) == {"accepted": 1, "refused": []}


def test_a_label_from_numpy_or_pandas_is_the_number_that_it_is(deployment: Deployment) -> None:
    items = [{"id": np.int64(n), "label": label} for n, label in enumerate((np.int64(1), np.bool_(True), np.int8(0)))]
    assert deployment.feedback(items) == {"accepted": 3, "refused": []}
    assert deployment.feedback(id=1, label=np.int32(1))["accepted"] == 1
    with pytest.raises(TypeError, match="no form in JSON"):
        deployment.feedback(id=1, label=object())
