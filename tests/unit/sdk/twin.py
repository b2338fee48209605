"""An in-memory twin of the SDK's steps and find: remembers what it was asked, tells steps, keeps deployments by name."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from nb2prod.errors import NotFound
from nb2prod.records.capture import Output, Signature
from nb2prod.records.lifecycle import Outcome, Plan, Step
from nb2prod.records.monitoring import FeatureDrift, Performance
from nb2prod.records.serving import CanaryStatus, ServiceStatus
from nb2prod.sdk.stopped import EndedCanary
from tests.unit.sdk import samples


class Deployment:
    """The handle, as the SDK's: name, version, url and its verbs."""

    def __init__(self, outcome: Outcome | None, status: ServiceStatus, world: Twin) -> None:
        self.outcome = outcome
        self._status = status
        self._world = world
        self.name, self.version, self.url = status.name, status.version, status.url
        self.told: list[Any] = []

    def with_labels(self, status: ServiceStatus) -> ServiceStatus:
        return status

    def status(self) -> ServiceStatus:
        return self._status

    def drift(self, by: str | None = None, version: int | None = None) -> list[FeatureDrift]:
        self._world.asked.append(("drift", by) if version is None else ("drift", by, version))
        return [
            FeatureDrift(
                feature="temp",
                period=None,
                rows=45000,
                effect=0.4,
                low=0.38,
                drifted=True,
                direction="up",
                since="2013-05",
            )
        ]

    def performance(self, metric: str | None = None, by: str | None = None) -> list[Performance]:
        return [Performance(metric="ROC AUC", period=None, n=5000, value=0.66, low=0.64, high=0.68)]

    def report(self, feature: str | None = None) -> Any:
        from nb2prod.monitoring.report import Page
        from nb2prod.records.report import Report

        self._world.asked.append(("report", feature))
        made = "2026-11-24T19:00:00+00:00"
        bare = Report(name=self.name, version=3, made=made, rows=0, training_rows=9, bound=0.1, certifiable=0.5)
        return Page(bare)

    def limits(self) -> list[Any]:
        return []

    @property
    def signature(self) -> Signature:
        return Signature(columns=(), output=Output(kind="class", classes=(0, 1)))

    def feedback(self, items: Any = None, **one: Any) -> dict[str, Any]:
        self.told.append(items if items is not None else one)
        refused = [n for n, item in enumerate(items) if isinstance(item.get("label"), str)]
        told = [{"item": n, "title": f"Item {n} cannot be kept", "why": "A label is a number."} for n in refused]
        return {"accepted": len(items) - len(told), "refused": told}

    def logs(self, n: int = 50, follow: bool = False) -> list[str]:
        return [f"line {k}" for k in range(min(n, 3))]

    def canary(self, version: int | None = None, percent: float | None = None, **more: Any) -> Deployment:
        self._world.asked.append(("canary", version, percent))
        known = self._status.canary
        if percent == 0:
            if known is None:
                raise NotFound("`delays` has no canary", code="no-canary", fix="nb2prod canary delays VERSION")
            self._status = msgspec.structs.replace(self._status, canary=None)
            return self
        number = version or (known.version if known is not None else 0)
        share = CanaryStatus(version=number, percent=percent or 10.0, state="ready")
        self._status = msgspec.structs.replace(self._status, canary=share)
        return self

    @property
    def last_canary(self) -> EndedCanary | None:
        return EndedCanary(version=4, ended=1795800000.0, rule="complaints above 0.08 over 1h")

    def promote(self) -> int:
        assert self._status.canary is not None
        return self._status.canary.version

    def rollback(self, version: int | None = None) -> int:
        self._world.asked.append(("rollback", version))
        if version is None and self._status.canary is not None:
            self._status = msgspec.structs.replace(self._status, canary=None)
            return self.version or 0
        return version or (self.version or 0) - 1

    def stop(self) -> None:
        self._world.asked.append(("stop", self.name))

    def start(self) -> None:
        self._world.asked.append(("start", self.name))

    def remove(self, purge: bool = False) -> None:
        self._world.asked.append(("remove", self.name, purge))


class Twin:
    """What the steps do in the tests of the front doors. `raises` is raised by the next deploy."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.raises: BaseException | None = None
        self.known: dict[str, Deployment] = {}

    def deploy(self, model: Any = None, *, progress: Any, dry_run: bool = False, **options: Any) -> Deployment | Plan:
        self.asked.append((model, options))
        progress(Step(name="Capture", state="running", text="reading the model"))
        if self.raises is not None:
            raise self.raises
        for step in samples.STEPS:
            progress(step)
        if dry_run:
            return Plan(
                name="delays", capture=samples.record(), packages=63, bytes=41_000_000, files=("model/model.skops",)
            )
        made = Deployment(samples.outcome(), samples.STATUS, self)
        self.known[made.name] = made
        return made

    def deploy_notebook(self, path: Any, model: str = "model", **options: Any) -> Deployment | Plan:
        self.asked.append(("notebook", str(path)))
        return self.deploy(model, **options)

    def verify_notebook(self, path: Any, model: str = "model", *, progress: Any, **options: Any) -> Any:
        self.asked.append((model, options))
        if self.raises is not None:
            raise self.raises
        for step in samples.STEPS[:2]:
            progress(step)
        return samples.PROOF

    def deployments(self, home: Any = None) -> list[Deployment]:
        return list(self.known.values())

    def get(self, name: str, home: Any = None) -> Deployment:
        if name not in self.known:
            raise NotFound(f"There is no deployment `{name}`", code="no-deployment", fix="nb2prod list")
        return self.known[name]


@pytest.fixture
def twin(monkeypatch: pytest.MonkeyPatch) -> Twin:
    """The twin in the place of the SDK's public functions."""
    import nb2prod.sdk

    world = Twin()
    for name in ("deploy", "deployments", "get"):
        monkeypatch.setattr(nb2prod, name, getattr(world, name), raising=False)
    for name in ("deploy", "deploy_notebook", "verify_notebook"):
        monkeypatch.setattr(nb2prod.sdk, name, getattr(world, name), raising=False)
    return world
