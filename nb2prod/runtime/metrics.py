"""Prometheus: requests, their seconds, rows and warnings; one folder of counters for all workers of a version."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

DIRECTORY: Final = "PROMETHEUS_MULTIPROC_DIR"

# Ten steps a decade from 0.1 ms to 100 s: p50 and p99 are read from them to within a quarter.
BUCKETS: Final = tuple(round(10 ** (step / 10 - 4), 7) for step in range(61))


class Metrics:
    """Counters bound once; a request costs one look-up, two increments and one observation.

    prometheus_client decides at its import whether counters are shared, so the variable must be set before.
    """

    def __init__(self) -> None:
        from prometheus_client import Counter, Histogram

        self._requests = _once(Counter, "nb2prod_requests", "Requests answered.", ["route", "status"])
        self._seconds = _once(Histogram, "nb2prod_request_seconds", "Seconds of a request.", ["route"], buckets=BUCKETS)
        self._rows = _once(Counter, "nb2prod_rows", "Rows answered.")
        self._warnings = _once(Counter, "nb2prod_warnings", "Warnings in answers.")
        self._errors = _once(Counter, "nb2prod_errors", "Errors answered, by code.", ["code"])
        self._canary = _once(
            Counter,
            "nb2prod_canary_requests",
            "Requests of the canary's share: answered by it, or by the champion in its place, and why.",
            ["version", "outcome"],
        )
        self._bound: dict[tuple[str, int], tuple[Any, Any]] = {}
        reap()

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        bound = self._bound.get((route, status))
        if bound is None:
            bound = self._requests.labels(route, str(status)), self._seconds.labels(route)
            self._bound[route, status] = bound
        bound[0].inc()
        bound[1].observe(seconds)

    def answered(self, rows: int, warnings: int) -> None:
        """Count the rows of one answer and what it warned of."""
        self._rows.inc(rows)
        if warnings:
            self._warnings.inc(warnings)

    def failed(self, code: str) -> None:
        """Count one error."""
        self._errors.labels(code).inc()

    def canary(self, version: int, outcome: str) -> None:
        """Count one request of a canary's share."""
        self._canary.labels(str(version), outcome).inc()

    def text(self, recorder: Mapping[str, float] | None = None) -> bytes:
        """The exposition of all workers of this version, the recorder's counters with it."""
        return exposition() + b"".join(
            f"# TYPE nb2prod_{name} {'counter' if name.endswith('_total') else 'gauge'}\nnb2prod_{name} {value:g}\n".encode()
            if value != int(value)
            else f"# TYPE nb2prod_{name} {'counter' if name.endswith('_total') else 'gauge'}\n"
            f"nb2prod_{name} {int(value)}\n".encode()
            for name, value in (recorder or {}).items()
        )


def exposition() -> bytes:
    """What prometheus_client holds, over all processes that share the folder."""
    import prometheus_client

    if DIRECTORY not in os.environ:
        return prometheus_client.generate_latest()  # type: ignore[no-any-return]
    from prometheus_client import multiprocess

    registry = prometheus_client.CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    return prometheus_client.generate_latest(registry)  # type: ignore[no-any-return]


def reap() -> None:
    """Take the gauges of dead workers out of the shared folder; their counters stay, so that sums never fall."""
    folder = os.environ.get(DIRECTORY)
    if not folder:
        return
    from prometheus_client import multiprocess

    for path in Path(folder).glob("gauge_live*_*.db"):
        pid = path.stem.rpartition("_")[2]
        if pid.isdigit() and not _alive(int(pid)):
            multiprocess.mark_process_dead(int(pid))


def share(folder: Path) -> None:
    """Count into `folder` together with the other workers; to be called before prometheus_client is imported."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ[DIRECTORY] = str(folder)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


_MADE: dict[str, Any] = {}


def _once(kind: Any, name: str, *args: Any, **options: Any) -> Any:
    """A metric of that name; prometheus_client holds one a process and refuses a second."""
    if name not in _MADE:
        _MADE[name] = kind(name, *args, **options)
    return _MADE[name]
