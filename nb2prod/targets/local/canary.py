"""A canary on this machine: one worker of the challenger beside the champion, to which the champion sends its share on.

What should be stands in the store; from there the champion's service.json is written at every change, so that a verb that
was cut off is completed by the next one.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from nb2prod.records.serving import CanaryStatus
from nb2prod.store.deployments import CANARY, RunRow
from nb2prod.store.panes import Panes
from nb2prod.targets.local import traffic
from nb2prod.targets.local.processes import CRASHED, Processes


class Share(NamedTuple):
    """Who had how much."""

    row: RunRow
    percent: float


class Canary:
    """The challenger of each deployment.

    Parameters
    ----------
    processes
        The home's.
    """

    def __init__(self, processes: Processes) -> None:
        self.processes = processes

    def begin(
        self, name: str, version: int, percent: float, *, model_uri: str | None = None, proof: str | None = None
    ) -> None:
        """Let the run that was started last, as this version, answer a share; one that did before ends."""
        store = self.processes.store
        row = store.candidate(name)
        assert row is not None
        with self.processes.changing():
            self.processes.run(row).tell(version=version, traffic=True)
            store.begin_canary(name, row.run, percent, version=version, model_uri=model_uri, proof=proof)
            self.processes.reconcile()

    def share(self, name: str, percent: float) -> None:
        """Give it another share, from the next request on; nothing is started again."""
        with self.processes.changing():
            self.processes.store.share(name, percent)
            self.processes.reconcile()

    def end(self, name: str) -> int | None:
        """The champion answers everything again; the version that had a share, or None where there was no canary."""
        with self.processes.changing():
            row = self.processes.store.end_canary(name)
            self.processes.reconcile()
        if row is None:
            return None
        run = self.processes.run(row)
        self.processes.supervisor.stop([run.program_name(1)])
        run.clear_sockets()
        return row.version

    def share_of(self, name: str) -> Share | None:
        """The run that has a share, and how much; None where there is no canary."""
        row = self.processes.store.canary(name)
        return None if row is None else Share(row, float(self.processes.store.get(name).settings.get(CANARY, 0.0)))

    def restore(self, name: str, share: Share | None) -> None:
        """Take back that a switch ended it."""
        if share is not None:
            self.processes.run(share.row).tell(traffic=True)
            self.processes.store.begin_canary(name, share.row.run, share.percent)
            self.processes.tell_share(name)

    def settle(self, name: str) -> None:
        """Complete what a verb that was cut off has left: the champion is told what the store says."""
        if self.processes.share_is_stale(name):
            with self.processes.changing():
                self.processes.tell_share(name)

    def pulse(self, name: str, slow_ms: float | None = None) -> tuple[int, traffic.Pulse] | None:
        """Its run, and what became of its share: all that it was asked, what it did not answer, what took it too long.

        None where there is no canary, or it has not said.
        """
        row, found = self.processes.store.canary(name), self.outcomes(name)
        if row is None or found is None:
            return None
        of = {outcome: found[1].get(outcome, 0) for outcome in ("answered", "refused", "failed", "slow", "unreachable")}
        own = traffic.pulse(self.processes.run(row).sockets()[:1], slow_ms)
        late = of["slow"] + (own.slow if own is not None else 0)
        return row.run, traffic.Pulse(sum(of.values()), sum(of.values()) - of["answered"], late)

    def outcomes(self, name: str) -> tuple[int, dict[str, int]] | None:
        """Version and outcomes of the share since the champion was started; None where there is no canary."""
        store = self.processes.store
        row, live = store.canary(name), store.live(name)
        if row is None or row.version is None or live is None:
            return None
        return row.version, traffic.shared(self.processes.run(live).sockets(), row.version)

    def status(self, name: str, panes: Panes) -> CanaryStatus | None:
        """How it is; None where there is no canary."""
        share, found = self.share_of(name), self.outcomes(name)
        if share is None or found is None:
            return None
        version, outcomes = found
        answered = outcomes.pop("answered", 0)
        return CanaryStatus(
            version=version,
            percent=share.percent,
            state=self._state(share.row),
            answered=answered,
            not_answered=sum(outcomes.values()),
            outcomes=outcomes,
            rows=sum(rows for one, _, rows in panes.versions(name) if one == version),
        )

    def _state(self, row: RunRow) -> Literal["ready", "starting", "dead"]:
        run = self.processes.run(row)
        if run.ready(1):
            return "ready"
        process = self.processes.supervisor.processes().get(run.program_name(1))
        return "dead" if process is None or process.state in CRASHED else "starting"
