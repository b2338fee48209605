"""The rest of the year as traffic: requests of 1 to 50 rows with ids and event times; labels follow a month later."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np

from nb2prod.demo.flights import COLUMNS, LAST_TRAINING_MONTH
from nb2prod.errors import Failed

THREADS = 4
LARGEST = 50
LABELS_AT_ONCE = 500
REQUESTS = 3000
Count = Callable[[int], None]


@dataclass
class Served:
    """What the callers saw: one latency a request, in seconds."""

    seconds: list[float] = field(default_factory=list)
    labels: int = 0

    @property
    def requests(self) -> int:
        return len(self.seconds)

    def milliseconds(self, percent: float) -> float:
        return round(float(np.percentile(self.seconds, percent)) * 1000, 2)


def replay(flights: Any, url: str, *, requests: int = REQUESTS, asked: Count, labelled: Count) -> Served:
    """Send April to December in order; the labels of a month are sent when the next one has passed.

    Parameters
    ----------
    flights
        The frame of `flights.load`.
    requests
        About how many requests; with fewer, rows are left out evenly.
    asked, labelled
        Called with how many more requests were answered, labels taken.
    """
    served = Served()
    later = flights[flights["month"] > LAST_TRAINING_MONTH]
    months = [month for _, month in later.groupby("month", sort=True)]
    rng = np.random.default_rng(2013)
    limits = httpx.Limits(max_connections=THREADS, max_keepalive_connections=THREADS)
    with (
        httpx.Client(base_url=url, timeout=120, limits=limits, trust_env=False) as client,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        before = None
        for month in months:
            bodies = list(_bodies(month, requests // len(months), rng))
            for seconds in pool.map(lambda body: _ask(client, body), bodies):
                served.seconds.append(seconds)
                asked(1)
            served.labels += _tell(client, before, labelled)
            before = month
        served.labels += _tell(client, before, labelled)
    return served


def sizes(rows: int, requests: int, rng: np.random.Generator) -> list[int]:
    """Sizes of about `requests` requests over at most `rows` rows: most are small, none above 50."""
    mean = min(rows / requests, LARGEST / 2)
    drawn = np.minimum(1 + rng.geometric(1 / mean, size=requests) - 1, LARGEST)
    fitting = int(np.searchsorted(np.cumsum(drawn), rows, side="right"))
    return [int(size) for size in drawn[:fitting]]


def _bodies(month: Any, requests: int, rng: np.random.Generator) -> Iterator[bytes]:
    plan = sizes(len(month), requests, rng)
    # spread over the whole month, whatever the number of requests
    taken = month.iloc[np.linspace(0, len(month) - 1, sum(plan)).astype(int)]
    at = 0
    for size in plan:
        yield _body(taken.iloc[at : at + size])
        at += size


def _body(rows: Any) -> bytes:
    values = rows[COLUMNS].astype(object)
    data = values.where(values.notna(), None).to_numpy().tolist()
    content = {"columns": COLUMNS, "data": data, "ids": rows["flight_id"].tolist(), "times": rows["departs"].tolist()}
    return json.dumps(content).encode()


def _ask(client: httpx.Client, body: bytes) -> float:
    begin = time.perf_counter()
    response = client.post("/predict", content=body, headers={"content-type": "application/json"})
    took = time.perf_counter() - begin
    _good(response)
    return took


def _tell(client: httpx.Client, month: Any, labelled: Count) -> int:
    if month is None:
        return 0
    items = [{"id": int(i), "label": int(late)} for i, late in zip(month["flight_id"], month["late"], strict=True)]
    for part in _parts(items, LABELS_AT_ONCE):
        _good(client.post("/feedback", json=part))
        labelled(len(part))
    return len(items)


def _parts(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _good(response: httpx.Response) -> None:
    if response.is_success:
        return
    raise Failed(
        f"The service answered {response.status_code} to the demo's traffic",
        code="demo-traffic",
        where=str(response.request.url),
        why=response.text[:300],
        fix="nb2prod doctor",
    )
