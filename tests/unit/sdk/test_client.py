"""Asking a service: what comes back is one answer a row, or an error."""

from __future__ import annotations

import httpx
import pytest

from nb2prod.errors import Failed
from nb2prod.sdk.client import Client


def client(answers: int) -> Client:
    made = Client()
    reply = {"predictions": [0] * answers}
    made._http = httpx.Client(
        base_url="http://worker", transport=httpx.MockTransport(lambda _: httpx.Response(200, json=reply))
    )
    return made


def test_as_many_answers_as_rows_are_returned() -> None:
    assert client(3).predict(["a", "b", "c"]).predictions == (0, 0, 0)


@pytest.mark.parametrize("answers", [0, 1, 4])
def test_another_number_of_answers_is_never_silent(answers: int) -> None:
    with pytest.raises(Failed) as caught:
        client(answers).predict(["a", "b", "c"])
    assert caught.value.code == "wrong-count"
