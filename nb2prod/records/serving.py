"""What passes between a target and a service: the one file that tells a service everything, and what a service says of itself."""

from __future__ import annotations

from typing import ClassVar, Literal

from nb2prod.records.base import Record
from nb2prod.records.sampling import Sampling

State = Literal["starting", "live", "degraded", "stopped", "failed"]


class CanaryShare(Record, frozen=True, kw_only=True):
    """The challenger that answers a share of the requests: its version, its worker's socket, and how many of a hundred."""

    version: int
    socket: str
    percent: float


class ServiceSettings(Record, frozen=True, kw_only=True):
    """`service.json`, named by `NB2PROD_SERVICE`: written by rename, read again on change; no other way in.

    `version` is None until the model is registered. While `traffic` is false nothing is recorded or counted. `spool` is the
    folder of the recorder's segments; `counter` says who counts them. `environment` is a 0600 JSON file of the values of
    declared environment variables, read before the model is loaded. `outcomes` are the names that feedback may carry, `slices`
    the (column, value) pairs by which rows and what became of them are counted apart; `maturation` is how many
    seconds a label waits for its prediction. `sample` is what is kept of raw rows: nothing unless somebody asked.
    `figures` is a file of verdicts in Prometheus' text form that /metrics shows too. `canary` is who answers a share of the
    requests in its place.
    """

    SCHEMA: ClassVar[int] = 1

    schema: int = 1
    name: str
    version: int | None = None
    traffic: bool = False
    spool: str | None = None
    counter: Literal["agent", "self"] = "agent"
    tokens: tuple[str, ...] = ()
    environment: str | None = None
    body_limit: int = 10 * 2**20
    spool_limit: int = 256 * 2**20
    outcomes: tuple[str, ...] = ()
    slices: tuple[tuple[str, str], ...] = ()
    maturation: float = 30 * 86400.0
    sample: Sampling | None = None
    figures: str | None = None
    canary: CanaryShare | None = None


class Worker(Record, frozen=True, kw_only=True):
    """One serving process."""

    name: str
    pid: int | None
    state: str
    since: float | None = None


class CanaryStatus(Record, frozen=True, kw_only=True):
    """The challenger beside a champion: its share of a hundred requests, whether it runs, and what became of its share.

    Since the champion was started it has `answered` so many requests; of its share the champion had to answer `not_answered`,
    counted by the reason in `outcomes`. `rows` are all that were counted under its version.
    """

    version: int
    percent: float
    state: Literal["ready", "starting", "dead"]
    answered: int = 0
    not_answered: int = 0
    outcomes: dict[str, int] = {}
    rows: int = 0


class ServiceStatus(Record, frozen=True, kw_only=True):
    """A deployment as its target sees it; `nb2prod status --json` prints it.

    `rows` are all that were counted under the name, whatever version answered; requests, times and errors are those since the
    version that is live was started. `canary` answers a share of them, where there is one. `labels_waiting` labels wait for their
    prediction, `labels_unmatched` waited in vain. `alerts` are the titles of those that stand and are told, the newest first.
    `elsewhere` are the addresses of services whose counts are pulled; then `bento` is what they say that they serve.
    """

    name: str
    state: State
    url: str | None
    version: int | None
    workers: tuple[Worker, ...] = ()
    model_uri: str | None = None
    bento: str | None = None
    proof: str | None = None
    rows: int = 0
    requests: int | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    errors: int | None = None
    canary: CanaryStatus | None = None
    labels_waiting: int = 0
    labels_unmatched: int = 0
    alerts: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    reason: str | None = None
    fix: str | None = None
    log: tuple[str, ...] = ()
