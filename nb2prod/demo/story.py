"""The demo from end to end, in a home of its own: train, deploy, replay, ask the product what it saw."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import msgspec

import nb2prod
from nb2prod.demo import flights, traffic
from nb2prod.home import Home
from nb2prod.records.lifecycle import Step
from nb2prod.records.monitoring import FeatureDrift, Performance
from nb2prod.sdk.card import Card, Code, Row, Table
from nb2prod.sdk.card.watch import period_name
from nb2prod.sdk.card.words import count, milliseconds, percent, score

NAME = "delays"
_TEAMS = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "NB2PROD_STORE")


class Watcher(Protocol):
    """Who looks on: one bar a stage."""

    def begin(self, stage: str, total: int, text: str) -> None: ...
    def advance(self, stage: str, by: int = 1, text: str = "") -> None: ...


class Drifted(msgspec.Struct, frozen=True):
    """A column that moved, and the month since when."""

    feature: str
    since: str | None


class Share(msgspec.Struct, frozen=True):
    """The share of late flights in a month, as predicted and as it turned out."""

    predicted: float | None
    realised: float | None


class Findings(msgspec.Struct, frozen=True):
    """What `nb2prod demo --json` prints."""

    url: str
    name: str
    version: int
    requests: int
    p50_ms: float
    p99_ms: float
    drifted: tuple[Drifted, ...]
    auc: dict[str, float | None]
    late_share: dict[str, Share]
    verified: bool


def run(watcher: Watcher, *, keep: bool = False, requests: int = traffic.REQUESTS) -> tuple[Findings, Path | None]:
    """Run it all; the home that is left (with `keep`), or None.

    Whatever ends it, Ctrl-C and SIGTERM among them, the service is stopped and its home removed, unless `keep` and all went well.
    """
    with _own_home(keep) as home:
        return _told(home, watcher, requests), home.root if keep else None


def _told(home: Home, watcher: Watcher, requests: int) -> Findings:
    watcher.begin("Train", 2, "60,000 flights of 2013; a boosting model on January to March")
    year = flights.load()
    watcher.advance("Train")
    trained = flights.train(year)
    watcher.advance("Train", text=f"{type(trained.model[-1]).__name__} on {count(len(trained.train[0]), 'flight')}")
    deployment = nb2prod.deploy(
        trained.model,
        name=NAME,
        data=trained.train[0],
        labels=trained.train[1],
        holdout=trained.holdout,
        nullable=flights.WEATHER,
        home=home,
        progress=_deploying(watcher),
    )
    status = deployment.status()
    served = _traffic(year, status.url, watcher, requests)
    watcher.begin("Ask", 3, "what moved, and was the model right")
    moved = deployment.drift(by="month")
    watcher.advance("Ask")
    auc = deployment.performance(metric="roc_auc", by="month")
    watcher.advance("Ask")
    share = deployment.performance(metric="positive_share", by="month")
    watcher.advance("Ask")
    return Findings(
        url=status.url,
        name=NAME,
        version=status.version,
        requests=served.requests,
        p50_ms=served.milliseconds(50),
        p99_ms=served.milliseconds(99),
        drifted=drifted(moved),
        auc={item.period: item.realised for item in auc if item.period},
        late_share=_shares(share),
        verified=deployment.outcome.verification.status == "verified",
    )


def _deploying(watcher: Watcher) -> Any:
    watcher.begin("Deploy", 5, "capture")

    def told(step: Step) -> None:
        watcher.advance("Deploy", by=int(step.state == "done"), text=f"{step.name.lower()}: {step.text}")

    return told


def _traffic(year: Any, url: str, watcher: Watcher, requests: int) -> traffic.Served:
    later = int((year["month"] > flights.LAST_TRAINING_MONTH).sum())
    watcher.begin("Traffic", requests, "April to December, 1 to 50 flights a request")
    watcher.begin("Labels", later, "which were late, a month after the flight")
    return traffic.replay(
        year,
        url,
        requests=requests,
        asked=lambda n: watcher.advance("Traffic", n),
        labelled=lambda n: watcher.advance("Labels", n),
    )


def drifted(moved: list[FeatureDrift]) -> tuple[Drifted, ...]:
    """The model's columns that the product says have drifted, the earliest first; its own scores are no columns."""
    first: dict[str, str | None] = {}
    named = (item for item in moved if item.drifted and not item.feature.startswith("@"))
    for item in sorted(named, key=lambda item: item.since or item.period or ""):
        first.setdefault(item.feature, item.since or item.period)
    return tuple(Drifted(feature, since) for feature, since in first.items())


def _shares(found: list[Performance]) -> dict[str, Share]:
    return {item.period: Share(item.predicted, item.realised) for item in found if item.period}


def shown(found: Findings, home: Path | None) -> Card:
    """The short table at the end."""
    lines = tuple(
        (
            period_name(month),
            percent(share.predicted),
            percent(share.realised),
            score(found.auc.get(month)),
            ", ".join(item.feature for item in found.drifted if item.since == month) or "–",
        )
        for month, share in found.late_share.items()
    )
    table = Table(
        ("month", "late, predicted", "late, realised", "ROC AUC", "drifts from here on"), lines, align="lrrrl"
    )
    asked = f"{count(found.requests, 'request')} · p50 {milliseconds(found.p50_ms)} · p99 {milliseconds(found.p99_ms)}"
    proof = "answers as in the kernel that made it" if found.verified else "not verified"
    head = f"{found.name} {found.version} " + (f"is live at {found.url}" if home else f"was live at {found.url}")
    rows = (Row("Up", (asked,)), Row("Right", (proof, _moved(found))), _next(found, home))
    return Card(head=head, rows=rows, tables=(table,), tone="done")


def _moved(found: Findings) -> str:
    if not found.drifted:
        return "no column drifted"
    said = ", ".join(f"{item.feature} since {period_name(item.since)}" for item in found.drifted)
    return f"{count(len(found.drifted), 'column')} drifted: {said}"


def _next(found: Findings, home: Path | None) -> Row:
    if home is None:
        return Row("Next", (Code("nb2prod demo --keep", note="leave it running"), Code("%deploy model", note="yours")))
    lines = (f"export NB2PROD_HOME={home}", f"nb2prod status {found.name}", f"nb2prod drift {found.name} --by month")
    return Row(
        "Next", (*(Code(line) for line in lines), Code(f"nb2prod remove {found.name} --purge", note="away with it"))
    )


@contextlib.contextmanager
def _own_home(keep: bool) -> Iterator[Home]:
    """A home in a new folder, away from a team's servers; gone at the end with all that runs in it, unless kept."""
    with _stopped_by_signals(), _without(_TEAMS):
        home = Home(root=tempfile.mkdtemp(prefix="nb2prod-demo-"))
        kept = False
        try:
            yield home
            kept = keep
        finally:
            if not kept:
                _remove(home)


def _remove(home: Home) -> None:
    from nb2prod.targets.local import LocalTarget

    with _deaf():
        LocalTarget(home).shutdown()
        shutil.rmtree(home.sockets, ignore_errors=True)
        shutil.rmtree(home.root, ignore_errors=True)


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end the demo as Ctrl-C does, so that it cleans up."""

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    kinds = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(kind, stop) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """A second Ctrl-C does not break the cleaning up."""
    kinds = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(kind, signal.SIG_IGN) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)


@contextlib.contextmanager
def _without(names: tuple[str, ...]) -> Iterator[None]:
    kept = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)
