"""Requests, errors and response times of a service, read from the sums that its own /metrics gives."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from nb2prod.targets.local.unixhttp import ask

REQUESTS = "nb2prod_requests"
SECONDS = "nb2prod_request_seconds"
SHARED = "nb2prod_canary_requests"


class Traffic(NamedTuple):
    """What a run has answered since it started; times in milliseconds, None before the first request."""

    requests: int
    errors: int
    p50_ms: float | None
    p99_ms: float | None


def read(sockets: Iterable[Path]) -> Traffic | None:
    """Ask the first worker that answers: it sums over all of its run's workers."""
    for socket in sockets:
        reply = ask(socket, "GET", "/metrics", timeout=3.0)
        if reply is not None and reply.status == 200:
            return parse(reply.body.decode())
    return None


def shared(sockets: Iterable[Path], version: int) -> dict[str, int]:
    """What became of the requests of a canary's share, as the first worker of the champion that answers says."""
    for socket in sockets:
        reply = ask(socket, "GET", "/metrics", timeout=3.0)
        if reply is not None and reply.status == 200:
            return outcomes(reply.body.decode(), version)
    return {}


def outcomes(text: str, version: int) -> dict[str, int]:
    """Requests of that version's share by their outcome, from a Prometheus exposition."""
    found: dict[str, int] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == f"{SHARED}_total" and sample.labels.get("version") == str(version):
                found[sample.labels["outcome"]] = round(sample.value)
    return found


class Pulse(NamedTuple):
    """Requests to the model since a run started: all, those with an error of ours, those slower than some time."""

    requests: int
    failed: int
    slow: int


def pulse(sockets: Iterable[Path], slow_ms: float | None) -> Pulse | None:
    """What the first worker that answers says of all of its run's workers."""
    for socket in sockets:
        reply = ask(socket, "GET", "/metrics", timeout=3.0)
        if reply is not None and reply.status == 200:
            requests, failed, buckets = _sums(reply.body.decode())
            return Pulse(round(requests), round(failed), _slower(buckets, slow_ms) if slow_ms is not None else 0)
    return None


def _slower(buckets: dict[float, float], slow_ms: float) -> int:
    """Answers past the first edge at or above that time."""
    edges = sorted(buckets)
    edge = next((edge for edge in edges if 1000 * edge >= slow_ms), None)
    return 0 if edge is None else round(buckets[edges[-1]] - buckets[edge])


def parse(text: str) -> Traffic:
    """Traffic from a Prometheus exposition."""
    requests, errors, buckets = _sums(text)
    return Traffic(round(requests), round(errors), quantile(buckets, 0.5), quantile(buckets, 0.99))


def _sums(text: str) -> tuple[float, float, dict[float, float]]:
    requests = errors = 0.0
    buckets: dict[float, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if not _asks_the_model(sample.labels):
                continue
            if sample.name == f"{REQUESTS}_total":
                requests += sample.value
                errors += sample.value if _is_error(sample.labels) else 0.0
            elif sample.name == f"{SECONDS}_bucket":
                edge = float(sample.labels["le"])
                buckets[edge] = buckets.get(edge, 0.0) + sample.value
    return requests, errors, buckets


def quantile(buckets: dict[float, float], share: float) -> float | None:
    """A quantile in milliseconds from cumulative buckets (seconds), linear within the bucket as Prometheus does it."""
    edges = sorted(buckets)
    if not edges or not buckets[edges[-1]]:
        return None
    wanted = share * buckets[edges[-1]]
    below, low = 0.0, 0.0
    for edge in itertools.takewhile(math.isfinite, edges):
        if buckets[edge] >= wanted:
            inside = (wanted - below) / (buckets[edge] - below) if buckets[edge] > below else 1.0
            return round(1000 * (low + (edge - low) * inside), 3)
        below, low = buckets[edge], edge
    return round(1000 * low, 3)


def _asks_the_model(labels: dict[str, str]) -> bool:
    """Predictions alone: a scrape of the metrics or a label is no request to the model."""
    route = labels.get("route", "/predict")
    return route == "/predict" or route.endswith("/infer")


def _is_error(labels: dict[str, str]) -> bool:
    """Our fault, not the caller's: 5xx."""
    return any(labels.get(key, "").startswith("5") for key in ("status", "code", "http_response_code"))
