"""A deployment's share of a turn: evaluate and act, where this agent holds its lease."""

from __future__ import annotations

import logging
import os
import platform
import time
import uuid

from nb2prod.errors import Nb2prodError, NotFound
from nb2prod.home import Home
from nb2prod.lifecycle.acting import Actor
from nb2prod.monitoring import exposition
from nb2prod.monitoring.alerts.evaluation import Evaluator, Pulse
from nb2prod.store import Store
from nb2prod.targets.local import LocalTarget
from nb2prod.targets.local.traffic import Pulse as Sums

log = logging.getLogger(__name__)
FIGURES_SECONDS = 60.0
LEASE_SECONDS = 300.0
"""Longer than the longest action: a rollback starts a service."""


class Duty:
    """Evaluates and acts for the deployments of a home.

    Of several agents on one store each deployment has one at a time: who holds its lease. A deployment that fails does not
    stop the others.
    """

    def __init__(
        self, home: Home, store: Store, *, evaluator: Evaluator | None = None, actor: Actor | None = None
    ) -> None:
        self.home = home
        self.store = store
        self._place = f"{platform.node()}:{home.root}:"
        self.holder = f"{self._place}{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._evaluator = evaluator or Evaluator(store)
        self._actor = actor or Actor(home, store, self._roll_back, self._stop_canary)
        self._written: dict[str, tuple[float, int | None]] = {}
        self._pulses: dict[tuple[str, int], tuple[int, int, int]] = {}

    def turn(self, now: float, others: tuple[str, ...] = ()) -> None:
        """One round over this home's deployments, and over `others` that are watched from here."""
        running = {row.name: row.desired == "running" for row in self.store.deployments.all()}
        for name in [*running, *(name for name in others if name not in running)]:
            try:
                if self.store.leases.take(name, self.holder, LEASE_SECONDS):
                    self._one(name, now, running.get(name, True), local=name in running)
            except Nb2prodError as error:
                log.warning("%s is not evaluated this time: %s", name, error)
            except Exception:
                log.exception("%s is not evaluated this time", name)

    def inherit(self) -> None:
        """End the leases of an agent of this home that was killed; whoever calls has the home's own lock."""
        self.store.leases.inherit(self._place)

    def close(self) -> None:
        """Finish what goes on, and let go of the leases, so that another agent need not wait."""
        self._actor.close()
        self.store.leases.release(self.holder)

    def _one(self, name: str, now: float, running: bool, *, local: bool) -> None:
        begun = time.monotonic()
        pulse, share = self._pulse(name) if running and local else (Pulse(), Pulse())
        for record in self._evaluator.turn(name, now, pulse=pulse, share=share, watched=running):
            log.info("%s: %s", "over" if record.ended else "alert", record.title)
        self._actor.act(name, now + time.monotonic() - begun)
        self._show(name, now, local=local)

    def _show(self, name: str, now: float, *, local: bool) -> None:
        """Write the figures for Prometheus, and let the service know where they stand."""
        row = self.store.deployments.find(name)
        version = row.version if row is not None else None
        written, of = self._written.get(name, (0.0, None))
        if now - written >= FIGURES_SECONDS or version != of:  # another version's figures say nothing of this one
            self._written[name] = now, version
            exposition.write(self.home, self.store, name, now)
        if local and not self._actor.busy(
            name
        ):  # at every turn: a service that was started since knows nothing of them
            target = LocalTarget(self.home)
            target.tell(name, figures=str(exposition.path_of(self.home, name)))
            target.canary.settle(name)

    def _pulse(self, name: str) -> tuple[Pulse, Pulse]:
        """What the service answered since the last look, and its canary; asked only where a service level is promised."""
        promised = {rule.alert.metric for rule in self.store.alerts.rules(name)} & {"availability", "slow"}
        if not promised:
            return Pulse(), Pulse()
        target, slo = LocalTarget(self.home), self.store.deployments.get(name).settings.get("slo") or {}
        slow = slo.get("p99_ms")
        return self._since(name, target.pulse(name, slow)), self._since(name, target.canary.pulse(name, slow))

    def _since(self, name: str, found: tuple[int, Sums] | None) -> Pulse:
        if found is None:
            return Pulse()
        run, now = found
        before = self._pulses.get((name, run))
        self._pulses[name, run] = (now.requests, now.failed, now.slow)
        if before is None or now.requests < before[0]:
            return Pulse()
        return Pulse(*(max(a - b, 0) for a, b in zip(now, before, strict=True)))

    def _stop_canary(self, name: str, version: int) -> bool:
        """The canary ends, unless it is none of that version any more."""
        from nb2prod.sdk.versions import end_canary

        try:
            end_canary(self.home, name, version)
        except NotFound:
            return False
        return True

    def _roll_back(self, name: str, version: int) -> int | None:
        """The version before takes over, unless that one takes no traffic any more."""
        from nb2prod.sdk.versions import LOCK_SECONDS, roll_back

        with self.home.lock(f"deploy-{name}", timeout=LOCK_SECONDS):
            row = self.store.deployments.find(name)
            if row is None or row.version != version:
                return None
            return roll_back(self.home, name)
