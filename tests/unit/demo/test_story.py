"""The demo's parts: the flights, the traffic over a real HTTP server, the table at the end, and a home that goes away."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nb2prod.demo import flights, shown, story, traffic
from nb2prod.demo.story import Drifted, Findings, Share
from nb2prod.errors import Failed
from nb2prod.records.monitoring import FeatureDrift


class Service(ThreadingHTTPServer):
    """Takes predictions and feedback, and remembers them in the order of arrival."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.taken: list[tuple[str, Any]] = []
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Service

    def do_POST(self) -> None:
        self.server.taken.append((self.path, json.loads(self.rfile.read(int(self.headers["content-length"])))))
        answer = b"{}"
        self.send_response(self.server.status)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.fixture(scope="module")
def year() -> Any:
    return flights.load()


def test_the_flights_carry_their_label_and_their_departure(year: Any) -> None:
    assert len(year) == 60_000
    assert set(year["late"]) == {0, 1}
    assert year["departs"].iloc[0] == "2013-01-01T05:58:00Z"
    assert all(column in year for column in flights.COLUMNS)


def test_requests_have_1_to_50_rows_and_fit_what_there_is() -> None:
    sizes = traffic.sizes(5000, 333, np.random.default_rng(0))
    assert min(sizes) >= 1
    assert max(sizes) <= 50
    assert 0.8 * 5000 <= sum(sizes) <= 5000


def test_the_year_is_replayed_in_order_and_labels_follow_a_month_later(year: Any, service: Service) -> None:
    asked: list[int] = []
    served = traffic.replay(year, service.url, requests=90, asked=asked.append, labelled=lambda n: None)
    predictions = [body for path, body in service.taken if path == "/predict"]
    assert served.requests == sum(asked) == len(predictions) >= 80
    assert all(1 <= len(body["data"]) <= 50 == traffic.LARGEST for body in predictions)
    assert all(len(body["ids"]) == len(body["times"]) == len(body["data"]) for body in predictions)
    months = [body["times"][0][:7] for body in predictions]
    assert months == sorted(months)
    assert set(months) == {f"2013-{month:02d}" for month in range(4, 13)}
    first_label = next(n for n, (path, _) in enumerate(service.taken) if path == "/feedback")
    assert "2013-05" in {body["times"][0][:7] for path, body in service.taken[:first_label] if path == "/predict"}
    assert served.labels == 45_000
    assert served.milliseconds(50) <= served.milliseconds(99)


def test_a_missing_value_is_null_on_the_wire(year: Any) -> None:
    rows = year[year["temp"].isna()].head(2)
    body = json.loads(traffic._body(rows))
    assert [row[flights.COLUMNS.index("temp")] for row in body["data"]] == [None, None]


def test_a_service_that_refuses_stops_the_demo_with_its_reason(year: Any, service: Service) -> None:
    service.status = 422
    with pytest.raises(Failed) as caught:
        traffic.replay(year, service.url, requests=9, asked=lambda n: None, labelled=lambda n: None)
    assert "422" in caught.value.title


def drift(feature: str, period: str, drifted: bool, since: str | None = None) -> FeatureDrift:
    return FeatureDrift(feature=feature, period=period, rows=1, effect=0.3, low=0.2, drifted=drifted, since=since)


def test_what_drifted_comes_from_the_product_the_earliest_first() -> None:
    moved = [
        drift("visib", "2013-09", True, "2013-09"),
        drift("temp", "2013-06", True, "2013-05"),
        drift("temp", "2013-05", True, "2013-05"),
        drift("hour", "2013-05", False),
    ]
    assert story.drifted(moved) == (Drifted("temp", "2013-05"), Drifted("visib", "2013-09"))


FOUND = Findings(
    url="http://127.0.0.1:3080",
    name="delays",
    version=1,
    requests=3002,
    p50_ms=14.2,
    p99_ms=41.0,
    drifted=(Drifted("temp", "2013-05"),),
    auc={"2013-04": 0.65, "2013-05": 0.72},
    late_share={"2013-04": Share(0.23, 0.25), "2013-05": Share(0.22, 0.2)},
    verified=True,
)


def test_the_table_at_the_end_names_drift_in_its_month_and_what_to_do_next(tmp_path: Path) -> None:
    text = shown(FOUND, None).text()
    assert "delays 1 was live at http://127.0.0.1:3080" in text
    assert "May 2013              22.0 %           20.0 %       .72   temp" in text
    assert "nb2prod demo --keep" in text
    kept = shown(FOUND, tmp_path).text()
    assert "delays 1 is live" in kept
    assert f"export NB2PROD_HOME={tmp_path}" in kept


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_home_goes_away_whatever_ends_the_demo(kind: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    removed = []
    monkeypatch.setattr(story, "_remove", lambda home: removed.append(home.root))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    try:
        with pytest.raises(KeyboardInterrupt), story._own_home(keep=True):
            signal.raise_signal(kind)
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(removed) == 1


def test_a_teams_servers_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(story, "_remove", lambda home: None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://team")
    with story._own_home(keep=False):
        assert "MLFLOW_TRACKING_URI" not in os.environ
    assert os.environ["MLFLOW_TRACKING_URI"] == "http://team"
